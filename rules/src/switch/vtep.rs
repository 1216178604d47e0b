//! Hardware VTEP gateways (D13). They know no pipeline: what they send goes straight to the
//! lookup of its destination, and their ARP to whoever owns the address.

use super::class::SwitchSet;
use crate::flow::priority::HIGHEST;
use crate::flow::register::FROM_RAMP;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};

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
