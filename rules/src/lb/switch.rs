//! Load balancing on switches (H02, H11, H12, H13; ovn-northd(8), ingress tables 6, 7, 13 to 19).
//!
//! ```text
//! pre_lb       100   everything is tracked, so that replies are translated too
//!              130   a VIP without backends: tell the CMS
//! pre_stateful 120   to a VIP: remember it, then conntrack
//! ct_extract   100   what conntrack makes of a new connection
//! lb           110   a new connection to a VIP without a port
//!              120   a new connection to a VIP with a port
//!              150   the same from a client that keeps its backend
//! ```

use super::attach::BalancerFlow;
use super::vip::Family;
use super::{Service, affinity, empty, hairpin};
use crate::flow::register::*;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::switch::SwitchSet;

const EVENT: u16 = 130;
const TRACK: u16 = 100;
const REMEMBER: u16 = 120;
const EXTRACT: u16 = 100;
const WITHOUT_PORT: u16 = 110;
const WITH_PORT: u16 = 120;
const AFFINITY: u16 = 150;
const AFFINITY_CHECK: u16 = 100;
const AFFINITY_LEARN: u16 = 100;

/// What every switch with a VIP has.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let track = |stage| Flow::new(stage, TRACK, "ip", format!("{CONNTRACK_NAT} = 1; next;"));
    let extract = format!("{CT_PROTOCOL} = ct_proto(); {CT_PORT} = ct_tp_dst(); next;");
    let flows = [
        track(Stage::LsInPreLb),
        track(Stage::LsOutPreLb),
        Flow::new(Stage::LsInCtExtract, EXTRACT, "ct.new && ip", extract),
    ];
    let flows = flows.map(|flow| (SwitchSet::Balanced, flow.written_in("lb/switch.rs")));
    flows.into_iter().chain(hairpin::fixed()).collect()
}

/// The flows of a VIP on the switches that have it.
pub fn flows(service: &Service) -> Vec<BalancerFlow> {
    let Service { lb, vip, .. } = service;
    let flow = |stage, priority, matches: String, actions: String| BalancerFlow {
        lb: lb.row,
        flow: Flow::new(stage, priority, matches, actions).hint(lb.row).written_in("lb/switch.rs"),
    };
    let mut flows = Vec::new();
    if let Some((matches, action)) = empty::event(service) {
        let BalancerFlow { lb, flow } = flow(Stage::LsInPreLb, EVENT, matches, action);
        flows.push(BalancerFlow { lb, flow: flow.punts(Punt::EmptyLb) });
    }
    let remember = remember(service);
    flows.push(flow(
        Stage::LsInPreStateful,
        REMEMBER,
        format!("{CONNTRACK_NAT} == 1 && {}", destination(service)),
        format!("{remember}ct_lb_mark;"),
    ));

    let (balance, punt) = balance(service);
    let priority = if vip.front.port.is_some() { WITH_PORT } else { WITHOUT_PORT };
    let new = format!("ct.new && {}{}", to_vip(service), tracked_port(service));
    let mut balance = flow(Stage::LsInLb, priority, new, balance);
    balance.flow.punt = punt;
    flows.push(balance);

    if lb.affinity > 0 {
        let family = vip.family.name();
        let new = format!("ct.new && {family} && {}{}", to_vip(service), tracked_port(service));
        flows.push(flow(Stage::LsInLbAffCheck, AFFINITY_CHECK, new, affinity::check()));
        let parts = affinity::Affinity { prefix: &remember, flag: "", family: vip.family };
        for backend in &vip.backends {
            let (matches, action) = affinity::learn(service, backend, parts);
            flows.push(flow(Stage::LsInLbAffLearn, AFFINITY_LEARN, matches, action));
            let (matches, action) = affinity::keep(service, backend, parts);
            flows.push(flow(Stage::LsInLb, AFFINITY, matches, action));
        }
    }
    flows
}

/// `ip4.dst == VIP`.
pub(super) fn to_vip(service: &Service) -> String {
    format!("{}.dst == {}", service.vip.family.name(), service.vip.front.ip)
}

/// `ip4.dst == VIP`, and the port by the packet's own header.
pub(super) fn destination(service: &Service) -> String {
    match &service.vip.front.port {
        Some(port) => format!("{} && {}.dst == {port}", to_vip(service), service.lb.protocol.name()),
        None => to_vip(service),
    }
}

/// The port by what conntrack made of the packet, which may be a fragment; empty for a VIP without.
pub(super) fn tracked_port(service: &Service) -> String {
    match &service.vip.front.port {
        Some(port) => {
            format!(" && {CT_PROTOCOL} == {} && {CT_PORT} == {port}", service.lb.protocol.number())
        }
        None => String::new(),
    }
}

/// Leaves the VIP where later stages find it.
pub(super) fn remember(service: &Service) -> String {
    let register = match service.vip.family {
        Family::Ip4 => LB_IP4,
        Family::Ip6 => LB_IP6,
    };
    let ip = format!("{register} = {}; ", service.vip.front.ip);
    match &service.vip.front.port {
        Some(port) => format!("{ip}{LB_PORT} = {port}; "),
        None => ip,
    }
}

/// What happens to a new connection, and whether it goes to a controller.
fn balance(service: &Service) -> (String, Option<Punt>) {
    let lb = &service.lb;
    if service.is_empty() {
        let stage = Stage::LsOutQos.table();
        let reject =
            format!("reg0 = 0; reject {{ outport <-> inport; next(pipeline=egress,table={stage});}};");
        return match lb.reject {
            true => (reject, Some(Punt::Reject)),
            false => (service.drop.explicit().to_string(), None),
        };
    }
    let action = if lb.distributed { "ct_lb_mark_local" } else { "ct_lb_mark" };
    let fields =
        lb.selection.as_ref().map(|fields| format!("; hash_fields=\"{fields}\"")).unwrap_or_default();
    (format!("{}{action}(backends={}{fields});", remember(service), service.target_text()), None)
}
