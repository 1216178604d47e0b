//! Evaluation of ACLs: what each makes of the packets that it matches, and the flows that go before
//! and after all of them (E02, E05, E06, E07, E16, E17; ovn-northd(8), "Ingress table: ACL
//! evaluation").
//!
//! A verdict is a register bit: the stage after the next acts on it. Where connections are tracked,
//! the hints that the stage before left say which of the two flows of an ACL a packet can meet.

use super::rule::{Action, Persist, Rule};
use super::{AclStage, Settings, View, sample};
use crate::flow::priority::{ACL_ALWAYS, ACL_BUILT_IN, DEFAULT, HIGHEST};
use crate::flow::register::*;
use crate::flow::{Flow, Stage};
use crate::switch::SwitchSet;

const SOURCE: &str = "acl/eval.rs";

/// Neighbour discovery and multicast listener reports, which nothing may stop.
const DISCOVERY: &str = "nd || nd_ra || nd_rs || mldv1 || mldv2";

/// The flows of an ACL on switches that see it by `view`. `translated` says that fragments are to
/// match its layer 4 fields where connections are tracked.
pub fn rule(rule: &Rule, view: View, translated: bool) -> Vec<Flow> {
    let tier = if view.tiered { format!("{ACL_TIER} == {} && ", rule.tier) } else { String::new() };
    let base = format!("{}{}", rule.log, verdict(rule.action));
    let flow = |matches: String, actions: String| {
        Flow::new(rule.stage.eval(), rule.priority, matches, actions).hint(rule.acl)
    };
    let untracked = !view.tracking.tracks() || matches!(rule.action, Action::Pass | Action::AllowStateless);
    if rule.network_functions.is_some() && (untracked || !rule.action.commits()) {
        return Vec::new();
    }
    if untracked {
        let label = sample::label(rule, false);
        return vec![flow(format!("{tier}({})", rule.matches), format!("{base}{label}next;"))];
    }
    let hinted = |hint: &str, actions: String| {
        let flow = flow(format!("{tier}{hint} == 1 && ({})", rule.matches), actions);
        if translated { flow.acl_ct_translation() } else { flow }
    };
    let label = sample::label(rule, rule.action.commits());
    if rule.action.commits() {
        let persist = match rule.persist {
            Persist::Id(id) => format!("{ACL_ID} = {id}; {ACL_PERSIST_ID} = 1; "),
            _ => String::new(),
        };
        // What is marked on the connection may have changed since it was committed.
        let marked = rule.label != 0 || rule.sample_established.is_some() || rule.network_functions.is_some();
        let commit = if marked { format!("{CONNTRACK_COMMIT} = 1; ") } else { String::new() };
        let redirect = redirect(rule);
        vec![
            hinted(ACL_HINT_ALLOW_NEW, format!("{base}{persist}{label}{redirect}next;")),
            hinted(ACL_HINT_ALLOW, format!("{base}{commit}{label}{redirect}next;")),
        ]
    } else {
        let point = rule.sample_established.as_ref().map_or(0, |sampling| sampling.point);
        let block = format!("ct_commit {{ ct_mark.blocked = 1; ct_label.obs_point_id = {point}; }}; next;");
        vec![
            hinted(ACL_HINT_DROP, format!("{base}{label}next;")),
            hinted(ACL_HINT_BLOCK, format!("{base}{label}{block}")),
        ]
    }
}

/// Says which network functions the packet is for, if any (N01).
fn redirect(rule: &Rule) -> String {
    rule.network_functions.map_or_else(String::new, |group| {
        format!("{NETWORK_FUNCTION} = 1; {NETWORK_FUNCTION_ORIGINAL} = 1; {NETWORK_FUNCTION_ID} = {group}; ")
    })
}

fn verdict(action: Action) -> String {
    match action {
        Action::Drop => format!("{ACL_VERDICT_DROP} = 1; "),
        Action::Reject => format!("{ACL_VERDICT_REJECT} = 1; "),
        Action::Pass => String::new(),
        Action::Allow | Action::AllowRelated | Action::AllowStateless => {
            format!("{ACL_VERDICT_ALLOW} = 1; ")
        }
    }
}

/// The flows by class of switch.
///
/// Cost: none after start, but for a change of the settings.
pub fn fixed(settings: Settings) -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let allow = format!("{ACL_VERDICT_ALLOW} = 1; next;");
    let mut flows: Vec<(SwitchSet, Flow)> = Vec::new();
    for stage in AclStage::ALL {
        flows.push((All, Flow::new(stage.eval(), ACL_ALWAYS, DISCOVERY, allow.as_str())));
    }
    for stage in [Stage::LsInAclEval, Stage::LsOutAclEval] {
        flows.push((Unfiltered, Flow::new(stage, HIGHEST, "1", "next;")));
        flows.push((Filtered, Flow::new(stage, DEFAULT, "1", "next;")));
    }
    // The network's own health checks.
    for (stage, health_check) in [
        (Stage::LsInAclEval, "eth.dst == $svc_monitor_mac"),
        (Stage::LsOutAclEval, "eth.src == $svc_monitor_mac"),
    ] {
        flows.push((Filtered, Flow::new(stage, ACL_BUILT_IN, health_check, allow.as_str())));
    }
    for tracked in [false, true] {
        let commit = if tracked { "ct_commit; " } else { "" };
        let actions = format!("{ACL_VERDICT_ALLOW} = 1; {commit}next;");
        let answer = "flags.from_ctrl && udp.src == 53";
        let flow = Flow::new(Stage::LsOutAclEval, ACL_BUILT_IN, answer, actions);
        flows.push((NamesServed { tracked }, flow));
    }
    flows.extend(tracked(settings));
    flows.into_iter().map(|(set, flow)| (set, flow.written_in(SOURCE))).collect()
}

/// What is known of a connection goes before the ACLs: what answers it passes, unless an ACL has
/// stopped it since; what conntrack calls invalid does not. A packet that no ACL matches passes; its
/// connection is allowed again if it was blocked.
fn tracked(settings: Settings) -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let allow = format!("{ACL_VERDICT_ALLOW} = 1; next;");
    let deny = format!("{ACL_VERDICT_DROP} = 1; next;");
    let function = format!("{NETWORK_FUNCTION} = ct_label.nf; ");
    let blocked = "(ct.est && ct.rpl && ct_mark.blocked == 1)";
    let invalid = if settings.match_invalid { format!("ct.inv || {blocked}") } else { blocked.to_owned() };
    let mut flows = Vec::new();
    for stage in [Stage::LsInAclEval, Stage::LsOutAclEval] {
        let ingress = stage == Stage::LsInAclEval;
        // The stage after load balancing sees no more of conntrack than these hints.
        let hint = |hint: &str| if ingress { format!("{hint} = 1; ") } else { String::new() };
        let answers = if ingress {
            format!("{ACL_HINT_DROP} = 0; {ACL_HINT_BLOCK} = 0; {}", hint(ACL_HINT_ALLOW_RELATED))
        } else {
            String::new()
        };
        let related = hint(ACL_HINT_ALLOW_RELATED);
        let persisted = hint(ACL_HINT_ALLOW_PERSISTED);
        let mut add = |set, priority, matches: &str, actions: String| {
            flows.push((set, Flow::new(stage, priority, matches, actions)));
        };
        add(Tracked, 1, "ip && ct.est && ct_mark.blocked == 1", allow.clone());
        add(Tracked, 1, "ip && !ct.est", "next;".to_owned());
        add(TrackedStrictly, ACL_ALWAYS, &invalid, deny.clone());
        add(TrackedLeniently, ACL_ALWAYS, blocked, deny.clone());
        add(
            Tracked,
            ACL_ALWAYS,
            "ct.est && !ct.rel && ct.rpl && ct_mark.blocked == 0",
            format!("{answers}{function}{allow}"),
        );
        add(
            Tracked,
            ACL_ALWAYS,
            "!ct.est && ct.rel && !ct.new && ct_mark.blocked == 0",
            format!("{related}{function}{ACL_VERDICT_ALLOW} = 1; ct_commit_nat;"),
        );
        add(
            Tracked,
            ACL_ALWAYS,
            "ct.est && ct_mark.allow_established == 1",
            format!("{persisted}{function}{allow}"),
        );
    }
    for hint in [ACL_HINT_ALLOW_RELATED, ACL_HINT_ALLOW_PERSISTED] {
        let after = Stage::LsInAclAfterLbEval;
        flows.push((Tracked, Flow::new(after, ACL_ALWAYS, format!("{hint} == 1"), allow.as_str())));
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::super::Tracking;
    use super::super::rule::tests::rule as acl;
    use super::*;
    use crate::switch::port::tests::lines;

    fn view(tiered: bool, tracking: Tracking) -> View {
        View { stage: AclStage::FromLport, tiered, tracking }
    }

    #[test]
    fn without_tracking_an_acl_is_one_flow() {
        let drop = acl("from-lport", "drop", "ip4 || \"");
        assert_eq!(
            lines(&rule(&drop, view(false, Tracking::None), true)),
            ["ls_in_acl_eval 1001 | (ip4 || \") | reg8[17] = 1; next; [hint]"]
        );
        let pass = acl("to-lport", "pass", "1");
        let flows = rule(&pass, view(true, Tracking::Stateful), true);
        assert_eq!(lines(&flows), ["ls_out_acl_eval 1001 | reg8[30..31] == 0 && (1) | next; [hint]"]);
        assert!(!flows[0].key.acl_ct_translation);
    }

    #[test]
    fn with_tracking_there_is_one_flow_for_each_state() {
        let mut allow = acl("from-lport", "allow-related", "ip4");
        allow.label = 7;
        allow.persist = Persist::Id(3);
        let flows = rule(&allow, view(false, Tracking::Balanced), true);
        assert!(flows.iter().all(|flow| flow.key.acl_ct_translation));
        let label = "reg0[13] = 1; reg3 = 7; reg9 = 7; reg8[0..7] = 0; reg8[8..15] = 0; reg8[19..20] = 0; ";
        assert_eq!(
            lines(&flows),
            [
                format!(
                    "ls_in_acl_eval 1001 | reg0[7] == 1 && (ip4) | \
                     reg8[16] = 1; reg2[16..31] = 3; reg0[20] = 1; {label}next; [hint]"
                ),
                format!(
                    "ls_in_acl_eval 1001 | reg0[8] == 1 && (ip4) | reg8[16] = 1; reg0[1] = 1; {label}next; [hint]"
                ),
            ]
        );
        let reject = acl("from-lport", "reject", "ip4");
        assert_eq!(
            lines(&rule(&reject, view(false, Tracking::Stateful), false)),
            [
                "ls_in_acl_eval 1001 | reg0[9] == 1 && (ip4) | reg8[18] = 1; next; [hint]",
                "ls_in_acl_eval 1001 | reg0[10] == 1 && (ip4) | reg8[18] = 1; \
                 ct_commit { ct_mark.blocked = 1; ct_label.obs_point_id = 0; }; next; [hint]",
            ]
        );
    }
}
