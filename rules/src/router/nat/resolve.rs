//! The outside addresses of a router with gateway ports as next hops (J12).

use super::entry::NatEntry;
use super::home::Home;
use crate::flow::register::{NEXT_HOP_IP4, NEXT_HOP_IP6};
use crate::flow::{Flow, Stage};

const STAGE: Stage = Stage::LrInArpResolve;

/// The flows of an outside address. `first_gateway` stands for the gateway ports of a router that bridges
/// what it redirects.
///
/// What came from outside for the address and was not translated is not sent back there. What comes from
/// inside finds the address at the gateway port.
///
/// Cost: an address costs its own flows.
pub fn flows(entry: &NatEntry, home: &Home, first_gateway: Option<&str>) -> Vec<Flow> {
    let nat = &entry.nat;
    let Some(gate) = entry.gate.as_ref().filter(|_| !home.gateway_router) else { return Vec::new() };
    let (v, outside) = (nat.family(), &nat.external_ip);
    let (next_hop, lookup) = match v {
        '6' => (NEXT_HOP_IP6, "get_nd"),
        _ => (NEXT_HOP_IP4, "get_arp"),
    };
    let flow = |priority, matches: String, actions: String| {
        entry.flow(STAGE, priority, matches, actions).written_in("router/nat/resolve.rs")
    };
    let (inport, outport) = (gate.port.is_inport(), gate.port.is_outport());
    let back = format!("{inport} && {outport} && ip{v}.dst == {outside}");
    let mac = match &nat.external_mac {
        Some(given) if entry.distributed => given.text.to_string(),
        _ => gate.mac.to_string(),
    };
    let mut flows = vec![
        flow(150, back, home.settings.drop.explicit().to_string()),
        flow(100, format!("{outport} && {next_hop} == {outside}"), format!("eth.dst = {mac}; next;")),
    ];
    let port = nat.logical_port.as_deref().filter(|_| home.bridged && entry.distributed);
    if let (Some(port), Some(first)) = (port, first_gateway) {
        let matches = format!(
            "outport == {first} && ip{v}.src == {} && is_chassis_resident(\"{port}\")",
            nat.logical_ip
        );
        flows.push(flow(90, matches, format!("{lookup}(outport, {next_hop}); next;")));
    }
    flows
}
