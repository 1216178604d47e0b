//! Addresses that other routers get routes to (J17, H19; ovn-nb(5), NAT and Load_Balancer
//! options:add_route).
//!
//! Routers on one switch find the outside addresses of each other's translations and services without a
//! configured route, if these ask for it: a router that is a gateway router, or has a gateway port there,
//! makes its own known, and others of that kind know the MAC address. IPv4 alone has this.

use std::net::{IpAddr, Ipv4Addr};

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::bfd::Session;
use super::nat::outside::{By, Outside};
use super::port::PortContext;
use super::route::connected;
use crate::flow::register::NEXT_HOP_IP4;
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::switch::port::Port;
use crate::topology::peer::{Peer, Peers};
use crate::value::ip::Ip4Net;
use crate::value::mac::Mac;

/// An address of a router, beside those of its ports, that its neighbours get routes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Routable {
    /// The router.
    pub router: Uuid,
    /// Where it stands among those of the router: first the translations by their identifiers, then the
    /// services by their addresses.
    pub order: Order,
    /// The address. There are no routes to one of IPv6.
    pub address: IpAddr,
    /// The MAC address that goes with it, if it is not that of the port.
    pub mac: Option<Mac>,
    /// By which ports of the router it is reached.
    pub by: By,
}

/// See [`Routable::order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Order {
    /// A translation.
    Translation(Uuid),
    /// A service.
    Service,
}

/// The outside addresses of translations that ask for routes.
///
/// Cost: a translation costs itself.
pub fn translations(outsides: &Relation<Outside>) -> Relation<Routable> {
    outsides.filter(|outside| outside.routed).map(|outside| Routable {
        router: outside.router,
        order: Order::Translation(outside.row),
        address: outside.address.into(),
        mac: outside.place.as_ref().map(|place| place.mac),
        by: outside.by,
    })
}

/// A router port that leads to a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Side {
    switch: Uuid,
    router: Uuid,
    port: Port,
    mac: Mac,
    nets: Vec<Ip4Net>,
    /// What stands for it where it sends from: its first IPv4 address, or the last that is link-local.
    source: IpAddr,
    /// It is a gateway port, or on a gateway router.
    gateway: bool,
    /// It finds other routers by asking (Logical_Router options:dynamic_neigh_routers).
    asks: bool,
}

impl Side {
    fn of(port: &PortContext, switch: Uuid) -> Side {
        let addresses = &port.config.addresses;
        let local = addresses.ip6().filter(|net| net.network().is_unicast_link_local()).last();
        let local = local.unwrap_or(&addresses.link_local).address;
        let source = addresses.given.ip4.first().map_or(IpAddr::V6(local), |net| IpAddr::V4(net.address));
        let options = &port.config.router.options;
        Side {
            switch,
            router: port.config.router.row,
            port: port.config.port.clone(),
            mac: port.mac(),
            nets: addresses.given.ip4.clone(),
            source,
            gateway: port.config.redirect.is_some() || options.is_gateway_router(),
            asks: options.dynamic_neigh_routers,
        }
    }

    /// Whether `routable` is reached by the port, without being an address of it.
    fn has(&self, routable: &Routable) -> bool {
        let IpAddr::V4(address) = routable.address else { return true };
        let here = routable.by.reaches(address, self.port.row, &self.nets);
        let own = || self.nets.iter().any(|net| net.address == address);
        here && (routable.mac.is_some() || routable.order == Order::Service || !own())
    }
}

/// Addresses behind a router port that go with one MAC address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Known {
    switch: Uuid,
    port: Uuid,
    addresses: Vec<IpAddr>,
    mac: Mac,
}

/// What the flows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Ports of routers.
    pub ports: &'a Relation<PortContext>,
    /// What leads where.
    pub peers: &'a Peers,
    /// The addresses: those of translations, and of services.
    pub routables: &'a Relation<Routable>,
    /// Sessions that watch neighbours.
    pub sessions: &'a Relation<Session>,
}

/// Routes to the addresses, and how they are found.
///
/// ```text
/// route(to, address)   :-  address of a router, port of it that is a gateway's and leads to a switch,
///                          another router port there
/// found(to, addresses) :-  the same, all addresses behind the port with its own MAC address as one,
///                          the other port is a gateway's
/// ```
///
/// Cost: an address costs a route for each router on the switches that its router leads to, and the text of
/// the addresses that its router has together.
pub fn flows(inputs: Inputs<'_>) -> Relation<Placed> {
    let Inputs { ports, peers, routables, sessions } = inputs;
    let sides = ports.flat_map(|port| match &port.config.peer {
        Some(Peer::Switch { switch, .. }) => Some(Side::of(port, *switch)),
        _ => None,
    });
    let beside = routables
        .index_by(|routable| routable.router)
        .join_flat(&sides.index_by(|side| side.router), |routable, side| {
            side.has(routable).then(|| (side.clone(), routable.clone()))
        });
    let beside = beside.distinct();

    let attached = peers
        .attachments
        .index_by(|attachment| attachment.router_port.row)
        .join(&ports.index_by(|port| port.config.port.row), |attachment, port| {
            Side::of(port, attachment.switch)
        });
    let attached = attached.distinct();
    let watched = sessions.map(|session| session.logical_port.clone()).distinct();
    let receivers = attached
        .index_by(|side| side.port.name.clone())
        .join_optional(&watched.index_by(Text::clone), |side, watched| {
            Some((side.clone(), watched.is_some()))
        })
        .index_by(|(side, _): &(Side, bool)| side.switch)
        .named("routable.receiver");
    let routed = beside
        .filter(|(side, _)| side.gateway)
        .map(|(side, routable)| (side.switch, side.port.row, routable.address))
        .index_by(|(switch, ..)| *switch)
        .join_flat(&receivers, |(_, port, address), (to, watched)| {
            let flows = match address {
                IpAddr::V4(address) if to.port.row != *port => route(to, *address, *watched),
                _ => Vec::new(),
            };
            place(to.router, flows)
        });

    let own = beside.flat_map(|(side, routable)| {
        let mac = routable.mac?;
        let (switch, port) = (side.switch, side.port.row);
        Some(Known { switch, port, addresses: vec![routable.address], mac })
    });
    let together = beside
        .filter(|(_, routable)| routable.mac.is_none())
        .index_by(|(side, _)| side.port.row)
        .reduce(|group| {
            let mut rows: Vec<_> =
                group.rows().map(|(_, routable)| (routable.order, routable.address)).collect();
            rows.sort_unstable();
            let side = &group.any().0;
            let addresses = rows.into_iter().map(|(_, address)| address).collect();
            Some(Known { switch: side.switch, port: side.port.row, addresses, mac: side.mac })
        });
    let seekers = attached.filter(|side| side.gateway && !side.asks).index_by(|side| side.switch);
    let found = own.concat(&together).index_by(|known| known.switch).join_flat(&seekers, |known, to| {
        let flows = if to.port.row == known.port { Vec::new() } else { vec![find(to, known)] };
        place(to.router, flows)
    });
    routed.concat(&found)
}

/// The route of a router to an address beyond its port.
fn route(to: &Side, address: Ipv4Addr, watched: bool) -> Vec<Flow> {
    let out = connected::Out { port: &to.port, mac: to.mac, watched };
    let flows = out.flows(format!("ip4.dst == {address}/32"), 32, 4, to.source);
    flows.into_iter().map(|flow| flow.written_in("router/routable.rs")).collect()
}

/// How it finds addresses there. As in ovn-northd there is a flow even where all are of IPv6.
fn find(to: &Side, known: &Known) -> Flow {
    let ip4 = known.addresses.iter().filter(|address| address.is_ipv4());
    let addresses: Vec<String> = ip4.map(IpAddr::to_string).collect();
    let matches =
        format!("{} && {NEXT_HOP_IP4} == {}", to.port.is_outport(), super::port::braces(&addresses));
    let actions = format!("eth.dst = {}; next;", known.mac);
    Flow::new(Stage::LrInArpResolve, 100, matches, actions).written_in("router/routable.rs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::port::tests::{gateway, port};
    use crate::switch::port::tests::lines;

    #[test]
    fn a_route_leads_straight_to_the_address() {
        let to = Side::of(&port(&["10.0.0.1/24"]), Uuid(5));
        let address = Ipv4Addr::new(172, 16, 0, 1);
        assert_eq!(
            lines(&route(&to, address, false)),
            ["lr_in_ip_routing 262 | ip4.dst == 172.16.0.1/32 | ip.ttl--; reg8[0..15] = 0; reg0 = ip4.dst; \
                 reg5 = 10.0.0.1; eth.src = 0a:00:00:00:01:01; outport = \"p\"; flags.loopback = 1; \
                 reg9[9] = 1; next; [hint]"]
        );
        let without = Side::of(&port(&[]), Uuid(5));
        let actions = route(&without, address, false)[0].key.actions.to_string();
        assert!(actions.contains("reg0 = ip4.dst; xxreg1 = fe80::800:ff:fe00:101; "));
        assert!(actions.ends_with("reg9[9] = 0; next;"));
    }

    #[test]
    fn an_address_of_the_port_is_known_already() {
        let side = Side::of(&gateway(&["172.16.0.1/24"]), Uuid(5));
        let routable = |address: &str, by| Routable {
            router: Uuid(1),
            order: Order::Translation(Uuid(9)),
            address: address.parse().unwrap(),
            mac: None,
            by,
        };
        assert!(side.has(&routable("172.16.0.9", By::Network)));
        assert!(!side.has(&routable("172.16.0.1", By::Any)));
        assert!(!side.has(&routable("172.17.0.1", By::Network)));
        assert!(!side.has(&routable("172.16.0.9", By::Port(Uuid(77)))));
    }
}
