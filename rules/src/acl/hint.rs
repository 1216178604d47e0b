//! Which flows of the ACLs a packet can meet, by what conntrack says of it (E03; ovn-northd(8),
//! "Ingress table: ACL hints").
//!
//! The states overlap: the first that matches leaves all hints that can be of use.

use crate::flow::priority::{DEFAULT, HIGHEST};
use crate::flow::register::*;
use crate::flow::{Flow, Stage};
use crate::switch::SwitchSet;

/// Priority, state of the connection, and hints.
const STATES: [(u16, &str, &[&str]); 7] = [
    // Nothing is known of the connection. It is committed if nothing stops it.
    (7, "ct.new && !ct.est", &[ACL_HINT_ALLOW_NEW, ACL_HINT_DROP, CONNTRACK_COMMIT]),
    // It was stopped, and may be allowed by now.
    (
        6,
        "!ct.new && ct.est && !ct.rpl && ct_mark.blocked == 1",
        &[ACL_HINT_ALLOW_NEW, ACL_HINT_DROP, CONNTRACK_COMMIT],
    ),
    (5, "!ct.trk", &[ACL_HINT_ALLOW, ACL_HINT_DROP]),
    // It was allowed, and may be stopped by now: then it is marked.
    (4, "!ct.new && ct.est && !ct.rpl && ct_mark.blocked == 0", &[ACL_HINT_ALLOW, ACL_HINT_BLOCK]),
    (3, "!ct.est", &[ACL_HINT_DROP]),
    (2, "ct.est && ct_mark.blocked == 1", &[ACL_HINT_DROP]),
    (1, "ct.est && ct_mark.blocked == 0", &[ACL_HINT_BLOCK]),
];

/// The flows by class of switch.
///
/// Cost: none after start.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let mut flows = Vec::new();
    for stage in [Stage::LsInAclHint, Stage::LsOutAclHint] {
        flows.push((SwitchSet::Unfiltered, Flow::new(stage, HIGHEST, "1", "next;")));
        flows.push((SwitchSet::Filtered, Flow::new(stage, DEFAULT, "1", "next;")));
        for (priority, state, hints) in STATES {
            let set: String = hints.iter().map(|hint| format!("{hint} = 1; ")).collect();
            flows.push((SwitchSet::Tracked, Flow::new(stage, priority, state, format!("{set}next;"))));
        }
    }
    flows
}
