//! A network without servers, to which the operations of a workload are made.
//!
//! What ovsdb-server would do beside them is done here: rows that nobody refers to any more go, and so do
//! references to rows that have gone (RFC 7047 section 3.1, `isRoot` and `refType`).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use northflow_connectors::change::{Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_connectors::offline::{Offline, Outcome};
use northflow_engine::Config;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;
use northflow_tests::dump::{Row, datum};
use serde_json::Value;

use super::Work;
use crate::Failure;
use crate::workload::{Operations, Workload};

/// Northbound tables whose rows go when nobody refers to them, of those that workloads use.
const CHILDREN: &[&str] = &[
    "ACL",
    "Forwarding_Group",
    "Gateway_Chassis",
    "Logical_Router_Policy",
    "Logical_Router_Port",
    "Logical_Router_Static_Route",
    "Logical_Switch_Port",
    "Meter_Band",
    "Mirror_Rule",
    "NAT",
    "QoS",
];

/// Northbound columns that keep no row alive, and lose a row that goes, likewise.
const WEAK: &[(&str, &str)] = &[
    ("Load_Balancer_Group", "load_balancer"),
    ("Logical_Router", "load_balancer"),
    ("Logical_Router_Static_Route", "bfd"),
    ("Logical_Switch", "copp"),
    ("Logical_Switch", "dns_records"),
    ("Logical_Switch", "load_balancer"),
    ("Logical_Switch_Port", "dhcpv4_options"),
    ("Logical_Switch_Port", "mirror_rules"),
    ("Port_Group", "ports"),
];

/// A table and a row of it.
type Place = (Text, Uuid);

/// The rules, and both databases.
#[derive(Debug)]
pub struct Network {
    offline: Offline,
    /// How many references keep a northbound row alive.
    references: HashMap<Uuid, usize>,
    /// Where northbound rows are that may go by themselves.
    children: HashMap<Uuid, Place>,
    nb_cfg: i64,
}

impl Network {
    /// The network that a workload starts from.
    ///
    /// # Errors
    /// When the engine fails, or an operation is none that workloads use.
    pub fn new(workload: &Workload) -> Result<Network, Failure> {
        let offline = Offline::new(Config::default())?;
        let mut network =
            Network { offline, references: HashMap::new(), children: HashMap::new(), nb_cfg: 1 };
        network.make(Operations::southbound(workload.southbound.iter().cloned()))?;
        network.make(Operations::northbound((workload.northbound)().flatten()))?;
        Ok(network)
    }

    /// Makes a change, as [`Lab::measure`](crate::lab::Lab::measure) does, and counts.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn measure(&mut self, change: Operations) -> Result<Work, Failure> {
        self.nb_cfg += 1;
        let before = self.offline.engine().metrics()?;
        let mut writes = Vec::new();
        if !change.southbound.is_empty() {
            writes = self.make(Operations::southbound(change.southbound))?.writes;
        }
        let mut operations = change.northbound;
        let row = serde_json::json!({ "nb_cfg": self.nb_cfg });
        operations.push(crate::row::update("NB_Global", serde_json::json!([]), row));
        writes.extend(self.make(Operations::northbound(operations))?.writes);
        let mut operators = self.offline.engine().metrics()?;
        for (now, before) in operators.iter_mut().zip(before) {
            now.runs -= before.runs;
            now.rows_in -= before.rows_in;
            now.rows_met -= before.rows_met;
            now.rows_out -= before.rows_out;
            now.time = now.time.checked_sub(before.time).unwrap_or(Duration::ZERO);
        }
        Ok(Work { operators, writes })
    }

    fn make(&mut self, operations: Operations) -> Result<Outcome, Failure> {
        let (database, operations) = match operations.northbound.is_empty() {
            true => (Database::Southbound, operations.southbound),
            false => (Database::Northbound, operations.northbound),
        };
        let held = match database {
            Database::Northbound => self.offline.northbound(),
            _ => self.offline.southbound(),
        };
        let mut draft = Draft { held, rows: BTreeMap::new() };
        for operation in &operations {
            draft.make(operation).ok_or_else(|| format!("no operation of a workload: {operation}"))?;
        }
        if database == Database::Northbound {
            clear_up(&mut draft, &mut self.references, &mut self.children);
        }
        let changes = draft.changes(database);
        Ok(self.offline.apply(&changes)?)
    }
}

/// Rows as a transaction leaves them.
struct Draft<'a> {
    held: &'a MemoryDatabase,
    /// Those that it touches; `None` where it deletes.
    rows: BTreeMap<Place, Option<Row>>,
}

impl Draft<'_> {
    fn held(&self, place: &Place) -> Option<&Row> {
        self.held.tables().get(&place.0)?.get(&place.1)
    }

    /// The row as it is now, to be changed.
    fn row(&mut self, place: Place) -> Option<&mut Row> {
        let held = self.held(&place).cloned();
        self.rows.entry(place).or_insert(held).as_mut()
    }

    fn make(&mut self, operation: &Value) -> Option<()> {
        let table: Text = operation["table"].as_str()?.into();
        if operation["op"] == "insert" {
            // Only rows that nothing refers to are inserted without an identifier.
            let uuid = operation["uuid"].as_str().map_or(Some(Uuid(1)), Uuid::parse)?;
            self.rows.insert((table, uuid), Some(columns(&operation["row"])?));
            return Some(());
        }
        for place in self.select(&table, operation["where"].as_array()?)? {
            match operation["op"].as_str()? {
                "update" => {
                    let columns = columns(&operation["row"])?;
                    self.row(place)?.extend(columns);
                }
                "mutate" => {
                    for mutation in operation["mutations"].as_array()? {
                        let row = self.row(place.clone())?;
                        let (column, value) = (mutation[0].as_str()?, datum(&mutation[2])?);
                        let old = row.remove(column);
                        row.insert(column.into(), mutated(old, mutation[1].as_str()?, value)?);
                    }
                }
                "delete" => drop(self.rows.insert(place, None)),
                _ => return None,
            }
        }
        Some(())
    }

    /// The rows of a table that meet all conditions, of which each says what a column is equal to.
    fn select(&self, table: &Text, conditions: &[Value]) -> Option<Vec<Place>> {
        let mut wanted = Vec::new();
        for condition in conditions {
            let [Value::String(column), Value::String(function), value] = condition.as_array()?.as_slice()
            else {
                return None;
            };
            if function != "==" {
                return None;
            }
            wanted.push((column.as_str(), datum(value)?));
        }
        if let [("_uuid", Datum::Set(atoms))] = &wanted[..] {
            let [Atom::Uuid(uuid)] = atoms[..] else { return None };
            return Some(vec![(table.clone(), uuid)]);
        }
        let meets = |row: &Row| wanted.iter().all(|(column, value)| row.get(*column) == Some(value));
        let rows = self.held.rows(table).filter(|(_, row)| meets(row));
        Some(rows.map(|(uuid, _)| (table.clone(), *uuid)).collect())
    }

    fn changes(self, database: Database) -> Vec<RowChange> {
        let mut changes = Vec::new();
        for ((table, uuid), row) in &self.rows {
            let old = self.held.tables().get(table).and_then(|rows| rows.get(uuid));
            let edit = match (old, row) {
                (None, None) => continue,
                (Some(_), None) => Edit::Delete,
                (None, Some(row)) => Edit::Insert(row.clone().into_iter().collect()),
                (Some(old), Some(row)) => {
                    let changed = row.iter().filter(|(column, datum)| old.get(*column) != Some(datum));
                    Edit::Update(changed.map(|(column, datum)| (column.clone(), datum.clone())).collect())
                }
            };
            changes.push(RowChange { database, table: table.clone(), uuid: *uuid, edit });
        }
        changes
    }
}

fn columns(row: &Value) -> Option<Row> {
    row.as_object()?.iter().map(|(column, value)| Some((column.as_str().into(), datum(value)?))).collect()
}

/// What a set or map holds when something was inserted into or deleted from it.
fn mutated(old: Option<Datum>, mutator: &str, value: Datum) -> Option<Datum> {
    Some(match (old, mutator, value) {
        (None, "insert", value) => value,
        (Some(Datum::Set(old)), "insert", Datum::Set(more)) => Datum::set(old.into_iter().chain(more)),
        (Some(Datum::Set(old)), "delete", Datum::Set(less)) => {
            Datum::set(old.into_iter().filter(|atom| !less.contains(atom)))
        }
        // Nothing is deleted from a column that holds nothing.
        (None, "delete", _) => Datum::none(),
        // A key that is there keeps its value.
        (Some(Datum::Map(old)), "insert", Datum::Map(more)) => Datum::map(more.into_iter().chain(old)),
        (Some(Datum::Map(old)), "delete", Datum::Set(keys)) => {
            Datum::map(old.into_iter().filter(|(key, _)| !keys.contains(key)))
        }
        _ => return None,
    })
}

/// Drops what nobody refers to any more, and references to what has gone.
fn clear_up(
    draft: &mut Draft<'_>,
    references: &mut HashMap<Uuid, usize>,
    children: &mut HashMap<Uuid, Place>,
) {
    let mut touched: Vec<Place> = draft.rows.keys().cloned().collect();
    let mut gone = Vec::new();
    while let Some(place) = touched.pop() {
        let nothing = Row::new();
        let now = draft.rows[&place].as_ref();
        if now.is_none() {
            gone.push(place.1);
        } else if CHILDREN.contains(&&*place.0) {
            children.insert(place.1, place.clone());
        }
        for uuid in strong(&place.0, now.unwrap_or(&nothing)) {
            *references.entry(uuid).or_default() += 1;
        }
        for uuid in strong(&place.0, draft.held(&place).unwrap_or(&nothing)) {
            let count = references.entry(uuid).or_default();
            *count -= 1;
            if *count == 0
                && let Some(child) = children.remove(&uuid)
                && draft.row(child.clone()).is_some()
            {
                draft.rows.insert(child.clone(), None);
                touched.push(child);
            }
        }
    }
    for (table, column) in WEAK.iter().filter(|_| !gone.is_empty()) {
        let refers = |row: &Row| match row.get(*column) {
            Some(Datum::Set(atoms)) => {
                atoms.iter().any(|atom| matches!(atom, Atom::Uuid(uuid) if gone.contains(uuid)))
            }
            _ => false,
        };
        let rows: Vec<Uuid> =
            draft.held.rows(table).filter(|(_, row)| refers(row)).map(|(uuid, _)| *uuid).collect();
        for uuid in rows {
            if let Some(Datum::Set(atoms)) =
                draft.row(((*table).into(), uuid)).and_then(|row| row.get_mut(*column))
            {
                atoms.retain(|atom| !matches!(atom, Atom::Uuid(uuid) if gone.contains(uuid)));
            }
        }
    }
}

/// The rows that a row keeps alive.
fn strong(table: &str, row: &Row) -> Vec<Uuid> {
    let mut uuids = Vec::new();
    for (_, datum) in row.iter().filter(|(column, _)| !WEAK.contains(&(table, &***column))) {
        match datum {
            Datum::Set(atoms) => uuids.extend(atoms.iter().filter_map(uuid)),
            Datum::Map(pairs) => uuids.extend(pairs.iter().filter_map(|(_, atom)| uuid(atom))),
        }
    }
    uuids
}

fn uuid(atom: &Atom) -> Option<Uuid> {
    if let Atom::Uuid(uuid) = atom { Some(*uuid) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_from_a_map_is_said_by_keys() {
        let text = |text: &str| Atom::text(text);
        let map = Datum::map([(text("a"), text("1")), (text("b"), text("2"))]);
        let left = mutated(Some(map), "delete", Datum::set([text("a"), text("c")]));
        assert_eq!(left, Some(Datum::map([(text("b"), text("2"))])));
    }
}
