//! What feeds a program, as last heard of: typed rows, and the elements of columns that are inputs of
//! their own.
//!
//! A program's input is told what goes by the row that came, so the rows are kept here; they are
//! the same shared records that the program's indexes hold, not copies.

mod elements;

use std::collections::HashMap;
use std::fmt;

use northflow_engine::{Rec, Transaction};
use northflow_rules::binding::{InputTable, Shape};
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::{ColumnError, Database};

use crate::change::{Columns, Edit, RowChange};
use crate::ovsdb::codec::apply_diff;
use crate::ovsdb::schema::ColumnType;
use crate::tables::column_type;
use elements::Elements;

/// The rows of every input of a program.
pub struct Replica {
    tables: Vec<ReplicaTable>,
}

/// One database table and the inputs that it feeds.
struct ReplicaTable {
    name: &'static str,
    database: Database,
    /// The columns of the row, then those that are inputs of their own.
    columns: Vec<&'static str>,
    input: &'static str,
    decode: fn(Uuid, &[Option<Datum>]) -> Result<Rec, ColumnError>,
    encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
    /// The types of the row's own columns.
    types: Vec<ColumnType>,
    rows: HashMap<Uuid, Rec>,
    split: Vec<Elements>,
}

/// What is told of a column of a row.
#[derive(Clone, Debug)]
pub enum Cell {
    /// It holds this.
    Value(Datum),
    /// It holds something else than before: the elements of one of the two only, and the new values
    /// of map entries (ovsdb-server(7), `update2`).
    Difference(Datum),
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
        let sizes = self.tables.iter().map(|table| (table.input, table.rows.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl Replica {
    /// An empty replica for these inputs. A column that is an input of its own belongs to a table
    /// whose rows are an input too.
    pub fn new(inputs: &'static [InputTable]) -> Replica {
        let mut tables: Vec<ReplicaTable> = inputs.iter().filter_map(ReplicaTable::of).collect();
        for input in inputs {
            let Shape::Element(make) = input.shape else { continue };
            let of = |table: &&mut ReplicaTable| table.is(input.info.database, input.info.name);
            if let Some(table) = tables.iter_mut().find(of) {
                table.columns.extend_from_slice(input.info.columns);
                table.split.push(Elements::new(input.name, make));
            }
        }
        Replica { tables }
    }

    /// The place of a table among the inputs; `None` if no input reads it.
    pub fn find(&self, database: Database, table: &str) -> Option<usize> {
        self.tables.iter().position(|entry| entry.is(database, table))
    }

    /// The columns of a table that inputs read, in the order in which [`Self::insert`] and
    /// [`Self::update`] take them.
    pub fn columns(&self, table: usize) -> &[&'static str] {
        &self.tables[table].columns
    }

    /// The tables of `database`, each with its place.
    pub fn tables(&self, database: Database) -> impl Iterator<Item = (usize, &'static str)> + '_ {
        let tables = self.tables.iter().enumerate();
        tables.filter(move |(_, table)| table.database == database).map(|(at, table)| (at, table.name))
    }

    /// Takes over a change and adds what it means to `transaction`; changes of tables and columns
    /// that no input reads mean nothing.
    pub fn apply(&mut self, change: &RowChange, transaction: &mut Transaction) -> Result<(), ReplicaError> {
        let Some(table) = self.find(change.database, &change.table) else { return Ok(()) };
        let uuid = change.uuid;
        match &change.edit {
            Edit::Delete => self.remove(table, uuid, transaction),
            Edit::Insert(columns) => {
                let mut cells = vec![None; self.tables[table].columns.len()];
                for (at, datum) in self.wanted(table, columns) {
                    cells[at] = Some(datum.clone());
                }
                self.insert(table, uuid, &cells, transaction)
            }
            Edit::Elements { column, insert, delete } => {
                let Some(at) = self.tables[table].columns.iter().position(|name| **name == **column) else {
                    return Ok(());
                };
                let difference = self.tables[table].difference(uuid, at, insert, delete);
                self.update(table, uuid, vec![(at, Cell::Difference(difference))], transaction)
            }
            Edit::Update(columns) => {
                let cells: Vec<(usize, Cell)> =
                    self.wanted(table, columns).map(|(at, datum)| (at, Cell::Value(datum.clone()))).collect();
                if cells.is_empty() {
                    return Ok(());
                }
                self.update(table, uuid, cells, transaction)
            }
        }
    }

    /// Of named columns those that are read, by their place.
    fn wanted<'a>(&'a self, table: usize, columns: &'a Columns) -> impl Iterator<Item = (usize, &'a Datum)> {
        let names = &self.tables[table].columns;
        columns.iter().filter_map(move |(name, datum)| {
            Some((names.iter().position(|column| **column == **name)?, datum))
        })
    }

    /// A new row; `cells` are its columns in the order of [`Self::columns`].
    pub fn insert(
        &mut self,
        table: usize,
        uuid: Uuid,
        cells: &[Option<Datum>],
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let table = &mut self.tables[table];
        if table.rows.contains_key(&uuid) {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        }
        let own = table.own();
        let rec = (table.decode)(uuid, &cells[..own.min(cells.len())]).map_err(ReplicaError::Column)?;
        transaction.change(table.input, rec.clone(), 1);
        table.rows.insert(uuid, rec);
        for (split, cell) in table.split.iter_mut().zip(cells.iter().skip(own)) {
            if let Some(datum) = cell {
                split.set(uuid, datum, transaction);
            }
        }
        Ok(())
    }

    /// What some columns hold now, by their place in [`Self::columns`].
    pub fn update(
        &mut self,
        table: usize,
        uuid: Uuid,
        cells: Vec<(usize, Cell)>,
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let table = &mut self.tables[table];
        let Some(before) = table.rows.get(&uuid).cloned() else {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        };
        let own = table.own();
        let mut row: Option<Vec<Option<Datum>>> = None;
        for (at, cell) in cells {
            if let Some(split) = at.checked_sub(own).and_then(|at| table.split.get_mut(at)) {
                match cell {
                    Cell::Value(datum) => split.set(uuid, &datum, transaction),
                    Cell::Difference(datum) => split.toggle(uuid, &datum, transaction),
                }
                continue;
            }
            let row = row.get_or_insert_with(|| {
                (table.encode)(&before).into_iter().map(|(_, datum)| Some(datum)).collect()
            });
            let Some(Some(old)) = row.get_mut(at) else { continue };
            match cell {
                Cell::Value(datum) => *old = datum,
                Cell::Difference(datum) => apply_diff(old, &datum, &table.types[at]),
            }
        }
        let Some(row) = row else { return Ok(()) };
        let now = (table.decode)(uuid, &row).map_err(ReplicaError::Column)?;
        if now != before {
            transaction.change(table.input, before, -1);
            transaction.change(table.input, now.clone(), 1);
            table.rows.insert(uuid, now);
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
        let table = &mut self.tables[table];
        let Some(rec) = table.rows.remove(&uuid) else {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        };
        transaction.change(table.input, rec, -1);
        for split in &mut table.split {
            split.clear(uuid, transaction);
        }
        Ok(())
    }

    /// The columns of a row that is there, without those that are inputs of their own.
    pub fn cells(&self, table: usize, uuid: Uuid) -> Option<Vec<(&'static str, Datum)>> {
        let table = &self.tables[table];
        table.rows.get(&uuid).map(|rec| (table.encode)(rec))
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

impl ReplicaTable {
    /// The table of an input of rows.
    fn of(input: &'static InputTable) -> Option<ReplicaTable> {
        let Shape::Row { decode, encode } = input.shape else { return None };
        Some(ReplicaTable {
            name: input.info.name,
            database: input.info.database,
            columns: input.info.columns.to_vec(),
            types: input.info.kinds.iter().map(column_type).collect(),
            input: input.name,
            decode,
            encode,
            rows: HashMap::new(),
            split: Vec::new(),
        })
    }

    fn is(&self, database: Database, name: &str) -> bool {
        self.database == database && self.name == name
    }

    /// How many columns are the row's own.
    fn own(&self) -> usize {
        self.columns.len() - self.split.len()
    }

    /// What [`Cell::Difference`] says where elements come and go: those that do so in fact.
    fn difference(&self, uuid: Uuid, at: usize, insert: &[Atom], delete: &[Atom]) -> Datum {
        let there: Vec<bool> = match at.checked_sub(self.own()).and_then(|at| self.split.get(at)) {
            Some(split) => insert.iter().chain(delete).map(|atom| split.has(uuid, atom)).collect(),
            None => {
                let cells = self.rows.get(&uuid).map(|rec| (self.encode)(rec)).unwrap_or_default();
                let old = cells.into_iter().nth(at).map(|(_, datum)| datum);
                let has = |atom: &Atom| matches!(&old, Some(Datum::Set(atoms)) if atoms.contains(atom));
                insert.iter().chain(delete).map(has).collect()
            }
        };
        let atoms = insert.iter().map(|atom| (atom, true)).chain(delete.iter().map(|atom| (atom, false)));
        // An element that both comes and goes has come.
        let changes = atoms
            .zip(there)
            .filter(|((atom, comes), there)| comes != there && (*comes || !insert.contains(atom)));
        Datum::set(changes.map(|((atom, _), _)| atom.clone()))
    }
}
