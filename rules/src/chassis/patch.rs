//! Patch ports between the integration bridge and those of physical networks.

use super::settings::Settings;
use crate::ovsdb::Text;
use crate::schema::Map;

/// Keys of `Port.external_ids` by which patch ports are known, older programs' among them.
pub const KEYS: [&str; 4] =
    ["ovn-localnet-port", "ovn-l2gateway-port", "ovn-l3gateway-port", "ovn-logical-patch-port"];

/// A patch port: one port with one interface of its name and of type `patch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchPort {
    /// The bridge that it is on.
    pub bridge: Text,
    /// Its name.
    pub name: String,
    /// The name of the port at the other end.
    pub peer: String,
    /// `external_ids` of the port: the logical port under one of [`KEYS`].
    pub external_ids: Map,
}

/// Which bridge is for which physical network: `NETWORK:BRIDGE` with commas between. What follows a
/// part that is neither is left out, and the whole text is an error besides.
pub fn bridge_mappings<'a>(settings: &Settings<'a>) -> (Vec<(&'a str, &'a str)>, Option<String>) {
    let text = settings.text("ovn-bridge-mappings", "");
    let mut mappings = Vec::new();
    for part in text.split(',') {
        if part.is_empty() {
            break;
        }
        match part.split_once(':') {
            Some((network, bridge)) if !network.is_empty() && !bridge.is_empty() => {
                // Of two bridges for a network the last counts.
                mappings.retain(|(known, _)| *known != network);
                mappings.push((network, bridge));
            }
            _ => return (mappings, Some(format!("Invalid ovn-bridge-mappings configuration: '{text}'"))),
        }
    }
    (mappings, None)
}

/// The two patch ports that connect `integration` with `bridge` for a logical port of type `localnet`
/// or `l2gateway`.
pub fn patch_ports(integration: &str, bridge: &str, type_: &str, logical_port: &str) -> [PatchPort; 2] {
    let key = format!("ovn-{type_}-port");
    let name = |from: &str, to: &str| format!("patch-{from}-to-{to}");
    let (inner, outer) = (name(integration, logical_port), name(logical_port, integration));
    let external_ids: Map = [(key, Text::from(logical_port))].into_iter().collect();
    let port = |bridge: &str, name: &str, peer: &str| PatchPort {
        bridge: bridge.into(),
        name: name.to_owned(),
        peer: peer.to_owned(),
        external_ids: external_ids.clone(),
    };
    [port(integration, &inner, &outer), port(bridge, &outer, &inner)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mappings(text: &str) -> (Vec<(String, String)>, Option<String>) {
        let ids: Map = [("ovn-bridge-mappings", Text::from(text))].into_iter().collect();
        let (mappings, error) = bridge_mappings(&Settings::new(&ids, "c1"));
        (mappings.into_iter().map(|(network, bridge)| (network.into(), bridge.into())).collect(), error)
    }

    #[test]
    fn mappings_are_read_up_to_the_first_bad_one() {
        let pair = |network: &str, bridge: &str| (network.to_owned(), bridge.to_owned());
        assert_eq!(mappings(""), (vec![], None));
        assert_eq!(mappings("a:br-a,b:br-b"), (vec![pair("a", "br-a"), pair("b", "br-b")], None));
        assert_eq!(mappings("a:br-a,a:br-b"), (vec![pair("a", "br-b")], None));
        let (found, error) = mappings("a:br-a,b,c:br-c");
        assert_eq!(found, [pair("a", "br-a")]);
        assert_eq!(error.unwrap(), "Invalid ovn-bridge-mappings configuration: 'a:br-a,b,c:br-c'");
        assert!(mappings(":x").1.is_some() && mappings("x:").1.is_some());
    }

    #[test]
    fn ports_of_a_pair_name_each_other() {
        let [inner, outer] = patch_ports("br-int", "br-ex", "localnet", "ln");
        assert_eq!((&*inner.bridge, &*outer.bridge), ("br-int", "br-ex"));
        assert_eq!((inner.name.as_str(), inner.peer.as_str()), ("patch-br-int-to-ln", "patch-ln-to-br-int"));
        assert_eq!((&inner.name, &inner.peer), (&outer.peer, &outer.name));
        assert_eq!(outer.external_ids.text(KEYS[0]), "ln");
        assert_eq!(patch_ports("br-int", "br-ex", "l2gateway", "g")[0].external_ids.text(KEYS[1]), "g");
    }
}
