//! Switches that are part of an EVPN network (L07-L09; ovn-nb(5), Logical_Switch
//! other_config:dynamic-routing-vni and the keys beside it): what chassis are told of them, and which
//! neighbours they advertise. What flows such switches have is said by the families of flows.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::port::PortKind;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Map, Table, key_uuid, nb, sb};
use crate::topology::datapath_uuid;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::Addresses;
use crate::value::ip::text6;

const VNI: &str = "dynamic-routing-vni";
const REDISTRIBUTE: &str = "dynamic-routing-redistribute";
/// How many bytes the name of a network device may have.
const DEVICE_NAME: usize = 16;

/// The devices of a chassis that lead to the network. The second key takes several names.
const DEVICES: [&str; 3] =
    ["dynamic-routing-bridge-ifname", "dynamic-routing-vxlan-ifname", "dynamic-routing-advertise-ifname"];

/// Whether the switch that `config` is of belongs to an EVPN network: it names one of 24 bits.
pub fn is_part(config: &Map) -> bool {
    config.get_number::<i64>(VNI).is_some_and(|vni| (0..1 << 24).contains(&vni))
}

/// Whether addresses learned by OVN go before those of the network.
pub fn prefers_local(config: &Map) -> bool {
    config.get_bool("dynamic-routing-fdb-prefer-local", false)
}

/// Whether the addresses of ports are advertised.
fn tells_addresses(config: &Map) -> bool {
    is_part(config) && config.text(REDISTRIBUTE).split(',').any(|word| word == "ip")
}

/// The first of the names in a device's key that is too long.
fn too_long<'a>(key: &str, names: &'a str) -> Option<&'a str> {
    let several = key == DEVICES[1];
    let mut names = names.split(|letter| several && letter == ',');
    names.find(|name| name.len() > DEVICE_NAME)
}

/// What chassis learn from Datapath_Binding.external_ids, added to `ids`. A network that is none is told
/// all the same.
pub fn describe(config: &Map, ids: &mut Map) {
    if !config.contains(VNI) {
        return;
    }
    let mut copy = |key: &'static str| {
        if let Some(value) = config.get(key) {
            ids.insert(key, value.clone());
        }
    };
    copy(VNI);
    DEVICES.into_iter().filter(|key| too_long(key, config.text(key)).is_none()).for_each(&mut copy);
    copy(REDISTRIBUTE);
    copy("dynamic-routing-arp-prefer-local");
}

/// Devices of the switch called `name` that are not named, or cannot be called so.
pub fn problems(config: &Map, name: &str) -> Vec<Problem> {
    let devices = DEVICES.into_iter().filter(|_| config.contains(VNI));
    let wrong = devices.filter_map(|key| match config.get(key) {
        None => Some(format!("Missing {key} for datapath {name}")),
        Some(names) => Some(format!("{key} {} is too long", too_long(key, names)?)),
    });
    wrong.map(Problem::new).collect()
}

/// A port with addresses that chassis advertise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Neighbor {
    switch: Uuid,
    binding: Uuid,
    mac: Text,
    ips: Vec<Text>,
}

impl Neighbor {
    /// Of a machine its first addresses count, of a router port all but the link-local one.
    fn read(port: &PortConfig) -> Option<Neighbor> {
        let addresses: &Addresses = match (&port.facing, port.kind) {
            (Some(facing), _) => &facing.addresses.given,
            (None, PortKind::Vif) => port.addresses.first()?,
            (None, _) => return None,
        };
        let ip6 = addresses.ips6().filter(|ip| !ip.is_unicast_link_local()).map(text6);
        let ips = addresses.ips4().map(|ip| ip.to_string()).chain(ip6).map(Text::from);
        let (switch, binding) = (port.switch, port.binding);
        Some(Neighbor { switch, binding, mac: addresses.mac.to_string().into(), ips: ips.collect() })
    }

    fn row(&self, ip: &Text) -> sb::AdvertisedMacBinding {
        let datapath = datapath_uuid(self.switch);
        let key = [&*datapath.to_string(), &*self.binding.to_string(), &**ip, &*self.mac];
        sb::AdvertisedMacBinding {
            uuid: key_uuid(sb::AdvertisedMacBinding::NAME, &key),
            datapath,
            logical_port: self.binding,
            ip: ip.clone(),
            mac: self.mac.clone(),
        }
    }
}

/// The neighbours that chassis advertise: the ports of switches that redistribute `ip`.
///
/// Cost: a port costs its addresses; a switch that begins to advertise or ceases to, its ports.
pub fn neighbors(
    switches: &Relation<nb::LogicalSwitch>,
    ports: &Relation<PortConfig>,
) -> Relation<sb::AdvertisedMacBinding> {
    let telling = switches.filter(|row| tells_addresses(&row.other_config)).map(|row| row.uuid);
    ports
        .index_by(PortConfig::switch)
        .semijoin(&telling.index_by(|switch| *switch))
        .flat_map(Neighbor::read)
        .flat_map(|port| port.ips.iter().map(|ip| port.row(ip)).collect::<Vec<_>>())
        .distinct()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&'static str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    #[test]
    fn networks_have_24_bits() {
        let is = |vni| is_part(&config(&[(VNI, vni)]));
        assert!(is("0") && is("16777215"));
        assert!(!is("16777216") && !is("-1") && !is("x"));
        assert!(!is_part(&Map::new()));
    }

    #[test]
    fn devices_with_long_names_are_not_told() {
        let config = config(&[
            (VNI, "x"),
            (DEVICES[0], "a-name-of-17-byte"),
            (DEVICES[1], "vxlan-10,vxlan6-10"),
            ("dynamic-routing-arp-prefer-local", "odd"),
            ("dynamic-routing-fdb-prefer-local", "true"),
        ]);
        let mut ids = Map::new();
        describe(&config, &mut ids);
        assert_eq!(ids.len(), 3);
        assert_eq!(ids.text(DEVICES[1]), "vxlan-10,vxlan6-10");
        let messages: Vec<String> =
            problems(&config, "s").into_iter().map(|problem| problem.message.to_string()).collect();
        assert_eq!(
            messages,
            [
                "dynamic-routing-bridge-ifname a-name-of-17-byte is too long",
                "Missing dynamic-routing-advertise-ifname for datapath s"
            ]
        );
    }

    #[test]
    fn addresses_are_told_where_the_word_is() {
        let tells = |vni, words| tells_addresses(&config(&[(VNI, vni), (REDISTRIBUTE, words)]));
        assert!(tells("1", "fdb,ip"));
        assert!(!tells("1", "fdb, ip") && !tells("-1", "ip"));
    }
}
