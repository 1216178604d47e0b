//! Packets that are too large for what is behind a gateway port (I27; ovn-nb(5), Logical_Router_Port
//! options:gateway_mtu and options:gateway_mtu_bypass).

use super::meters::Protocol;
use super::port::PortContext;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{CT_STATE, EGRESS_LOOPBACK, PACKET_LARGER};
use crate::flow::{Flow, Stage};
use crate::value::ip::text6;

use super::RouterSet;

/// The bytes of an Ethernet header.
const ETHERNET: i32 = 14;
/// The bytes of a VLAN tag.
const VLAN_TAG: i32 = 4;

/// The flows that every router has: packets are not too large.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    [Stage::LrInChkPktLen, Stage::LrInLargerPkts]
        .map(|stage| (RouterSet::All, Flow::new(stage, DEFAULT, "1", "next;")))
        .into()
}

/// Flows at priority 50 of `stage` that compare the packet with the port's limit, if it has one, and
/// go on with `actions`. ARP, and what the port lets pass, goes on without comparison at 55.
pub fn checked(port: &PortContext, stage: Stage, matches: &str, actions: &str) -> Vec<Flow> {
    let options = &port.config.options;
    let Some(mtu) = options.gateway_mtu else { return vec![port.flow(stage, 50, matches, actions)] };
    let tagged = port.switch.as_ref().is_some_and(|switch| switch.tagged);
    let length = mtu.wrapping_add(if tagged { ETHERNET + VLAN_TAG } else { ETHERNET });
    let check = format!("{PACKET_LARGER} = check_pkt_larger({length}); {actions}");
    let bypass = options.gateway_mtu_bypass.as_ref().map(|bypass| format!(" || {bypass}"));
    let small = format!("{matches} && (arp{})", bypass.unwrap_or_default());
    vec![port.flow(stage, 50, matches, check), port.flow(stage, 55, small, actions)]
}

/// What of the chassis' features the flows depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// A chassis can keep the state of a connection in a register.
    pub ct_state_save: bool,
    /// A chassis can commit a connection that it translates.
    pub ct_commit_nat_v2: bool,
}

/// The flows of a port with a limit: packets that leave by it are compared, and the sender of one
/// that came in by it and is too large is told so.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext, features: Features) -> Vec<Flow> {
    let Some(mtu) = port.config.options.gateway_mtu else { return Vec::new() };
    let save = if features.ct_state_save { format!("{CT_STATE} = ct_state_save(); ") } else { String::new() };
    let mut flows = checked(port, Stage::LrInChkPktLen, &port.is_outport(), &format!("{save}next;"));
    let received = Report { stage: Stage::LrInIpInput, priority: 150, mtu, translated: "" };
    flows.extend(received.flows(port, &port.is_inport()));
    if features.ct_commit_nat_v2 {
        let translated = "icmp && flags.icmp_snat == 1";
        flows.push(port.flow(Stage::LrOutPostSnat, 100, translated, "ct_commit_nat(snat);"));
    }
    flows
}

/// The flows of the port `from` whose packets are too large for the port `to` with the limit `mtu`.
/// The error to a reply of a translated connection has to be translated back.
///
/// Cost: a port costs a few flows for each port with a limit on its router.
pub fn pair(from: &PortContext, to: &str, mtu: i32, features: Features) -> Vec<Flow> {
    let matches = format!("{} && outport == {to}", from.is_inport());
    let state = match features.ct_state_save {
        true => "reg4[5] && reg4[3] && reg4[7]",
        false => "ct.trk && ct.rpl && ct.dnat",
    };
    let stage = Stage::LrInLargerPkts;
    let reports = [
        Report { stage, priority: 160, mtu, translated: state },
        Report { stage, priority: 150, mtu, translated: "" },
    ];
    reports.iter().flat_map(|report| report.flows(from, &matches)).collect()
}

/// A too-big error to the sender of a packet.
struct Report {
    stage: Stage,
    priority: u16,
    mtu: i32,
    /// What says that the packet belongs to a translated connection, if that is asked.
    translated: &'static str,
}

impl Report {
    /// One flow for each family of which the port has an address, which is the error's sender.
    fn flows(&self, port: &PortContext, matches: &str) -> Vec<Flow> {
        let ip4 = port.config.addresses.given.ip4.first().map(|net| net.address.to_string());
        let ip6 = port.config.addresses.ip6().next().map(|net| text6(net.address));
        let too_big4 = "icmp4.type = 3; /* Destination Unreachable. */ \
                        icmp4.code = 4; /* Frag Needed and DF was Set. */ ";
        let too_big6 = "icmp6.type = 2; /* Packet Too Big. */ icmp6.code = 0; ";
        let parts = [(ip4, '4', too_big4, Protocol::Icmp4Error), (ip6, '6', too_big6, Protocol::Icmp6Error)];
        let mac = port.mac();
        let admission = Stage::LrInAdmission.table();
        let (mark, state) = match self.translated {
            "" => ("", String::new()),
            state => ("flags.icmp_snat = 1; ", format!(" && {state}")),
        };
        let flow = |(address, v, too_big, meter): (Option<String>, char, &str, Protocol)| {
            let matches = format!("{matches} && ip{v} && {PACKET_LARGER} && {EGRESS_LOOPBACK} == 0{state}");
            let actions = format!(
                "icmp{v}_error {{{mark}{EGRESS_LOOPBACK} = 1; {PACKET_LARGER} = 0; eth.dst = {mac}; \
                 ip{v}.dst = ip{v}.src; ip{v}.src = {}; ip.ttl = 255; {too_big}icmp{v}.frag_mtu = {}; \
                 next(pipeline=ingress, table={admission}); }};",
                address?, self.mtu,
            );
            Some(port.flow(self.stage, self.priority, matches, actions).meter(port.meters.of(meter)))
        };
        parts.into_iter().filter_map(flow).collect()
    }
}
