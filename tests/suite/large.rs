//! Sets with ten thousand members: one more member costs its own rows.

use libtest_mimic::{Failed, Trial};
use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_connectors::offline::Offline;
use northflow_engine::Config;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::Database;

const MEMBERS: u128 = 10_000;

/// One trial for each kind of set.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("large::address_set", || {
            let addresses = |count| Datum::set((0..count).map(address));
            one_more(Vec::new(), "Address_Set", "addresses", &addresses, 1)
        }),
        Trial::test("large::port_group", || {
            let mut network =
                vec![row("Logical_Switch", Uuid(1), vec![("ports".into(), ports(MEMBERS + 1))])];
            network.extend((0..=MEMBERS).map(|number| {
                let columns = vec![("name".into(), Datum::scalar(Atom::text(format!("p{number}"))))];
                row("Logical_Switch_Port", port(number), columns)
            }));
            // The port's address would be in the sets of the group's addresses; it has none.
            one_more(network, "Port_Group", "ports", &ports, 1)
        }),
    ]
}

fn port(number: u128) -> Uuid {
    Uuid(1 << 64 | number)
}

fn ports(count: u128) -> Datum {
    Datum::set((0..count).map(port).map(Atom::Uuid))
}

fn address(number: u128) -> Atom {
    Atom::text(format!("10.{}.{}.1", number / 256, number % 256))
}

fn row(table: &str, uuid: Uuid, columns: Columns) -> RowChange {
    RowChange { database: Database::Northbound, table: table.into(), uuid, edit: Edit::Insert(columns) }
}

/// Fills the set of a row, then adds a member, and counts the elements that are written for it.
fn one_more(
    network: Vec<RowChange>,
    table: &str,
    column: &str,
    members: &dyn Fn(u128) -> Datum,
    wanted: usize,
) -> Result<(), Failed> {
    let mut offline = Offline::new(Config::default())?;
    offline.apply(&[row("NB_Global", Uuid(3), Vec::new())])?;
    offline.apply(&network)?;
    let set = Uuid(2);
    let columns = vec![("name".into(), Datum::scalar(Atom::text("s"))), (column.into(), members(MEMBERS))];
    offline.apply(&[row(table, set, columns)])?;
    let edit = Edit::Update(vec![(column.into(), members(MEMBERS + 1))]);
    let change = RowChange { edit, ..row(table, set, Vec::new()) };
    let outcome = offline.apply(&[change])?;
    let elements: usize = outcome
        .writes
        .iter()
        .map(|write| match &write.edit {
            Edit::Elements { insert, delete, .. } => insert.len() + delete.len(),
            Edit::Insert(columns) | Edit::Update(columns) => columns.len() + MEMBERS as usize,
            Edit::Delete => MEMBERS as usize,
        })
        .sum();
    if (elements, outcome.rows_in) != (wanted, 1) {
        let rows = outcome.rows_in;
        return Err(format!("{rows} rows in and {elements} elements out: {:?}", outcome.writes).into());
    }
    Ok(())
}
