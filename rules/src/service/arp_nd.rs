//! Answers to ARP requests and neighbour solicitations for addresses of ports (G01, G04, N05), so
//! that they need not be flooded. Unicast ones pass: they ask whether the owner is alive.

use northflow_engine::{Index, Relation};
use serde::{Deserialize, Serialize};

use crate::flow::row::{Placed, place};
use crate::flow::text::{ip6, solicited_node};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::Uuid;
use crate::schema::nb;
use crate::switch::port::{Port, PortKind};
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::Addresses;

const STAGE: Stage = Stage::LsInArpRsp;

/// What decides whether the network answers for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Responder {
    /// The port's type.
    pub kind: PortKind,
    /// `unknown` is among its addresses; a port of type switch counts as if it were.
    pub unknown: bool,
    /// options:disable_arp_nd_rsp, false by default.
    pub disabled: bool,
    /// Logical_Switch_Port.up is true.
    pub up: bool,
}

/// What the switch, or the whole network, says about answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Answering {
    /// NB_Global options:ignore_lsp_down, true by default: a port need not be up.
    pub ignore_down: bool,
    /// other_config:vlan-passthru: the switch does not look into tagged packets, and never
    /// answers.
    pub vlan_passthru: bool,
    /// Some port of the switch has options:arp_proxy.
    pub proxy: bool,
}

/// How a switch answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Manners {
    switch: Uuid,
    vlan_passthru: bool,
    proxy: bool,
}

/// How each switch answers; `proxied` are those with a proxy.
///
/// Cost: a switch costs itself.
pub fn manners(switches: &Relation<nb::LogicalSwitch>, proxied: &Relation<Uuid>) -> Index<Uuid, Manners> {
    let passthru = switches.map(|row| (row.uuid, row.other_config.get_bool("vlan-passthru", false)));
    let manners = passthru.index_by(|(switch, _)| *switch).join_optional(
        &proxied.index_by(|switch| *switch),
        |(switch, vlan_passthru), proxied| {
            Some(Manners { switch: *switch, vlan_passthru: *vlan_passthru, proxy: proxied.is_some() })
        },
    );
    manners.index_by(|manners| manners.switch)
}

/// Answers on behalf of all ports.
///
/// Cost: a port costs itself; the first or last proxy of a switch, its ports.
pub fn answers(ports: &Index<Uuid, PortConfig>, manners: &Index<Uuid, Manners>) -> Relation<Placed> {
    ports.join_flat(manners, |port, manners| place(manners.switch, answer(port, manners)))
}

fn answer(config: &PortConfig, manners: &Manners) -> Vec<Flow> {
    let Manners { vlan_passthru, proxy, .. } = *manners;
    let ignore_down = config.config.ignore_down;
    let answering = Answering { ignore_down, vlan_passthru, proxy };
    let mut flows = port(&config.port, Responder::of(config), &answering, &config.addresses);
    if config.kind == PortKind::Localnet {
        flows.extend(localnet(&config.port, proxy));
    }
    flows
}

impl Responder {
    fn of(port: &PortConfig) -> Responder {
        let disabled = port.options.disable_arp_nd_rsp;
        Responder { kind: port.kind, unknown: port.unknown, disabled, up: port.up }
    }

    fn answers(self, answering: &Answering) -> bool {
        let always = matches!(self.kind, PortKind::Router | PortKind::Localport);
        let up = answering.ignore_down || self.up || always;
        let quiet = self.kind == PortKind::Vif && self.disabled;
        let never = matches!(self.kind, PortKind::External | PortKind::Virtual);
        up && !quiet && !never && !self.unknown && !answering.vlan_passthru
    }
}

/// The flows of one port's addresses: an answer for all, and none for the port itself, which may
/// be looking for a duplicate. Where a proxy could answer in the owner's place, unicast requests
/// are let pass by a flow of their own. A disabled port is answered for.
///
/// Cost: an address change touches its own flows; the first proxy or the meter of a switch those
/// of all its ports.
pub fn port(port: &Port, responder: Responder, answering: &Answering, addresses: &[Addresses]) -> Vec<Flow> {
    let mut flows = Vec::new();
    if !responder.answers(answering) {
        return flows;
    }
    for address in addresses {
        let mac = address.mac;
        for ip in address.ips4() {
            let request = format!("arp.tpa == {ip} && arp.op == 1");
            if answering.proxy {
                flows.push(port.flow(STAGE, 50, format!("{request} && eth.dst == {mac}"), "next;"));
            }
            let broadcast = format!("{request} && eth.dst == ff:ff:ff:ff:ff:ff");
            let reply = format!(
                "eth.dst = eth.src; eth.src = {mac}; arp.op = 2; /* ARP reply */ \
                 arp.tha = arp.sha; arp.sha = {mac}; arp.tpa = arp.spa; arp.spa = {ip}; \
                 outport = inport; flags.loopback = 1; output;"
            );
            flows.push(port.flow(STAGE, 50, broadcast.as_str(), reply));
            flows.push(own_request(port, &broadcast));
        }
        for ip in address.ips6() {
            let (node, ip) = (ip6(solicited_node(ip)), ip6(ip));
            if answering.proxy {
                let unicast = format!("nd_ns && ip6.dst == {ip} && nd.target == {ip}");
                flows.push(port.flow(STAGE, 50, unicast, "next;").punts(Punt::NdNa));
            }
            let solicitation = format!("nd_ns_mcast && ip6.dst == {node} && nd.target == {ip}");
            let advertise = match responder.kind {
                PortKind::Router => "nd_na_router",
                _ => "nd_na",
            };
            let reply = format!(
                "{advertise} {{ eth.src = {mac}; ip6.src = {ip}; nd.target = {ip}; \
                 nd.tll = {mac}; outport = inport; flags.loopback = 1; output; }};"
            );
            flows.push(port.flow(STAGE, 50, solicitation.as_str(), reply).punts(Punt::NdNa));
            flows.push(own_request(port, &solicitation));
        }
    }
    flows
}

fn own_request(port: &Port, request: &str) -> Flow {
    port.own_flow(STAGE, 100, format!("{request} && {}", port.is_inport()), "next;")
}

/// The flow of one localnet port: what the physical network asks, the owner answers on its own
/// chassis; answers from every chassis would be copies. None where the switch has a proxy, which
/// must hear the requests.
pub fn localnet(port: &Port, proxy: bool) -> Option<Flow> {
    (!proxy).then(|| port.own_flow(STAGE, 100, port.is_inport(), "next;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    const VIF: Responder = Responder { kind: PortKind::Vif, unknown: false, disabled: false, up: false };
    const PLAIN: Answering = Answering { ignore_down: true, vlan_passthru: false, proxy: false };

    fn flows(name: &str, responder: Responder, answering: &Answering) -> Vec<String> {
        let address = Addresses::read("0a:00:00:00:00:01 10.0.0.1 fd00::1").unwrap();
        lines(&port(&named(name), responder, answering, &[address]))
    }

    #[test]
    fn a_port_is_answered_for_but_not_to_itself() {
        assert_eq!(
            flows("p1", VIF, &PLAIN),
            [
                "ls_in_arp_rsp 50 | arp.tpa == 10.0.0.1 && arp.op == 1 && eth.dst == ff:ff:ff:ff:ff:ff | eth.dst = eth.src; eth.src = 0a:00:00:00:00:01; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; arp.sha = 0a:00:00:00:00:01; arp.tpa = arp.spa; arp.spa = 10.0.0.1; outport = inport; flags.loopback = 1; output; [hint]",
                "ls_in_arp_rsp 100 | arp.tpa == 10.0.0.1 && arp.op == 1 && eth.dst == ff:ff:ff:ff:ff:ff && inport == \"p1\" | next; [port p1] [hint]",
                "ls_in_arp_rsp 50 | nd_ns_mcast && ip6.dst == ff02::1:ff00:1 && nd.target == fd00::1 | nd_na { eth.src = 0a:00:00:00:00:01; ip6.src = fd00::1; nd.target = fd00::1; nd.tll = 0a:00:00:00:00:01; outport = inport; flags.loopback = 1; output; }; [hint]",
                "ls_in_arp_rsp 100 | nd_ns_mcast && ip6.dst == ff02::1:ff00:1 && nd.target == fd00::1 && inport == \"p1\" | next; [port p1] [hint]",
            ]
        );
    }

    #[test]
    fn a_router_says_so_and_advertisements_are_counted() {
        let router = Responder { kind: PortKind::Router, ..VIF };
        assert!(flows("r", router, &PLAIN)[2].contains("| nd_na_router { "));
        let address = Addresses::read("0a:00:00:00:00:01 10.0.0.1 fd00::1").unwrap();
        let flows = port(&named("r"), router, &PLAIN, &[address]);
        let punts: Vec<Option<Punt>> = flows.iter().map(|flow| flow.punt).collect();
        assert_eq!(punts, [None, None, Some(Punt::NdNa), None]);
    }

    #[test]
    fn with_a_proxy_unicast_requests_pass() {
        let flows = flows("p1", VIF, &Answering { proxy: true, ..PLAIN });
        assert_eq!(flows.len(), 6);
        assert_eq!(
            flows[0],
            "ls_in_arp_rsp 50 | arp.tpa == 10.0.0.1 && arp.op == 1 && eth.dst == 0a:00:00:00:00:01 | next; [hint]"
        );
        assert_eq!(
            flows[3],
            "ls_in_arp_rsp 50 | nd_ns && ip6.dst == fd00::1 && nd.target == fd00::1 | next; [hint]"
        );
    }

    #[test]
    fn some_ports_are_not_answered_for() {
        let strict = Answering { ignore_down: false, ..PLAIN };
        let silent = |responder, answering| flows("p1", responder, answering).is_empty();
        assert!(silent(VIF, &strict));
        assert!(!silent(Responder { up: true, ..VIF }, &strict));
        assert!(!silent(Responder { kind: PortKind::Localport, ..VIF }, &strict));
        assert!(silent(Responder { unknown: true, ..VIF }, &PLAIN));
        assert!(silent(Responder { disabled: true, ..VIF }, &PLAIN));
        assert!(!silent(Responder { disabled: true, kind: PortKind::Remote, ..VIF }, &PLAIN));
        assert!(silent(Responder { kind: PortKind::External, ..VIF }, &PLAIN));
        assert!(silent(Responder { kind: PortKind::Virtual, ..VIF }, &PLAIN));
        assert!(silent(VIF, &Answering { vlan_passthru: true, ..PLAIN }));
    }

    #[test]
    fn the_physical_network_asks_the_owner() {
        assert_eq!(
            lines(&[localnet(&named("ln"), false).unwrap()]),
            ["ls_in_arp_rsp 100 | inport == \"ln\" | next; [port ln] [hint]"]
        );
        assert_eq!(localnet(&named("ln"), true), None);
    }
}
