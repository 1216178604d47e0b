//! Load balancing on routers (H03, H05, H09, H12 to H14, H23; ovn-northd(8), router ingress tables 3, 5, 7
//! to 11).
//!
//! ```text
//! defrag     100   to a VIP: conntrack
//! ct_extract 100   what conntrack makes of a new connection
//! ip_input   100   to a VIP that is a template: it may be an address of the router
//! unsnat     120   to a VIP that is an outside address of a translation too: not this way
//! dnat       50 70 established and related connections keep what is done with their source
//!            110   a new connection to a VIP without a port
//!            120   a new connection to a VIP with a port
//!            130   a VIP without backends: tell the CMS
//!            150   a new connection from a client that keeps its backend
//! out snat   120   the source is left alone
//! ```
//!
//! What a new connection meets depends on the router in two ways: whether it has distributed gateway ports,
//! where [`gateway`] has the flows, and whether it translates the sources of all balanced connections
//! ([`force_snat`]). Routers that are alike in both share their flows ([`placed`]). For which VIPs they
//! answer ARP is in [`neighbor`].

pub mod force_snat;
pub mod gateway;
pub mod neighbor;
pub mod placed;
pub mod reach;

use super::attach::BalancerFlow;
use super::switch::{remember, to_vip, tracked_port};
use super::vip::Family;
use super::{LoadBalancer, Service, affinity, empty};
use crate::flow::register::*;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::Uuid;
use crate::router::RouterSet;

const FILE: &str = "lb/router.rs";

const DEFRAG: u16 = 100;
const EXTRACT: u16 = 100;
const TEMPLATE: u16 = 100;
const TRANSLATED_TOO: u16 = 120;
const KNOWN: u16 = 50;
const KNOWN_MARKED: u16 = 70;
const WITHOUT_PORT: u16 = 110;
const WITH_PORT: u16 = 120;
const EVENT: u16 = 130;
const AFFINITY: u16 = 150;
const AFFINITY_CHECK: u16 = 100;
const AFFINITY_LEARN: u16 = 100;
const SKIP_SNAT: u16 = 120;
const CHOOSE_STATELESS: u16 = 120;

/// What becomes of the source address of a balanced connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the router does with any.
    Plain,
    /// It is left alone (ovn-nb(5), Load_Balancer options:skip_snat).
    Skipped,
    /// It is translated (ovn-nb(5), Logical_Router options:lb_force_snat_ip).
    Forced,
}

impl Source {
    /// What a router does for a load balancer; `forces` is whether it translates all sources.
    pub fn of(lb: &LoadBalancer, forces: bool) -> Source {
        match (lb.skip_snat, forces) {
            (true, _) => Source::Skipped,
            (false, true) => Source::Forced,
            (false, false) => Source::Plain,
        }
    }

    /// How packets are marked for it.
    fn mark(self) -> &'static str {
        match self {
            Source::Plain => "",
            Source::Skipped => "flags.skip_snat_for_lb = 1; ",
            Source::Forced => "flags.force_snat_for_lb = 1; ",
        }
    }

    /// How the connection is marked for it, within the action that balances.
    fn flag(self) -> &'static str {
        match self {
            Source::Plain => "",
            Source::Skipped => "; skip_snat",
            Source::Forced => "; force_snat",
        }
    }
}

/// What every router with a VIP has.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    let related = "ct.rel && !ct.est && !ct.new && !ct.rpl";
    let established = "ct.est && !ct.rel && !ct.new && !ct.rpl && ct_mark.natted";
    let flow = |stage, priority, matches: String, actions: String| {
        (RouterSet::Balanced, Flow::new(stage, priority, matches, actions).written_in(FILE))
    };
    let extract = format!("{CT_PROTOCOL} = ct_proto(); {CT_PORT} = ct_tp_dst(); next;");
    let mut flows = vec![flow(Stage::LrInCtExtract, EXTRACT, "ct.new && ip".into(), extract)];
    for (of, action) in [(related, "ct_commit_nat;"), (established, "next;")] {
        for kind in ["skip_snat", "force_snat"] {
            let matches = format!("{of} && ct_mark.{kind} == 1");
            let action = format!("flags.{kind}_for_lb = 1; {action}");
            flows.push(flow(Stage::LrInDnat, KNOWN_MARKED, matches, action));
        }
        flows.push(flow(Stage::LrInDnat, KNOWN, of.into(), action.into()));
    }
    flows
}

fn of(lb: &LoadBalancer, flow: Flow) -> BalancerFlow {
    BalancerFlow { lb: lb.row, flow: flow.written_in(FILE) }
}

/// The flows of a VIP that are the same on all routers that have it.
pub fn everywhere(service: &Service) -> Vec<BalancerFlow> {
    let lb = &service.lb;
    let flow = |stage, priority, matches: String, actions: String| {
        Flow::new(stage, priority, matches, actions).hint(lb.row)
    };
    let to_vip = to_vip(service);
    let tracked = format!("ip && {to_vip}");
    let mut flows = vec![match lb.stateless_nat {
        true => flow(Stage::LrInCtExtract, CHOOSE_STATELESS, tracked, gateway::choose(service)),
        false => flow(Stage::LrInDefrag, DEFRAG, tracked, "ct_dnat;".into()),
    }];
    // A VIP of a template may also be an address.
    if service.vip.front.ip.contains('^') {
        flows.push(flow(Stage::LrInIpInput, TEMPLATE, to_vip, "next;".into()));
    }
    if let Some((matches, action)) = empty::event(service) {
        flows.push(flow(Stage::LrInDnat, EVENT, matches, action).punts(Punt::EmptyLb));
    }
    flows.into_iter().map(|flow| of(lb, flow)).collect()
}

/// The flow of a load balancer that leaves sources alone, whether it has VIPs or not.
pub fn skipping(lb: Uuid) -> BalancerFlow {
    let matches = "flags.skip_snat_for_lb == 1 && ip";
    let flow = Flow::new(Stage::LrOutSnat, SKIP_SNAT, matches, "next;");
    BalancerFlow { lb, flow: flow.written_in(FILE) }
}

/// The flow of a VIP on routers without gateway ports: what happens to new connections.
pub fn balancing(service: &Service, source: Source) -> BalancerFlow {
    let (action, punt) = balance(service, source);
    let mut flow = Flow::new(Stage::LrInDnat, priority(service), new(service), action).hint(service.lb.row);
    flow.punt = punt;
    of(&service.lb, flow)
}

/// The flows by which clients keep their backends, with gateway ports or without.
pub fn keeping(service: &Service, source: Source) -> Vec<BalancerFlow> {
    let lb = &service.lb;
    if lb.affinity == 0 {
        return Vec::new();
    }
    // To routers every template is one for IPv6.
    let family = if lb.template.is_some() { Family::Ip6 } else { service.vip.family };
    let parts = affinity::Affinity { prefix: source.mark(), flag: source.flag(), family };
    let mut flows = vec![Flow::new(Stage::LrInLbAffCheck, AFFINITY_CHECK, new(service), affinity::check())];
    for backend in &service.vip.backends {
        let (matches, action) = affinity::learn(service, backend, parts);
        flows.push(Flow::new(Stage::LrInLbAffLearn, AFFINITY_LEARN, matches, action));
        let (matches, action) = affinity::keep(service, backend, parts);
        flows.push(Flow::new(Stage::LrInDnat, AFFINITY, matches, action));
    }
    flows.into_iter().map(|flow| of(lb, flow.hint(lb.row))).collect()
}

/// On a router with a translation whose outside address is the VIP.
pub fn translated_too(service: &Service) -> Flow {
    let (family, protocol) = (service.vip.family.name(), service.lb.protocol.name());
    let mut matches = format!("{family} && {} && {protocol}", to_vip(service));
    if let Some(port) = &service.vip.front.port {
        matches += &format!(" && {protocol}.dst == {port}");
    }
    Flow::new(Stage::LrInUnsnat, TRANSLATED_TOO, matches, "next;").hint(service.lb.row).written_in(FILE)
}

fn priority(service: &Service) -> u16 {
    if service.vip.front.port.is_some() { WITH_PORT } else { WITHOUT_PORT }
}

/// New connections to the VIP.
fn new(service: &Service) -> String {
    let family = service.vip.family.name();
    format!("ct.new && !ct.rel && {family} && {}{}", to_vip(service), tracked_port(service))
}

/// What happens to a new connection, and whether it goes to a controller.
fn balance(service: &Service, source: Source) -> (String, Option<Punt>) {
    let (lb, mark) = (&service.lb, source.mark());
    if service.is_empty() {
        let stage = Stage::LrOutSnat.table();
        return match lb.reject {
            true => {
                let reply = format!("next(pipeline=egress,table={stage});");
                (format!("{mark}reg0 = 0; reject {{ outport <-> inport; {reply}}};"), Some(Punt::Reject))
            }
            false => (service.drop.explicit().to_string(), None),
        };
    }
    let remember = if lb.affinity > 0 { remember(service) } else { String::new() };
    let action = if lb.distributed { "ct_lb_mark_local" } else { "ct_lb_mark" };
    let fields =
        lb.selection.as_ref().map(|fields| format!("; hash_fields=\"{fields}\"")).unwrap_or_default();
    let (backends, flag) = (service.target_text(), source.flag());
    (format!("{mark}{remember}{action}(backends={backends}{fields}{flag});"), None)
}
