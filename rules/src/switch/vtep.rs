//! Hardware VTEP gateways (D13). They know no pipeline: what they send goes straight to the
//! lookup of its destination, and their ARP to whoever owns the address.

use northflow_engine::Relation;

use super::class::SwitchSet;
use super::port::PortKind;
use super::router_side::RouterSide;
use crate::flow::priority::HIGHEST;
use crate::flow::register::FROM_RAMP;
use crate::flow::row::Placed;
use crate::flow::text::quote;
use crate::flow::{Flow, On, Stage};
use crate::topology::switch_port::PortConfig;

const SOURCE: &str = "switch/vtep.rs";

/// The flows of every switch with a port of type vtep.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let lookup = format!("next(pipeline=ingress, table={});", Stage::LsInL2Lkup.table());
    let flows = [
        Flow::new(Stage::LsInHairpin, 1000, format!("{FROM_RAMP} == 1"), lookup),
        Flow::new(
            Stage::LsInArpRsp,
            HIGHEST,
            format!("{FROM_RAMP} == 1 && (arp || nd_ns)"),
            "flags.loopback = 1; next;",
        ),
    ];
    flows.map(|flow| (SwitchSet::WithVtep, flow.written_in(SOURCE))).into()
}

/// The flow of one distributed gateway port behind a switch with a port of type vtep: on its
/// chassis, packets of the VTEP meet the ARP stage. `redirect` is its chassis-redirect port.
pub fn gateway(redirect: &str) -> Flow {
    let matches = format!("{FROM_RAMP} == 1 && is_chassis_resident({})", quote(redirect));
    Flow::new(Stage::LsInHairpin, 2000, matches, "next;").written_in(SOURCE)
}

/// The flows of distributed gateway ports behind switches with a port of type vtep.
///
/// Cost: a gateway port costs itself; the first VTEP of a switch, the gateway ports behind it.
pub fn gateways(ports: &Relation<PortConfig>, routers: &Relation<RouterSide>) -> Relation<Placed> {
    let switches = ports.filter(|port| port.kind == PortKind::Vtep).map(|port| port.switch);
    routers
        .filter(|side| side.redirect.is_some())
        .index_by(|side| side.switch)
        .semijoin(&switches.index_by(|switch| *switch))
        .flat_map(|side| {
            let flow = gateway(side.redirect.as_deref()?);
            Some(Placed { on: On::Datapath(side.switch), flow })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn vtep_packets_skip_the_pipeline() {
        let mut flows: Vec<Flow> = fixed().into_iter().map(|(_, flow)| flow).collect();
        flows.push(gateway("cr-lr0-s0"));
        assert_eq!(
            lines(&flows),
            [
                "ls_in_hairpin 1000 | reg0[14] == 1 | next(pipeline=ingress, table=32);",
                "ls_in_arp_rsp 65535 | reg0[14] == 1 && (arp || nd_ns) | flags.loopback = 1; next;",
                "ls_in_hairpin 2000 | reg0[14] == 1 && is_chassis_resident(\"cr-lr0-s0\") | next;",
            ]
        );
    }
}
