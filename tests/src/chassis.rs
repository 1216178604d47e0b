//! What chassis write into the southbound database, and how it is said of rows that the program made:
//! their identifiers differ from program to program, so a recording names such rows by their natural
//! keys.

use std::collections::BTreeMap;

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_rules::binding::Role;
use northflow_rules::northd;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::dump::{Dump, Row};

/// A table whose rows chassis insert.
#[derive(Debug)]
pub struct Written {
    /// Its name.
    pub table: &'static str,
    /// Whether its rows cannot be without the rows that they refer to.
    pub strong: bool,
}

/// Tables whose rows chassis insert.
pub const TABLES: &[Written] = &[
    Written { table: "Chassis", strong: false },
    Written { table: "Chassis_Private", strong: false },
    Written { table: "Encap", strong: false },
    Written { table: "FDB", strong: false },
    Written { table: "IGMP_Group", strong: false },
    Written { table: "Learned_Route", strong: true },
    Written { table: "MAC_Binding", strong: true },
];

/// Columns that chassis write in rows of the program.
pub const COLUMNS: &[(&str, &[&str])] = &[
    ("BFD", &["status"]),
    ("ECMP_Nexthop", &["mac"]),
    ("IP_Multicast", &["seq_no"]),
    ("Port_Binding", &["chassis", "additional_chassis", "up", "virtual_parent", "encap", "options"]),
    ("Service_Monitor", &["status"]),
];

/// The table if chassis insert its rows.
pub fn written(table: &str) -> Option<&'static Written> {
    TABLES.iter().find(|written| written.table == table)
}

/// The columns that chassis write in rows of the program's table.
pub fn columns_of(table: &str) -> Option<&'static [&'static str]> {
    COLUMNS.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns)
}

/// A row of the program, by its natural key. Identifiers in it are those of the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The table.
    pub table: Text,
    /// The columns of the key.
    pub key: Columns,
}

/// What identifiers and tunnel keys of a recording stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Rows by identifier.
    pub rows: BTreeMap<Uuid, Reference>,
    /// Columns that hold the tunnel key of a row: the row they are in, their name, whose key it is.
    pub numbers: Vec<(Uuid, Text, Uuid)>,
}

/// The natural keys of tables that the program alone makes rows of.
fn natural_keys() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    northd::OUTPUTS
        .iter()
        .filter(|output| output.info.database == Database::Southbound && output.role == Role::Own)
        .filter(|output| !output.natural_key.is_empty() && written(output.info.name).is_none())
        .map(|output| (output.info.name, output.natural_key))
}

impl References {
    /// What `change` refers to among the rows of `southbound`.
    pub fn add(&mut self, southbound: &Dump, change: &RowChange) {
        if change.database == Database::Northbound {
            return;
        }
        self.add_row(southbound, change.uuid);
        let (Edit::Insert(columns) | Edit::Update(columns)) = &change.edit else { return };
        for (_, datum) in columns {
            for uuid in identifiers(datum) {
                self.add_row(southbound, uuid);
            }
        }
        if &*change.table == "FDB" {
            self.add_numbers(southbound, change.uuid, columns);
        }
    }

    fn add_row(&mut self, southbound: &Dump, uuid: Uuid) {
        for (table, columns) in natural_keys() {
            let Some(row) = southbound.get(table).and_then(|rows| rows.get(&uuid)) else { continue };
            let key: Columns = columns
                .iter()
                .filter_map(|name| Some((Text::from(*name), row.get(*name)?.clone())))
                .collect();
            let behind: Vec<Uuid> = key.iter().flat_map(|(_, datum)| identifiers(datum)).collect();
            self.rows.insert(uuid, Reference { table: table.into(), key });
            behind.into_iter().for_each(|uuid| self.add_row(southbound, uuid));
        }
    }

    /// Learned addresses say by tunnel keys where they are.
    fn add_numbers(&mut self, southbound: &Dump, row: Uuid, columns: &Columns) {
        let value = |name: &str| columns.iter().find(|(column, _)| &**column == name).map(|(_, datum)| datum);
        let find = |table: &str, is: &dyn Fn(&Row) -> bool| {
            southbound.get(table)?.iter().find(|(_, row)| is(row)).map(|(uuid, _)| *uuid)
        };
        let keyed = |row: &Row, key| key == row.get("tunnel_key");
        let Some(datapath) = find("Datapath_Binding", &|row| keyed(row, value("dp_key"))) else { return };
        let here = Datum::scalar(Atom::Uuid(datapath));
        let port =
            find("Port_Binding", &|row| row.get("datapath") == Some(&here) && keyed(row, value("port_key")));
        for (column, referent) in [("dp_key", Some(datapath)), ("port_key", port)] {
            if let Some(referent) = referent {
                self.add_row(southbound, referent);
                self.numbers.push((row, column.into(), referent));
            }
        }
    }

    /// The row of `southbound` that an identifier of the recording means; itself if it is no row of
    /// the program.
    pub fn resolve(&self, southbound: &Dump, uuid: Uuid) -> Result<Uuid, &Reference> {
        let Some(reference) = self.rows.get(&uuid) else { return Ok(uuid) };
        let key = reference.key.iter().map(|(name, datum)| Some((name, self.datum(southbound, datum).ok()?)));
        let key: Vec<_> = key.collect::<Option<_>>().ok_or(reference)?;
        let nothing = Datum::none();
        let matches = |row: &Row| key.iter().all(|(name, datum)| row.get(*name).unwrap_or(&nothing) == datum);
        let rows = southbound.get(&reference.table).into_iter().flatten();
        rows.into_iter().find(|(_, row)| matches(row)).map(|(uuid, _)| *uuid).ok_or(reference)
    }

    /// A column's value with the rows of `southbound`, or the first row that is not there.
    fn datum(&self, southbound: &Dump, datum: &Datum) -> Result<Datum, &Reference> {
        let resolve = |atom: &Atom| match atom {
            Atom::Uuid(uuid) => self.resolve(southbound, *uuid).map(Atom::Uuid),
            other => Ok(other.clone()),
        };
        match datum {
            Datum::Set(atoms) => Ok(Datum::set(atoms.iter().map(resolve).collect::<Result<Vec<_>, _>>()?)),
            map => Ok(map.clone()),
        }
    }

    /// The changes as they are to be made in `southbound`. A row that is `gone` is left out where it is
    /// referred to, and so are changes of it and rows that cannot be without it.
    pub fn translate(
        &self,
        changes: &[RowChange],
        southbound: &Dump,
        gone: impl Fn(&Reference) -> bool,
    ) -> Result<Vec<RowChange>, String> {
        let missing = |reference: &Reference| {
            if gone(reference) { Ok(()) } else { Err(format!("there is no row {reference:?}")) }
        };
        let mut translated = Vec::new();
        for change in changes {
            if change.database == Database::Northbound {
                translated.push(change.clone());
                continue;
            }
            let mut change = change.clone();
            let recorded = change.uuid;
            match self.resolve(southbound, recorded) {
                Ok(uuid) => change.uuid = uuid,
                Err(reference) => {
                    missing(reference)?;
                    continue;
                }
            }
            let mut whole = true;
            if let Edit::Insert(columns) | Edit::Update(columns) = &mut change.edit {
                for (name, datum) in columns.iter_mut() {
                    if let Datum::Set(atoms) = datum {
                        let mut known = Vec::new();
                        for atom in atoms.drain(..) {
                            let Atom::Uuid(uuid) = atom else {
                                known.push(atom);
                                continue;
                            };
                            match self.resolve(southbound, uuid) {
                                Ok(uuid) => known.push(Atom::Uuid(uuid)),
                                Err(reference) => {
                                    missing(reference)?;
                                    whole = false;
                                }
                            }
                        }
                        *datum = Datum::set(known);
                    }
                    let number =
                        self.numbers.iter().find(|(row, column, _)| *row == recorded && column == name);
                    if let Some((_, _, referent)) = number
                        && let Some(key) = self.tunnel_key(southbound, *referent)
                    {
                        *datum = key;
                    }
                }
            }
            if whole || !written(&change.table).is_some_and(|written| written.strong) {
                translated.push(change);
            }
        }
        Ok(translated)
    }

    fn tunnel_key(&self, southbound: &Dump, referent: Uuid) -> Option<Datum> {
        let table = &self.rows.get(&referent)?.table;
        let uuid = self.resolve(southbound, referent).ok()?;
        southbound.get(table)?.get(&uuid)?.get("tunnel_key").cloned()
    }
}

/// Identifiers of rows in a column.
pub fn identifiers(datum: &Datum) -> Vec<Uuid> {
    let Datum::Set(atoms) = datum else { return Vec::new() };
    let uuid = |atom: &Atom| match atom {
        Atom::Uuid(uuid) => Some(*uuid),
        _ => None,
    };
    atoms.iter().filter_map(uuid).collect()
}

/// What a server does by itself when rows go: those that chassis wrote forget them.
pub fn forgotten(southbound: &Dump) -> Vec<RowChange> {
    let known = |uuid: &Uuid| southbound.values().any(|rows| rows.contains_key(uuid));
    let mut changes = Vec::new();
    for written in TABLES.iter().filter(|written| !written.strong) {
        for (uuid, row) in southbound.get(written.table).into_iter().flatten() {
            let stale = |(_, datum): &(&Text, &Datum)| !identifiers(datum).iter().all(known);
            let cleaned = |(name, datum): (&Text, &Datum)| {
                let left = identifiers(datum).into_iter().filter(known).map(Atom::Uuid);
                (name.clone(), Datum::set(left))
            };
            let columns: Columns = row.iter().filter(stale).map(cleaned).collect();
            if !columns.is_empty() {
                let (database, table) = (Database::Southbound, written.table.into());
                changes.push(RowChange { database, table, uuid: *uuid, edit: Edit::Update(columns) });
            }
        }
    }
    changes
}
