//! Which packets are sent through conntrack before ACLs are evaluated, and which are not (E04, E14;
//! ovn-northd(8), "Ingress table: from-lport Pre-ACLs"). Ports that are left out are in
//! `switch/conntrack_bypass.rs`.

use super::rule::{Action, Rule};
use super::{Settings, View};
use crate::flow::register::{ACL_STATELESS, CONNTRACK_DEFRAG};
use crate::flow::{Flow, Stage};
use crate::switch::SwitchSet;
use crate::switch::path_mtu::TUNNELLED_TOO_BIG;

const STAGES: [Stage; 2] = [Stage::LsInPreAcl, Stage::LsOutPreAcl];

/// Packets between chassis and remote VTEPs: these have no connections of ours.
const REMOTE: [&str; 2] = ["from_evpn_vtep", "to_evpn_vtep"];

/// Neighbour discovery, multicast listener reports, and requests to DHCPv6 servers.
const UNTRACKED: &str = "nd || nd_rs || nd_ra || mldv1 || mldv2 || (udp && udp.src == 546 && udp.dst == 547)";

/// A stateless ACL goes before all that are stateful: its packets are marked, and not tracked.
pub fn stateless(rule: &Rule, view: View) -> Option<Flow> {
    if rule.action != Action::AllowStateless || !view.tracking.tracks() {
        return None;
    }
    let stage = STAGES[usize::from(!rule.stage.is_ingress())];
    let actions = format!("{ACL_STATELESS} = 1; next;");
    Some(Flow::new(stage, rule.priority, rule.matches.clone(), actions).hint(rule.acl))
}

/// The flows by class of switch.
///
/// Multicast is left out, unless ACLs match what conntrack says of layer 4: then all packets have to
/// go there.
///
/// Cost: none after start, but for a change of the settings.
pub fn fixed(settings: Settings) -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let mut flows = Vec::new();
    for (stage, remote) in STAGES.into_iter().zip(REMOTE) {
        flows.push((RemoteStateful, Flow::new(stage, 110, remote, "next;")));
        flows.push((Stateful, Flow::new(stage, 110, UNTRACKED, "next;")));
        if !settings.translate {
            flows.push((Stateful, Flow::new(stage, 110, "eth.mcast", "next;")));
        }
        flows.push((Stateful, Flow::new(stage, 100, "ip", format!("{CONNTRACK_DEFRAG} = 1; next;"))));
    }
    flows.push((Stateful, Flow::new(Stage::LsInPreAcl, 110, TUNNELLED_TOO_BIG, "next;")));
    flows.push((RemoteStateful, Flow::new(Stage::LsOutPreLb, 110, REMOTE[1], "next;")));
    // Where nothing tracks, no state of another datapath may leave with the packet.
    let clear = "flags.pkt_sampled = 0; ct_clear; next;";
    flows.push((RemoteStateless, Flow::new(Stage::LsOutPreLb, 110, REMOTE[1], clear)));
    for set in [RemoteStateful, RemoteStateless] {
        flows.push((set, Flow::new(Stage::LsInPreLb, 110, REMOTE[0], "next;")));
    }
    flows
}
