//! What routers make of the Port_Bindings of the switch ports that lead to them (B13, B16, B21, B25).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::facing::Facing;
use super::switch_port::SwitchPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Map, nb, sb};
use crate::switch::switch_link;

/// What is at the other end of a switch port, as its binding says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Beyond {
    /// The name of the switch port.
    pub port: Text,
    /// The chassis of the gateway router.
    pub chassis: Option<Text>,
    /// Options besides.
    pub options: Vec<(Text, Text)>,
}

/// What switch ports that face routers say of them beside their names.
///
/// Cost: a port costs itself; a gateway router, the ports that face it.
pub fn beyond(facing: &Relation<Facing>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Beyond> {
    let tracked =
        rows.filter(|row| row.options.get_bool("enable_router_port_acl", false)).map(|row| row.uuid);
    let ends = facing.map(|facing| (facing.port.clone(), facing.chassis.clone(), facing.gateway.is_some()));
    ends.index_by(|(port, _, _)| port.row).join_optional(
        &tracked.index_by(|port| *port),
        |(port, chassis, gateway), tracked| {
            let mut options = Vec::new();
            if *gateway && tracked.is_some() {
                options.push(("enable_router_port_acl".into(), "true".into()));
            }
            if let Some(chassis) = chassis {
                options.push(("l3gateway-chassis".into(), chassis.clone()));
            }
            let beyond = Beyond { port: port.name.clone(), chassis: chassis.clone(), options };
            (!beyond.options.is_empty()).then_some(beyond)
        },
    )
}

/// Ports of type switch say which port they lead to.
///
/// Cost: a port costs itself and the port that it names.
pub fn joints(ports: &Relation<SwitchPort>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Beyond> {
    switch_link::joined(ports, rows).map(|joint| Beyond {
        port: joint.port.clone(),
        options: vec![("peer".into(), joint.peer.clone())],
        ..Beyond::default()
    })
}

/// Bindings with what is beyond them.
///
/// Cost: a port costs itself.
pub fn connected(
    bindings: &Relation<sb::PortBinding>,
    beyond: &Relation<Beyond>,
) -> Relation<sb::PortBinding> {
    let bindings = bindings.index_by(sb::PortBinding::logical_port);
    let beyond = beyond.index_by(|beyond| beyond.port.clone());
    let connected = bindings.join(&beyond, |row, beyond| {
        let mut row = row.clone();
        for (key, value) in &beyond.options {
            row.options.insert_beside(key.clone(), value.clone());
        }
        if beyond.chassis.is_some() {
            row.type_ = "l3gateway".into();
        }
        row
    });
    bindings.antijoin(&beyond).concat(&connected)
}

/// The bindings of the chassis-redirect ports of switch ports: those of the ports themselves, but for
/// what they are. `groups` has the HA_Chassis_Group of each gateway port, by Logical_Router_Port.
///
/// Cost: a port costs itself.
pub fn redirects(
    facing: &Relation<Facing>,
    bindings: &Relation<sb::PortBinding>,
    keys: &Relation<Assigned>,
    groups: &Relation<(Uuid, Uuid)>,
) -> Relation<sb::PortBinding> {
    let redirects = facing.flat_map(|facing| {
        let redirect = facing.redirect()?;
        Some((facing.port.name.clone(), facing.router_port.row, redirect))
    });
    redirects
        .index_by(|(_, router_port, _)| *router_port)
        .join_optional(&groups.index_by(|(port, _)| *port), |(port, _, redirect), group| {
            Some((port.clone(), redirect.clone(), group.map(|(_, group)| *group)))
        })
        .index_by(|(_, redirect, _)| redirect.owner)
        .join(&keys.index_by(Assigned::owner), |(port, redirect, group), key| {
            (port.clone(), redirect.clone(), *group, key.key)
        })
        .index_by(|(port, _, _, _)| port.clone())
        .join(&bindings.index_by(sb::PortBinding::logical_port), |(port, redirect, group, key), row| {
            sb::PortBinding {
                uuid: redirect.binding,
                logical_port: redirect.name.clone(),
                type_: "chassisredirect".into(),
                options: Map::from_iter([("distributed-port", port.clone())]),
                tunnel_key: i64::from(*key),
                ha_chassis_group: *group,
                ..row.clone()
            }
        })
}
