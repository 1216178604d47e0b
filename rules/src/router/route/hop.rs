//! By which port a next hop is reached (I11, I20): the port that is asked for, or the one in whose
//! network the next hop is. Where networks of several ports have it, the port with the least name.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::text::ip6;
use crate::ovsdb::{Text, Uuid};
use crate::switch::port::Port;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::tunnel_key::Assigned;
use crate::value::addresses::RouterAddresses;
use crate::value::mac::Mac;

/// A next hop that somebody wants to reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Query {
    /// From which router.
    pub router: Uuid,
    /// By which port, if that is asked for.
    pub port: Option<Text>,
    /// The next hop as written; empty where packets go to their destination directly.
    pub next_hop: Text,
    /// Of which family the port's own address has to be, if no network has the next hop.
    pub ip4: bool,
    /// The port that is asked for is taken even if it has no address of the family.
    pub forced: bool,
}

/// How a next hop is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Out {
    /// The port.
    pub port: Port,
    /// Its router.
    pub router: Uuid,
    /// Its MAC address.
    pub mac: Mac,
    /// Its own address towards the next hop.
    pub source: Text,
    /// Its tunnel key.
    pub key: u32,
}

/// A next hop with how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// The next hop.
    pub query: Query,
    /// How it is reached.
    pub out: Out,
}

/// A port by which packets may leave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Exit {
    /// The port.
    pub port: Port,
    /// Its router.
    pub router: Uuid,
    /// Its addresses.
    pub addresses: RouterAddresses,
    /// Its tunnel key.
    pub key: u32,
}

impl Exit {
    fn out(&self, source: Text) -> Out {
        Out {
            port: self.port.clone(),
            router: self.router,
            mac: self.addresses.given.mac,
            source,
            key: self.key,
        }
    }

    /// Its networks in order, with its address in each.
    fn networks(&self) -> Vec<(Prefix, Text)> {
        let ip4 = self.addresses.given.ip4.iter().map(|net| {
            (Prefix::of(IpAddr::V4(net.address), net.length), Text::from(net.address.to_string()))
        });
        let ip6 = self
            .addresses
            .ip6()
            .map(|net| (Prefix::of(IpAddr::V6(net.address), net.length), Text::from(ip6(net.address))));
        ip4.chain(ip6).collect()
    }

    /// How `query` is reached by this port, which was asked for: from the network that has it, or else
    /// from the first address of the family.
    fn reach(&self, query: &Query) -> Option<Out> {
        let networks = self.networks();
        let hop = address(&query.next_hop);
        let within =
            networks.iter().find(|(net, _)| hop.is_some_and(|hop| Prefix::of(hop, net.length) == *net));
        let first = || networks.iter().find(|(net, _)| net.ip4 == query.ip4);
        // ovn-northd prints the address that there is not.
        let none = || query.forced.then(|| "(null)".into());
        within.or_else(first).map(|(_, source)| source.clone()).or_else(none).map(|source| self.out(source))
    }
}

/// A network, in a form that can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Prefix {
    ip4: bool,
    length: u8,
    bits: u128,
}

impl Prefix {
    fn of(address: IpAddr, length: u8) -> Prefix {
        let (ip4, width, bits) = match address {
            IpAddr::V4(address) => (true, 32, u128::from(address.to_bits())),
            IpAddr::V6(address) => (false, 128, address.to_bits()),
        };
        let host = width - u32::from(length.min(width as u8));
        let bits = bits.checked_shr(host).unwrap_or(0).checked_shl(host).unwrap_or(0);
        Prefix { ip4, length, bits }
    }
}

/// A next hop as an address; what has a dot has to be of IPv4.
fn address(next_hop: &str) -> Option<IpAddr> {
    if next_hop.contains('.') {
        return next_hop.parse().ok().map(IpAddr::V4);
    }
    next_hop.parse().ok().map(IpAddr::V6)
}

/// The ports by which packets may leave.
///
/// Cost: a port costs itself.
pub fn exits(ports: &Relation<RouterPortConfig>, keys: &Relation<Assigned>) -> Relation<Exit> {
    let ports = ports.map(|port| (port.port.clone(), port.router.row, port.addresses.clone()));
    ports.index_by(|(port, ..): &(Port, Uuid, RouterAddresses)| port.row).join(
        &keys.index_by(Assigned::owner),
        |(port, router, addresses), assigned| Exit {
            port: port.clone(),
            router: *router,
            addresses: addresses.clone(),
            key: assigned.key,
        },
    )
}

/// The next hops of `queries` that are reached.
///
/// Cost: a next hop costs a lookup for each length of prefix that its router's networks have; a port,
/// the next hops in its networks.
pub fn hops(queries: &Relation<Query>, exits: &Relation<Exit>) -> Relation<Hop> {
    let queries = queries.distinct();
    let asked = queries
        .filter(|query| query.port.is_some())
        .index_by(|query| query.port.clone())
        .join_flat(&exits.index_by(|exit| Some(exit.port.name.clone())), |query, exit| {
            exit.reach(query).map(|out| Hop { query: query.clone(), out })
        });

    let networks = exits.flat_map(|exit| {
        let network = |(order, (net, source))| (exit.router, net, order, exit.out(source));
        exit.networks().into_iter().enumerate().map(network).collect::<Vec<(Uuid, Prefix, usize, Out)>>()
    });
    let lengths = networks.map(|(router, net, ..)| (*router, net.ip4, net.length)).distinct();
    let found = queries
        .flat_map(|query| match query.port {
            Some(_) => None,
            None => Some((query.clone(), address(&query.next_hop)?)),
        })
        .index_by(|(query, address)| (query.router, address.is_ipv4()))
        .join(&lengths.index_by(|(router, ip4, _)| (*router, *ip4)), |(query, address), (.., length)| {
            (query.clone(), Prefix::of(*address, *length))
        })
        .index_by(|(query, net): &(Query, Prefix)| (query.router, *net))
        .join(&networks.index_by(|(router, net, ..)| (*router, *net)), |(query, _), (_, _, order, out)| {
            (query.clone(), *order, out.clone())
        });
    let chosen = found.index_by(|(query, ..): &(Query, usize, Out)| query.clone()).reduce(|group| {
        let best = group.rows().min_by_key(|(_, order, out)| (out.port.name.clone(), *order));
        best.map(|(query, _, out)| Hop { query: query.clone(), out: out.clone() })
    });
    asked.concat(&chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit() -> Exit {
        let addresses = RouterAddresses::read("0a:00:00:00:01:01", ["10.0.1.1/24", "fd01::1/64"])
            .0
            .unwrap_or_else(|| unreachable!());
        let port = Port { row: Uuid::ZERO, name: "r".into() };
        Exit { port, router: Uuid::ZERO, addresses, key: 1 }
    }

    fn source(next_hop: &str, ip4: bool) -> Option<String> {
        let query = Query {
            router: Uuid::ZERO,
            port: Some("r".into()),
            next_hop: next_hop.into(),
            ip4,
            forced: false,
        };
        exit().reach(&query).map(|out| out.source.to_string())
    }

    #[test]
    fn the_port_speaks_from_the_network_of_the_next_hop() {
        assert_eq!(source("10.0.1.7", true).as_deref(), Some("10.0.1.1"));
        assert_eq!(source("192.0.2.1", true).as_deref(), Some("10.0.1.1"));
        assert_eq!(source("fd01::7", false).as_deref(), Some("fd01::1"));
        assert_eq!(source("fe80::7", false).as_deref(), Some("fe80::800:ff:fe00:101"));
        assert_eq!(source("2001:db8::7", false).as_deref(), Some("fd01::1"));
    }

    #[test]
    fn prefixes_cut_off_hosts() {
        let of = |text: &str, length| Prefix::of(text.parse().unwrap_or(IpAddr::V4([0; 4].into())), length);
        assert_eq!(of("10.0.1.7", 24), of("10.0.1.9", 24));
        assert_ne!(of("10.0.1.7", 32), of("10.0.1.9", 32));
        assert_eq!(of("fd01::1", 0), of("::", 0));
        assert_eq!(of("255.1.1.1", 0), of("10.0.1.9", 0));
    }
}
