//! Route tables (I15): a port may have its packets looked up in a table of its own. Tables have numbers,
//! which all routers share.

use northflow_engine::{Relation, key_hash};

use super::held::{self, Held, Kind, Sign};
use super::number::{Wanted, numbers};
use crate::flow::register::ROUTE_TABLE;
use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::topology::router_port::RouterPortConfig;

/// The name of a table by hash, with the table's number. The main table is 0.
pub type Table = (u128, u32);

/// Numbers for the tables that ports ask for, and those in which routes are.
///
/// Cost: a port or a route costs itself.
pub fn tables(
    asked: &Relation<(Uuid, Text, Text)>,
    routes: &Relation<(Text, Sign)>,
    held: &Relation<Held>,
) -> Relation<Table> {
    let ports = asked
        .map(|(router, port, table)| (table.clone(), (*router, Kind::TableOfPort, Text::from(inport(port)))));
    let named = routes.concat(&ports).filter(|(name, _)| !name.is_empty());
    let named = named.map(|(name, sign)| (Wanted { space: 0, owner: key_hash(name) }, sign.clone()));
    let wanted = named.map(|(wanted, _)| *wanted).distinct();
    numbers(&wanted, &held::claims(&named, held)).map(|given| (given.wanted.owner, given.number))
}

fn inport(port: &str) -> String {
    // The reference does not escape the name here.
    format!("inport == \"{port}\"")
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
            let flow = Flow::new(Stage::LrInIpRoutingPre, 100, inport(port), actions);
            Placed { on: On::Datapath(*router), flow }
        },
    )
}
