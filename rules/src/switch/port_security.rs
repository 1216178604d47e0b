//! Port security (D02): the switch asks the chassis, which knows the rules from
//! Port_Binding.port_security, and drops what it refuses. Also where a port's queue is set again
//! on the way to the physical network (B11).

use super::class::SwitchSet;
use super::port::{Port, PortKind};
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::PORT_SECURITY_DROP;
use crate::flow::{Flow, Stage};

/// The flows that every switch has. Multicast leaves unchecked: its destination is no port's own.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    let refused = format!("{PORT_SECURITY_DROP} == 1");
    let flows = vec![
        Flow::new(
            Stage::LsInCheckPortSec,
            50,
            "1",
            format!("{PORT_SECURITY_DROP} = check_in_port_sec(); next;"),
        )
        .written_in("switch/port_security.rs"),
        Flow::new(Stage::LsInApplyPortSec, 50, refused.as_str(), drop.explicit())
            .desc("Broadcast/multicast port security invalid"),
        Flow::new(Stage::LsInApplyPortSec, DEFAULT, "1", "next;"),
        Flow::new(Stage::LsOutCheckPortSec, 100, "eth.mcast", format!("{PORT_SECURITY_DROP} = 0; next;")),
        Flow::new(
            Stage::LsOutCheckPortSec,
            DEFAULT,
            "1",
            format!("{PORT_SECURITY_DROP} = check_out_port_sec(); next;"),
        ),
        Flow::new(Stage::LsOutApplyPortSec, 50, refused, drop.explicit())
            .desc("Packet does not follow port security rules"),
        Flow::new(Stage::LsOutApplyPortSec, DEFAULT, "1", "output;"),
    ];
    flows.into_iter().map(|flow| (SwitchSet::All, flow)).collect()
}

/// The flow that sets the queue of a port's packets as they leave through the physical network.
/// `queue` is the text of Port_Binding.options:qdisc_queue_id; `localnet` the switch's first
/// localnet port, in the order of Logical_Switch.ports. None for a disabled port, nor for kinds
/// that pass no such queue on.
///
/// Cost: a change of a port's queue touches one flow; a change of the first localnet port those
/// of the switch's ports with a queue.
pub fn queue(
    port: &Port,
    kind: PortKind,
    enabled: bool,
    queue: &str,
    localnet: Option<&Port>,
) -> Option<Flow> {
    if !enabled || matches!(kind, PortKind::External | PortKind::Vtep) {
        return None;
    }
    let actions = format!("set_queue({queue}); output;");
    let stage = Stage::LsOutApplyPortSec;
    if kind == PortKind::Localnet {
        return Some(port.own_flow(stage, 100, port.is_outport(), actions));
    }
    let localnet = localnet?;
    let matches = format!("{} && {}", localnet.is_outport(), port.is_inport());
    Some(localnet.own_flow(stage, 110, matches, actions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn a_queue_follows_the_packet_to_the_physical_network() {
        let (b, ln) = (port("b"), port("ln"));
        assert_eq!(
            lines(&[queue(&b, PortKind::Vif, true, "1", Some(&ln)).unwrap()]),
            [
                "ls_out_apply_port_sec 110 | outport == \"ln\" && inport == \"b\" | set_queue(1); output; [port ln] [hint]"
            ]
        );
        assert_eq!(
            lines(&[queue(&ln, PortKind::Localnet, true, "2", Some(&ln)).unwrap()]),
            ["ls_out_apply_port_sec 100 | outport == \"ln\" | set_queue(2); output; [port ln] [hint]"]
        );
        assert_eq!(queue(&b, PortKind::Vif, true, "1", None), None);
        assert_eq!(queue(&b, PortKind::Vif, false, "1", Some(&ln)), None);
    }
}
