//! Destinations: the outside address becomes the one inside, and on the way back the reverse (J03, J04,
//! J05).

use super::entry::NatEntry;
use super::filter;
use super::home::Home;
use crate::flow::{Flow, Stage};

/// The priority of a translation with a match and the priority 0.
const WITH_MATCH: u16 = 300;
/// The priority of other translations of destinations.
const PLAIN: u16 = 100;

/// The priority at which destinations are translated.
pub fn priority(entry: &NatEntry) -> u16 {
    match entry.nat.matches.is_empty() {
        true => PLAIN,
        false => with_match(entry),
    }
}

/// The priority of a translation with a match (J09).
pub fn with_match(entry: &NatEntry) -> u16 {
    WITH_MATCH.saturating_add(entry.nat.priority)
}

/// Packets for the outside address: on a gateway router from everywhere, else from the gateway port,
/// where the translation is done.
///
/// Cost: a translation costs its own flows.
pub fn ingress(entry: &NatEntry, home: &Home) -> Vec<Flow> {
    let nat = &entry.nat;
    if !nat.kind.dnat() {
        return Vec::new();
    }
    let v = nat.family();
    let mut matches = format!("ip && ip{v}.dst == {}", nat.external_ip);
    let mut actions = String::new();
    if home.gateway_router {
        if home.force_dnat.any() {
            actions += "flags.force_snat_for_dnat = 1; ";
        }
        // The packet may leave by the port that it came from.
        actions += "flags.loopback = 1; ";
    } else if let Some(gate) = &entry.gate {
        matches += &format!(" && {}{}", gate.port.is_inport(), entry.centrally());
    }
    let mut flows = Vec::new();
    flows.extend(filter::exempted(entry, home, filter::Side::Source, &matches));
    matches += &filter::allowed(entry, filter::Side::Source);
    if nat.stateless {
        actions += &format!("ip{v}.dst={}; next;", nat.logical_ip);
    } else {
        let action = if home.common_zone() { "ct_dnat_in_czone" } else { "ct_dnat" };
        actions += &format!("{action}({}{});", nat.logical_ip, ports(entry));
    }
    matches += &own_match(entry);
    flows.push(entry.flow(Stage::LrInDnat, priority(entry), matches, actions));
    flows
}

/// `,RANGE` of a translation that is limited to ports (J08).
pub fn ports(entry: &NatEntry) -> String {
    match &*entry.nat.port_range {
        "" => String::new(),
        range => format!(",{range}"),
    }
}

/// ` && (MATCH)` of a translation that has one.
pub fn own_match(entry: &NatEntry) -> String {
    match &*entry.nat.matches {
        "" => String::new(),
        matches => format!(" && ({matches})"),
    }
}

/// Answers to such packets, at the gateway port. Gateway routers turn back everything
/// ([`super::gateway_router`]).
///
/// Cost: a translation costs its own flow.
pub fn egress(entry: &NatEntry, home: &Home) -> Option<Flow> {
    let nat = &entry.nat;
    let gate = entry.gate.as_ref().filter(|_| nat.kind.dnat())?;
    let (v, inside) = (nat.family(), &nat.logical_ip);
    let matches = format!("ip && ip{v}.src == {inside} && {}{}", gate.port.is_outport(), entry.centrally());
    let action = match (nat.stateless, home.common_zone()) {
        (true, _) => "next;",
        (false, true) => "ct_dnat_in_czone;",
        (false, false) => "ct_dnat;",
    };
    Some(entry.flow(Stage::LrOutUndnat, 100, matches, entry.own_source() + action))
}
