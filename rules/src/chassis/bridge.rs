//! The integration bridge, to which all logical ports of a chassis are plugged.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::settings::Settings;
use crate::ovsdb::Text;
use crate::schema::Map;

/// The datapath of a bridge that nothing is said about.
const DEFAULT_DATAPATH: &str = "system";
/// What a bridge does without a controller: nothing by itself.
pub const FAIL_MODE: &str = "secure";
/// How many OpenFlow tables of the bridge have settings: all that there are.
pub const TABLES: i64 = 255;
/// Fields of all tables whose prefixes are looked up in a trie, the most useful first.
pub const PREFIXES: [&str; 4] = ["ip_src", "ip_dst", "ipv6_src", "ipv6_dst"];

/// The integration bridge as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationBridge {
    /// Its name, and that of its port and interface of type `internal`.
    pub name: Text,
    /// Its `datapath_type`.
    pub datapath_type: Text,
    /// `other_config` of a bridge that is made anew.
    pub other_config: Map,
}

/// The integration bridge; `existing` is the `datapath_type` of the one that there is. What is set for
/// the chassis counts first, then what the bridge has.
pub fn integration_bridge(settings: &Settings<'_>, existing: Option<&str>) -> IntegrationBridge {
    let own = existing.filter(|type_| !type_.is_empty()).unwrap_or(DEFAULT_DATAPATH);
    let name = settings.bridge();
    let mut other_config = Map::new();
    other_config.insert("disable-in-band", Text::from("true"));
    // A bridge with an address keeps its datapath identifier, and with that its controllers, when the
    // first port is plugged.
    other_config.insert("hwaddr", Text::from(hardware_address(settings.chassis(), name)));
    IntegrationBridge {
        name: name.into(),
        datapath_type: settings.get("ovn-bridge-datapath-type").map_or(own, |type_| type_).into(),
        other_config,
    }
}

/// A locally administered unicast address, which follows from the names.
fn hardware_address(chassis: &str, bridge: &str) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(chassis.as_bytes());
    hasher.write(&[0]);
    hasher.write(bridge.as_bytes());
    let [a, b, c, d, e, f, ..] = hasher.finish().to_be_bytes();
    format!("{:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}", a & 0xfc | 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datapath_type_has_an_order() {
        let none = Map::new();
        let set: Map = [("ovn-bridge-datapath-type", Text::from("netdev"))].into_iter().collect();
        let type_ = |ids, existing| integration_bridge(&Settings::new(ids, "c1"), existing).datapath_type;
        assert_eq!(&*type_(&none, None), "system");
        assert_eq!(&*type_(&none, Some("")), "system");
        assert_eq!(&*type_(&none, Some("dummy")), "dummy");
        assert_eq!(&*type_(&set, Some("dummy")), "netdev");
    }

    #[test]
    fn the_address_is_one_that_may_be_made_up() {
        let ids = Map::new();
        let address = |chassis| {
            let bridge = integration_bridge(&Settings::new(&ids, chassis), None);
            bridge.other_config.text("hwaddr").to_owned()
        };
        assert_ne!(address("c1"), address("c2"));
        assert_eq!(address("c1"), address("c1"));
        let first = u8::from_str_radix(&address("c1")[..2], 16).unwrap();
        assert_eq!((first & 3, address("c1").len()), (2, 17));
    }
}
