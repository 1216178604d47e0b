//! Whether ports are up (B07): what the chassis say, written back to the northbound database.

use northflow_engine::Relation;

use super::switch_port::SwitchPort;
use crate::ovsdb::Text;
use crate::schema::sb::{PortBinding, PortBindingState};
use crate::schema::{Table, nb, sb};
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
    let there = bindings
        .index_by(PortBindingState::chassis)
        .join(&remote.index_by(|chassis| Some(*chassis)), |binding, _| binding.logical_port.clone());
    let wanted = ports.index_by(SwitchPort::name).join_groups(
        (&bindings.index_by(PortBindingState::logical_port), &there.index_by(Text::clone)),
        |port, (binding, there)| {
            let binding = binding.first()?;
            let bound = binding.chassis.is_some() && (binding.up == Some(true) || there.first().is_some());
            Some((port.port.row, bound || matches!(port.kind, PortKind::Router | PortKind::Switch)))
        },
    );
    wanted.index_by(|(row, _)| *row).join_flat(&states.index_by(Table::uuid), |(row, up), state| {
        (state.up != Some(*up)).then_some(nb::PortUp { uuid: *row, up: Some(*up) })
    })
}

/// Port_Binding `up`, false where nobody has said anything yet: ovn-controller writes it only then.
///
/// Cost: a binding costs itself.
pub fn bindings_down(
    rows: &Relation<sb::PortBinding>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<sb::PortBindingUp> {
    let silent = bindings.filter(|row| row.up.is_none());
    silent
        .index_by(PortBindingState::logical_port)
        .semijoin(&rows.index_by(PortBinding::logical_port))
        .map(|binding| sb::PortBindingUp { uuid: binding.uuid, up: Some(false) })
}
