//! The commit of connections at the end of the pipeline, with what the ACLs left to be remembered
//! (E12, E19; ovn-northd(8), "Ingress table: Stateful").

use crate::flow::register::*;
use crate::flow::{Flow, Stage};

/// Connections that some rule let in: with or without a label or sample, with or without a network
/// function. Every switch has these flows.
pub fn fixed() -> Vec<Flow> {
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
