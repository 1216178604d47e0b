//! The typed rows that feed a program, as last heard of.
//!
//! A program's input is told what goes by the row that came, so the rows are kept here; they are
//! the same shared records that the program's indexes hold, not copies.

use std::collections::HashMap;
use std::fmt;

use northflow_engine::{Rec, Transaction};
use northflow_rules::binding::InputTable;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::{ColumnError, Database};

use crate::change::{Edit, RowChange};

/// The rows of every input of a program.
pub struct Replica {
    tables: Vec<ReplicaTable>,
}

struct ReplicaTable {
    input: &'static InputTable,
    rows: HashMap<Uuid, Rec>,
}

/// A change that cannot be taken over.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplicaError {
    /// A column holds what its type cannot; the row is left out until it is changed.
    Column(ColumnError),
    /// An insert of a row that is there, or a change of one that is not: the replica and the
    /// server disagree, and a new snapshot is needed.
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The row.
        uuid: Uuid,
    },
}

impl fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplicaError::Column(error) => error.fmt(f),
            ReplicaError::Inconsistent { table, uuid } => {
                write!(f, "table \"{table}\" row {uuid}: the change does not fit what was heard before")
            }
        }
    }
}

impl std::error::Error for ReplicaError {}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.tables.iter().map(|table| (table.input.name, table.rows.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl Replica {
    /// An empty replica for these inputs.
    pub fn new(inputs: &'static [InputTable]) -> Replica {
        let tables = inputs.iter().map(|input| ReplicaTable { input, rows: HashMap::new() }).collect();
        Replica { tables }
    }

    /// The place of a table among the inputs; `None` if no input reads it.
    pub fn find(&self, database: Database, table: &str) -> Option<usize> {
        self.tables
            .iter()
            .position(|entry| entry.input.info.database == database && entry.input.info.name == table)
    }

    /// Takes over a change and adds what it means to `transaction`; changes of tables and columns
    /// that no input reads mean nothing.
    pub fn apply(&mut self, change: &RowChange, transaction: &mut Transaction) -> Result<(), ReplicaError> {
        let Some(table) = self.find(change.database, &change.table) else { return Ok(()) };
        let info = &self.tables[table].input.info;
        let mut cells = vec![None; info.columns.len()];
        match &change.edit {
            Edit::Delete => self.remove(table, change.uuid, transaction),
            Edit::Insert(columns) => {
                place(info.columns, columns, &mut cells);
                self.insert(table, change.uuid, &cells, transaction)
            }
            Edit::Elements { column, insert, delete } => {
                self.elements(table, change.uuid, column, insert, delete, transaction)
            }
            Edit::Update(columns) => {
                if !place(info.columns, columns, &mut cells) {
                    return Ok(());
                }
                self.update(table, change.uuid, cells, transaction)
            }
        }
    }

    /// A new row; `cells` are its columns in the order of the input's columns.
    pub fn insert(
        &mut self,
        table: usize,
        uuid: Uuid,
        cells: &[Option<Datum>],
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let ReplicaTable { input, rows } = &mut self.tables[table];
        if rows.contains_key(&uuid) {
            return Err(ReplicaError::Inconsistent { table: input.info.name, uuid });
        }
        let rec = (input.decode)(uuid, cells).map_err(ReplicaError::Column)?;
        transaction.change(input.name, rec.clone(), 1);
        rows.insert(uuid, rec);
        Ok(())
    }

    fn elements(
        &mut self,
        table: usize,
        uuid: Uuid,
        column: &str,
        insert: &[Atom],
        delete: &[Atom],
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let info = &self.tables[table].input.info;
        let Some(at) = info.columns.iter().position(|name| *name == column) else { return Ok(()) };
        let before = self.cells(table, uuid).and_then(|mut cells| match cells.swap_remove(at).1 {
            Datum::Set(atoms) => Some(atoms),
            Datum::Map(_) => None,
        });
        let Some(before) = before else {
            return Err(ReplicaError::Inconsistent { table: info.name, uuid });
        };
        let mut cells = vec![None; info.columns.len()];
        let kept = before.into_iter().filter(|atom| !delete.contains(atom));
        cells[at] = Some(Datum::set(kept.chain(insert.iter().cloned())));
        self.update(table, uuid, cells, transaction)
    }

    /// New values of some columns; the cells of others are `None`.
    pub fn update(
        &mut self,
        table: usize,
        uuid: Uuid,
        mut cells: Vec<Option<Datum>>,
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let ReplicaTable { input, rows } = &mut self.tables[table];
        let Some(before) = rows.get(&uuid).cloned() else {
            return Err(ReplicaError::Inconsistent { table: input.info.name, uuid });
        };
        for (cell, (_, value)) in cells.iter_mut().zip((input.encode)(&before)) {
            cell.get_or_insert(value);
        }
        let now = (input.decode)(uuid, &cells).map_err(ReplicaError::Column)?;
        if now != before {
            transaction.change(input.name, before, -1);
            transaction.change(input.name, now.clone(), 1);
            rows.insert(uuid, now);
        }
        Ok(())
    }

    /// A row goes.
    pub fn remove(
        &mut self,
        table: usize,
        uuid: Uuid,
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let ReplicaTable { input, rows } = &mut self.tables[table];
        match rows.remove(&uuid) {
            Some(rec) => transaction.change(input.name, rec, -1),
            None => return Err(ReplicaError::Inconsistent { table: input.info.name, uuid }),
        }
        Ok(())
    }

    /// The columns of a row that is there, in the order of the input's columns.
    pub fn cells(&self, table: usize, uuid: Uuid) -> Option<Vec<(&'static str, Datum)>> {
        let ReplicaTable { input, rows } = &self.tables[table];
        rows.get(&uuid).map(|rec| (input.encode)(rec))
    }

    /// One of a table's rows: the row, of a table that has one.
    pub fn any(&self, table: usize) -> Option<&Rec> {
        self.tables[table].rows.values().next()
    }

    /// The identifiers of a table's rows.
    pub fn uuids(&self, table: usize) -> Vec<Uuid> {
        self.tables[table].rows.keys().copied().collect()
    }
}

/// Puts columns by name where their cells are; false if none of them is wanted.
fn place(
    wanted: &[&str],
    columns: &[(northflow_rules::ovsdb::Text, Datum)],
    cells: &mut [Option<Datum>],
) -> bool {
    let mut any = false;
    for (name, value) in columns {
        if let Some(at) = wanted.iter().position(|column| **column == **name) {
            cells[at] = Some(value.clone());
            any = true;
        }
    }
    any
}
