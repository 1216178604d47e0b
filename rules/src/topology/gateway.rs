//! Gateways (B16-B18, B23): which chassis may host a gateway port, which one does, and which chassis
//! depend on it.

use northflow_engine::Relation;
use northflow_engine::iterate::components;

use super::ha_chassis::{Groups, Source, group_uuid};
use super::peer::Peer;
use super::routed::Routed;
use super::router_port::RouterPort;
use super::switch_port::SwitchPort;
use crate::ovsdb::{Atom, Uuid};
use crate::problem::Problem;
use crate::schema::sb::PortBindingState;
use crate::schema::{SetElement, nb, sb};

/// The chassis that may host gateway ports.
#[derive(Clone, Debug)]
pub struct Gateways {
    /// Where the members of each group in use come from.
    pub sources: Relation<Source>,
    /// The HA_Chassis_Group row of each gateway port, by Logical_Router_Port.
    pub groups: Relation<(Uuid, Uuid)>,
    /// Ports that name chassis in both ways.
    pub problems: Relation<Problem>,
}

/// The groups of gateway ports: Logical_Router_Port `ha_chassis_group`, or else one of the name of the
/// port with its `gateway_chassis`.
///
/// Cost: a port costs itself; the name of a group, the ports that use it.
pub fn gateways(
    ports: &Relation<RouterPort>,
    rows: &Relation<nb::LogicalRouterPort>,
    groups: &Relation<nb::HaChassisGroup>,
) -> Gateways {
    let gateways = ports.filter(|port| port.redirect.is_some()).index_by(|port| port.port.row);
    let columns =
        rows.map(|row| (row.uuid, row.name.clone(), row.ha_chassis_group, row.gateway_chassis.clone()));
    let columns = columns.index_by(|(row, ..)| *row).semijoin(&gateways);
    let grouped = columns.flat_map(|(row, _, group, _)| Some((*row, (*group)?)));
    let own = columns.filter(|(_, _, group, _)| group.is_none());
    let names = groups.map(|group| (group.uuid, group.name.clone()));
    let named = grouped
        .index_by(|(_, group)| *group)
        .join(&names.index_by(|(group, _)| *group), |(port, _), (_, name)| (*port, group_uuid(name)));
    let sources = grouped.map(|(_, group)| Source::Group(*group)).concat(
        &own.map(|(_, name, _, members)| Source::Gateways { name: name.clone(), members: members.clone() }),
    );
    let both = columns.filter(|(_, _, group, members)| group.is_some() && !members.is_empty());
    let problems = both.map(|(_, name, ..)| {
        Problem::new(format!(
            "Both ha_chassis_group and gateway_chassis configured on port {name}; ignoring the latter."
        ))
    });
    Gateways { sources, groups: named.concat(&own.map(|(row, name, ..)| (*row, group_uuid(name)))), problems }
}

/// Logical_Router_Port `status:hosting-chassis`, where it is to be written: the chassis that has
/// bound the chassis-redirect port.
///
/// Cost: a binding costs itself; the name of a chassis, the ports it hosts.
pub fn hosting(
    ports: &Relation<RouterPort>,
    rows: &Relation<nb::LogicalRouterPort>,
    bindings: &Relation<sb::PortBindingState>,
    chassis: &Relation<sb::Chassis>,
) -> Relation<nb::RouterPortStatus> {
    const KEY: &str = "hosting-chassis";
    let redirects = ports.flat_map(|port| Some((port.redirect.as_ref()?.name.clone(), port.port.row)));
    let names = chassis.map(|row| (row.uuid, row.name.clone()));
    let hosted = redirects
        .index_by(|(name, _)| name.clone())
        .join(&bindings.index_by(PortBindingState::logical_port), |(_, port), binding| {
            (*port, binding.chassis)
        })
        .index_by(|(_, chassis)| *chassis)
        .join_optional(&names.index_by(|(chassis, _)| Some(*chassis)), |(port, _), chassis| {
            Some((*port, chassis.map(|(_, name)| name.clone())))
        });
    let held = rows.map(|row| (row.uuid, row.status.clone()));
    hosted.index_by(|(port, _)| *port).join_flat(
        &held.index_by(|(port, _)| *port),
        |(port, host), (_, held)| {
            let mut status = held.clone();
            match host {
                Some(host) => drop(status.insert(KEY, host.clone())),
                None => drop(status.remove(KEY)),
            }
            (status != *held).then_some(nb::RouterPortStatus { uuid: *port, status })
        },
    )
}

/// What [`watchers`] is made from.
#[derive(Clone, Copy, Debug)]
pub struct Hosted<'a> {
    /// Routers and what they lead to.
    pub routed: &'a Routed,
    /// Ports of switches.
    pub switch_ports: &'a Relation<SwitchPort>,
    /// Where ports are bound.
    pub bindings: &'a Relation<sb::PortBindingState>,
    /// The group of each gateway port, by Logical_Router_Port.
    pub groups: &'a Relation<(Uuid, Uuid)>,
    /// The groups.
    pub rows: &'a Groups,
}

/// HA_Chassis_Group `ref_chassis`: the chassis that watch the members of a group. Those are they
/// that host ports of switches from which the gateway can be reached, over any number of routers.
/// A group of one needs no watching.
///
/// ```text
/// joined(a, b)           :-  router port of a leads to switch or router b
/// watches(group, c)      :-  gateway port of router r uses group, switch s in one component with r,
///                            chassis c has a port of s
/// ```
///
/// Cost: a bound port costs itself, but for the first of its chassis on the network; a router port that
/// joins or parts networks costs the networks that it touches.
pub fn watchers(inputs: Hosted<'_>) -> Relation<SetElement> {
    let Hosted { routed: Routed { peers, facing, ports: router_ports, .. }, .. } = inputs;
    let Hosted { switch_ports, bindings, groups, rows, .. } = inputs;
    let switched = peers.attachments.map(|attachment| (attachment.router, attachment.switch));
    let routed = peers
        .of_router_ports
        .flat_map(|(port, peer)| match peer {
            Peer::Router { router, .. } => Some((*port, *router)),
            Peer::Switch { .. } => None,
        })
        .index_by(|(port, _)| *port)
        .join(&router_ports.index_by(|port| port.port.row), |(_, other), port| (port.router, *other));
    let networks = components(&switched.concat(&routed).distinct());
    let networks = networks.index_by(|(node, _)| *node).named("gateway.network");

    let redirects = facing.flat_map(|facing| Some((facing.redirect()?.name, facing.switch)));
    let bindings = bindings.index_by(PortBindingState::logical_port);
    let of_ports = switch_ports
        .index_by(SwitchPort::name)
        .join_flat(&bindings, |port, binding| hosts(port.switch, binding));
    let of_redirects = redirects
        .index_by(|(name, _)| name.clone())
        .join_flat(&bindings, |(_, switch), binding| hosts(*switch, binding));
    let hosts = of_ports
        .concat(&of_redirects)
        .distinct()
        .index_by(|(switch, _)| *switch)
        .join(&networks, |(_, chassis), (_, network)| (*network, *chassis))
        .distinct();

    let watched = rows.groups.filter(|group| group.ha_chassis.len() > 1).map(|group| group.uuid);
    let homes = router_ports.map(|port| (port.port.row, port.router));
    let used = groups
        .index_by(|(_, group)| *group)
        .semijoin(&watched.index_by(|group| *group))
        .index_by(|(port, _)| *port)
        .join(&homes.index_by(|(port, _)| *port), |(_, group), (_, router)| (*router, *group))
        .index_by(|(router, _)| *router)
        .join(&networks, |(_, group), (_, network)| (*network, *group))
        .distinct();
    let pairs = used
        .index_by(|(network, _)| *network)
        .join(&hosts.index_by(|(network, _)| *network), |(_, group), (_, chassis)| (*group, *chassis))
        .distinct();
    pairs.map(|(group, chassis)| SetElement { row: *group, element: Atom::Uuid(*chassis) })
}

/// The chassis that host a port of `switch`, each with the switch.
fn hosts(switch: Uuid, binding: &PortBindingState) -> Vec<(Uuid, Uuid)> {
    binding.chassis.iter().chain(&binding.additional_chassis).map(|chassis| (switch, *chassis)).collect()
}
