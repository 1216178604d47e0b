//! What a router advertises: Logical_Router and Logical_Router_Port options:dynamic-routing-redistribute
//! (ovn-nb(5)).

use serde::{Deserialize, Serialize};

use crate::schema::Map;

const OPTION: &str = "dynamic-routing-redistribute";

/// The kinds of route that are advertised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mode {
    /// `connected`: networks of ports. `connected-as-host` implies it.
    pub connected: bool,
    /// `connected-as-host`: the addresses in them instead.
    pub hosts: bool,
    /// `static`: routes that are configured.
    pub routes: bool,
    /// `nat`: outside addresses of translations.
    pub nat: bool,
    /// `lb`: VIPs.
    pub lb: bool,
}

impl Mode {
    /// What `options` say, if anything, and the words that mean nothing.
    pub fn read(options: &Map) -> (Option<Mode>, Vec<&str>) {
        let Some(text) = options.get(OPTION) else { return (None, Vec::new()) };
        let mut mode = Mode::default();
        let mut unknown = Vec::new();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            match word {
                "connected" => mode.connected = true,
                "connected-as-host" => (mode.connected, mode.hosts) = (true, true),
                "static" => mode.routes = true,
                "nat" => mode.nat = true,
                "lb" => mode.lb = true,
                word => unknown.push(word),
            }
        }
        (Some(mode), unknown)
    }

    /// Whether anything is advertised.
    pub fn any(self) -> bool {
        self != Mode::default()
    }
}

/// What ovn-northd says of the words in the options of `name` that mean nothing.
pub fn complaints(options: &Map, name: &str) -> Vec<String> {
    let (_, unknown) = Mode::read(options);
    let complaint = |word| format!("unknown {OPTION} option '{word}' on {name}");
    unknown.into_iter().map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kinds_of_route() {
        let read = |text: &str| Mode::read(&Map::from_iter([(OPTION, text.into())])).0;
        let host = Mode { connected: true, hosts: true, ..Mode::default() };
        assert_eq!(read("connected-as-host"), Some(host));
        assert_eq!(read(",nat,,lb"), Some(Mode { nat: true, lb: true, ..Mode::default() }));
        assert_eq!(read(""), Some(Mode::default()));
        assert_eq!(Mode::read(&Map::default()).0, None);
    }

    #[test]
    fn other_words_are_told() {
        let options = Map::from_iter([(OPTION, "static, nat,bgp".into())]);
        assert_eq!(
            complaints(&options, "r"),
            [
                "unknown dynamic-routing-redistribute option ' nat' on r",
                "unknown dynamic-routing-redistribute option 'bgp' on r"
            ]
        );
    }
}
