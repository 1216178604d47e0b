//! What every switch has in the stages of features that it may not use: they let packets pass,
//! and act on register bits that only those features set. The stages of ACLs are in `acl/`.

use super::class::SwitchSet;
use super::path_mtu::TUNNELLED_TOO_BIG;
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::*;
use crate::flow::{Flow, Stage};

/// Stages whose default is to pass on every switch.
const PASS: &[Stage] = &[
    Stage::LsInMirror,
    Stage::LsInPreAcl,
    Stage::LsInPreLb,
    Stage::LsInPreStateful,
    Stage::LsInAclSample,
    Stage::LsInQos,
    Stage::LsInCtExtract,
    Stage::LsInLbAffCheck,
    Stage::LsInLb,
    Stage::LsInLbAffLearn,
    Stage::LsInPreHairpin,
    Stage::LsInNatHairpin,
    Stage::LsInHairpin,
    Stage::LsInAclAfterLbEval,
    Stage::LsInAclAfterLbSample,
    Stage::LsInPreNetworkFunction,
    Stage::LsInStateful,
    Stage::LsInNetworkFunction,
    Stage::LsInArpRsp,
    Stage::LsInDhcpOptions,
    Stage::LsInDhcpResponse,
    Stage::LsInDnsLookup,
    Stage::LsInDnsResponse,
    Stage::LsInExternalPort,
    Stage::LsOutPreAcl,
    Stage::LsOutPreLb,
    Stage::LsOutPreStateful,
    Stage::LsOutAclSample,
    Stage::LsOutMirror,
    Stage::LsOutQos,
    Stage::LsOutPreNetworkFunction,
    Stage::LsOutStateful,
    Stage::LsOutNetworkFunction,
];

/// All of them.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    PASS.iter()
        .map(|stage| Flow::new(*stage, DEFAULT, "1", "next;"))
        .chain(conntrack_entry())
        .chain(network_function(drop))
        .map(|flow| (SwitchSet::All, flow.written_in("switch/defaults.rs")))
        .collect()
}

/// The two directions in which the network's own health checks travel, and the match of each.
const HEALTH_CHECKS: [(Stage, Stage, &str); 2] = [
    (Stage::LsInPreAcl, Stage::LsInPreLb, "eth.dst == $svc_monitor_mac"),
    (Stage::LsOutPreAcl, Stage::LsOutPreLb, "eth.src == $svc_monitor_mac"),
];

/// What is never tracked, and what happens to packets that some rule wants tracked.
fn conntrack_entry() -> Vec<Flow> {
    let mut flows = Vec::new();
    for (acl, lb, health_check) in HEALTH_CHECKS {
        flows.push(Flow::new(acl, 110, health_check, "next;"));
        let stateless = format!("{ACL_STATELESS} == 1");
        let discovery = "nd || nd_rs || nd_ra || mldv1 || mldv2";
        for untracked in [health_check, "eth.mcast", discovery, &stateless] {
            flows.push(Flow::new(lb, 110, untracked, "next;"));
        }
    }
    // The match lacks a space that its twins have; matches are compared as text.
    let too_big = TUNNELLED_TOO_BIG.replace("|| (ip6", "||(ip6");
    flows.push(Flow::new(Stage::LsInPreLb, 110, too_big, "next;"));

    for stage in [Stage::LsInPreStateful, Stage::LsOutPreStateful] {
        flows.push(Flow::new(stage, 110, format!("{CONNTRACK_NAT} == 1"), "ct_lb_mark;"));
        flows.push(Flow::new(stage, 100, format!("{CONNTRACK_DEFRAG} == 1"), "ct_next;"));
    }
    flows.push(Flow::new(
        Stage::LsInPreStateful,
        115,
        format!("{CONNTRACK_NAT} == 1 && ip.is_frag"),
        format!("{IP_FRAGMENT} = 1; ct_lb_mark;"),
    ));
    flows
}

/// Packets for a network function that is not there are dropped, but for multicast, which would
/// loop through one.
fn network_function(drop: DropConfig) -> Vec<Flow> {
    let wanted = format!("{NETWORK_FUNCTION} == 1");
    let mut flows = Vec::new();
    for (choose, redirect) in [
        (Stage::LsInPreNetworkFunction, Stage::LsInNetworkFunction),
        (Stage::LsOutPreNetworkFunction, Stage::LsOutNetworkFunction),
    ] {
        flows.push(Flow::new(
            choose,
            1,
            format!("{wanted} && {NETWORK_FUNCTION_ORIGINAL} == 1"),
            format!("{NETWORK_FUNCTION_ID} = 0; next;"),
        ));
        flows.push(Flow::new(redirect, 100, format!("{wanted} && eth.mcast"), "next;"));
        flows.push(Flow::new(redirect, 1, wanted.as_str(), drop.explicit()));
    }
    flows
}
