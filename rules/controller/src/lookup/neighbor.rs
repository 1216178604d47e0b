//! Neighbours of router ports: who has an address, whether somebody is known with it, and how much it is used.

use std::net::IpAddr;

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{Flag, INPORT, NEIGHBOR_IPV4, OUTPORT};
use northflow_language::table::{MAC_BINDING, MAC_CACHE_USE, MAC_LOOKUP};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use super::{ARP, ICMP6, IP4, IP6, Offer, address, ethernet, packet};
use crate::inputs::Southbound;
use crate::physical::build::{Fields, row, set_flag};

/// An ARP packet that answers.
const REPLY: u8 = 2;

/// Where a neighbour is known from; what counts first has the highest priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Origin {
    /// It was told, and what is learned counts before it.
    Told,
    /// It was learned; its use is counted.
    Learned,
    /// It was told, and counts before what is learned.
    Override,
}

impl Origin {
    fn priority(self) -> u16 {
        match self {
            Origin::Told => 50,
            Origin::Learned => 100,
            Origin::Override => 150,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Neighbor {
    owner: Uuid,
    port: Text,
    ip: IpAddr,
    mac: Mac,
    origin: Origin,
}

/// Rows of neighbours (MAC_Binding, Static_MAC_Binding) at ports of datapaths.
///
/// Cost: a neighbour costs its two to four rows; a port those of its neighbours.
pub(super) fn offers(sb: &Southbound) -> Relation<Offer> {
    let neighbor = |owner: Uuid, port: &Text, ip: &Text, mac: &Text, origin| {
        Some(Neighbor { owner, port: port.clone(), ip: ip.parse().ok()?, mac: Mac::parse(mac)?, origin })
    };
    let learned = sb
        .mac_binding
        .flat_map(move |row| neighbor(row.uuid, &row.logical_port, &row.ip, &row.mac, Origin::Learned));
    let told = sb.static_mac_binding.flat_map(move |row| {
        let origin = if row.override_dynamic_mac { Origin::Override } else { Origin::Told };
        neighbor(row.uuid, &row.logical_port, &row.ip, &row.mac, origin)
    });
    let ports = crate::locality::keyed_ports(sb).index_by(|port| port.name.clone());
    learned
        .concat(&told)
        .index_by(|neighbor| neighbor.port.clone())
        .join_flat(&ports, |neighbor, port| rows(neighbor, port.datapath, port.datapath_key, port.key))
}

fn rows(neighbor: &Neighbor, datapath: Uuid, datapath_key: u32, key: u32) -> Vec<Offer> {
    let Neighbor { owner, ip, mac, origin, .. } = *neighbor;
    let base = || Fields::default().is(Field::METADATA, datapath_key);
    let from = || base().is(Field::ETH_SRC, ethernet(mac)).is(INPORT, key);
    let known = set_flag(Flag::LOOKUP_MAC);
    let (to_find, seen, used) = match ip {
        IpAddr::V4(_) => (
            base().is(NEIGHBOR_IPV4, address(ip)),
            from().is(Field::ETH_TYPE, ARP).is(NEIGHBOR_IPV4, address(ip)),
            from().is(Field::ETH_TYPE, IP4).is(Field::IP_SRC, address(ip)),
        ),
        IpAddr::V6(_) => (
            base().is(Field::XXREG1, address(ip)),
            from()
                .is(Field::ETH_TYPE, IP6)
                .is(Field::IP_PROTO, ICMP6)
                .is(packet::ICMPV6_CODE, 0u8)
                .is(Field::XXREG0, address(ip)),
            from().is(Field::ETH_TYPE, IP6).is(Field::IPV6_SRC, address(ip)),
        ),
    };
    let offer = |table, fields, actions: &[Action]| {
        let row = row(table, origin.priority(), fields, owner, actions);
        row.map(|row| Offer { datapath, owner, row })
    };
    let found = Action::set(Field::ETH_DST, ethernet(mac));
    let mut offers = vec![
        offer(MAC_BINDING, to_find.is(OUTPORT, key), &[found, known.clone()]),
        offer(MAC_LOOKUP, seen, &[known]),
    ];
    if origin == Origin::Learned {
        if ip.is_ipv4() {
            let answer = from().is(Field::ETH_TYPE, ARP).is(packet::ARP_OP, REPLY);
            offers.push(offer(MAC_CACHE_USE, answer.is(packet::ARP_SPA, address(ip)), &[]));
        }
        offers.push(offer(MAC_CACHE_USE, used, &[]));
    }
    offers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str, origin: Origin) -> Vec<String> {
        let neighbor = Neighbor {
            owner: Uuid(7 << 96),
            port: "r-s".into(),
            ip: ip.parse().expect("an address"),
            mac: Mac([0, 0, 0, 0, 0, 9]),
            origin,
        };
        rows(&neighbor, Uuid(1), 3, 2).iter().map(|offer| format!("{:?}", offer.row)).collect()
    }

    #[test]
    fn learned_ones_are_counted() {
        assert_eq!(of("10.0.0.9", Origin::Learned).len(), 4);
        assert_eq!(of("fe80::9", Origin::Learned).len(), 3);
        assert_eq!(of("10.0.0.9", Origin::Told).len(), 2);
    }

    #[test]
    fn what_is_told_may_count_first() {
        assert!(of("10.0.0.9", Origin::Told)[0].starts_with("table=66,priority=50,"));
        assert!(of("10.0.0.9", Origin::Override)[1].starts_with("table=67,priority=150,"));
    }
}
