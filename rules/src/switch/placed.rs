//! Where the flows of switches are: the functions of this folder over the relations of the network.

use northflow_engine::{Index, Relation};

use super::class::{SwitchOptions, unknown_sets};
use super::flood_group::{Group, Membership, groups};
use super::port::{Port, PortKind};
use super::{
    SwitchSet, admission, conntrack_bypass, evpn, facing, fdb, fixed_flows, l2_lookup, path_mtu,
    port_security,
};
use crate::acl::filtering::Filtering;
use crate::flow::row::{Placed, SetMember, place};
use crate::flow::{Flow, On};
use crate::ovsdb::Uuid;
use crate::schema::nb;
use crate::topology::facing::Facing;
use crate::topology::switch_port::{FlowConfig, PortConfig};

/// The flows of switches that need to know of one port each. `by_switch` are `ports` by switch;
/// `filtering` says what each switch does with packets.
///
/// Cost: a port costs its own flows; that a switch has its first port with the address `unknown`
/// costs the ports that clone to it.
pub fn flows(
    ports: &Relation<PortConfig>,
    by_switch: &Index<Uuid, PortConfig>,
    filtering: &Relation<Filtering>,
    config: &Relation<FlowConfig>,
) -> Relation<Placed> {
    let fixed = config.flat_map(|config| {
        fixed_flows(config.drop).into_iter().map(|(set, flow)| Placed { on: On::Switches(set), flow })
    });
    let own = ports.flat_map(|port| place(port.switch, own_flows(port)));

    let unknown = unknown_switches(ports);
    let delivered = by_switch.join_optional(&unknown.index_by(|switch| *switch), |port, unknown| {
        place(port.switch, delivery(port, unknown.is_some()))
    });
    let filters = filtering.map(|filtering| {
        let filter = conntrack_bypass::Filter { stateful_acl: filtering.related, vip: filtering.vip };
        (filtering.switch, filter)
    });
    let bypass = ports
        .filter(|port| matches!(port.kind, PortKind::Switch | PortKind::Localnet) || port.facing.is_some())
        .index_by(PortConfig::switch)
        .join_flat(&filters.index_by(|(switch, _)| *switch), |port, (_, filter)| {
            place(port.switch, conntrack_bypass::port(&port.port, port.kind, port.keeps_conntrack(), *filter))
        });
    let builder = ports.builder();
    builder.union(&[fixed, own, delivered, bypass, facing::flows(ports), queues(ports)])
}

/// Flows that depend on the port alone.
fn own_flows(port: &PortConfig) -> Vec<Flow> {
    let PortConfig { port: name, kind, .. } = port;
    let mut flows = admission::port(name, *kind, port.enabled, port.queue.as_deref(), port.config.drop);
    if let Some(redirect) = port.facing.as_ref().and_then(Facing::redirect) {
        let redirect = Port { row: name.row, name: redirect.name };
        flows.extend(admission::port(&redirect, *kind, port.enabled, None, port.config.drop));
    }
    flows.extend(path_mtu::port(name, *kind, &port.addresses));
    flows.extend(fdb::port(
        name,
        fdb::Learning {
            kind: *kind,
            unknown: port.unknown,
            secured: port.secured,
            vif: port.options.learn_fdb,
            localnet: port.options.localnet_learn_fdb,
        },
    ));
    flows
}

/// How unicast reaches the port.
fn delivery(port: &PortConfig, unknown_on_switch: bool) -> Vec<Flow> {
    if port.facing.is_some() {
        return Vec::new();
    }
    let delivery = l2_lookup::Delivery {
        kind: port.kind,
        enabled: port.enabled,
        unknown: port.unknown,
        force_fdb: port.options.force_fdb_lookup,
        clone_to_unknown: port.options.clone_to_unknown,
        unknown_on_switch,
    };
    l2_lookup::port(&port.port, delivery, &port.addresses, port.config.drop)
}

/// Where the queues of ports are set again as packets leave through the physical network: through the
/// localnet port with the least identifier, where a switch has several.
///
/// Cost: a port with a queue costs itself; the first localnet port of a switch, those of the switch.
fn queues(ports: &Relation<PortConfig>) -> Relation<Placed> {
    let localnets = ports
        .filter(|port| port.kind == PortKind::Localnet)
        .map(|port| (port.switch, port.port.clone()))
        .index_by(|(switch, _)| *switch)
        .reduce(|group| group.rows().min_by_key(|(_, port)| port.row).cloned());
    let queued = ports.filter(|port| port.queue.is_some());
    queued.index_by(PortConfig::switch).join_optional(
        &localnets.index_by(|(switch, _): &(Uuid, Port)| *switch),
        |port, localnet| {
            let localnet = localnet.map(|(_, localnet)| localnet);
            let queue = port.queue.as_deref()?;
            let flow = port_security::queue(&port.port, port.kind, port.enabled, queue, localnet)?;
            Some(Placed { on: On::Datapath(port.switch), flow })
        },
    )
}

/// Switches with a port that may hide any address.
fn unknown_switches(ports: &Relation<PortConfig>) -> Relation<Uuid> {
    ports.filter(|port| port.unknown).map(|port| port.switch).distinct()
}

fn options(row: &nb::LogicalSwitch) -> SwitchOptions {
    SwitchOptions {
        vlan_passthru: row.other_config.get_bool("vlan-passthru", false),
        arp_to_routers: row.other_config.get_bool("broadcast-arps-to-all-routers", true),
        local_fdb_first: evpn::is_part(&row.other_config).then(|| evpn::prefers_local(&row.other_config)),
    }
}

/// Which classes each switch is in, but for those that ACLs and load balancers decide.
///
/// Cost: a switch costs its own memberships; a port costs nothing unless it is the first or last
/// of its switch to have a trait that decides a class.
pub fn members(switches: &Relation<nb::LogicalSwitch>, ports: &Relation<PortConfig>) -> Relation<SetMember> {
    let member = |datapath| move |set| SetMember { set: On::Switches(set), datapath };
    let by_options = switches
        .flat_map(move |row| options(row).sets().into_iter().map(member(row.uuid)).collect::<Vec<_>>());
    let ids = switches.map(|row| (row.uuid, evpn::is_part(&row.other_config)));
    let ids = ids.index_by(|(switch, _)| *switch).named("switch");
    let by_unknown = ids.join_optional(
        &unknown_switches(ports).index_by(|switch| *switch),
        move |(switch, evpn), unknown| {
            unknown_sets(unknown.is_some(), *evpn).into_iter().map(member(*switch)).collect::<Vec<_>>()
        },
    );
    let having = |keep: fn(&PortConfig) -> bool| {
        ports.filter(keep).map(|port| port.switch).distinct().index_by(|switch| *switch)
    };
    let by_vtep = ids
        .semijoin(&having(|port| port.kind == PortKind::Vtep))
        .map(move |(switch, _)| member(*switch)(SwitchSet::WithVtep));
    ports.builder().union(&[by_options, by_unknown, by_vtep])
}

/// The groups of a port. `unknown`: it may hide any address.
pub(super) fn membership(port: &PortConfig, unknown: bool) -> Vec<Group> {
    groups(Membership {
        kind: port.kind,
        enabled: port.enabled,
        receive: port.options.receive_multicast,
        unknown,
        flood: port.options.mcast_flood,
        flood_reports: port.options.mcast_flood_reports,
        relay: false,
    })
}
