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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::nat::entry::tests::{entry, gated, row};
    use crate::router::nat::home::tests::{gateway_router, with_gateway};
    use crate::switch::port::tests::lines;

    #[test]
    fn on_a_gateway_router_packets_may_come_from_everywhere() {
        let mut nat = row("dnat_and_snat", "172.16.0.1", "10.0.0.1");
        let of = |nat: &_| lines(&ingress(&entry(nat), &gateway_router()));
        assert_eq!(
            of(&nat),
            ["lr_in_dnat 100 | ip && ip4.dst == 172.16.0.1 | flags.loopback = 1; ct_dnat(10.0.0.1); [hint]"]
        );
        nat.external_port_range = "80-90".into();
        (nat.match_, nat.priority) = ("tcp".into(), 5);
        assert_eq!(
            of(&nat),
            [
                "lr_in_dnat 305 | ip && ip4.dst == 172.16.0.1 && (tcp) | flags.loopback = 1; ct_dnat(10.0.0.1,80-90); [hint]"
            ]
        );
        assert_eq!(egress(&entry(&nat), &gateway_router()), None);
    }

    #[test]
    fn a_gateway_port_translates_at_the_gateway_or_at_the_logical_port() {
        let mut nat = row("dnat_and_snat", "fd00::1", "fd01::1");
        let of = |nat: &_| {
            let mut flows = ingress(&gated(nat), &with_gateway());
            flows.extend(egress(&gated(nat), &with_gateway()));
            lines(&flows)
        };
        assert_eq!(
            of(&nat),
            [
                "lr_in_dnat 100 | ip && ip6.dst == fd00::1 && inport == \"g\" && is_chassis_resident(\"cr-g\") | ct_dnat(fd01::1); [hint]",
                "lr_out_undnat 100 | ip && ip6.src == fd01::1 && outport == \"g\" && is_chassis_resident(\"cr-g\") | ct_dnat; [hint]",
            ]
        );
        (nat.logical_port, nat.external_mac) = (Some("vm".into()), Some("0A:00:00:00:00:01".into()));
        nat.options.insert("stateless", "true".into());
        assert_eq!(
            of(&nat),
            [
                "lr_in_dnat 100 | ip && ip6.dst == fd00::1 && inport == \"g\" | ip6.dst=fd01::1; next; [hint]",
                "lr_out_undnat 100 | ip && ip6.src == fd01::1 && outport == \"g\" | eth.src = 0a:00:00:00:00:01; next; [hint]",
            ]
        );
    }
}
