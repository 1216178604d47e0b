//! What feeds a program, as last heard of: typed rows, and the elements of columns that are inputs of
//! their own.
//!
//! A program's input is told what goes by the row that came, so the rows are kept here; they are
//! the same shared records that the program's indexes hold, not copies.

mod elements;

use std::collections::{HashMap, HashSet};
use std::fmt;

use northflow_engine::{Rec, Record, Transaction};
use northflow_rules::binding::{InputTable, Shape};
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::{ColumnError, Database, Table};

use crate::change::{Columns, Edit, RowChange};
use crate::ovsdb::codec::apply_diff;
use crate::ovsdb::schema::ColumnType;
use crate::process::heap;
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
    /// The columns of its parts, one part after the other, then those that are inputs of their own.
    columns: Vec<&'static str>,
    parts: Vec<Part>,
    split: Vec<Elements>,
    /// Its rows, if it has no parts.
    rows: HashSet<Uuid>,
}

/// Some columns of the rows of a table, which are a row to one input.
struct Part {
    input: &'static str,
    decode: fn(Uuid, &[Option<Datum>]) -> Result<Rec, ColumnError>,
    encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
    /// The place of its first column among those of the table.
    start: usize,
    /// The types of its columns.
    types: Vec<ColumnType>,
    rows: HashMap<Uuid, Rec>,
}

/// New columns of a row, while an update is taken in.
type Columned = Vec<Option<Datum>>;

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
        let parts = self.tables.iter().flat_map(|table| &table.parts);
        let sizes = parts.map(|part| (part.input, part.rows.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl Replica {
    /// Gives back the room of rows that went.
    pub fn shrink(&mut self) {
        for table in &mut self.tables {
            heap::shrink_set(&mut table.rows);
            table.parts.iter_mut().for_each(|part| heap::shrink_map(&mut part.rows));
            table.split.iter_mut().for_each(Elements::shrink);
        }
    }

    /// An empty replica for these inputs. Several may be rows of one table, each of columns of its own.
    pub fn new(inputs: &'static [InputTable]) -> Replica {
        let mut tables: Vec<ReplicaTable> = Vec::new();
        for input in inputs {
            let Shape::Row { decode, encode } = input.shape else { continue };
            let table = ReplicaTable::entry(&mut tables, input);
            let start = table.columns.len();
            table.columns.extend_from_slice(input.info.columns);
            let types = input.info.kinds.iter().map(column_type).collect();
            let (input, rows) = (input.name, HashMap::new());
            table.parts.push(Part { input, decode, encode, start, types, rows });
        }
        for input in inputs {
            let Shape::Element(make) = input.shape else { continue };
            let table = ReplicaTable::entry(&mut tables, input);
            table.columns.extend_from_slice(input.info.columns);
            table.split.push(Elements::new(input.name, make));
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
        if table.has(uuid) {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        }
        let decode = |part: &Part| (part.decode)(uuid, part.of(cells)).map_err(ReplicaError::Column);
        let recs: Vec<Rec> = table.parts.iter().map(decode).collect::<Result<_, _>>()?;
        for (part, rec) in table.parts.iter_mut().zip(recs) {
            transaction.change(part.input, rec.clone(), 1);
            part.rows.insert(uuid, rec);
        }
        if table.parts.is_empty() {
            table.rows.insert(uuid);
        }
        let own = table.own();
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
        if !table.has(uuid) {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        }
        let own = table.own();
        let mut changed: Vec<Option<Columned>> = vec![None; table.parts.len()];
        for (at, cell) in cells {
            if let Some(split) = at.checked_sub(own).and_then(|at| table.split.get_mut(at)) {
                match cell {
                    Cell::Value(datum) => split.set(uuid, &datum, transaction),
                    Cell::Difference(datum) => split.toggle(uuid, &datum, transaction),
                }
                continue;
            }
            let Some(place) = table.parts.iter().position(|part| part.has_column(at)) else { continue };
            let part = &table.parts[place];
            let row = changed[place].get_or_insert_with(|| part.cells(uuid));
            let Some(Some(old)) = row.get_mut(at - part.start) else { continue };
            match cell {
                Cell::Value(datum) => *old = datum,
                Cell::Difference(datum) => apply_diff(old, &datum, &part.types[at - part.start]),
            }
        }
        for (part, row) in table.parts.iter_mut().zip(changed) {
            if let Some(row) = row {
                part.update(uuid, &row, transaction)?;
            }
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
        if !table.has(uuid) {
            return Err(ReplicaError::Inconsistent { table: table.name, uuid });
        }
        for part in &mut table.parts {
            if let Some(rec) = part.rows.remove(&uuid) {
                transaction.change(part.input, rec, -1);
            }
        }
        table.rows.remove(&uuid);
        for split in &mut table.split {
            split.clear(uuid, transaction);
        }
        Ok(())
    }

    /// The columns of a row that is there, without those that are inputs of their own.
    pub fn cells(&self, table: usize, uuid: Uuid) -> Option<Vec<(&'static str, Datum)>> {
        let table = &self.tables[table];
        let recs = table.parts.iter().filter_map(|part| Some((part.encode)(part.rows.get(&uuid)?)));
        table.has(uuid).then(|| recs.flatten().collect())
    }

    /// One of a table's rows: the row, of a table that has one.
    pub fn any(&self, table: usize) -> Option<&Rec> {
        self.tables[table].parts.first()?.rows.values().next()
    }

    /// The rows of the table of `T`, whose first input has rows of that type; none if it is not read.
    pub fn rows<T: Table + Record>(&self) -> impl Iterator<Item = &T> {
        let part = self.find(T::DATABASE, T::NAME).and_then(|at| self.tables[at].parts.first());
        part.into_iter().flat_map(|part| part.rows.values()).filter_map(Rec::try_get)
    }

    /// One row of the table of `T`, as [`Self::rows`] has it.
    pub fn row<T: Table + Record>(&self, uuid: Uuid) -> Option<&T> {
        let part = self.tables[self.find(T::DATABASE, T::NAME)?].parts.first()?;
        part.rows.get(&uuid)?.try_get()
    }

    /// What a row holds in a column that is an input of its own: elements of a set in order, or keys of a map with
    /// their values.
    pub fn elements(
        &self,
        database: Database,
        table: &str,
        column: &str,
        row: Uuid,
    ) -> impl Iterator<Item = (&Atom, Option<&Atom>)> {
        let split = self.find(database, table).and_then(|at| {
            let table = &self.tables[at];
            let place = table.columns.iter().position(|name| *name == column)?;
            table.split.get(place.checked_sub(table.own())?)
        });
        split.into_iter().flat_map(move |split| split.of(row))
    }

    /// The identifiers of a table's rows.
    pub fn uuids(&self, table: usize) -> Vec<Uuid> {
        let table = &self.tables[table];
        match table.parts.first() {
            Some(part) => part.rows.keys().copied().collect(),
            None => table.rows.iter().copied().collect(),
        }
    }

    /// Everything that the program was told, as one transaction.
    pub fn contents(&self) -> Transaction {
        let mut transaction = Transaction::new();
        for table in &self.tables {
            for part in &table.parts {
                part.rows.values().for_each(|rec| transaction.change(part.input, rec.clone(), 1));
            }
            table.split.iter().for_each(|split| split.contents(&mut transaction));
        }
        transaction
    }
}

impl Part {
    fn has_column(&self, at: usize) -> bool {
        (self.start..self.start + self.types.len()).contains(&at)
    }

    /// Of the cells of a table, its own.
    fn of<'a>(&self, cells: &'a [Option<Datum>]) -> &'a [Option<Datum>] {
        let end = cells.len().min(self.start + self.types.len());
        cells.get(self.start..end).unwrap_or_default()
    }

    /// Its columns of a row.
    fn cells(&self, uuid: Uuid) -> Columned {
        let cells = self.rows.get(&uuid).map(|rec| (self.encode)(rec)).unwrap_or_default();
        cells.into_iter().map(|(_, datum)| Some(datum)).collect()
    }

    /// Its columns of a row that is there hold this now.
    fn update(
        &mut self,
        uuid: Uuid,
        row: &[Option<Datum>],
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let now = (self.decode)(uuid, row).map_err(ReplicaError::Column)?;
        if let Some(before) = self.rows.insert(uuid, now.clone()) {
            if now == before {
                return Ok(());
            }
            transaction.change(self.input, before, -1);
        }
        transaction.change(self.input, now, 1);
        Ok(())
    }
}

impl ReplicaTable {
    /// The table of an input, which is added if it is not there.
    fn entry<'a>(tables: &'a mut Vec<ReplicaTable>, input: &InputTable) -> &'a mut ReplicaTable {
        let (database, name) = (input.info.database, input.info.name);
        let at = tables.iter().position(|table| table.is(database, name)).unwrap_or_else(|| {
            let (columns, parts, split) = (Vec::new(), Vec::new(), Vec::new());
            tables.push(ReplicaTable { name, database, columns, parts, split, rows: HashSet::new() });
            tables.len() - 1
        });
        &mut tables[at]
    }

    fn is(&self, database: Database, name: &str) -> bool {
        self.database == database && self.name == name
    }

    fn has(&self, uuid: Uuid) -> bool {
        match self.parts.first() {
            Some(part) => part.rows.contains_key(&uuid),
            None => self.rows.contains(&uuid),
        }
    }

    /// How many columns are not inputs of their own.
    fn own(&self) -> usize {
        self.columns.len() - self.split.len()
    }

    /// What [`Cell::Difference`] says where elements come and go: those that do so in fact.
    fn difference(&self, uuid: Uuid, at: usize, insert: &[Atom], delete: &[Atom]) -> Datum {
        let there: Vec<bool> = match at.checked_sub(self.own()).and_then(|at| self.split.get(at)) {
            Some(split) => insert.iter().chain(delete).map(|atom| split.has(uuid, atom)).collect(),
            None => {
                let part = self.parts.iter().find(|part| part.has_column(at));
                let old = part.and_then(|part| part.cells(uuid).into_iter().nth(at - part.start).flatten());
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
