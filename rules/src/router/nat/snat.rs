//! Sources: the address inside becomes the one outside, and on the way back the reverse (J02, J05, J13,
//! J14).

use super::dnat::{own_match, ports, with_match};
use super::entry::{Kind, NatEntry};
use super::filter::{self, Side};
use super::home::Home;
use crate::flow::register::DNAT_LOCAL;
use crate::flow::{Flow, Stage};

/// What a packet that answers nothing matches.
const NO_REPLY: &str = " && (!ct.trk || !ct.rpl)";

/// The priority at which sources are translated: the longer the prefix, the higher.
pub fn priority(entry: &NatEntry, home: &Home) -> u16 {
    if !entry.nat.matches.is_empty() {
        return with_match(entry);
    }
    let plain = u16::from(entry.nat.logical_length) + 1;
    if !home.gateway_router && home.gateways { plain + 128 } else { plain }
}

/// Answers: the outside address is turned back before destinations are looked at.
///
/// Cost: a translation costs its own flows.
pub fn ingress(entry: &NatEntry, home: &Home) -> Vec<Flow> {
    let nat = &entry.nat;
    if !nat.kind.snat() {
        return Vec::new();
    }
    let mut matches = format!("ip && ip{}.dst == {}", nat.family(), nat.external_ip);
    if let Some(gate) = entry.gate.as_ref().filter(|_| !home.gateway_router) {
        matches += &format!(" && {}{}", gate.port.is_inport(), entry.centrally());
    }
    let flow = |priority, matches, actions: &str| entry.flow(Stage::LrInUnsnat, priority, matches, actions);
    let priority = if home.gateway_router { 90 } else { 100 };
    if nat.stateless {
        vec![flow(priority, matches, "next;")]
    } else if home.common_zone() {
        let straight = format!("{matches} && flags.loopback == 0");
        let hairpin = format!("{matches} && flags.loopback == 1 && flags.use_snat_zone == 1");
        vec![flow(100, straight, "ct_snat_in_czone;"), flow(100, hairpin, "ct_snat;")]
    } else {
        vec![flow(priority, matches, "ct_snat;")]
    }
}

/// The match of packets from inside, or with `Side::Source` of those that answer them, and the flow that
/// exempts some.
fn inside(entry: &NatEntry, home: &Home, side: Side) -> (String, Option<Flow>) {
    let nat = &entry.nat;
    let (field, gate) = match side {
        Side::Destination => ("src", "outport"),
        Side::Source => ("dst", "inport"),
    };
    let mut matches = format!("ip && ip{}.{field} == {}", nat.family(), nat.logical_ip);
    if let Some(port) = entry.gate.as_ref().filter(|_| !home.gateway_router) {
        matches += &format!(" && {gate} == {}", port.port.quoted());
        let resident = match &nat.logical_port {
            Some(port) if entry.distributed => port,
            _ => &port.redirect,
        };
        matches += &format!(" && is_chassis_resident(\"{resident}\")");
    }
    let exempted = filter::exempted(entry, home, side, &matches);
    matches += &filter::allowed(entry, side);
    matches += &own_match(entry);
    (matches, exempted)
}

/// Packets from inside on their way out.
///
/// Cost: a translation costs its own flows.
pub fn egress(entry: &NatEntry, home: &Home) -> Vec<Flow> {
    let nat = &entry.nat;
    if !nat.kind.snat() {
        return Vec::new();
    }
    let (outside, v, priority) = (&nat.external_ip, nat.family(), priority(entry, home));
    let (matches, exempted) = inside(entry, home, Side::Destination);
    let mut flows = Vec::from_iter(exempted);
    let source = if home.gateway_router { String::new() } else { entry.own_source() };
    let flow = |priority, matches, actions| entry.flow(Stage::LrOutSnat, priority, matches, actions);
    if nat.stateless {
        flows.push(flow(priority, matches, format!("{source}ip{v}.src={outside}; next;")));
        return flows;
    }
    let arguments = format!("{outside}{}", ports(entry));
    let fresh = matches + NO_REPLY;
    if home.common_zone() {
        let local = format!("{fresh} && {DNAT_LOCAL} == 1");
        flows.push(flow(priority, fresh, format!("{source}ct_snat_in_czone({arguments});")));
        let actions = format!("{source}{DNAT_LOCAL} = 0; ct_snat({arguments});");
        flows.push(flow(priority.saturating_add(1), local, actions));
        return flows;
    }
    flows.push(flow(priority, fresh.clone(), format!("{source}ct_snat({arguments});")));
    if home.settings.zones && !home.gateway_router && !home.commit_all {
        flows.extend(tracked(entry, home, fresh));
    }
    flows
}

/// Connections into the network whose sources are translated are tracked, so that what answers them is not
/// translated (J14): in the zone of sources, or in that of destinations where these are translated too.
/// `fresh` matches packets that leave.
fn tracked(entry: &NatEntry, home: &Home, fresh: String) -> Vec<Flow> {
    let (zone, above) = if entry.nat.kind == Kind::Snat { ("snat", 0) } else { ("dnat", 5) };
    let priority = priority(entry, home).saturating_add(above);
    let plain = |stage, priority, matches: String, actions: String| {
        Flow::new(stage, priority, matches, actions).written_in("router/nat/snat.rs")
    };
    let (matches, exempted) = inside(entry, home, Side::Source);
    let mut flows = Vec::from_iter(exempted);
    flows.extend([
        plain(Stage::LrOutPostUndnat, 70 + above, fresh, format!("ct_next({zone});")),
        plain(Stage::LrOutSnat, priority, format!("{matches}{NO_REPLY}"), format!("ct_{zone};")),
        plain(
            Stage::LrOutPostSnat,
            priority,
            format!("{matches} && ct.new"),
            format!("ct_commit_to_zone({zone});"),
        ),
    ]);
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::nat::entry::tests::{entry, gated, row};
    use crate::router::nat::home::tests::{gateway_router, with_gateway};
    use crate::switch::port::tests::lines;

    #[test]
    fn the_longer_prefix_wins() {
        let at = |home: &Home, logical| priority(&entry(&row("snat", "172.16.0.1", logical)), home);
        assert_eq!(at(&gateway_router(), "10.0.0.0/24"), 25);
        assert_eq!(at(&gateway_router(), "10.0.0.1"), 33);
        assert_eq!(at(&with_gateway(), "10.0.0.0/24"), 153);
    }

    #[test]
    fn connections_into_the_network_are_tracked_at_a_gateway_port() {
        let nat = gated(&row("snat", "172.16.0.1", "10.0.0.0/24"));
        let new = "lr_out_snat 153 | ip && ip4.src == 10.0.0.0/24 && outport == \"g\" && is_chassis_resident(\"cr-g\") && (!ct.trk || !ct.rpl) | ct_snat(172.16.0.1); [hint]";
        let into = "ip && ip4.dst == 10.0.0.0/24 && inport == \"g\" && is_chassis_resident(\"cr-g\")";
        assert_eq!(
            lines(&egress(&nat, &with_gateway())),
            [
                new.to_owned(),
                "lr_out_post_undnat 70 | ip && ip4.src == 10.0.0.0/24 && outport == \"g\" && is_chassis_resident(\"cr-g\") && (!ct.trk || !ct.rpl) | ct_next(snat);".into(),
                format!("lr_out_snat 153 | {into} && (!ct.trk || !ct.rpl) | ct_snat;"),
                format!("lr_out_post_snat 153 | {into} && ct.new | ct_commit_to_zone(snat);"),
            ]
        );
        let all = Home { commit_all: true, ..with_gateway() };
        assert_eq!(lines(&egress(&nat, &all)), [new]);
    }

    #[test]
    fn in_one_zone_what_was_translated_here_goes_back_through_the_other() {
        let mut home = with_gateway();
        home.settings.common_zone = true;
        let nat = gated(&row("snat", "172.16.0.1", "10.0.0.1"));
        let actions =
            |flows: Vec<Flow>| flows.iter().map(|flow| flow.key.actions.to_string()).collect::<Vec<_>>();
        assert_eq!(actions(ingress(&nat, &home)), ["ct_snat_in_czone;", "ct_snat;"]);
        assert_eq!(
            actions(egress(&nat, &home)),
            ["ct_snat_in_czone(172.16.0.1);", "reg9[4] = 0; ct_snat(172.16.0.1);"]
        );
    }
}
