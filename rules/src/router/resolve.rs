//! Ethernet addresses of next hops that the configuration tells (I23, I24).
//!
//! A next hop is a port of the switch behind a router port, a port of another router on that switch,
//! or the port of a router that is joined directly. Whatever else it is, chassis have learned its
//! address or ask for it ([`super::request`]).

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::RouterSet;
use super::port::{PortContext, any_of};
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4};
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, Stage};
use crate::ovsdb::Uuid;
use crate::switch::port::{Port, PortKind};
use crate::topology::peer::{Peer, Peers};
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::{Addresses, RouterAddresses};
use crate::value::ip::text6;
use crate::value::mac::Mac;

const STAGE: Stage = Stage::LrInArpResolve;
/// A next hop that the configuration tells.
const KNOWN: u16 = 100;

/// The flows that every router has. Multicast has its addresses already; what no flow resolves is
/// looked up among what has been learned.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let lookup = |ip4, action: &str, next_hop| {
        let actions = format!("{action}(outport, {next_hop}); next;");
        Flow::new(STAGE, 1, format!("{NEXT_HOP_IS_IP4} == {ip4}"), actions)
    };
    let flows = [
        Flow::new(STAGE, 500, "ip4.mcast || ip6.mcast", "next;"),
        lookup(1, "get_arp", NEXT_HOP_IP4),
        lookup(0, "get_nd", NEXT_HOP_IP6),
        Flow::new(STAGE, DEFAULT, "1", drop.explicit()),
    ];
    flows.map(|flow| (RouterSet::All, flow)).into()
}

/// The flow of a router port `out` that finds `mac` behind `next_hops`. `equals` is spaced as the
/// reference has it.
fn known(out: &Port, hint: &Port, next_hop: &str, equals: &str, next_hops: &str, mac: Mac) -> Flow {
    let matches = format!("{} && {next_hop}{equals} {next_hops}", out.is_outport());
    hint.flow(STAGE, KNOWN, matches, format!("eth.dst = {mac}; next;"))
}

/// How the port `out` finds all `addresses` of another router port.
fn router_port(out: &Port, hint: &Port, equals: &str, addresses: &RouterAddresses) -> Vec<Flow> {
    let ip4: Vec<String> = addresses.given.ip4.iter().map(|net| net.address.to_string()).collect();
    let ip6: Vec<String> = addresses.ip6().map(|net| text6(net.address)).collect();
    let mac = addresses.given.mac;
    let mut flows = Vec::new();
    if !ip4.is_empty() {
        flows.push(known(out, hint, NEXT_HOP_IP4, equals, &any_of(&ip4), mac));
    }
    flows.push(known(out, hint, NEXT_HOP_IP6, " ==", &any_of(&ip6), mac));
    flows
}

/// How the router that is joined to a port directly finds the port.
///
/// Cost: a port costs its own flows.
pub fn peer_flows(ports: &Relation<PortContext>) -> Relation<Placed> {
    ports.flat_map(|port| {
        let Some(Peer::Router { port: out, router }) = &port.config.peer else { return Vec::new() };
        place(*router, router_port(out, &port.config.port, "==", &port.config.addresses)).collect()
    })
}

/// What a router port looks for on the switch behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Seeker {
    switch: Uuid,
    /// The switch port between them.
    through: Port,
    port: Port,
    router: Uuid,
    addresses: RouterAddresses,
    /// IPv4 goes to the gateway over the physical network.
    bridged: bool,
    /// It finds other routers by asking (Logical_Router options:dynamic_neigh_routers).
    asks: bool,
}

/// An address of a switch port that is neither a router's nor a virtual one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Host {
    switch: Uuid,
    port: Port,
    address: Addresses,
}

/// How routers find what is on the switches behind their ports.
///
/// ```text
/// flow(r, host)      :-  attachment(s, r), host(address) on the same switch, in a network of r
/// flow(r, neighbour) :-  attachment(s, r), s enabled, attachment(_, neighbour) on the same switch,
///                        the router of r does not ask for neighbours
/// ```
///
/// Cost: an address costs a flow for each router on its switch that has its network; a router on a
/// switch costs two flows for each other router there, and one for each address of its networks.
pub fn switch_flows(
    ports: &Relation<PortContext>,
    peers: &Peers,
    switch_ports: &Relation<PortConfig>,
) -> Relation<Placed> {
    let seekers = peers.attachments.index_by(|attachment| attachment.router_port.row).join(
        &ports.index_by(|port| port.config.port.row),
        |attachment, port| Seeker {
            switch: attachment.switch,
            through: attachment.port.clone(),
            port: attachment.router_port.clone(),
            router: attachment.router,
            addresses: port.config.addresses.clone(),
            bridged: port.bridges(),
            asks: port.config.router.options.dynamic_neigh_routers,
        },
    );
    let by_switch = seekers.index_by(|seeker| seeker.switch).named("resolve.seeker");
    let hosts = switch_ports.flat_map(|port| {
        let routed = matches!(port.kind, PortKind::Router | PortKind::Virtual);
        let addresses = if port.enabled && !routed { port.addresses.clone() } else { Vec::new() };
        let (switch, port) = (port.switch, port.port.clone());
        addresses.into_iter().map(move |address| Host { switch, port: port.clone(), address })
    });
    let found = hosts
        .index_by(|host| host.switch)
        .named("resolve.host")
        .join_flat(&by_switch, |host, seeker| place(seeker.router, host_flows(seeker, host)));

    let enabled = switch_ports.filter(|port| port.enabled && port.kind == PortKind::Router);
    let asking = seekers
        .filter(|seeker| !seeker.asks)
        .index_by(|seeker| seeker.through.row)
        .semijoin(&enabled.index_by(PortConfig::row))
        .index_by(|seeker| seeker.switch);
    let neighbours = asking.join_flat(&by_switch, |seeker, neighbour| {
        let flows = match seeker.port.row == neighbour.port.row {
            true => Vec::new(),
            false => router_port(&seeker.port, &seeker.through, " ==", &neighbour.addresses),
        };
        place(seeker.router, flows)
    });
    found.concat(&neighbours)
}

/// How a router port finds those addresses of a host that are in its networks.
fn host_flows(seeker: &Seeker, host: &Host) -> Vec<Flow> {
    let near = |address: &IpAddr| match address {
        IpAddr::V4(ip) => !seeker.bridged && seeker.addresses.given.ip4.iter().any(|net| net.contains(*ip)),
        IpAddr::V6(ip) => seeker.addresses.ip6().any(|net| net.contains(*ip)),
    };
    let ip4 = host.address.ips4().map(IpAddr::V4);
    let ip6 = host.address.ips6().map(IpAddr::V6);
    let flow = |address: IpAddr| {
        let (next_hop, text) = match address {
            IpAddr::V4(ip) => (NEXT_HOP_IP4, ip.to_string()),
            IpAddr::V6(ip) => (NEXT_HOP_IP6, text6(ip)),
        };
        known(&seeker.port, &host.port, next_hop, " ==", &text, host.address.mac)
    };
    ip4.chain(ip6).filter(near).map(flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    fn seeker(networks: &[&str], bridged: bool) -> Seeker {
        let addresses = RouterAddresses::read("0a:00:00:00:01:01", networks.iter().copied()).0.unwrap();
        Seeker {
            switch: Uuid(1),
            through: named("s"),
            port: named("p"),
            router: Uuid(2),
            addresses,
            bridged,
            asks: false,
        }
    }

    #[test]
    fn hosts_are_found_in_the_networks_of_the_port() {
        let address = Addresses::read("0a:00:00:00:00:01 10.0.0.9 10.9.0.9 fd00::9 fe80::9").unwrap();
        let host = Host { switch: Uuid(1), port: named("h"), address };
        let known = |seeker| lines(&host_flows(&seeker, &host));
        let ip4 = "lr_in_arp_resolve 100 | outport == \"p\" && reg0 == 10.0.0.9 | eth.dst = 0a:00:00:00:00:01; next; [hint]";
        let ip6 = "lr_in_arp_resolve 100 | outport == \"p\" && xxreg0 == fe80::9 | eth.dst = 0a:00:00:00:00:01; next; [hint]";
        assert_eq!(known(seeker(&["10.0.0.1/24"], false)), [ip4, ip6]);
        assert_eq!(known(seeker(&["10.0.0.1/24"], true)), [ip6]);
    }

    #[test]
    fn routers_are_found_by_all_their_addresses() {
        let other = seeker(&["10.0.0.2/24", "10.1.0.2/24"], false).addresses;
        assert_eq!(
            lines(&router_port(&named("p"), &named("q"), "==", &other)),
            [
                "lr_in_arp_resolve 100 | outport == \"p\" && reg0== {10.0.0.2, 10.1.0.2} | eth.dst = 0a:00:00:00:01:01; next; [hint]",
                "lr_in_arp_resolve 100 | outport == \"p\" && xxreg0 == fe80::800:ff:fe00:101 | eth.dst = 0a:00:00:00:01:01; next; [hint]",
            ]
        );
    }
}
