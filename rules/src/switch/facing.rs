//! The flows of switch ports with a router port behind them, and of the switches that have some: the
//! functions of this folder over what each port faces.

use northflow_engine::Relation;

use super::port::PortKind;
use super::{l2_lookup, localnet, path_mtu, router_arp, vtep};
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, On};
use crate::ovsdb::Uuid;
use crate::service::proxy_arp;
use crate::topology::facing::Facing;
use crate::topology::switch_port::PortConfig;

/// Every flow that a router port makes on the switch that it leads to.
///
/// Cost: a port costs its own flows, and those of what faces it; a switch's first physical or
/// gateway port costs a flow for each of the others.
pub fn flows(ports: &Relation<PortConfig>) -> Relation<Placed> {
    let own = ports.flat_map(|port| {
        let flows = port.facing.as_ref().map_or_else(Vec::new, |facing| port_flows(port, facing));
        place(port.switch, flows)
    });
    let facing = ports.flat_map(|port| port.facing.clone());
    let gateways = facing.flat_map(|facing| facing.gateway.clone().map(|gateway| (facing.switch, gateway)));
    let vteps = ports.filter(|port| port.kind == PortKind::Vtep).map(|port| port.switch).distinct();
    let ramps = gateways.index_by(|(switch, _)| *switch).join(
        &vteps.index_by(|switch| *switch),
        |(switch, gateway), _| Placed { on: On::Datapath(*switch), flow: vtep::gateway(gateway) },
    );
    ports.builder().union(&[own, ramps, arp_filter(ports, &facing)])
}

/// ARP requests from the physical network reach only the chassis that hosts the gateway.
///
/// ```text
/// marked(port)     :-  localnet or l2gateway port on a switch with a resident router port
/// passed(facing)   :-  resident router port on a switch with a localnet or l2gateway port
/// dropped(switch)  :-  a switch with both
/// ```
fn arp_filter(ports: &Relation<PortConfig>, facing: &Relation<Facing>) -> Relation<Placed> {
    let physical = ports
        .filter(|port| matches!(port.kind, PortKind::Localnet | PortKind::L2Gateway))
        .map(|port| (port.switch, port.port.clone()))
        .index_by(|(switch, _)| *switch);
    let resident = facing.filter(|facing| resident_name(facing).is_some()).index_by(|facing| facing.switch);
    let marked = physical
        .semijoin(&resident)
        .map(|(switch, port)| Placed { on: On::Datapath(*switch), flow: localnet::mark_arp(port) });
    let passing = resident.semijoin(&physical);
    let passed = passing.flat_map(|facing| {
        let resident = resident_name(facing)?;
        let flow = localnet::pass_arp(Some(resident).filter(|_| facing.centralized));
        Some(Placed { on: On::Datapath(facing.switch), flow })
    });
    let dropped = passing
        .map(|facing| facing.switch)
        .distinct()
        .map(|switch| Placed { on: On::Datapath(*switch), flow: localnet::drop_arp() });
    ports.builder().union(&[marked, passed, dropped])
}

/// The switches that do so.
pub fn arp_filtering(ports: &Relation<PortConfig>) -> Relation<Uuid> {
    let physical = ports.filter(|port| matches!(port.kind, PortKind::Localnet | PortKind::L2Gateway));
    let physical = physical.map(|port| port.switch).distinct().index_by(|switch| *switch);
    let resident = ports.filter(|port| port.facing.as_ref().and_then(resident_name).is_some());
    resident.map(|port| port.switch).distinct().index_by(|switch| *switch).semijoin(&physical)
}

/// The port that is where the router port is, if that is one chassis.
fn resident_name(facing: &Facing) -> Option<&str> {
    match &facing.gateway {
        Some(gateway) => Some(gateway),
        None => facing.chassis.as_ref().map(|_| &*facing.router_port.name),
    }
}

/// Flows that one port and what it faces decide.
fn port_flows(port: &PortConfig, facing: &Facing) -> Vec<Flow> {
    let mut flows = vec![path_mtu::router_port(&port.port, &facing.mac, facing.chassis.is_some())];
    let mac = facing.addresses.given.mac;
    flows.extend(l2_lookup::router_port(
        &port.port,
        port.enabled,
        mac,
        proxy_arp::own_mac(port),
        &facing.residence(),
        port.config.drop,
    ));
    flows.extend(router_arp::own_addresses(facing));
    flows
}
