//! Where probes of backends come from (H07): a router port before the backend that has the address, if its
//! router has the load balancer too. Its MAC address is then that of the probes, and nobody else need answer
//! for the address; what the backend replies is for the chassis.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::Protocol;
use super::attach::{Attachment, Holder};
use super::vip::{Endpoint, Family};
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::{Text, Uuid};
use crate::topology::facing::Facing;
use crate::topology::peer::Peer;
use crate::value::addresses::RouterAddresses;
use crate::value::ip;

/// A router port as a place that probes come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Its name; of several the least counts.
    pub name: Text,
    /// A switch with a port before it.
    pub switch: Uuid,
    /// The switch that it leads back to.
    pub back: Uuid,
    /// Its router.
    pub router: Uuid,
    /// An address of it.
    pub ip: Text,
    /// Its MAC address.
    pub mac: Text,
}

/// A point for probes by a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The load balancer.
    pub lb: Uuid,
    /// The point.
    pub point: Point,
}

/// The addresses of router ports on each switch. `peers` says where router ports lead.
///
/// Cost: a router port costs its addresses.
pub fn points(facing: &Relation<Facing>, peers: &Relation<(Uuid, Peer)>) -> Relation<Point> {
    let back = peers.flat_map(|(port, peer)| Some((*port, peer.switch()?)));
    facing.index_by(|facing| facing.router_port.row).join_flat(
        &back.index_by(|(port, _)| *port),
        |facing, (_, back)| {
            let point = |ip: Text| Point {
                name: facing.router_port.name.clone(),
                switch: facing.switch,
                back: *back,
                router: facing.router,
                ip,
                mac: facing.addresses.given.mac.to_string().into(),
            };
            found(&facing.addresses).into_iter().map(point).collect::<Vec<_>>()
        },
    )
}

/// The addresses of a port that are found in the first network that has them.
fn found(addresses: &RouterAddresses) -> Vec<Text> {
    let ip4 = &addresses.given.ip4;
    let first4 = |address| ip4.iter().find(|net| net.contains(address)).map(|net| net.address);
    let ip4 = addresses.given.ips4().filter(|address| first4(*address) == Some(*address)).map(IpAddr::V4);
    let first6 = |address| addresses.ip6().find(|net| net.contains(address)).map(|net| net.address);
    let ip6 = addresses.ip6().map(|net| net.address).filter(|address| first6(*address) == Some(*address));
    ip4.chain(ip6.map(IpAddr::V6)).map(|address| ip::text(address).into()).collect()
}

/// A wish of a load balancer for a point on a switch, by address.
pub type Wish = (Uuid, Uuid, Text);

/// The points that are had.
///
/// Cost: a wish costs the points with its address on its switch; a load balancer that comes to a router, its
/// wishes there.
pub fn sources(wishes: &Relation<Wish>, points: &Relation<Point>, routers: &Attachment) -> Relation<Source> {
    let referred = routers.referred.index_by(|referred| (referred.holder, referred.datapath));
    wishes
        .distinct()
        .index_by(|(_, switch, ip): &Wish| (*switch, ip.clone()))
        .join(&points.index_by(|point| (point.switch, point.ip.clone())), |(lb, ..), point| Source {
            lb: *lb,
            point: point.clone(),
        })
        .index_by(|source: &Source| source.lb)
        .join(&routers.held.index_by(|held| held.lb), |source, held| (held.holder, source.clone()))
        .index_by(|(holder, source): &(Holder, Source)| (*holder, source.point.router))
        .semijoin(&referred)
        .index_by(|(_, source)| (source.lb, source.point.switch, source.point.ip.clone()))
        .reduce(|group| group.rows().map(|(_, source)| source).min().cloned())
}

/// The flow that gives a backend's reply to the chassis (ovn-northd(8), ingress table Destination Lookup).
/// What says that a port is unreachable counts as one, but for TCP, which says so itself.
pub fn reply(port: &str, backend: &Endpoint, family: Family, protocol: Protocol, point: &Point) -> Flow {
    let family_name = family.name();
    let answer = match (protocol, family) {
        // As ovn-northd prints a port that is not there.
        (Protocol::Tcp, _) => format!("tcp.src == {}", backend.port.as_deref().unwrap_or("(null)")),
        (_, Family::Ip4) => "icmp4.type == 3".to_owned(),
        (_, Family::Ip6) => "icmp6.type == 1".to_owned(),
    };
    let matches = format!(
        "inport == {} && {family_name}.dst == {} && {family_name}.src == {} && eth.dst == {} && {answer}",
        quote(port),
        point.ip,
        backend.ip,
        point.mac
    );
    let flow = Flow::new(Stage::LsInL2Lkup, 110, matches, "handle_svc_check(inport);");
    flow.written_in("lb/probe_source.rs").punts(Punt::ServiceMonitor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lb::vip::endpoint;
    use crate::switch::port::tests::lines;

    #[test]
    fn an_address_in_the_network_of_another_is_not_found() {
        let read = |networks: &[&str]| {
            let addresses = RouterAddresses::read("0a:00:00:00:00:01", networks.iter().copied()).0;
            found(&addresses.expect("a port")).iter().map(|ip| ip.to_string()).collect::<Vec<_>>()
        };
        let local = "fe80::800:ff:fe00:1";
        assert_eq!(read(&["10.0.0.1/24", "fd00::1/64"]), ["10.0.0.1", "fd00::1", local]);
        assert_eq!(read(&["10.0.0.1/24", "10.0.0.2/16"]), ["10.0.0.1", local]);
    }

    #[test]
    fn replies_go_to_the_chassis() {
        let point = Point {
            name: "r-s".into(),
            switch: Uuid(1),
            back: Uuid(1),
            router: Uuid(2),
            ip: "10.0.0.1".into(),
            mac: "0a:00:00:00:00:01".into(),
        };
        let backend = endpoint("10.0.0.2:80").expect("an address");
        let flows = [Protocol::Tcp, Protocol::Udp]
            .map(|protocol| reply("vm", &backend, Family::Ip4, protocol, &point));
        let [tcp, udp] = &lines(&flows)[..] else { panic!("two flows") };
        assert!(tcp.starts_with(
            "ls_in_l2_lkup 110 | inport == \"vm\" && ip4.dst == 10.0.0.1 && ip4.src == 10.0.0.2 && \
             eth.dst == 0a:00:00:00:00:01 && tcp.src == 80 | handle_svc_check(inport);"
        ));
        assert!(udp.contains(" && icmp4.type == 3 |"));
    }
}
