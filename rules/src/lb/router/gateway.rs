//! Load balancing on routers with distributed gateway ports (H04, H16, H17): where a port's chassis is, and
//! back to it from everywhere else.
//!
//! ```text
//! dnat        110 120  new connections, on the chassis of the gateway port
//! gw_redirect 200      answers go to the gateway port
//! out undnat  120      answers are turned back there
//! ```
//!
//! A stateless load balancer (ovn-nb(5), Load_Balancer options:use_stateless_nat) of a router with several
//! gateway ports does without conntrack: ct_extract chooses a backend by its number, dnat and out snat 160
//! rewrite addresses.

use super::{Source, balance, new, priority};
use crate::flow::register::CT_PORT;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::lb::Service;
use crate::lb::vip::Endpoint;
use crate::meter::copp::Punt;
use crate::topology::router::GatewayPort;

const FILE: &str = "lb/router/gateway.rs";

const BACK: u16 = 200;
const UNDNAT: u16 = 120;
const STATELESS_SNAT: u16 = 160;

/// What of the router counts beside the gateway port.
#[derive(Clone, Copy, Debug)]
pub struct Router {
    /// What becomes of sources.
    pub source: Source,
    /// Sources and destinations are translated in one zone.
    pub common_zone: bool,
    /// There are several gateway ports.
    pub several: bool,
}

/// The flows of a VIP at one gateway port.
pub fn flows(service: &Service, router: Router, gateway: &GatewayPort) -> Vec<Flow> {
    let flows = match service.lb.stateless_nat && router.several {
        true => stateless(service, gateway),
        false => stateful(service, router, gateway),
    };
    flows.into_iter().map(|flow| flow.hint(service.lb.row).written_in(FILE)).collect()
}

fn resident(gateway: &GatewayPort) -> String {
    format!("is_chassis_resident({})", quote(&gateway.redirect))
}

/// Whether packets to the VIP go to backends or are dropped; those that are rejected are so on any chassis.
fn stays(service: &Service) -> bool {
    !service.vip.backends.is_empty() || !service.lb.reject
}

/// The controllers' meter counts whether the action is theirs or not.
fn punt(service: &Service) -> Option<Punt> {
    (service.is_empty() && service.lb.reject).then_some(Punt::Reject)
}

fn stateful(service: &Service, router: Router, gateway: &GatewayPort) -> Vec<Flow> {
    let centralized = !service.lb.distributed;
    let mut matches = new(service);
    if centralized && stays(service) {
        matches += &format!(" && {}", resident(gateway));
    }
    let (action, punt) = balance(service, router.source);
    let mut balancing = Flow::new(Stage::LrInDnat, priority(service), matches, action);
    balancing.punt = punt;
    if service.vip.backends.is_empty() {
        return vec![balancing];
    }
    let (answers, port) = (answers(service), gateway.port.quoted());
    let way = if centralized { quote(&gateway.redirect) } else { port.to_string() };
    let undo = match (router.source, router.common_zone) {
        (Source::Forced, _) => "flags.force_snat_for_lb = 1; next;",
        (Source::Skipped, _) => "flags.skip_snat_for_lb = 1; next;",
        (Source::Plain, true) => "ct_dnat_in_czone;",
        (Source::Plain, false) => "ct_dnat;",
    };
    let mut passing = format!("{answers} && (inport == {port} || outport == {port})");
    if centralized {
        passing += &format!(" && {}", resident(gateway));
    }
    vec![
        balancing,
        Flow::new(
            Stage::LrInGwRedirect,
            BACK,
            format!("{answers} && outport == {port}"),
            format!("outport = {way}; next;"),
        ),
        Flow::new(Stage::LrOutUndnat, UNDNAT, passing, undo),
    ]
}

/// Packets that come from a backend.
fn answers(service: &Service) -> String {
    let (family, protocol) = (service.vip.family.name(), service.lb.protocol.name());
    let from = |backend: &Endpoint| match &backend.port {
        Some(port) => format!("({family}.src == {} && {protocol}.src == {port})", backend.ip),
        None => format!("({family}.src == {})", backend.ip),
    };
    let from: Vec<String> = service.vip.backends.iter().map(from).collect();
    format!("{family} && ({})", from.join(" || "))
}

fn stateless(service: &Service, gateway: &GatewayPort) -> Vec<Flow> {
    let (vip, protocol) = (&service.vip, service.lb.protocol.name());
    let family = vip.family.name();
    let mut to_vip = if stays(service) { resident(gateway) } else { String::new() };
    to_vip += &format!(" && {family} && {family}.dst == {}", vip.front.ip);
    if let Some(port) = &vip.front.port {
        to_vip += &format!(" && {protocol} && {protocol}.dst == {port}");
    }
    let rewrite = |backend: &Endpoint| {
        let mut action = format!("{family}.dst = {}; ", backend.ip);
        if let (Some(_), Some(port)) = (&vip.front.port, &backend.port) {
            action += &format!("{protocol}.dst = {port}; ");
        }
        action + "next;"
    };
    let several = vip.backends.len() > 1;
    let mut flows: Vec<Flow> = vip
        .backends
        .iter()
        .enumerate()
        .map(|(number, backend)| {
            let chosen = if several { format!(" && {CT_PORT} == {number}") } else { String::new() };
            let matches = format!("{to_vip}{chosen}");
            let mut flow = Flow::new(Stage::LrInDnat, priority(service), matches, rewrite(backend));
            flow.punt = punt(service);
            flow
        })
        .collect();
    if vip.backends.is_empty() {
        return flows;
    }
    let (answers, port) = (answers(service), gateway.port.quoted());
    let way = format!("outport = {}; next;", quote(&gateway.redirect));
    flows.push(Flow::new(Stage::LrInGwRedirect, BACK, format!("{answers} && outport == {port}"), way));
    let passing = format!(
        "{answers} && (inport == {port} || outport == {port}) && {} && {protocol}",
        resident(gateway)
    );
    flows.push(Flow::new(Stage::LrOutUndnat, UNDNAT, passing.clone(), "next;"));
    let source = match &vip.front.port {
        Some(port) => format!("{family}.src = {}; {protocol}.src = {port}; next;", vip.front.ip),
        None => format!("{family}.src = {}; next;", vip.front.ip),
    };
    flows.push(Flow::new(Stage::LrOutSnat, STATELESS_SNAT, passing, source));
    flows
}

/// Chooses a backend by its number, without conntrack.
pub fn choose(service: &Service) -> String {
    let count = service.vip.backends.len();
    if count <= 1 {
        return "next;".into();
    }
    let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    let numbers = numbers.join(",");
    match &service.lb.selection {
        Some(fields) => format!("{CT_PORT} = select(values=({numbers}); hash_fields=\"{fields}\");"),
        None => format!("{CT_PORT} = select({numbers});"),
    }
}
