//! Sources of balanced connections become an address of the port they leave by (H10; ovn-nb(5),
//! Logical_Router options:lb_force_snat_ip `router_ip`).
//!
//! Addresses that the option gives itself are in [`crate::router::nat::gateway_router`].

use crate::flow::{Flow, Stage};
use crate::problem::Problem;
use crate::router::nat::home::forces_router_ip;
use crate::router::network_id::HIGHEST;
use crate::router::port::PortContext;

const FILE: &str = "lb/router/force_snat.rs";

const BACK: u16 = 110;
const BY_NETWORK: u16 = 110;
const BY_PORT: u16 = 105;

/// The flows of one port: one pair for each network, and one for chassis that do not know which network the
/// next hop is in.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    if !forces_router_ip(&port.config.router.options) || port.config.peer.is_none() {
        return Vec::new();
    }
    let (inport, outport) = (port.is_inport(), port.is_outport());
    let mut flows = Vec::new();
    for (family, addresses) in addresses(port) {
        let Some(first) = addresses.first() else { continue };
        for (at, address) in addresses.iter().enumerate() {
            let (id, chosen) = if at > HIGHEST { (0, first) } else { (at, address) };
            let back = format!("{inport} && {family}.dst == {address}");
            flows.push(Flow::new(Stage::LrInUnsnat, BACK, back, "ct_snat;"));
            let marked =
                format!("flags.force_snat_for_lb == 1 && flags.network_id == {id} && {family} && {outport}");
            flows.push(Flow::new(Stage::LrOutSnat, BY_NETWORK, marked, format!("ct_snat({chosen});")));
        }
        let marked = format!("flags.force_snat_for_lb == 1 && {family} && {outport}");
        flows.push(Flow::new(Stage::LrOutSnat, BY_PORT, marked, format!("ct_snat({first});")));
    }
    flows.into_iter().map(|flow| flow.written_in(FILE)).collect()
}

/// What is said of networks past the sixteenth.
pub fn problems(port: &PortContext) -> Vec<Problem> {
    if !forces_router_ip(&port.config.router.options) || port.config.peer.is_none() {
        return Vec::new();
    }
    let given = &port.config.addresses.given;
    let ip4 = given.ip4.iter().map(ToString::to_string).collect::<Vec<_>>();
    let ip6 = given.ip6.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut problems = Vec::new();
    for (nets, (_, addresses)) in [ip4, ip6].into_iter().zip(addresses(port)) {
        for net in nets.into_iter().skip(HIGHEST + 1) {
            problems.push(Problem::new(format!(
                "Logical router port {} already has the max of {} networks configured, so for network \
                 \"{net}\" the first IP [{}] will be considered as SNAT for load balancer.",
                port.config.port.quoted(),
                HIGHEST + 1,
                addresses[0]
            )));
        }
    }
    problems
}

/// The addresses that the port was given, by family.
fn addresses(port: &PortContext) -> [(&'static str, Vec<String>); 2] {
    let given = &port.config.addresses.given;
    let ip4 = given.ip4.iter().map(|net| net.address.to_string());
    let ip6 = given.ip6.iter().map(|net| crate::value::ip::text6(net.address));
    [("ip4", ip4.collect()), ("ip6", ip6.collect())]
}
