//! Outside addresses as the neighbours of a router hear of them: announced by chassis (B22), and with routes
//! to them (J17). What a NAT row asks for counts here even where the translation does not. IPv4 alone.

use std::net::Ipv4Addr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::entry::Kind;
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Link, nb};
use crate::topology::router::{Gateways, Router};
use crate::value::ip::Ip4Net;
use crate::value::mac::Mac;

/// By which ports of its router an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum By {
    /// By any.
    Any,
    /// By those that have it in their networks.
    Network,
    /// By this one.
    Port(Uuid),
}

impl By {
    /// Whether `address` is reached by the Logical_Router_Port `port` with these networks.
    pub fn reaches(self, address: Ipv4Addr, port: Uuid, nets: &[Ip4Net]) -> bool {
        match self {
            By::Any => true,
            By::Network => nets.iter().any(|net| net.contains(address)),
            By::Port(wanted) => port == wanted,
        }
    }
}

/// Where a distributed translation happens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The MAC address outside.
    pub mac: Mac,
    /// The switch port that has the inside address.
    pub logical_port: Text,
}

/// An outside address of a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Outside {
    /// The router.
    pub router: Uuid,
    /// The NAT row.
    pub row: Uuid,
    /// The address as the CMS spells it.
    pub text: Text,
    /// The address.
    pub address: Ipv4Addr,
    /// Where it is, if not at the gateway or wherever the router is.
    pub place: Option<Place>,
    /// By which ports of the router it is reached.
    pub by: By,
    /// Neighbours are to get a route to it.
    pub routed: bool,
}

/// What a NAT row says of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Asked {
    row: Uuid,
    text: Text,
    address: Ipv4Addr,
    gateway_port: Option<Uuid>,
    /// It is distributed where there are gateway ports; without a place, if its MAC address is none.
    distributed: bool,
    place: Option<Place>,
    routed: bool,
}

impl Asked {
    fn read(row: &nb::Nat) -> Option<Asked> {
        let kind = Kind::read(&row.type_);
        let net = Ip4Net::parse(&row.external_ip).ok().filter(|net| net.length == 32)?;
        let wanted = row.logical_port.clone().zip(row.external_mac.as_ref());
        let wanted = wanted.filter(|_| kind == Kind::DnatAndSnat);
        Some(Asked {
            row: row.uuid,
            text: row.external_ip.clone(),
            address: net.address,
            gateway_port: row.gateway_port,
            distributed: wanted.is_some(),
            place: wanted.and_then(|(logical_port, mac)| Some(Place { mac: Mac::parse(mac)?, logical_port })),
            routed: kind.dnat() && row.options.get_bool("add_route", false),
        })
    }

    fn on(&self, router: Uuid, gateways: &Gateways) -> Option<Outside> {
        let distributed = self.distributed && gateways.any();
        if distributed && self.place.is_none() {
            return None;
        }
        let by = match (gateways, self.gateway_port) {
            (Gateways::Several, Some(port)) => By::Port(port),
            (Gateways::Several, None) => By::Network,
            _ => By::Any,
        };
        Some(Outside {
            router,
            row: self.row,
            text: self.text.clone(),
            address: self.address,
            place: self.place.clone().filter(|_| distributed),
            by,
            routed: self.routed,
        })
    }
}

/// The outside addresses of all routers.
///
/// Cost: a translation costs itself; a router's first or second gateway port, those of the router.
pub fn outsides(nb: &Northbound, routers: &Relation<Router>) -> Relation<Outside> {
    let asked = nb.nat.flat_map(Asked::read).index_by(|asked| asked.row);
    let gateways = routers.map(|router| (router.row, router.gateways.clone()));
    nb.router_nat
        .index_by(Link::member)
        .join(&asked, |link, asked| (link.owner, asked.clone()))
        .index_by(|(router, _): &(Uuid, Asked)| *router)
        .join_flat(&gateways.index_by(|(router, _)| *router), |(router, asked), (_, gateways)| {
            asked.on(*router, gateways)
        })
}

/// Where the distributed translations of each router happen, whether they count or not: switches send there
/// what is for their MAC addresses. Each once.
///
/// Cost: a translation costs itself.
pub fn places(nb: &Northbound) -> Relation<(Uuid, Place)> {
    let places = nb.nat.flat_map(|row| {
        let (logical_port, mac) = (row.logical_port.clone()?, Mac::parse(row.external_mac.as_ref()?)?);
        (Kind::read(&row.type_) == Kind::DnatAndSnat).then_some((row.uuid, Place { mac, logical_port }))
    });
    nb.router_nat
        .index_by(Link::member)
        .join(&places.index_by(|(row, _)| *row), |link, (_, place)| (link.owner, place.clone()))
        .distinct()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::nat::entry::tests::row;

    #[test]
    fn only_an_ipv4_address_is_heard_of() {
        let read = |external| Asked::read(&row("snat", external, "10.0.0.0/24")).map(|asked| asked.address);
        assert_eq!(read("172.16.0.1"), Some(Ipv4Addr::new(172, 16, 0, 1)));
        assert_eq!(read("172.16.0.1/24"), None);
        assert_eq!(read("fd00::1"), None);
    }

    #[test]
    fn a_place_counts_where_there_is_a_gateway_port() {
        let mut nat = row("dnat_and_snat", "172.16.0.1", "10.0.0.1");
        (nat.logical_port, nat.external_mac) = (Some("vm".into()), Some("0a:00:00:00:00:01".into()));
        let on = |nat: &_, gateways| Asked::read(nat).unwrap().on(Uuid(1), &gateways);
        assert!(on(&nat, Gateways::None).unwrap().place.is_none());
        assert!(on(&nat, Gateways::Several).unwrap().place.is_some());
        assert_eq!(on(&nat, Gateways::Several).unwrap().by, By::Network);
        nat.external_mac = Some("odd".into());
        assert_eq!(on(&nat, Gateways::Several), None);
    }
}
