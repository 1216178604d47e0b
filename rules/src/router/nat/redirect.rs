//! Packets of distributed translations leave where their logical port is (J04).

use super::entry::NatEntry;
use crate::flow::drop::DropConfig;
use crate::flow::register::{SOURCE_IP4, SOURCE_IP6};
use crate::flow::{Flow, Stage};

const STAGE: Stage = Stage::LrInGwRedirect;
const FILE: &str = "router/nat/redirect.rs";

fn from_inside(entry: &NatEntry) -> Option<String> {
    let gate = entry.gate.as_ref().filter(|_| entry.distributed)?;
    let nat = &entry.nat;
    Some(format!("ip{}.src == {} && {}", nat.family(), nat.logical_ip, gate.port.is_outport()))
}

/// Packets from inside do not go to the gateway. They have the outside addresses already, which a request
/// for the next hop's address is sent with.
///
/// Cost: a translation costs its own flow.
pub fn here(entry: &NatEntry) -> Option<Flow> {
    let nat = &entry.nat;
    let (port, mac) = (nat.logical_port.as_ref()?, nat.external_mac.as_ref()?);
    let matches = format!("{} && is_chassis_resident(\"{port}\")", from_inside(entry)?);
    let source = if nat.family() == '6' { SOURCE_IP6 } else { SOURCE_IP4 };
    let actions = format!("eth.src = {}; {source} = {}; next;", mac.text, nat.external_ip);
    Some(entry.flow(STAGE, 100, matches, actions).written_in(FILE))
}

/// Where the logical port is a virtual one that nobody has claimed, packets go nowhere: were they sent by
/// the gateway, the physical network would learn the wrong place.
///
/// Cost: a translation costs its own flow.
pub fn unclaimed(entry: &NatEntry, drop: DropConfig) -> Option<Flow> {
    Some(entry.flow(STAGE, 80, from_inside(entry)?, drop.explicit()).written_in(FILE))
}
