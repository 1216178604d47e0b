//! The 86 pipeline stages, one table: everything that knows a stage's number or name reads it here.
//!
//! A packet meets the ingress stages of a datapath in table order, then, once an output port is
//! chosen, its egress stages (ovn-architecture(7), "Logical pipelines"; ovn-northd(8), "Logical
//! Flow Table Structure").

use serde::{Deserialize, Serialize};

/// What kind of datapath a stage belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DatapathType {
    /// A logical switch.
    Switch,
    /// A logical router.
    Router,
}

/// Which half of a datapath a stage belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Pipeline {
    /// Before the output port is final.
    Ingress,
    /// After, once per output port.
    Egress,
}

impl Pipeline {
    /// The text of Logical_Flow.pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Pipeline::Ingress => "ingress",
            Pipeline::Egress => "egress",
        }
    }
}

/// One row of the stage table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageRow {
    /// The stage that the row describes.
    pub stage: Stage,
    /// Kind of datapath.
    pub datapath: DatapathType,
    /// Half of the datapath.
    pub pipeline: Pipeline,
    /// Logical_Flow.table_id: the position in its pipeline.
    pub table: u8,
    /// Logical_Flow.external_ids:stage-name.
    pub name: &'static str,
    /// The file below `rules/src` that writes most of the stage's flows.
    pub owner: &'static str,
}

macro_rules! stages {
    ($($datapath:ident $pipeline:ident $table:literal $stage:ident $name:literal $owner:literal;)*) => {
        /// A pipeline stage; the variants are named and ordered as in the reference's table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Stage {
            $(#[doc = concat!("`", $name, "`, table ", stringify!($table), ".")] $stage,)*
        }

        /// Every stage, pipeline by pipeline, in table order; `STAGES[stage as usize]` is its row.
        pub const STAGES: &[StageRow] = &[
            $(StageRow {
                stage: Stage::$stage,
                datapath: DatapathType::$datapath,
                pipeline: Pipeline::$pipeline,
                table: $table,
                name: $name,
                owner: $owner,
            },)*
        ];
    };
}

stages! {
    Switch Ingress 0  LsInCheckPortSec          "ls_in_check_port_sec"          "switch/admission.rs";
    Switch Ingress 1  LsInApplyPortSec          "ls_in_apply_port_sec"          "switch/port_security.rs";
    Switch Ingress 2  LsInMirror                "ls_in_mirror"                  "switch/mirror.rs";
    Switch Ingress 3  LsInLookupFdb             "ls_in_lookup_fdb"              "switch/fdb.rs";
    Switch Ingress 4  LsInPutFdb                "ls_in_put_fdb"                 "switch/fdb.rs";
    Switch Ingress 5  LsInPreAcl                "ls_in_pre_acl"                 "acl/entry.rs";
    Switch Ingress 6  LsInPreLb                 "ls_in_pre_lb"                  "acl/entry.rs";
    Switch Ingress 7  LsInPreStateful           "ls_in_pre_stateful"            "acl/entry.rs";
    Switch Ingress 8  LsInAclHint               "ls_in_acl_hint"                "acl/hint.rs";
    Switch Ingress 9  LsInAclEval               "ls_in_acl_eval"                "acl/eval.rs";
    Switch Ingress 10 LsInAclSample             "ls_in_acl_sample"              "acl/sample.rs";
    Switch Ingress 11 LsInAclAction             "ls_in_acl_action"              "acl/verdict.rs";
    Switch Ingress 12 LsInQos                   "ls_in_qos"                     "meter/qos.rs";
    Switch Ingress 13 LsInCtExtract             "ls_in_ct_extract"              "lb/switch.rs";
    Switch Ingress 14 LsInLbAffCheck            "ls_in_lb_aff_check"            "lb/affinity.rs";
    Switch Ingress 15 LsInLb                    "ls_in_lb"                      "lb/switch.rs";
    Switch Ingress 16 LsInLbAffLearn            "ls_in_lb_aff_learn"            "lb/affinity.rs";
    Switch Ingress 17 LsInPreHairpin            "ls_in_pre_hairpin"             "lb/hairpin.rs";
    Switch Ingress 18 LsInNatHairpin            "ls_in_nat_hairpin"             "lb/hairpin.rs";
    Switch Ingress 19 LsInHairpin               "ls_in_hairpin"                 "lb/hairpin.rs";
    Switch Ingress 20 LsInAclAfterLbEval        "ls_in_acl_after_lb_eval"       "acl/eval.rs";
    Switch Ingress 21 LsInAclAfterLbSample      "ls_in_acl_after_lb_sample"     "acl/sample.rs";
    Switch Ingress 22 LsInAclAfterLbAction      "ls_in_acl_after_lb_action"     "acl/verdict.rs";
    Switch Ingress 23 LsInPreNetworkFunction    "ls_in_pre_network_function"    "network_function/redirect.rs";
    Switch Ingress 24 LsInStateful              "ls_in_stateful"                "acl/stateful.rs";
    Switch Ingress 25 LsInNetworkFunction       "ls_in_network_function"        "network_function/redirect.rs";
    Switch Ingress 26 LsInArpRsp                "ls_in_arp_rsp"                 "service/arp_nd.rs";
    Switch Ingress 27 LsInDhcpOptions           "ls_in_dhcp_options"            "service/dhcpv4.rs";
    Switch Ingress 28 LsInDhcpResponse          "ls_in_dhcp_response"           "service/dhcpv4.rs";
    Switch Ingress 29 LsInDnsLookup             "ls_in_dns_lookup"              "service/dns.rs";
    Switch Ingress 30 LsInDnsResponse           "ls_in_dns_response"            "service/dns.rs";
    Switch Ingress 31 LsInExternalPort          "ls_in_external_port"           "switch/external_port.rs";
    Switch Ingress 32 LsInL2Lkup                "ls_in_l2_lkup"                 "switch/l2_lookup.rs";
    Switch Ingress 33 LsInL2Unknown             "ls_in_l2_unknown"              "switch/l2_lookup.rs";
    Switch Egress  0  LsOutLookupFdb            "ls_out_lookup_fdb"             "switch/fdb.rs";
    Switch Egress  1  LsOutPutFdb               "ls_out_put_fdb"                "switch/fdb.rs";
    Switch Egress  2  LsOutPreAcl               "ls_out_pre_acl"                "acl/entry.rs";
    Switch Egress  3  LsOutPreLb                "ls_out_pre_lb"                 "acl/entry.rs";
    Switch Egress  4  LsOutPreStateful          "ls_out_pre_stateful"           "acl/entry.rs";
    Switch Egress  5  LsOutAclHint              "ls_out_acl_hint"               "acl/hint.rs";
    Switch Egress  6  LsOutAclEval              "ls_out_acl_eval"               "acl/eval.rs";
    Switch Egress  7  LsOutAclSample            "ls_out_acl_sample"             "acl/sample.rs";
    Switch Egress  8  LsOutAclAction            "ls_out_acl_action"             "acl/verdict.rs";
    Switch Egress  9  LsOutMirror               "ls_out_mirror"                 "switch/mirror.rs";
    Switch Egress  10 LsOutQos                  "ls_out_qos"                    "meter/qos.rs";
    Switch Egress  11 LsOutPreNetworkFunction   "ls_out_pre_network_function"   "network_function/redirect.rs";
    Switch Egress  12 LsOutStateful             "ls_out_stateful"               "acl/stateful.rs";
    Switch Egress  13 LsOutNetworkFunction      "ls_out_network_function"       "network_function/redirect.rs";
    Switch Egress  14 LsOutCheckPortSec         "ls_out_check_port_sec"         "switch/port_security.rs";
    Switch Egress  15 LsOutApplyPortSec         "ls_out_apply_port_sec"         "switch/port_security.rs";
    Router Ingress 0  LrInAdmission             "lr_in_admission"               "router/admission.rs";
    Router Ingress 1  LrInLookupNeighbor        "lr_in_lookup_neighbor"         "router/neighbor.rs";
    Router Ingress 2  LrInLearnNeighbor         "lr_in_learn_neighbor"          "router/neighbor.rs";
    Router Ingress 3  LrInIpInput               "lr_in_ip_input"                "router/ip_input.rs";
    Router Ingress 4  LrInDhcpRelayReq          "lr_in_dhcp_relay_req"          "service/dhcp_relay.rs";
    Router Ingress 5  LrInUnsnat                "lr_in_unsnat"                  "router/nat/snat.rs";
    Router Ingress 6  LrInPostUnsnat            "lr_in_post_unsnat"             "router/nat/snat.rs";
    Router Ingress 7  LrInDefrag                "lr_in_defrag"                  "lb/router.rs";
    Router Ingress 8  LrInCtExtract             "lr_in_ct_extract"              "lb/router.rs";
    Router Ingress 9  LrInLbAffCheck            "lr_in_lb_aff_check"            "lb/affinity.rs";
    Router Ingress 10 LrInDnat                  "lr_in_dnat"                    "router/nat/dnat.rs";
    Router Ingress 11 LrInLbAffLearn            "lr_in_lb_aff_learn"            "lb/affinity.rs";
    Router Ingress 12 LrInEcmpStateful          "lr_in_ecmp_stateful"           "router/route/symmetric_reply.rs";
    Router Ingress 13 LrInNdRaOptions           "lr_in_nd_ra_options"           "router/advertisement.rs";
    Router Ingress 14 LrInNdRaResponse          "lr_in_nd_ra_response"          "router/advertisement.rs";
    Router Ingress 15 LrInIpRoutingPre          "lr_in_ip_routing_pre"          "router/route/table.rs";
    Router Ingress 16 LrInIpRouting             "lr_in_ip_routing"              "router/route.rs";
    Router Ingress 17 LrInIpRoutingEcmp         "lr_in_ip_routing_ecmp"         "router/route/ecmp.rs";
    Router Ingress 18 LrInPolicy                "lr_in_policy"                  "router/policy.rs";
    Router Ingress 19 LrInPolicyEcmp            "lr_in_policy_ecmp"             "router/policy.rs";
    Router Ingress 20 LrInDhcpRelayRespChk      "lr_in_dhcp_relay_resp_chk"     "service/dhcp_relay.rs";
    Router Ingress 21 LrInDhcpRelayResp         "lr_in_dhcp_relay_resp"         "service/dhcp_relay.rs";
    Router Ingress 22 LrInArpResolve            "lr_in_arp_resolve"             "router/resolve.rs";
    Router Ingress 23 LrInChkPktLen             "lr_in_chk_pkt_len"             "router/packet_length.rs";
    Router Ingress 24 LrInLargerPkts            "lr_in_larger_pkts"             "router/packet_length.rs";
    Router Ingress 25 LrInGwRedirect            "lr_in_gw_redirect"             "router/redirect.rs";
    Router Ingress 26 LrInNetworkId             "lr_in_network_id"              "router/network_id.rs";
    Router Ingress 27 LrInArpRequest            "lr_in_arp_request"             "router/request.rs";
    Router Ingress 28 LrInEcmpStatefulEgr       "lr_in_ecmp_stateful_egr"       "router/route/symmetric_reply.rs";
    Router Egress  0  LrOutChkDnatLocal         "lr_out_chk_dnat_local"         "router/nat/loopback.rs";
    Router Egress  1  LrOutUndnat               "lr_out_undnat"                 "router/nat/dnat.rs";
    Router Egress  2  LrOutPostUndnat           "lr_out_post_undnat"            "router/nat/gateway_router.rs";
    Router Egress  3  LrOutSnat                 "lr_out_snat"                   "router/nat/snat.rs";
    Router Egress  4  LrOutPostSnat             "lr_out_post_snat"              "router/nat/snat.rs";
    Router Egress  5  LrOutEgrLoop              "lr_out_egr_loop"               "router/nat/loopback.rs";
    Router Egress  6  LrOutDelivery             "lr_out_delivery"               "router/delivery.rs";
}

impl Stage {
    /// The stage's row of [`STAGES`].
    pub fn row(self) -> &'static StageRow {
        &STAGES[self as usize]
    }

    /// Kind of datapath.
    pub fn datapath(self) -> DatapathType {
        self.row().datapath
    }

    /// Half of the datapath.
    pub fn pipeline(self) -> Pipeline {
        self.row().pipeline
    }

    /// Logical_Flow.table_id.
    pub fn table(self) -> u8 {
        self.row().table
    }

    /// The name, such as `ls_in_check_port_sec`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The stage that a southbound row names, `None` if there is none.
    pub fn find(datapath: DatapathType, pipeline: Pipeline, table: i64) -> Option<Stage> {
        STAGES
            .iter()
            .find(|row| row.datapath == datapath && row.pipeline == pipeline && i64::from(row.table) == table)
            .map(|row| row.stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_in_order() {
        let mut last = None;
        let mut lengths = Vec::new();
        for (i, row) in STAGES.iter().enumerate() {
            assert_eq!(row.stage as usize, i);
            let pipeline = (row.datapath, row.pipeline);
            if last != Some(pipeline) {
                lengths.push(0u8);
                last = Some(pipeline);
            }
            let length = lengths.last_mut().unwrap();
            assert_eq!(row.table, *length, "{}", row.name);
            *length += 1;
        }
        assert_eq!(lengths, [34, 16, 29, 7]);
    }

    #[test]
    fn names_tell_datapath_and_pipeline() {
        for row in STAGES {
            let prefix = match (row.datapath, row.pipeline) {
                (DatapathType::Switch, Pipeline::Ingress) => "ls_in_",
                (DatapathType::Switch, Pipeline::Egress) => "ls_out_",
                (DatapathType::Router, Pipeline::Ingress) => "lr_in_",
                (DatapathType::Router, Pipeline::Egress) => "lr_out_",
            };
            assert!(row.name.starts_with(prefix), "{}", row.name);
        }
    }

    #[test]
    fn a_southbound_row_finds_its_stage() {
        let find = |table| Stage::find(DatapathType::Switch, Pipeline::Egress, table);
        assert_eq!(find(15), Some(Stage::LsOutApplyPortSec));
        assert_eq!(find(16), None);
        assert_eq!(find(-1), None);
    }
}
