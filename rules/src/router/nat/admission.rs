//! What a router lets in because it translates: packets for the MAC address of a distributed translation
//! (J04), and packets from outside addresses that came back in (J12).

use super::entry::{Kind, NatEntry};
use crate::flow::register::{EGRESS_LOOPBACK, INPORT_ETH_ADDR, PACKET_LARGER};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::router::packet_length;
use crate::router::port::PortContext;

const FILE: &str = "router/nat/admission.rs";

/// A packet that is from an outside address is no forgery where it was sent back in.
///
/// Cost: a translation costs its own flow.
pub fn source(entry: &NatEntry) -> Option<Flow> {
    let nat = &entry.nat;
    let gate = entry.gate.as_ref().filter(|_| nat.kind == Kind::Snat)?;
    let matches = format!("{} && ip{}.src == {}", gate.port.is_inport(), nat.family(), nat.external_ip);
    Some(entry.flow(Stage::LrInIpInput, 120, matches, "next;").written_in(FILE))
}

/// Packets for the MAC address of a distributed translation are let in where its logical port is, and are
/// compared with the limit of the gateway port `port`: the sender of one that is too large is told so in the
/// name of the outside address (J18).
///
/// Cost: a distributed translation costs its own flows.
pub fn distributed(entry: &NatEntry, port: &PortContext) -> Vec<Flow> {
    let nat = &entry.nat;
    let (Some(given), Some(resident)) = (&nat.external_mac, &nat.logical_port) else { return Vec::new() };
    let matches =
        format!("eth.dst == {} && {} && is_chassis_resident(\"{resident}\")", given.mac, port.is_inport());
    let keep = format!("{INPORT_ETH_ADDR} = {}; next;", port.mac());
    let checked = packet_length::checked(port, Stage::LrInAdmission, &matches, &keep);
    let mut flows: Vec<Flow> = checked.into_iter().map(|flow| flow.hint(nat.row).written_in(FILE)).collect();
    if let Some(mtu) = port.config.options.gateway_mtu {
        let (v, outside) = (nat.family(), &nat.external_ip);
        let (too_big, punt) = match v {
            '4' => (
                "icmp4.type = 3; /* Destination Unreachable. */ \
                 icmp4.code = 4; /* Frag Needed and DF was Set. */ ",
                Punt::Icmp4Error,
            ),
            _ => ("icmp6.type = 2; /* Packet Too Big. */ icmp6.code = 0; ", Punt::Icmp6Error),
        };
        let matches = format!(
            "{} && {PACKET_LARGER} && {EGRESS_LOOPBACK} == 0 && ip{v} && ip{v}.dst == {outside}",
            port.is_inport()
        );
        let actions = format!(
            "icmp{v}_error {{{EGRESS_LOOPBACK} = 1; {PACKET_LARGER} = 0; eth.dst = eth.src; \
             eth.src = {}; ip{v}.dst = ip{v}.src; ip{v}.src = {outside}; ip.ttl = 254; \
             {too_big}icmp{v}.frag_mtu = {mtu}; outport = {}; flags.loopback = 1; output; }};",
            given.text,
            port.config.port.quoted(),
        );
        flows.push(entry.flow(Stage::LrInIpInput, 160, matches, actions).punts(punt).written_in(FILE));
    }
    flows
}
