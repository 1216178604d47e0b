//! A database held in memory, for runs without a server.

pub(crate) mod row;

use std::collections::BTreeMap;

use northflow_rules::ovsdb::{Datum, Text, Uuid};

use crate::change::{Edit, RowChange};

/// The columns of a row, by name; those that were never given are absent.
pub type Row = BTreeMap<Text, Datum>;

/// Rows of a table, by identifier.
pub type Rows = BTreeMap<Uuid, Row>;

/// The contents of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryDatabase {
    tables: BTreeMap<Text, Rows>,
}

impl MemoryDatabase {
    /// The tables that have held a row, with their rows.
    pub fn tables(&self) -> &BTreeMap<Text, Rows> {
        &self.tables
    }

    /// The rows of a table.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = (&Uuid, &Row)> {
        self.tables.get(table).into_iter().flatten()
    }

    /// Makes a change; false if it does not fit (an insert of a row that is there, or a change of
    /// one that is not), and then nothing changes.
    pub fn apply(&mut self, change: &RowChange) -> bool {
        let rows = self.tables.entry(change.table.clone()).or_default();
        match &change.edit {
            Edit::Insert(columns) => {
                if rows.contains_key(&change.uuid) {
                    return false;
                }
                rows.insert(change.uuid, columns.iter().cloned().collect());
            }
            Edit::Update(columns) => match rows.get_mut(&change.uuid) {
                Some(row) => row.extend(columns.iter().cloned()),
                None => return false,
            },
            Edit::Elements { column, insert, delete } => {
                let Some(row) = rows.get_mut(&change.uuid) else { return false };
                let datum = row.entry(column.clone()).or_insert_with(Datum::none);
                let Datum::Set(atoms) = datum else { return false };
                // What the database may hold beside what is written stays.
                atoms.retain(|atom| !delete.contains(atom));
                *datum = Datum::set(atoms.drain(..).chain(insert.iter().cloned()));
            }
            Edit::Delete => return rows.remove(&change.uuid).is_some(),
        }
        true
    }
}
