//! Everything that is written about ports, put together: Port_Binding, HA_Chassis_Group and what is
//! written back.

use northflow_engine::{Builder, Relation};

use super::announcement::{self, Announcement, Beside};
use super::port_key::PortKeys;
use super::qos_queue::{self, Queue};
use super::routed::Routed;
use super::switch_port::SwitchPort;
use super::{delegated_prefix, facing_binding, gateway, ha_chassis, port_binding, static_neighbor, up};
use crate::northd::{Northbound, Southbound};
use crate::problem::Problem;
use crate::schema::sb;

/// Makes the outputs; gives what is wrong.
///
/// Cost: a port costs its rows.
pub fn output(
    program: &Builder,
    nb: &Northbound,
    sb: &Southbound,
    ports: &Relation<SwitchPort>,
    routed: &Routed,
    keys: &PortKeys,
    queues: &Relation<Queue>,
    mirrors: &Relation<sb::PortBinding>,
    beside: Beside<'_>,
) -> Vec<Relation<Problem>> {
    let gateways = gateway::gateways(&routed.ports, &nb.router_port, &nb.ha_chassis_group);
    let stand_ins = ha_chassis::external_ports(ports, &nb.switch_port, &nb.ha_chassis_group);
    let sources = stand_ins.map(|stand_in| ha_chassis::Source::Group(stand_in.source));
    let groups = ha_chassis::groups(
        &sources.concat(&gateways.sources),
        &nb.ha_chassis_group,
        &nb.ha_chassis,
        &nb.gateway_chassis,
        &sb.chassis,
    );
    program.output("sb.HA_Chassis", &groups.members);
    program.output("sb.HA_Chassis_Group", &groups.groups);
    let watchers = gateway::watchers(gateway::Hosted {
        routed,
        switch_ports: ports,
        bindings: &sb.port,
        groups: &gateways.groups,
        rows: &groups,
    });
    program.output("sb.HA_Chassis_Group.ref_chassis", &watchers);

    let of_switches = port_binding::port_bindings(
        ports,
        &nb.switch_port,
        &nb.switch,
        &keys.keys,
        &sb.chassis,
        &sb.port,
        &stand_ins,
        &qos_queue::shaped(queues, ports, &nb.switch_port),
        &nb.switch_port_state,
    );
    let beyond = facing_binding::beyond(&routed.facing, &nb.switch_port)
        .concat(&facing_binding::joints(ports, &nb.switch_port));
    let connected = facing_binding::connected(&of_switches.rows, &beyond);
    let redirects = facing_binding::redirects(&routed.facing, &connected, &keys.keys, &gateways.groups);
    let announced =
        announcement::announcements(&routed.facing, &nb.switch_port, &routed.ports, &nb.router, beside);
    let of_routers = routed.bindings(nb, sb, keys, ports, &gateways.groups, beside.nats);
    let announcing = announce(&connected, &announced.announcements);
    let rows = program.union(&[announcing, redirects, of_routers.rows, mirrors.clone()]);
    program.output("sb.Port_Binding", &rows);
    program.output("sb.Port_Binding.options", &port_binding::unlike(&rows, &sb.port));
    program.output("sb.Port_Binding.chassis", &of_switches.chassis.concat(&of_routers.chassis));
    program.output("sb.Port_Binding.up", &up::bindings_down(&rows, &sb.port));
    let neighbors = static_neighbor::bindings(&nb.static_mac_binding, &routed.ports, &keys.keys);
    program.output("sb.Static_MAC_Binding", &neighbors);

    program.output(
        "nb.Logical_Switch_Port.up",
        &up::ports_up(ports, &nb.switch_port_state, &sb.port, &sb.chassis),
    );
    program.output(
        "nb.Logical_Router_Port.status",
        &gateway::hosting(&routed.ports, &nb.router_port, &sb.port, &sb.chassis),
    );
    program.output(
        "nb.Logical_Router_Port.ipv6_prefix",
        &delegated_prefix::prefixes(&routed.ports, &nb.router_port, &sb.port),
    );
    vec![gateways.problems, announced.problems, of_routers.problems]
}

/// Bindings with what they announce.
fn announce(
    rows: &Relation<sb::PortBinding>,
    announcements: &Relation<Announcement>,
) -> Relation<sb::PortBinding> {
    let rows = rows.index_by(sb::PortBinding::logical_port);
    let announcements = announcements.index_by(|announcement| announcement.port.clone());
    let announcing = rows.join(&announcements, |row, announcement| sb::PortBinding {
        nat_addresses: announcement.addresses.clone(),
        ..row.clone()
    });
    rows.antijoin(&announcements).concat(&announcing)
}
