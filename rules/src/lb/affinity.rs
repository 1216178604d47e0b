//! Session affinity (H08): for some time a client keeps the backend that it got first (ovn-nb(5),
//! Load_Balancer options:affinity_timeout).
//!
//! ```text
//! aff_check 100    a new connection to the VIP: has the client a backend that it keeps?
//! lb        150    it has: to that backend, one flow for each
//! aff_learn 100    it has not: remember the backend that it got, one flow for each
//! ```

use super::Service;
use super::vip::{Endpoint, Family};
use crate::flow::register::*;

/// What a switch and a router differ in.
#[derive(Clone, Copy, Debug)]
pub struct Affinity<'a> {
    /// What precedes the choice of a backend in the action.
    pub prefix: &'a str,
    /// What follows the backend in the action, before the bracket.
    pub flag: &'a str,
    /// The version of IP: routers take templates for IPv6.
    pub family: Family,
}

/// The match and action of a flow.
pub type MatchAction = (String, String);

/// The action of the check; its match is that of new connections to the VIP.
pub fn check() -> String {
    format!("{LB_SESSION} = chk_lb_aff(); next;")
}

fn register(family: Family) -> &'static str {
    match family {
        Family::Ip4 => LB_IP4,
        Family::Ip6 => LB_IP6,
    }
}

/// How a backend is written: with its port if that is a number.
fn numbered(backend: &Endpoint, family: Family) -> String {
    match (backend.number, family) {
        (0, _) => backend.ip.to_string(),
        (port, Family::Ip4) => format!("{}:{port}", backend.ip),
        (port, Family::Ip6) => format!("[{}]:{port}", backend.ip),
    }
}

/// For a client that keeps `backend`: a new connection goes there.
pub fn keep(service: &Service, backend: &Endpoint, affinity: Affinity<'_>) -> MatchAction {
    let (family, front) = (affinity.family, &service.vip.front);
    let mut matches = format!(
        "{LB_SESSION} == 1 && ct.new && {}.dst == {} && {} == {}",
        family.name(),
        front.ip,
        register(family),
        backend.ip
    );
    if backend.number != 0 {
        matches += &format!(" && {LB_PORT} == {}", backend.number);
    }
    let target = numbered(backend, family);
    (matches, format!("{}ct_lb_mark(backends={target}{});", affinity.prefix, affinity.flag))
}

/// For a client that keeps none: it has got `backend`, which is remembered.
pub fn learn(service: &Service, backend: &Endpoint, affinity: Affinity<'_>) -> MatchAction {
    let (family, front, protocol) = (affinity.family, &service.vip.front, service.lb.protocol.name());
    let ip = family.name();
    let mut matches = format!("{LB_SESSION} == 0 && ct.new && {ip} && {} == {}", register(family), front.ip);
    if let Some(port) = &front.port {
        matches += &format!(" && {LB_PORT} == {port}");
    }
    matches += &format!(" && {ip}.dst == {}", backend.ip);
    if backend.number != 0 {
        matches += &format!(" && {protocol}.dst == {}", backend.number);
    }
    let protocol = if front.port.is_some() { format!(", proto = {protocol}") } else { String::new() };
    let action = format!(
        "commit_lb_aff(vip = \"{}\", backend = \"{}\"{protocol}, timeout = {}); /* drop */",
        front.text(family),
        numbered(backend, family),
        service.lb.affinity
    );
    (matches, action)
}
