//! Tunnels from a chassis to others: ports of its integration bridge.

use super::registration::{Registration, TUNNEL_TYPES};
use super::settings::Settings;
use crate::ovsdb::Text;
use crate::schema::Map;

/// The key of `Port.external_ids` that says which tunnel a port is.
pub const TUNNEL_ID: &str = "ovn-chassis-id";
/// The identifier of tunnels whose addresses flows say.
pub const FLOW: &str = "flow";
/// The key of `Port.external_ids` under which such tunnels have their type.
pub const FLOW_TYPE: &str = "ovn-tunnel-type";

/// How tunnels are encrypted, from the row of `SB_Global`; there is none of it unless `ipsec` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipsec {
    /// Whether packets are put into UDP, as one program names it.
    pub encapsulation: bool,
    /// The same as the other names it.
    pub force_encapsulation: bool,
}

/// Another chassis, from its rows of `Chassis` and `Encap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: Text,
    /// Its zones.
    pub transport_zones: Vec<Text>,
    /// Whether it is a gateway of another network of chassis.
    pub is_remote: bool,
    /// Its end points: type, address and options.
    pub encaps: Vec<(Text, Text, Map)>,
}

/// A tunnel: one port with one interface of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Which it is, under [`TUNNEL_ID`]. Other than its name it says all there is to know.
    pub id: String,
    /// The type of the interface.
    pub type_: Text,
    /// The options of the interface.
    pub options: Map,
}

/// The identifier of a tunnel.
fn id(chassis: &str, remote_ip: &str, local_ip: &str) -> String {
    format!("{chassis}@{remote_ip}%{local_ip}")
}

/// The chassis, the remote and the local address in a tunnel's identifier. Identifiers that older
/// programs left have no local address.
pub fn parse_id(id: &str) -> Option<(&str, &str, Option<&str>)> {
    let (chassis, addresses) = id.split_once('@')?;
    let (remote, local) = match addresses.split_once('%') {
        Some((remote, local)) => (remote, Some(local)),
        None => (addresses, None),
    };
    (!chassis.is_empty() && !remote.is_empty()).then_some((chassis, remote, local))
}

/// The tunnels to `peer`: between all end points of the best type that both have. None if they have no
/// zone or no type in common, or if the peer is of another network and this chassis no gateway to it.
pub fn tunnels(
    own: &Registration,
    settings: &Settings<'_>,
    ipsec: Option<Ipsec>,
    peer: &Peer,
) -> Vec<Tunnel> {
    let interconnects = settings.get_bool("ovn-is-interconn", false);
    if own.name == peer.name || !share_zone(own, peer) || (peer.is_remote && !interconnects) {
        return Vec::new();
    }
    let both = |type_: &&str| {
        own.encaps.iter().any(|encap| *encap.type_ == **type_)
            && peer.encaps.iter().any(|(other, _, _)| **other == **type_)
    };
    let Some(type_) = TUNNEL_TYPES.into_iter().find(both) else { return Vec::new() };
    let mut tunnels = Vec::new();
    for (_, remote, remote_options) in peer.encaps.iter().filter(|(other, _, _)| **other == *type_) {
        for local in own.encaps.iter().filter(|encap| *encap.type_ == *type_) {
            let mut options = Map::new();
            options.insert("remote_ip", remote.clone());
            options.insert("local_ip", local.ip.clone());
            options.insert("key", Text::from("flow"));
            let checksum = remote_options.get("csum").filter(|value| ["true", "false"].contains(&&***value));
            for (key, value) in [("csum", checksum), ("dst_port", remote_options.get("dst_port"))] {
                if let Some(value) = value {
                    options.insert(key, value.clone());
                }
            }
            add_settings(settings, &mut options);
            if let Some(ipsec) = ipsec {
                options.insert("remote_name", peer.name.clone());
                for (key, wanted) in [
                    ("ipsec_encapsulation", ipsec.encapsulation),
                    ("ipsec_forceencaps", ipsec.force_encapsulation),
                ] {
                    if wanted {
                        options.insert(key, Text::from("yes"));
                    }
                }
            }
            tunnels.push(Tunnel { id: id(&peer.name, remote, &local.ip), type_: type_.into(), options });
        }
    }
    tunnels
}

/// Whether two chassis are in one zone; those without any are in one together.
fn share_zone(own: &Registration, peer: &Peer) -> bool {
    let (ours, theirs) = (&own.transport_zones, &peer.transport_zones);
    (ours.is_empty() && theirs.is_empty()) || theirs.iter().any(|zone| ours.contains(zone))
}

/// What the settings say of every tunnel.
fn add_settings(settings: &Settings<'_>, options: &mut Map) {
    if let Some(tos) = settings.get("ovn-encap-tos").filter(|tos| &***tos != "none") {
        options.insert("tos", tos.clone());
    }
    if let Some(default) = settings.get("ovn-encap-df_default") {
        options.insert("df_default", default.clone());
    }
}

/// Whether there is one tunnel port for each type, with addresses set by flows, rather than one for
/// each pair of end points.
pub fn are_flow_based(settings: &Settings<'_>) -> bool {
    settings.get_bool("ovn-enable-flow-based-tunnels", false)
}

/// The tunnel port of each type, under its name; its identifier is `flow`. `index` is the chassis' mark
/// in names of ports, see [`port_name`].
pub fn flow_based_tunnels(own: &Registration, settings: &Settings<'_>, index: &str) -> Vec<(String, Tunnel)> {
    let used = |type_: &&str| own.encaps.iter().any(|encap| *encap.type_ == **type_);
    let tunnel = |type_: &str| {
        let keys = ["remote_ip", "local_ip", "key"];
        let mut options: Map = keys.into_iter().map(|key| (key, Text::from("flow"))).collect();
        add_settings(settings, &mut options);
        (format!("ovn{index}-{type_}"), Tunnel { id: FLOW.into(), type_: type_.into(), options })
    };
    TUNNEL_TYPES.into_iter().filter(used).map(tunnel).collect()
}

/// The first free name for a tunnel port to `chassis`. `index` is `ovn-chassis-idx-` and the own name in
/// `Open_vSwitch.other_config`, which keeps apart the ports of several chassis on one switch.
pub fn port_name(chassis: &str, index: &str, is_taken: impl Fn(&str) -> bool) -> Option<String> {
    let length = if index.is_empty() { 6 } else { 5 };
    let mark: String = chassis.chars().take(length).collect();
    (0..u16::MAX).map(|number| format!("ovn{index}-{mark}-{number:x}")).find(|name| !is_taken(name))
}

#[cfg(test)]
mod tests {
    use super::super::registration::{Machine, registration};
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    fn peer(name: &str, encaps: &[(&str, &str)]) -> Peer {
        let encap =
            |(type_, ip): &(&str, &str)| (Text::from(*type_), Text::from(*ip), map(&[("csum", "true")]));
        Peer { name: name.into(), encaps: encaps.iter().map(encap).collect(), ..Peer::default() }
    }

    fn told(ids: &[(&str, &str)], ipsec: Option<Ipsec>, peer: &Peer) -> Vec<String> {
        let ids = map(ids);
        let settings = Settings::new(&ids, "c1");
        let (own, _) = registration(&settings, &Machine::default()).unwrap();
        let tell = |tunnel: Tunnel| {
            let options: Vec<String> =
                tunnel.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{} {} {}", tunnel.id, tunnel.type_, options.join(" "))
        };
        tunnels(&own, &settings, ipsec, peer).into_iter().map(tell).collect()
    }

    const ENCAP: [(&str, &str); 2] = [("ovn-encap-type", "geneve,vxlan"), ("ovn-encap-ip", "1.1.1.1")];

    #[test]
    fn the_best_common_type_counts() {
        let both = peer("c2", &[("vxlan", "2.2.2.2"), ("geneve", "2.2.2.2")]);
        assert_eq!(
            told(&ENCAP, None, &both),
            ["c2@2.2.2.2%1.1.1.1 geneve csum=true key=flow local_ip=1.1.1.1 remote_ip=2.2.2.2"]
        );
        let gateway = peer("c3", &[("vxlan", "3.3.3.3"), ("vxlan", "4.4.4.4")]);
        assert_eq!(
            told(&ENCAP, None, &gateway),
            [
                "c3@3.3.3.3%1.1.1.1 vxlan csum=true key=flow local_ip=1.1.1.1 remote_ip=3.3.3.3",
                "c3@4.4.4.4%1.1.1.1 vxlan csum=true key=flow local_ip=1.1.1.1 remote_ip=4.4.4.4"
            ]
        );
        assert_eq!(told(&ENCAP, None, &peer("c4", &[("stt", "3.3.3.3")])).len(), 0);
        assert_eq!(told(&ENCAP, None, &peer("c1", &[("geneve", "1.1.1.1")])).len(), 0);
    }

    #[test]
    fn zones_and_networks_keep_chassis_apart() {
        let mut other = peer("c2", &[("geneve", "2.2.2.2")]);
        let zones = |ours| [ENCAP[0], ENCAP[1], ("ovn-transport-zones", ours)];
        assert_eq!(told(&zones("a,b"), None, &other).len(), 0);
        other.transport_zones = vec!["b".into()];
        assert_eq!(told(&ENCAP, None, &other).len(), 0);
        assert_eq!(told(&zones("a,b"), None, &other).len(), 1);
        other.is_remote = true;
        assert_eq!(told(&zones("a,b"), None, &other).len(), 0);
        let gateway = [ENCAP[0], ENCAP[1], ("ovn-transport-zones", "b"), ("ovn-is-interconn", "true")];
        assert_eq!(told(&gateway, None, &other).len(), 1);
    }

    #[test]
    fn options_come_from_both_ends() {
        let mut other = peer("c2", &[]);
        other.encaps.push((
            "geneve".into(),
            "2.2.2.2".into(),
            map(&[("csum", "maybe"), ("dst_port", "6082")]),
        ));
        let ids = [ENCAP[0], ENCAP[1], ("ovn-encap-tos", "inherit"), ("ovn-encap-df_default-c1", "false")];
        let ipsec = Ipsec { encapsulation: true, force_encapsulation: false };
        assert_eq!(
            told(&ids, Some(ipsec), &other),
            ["c2@2.2.2.2%1.1.1.1 geneve df_default=false dst_port=6082 ipsec_encapsulation=yes key=flow \
              local_ip=1.1.1.1 remote_ip=2.2.2.2 remote_name=c2 tos=inherit"]
        );
    }

    #[test]
    fn flow_based_tunnels_are_one_for_each_type() {
        let ids = map(&ENCAP);
        let settings = Settings::new(&ids, "c1");
        let (own, _) = registration(&settings, &Machine::default()).unwrap();
        assert!(!are_flow_based(&settings));
        let tunnels = flow_based_tunnels(&own, &settings, "");
        let names: Vec<&str> = tunnels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ovn-geneve", "ovn-vxlan"]);
        assert_eq!(tunnels[0].1.options.text("remote_ip"), "flow");
    }

    #[test]
    fn names_are_short_and_free() {
        assert_eq!(port_name("chassis-1", "", |_| false).unwrap(), "ovn-chassi-0");
        assert_eq!(port_name("chassis-1", "7", |name| name.ends_with("-0")).unwrap(), "ovn7-chass-1");
        assert_eq!(port_name("c", "", |_| true), None);
    }

    #[test]
    fn identifiers_are_read_back() {
        assert_eq!(parse_id(&id("c2", "::2", "::1")), Some(("c2", "::2", Some("::1"))));
        assert_eq!(parse_id("c2@1.1.1.1"), Some(("c2", "1.1.1.1", None)));
        assert_eq!((parse_id("flow"), parse_id("@1.1.1.1")), (None, None));
    }
}
