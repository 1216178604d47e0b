//! From a program's outputs to writes on database rows.
//!
//! Rules name rows by identifiers derived from their natural keys. In a fresh database the rows get
//! just these; rows that another program had written before keep the identifier they have, and the
//! writer translates ([`Writer::reconcile`]).

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use northflow_engine::{EpochResult, Rec};
use northflow_rules::binding::{OutputTable, Role};
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::Database;

use crate::change::{Columns, Edit, RowChange};
use crate::memory::MemoryDatabase;

/// What the outputs of a program want the databases to hold.
pub struct Writer {
    tables: Vec<WriterTable>,
    /// Output numbers of the engine, to places in `tables`.
    numbers: HashMap<usize, usize>,
    /// Derived identifiers of rows that are in the database under another one.
    aliases: HashMap<Uuid, Uuid>,
}

struct WriterTable {
    output: &'static OutputTable,
    rows: HashMap<Uuid, Rec>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.tables.iter().map(|table| (table.output.name, table.rows.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl Writer {
    /// A writer for `outputs`; `names` are the engine's outputs in their order.
    pub fn new(outputs: &'static [OutputTable], names: &[&str]) -> Writer {
        let tables: Vec<WriterTable> =
            outputs.iter().map(|output| WriterTable { output, rows: HashMap::new() }).collect();
        let number = |name: &&str| tables.iter().position(|table| table.output.name == *name);
        let numbers = names.iter().enumerate().filter_map(|(at, name)| Some((at, number(name)?))).collect();
        Writer { tables, numbers, aliases: HashMap::new() }
    }

    /// Takes over an epoch's result and says what has to be written.
    pub fn absorb(&mut self, result: &EpochResult) -> Vec<RowChange> {
        let mut writes = Vec::new();
        for (number, rows) in result.changed() {
            let Some(table) = self.numbers.get(&number).copied() else { continue };
            let encode = self.tables[table].output.encode;
            let mut changed: BTreeMap<Uuid, Option<Rec>> = BTreeMap::new();
            for (rec, weight) in rows {
                let (uuid, _) = encode(rec);
                let slot = changed.entry(uuid).or_insert(None);
                if *weight > 0 {
                    *slot = Some(rec.clone());
                }
            }
            for (uuid, now) in changed {
                self.absorb_row(table, uuid, now, &mut writes);
            }
        }
        writes
    }

    fn absorb_row(&mut self, table: usize, uuid: Uuid, now: Option<Rec>, writes: &mut Vec<RowChange>) {
        let output = self.tables[table].output;
        let rows = &mut self.tables[table].rows;
        let before = match &now {
            Some(rec) => rows.insert(uuid, rec.clone()),
            None => rows.remove(&uuid),
        };
        let edit = match (output.role, &before, &now) {
            (Role::Own, Some(before), Some(now)) => {
                let changed = difference(output, &(output.encode)(before).1, &(output.encode)(now).1);
                if changed.is_empty() {
                    return;
                }
                Edit::Update(self.translate(changed))
            }
            (Role::Own, None, Some(now)) => Edit::Insert(self.translate(named((output.encode)(now).1))),
            (Role::Own, Some(_), None) => Edit::Delete,
            (Role::Set, _, Some(now)) => Edit::Update(self.translate(named((output.encode)(now).1))),
            (Role::Delete, _, Some(_)) => Edit::Delete,
            (_, _, None) => return,
        };
        let gone = output.role == Role::Own && now.is_none();
        writes.push(self.change(table, uuid, edit));
        if gone {
            self.aliases.remove(&uuid);
        }
    }

    fn change(&self, table: usize, uuid: Uuid, edit: Edit) -> RowChange {
        let info = &self.tables[table].output.info;
        RowChange { database: info.database, table: info.name.into(), uuid: self.actual(uuid), edit }
    }

    /// The identifier under which the database has the row.
    pub fn actual(&self, derived: Uuid) -> Uuid {
        self.aliases.get(&derived).copied().unwrap_or(derived)
    }

    fn translate(&self, mut columns: Columns) -> Columns {
        if !self.aliases.is_empty() {
            for (_, datum) in &mut columns {
                translate(datum, &|uuid| self.actual(uuid));
            }
        }
        columns
    }

    /// Compares what the outputs want with what `database` holds of `which`, keeps every row that is
    /// there already under whatever identifier, and says what has to be written.
    ///
    /// `existing` needs the written columns of every table that the program owns.
    pub fn reconcile(&mut self, which: Database, existing: &MemoryDatabase) -> Vec<RowChange> {
        let mut writes = Vec::new();
        // What the database's identifiers are called here.
        let mut derived: HashMap<Uuid, Uuid> = HashMap::new();
        for table in 0..self.tables.len() {
            if self.tables[table].output.info.database == which {
                self.reconcile_table(table, existing, &mut derived, &mut writes);
            }
        }
        writes
    }

    fn reconcile_table(
        &mut self,
        table: usize,
        existing: &MemoryDatabase,
        derived: &mut HashMap<Uuid, Uuid>,
        writes: &mut Vec<RowChange>,
    ) {
        let output = self.tables[table].output;
        let mut wanted: Vec<(Uuid, Rec)> =
            self.tables[table].rows.iter().map(|(uuid, rec)| (*uuid, rec.clone())).collect();
        wanted.sort_by_key(|(uuid, _)| *uuid);
        if output.role != Role::Own {
            for (uuid, rec) in wanted {
                let edit = match output.role {
                    Role::Delete => Edit::Delete,
                    _ => Edit::Update(self.translate(named((output.encode)(&rec).1))),
                };
                writes.push(self.change(table, uuid, edit));
            }
            return;
        }
        // Rows of the database, with references as the rules would name them.
        let mut there: BTreeMap<Uuid, Vec<(&'static str, Datum)>> = BTreeMap::new();
        for (uuid, row) in existing.rows(output.info.name) {
            let columns = output.info.columns.iter().filter_map(|column| {
                let mut datum = row.get(*column)?.clone();
                translate(&mut datum, &|uuid| derived.get(&uuid).copied().unwrap_or(uuid));
                Some((*column, datum))
            });
            there.insert(*uuid, columns.collect());
        }
        let mut by_key: HashMap<Vec<Datum>, Vec<Uuid>> = HashMap::new();
        for (uuid, columns) in &there {
            by_key.entry(natural_key(output, columns)).or_default().push(*uuid);
        }
        // First the rows that are there just so, then those that are there by key.
        let mut found: HashMap<Uuid, Uuid> = HashMap::new();
        for exact in [true, false] {
            for (uuid, rec) in wanted.iter().filter(|(uuid, _)| !found.contains_key(uuid)).collect::<Vec<_>>()
            {
                let columns = (output.encode)(rec).1;
                let Some(candidates) = by_key.get_mut(&natural_key(output, &columns)) else { continue };
                let fits = |candidate: &Uuid| {
                    !exact
                        || there
                            .get(candidate)
                            .is_some_and(|row| difference(output, row, &columns).is_empty())
                };
                let own = candidates.iter().position(|candidate| candidate == uuid && fits(candidate));
                if let Some(at) = own.or_else(|| candidates.iter().position(fits)) {
                    found.insert(*uuid, candidates.remove(at));
                }
            }
        }
        for (uuid, rec) in wanted {
            self.aliases.remove(&uuid);
            let columns = (output.encode)(&rec).1;
            let Some(actual) = found.get(&uuid).copied() else {
                writes.push(self.change(table, uuid, Edit::Insert(self.translate(named(columns)))));
                continue;
            };
            derived.insert(actual, uuid);
            if actual != uuid {
                self.aliases.insert(uuid, actual);
            }
            let changed = match there.remove(&actual) {
                Some(row) => difference(output, &row, &columns),
                None => named(columns),
            };
            if !changed.is_empty() {
                writes.push(self.change(table, uuid, Edit::Update(self.translate(changed))));
            }
        }
        for (uuid, _) in there {
            let info = &output.info;
            let edit = Edit::Delete;
            writes.push(RowChange { database: info.database, table: info.name.into(), uuid, edit });
        }
    }

    /// The rows that an output wants, under their derived identifiers.
    pub fn rows(&self, output: &str) -> impl Iterator<Item = (Uuid, &Rec)> {
        let table = self.tables.iter().find(|table| table.output.name == output);
        table.into_iter().flat_map(|table| table.rows.iter().map(|(uuid, rec)| (*uuid, rec)))
    }
}

fn named(columns: Vec<(&'static str, Datum)>) -> Columns {
    columns.into_iter().map(|(name, datum)| (name.into(), datum)).collect()
}

/// The columns in which `now` is not as `before`, as far as a row that is there is updated at all.
fn difference(
    output: &OutputTable,
    before: &[(&'static str, Datum)],
    now: &[(&'static str, Datum)],
) -> Columns {
    let held = |name: &str| before.iter().find(|(column, _)| *column == name).map(|(_, datum)| datum);
    now.iter()
        .filter(|(name, datum)| !output.at_insert.contains(name) && held(name) != Some(datum))
        .map(|(name, datum)| ((*name).into(), datum.clone()))
        .collect()
}

fn natural_key(output: &OutputTable, columns: &[(&'static str, Datum)]) -> Vec<Datum> {
    let value =
        |name: &&str| columns.iter().find(|(column, _)| column == name).map(|(_, datum)| datum.clone());
    output.natural_key.iter().filter_map(value).collect()
}

fn translate(datum: &mut Datum, name: &dyn Fn(Uuid) -> Uuid) {
    let atom = |atom: &mut Atom| match atom {
        Atom::Uuid(uuid) => {
            let now = name(*uuid);
            std::mem::replace(uuid, now) != now
        }
        _ => false,
    };
    match datum {
        Datum::Set(atoms) => {
            if atoms.iter_mut().map(atom).fold(false, |any, changed| any | changed) {
                atoms.sort();
            }
        }
        Datum::Map(pairs) => {
            let mut changed = false;
            for (key, value) in pairs.iter_mut() {
                changed |= atom(key);
                atom(value);
            }
            if changed {
                pairs.sort();
            }
        }
    }
}
