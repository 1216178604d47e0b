//! What routers do in stages of which nothing special is asked: packets go on.
//!
//! Stages that drop what they do not know, and those whose default says more, have their flow with
//! their other flows.

use super::RouterSet;
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{DNAT_LOCAL, ECMP_GROUP, ROUTE_TABLE};
use crate::flow::{Flow, Stage};

/// Stages in which packets simply go on.
const PASS: [Stage; 17] = [
    Stage::LrInDhcpRelayReq,
    Stage::LrInUnsnat,
    Stage::LrInPostUnsnat,
    Stage::LrInDefrag,
    Stage::LrInCtExtract,
    Stage::LrInLbAffCheck,
    Stage::LrInDnat,
    Stage::LrInLbAffLearn,
    Stage::LrInEcmpStateful,
    Stage::LrInDhcpRelayRespChk,
    Stage::LrInDhcpRelayResp,
    Stage::LrOutUndnat,
    Stage::LrOutPostUndnat,
    Stage::LrOutSnat,
    Stage::LrOutPostSnat,
    Stage::LrOutEgrLoop,
    Stage::LrOutChkDnatLocal,
];

/// The flows of every router.
///
/// Neighbour solicitations that a chassis makes up need no translation. A packet without a route
/// table is routed by the first; one without a group of next hops skips the stages that choose one.
/// Router discovery is never routed.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let pass = PASS.map(|stage| {
        let actions = match stage {
            Stage::LrOutChkDnatLocal => format!("{DNAT_LOCAL} = 0; next;"),
            _ => "next;".into(),
        };
        Flow::new(stage, DEFAULT, "1", actions)
    });
    let drops = [Stage::LrInIpRouting, Stage::LrInIpRoutingEcmp, Stage::LrInPolicyEcmp]
        .map(|stage| Flow::new(stage, DEFAULT, "1", drop.explicit()));
    let no_group = [Stage::LrInIpRoutingEcmp, Stage::LrInPolicyEcmp]
        .map(|stage| Flow::new(stage, 150, format!("{ECMP_GROUP} == 0"), "next;"));
    let rest = [
        Flow::new(Stage::LrOutSnat, 120, "nd_ns", "next;"),
        Flow::new(Stage::LrInIpRoutingPre, DEFAULT, "1", format!("{ROUTE_TABLE} = 0; next;")),
        Flow::new(Stage::LrInPolicy, DEFAULT, "1", format!("{ECMP_GROUP} = 0; next;")),
        Flow::new(Stage::LrInEcmpStatefulEgr, DEFAULT, "1", "output;"),
    ];
    let discovery = Flow::new(Stage::LrInIpRouting, 10550, "nd_rs || nd_ra", drop.explicit());
    let flows = pass.into_iter().chain(drops).chain([discovery]).chain(no_group).chain(rest);
    flows.map(|flow| (RouterSet::All, flow)).collect()
}
