//! What follows from the verdict of the ACLs of a stage (E07, E08, E09, E10; ovn-northd(8), "Ingress
//! table: ACL action").
//!
//! Without a verdict the next tier is evaluated; after the last one the packet passes or is dropped,
//! by default.

use super::{AclStage, Settings};
use crate::flow::priority::DEFAULT;
use crate::flow::register::{ACL_TIER, ACL_VERDICT_ALLOW, ACL_VERDICT_DROP, ACL_VERDICT_REJECT};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::switch::SwitchSet;

/// The flows by class of switch.
///
/// Cost: none after start, but for a change of the settings.
pub fn fixed(settings: Settings) -> Vec<(SwitchSet, Flow)> {
    let mut flows = Vec::new();
    for stage in AclStage::ALL {
        flows.push((SwitchSet::WithoutAcl, Flow::new(stage.action(), DEFAULT, "1", "next;")));
        for highest in 0..=AclStage::HIGHEST_TIER {
            let set = SwitchSet::AclTiers { stage, highest };
            flows.extend(tiers(stage, highest, settings).into_iter().map(|flow| (set, flow)));
        }
        for tiered in [false, true] {
            flows.push((SwitchSet::Rejecting { stage, tiered }, reject(stage, tiered)));
        }
    }
    flows
}

/// The verdict is spent: what comes next starts without one.
fn reset(tiered: bool) -> String {
    let tier = if tiered { format!("{ACL_TIER} = 0; ") } else { String::new() };
    format!("{ACL_VERDICT_ALLOW} = 0; {ACL_VERDICT_DROP} = 0; {ACL_VERDICT_REJECT} = 0; {tier}")
}

fn tiers(stage: AclStage, highest: u8, settings: Settings) -> Vec<Flow> {
    let reset = reset(highest > 0);
    let act = |priority, matches: String, action: &str| {
        Flow::new(stage.action(), priority, matches, format!("{reset}{action}"))
    };
    let drop = settings.drop.implicit();
    let mut flows = vec![
        act(1000, format!("{ACL_VERDICT_ALLOW} == 1"), "next;"),
        act(1000, format!("{ACL_VERDICT_DROP} == 1"), &drop),
        act(DEFAULT, "1".to_owned(), if settings.default_drop { &drop } else { "next;" }),
    ];
    let pipeline = stage.eval().pipeline().name();
    let table = stage.eval().table();
    flows.extend((0..highest).map(|tier| {
        let next = format!("{ACL_TIER} = {}; next(pipeline={pipeline},table={table});", tier + 1);
        Flow::new(stage.action(), 500, format!("{ACL_TIER} == {tier}"), next)
    }));
    flows
}

/// The sender is told by a packet that goes back the way this one came: behind the ACLs of the other
/// direction, which have no say in it.
fn reject(stage: AclStage, tiered: bool) -> Flow {
    let (pipeline, back) =
        if stage.is_ingress() { ("egress", Stage::LsOutQos) } else { ("ingress", Stage::LsInL2Lkup) };
    let actions = format!(
        "{}reg0 = 0; reject {{ /* eth.dst <-> eth.src; ip.dst <-> ip.src; is implicit. */ \
         outport <-> inport; next(pipeline={pipeline},table={}); }};",
        reset(tiered),
        back.table()
    );
    Flow::new(stage.action(), 1000, format!("{ACL_VERDICT_REJECT} == 1"), actions).punts(Punt::Reject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn without_a_verdict_the_next_tier_is_evaluated() {
        let settings = Settings { default_drop: true, ..Settings::default() };
        assert_eq!(
            lines(&tiers(AclStage::ToLport, 2, settings)),
            [
                "ls_out_acl_action 1000 | reg8[16] == 1 | reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; reg8[30..31] = 0; next;",
                "ls_out_acl_action 1000 | reg8[17] == 1 | reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; reg8[30..31] = 0; /* drop */",
                "ls_out_acl_action 0 | 1 | reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; reg8[30..31] = 0; /* drop */",
                "ls_out_acl_action 500 | reg8[30..31] == 0 | reg8[30..31] = 1; next(pipeline=egress,table=6);",
                "ls_out_acl_action 500 | reg8[30..31] == 1 | reg8[30..31] = 2; next(pipeline=egress,table=6);",
            ]
        );
    }

    #[test]
    fn a_rejection_takes_the_way_back() {
        let back = |stage| reject(stage, false).key.actions.to_string();
        assert!(back(AclStage::AfterLb).ends_with("outport <-> inport; next(pipeline=egress,table=10); };"));
        assert!(back(AclStage::ToLport).ends_with("outport <-> inport; next(pipeline=ingress,table=32); };"));
    }
}
