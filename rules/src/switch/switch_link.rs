//! Ports of type switch, which join two switches (D17, B13). What is behind such a port is not known
//! here, so its addresses are learned, it counts as `unknown`, and connection tracking is left to the
//! other end ([`fdb`](super::fdb), [`l2_lookup`](super::l2_lookup),
//! [`conntrack_bypass`](super::conntrack_bypass)); this file says which ports are joined.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::port::PortKind;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Table, nb};
use crate::topology::router_port::RouterPort;
use crate::topology::switch_port::SwitchPort;

/// A port of type switch and the port that it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Joint {
    /// The port.
    pub port: Text,
    /// Its `peer`.
    pub peer: Text,
}

/// A port as another may name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Named {
    name: Text,
    kind: PortKind,
    peer: Option<Text>,
}

/// The ports of type switch that name a port, whatever that is.
fn joints(ports: &Relation<SwitchPort>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Joint> {
    let leading = ports.filter(|port| port.kind == PortKind::Switch);
    let named = rows.flat_map(|row| Some((row.uuid, row.name.clone(), row.peer.clone()?)));
    named
        .index_by(|(row, _, _): &(Uuid, Text, Text)| *row)
        .semijoin(&leading.index_by(SwitchPort::row))
        .map(|(_, port, peer)| Joint { port: port.clone(), peer: peer.clone() })
}

/// The ports that lead to each other, both ways: each of type switch, and each the other's `peer`.
///
/// Cost: a port costs itself and the port that it names.
pub fn joined(ports: &Relation<SwitchPort>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Joint> {
    let joints = joints(ports, rows);
    let back = joints.map(|joint| (joint.peer.clone(), joint.port.clone()));
    joints
        .index_by(|joint| (joint.port.clone(), joint.peer.clone()))
        .semijoin(&back.index_by(|pair: &(Text, Text)| pair.clone()))
}

/// Ports of type switch that name a port of another type, or one that leads elsewhere.
///
/// Cost: a port costs itself and those that name it.
pub fn problems(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    router_ports: &Relation<RouterPort>,
) -> Relation<Problem> {
    let joints = joints(ports, rows).index_by(|joint| joint.peer.clone());
    let named = ports
        .filter(|port| matches!(port.kind, PortKind::Switch | PortKind::Router))
        .index_by(SwitchPort::row)
        .join(&rows.index_by(Table::uuid), |port, row| Named {
            name: port.port.name.clone(),
            kind: port.kind,
            peer: row.peer.clone(),
        });
    let of_routers =
        router_ports.map(|port| Named { name: port.port.name.clone(), kind: PortKind::Router, peer: None });
    joints.join_flat(&named.concat(&of_routers).index_by(|named| named.name.clone()), complaint).distinct()
}

fn complaint(joint: &Joint, named: &Named) -> Option<Problem> {
    let Joint { port, peer } = joint;
    if named.kind == PortKind::Router {
        return Some(Problem::new(format!(
            "Bad configuration: The peer of switch port {port} is a router port"
        )));
    }
    if named.peer.as_ref() == Some(port) {
        return None;
    }
    let elsewhere = named.peer.as_deref().unwrap_or("(null)");
    Some(Problem::new(format!(
        "Bad configuration: '{port}' is a switch port with peer '{peer}', but '{peer}' is a switch port \
         with peer '{elsewhere}'"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_to_lead_back() {
        let joint = Joint { port: "a".into(), peer: "b".into() };
        let said = |kind, peer: Option<&str>| {
            let named = Named { name: "b".into(), kind, peer: peer.map(Text::from) };
            complaint(&joint, &named).map(|problem| problem.message.to_string())
        };
        assert_eq!(said(PortKind::Switch, Some("a")), None);
        assert_eq!(
            said(PortKind::Switch, Some("c")).unwrap(),
            "Bad configuration: 'a' is a switch port with peer 'b', but 'b' is a switch port with peer 'c'"
        );
        assert!(said(PortKind::Switch, None).unwrap().ends_with("with peer '(null)'"));
        assert_eq!(
            said(PortKind::Router, None).unwrap(),
            "Bad configuration: The peer of switch port a is a router port"
        );
    }
}
