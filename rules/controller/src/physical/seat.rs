//! Ports that a chassis reaches through a port of its switch: packets that come from them and go to them.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::build::{Fields, clear_registers, load, output, push_vlan, row, set_flag, without_in_port};
use super::port::{Kind, Port};
use super::site::{Site, Sites, enter};
use crate::inputs::Local;
use crate::local;
use crate::row::{Flow, Row};

/// A port that is reached through a port of the switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Seat {
    pub site: Arc<Site>,
    pub port: Arc<Port>,
    pub ofport: u16,
    /// Its zone; 0: it has none yet.
    pub zone: u16,
    /// The end of tunnels that its packets use.
    pub encap: u16,
}

impl Seat {
    /// What leads a packet from it into its datapath.
    pub fn enter(&self) -> Vec<Action> {
        let mut actions = enter(self.site.zones, self.zone, &self.port);
        actions.push(load(register::CT_ZONE, 16, 16, self.encap));
        actions
    }

    /// Packets to it.
    pub fn to(&self) -> Fields {
        Fields::to(self.port.datapath_key, self.port.key)
    }

    /// A row of it.
    pub fn row(&self, table: u8, priority: u16, fields: Fields, actions: &[Action]) -> Option<Row> {
        row(table, priority, fields, self.port.uuid, actions)
    }

    /// Rows on its chassis.
    pub fn flows(&self, rows: impl IntoIterator<Item = Option<Row>>) -> Vec<Flow> {
        let chassis = self.site.chassis;
        rows.into_iter().flatten().map(|row| Flow { chassis, row }).collect()
    }
}

/// A port of the switch for a logical port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Plugged {
    chassis: Uuid,
    port: Arc<Port>,
    ofport: u16,
    encap: u16,
}

/// The ports that chassis reach through ports of their switches.
///
/// Cost: a port, an interface or a zone costs the ports that are there by it.
pub(super) fn seats(
    local: &Local,
    ports: &Relation<Arc<Port>>,
    sites: &Sites,
    zones: &Index<(Uuid, Text), local::Zone>,
) -> Relation<Arc<Seat>> {
    let interfaces = local.interface.index_by(|interface| (interface.chassis, interface.port.clone()));
    let bound = ports
        .filter(|port| port.has_interface())
        .flat_map(|port| {
            let port = Arc::clone(port);
            let hosts: Vec<Uuid> = port.hosts().collect();
            hosts.into_iter().map(move |chassis| (chassis, Arc::clone(&port)))
        })
        .index_by(|(chassis, port)| (*chassis, port.interface.clone()))
        .join(&interfaces, |(chassis, port), interface| Plugged {
            chassis: *chassis,
            port: Arc::clone(port),
            ofport: interface.ofport,
            encap: interface.encap,
        });
    let everywhere = ports
        .filter(|port| port.kind == Kind::Localport)
        .index_by(|port| port.name.clone())
        .join(&local.interface.index_by(|interface| interface.port.clone()), |port, interface| Plugged {
            chassis: interface.chassis,
            port: Arc::clone(port),
            ofport: interface.ofport,
            encap: interface.encap,
        });
    let patched = ports
        .filter(|port| matches!(port.kind, Kind::Localnet | Kind::L2Gateway))
        .index_by(|port| port.name.clone())
        .join(&local.patch.index_by(|patch| patch.port.clone()), |port, patch| Plugged {
            chassis: patch.chassis,
            port: Arc::clone(port),
            ofport: patch.ofport,
            encap: 0,
        });
    bound
        .concat(&everywhere)
        .concat(&patched)
        .index_by(|plugged| (plugged.chassis, plugged.port.name.clone()))
        .join_optional(zones, |plugged, zone| Some((plugged.clone(), zone.map_or(0, |zone| zone.number))))
        .index_by(|(plugged, _)| (plugged.chassis, plugged.port.datapath))
        .join(&sites.by_place, |(plugged, zone), site| {
            let (site, port) = (Arc::clone(site), Arc::clone(&plugged.port));
            Arc::new(Seat { site, port, ofport: plugged.ofport, zone: *zone, encap: plugged.encap })
        })
}

/// Packets from and to ports of the switch.
///
/// Cost: a port costs its rows on the chassis where it is.
pub(super) fn flows(ports: &Relation<Arc<Port>>, seats: &Relation<Arc<Seat>>) -> Relation<Flow> {
    let own = seats.flat_map(|seat| seat.flows(rows(seat)));
    // Several containers may be in one port.
    let parents = seats
        .filter(|seat| seat.port.interface != seat.port.name)
        .index_by(|seat| seat.port.interface.clone())
        .join_flat(&ports.index_by(|port| port.name.clone()), |seat, parent| {
            seat.flows([back_to_parent(&seat.port, parent)])
        })
        .distinct();
    let functions = seats
        .filter(|seat| seat.port.options.network_function)
        .flat_map(|seat| seat.flows([keep_tunnel(&seat.port)]))
        .distinct();
    own.concat(&parents).concat(&functions)
}

fn rows(seat: &Seat) -> Vec<Option<Row>> {
    let Seat { site, port, ofport, zone, .. } = seat;
    let mut rows = deliver(site, port, *zone);
    rows.extend(come(seat));
    let ethertype = site.network.as_ref().map_or(0x8100, |network| network.ethertype);
    let mut leave = Vec::new();
    if port.tag != 0 {
        leave.extend(push_vlan(ethertype, port.tag));
    }
    leave.push(output(*ofport));
    if port.tag != 0 {
        // The packet may go to further ports.
        leave.push(Action::PopVlan);
    }
    rows.push(seat.row(table::LOGICAL_TO_PHYSICAL, 100, seat.to(), &leave));
    if port.kind == Kind::Localport {
        // What a local port sends is for this chassis.
        let fields = Fields::from(port.datapath_key, port.key);
        rows.push(seat.row(table::REMOTE_OUTPUT, 150, fields, &[Action::resubmit(table::LOCAL_OUTPUT)]));
    }
    rows
}

/// Rows of a port that packets reach on this chassis, whatever is behind it.
pub(super) fn deliver(site: &Site, port: &Port, zone: u16) -> Vec<Option<Row>> {
    let to = || Fields::to(port.datapath_key, port.key);
    let mut arrive: Vec<Action> = site.zones.load(zone).collect();
    arrive.push(Action::resubmit(table::CHECK_LOOPBACK));
    let back = to().without(Flag::LOOPBACK).is(register::INPORT, port.key);
    // A container may be reached by others that have the same interface.
    let is_nested = port.interface != port.name;
    let looping = if is_nested { to() } else { to().with(Flag::LOOPBACK) };
    let out = without_in_port([Action::resubmit(table::LOGICAL_TO_PHYSICAL)]);
    let dropping = site.settings.dropping(table::CHECK_LOOPBACK);
    vec![
        row(table::LOCAL_OUTPUT, 100, to(), port.uuid, &arrive),
        row(table::CHECK_LOOPBACK, 100, back, port.uuid, &dropping),
        row(table::SAVE_INPORT, 100, looping, port.uuid, &out),
    ]
}

/// What a container sends to the port that it is in goes out where it came in.
fn back_to_parent(port: &Port, parent: &Port) -> Option<Row> {
    let fields = Fields::to(port.datapath_key, parent.key).with(Flag::NESTED);
    let out = without_in_port([Action::resubmit(table::LOGICAL_TO_PHYSICAL)]);
    row(table::SAVE_INPORT, 100, fields, parent.uuid, &out)
}

/// In datapaths with network functions it stays known what tunnel a packet came from.
fn keep_tunnel(port: &Port) -> Option<Row> {
    let fields = Fields::default().is(Field::METADATA, port.datapath_key);
    let mut actions: Vec<Action> = clear_registers()
        .filter(|action| !matches!(action, Action::SetField(field, ..) if *field == register::TUNNEL))
        .collect();
    actions.push(load(register::TUNNEL, 0, 16, 0u8));
    actions.push(Action::resubmit(table::EGRESS));
    row(table::CHECK_LOOPBACK, 1, fields, port.datapath, &actions)
}

/// Packets that come from a port.
fn come(seat: &Seat) -> Vec<Option<Row>> {
    let Seat { port, ofport, .. } = seat;
    let is_patched = matches!(port.kind, Kind::Localnet | Kind::L2Gateway);
    let mut fields = Fields::in_port(*ofport);
    let mut actions = Vec::new();
    if port.tag != 0 || is_patched {
        if port.kind == Kind::Container {
            actions.push(set_flag(Flag::NESTED));
        }
        if port.tag != 0 || !port.options.vlan_passthru {
            fields = fields.vlan(port.tag);
            actions.push(Action::PopVlan);
        }
    }
    let mut enter = seat.enter();
    if port.kind == Kind::Localport {
        enter.push(set_flag(Flag::LOCALPORT));
    }
    enter.push(Action::resubmit(table::INGRESS));
    actions.extend(enter.iter().cloned());
    let priority = if port.tag != 0 { 150 } else { 100 };
    let mut rows = vec![seat.row(table::PHYSICAL_TO_LOGICAL, priority, fields.clone(), &actions)];
    if port.tag == 0 && is_patched {
        rows.push(seat.row(table::PHYSICAL_TO_LOGICAL, 100, fields.no_vlan(), &enter));
    }
    rows
}
