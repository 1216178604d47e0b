//! Whether ports are up (B07): what the chassis say, written back to the northbound database.

use northflow_engine::Relation;

use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{nb, sb};
use crate::switch::port::PortKind;

/// Logical_Switch_Port `up`, where it is to be written.
///
/// ```text
/// up(port)      :-  type router or switch
/// up(port)      :-  port_binding(port, chassis, up), chassis is remote or up
/// write(port)   :-  port with a Port_Binding, Logical_Switch_Port.up differs from up(port)
/// ```
///
/// Cost: a binding costs itself; a chassis that turns remote costs the ports that it hosts.
pub fn ports_up(
    ports: &Relation<SwitchPort>,
    states: &Relation<nb::SwitchPortState>,
    bindings: &Relation<sb::PortBindingState>,
    chassis: &Relation<sb::Chassis>,
) -> Relation<nb::PortUp> {
    let remote = chassis.filter(|row| row.other_config.get_bool("is-remote", false)).map(|row| row.uuid);
    let bound = bindings.map(|row| (row.logical_port.clone(), row.chassis, row.up == Some(true)));
    let bound = bound
        .index_by(|(_, chassis, _)| *chassis)
        .join_optional(&remote.index_by(|chassis| Some(*chassis)), |(name, chassis, up), remote| {
            Some((name.clone(), chassis.is_some() && (*up || remote.is_some())))
        });
    let wanted = ports
        .index_by(|port| port.port.name.clone())
        .join(&bound.index_by(|(name, _): &(Text, bool)| name.clone()), |port, (_, up)| {
            (port.port.row, *up || matches!(port.kind, PortKind::Router | PortKind::Switch))
        });
    let held = states.map(|row| (row.uuid, row.up));
    wanted.index_by(|(row, _)| *row).join_flat(
        &held.index_by(|(row, _)| *row),
        |(row, up), (_, held): &(Uuid, Option<bool>)| {
            (*held != Some(*up)).then_some(nb::PortUp { uuid: *row, up: Some(*up) })
        },
    )
}

/// Port_Binding `up`, false where nobody has said anything yet: ovn-controller writes it only then.
///
/// Cost: a binding costs itself.
pub fn bindings_down(
    rows: &Relation<sb::PortBinding>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<sb::PortBindingUp> {
    let silent = bindings.filter(|row| row.up.is_none());
    let silent = silent.map(|row| (row.logical_port.clone(), row.uuid));
    let names = rows.map(|row| row.logical_port.clone());
    silent
        .index_by(|(name, _)| name.clone())
        .semijoin(&names.index_by(Text::clone))
        .map(|(_, uuid)| sb::PortBindingUp { uuid: *uuid, up: Some(false) })
}
