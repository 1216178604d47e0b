//! Routers that commit every connection, translated or not (J15; ovn-nb(5), Logical_Router
//! options:ct-commit-all).
//!
//! The state of a new connection is lost where a packet passes several zones, so it is kept in flags from
//! one pipeline to the other.

use super::Set;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::topology::router::GatewayPort;

/// Where packets are looked at.
#[derive(Clone, Copy, Debug)]
struct Way<'a> {
    /// What is added to the match of packets that come.
    come: &'a str,
    /// The same for packets that go.
    go: &'a str,
}

/// The flows of gateway routers: all packets.
///
/// Cost: none after start.
pub fn fixed() -> impl Iterator<Item = (Set, Flow)> {
    flows(Way { come: "", go: "" }).into_iter().map(|flow| (Set::CommittingAll, flow))
}

/// The flows of a distributed gateway port: packets that come or go by it.
///
/// Cost: a port costs its own flows.
pub fn port(gateway: &GatewayPort) -> impl Iterator<Item = Flow> {
    let resident = format!(" && is_chassis_resident({})", quote(&gateway.redirect));
    let come = format!(" && {}{resident}", gateway.port.is_inport());
    let go = format!(" && {}{resident}", gateway.port.is_outport());
    flows(Way { come: &come, go: &go }).into_iter()
}

/// The match of the last of those flows.
pub fn last_match(gateway: &GatewayPort) -> String {
    let resident = quote(&gateway.redirect);
    format!("ip && ct.new && {} && is_chassis_resident({resident})", gateway.port.is_outport())
}

/// A packet that answers in one zone answers in the other, so answers are told by either state.
fn flows(way: Way<'_>) -> [Flow; 8] {
    let Way { come, go } = way;
    let flow = |stage, matches: String, actions: &str| {
        Flow::new(stage, 10, matches, actions).written_in("router/nat/commit_all.rs")
    };
    let fresh = "ip && (!ct.trk || !ct.rpl)";
    [
        flow(Stage::LrInDefrag, format!("{fresh}{come}"), "ct_next(dnat);"),
        flow(Stage::LrInDnat, format!("ip && ct.new{come}"), "ct_commit_to_zone(dnat);"),
        flow(Stage::LrInPostUnsnat, format!("ip && ct.new{come}"), "flags.unsnat_new = 1; next;"),
        flow(Stage::LrInPostUnsnat, format!("ip && !ct.trk{come}"), "flags.unsnat_not_tracked = 1; next;"),
        flow(
            Stage::LrOutPostUndnat,
            format!("{fresh} && flags.unsnat_not_tracked == 1{go}"),
            "ct_next(snat);",
        ),
        flow(Stage::LrOutPostUndnat, format!("ip && flags.unsnat_new == 1{go}"), "next;"),
        flow(Stage::LrOutSnat, format!("{fresh} && flags.unsnat_new == 1{go}"), "ct_commit_to_zone(snat);"),
        flow(Stage::LrOutSnat, format!("ip && ct.new{go}"), "ct_commit_to_zone(snat);"),
    ]
}
