//! Route tables (I15): a port may have its packets looked up in a table of its own. Tables have numbers,
//! which all routers share.

use northflow_engine::{Relation, key_hash};

use super::number::{Wanted, numbers};
use crate::flow::register::ROUTE_TABLE;
use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::topology::router_port::RouterPortConfig;

/// The name of a table by hash, with the table's number. The main table is 0.
pub type Table = (u128, u32);

/// Numbers for the tables that `names` name.
///
/// Cost: a name costs itself.
pub fn tables(names: &Relation<Text>) -> Relation<Table> {
    let wanted = names
        .filter(|name| !name.is_empty())
        .distinct()
        .map(|name| Wanted { space: 0, owner: key_hash(name) });
    numbers(&wanted).map(|given| (given.wanted.owner, given.number))
}

/// The tables that ports ask for, by port.
pub fn of_ports(ports: &Relation<RouterPortConfig>) -> Relation<(Uuid, Text, Text)> {
    ports.flat_map(|port| {
        let table = port.options.route_table.clone();
        (!table.is_empty()).then(|| (port.router.row, port.port.name.clone(), table))
    })
}

/// The flows that choose a table by the port.
///
/// Cost: a port costs its own flow.
pub fn flows(asked: &Relation<(Uuid, Text, Text)>, tables: &Relation<Table>) -> Relation<Placed> {
    asked.index_by(|(_, _, table): &(Uuid, Text, Text)| key_hash(table)).join(
        &tables.index_by(|(name, _)| *name),
        |(router, port, _), (_, number)| {
            let actions = format!("{ROUTE_TABLE} = {number}; next;");
            // The reference does not escape the name here.
            let flow = Flow::new(Stage::LrInIpRoutingPre, 100, format!("inport == \"{port}\""), actions);
            Placed { on: On::Datapath(*router), flow }
        },
    )
}
