//! Where the flows of switches are: the functions of this folder over the relations of the network.

use northflow_engine::Relation;

use super::class::{SwitchOptions, unknown_sets};
use super::port::{Port, PortKind};
use super::{SwitchSet, admission, conntrack_bypass, fdb, fixed_flows, l2_lookup, path_mtu};
use crate::acl::filtering::Filtering;
use crate::flow::row::{Placed, SetMember};
use crate::flow::{Flow, On};
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;
use crate::service::{arp_nd, virtual_port};
use crate::topology::switch_port::{FlowConfig, PortConfig};

/// Every flow of every switch but those of ACLs. `filtering` says what each switch does with packets.
///
/// Cost: a port costs its own flows; that a switch has its first port with the address `unknown`
/// costs the ports that clone to it.
pub fn flows(
    switches: &Relation<nb::LogicalSwitch>,
    ports: &Relation<PortConfig>,
    filtering: &Relation<Filtering>,
    config: &Relation<FlowConfig>,
) -> Relation<Placed> {
    let fixed = config.flat_map(|config| {
        fixed_flows(config.drop).into_iter().map(|(set, flow)| Placed { on: On::Switches(set), flow })
    });
    let own = ports.flat_map(|port| place(port.switch, own_flows(port)));

    let by_switch = ports.index_by(|port| port.switch).named("switch.port");
    let unknown = unknown_switches(ports);
    let delivered = by_switch.join_optional(&unknown.index_by(|switch| *switch), |port, unknown| {
        place(port.switch, delivery(port, unknown.is_some()))
    });
    let passthru = switches.map(|row| (row.uuid, options(row).vlan_passthru));
    let answered = by_switch.join_flat(&passthru.index_by(|(switch, _)| *switch), |port, (_, passthru)| {
        place(port.switch, answers(port, *passthru))
    });
    let filters = filtering.map(|filtering| {
        let filter = conntrack_bypass::Filter { stateful_acl: filtering.related, vip: filtering.vip };
        (filtering.switch, filter)
    });
    let bypass = ports
        .filter(|port| matches!(port.kind, PortKind::Switch | PortKind::Localnet))
        .index_by(|port| port.switch)
        .join_flat(&filters.index_by(|(switch, _)| *switch), |port, (_, filter)| {
            place(port.switch, conntrack_bypass::port(&port.port, port.kind, false, *filter))
        });
    let builder = ports.builder();
    builder.union(&[fixed, own, delivered, answered, bypass, virtual_ports(ports)])
}

/// Flows of one switch.
pub(crate) fn place(switch: Uuid, flows: Vec<Flow>) -> impl Iterator<Item = Placed> {
    flows.into_iter().map(move |flow| Placed { on: On::Datapath(switch), flow })
}

/// Flows that depend on the port alone.
fn own_flows(port: &PortConfig) -> Vec<Flow> {
    let PortConfig { port: name, kind, .. } = port;
    let mut flows = admission::port(name, *kind, port.enabled, None, port.config.drop);
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

/// Answers to ARP and neighbour solicitations on the port's behalf.
fn answers(port: &PortConfig, vlan_passthru: bool) -> Vec<Flow> {
    let responder = arp_nd::Responder {
        kind: port.kind,
        unknown: port.unknown,
        disabled: port.options.disable_arp_nd_rsp,
        up: port.up,
    };
    let ignore_down = port.config.ignore_down;
    let answering = arp_nd::Answering { ignore_down, vlan_passthru, proxy: false, meter: None };
    let mut flows = arp_nd::port(&port.port, responder, &answering, &port.addresses);
    if port.kind == PortKind::Localnet {
        flows.extend(arp_nd::localnet(&port.port, false));
    }
    flows
}

/// A parent of a virtual port on the same switch may claim it by using its address.
///
/// Cost: a port costs itself and the virtual ports that name it.
fn virtual_ports(ports: &Relation<PortConfig>) -> Relation<Placed> {
    let claims = ports.flat_map(|port| {
        let address = port.options.virtual_ip.as_deref().and_then(|ip| ip.parse().ok());
        let claim = |(parent, address)| (port.switch, parent, port.port.clone(), address);
        let parents = port.options.virtual_parents.iter().cloned();
        let pairs = parents.filter_map(|parent| Some((parent, address?)));
        pairs.map(claim).collect::<Vec<(Uuid, Text, Port, std::net::IpAddr)>>()
    });
    let parents = ports.map(|port| (port.switch, port.port.clone()));
    claims.index_by(|(switch, parent, _, _)| (*switch, parent.clone())).join(
        &parents.index_by(|(switch, parent)| (*switch, parent.name.clone())),
        |(switch, _, port, address), (_, parent)| Placed {
            on: On::Datapath(*switch),
            flow: virtual_port::port(port, *address, parent),
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
    }
}

/// Which classes each switch is in, but for those that ACLs and load balancers decide.
///
/// Cost: a switch costs its own memberships; a port costs nothing unless it is the first or last
/// of its switch to have a trait that decides a class.
pub fn members(switches: &Relation<nb::LogicalSwitch>, ports: &Relation<PortConfig>) -> Relation<SetMember> {
    let member = |datapath| move |set| SetMember { set: On::Switches(set), datapath };
    let by_options = switches.flat_map(move |row| {
        // No control-plane meters yet.
        let fixed = [SwitchSet::HealthCheckUnmetered];
        options(row).sets().into_iter().chain(fixed).map(member(row.uuid)).collect::<Vec<_>>()
    });
    let ids = switches.map(|row| (row.uuid, row.other_config.contains("dynamic-routing-vni")));
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
