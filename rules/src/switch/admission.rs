//! Admission to a switch: what is dropped at the door, and what a port's packets carry from it
//! (D01, D03).

use super::class::SwitchSet;
use super::path_mtu::TUNNELLED_TOO_BIG;
use super::port::{Port, PortKind};
use crate::flow::drop::DropConfig;
use crate::flow::register::{FROM_RAMP, FROM_ROUTER_PORT, PORT_SECURITY_DROP};
use crate::flow::{Flow, Stage};

/// The flows that every switch has, or every switch that blocks VLAN tags.
///
/// A too-big error off a tunnel that no port's flow turned round (`path_mtu`) is dropped, and so
/// are VLAN tags and senders with a multicast address.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    let stage = Stage::LsInCheckPortSec;
    vec![
        (
            SwitchSet::All,
            Flow::new(stage, 105, TUNNELLED_TOO_BIG, drop.explicit()).desc("ICMP: packet too big"),
        ),
        (
            SwitchSet::VlanBlocked,
            Flow::new(stage, 100, "vlan.present", drop.explicit())
                .desc("VLANs blocked due to vlan-passthru option"),
        ),
        (
            SwitchSet::All,
            // The missing space is part of the text that users have come to search for.
            Flow::new(stage, 100, "eth.src[40]", drop.explicit())
                .desc("Incoming Broadcast/multicast sourceaddress is invalid"),
        ),
    ]
}

/// The admission flows of one port.
///
/// A disabled port neither sends nor receives. A queue chosen for the port is set here, so that
/// it holds wherever the packet leaves. Packets of a hardware VTEP go straight to the hairpin
/// stage; those of a router port are marked as such. `queue` is the text of
/// Port_Binding.options:qdisc_queue_id.
///
/// Cost: a port change touches its own two flows.
pub fn port(port: &Port, kind: PortKind, enabled: bool, queue: Option<&str>, drop: DropConfig) -> Vec<Flow> {
    let stage = Stage::LsInCheckPortSec;
    if kind == PortKind::External {
        return Vec::new();
    }
    if !enabled {
        return vec![
            port.own_flow(stage, 100, port.is_inport(), format!("{PORT_SECURITY_DROP} = 1; next;")),
            port.own_flow(Stage::LsInL2Unknown, 50, port.is_outport(), drop.explicit()),
        ];
    }
    let queue = queue.map(|queue| format!("set_queue({queue}); "));
    let rest = match (kind, &queue) {
        (PortKind::Vtep, _) => {
            format!("{FROM_RAMP} = 1; next(pipeline=ingress, table={});", Stage::LsInHairpin.table())
        }
        (_, Some(_)) => format!("{PORT_SECURITY_DROP} = check_in_port_sec(); next;"),
        (PortKind::Router, None) => format!("{FROM_ROUTER_PORT} = 1; next;"),
        _ => return Vec::new(),
    };
    let actions = queue.unwrap_or_default() + &rest;
    vec![port.own_flow(stage, 70, port.is_inport(), actions)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    fn flows(kind: PortKind, enabled: bool, queue: Option<&str>) -> Vec<String> {
        lines(&port(&named("b"), kind, enabled, queue, DropConfig::default()))
    }

    #[test]
    fn an_ordinary_port_needs_nothing() {
        assert!(flows(PortKind::Vif, true, None).is_empty());
        assert!(flows(PortKind::External, false, Some("1")).is_empty());
    }

    #[test]
    fn a_disabled_port_neither_sends_nor_receives() {
        assert_eq!(
            flows(PortKind::Vif, false, Some("1")),
            [
                "ls_in_check_port_sec 100 | inport == \"b\" | reg0[15] = 1; next; [port b] [hint]",
                "ls_in_l2_unknown 50 | outport == \"b\" | drop; [port b] [hint]",
            ]
        );
    }

    #[test]
    fn queue_vtep_and_router_ports_are_marked() {
        let one = |kind, queue| flows(kind, true, queue).concat();
        assert_eq!(
            one(PortKind::Vif, Some("1")),
            "ls_in_check_port_sec 70 | inport == \"b\" | set_queue(1); reg0[15] = check_in_port_sec(); next; [port b] [hint]"
        );
        assert_eq!(
            one(PortKind::Vtep, None),
            "ls_in_check_port_sec 70 | inport == \"b\" | reg0[14] = 1; next(pipeline=ingress, table=19); [port b] [hint]"
        );
        assert_eq!(
            one(PortKind::Router, None),
            "ls_in_check_port_sec 70 | inport == \"b\" | reg0[18] = 1; next; [port b] [hint]"
        );
    }
}
