//! Ports whose traffic stays out of connection tracking. Both directions of a connection need not
//! cross the same chassis at a router port, so that one would see half a connection; behind
//! localnet and switch ports the other end keeps track.

use serde::{Deserialize, Serialize};

use super::port::{Port, PortKind};
use crate::flow::{Flow, Stage};

const SOURCE: &str = "switch/conntrack_bypass.rs";

/// What filters packets on the port's switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Filter {
    /// An ACL, on the switch or through a port group, is allow-related.
    pub stateful_acl: bool,
    /// A load balancer has a VIP.
    pub vip: bool,
}

/// The bypass flows of one port: none for kinds that are tracked. A port of type router counts
/// only with a peer. `tracked` says that the router port keeps conntrack on
/// (options:enable_router_port_acl, on a port that faces a gateway port).
///
/// Cost: a switch gaining or losing its first stateful ACL or VIP touches the flows of its
/// router, switch and localnet ports.
pub fn port(port: &Port, kind: PortKind, tracked: bool, filter: Filter) -> Vec<Flow> {
    let balanced = kind == PortKind::Localnet && filter.vip;
    if !matches!(kind, PortKind::Router | PortKind::Switch | PortKind::Localnet) {
        return Vec::new();
    }
    // Where nothing tracks, no state of another datapath may leave with the packet.
    let clear = if filter.stateful_acl || kind == PortKind::Switch {
        "next;"
    } else {
        "flags.pkt_sampled = 0; ct_clear; next;"
    };
    let mut flows = Vec::new();
    if filter.stateful_acl && !(kind == PortKind::Router && tracked) {
        flows.extend(pair(port, Stage::LsInPreAcl, Stage::LsOutPreAcl, "next;"));
    }
    if !balanced {
        flows.extend(pair(port, Stage::LsInPreLb, Stage::LsOutPreLb, clear));
    }
    flows
}

fn pair(port: &Port, ingress: Stage, egress: Stage, leave: &str) -> [Flow; 2] {
    let enter = port.own_flow(ingress, 110, format!("ip && {}", port.is_inport()), "next;");
    let leave = port.own_flow(egress, 110, format!("ip && {}", port.is_outport()), leave);
    [enter.written_in(SOURCE), leave.written_in(SOURCE)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    fn flows(kind: PortKind, stateful_acl: bool, vip: bool) -> Vec<String> {
        lines(&port(&named("ln"), kind, false, Filter { stateful_acl, vip }))
    }

    const ENTER: &str = "ls_in_pre_lb 110 | ip && inport == \"ln\" | next; [port ln] [hint]";
    const LEAVE: &str = "ls_out_pre_lb 110 | ip && outport == \"ln\" | next; [port ln] [hint]";
    const CLEAR: &str = "ls_out_pre_lb 110 | ip && outport == \"ln\" | flags.pkt_sampled = 0; ct_clear; next; [port ln] [hint]";
    const ACL: [&str; 2] = [
        "ls_in_pre_acl 110 | ip && inport == \"ln\" | next; [port ln] [hint]",
        "ls_out_pre_acl 110 | ip && outport == \"ln\" | next; [port ln] [hint]",
    ];

    #[test]
    fn plain_switches_clear_the_state_of_others() {
        assert_eq!(flows(PortKind::Localnet, false, false), [ENTER, CLEAR]);
        assert_eq!(flows(PortKind::Router, false, true), [ENTER, CLEAR]);
        assert_eq!(flows(PortKind::Switch, false, false), [ENTER, LEAVE]);
        assert!(flows(PortKind::Vif, true, true).is_empty());
    }

    #[test]
    fn stateful_acls_skip_these_ports_and_balancing_takes_localnet_in() {
        assert_eq!(flows(PortKind::Localnet, true, false), [ACL[0], ACL[1], ENTER, LEAVE]);
        assert_eq!(flows(PortKind::Localnet, true, true), ACL);
        assert!(flows(PortKind::Localnet, false, true).is_empty());
        let tracked = port(&named("ln"), PortKind::Router, true, Filter { stateful_acl: true, vip: false });
        assert_eq!(lines(&tracked), [ENTER, LEAVE]);
    }
}
