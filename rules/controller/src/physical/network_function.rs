//! Ports of network functions: what comes out of one goes back through the tunnel that it came from, which
//! connection tracking remembers in the zone of the function's other port.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::{Action, Conntrack, Field, Subfield, Zone};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::build::{Fields, TUNNEL_ID, copy, load, output, row, set_flag};
use super::port::Port;
use super::seat::Seat;
use super::tunnel::{Kept, Tunnel, Ways};
use crate::local;
use crate::row::{Flow, Row};

/// A port of a function on a chassis, and the zone of the other one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Turn {
    chassis: Uuid,
    port: Arc<Port>,
    linked_zone: u16,
}

/// Rows of network functions' ports on switches with physical networks.
///
/// Cost: such a port costs a few rows for each tunnel of its chassis.
pub(super) fn flows(
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    ways: &Relation<Arc<Ways>>,
    zones: &Index<(Uuid, Text), local::Zone>,
) -> Relation<Flow> {
    let turns = seats
        .filter(|seat| seat.port.options.network_function && seat.site.network.is_some() && seat.zone != 0)
        .index_by(|seat| seat.port.options.linked.clone())
        .join_flat(&ports.index_by(|port| Some(port.name.clone())), |seat, linked| {
            let back = linked.options.linked.as_ref() == Some(&seat.port.name);
            (back && linked.kind == seat.port.kind).then(|| (Arc::clone(seat), Arc::clone(linked)))
        })
        .index_by(|(seat, linked)| (seat.site.chassis, linked.name.clone()))
        .join_flat(zones, |(seat, linked), zone| {
            let chassis = seat.site.chassis;
            let turn = |port: &Arc<Port>, linked_zone| Turn { chassis, port: Arc::clone(port), linked_zone };
            [turn(&seat.port, zone.number), turn(linked, seat.zone)]
        })
        .distinct();
    let tracked = turns.flat_map(|turn| track(turn).map(|row| Flow { chassis: turn.chassis, row }));
    let returned =
        turns.index_by(|turn| turn.chassis).join_flat(&ways.index_by(|ways| ways.chassis), |turn, ways| {
            let chassis = turn.chassis;
            let rows: Vec<Row> =
                ways.tunnels().flat_map(|tunnel| back(&turn.port, tunnel)).flatten().collect();
            rows.into_iter().map(move |row| Flow { chassis, row })
        });
    tracked.concat(&returned)
}

/// Looks the connection up in the zone of the other port.
fn track(turn: &Turn) -> Option<Row> {
    let Turn { port, linked_zone, .. } = turn;
    let fields = Fields::from(port.datapath_key, port.key).ip(false).without(Flag::RECIRCULATED);
    let actions = [
        set_flag(Flag::RECIRCULATED),
        load(register::CT_ZONE, 0, 16, *linked_zone),
        Action::Conntrack(Box::new(Conntrack {
            commit: false,
            force: false,
            zone: Zone::Field(Subfield::new(register::CT_ZONE, 0, 16)),
            table: Some(table::LOCAL_OUTPUT),
            helper: 0,
            actions: Vec::new(),
        })),
    ];
    row(table::LOCAL_OUTPUT, 110, fields, port.uuid, &actions)
}

/// Sends packets back through a tunnel: those of connections that came from it, and those of no connection of
/// the other port that are answers on the same one.
fn back(port: &Port, tunnel: &Tunnel) -> [Option<Row>; 2] {
    /// Of the label's high half, the tunnel that a connection came from.
    const CAME_FROM: Subfield = Subfield { field: Field::CT_LABEL, offset: 80, bits: 16 };
    /// The connection is none.
    const INVALID: u128 = 0x10;
    let Kept::Geneve(option) = tunnel.kept else { return [None, None] };
    let actions = [
        load(TUNNEL_ID, 0, 24, port.datapath_key),
        copy(register::OUTPORT, 0, option, 0, 32),
        load(option, 16, 15, port.key),
        output(tunnel.ofport),
    ];
    let from = || Fields::from(port.datapath_key, port.key).with(Flag::RECIRCULATED);
    let answers = from().bits(Field::named("ct_state"), INVALID, INVALID).bits(
        register::TUNNEL,
        u128::from(tunnel.ofport) << 16,
        0xffff_0000,
    );
    let known = from().bits(CAME_FROM.field, CAME_FROM.place(tunnel.ofport.into()), CAME_FROM.mask());
    [(110, answers), (109, known)]
        .map(|(priority, fields)| row(table::LOCAL_OUTPUT, priority, fields, port.uuid, &actions))
}
