//! The settings of a chassis: `external_ids` of its row of `Open_vSwitch`.

use crate::ovsdb::Text;
use crate::schema::Map;

/// The settings of one chassis. Machines that share a configuration may hold several chassis: a key
/// followed by a dash and the chassis' name is for it alone and overrides the key itself.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    ids: &'a Map,
    chassis: &'a str,
}

impl<'a> Settings<'a> {
    /// The settings in `ids` of the chassis called `chassis`.
    pub fn new(ids: &'a Map, chassis: &'a str) -> Settings<'a> {
        Settings { ids, chassis }
    }

    /// The name of the chassis.
    pub fn chassis(&self) -> &'a str {
        self.chassis
    }

    fn own(&self, key: &str) -> String {
        format!("{key}-{}", self.chassis)
    }

    /// The text under `key`.
    pub fn get(&self, key: &str) -> Option<&'a Text> {
        self.ids.get(&self.own(key)).or_else(|| self.ids.get(key))
    }

    /// The text under `key`, or `default`.
    pub fn text(&self, key: &str, default: &'a str) -> &'a str {
        self.get(key).map_or(default, |value| value)
    }

    /// The boolean under `key`. What is neither `true` nor `false` counts as absent.
    pub fn get_bool(&self, key: &str, default: bool) -> bool {
        self.ids.get_bool(&self.own(key), self.ids.get_bool(key, default))
    }

    /// The parts of the text under `key` between commas, sorted, each once; empty ones do not count.
    pub fn list(&self, key: &str) -> Vec<&'a str> {
        let mut parts: Vec<&str> = self.text(key, "").split(',').filter(|part| !part.is_empty()).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// The name of the integration bridge.
    pub fn bridge(&self) -> &'a str {
        self.text("ovn-bridge", "br-int")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_the_chassis_overrides() {
        let ids: Map = [
            ("ovn-bridge", "br-a"),
            ("ovn-bridge-c1", "br-b"),
            ("ovn-is-interconn", "true"),
            ("ovn-is-interconn-c1", "perhaps"),
            ("ovn-is-interconn-c2", "False"),
            ("ovn-encap-ip", "2.2.2.2,,1.1.1.1,2.2.2.2"),
        ]
        .into_iter()
        .map(|(key, value)| (key, Text::from(value)))
        .collect();
        let of = |chassis| Settings::new(&ids, chassis);
        assert_eq!((of("c1").bridge(), of("c2").bridge()), ("br-b", "br-a"));
        assert_eq!(Settings::new(&Map::new(), "c").bridge(), "br-int");
        assert!(of("c1").get_bool("ovn-is-interconn", false));
        assert!(!of("c2").get_bool("ovn-is-interconn", false));
        assert_eq!(of("c1").list("ovn-encap-ip"), ["1.1.1.1", "2.2.2.2"]);
    }
}
