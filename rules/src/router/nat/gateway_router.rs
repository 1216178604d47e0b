//! What gateway routers do with all packets because they translate (J15, J16, J19).
//!
//! Such a router is on one chassis, and sends every packet that leaves through conntrack, so that answers
//! are turned back whatever translated them.

use super::Set;
use super::home::{Forced, Home};
use crate::flow::{Flow, Stage};

const FILE: &str = "router/nat/gateway_router.rs";

/// The flows of gateway routers by what they have.
///
/// Cost: none after start.
pub fn fixed() -> Vec<(Set, Flow)> {
    let flow = |stage, priority, matches: &str, actions: &str| {
        Flow::new(stage, priority, matches, actions).written_in(FILE)
    };
    let undo = [
        flow(Stage::LrOutUndnat, 100, "nd || nd_rs || nd_ra", "next;"),
        flow(Stage::LrOutUndnat, 50, "ip", "flags.loopback = 1; ct_dnat;"),
    ];
    let commit = flow(Stage::LrOutPostUndnat, 50, "ip && ct.new", "ct_commit { } ; next; ");
    let undo = undo.map(|flow| (Set::Undoing, flow));
    undo.into_iter().chain([(Set::CommittingNew, commit)]).collect()
}

/// Sources of packets whose destination was translated, and of such that a load balancer has handled, are
/// translated as well where the options say so (ovn-nb(5), Logical_Router options:dnat_force_snat_ip and
/// options:lb_force_snat_ip).
///
/// Cost: a router costs its own flows.
pub fn forced(home: &Home) -> Vec<Flow> {
    let of = |forced: &Forced, context: &str| {
        let flows = |(v, address): (char, &crate::ovsdb::Text)| {
            let back = format!("ip{v} && ip{v}.dst == {address}");
            let marked = format!("flags.force_snat_for_{context} == 1 && ip{v}");
            [
                Flow::new(Stage::LrInUnsnat, 110, back, "ct_snat;"),
                Flow::new(Stage::LrOutSnat, 100, marked, format!("ct_snat({address});")),
            ]
        };
        forced.addresses().flat_map(flows).collect::<Vec<Flow>>()
    };
    if !home.gateway_router {
        return Vec::new();
    }
    let mut flows = of(&home.force_dnat, "dnat");
    flows.extend(of(&home.force_lb, "lb"));
    flows.into_iter().map(|flow| flow.written_in(FILE)).collect()
}
