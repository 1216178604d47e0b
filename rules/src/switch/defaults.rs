//! What every switch has in the stages of features that it may not use: they let packets pass,
//! and act on register bits that only those features set.

use super::class::SwitchSet;
use super::path_mtu::TUNNELLED_TOO_BIG;
use crate::flow::drop::DropConfig;
use crate::flow::priority::{ACL_ALWAYS, ACL_BUILT_IN, DEFAULT, HIGHEST};
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

const ACL_STAGES: [(Stage, Stage); 2] =
    [(Stage::LsInAclHint, Stage::LsInAclEval), (Stage::LsOutAclHint, Stage::LsOutAclEval)];

const ACL_ACTIONS: [Stage; 3] = [Stage::LsInAclAction, Stage::LsInAclAfterLbAction, Stage::LsOutAclAction];

/// All of them.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    let mut flows: Vec<(SwitchSet, Flow)> = PASS
        .iter()
        .map(|stage| Flow::new(*stage, DEFAULT, "1", "next;"))
        .chain(conntrack_entry())
        .chain(commit())
        .chain(network_function(drop))
        .map(|flow| (SwitchSet::All, flow))
        .collect();
    flows.extend(acl());
    flows.into_iter().map(|(set, flow)| (set, flow.written_in("switch/defaults.rs"))).collect()
}

/// The two directions in which the network's own health checks travel, and the match of each.
const HEALTH_CHECKS: [(Stage, Stage, Stage, &str); 2] = [
    (Stage::LsInPreAcl, Stage::LsInPreLb, Stage::LsInAclEval, "eth.dst == $svc_monitor_mac"),
    (Stage::LsOutPreAcl, Stage::LsOutPreLb, Stage::LsOutAclEval, "eth.src == $svc_monitor_mac"),
];

/// What is never tracked, and what happens to packets that some rule wants tracked.
fn conntrack_entry() -> Vec<Flow> {
    let mut flows = Vec::new();
    for (acl, lb, _, health_check) in HEALTH_CHECKS {
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

/// The ACL stages. A switch without ACLs and VIPs passes ahead of all; neighbour discovery and
/// multicast listener reports are never stopped, and health checks not where packets are
/// filtered.
fn acl() -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let allow = format!("{ACL_VERDICT_ALLOW} = 1; next;");
    let discovery = "nd || nd_ra || nd_rs || mldv1 || mldv2";
    let mut flows = Vec::new();
    for stage in [Stage::LsInAclEval, Stage::LsInAclAfterLbEval, Stage::LsOutAclEval] {
        flows.push((All, Flow::new(stage, ACL_ALWAYS, discovery, allow.as_str())));
    }
    for (hint, eval) in ACL_STAGES {
        for stage in [hint, eval] {
            flows.push((Unfiltered, Flow::new(stage, HIGHEST, "1", "next;")));
            flows.push((Filtered, Flow::new(stage, DEFAULT, "1", "next;")));
        }
    }
    for (_, _, eval, health_check) in HEALTH_CHECKS {
        flows.push((Filtered, Flow::new(eval, ACL_BUILT_IN, health_check, allow.as_str())));
    }
    for stage in ACL_ACTIONS {
        flows.push((WithoutAcl, Flow::new(stage, DEFAULT, "1", "next;")));
    }
    flows
}

/// The commit of connections that some rule let in: with or without a label or sample, with or
/// without a network function.
fn commit() -> Vec<Flow> {
    let mut flows = Vec::new();
    for stage in [Stage::LsInStateful, Stage::LsOutStateful] {
        for labelled in [false, true] {
            for function in [false, true] {
                let label = if labelled {
                    format!(
                        "ct_mark.obs_stage = {SAMPLE_STAGE}; \
                         ct_mark.obs_collector_id = {SAMPLE_COLLECTOR_ESTABLISHED}; \
                         ct_label.obs_point_id = {SAMPLE_POINT_ESTABLISHED}; "
                    )
                } else {
                    String::new()
                };
                let (priority, also, nf, nf_id) = if function {
                    let also = format!(" && {NETWORK_FUNCTION} == 1");
                    (110, also, "1", NETWORK_FUNCTION_ID)
                } else {
                    (100, String::new(), "0", "0")
                };
                let matches =
                    format!("{CONNTRACK_COMMIT} == 1 && {ACL_LABEL} == {}{also}", u8::from(labelled));
                let actions = format!(
                    "ct_commit {{ ct_mark.blocked = 0; \
                     ct_mark.allow_established = {ACL_PERSIST_ID}; {label}\
                     ct_label.acl_id = {ACL_ID}; ct_label.nf = {nf}; \
                     ct_label.nf_id = {nf_id}; }}; next;"
                );
                flows.push(Flow::new(stage, priority, matches, actions));
            }
        }
    }
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
