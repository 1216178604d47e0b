//! Connections that are balanced back to their own client (H11): switches translate the source to the
//! VIP, so that the answers pass them as well.

use crate::flow::register::*;
use crate::flow::{Flow, Stage};
use crate::switch::SwitchSet;

const ORIGINAL: u16 = 100;
const REPLY: u16 = 90;
const LOOP: u16 = 1;
/// Fragments of connections that are under way: before new connections to a VIP without a port.
const FRAGMENT: u16 = 110;

/// What every switch with a VIP has.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let fragment = |family: &str, action: String| {
        let matches = format!("ct.trk && ct.est && !ct.rpl && {IP_FRAGMENT} == 1 && {family}");
        Flow::new(Stage::LsInLb, FRAGMENT, matches, format!("{action}; {LB_PORT} = ct_tp_dst(); next;"))
    };
    let check = format!("{HAIRPIN} = chk_lb_hairpin(); {HAIRPIN_REPLY} = chk_lb_hairpin_reply(); next;");
    let new = format!("ip && ct.new && ct.trk && {HAIRPIN} == 1");
    let established = format!("ip && ct.est && ct.trk && {HAIRPIN} == 1");
    let flows = [
        fragment("ip4", format!("{LB_IP4} = ct_nw_dst()")),
        fragment("ip6", format!("{LB_IP6} = ct_ip6_dst()")),
        Flow::new(Stage::LsInPreHairpin, ORIGINAL, "ip && ct.trk", check).hint_datapath(),
        Flow::new(Stage::LsInNatHairpin, ORIGINAL, new, "ct_snat_to_vip; next;").hint_datapath(),
        Flow::new(Stage::LsInNatHairpin, ORIGINAL, established, "ct_snat;").hint_datapath(),
        Flow::new(Stage::LsInNatHairpin, REPLY, format!("ip && {HAIRPIN_REPLY} == 1"), "ct_snat;")
            .hint_datapath(),
        Flow::new(
            Stage::LsInHairpin,
            LOOP,
            format!("({HAIRPIN} == 1 || {HAIRPIN_REPLY} == 1)"),
            "eth.dst <-> eth.src; outport = inport; flags.loopback = 1; output;",
        ),
    ];
    flows.into_iter().map(|flow| (SwitchSet::Balanced, flow.written_in("lb/hairpin.rs"))).collect()
}
