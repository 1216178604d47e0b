//! What routers learn of their neighbours from ARP and neighbour discovery (I02, I03).
//!
//! The first stage looks up whether a packet tells something new, the second learns it. A router
//! may be told to learn from requests only if it knows the sender already, or is asked itself
//! (Logical_Router options:always_learn_from_arp_request).

use super::RouterSet;
use super::meters::Protocol;
use super::port::PortContext;
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{LOOKUP_NEIGHBOR, LOOKUP_NEIGHBOR_IP};
use crate::flow::{Flow, Stage};

const LOOKUP: Stage = Stage::LrInLookupNeighbor;
const LEARN: Stage = Stage::LrInLearnNeighbor;

/// The flows of every router, by how it learns. A transit router also tells the other availability
/// zones what it hears.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let mut flows = vec![
        (RouterSet::All, Flow::new(LOOKUP, DEFAULT, "1", format!("{LOOKUP_NEIGHBOR} = 1; next;"))),
        (RouterSet::All, Flow::new(LEARN, 95, "nd_ns && (ip6.src == 0 || nd.sll == 0)", "next;")),
        (RouterSet::All, Flow::new(LEARN, DEFAULT, "1", drop.explicit())),
    ];
    for always in [true, false] {
        for transit in [false, true] {
            let set = RouterSet::Hearing { always, transit };
            flows.extend(answers(always, transit).into_iter().map(|flow| (set, flow)));
        }
        let known = if always {
            String::new()
        } else {
            format!("{LOOKUP_NEIGHBOR_IP} = lookup_nd_ip(inport, ip6.src); ")
        };
        let lookup = format!("{LOOKUP_NEIGHBOR} = lookup_nd(inport, ip6.src, nd.sll); {known}next;");
        flows.push((RouterSet::Learning { always }, Flow::new(LOOKUP, 100, "nd_ns", lookup)));
        let skip = match always {
            true => format!("{LOOKUP_NEIGHBOR} == 1"),
            false => format!("{LOOKUP_NEIGHBOR} == 1 || {LOOKUP_NEIGHBOR_IP} == 0"),
        };
        flows.push((RouterSet::Learning { always }, Flow::new(LEARN, 100, skip, "mac_cache_use; next;")));
    }
    flows
}

/// What answers and announcements tell.
fn answers(always: bool, transit: bool) -> Vec<Flow> {
    let flood = if transit { "flood_remote; " } else { "" };
    let learned = if always { String::new() } else { format!("{LOOKUP_NEIGHBOR_IP} = 1; ") };
    let arp = format!("{LOOKUP_NEIGHBOR} = lookup_arp(inport, arp.spa, arp.sha); {learned}{flood}next;");
    let nd = format!("{LOOKUP_NEIGHBOR} = lookup_nd(inport, nd.target, nd.tll); ");
    let mut flows = vec![
        Flow::new(LOOKUP, 100, "arp.op == 2", arp),
        Flow::new(LOOKUP, 100, "nd_na", format!("{nd}{learned}{flood}next;")),
    ];
    if !always {
        // Nobody asked for what is sent to a multicast group.
        let unsolicited = "nd_na && ip6.src == fe80::/10 && ip6.dst == ff00::/8";
        let known = format!("{nd}{LOOKUP_NEIGHBOR_IP} = lookup_nd_ip(inport, nd.target); {flood}next;");
        flows.push(Flow::new(LOOKUP, 110, unsolicited, known));
    }
    flows
}

/// The flows of every router that hand packets of `protocol` to controllers.
pub fn punted(protocol: Protocol) -> Vec<Flow> {
    let learn = |priority, matches, action| Flow::new(LEARN, priority, matches, format!("{action}; next;"));
    match protocol {
        Protocol::Arp => vec![learn(90, "arp", "put_arp(inport, arp.spa, arp.sha)")],
        Protocol::NdNa => vec![
            learn(95, "nd_na && nd.tll == 0", "put_nd(inport, nd.target, eth.src)"),
            learn(90, "nd_na", "put_nd(inport, nd.target, nd.tll)"),
        ],
        Protocol::NdNs => vec![learn(90, "nd_ns", "put_nd(inport, ip6.src, nd.sll)")],
        _ => Vec::new(),
    }
}

/// The flows of one port: it learns from requests of its own networks. What all hear of a gateway
/// port's neighbours, the gateway learns.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let inport = port.is_inport();
    let always = port.config.router.options.always_learn_from_arp_request;
    let lookup = format!("{LOOKUP_NEIGHBOR} = lookup_arp(inport, arp.spa, arp.sha); ");
    for net in &port.config.addresses.given.ip4 {
        let sender = format!("{inport} && arp.spa == {}/{} && ", net.network(), net.length);
        if !always {
            let asked = format!("{sender}arp.tpa == {} && arp.op == 1", net.address);
            flows.push(port.flow(LOOKUP, 110, asked, format!("{lookup}{LOOKUP_NEIGHBOR_IP} = 1; next;")));
        }
        let known = match always {
            true => String::new(),
            false => format!("{LOOKUP_NEIGHBOR_IP} = lookup_arp_ip(inport, arp.spa); "),
        };
        flows.push(port.flow(LOOKUP, 100, format!("{sender}arp.op == 1"), format!("{lookup}{known}next;")));
    }
    if let Some(redirect) = port.redirect() {
        let elsewhere =
            format!("{inport} && (nd_na || nd_ns) && eth.mcast && !is_chassis_resident({redirect})");
        flows.push(port.flow(LOOKUP, 120, elsewhere, format!("{LOOKUP_NEIGHBOR} = 1; next;")));
    }
    flows
}
