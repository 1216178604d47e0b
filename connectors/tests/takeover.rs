//! Taking over a southbound database that another program has filled: its rows stay, whatever their
//! identifiers, and only what differs is written.

use std::collections::BTreeMap;

use northflow_connectors::change::{Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_connectors::offline::Offline;
use northflow_engine::Config;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

fn text(value: &str) -> Datum {
    Datum::scalar(Atom::text(value))
}

fn insert(table: &str, uuid: u128, columns: &[(&str, Datum)]) -> RowChange {
    let columns = columns.iter().map(|(name, datum)| (Text::from(*name), datum.clone())).collect();
    let database = Database::Northbound;
    RowChange { database, table: table.into(), uuid: Uuid(uuid), edit: Edit::Insert(columns) }
}

/// Three switches with two ports each, and a group over all of them.
fn network() -> Vec<RowChange> {
    let mut changes = vec![insert("NB_Global", 1, &[])];
    let mut all = Vec::new();
    for switch in 0..3u128 {
        let mut ports = Vec::new();
        for port in 0..2u128 {
            let row = 100 + switch * 10 + port;
            let address = format!("0a:00:00:00:{switch:02x}:{port:02x} 10.0.{switch}.{port}");
            let name = format!("p{switch}{port}");
            changes.push(insert(
                "Logical_Switch_Port",
                row,
                &[("name", text(&name)), ("addresses", text(&address))],
            ));
            ports.push(Atom::Uuid(Uuid(row)));
        }
        all.extend(ports.clone());
        let name = text(&format!("s{switch}"));
        changes.push(insert("Logical_Switch", 10 + switch, &[("name", name), ("ports", Datum::set(ports))]));
    }
    changes.push(insert("Port_Group", 50, &[("name", text("group")), ("ports", Datum::set(all))]));
    changes
}

/// The same contents under other identifiers.
fn renamed(contents: &MemoryDatabase) -> MemoryDatabase {
    let mut names: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    for (number, uuid) in contents.tables().values().flat_map(|rows| rows.keys()).enumerate() {
        names.insert(*uuid, Uuid((number as u128 + 1) << 64));
    }
    let rename = |atom: &Atom| match atom {
        Atom::Uuid(uuid) => Atom::Uuid(names.get(uuid).copied().unwrap_or(*uuid)),
        other => other.clone(),
    };
    let mut other = MemoryDatabase::default();
    for (table, rows) in contents.tables() {
        for (uuid, row) in rows {
            let columns = row.iter().map(|(name, datum)| {
                let datum = match datum {
                    Datum::Set(atoms) => Datum::set(atoms.iter().map(rename)),
                    Datum::Map(pairs) => {
                        Datum::map(pairs.iter().map(|(key, value)| (rename(key), rename(value))))
                    }
                };
                (name.clone(), datum)
            });
            let edit = Edit::Insert(columns.collect());
            let database = Database::Southbound;
            other.apply(&RowChange { database, table: table.clone(), uuid: names[uuid], edit });
        }
    }
    other
}

/// Brings a network to rest; its databases, and what it last wrote.
fn settle(network: &mut Offline, changes: &[RowChange]) -> Vec<RowChange> {
    network.apply(changes).expect("the rules come to rest").writes
}

fn southbound(writes: &[RowChange]) -> Vec<&RowChange> {
    writes.iter().filter(|write| write.database == Database::Southbound).collect()
}

#[test]
fn rows_of_another_program_stay() {
    let mut first = Offline::new(Config::default()).unwrap();
    settle(&mut first, &network());
    let filled = renamed(first.southbound());
    assert!(filled.rows("Logical_Flow").count() > 100);

    let mut second = Offline::resume(Config::default(), &filled).unwrap();
    let writes = settle(&mut second, &network());
    assert_eq!(southbound(&writes), Vec::<&RowChange>::new());
    assert_eq!(second.southbound(), &filled);
}

#[test]
fn what_follows_is_written_on_the_rows_that_are_there() {
    let mut first = Offline::new(Config::default()).unwrap();
    settle(&mut first, &network());
    let filled = renamed(first.southbound());
    let mut second = Offline::resume(Config::default(), &filled).unwrap();
    settle(&mut second, &network());

    let remove = RowChange {
        database: Database::Northbound,
        table: "Logical_Switch".into(),
        uuid: Uuid(10),
        edit: Edit::Delete,
    };
    let writes = settle(&mut second, std::slice::from_ref(&remove));
    let inserts =
        southbound(&writes).into_iter().filter(|write| matches!(write.edit, Edit::Insert(_))).count();
    assert_eq!(inserts, 0, "groups lose a member and keep their rows");
    settle(&mut first, &[remove]);
    let count = |network: &Offline, table| network.southbound().rows(table).count();
    for table in ["Logical_Flow", "Logical_DP_Group", "Port_Binding", "Datapath_Binding", "Port_Group"] {
        assert_eq!(count(&second, table), count(&first, table), "{table}");
    }
}

#[test]
fn only_what_differs_is_written() {
    let mut first = Offline::new(Config::default()).unwrap();
    settle(&mut first, &network());
    let mut filled = renamed(first.southbound());
    let (flow, _) = filled.rows("Logical_Flow").next().map(|(uuid, row)| (*uuid, row.clone())).unwrap();
    let gone = RowChange {
        database: Database::Southbound,
        table: "Logical_Flow".into(),
        uuid: flow,
        edit: Edit::Delete,
    };
    assert!(filled.apply(&gone));
    let foreign = vec![("name".into(), text("unheard_of")), ("addresses".into(), Datum::set([]))];
    let foreign = RowChange {
        database: Database::Southbound,
        table: "Address_Set".into(),
        uuid: Uuid(7),
        edit: Edit::Insert(foreign),
    };
    assert!(filled.apply(&foreign));

    let mut second = Offline::resume(Config::default(), &filled).unwrap();
    let writes = settle(&mut second, &network());
    let mut kinds: Vec<(&str, bool)> = southbound(&writes)
        .into_iter()
        .map(|write| (&*write.table, matches!(write.edit, Edit::Insert(_))))
        .collect();
    kinds.sort();
    assert_eq!(kinds, [("Address_Set", false), ("Logical_Flow", true)]);
}
