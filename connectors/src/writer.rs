//! From a program's outputs to writes on database rows.
//!
//! Rules name rows by identifiers derived from their natural keys. In a fresh database the rows get
//! just these; rows that another program had written before keep the identifier they have, and the
//! writer translates ([`Writer::reconcile`]).

mod reconcile;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use northflow_engine::{EpochResult, Rec, Weight};
use northflow_rules::binding::{OutputTable, Role};
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::change::{Columns, Edit, RowChange};
use crate::memory::MemoryDatabase;
use crate::process::heap;

/// What the outputs of a program want the databases to hold.
pub struct Writer {
    tables: Vec<WriterTable>,
    /// Output numbers of the engine, and what each is to which of the tables.
    numbers: HashMap<usize, Destination>,
    aliases: Aliases,
}

/// Derived identifiers of rows that are in the database under another one.
#[derive(Default)]
struct Aliases {
    actual: HashMap<Uuid, Uuid>,
    derived: HashMap<Uuid, Uuid>,
    /// Further rows of the database that are the same to us.
    twins: HashMap<Uuid, Vec<Uuid>>,
}

impl Aliases {
    fn insert(&mut self, derived: Uuid, actual: Uuid) {
        self.actual.insert(derived, actual);
        self.derived.insert(actual, derived);
    }

    fn add_twin(&mut self, derived: Uuid, twin: Uuid) {
        self.twins.entry(derived).or_default().push(twin);
        self.derived.insert(twin, derived);
    }

    fn remove(&mut self, derived: Uuid) {
        let twins = self.twins.remove(&derived).unwrap_or_default();
        for actual in self.actual.remove(&derived).into_iter().chain(twins) {
            self.derived.remove(&actual);
        }
    }

    fn actual(&self, derived: Uuid) -> Uuid {
        self.actual.get(&derived).copied().unwrap_or(derived)
    }

    fn derived(&self, actual: Uuid) -> Uuid {
        self.derived.get(&actual).copied().unwrap_or(actual)
    }
}

/// The rows of one output, and the sets that other outputs give them element by element.
struct WriterTable {
    output: &'static OutputTable,
    /// The names of it and its columns, shared by all changes.
    name: Text,
    names: Vec<Text>,
    rows: HashMap<Uuid, Rec>,
    sets: Vec<SetColumn>,
}

struct SetColumn {
    column: &'static str,
    elements: HashMap<Uuid, BTreeSet<Atom>>,
}

#[derive(Clone, Copy)]
enum Destination {
    Rows(usize),
    Elements(usize, usize),
}

/// Elements of a row that come and go, by place of their set.
type Elements = BTreeMap<usize, Vec<(Atom, Weight)>>;

/// What an epoch does to one row.
#[derive(Default)]
struct RowEdit {
    /// The row now, if the epoch changes the row itself.
    row: Option<Option<Rec>>,
    elements: Elements,
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
        let mut tables: Vec<WriterTable> = Vec::new();
        let mut numbers = HashMap::new();
        for output in outputs {
            let destination = if output.role == Role::Elements {
                let owns = |table: &WriterTable| {
                    table.output.role == Role::Own && table.output.info.name == output.info.name
                };
                let Some(owner) = tables.iter().position(owns) else { continue };
                let set = SetColumn { column: output.info.columns[0], elements: HashMap::new() };
                tables[owner].sets.push(set);
                Destination::Elements(owner, tables[owner].sets.len() - 1)
            } else {
                let names = output.info.columns.iter().map(|name| Text::from(*name)).collect();
                let name = output.info.name.into();
                tables.push(WriterTable { output, name, names, rows: HashMap::new(), sets: Vec::new() });
                Destination::Rows(tables.len() - 1)
            };
            if let Some(number) = names.iter().position(|name| *name == output.name) {
                numbers.insert(number, destination);
            }
        }
        Writer { tables, numbers, aliases: Aliases::default() }
    }

    /// Takes over an epoch's result; what has to be written goes to `write`, except in databases that do
    /// not follow: a comparison finds it later, and spelling it out is most of the work.
    pub fn absorb(
        &mut self,
        result: &EpochResult,
        follows: impl Fn(Database) -> bool,
        write: &mut dyn FnMut(RowChange),
    ) {
        let mut edits: BTreeMap<(usize, Uuid), RowEdit> = BTreeMap::new();
        for (number, rows) in result.changed() {
            match self.numbers.get(&number) {
                None => {}
                Some(Destination::Rows(table)) => {
                    let uuid = self.tables[*table].output.uuid;
                    for (rec, weight) in rows {
                        let edit = edits.entry((*table, uuid(rec))).or_default();
                        let now = edit.row.get_or_insert(None);
                        if *weight > 0 {
                            *now = Some(rec.clone());
                        }
                    }
                }
                Some(Destination::Elements(table, set)) => {
                    for (rec, weight) in rows {
                        let northflow_rules::schema::SetElement { row, element } = rec.get();
                        let edit = edits.entry((*table, *row)).or_default();
                        edit.elements.entry(*set).or_default().push((element.clone(), *weight));
                    }
                }
            }
        }
        for ((table, uuid), edit) in edits {
            let (before, elements) = self.take_over(table, uuid, edit);
            if follows(self.tables[table].output.info.database) {
                let edits = self.edits(table, uuid, before.as_ref(), &elements);
                for twin in self.aliases.twins.get(&uuid).into_iter().flatten() {
                    let edits = edits.iter().cloned();
                    edits.for_each(|edit| write(RowChange { uuid: *twin, ..self.change(table, uuid, edit) }));
                }
                edits.into_iter().for_each(|edit| write(self.change(table, uuid, edit)));
            }
            let table = &self.tables[table];
            if table.output.role == Role::Own && !table.rows.contains_key(&uuid) {
                self.aliases.remove(uuid);
            }
        }
    }

    /// Gives back the room of rows that went.
    pub fn shrink(&mut self) {
        for table in &mut self.tables {
            heap::shrink_map(&mut table.rows);
            table.sets.iter_mut().for_each(|set| heap::shrink_map(&mut set.elements));
        }
        heap::shrink_map(&mut self.aliases.actual);
        heap::shrink_map(&mut self.aliases.derived);
        heap::shrink_map(&mut self.aliases.twins);
    }

    /// Makes a row what an epoch made of it, and gives what it was.
    fn take_over(&mut self, at: usize, uuid: Uuid, edit: RowEdit) -> (Option<Rec>, Elements) {
        let table = &mut self.tables[at];
        let before = match &edit.row {
            None => table.rows.get(&uuid).cloned(),
            Some(Some(rec)) => table.rows.insert(uuid, rec.clone()),
            Some(None) => table.rows.remove(&uuid),
        };
        for (set, elements) in &edit.elements {
            let held = table.sets[*set].elements.entry(uuid).or_default();
            for (element, weight) in elements {
                if *weight > 0 {
                    held.insert(element.clone());
                } else {
                    held.remove(element);
                }
            }
            if held.is_empty() {
                table.sets[*set].elements.remove(&uuid);
            }
        }
        (before, edit.elements)
    }

    /// What makes a row of the database that was `before` what it is now.
    fn edits(&self, at: usize, uuid: Uuid, before: Option<&Rec>, elements: &Elements) -> Vec<Edit> {
        let table = &self.tables[at];
        match (table.output.role, before, table.rows.get(&uuid)) {
            (Role::Own, None, Some(_)) => {
                vec![Edit::Insert(self.translate(table.named(table.columns(uuid))))]
            }
            (Role::Own, Some(_), None) => vec![Edit::Delete],
            (Role::Own, Some(before), Some(now)) => self.updates(at, before, now, elements),
            (Role::Set, _, Some(now)) => {
                vec![Edit::Update(self.translate(table.named((table.output.encode)(now))))]
            }
            (Role::Delete, _, Some(_)) => vec![Edit::Delete],
            (_, _, None) | (Role::Elements, ..) => vec![],
        }
    }

    fn updates(&self, at: usize, before: &Rec, now: &Rec, elements: &Elements) -> Vec<Edit> {
        let table = &self.tables[at];
        let mut edits = Vec::new();
        if before != now {
            let encode = table.output.encode;
            let mut changed = table.difference(&encode(before), &encode(now));
            changed.retain(|(name, _)| !table.sets.iter().any(|set| *set.column == **name));
            if !changed.is_empty() {
                edits.push(Edit::Update(self.translate(changed)));
            }
        }
        for (set, elements) in elements {
            let (mut insert, mut delete) = (Vec::new(), Vec::new());
            for (element, weight) in elements {
                let side = if *weight > 0 { &mut insert } else { &mut delete };
                side.push(self.translate_atom(element));
            }
            edits.push(Edit::Elements { column: table.sets[*set].column.into(), insert, delete });
        }
        edits
    }

    fn change(&self, table: usize, uuid: Uuid, edit: Edit) -> RowChange {
        let table = &self.tables[table];
        let database = table.output.info.database;
        RowChange { database, table: table.name.clone(), uuid: self.actual(uuid), edit }
    }

    /// The identifier under which the database has the row.
    pub fn actual(&self, derived: Uuid) -> Uuid {
        self.aliases.actual(derived)
    }

    /// Whether the database ought to have this row, named by the identifier it has there.
    pub fn wants(&self, actual: Uuid) -> bool {
        let derived = self.aliases.derived(actual);
        let owned = self.tables.iter().filter(|table| table.output.role == Role::Own);
        owned.into_iter().any(|table| table.rows.contains_key(&derived))
    }

    fn translate_atom(&self, atom: &Atom) -> Atom {
        match atom {
            Atom::Uuid(uuid) => Atom::Uuid(self.actual(*uuid)),
            other => other.clone(),
        }
    }

    fn translate(&self, mut columns: Columns) -> Columns {
        if !self.aliases.actual.is_empty() {
            for (_, datum) in &mut columns {
                translate(datum, &|uuid| self.actual(uuid));
            }
        }
        columns
    }

    /// What some of the tables of `database` ought to hold of ours, under the identifiers that the database has.
    pub fn contents(&self, database: Database, tables: &[&str]) -> MemoryDatabase {
        let mut contents = MemoryDatabase::default();
        for (at, table) in self.tables.iter().enumerate() {
            let info = &table.output.info;
            if table.output.role != Role::Own || info.database != database || !tables.contains(&info.name) {
                continue;
            }
            for uuid in table.rows.keys() {
                let columns = self.translate(table.named(table.columns(*uuid)));
                contents.apply(&self.change(at, *uuid, Edit::Insert(columns)));
            }
        }
        contents
    }

    /// The rows that an output wants, under their derived identifiers.
    pub fn rows(&self, output: &str) -> impl Iterator<Item = (Uuid, &Rec)> {
        let table = self.tables.iter().find(|table| table.output.name == output);
        table.into_iter().flat_map(|table| table.rows.iter().map(|(uuid, rec)| (*uuid, rec)))
    }
}

impl WriterTable {
    /// Columns in the order of the table, with their names.
    fn named(&self, columns: Vec<(&'static str, Datum)>) -> Columns {
        self.names.iter().cloned().zip(columns.into_iter().map(|(_, datum)| datum)).collect()
    }

    /// The columns in which `now` is not as `before`, as far as a row that is there is updated at
    /// all.
    fn difference(&self, before: &[(&'static str, Datum)], now: &[(&'static str, Datum)]) -> Columns {
        let held = |name: &str| before.iter().find(|(column, _)| *column == name).map(|(_, datum)| datum);
        let changed =
            self.names.iter().zip(now).filter(|(_, (name, datum))| {
                !self.output.at_insert.contains(name) && held(name) != Some(datum)
            });
        changed.map(|(name, (_, datum))| (name.clone(), datum.clone())).collect()
    }

    /// All columns of a row that is wanted, its sets included.
    fn columns(&self, uuid: Uuid) -> Vec<(&'static str, Datum)> {
        let Some(rec) = self.rows.get(&uuid) else { return Vec::new() };
        let mut columns = (self.output.encode)(rec);
        for set in &self.sets {
            let elements = set.elements.get(&uuid).into_iter().flatten().cloned().collect();
            if let Some((_, datum)) = columns.iter_mut().find(|(name, _)| *name == set.column) {
                *datum = Datum::Set(elements);
            }
        }
        columns
    }
}

/// Renames the rows that a column refers to.
fn translate(datum: &mut Datum, name: &dyn Fn(Uuid) -> Uuid) {
    let mut renamed = false;
    let mut atom = |atom: &mut Atom| {
        if let Atom::Uuid(uuid) = atom {
            let now = name(*uuid);
            renamed |= now != *uuid;
            *uuid = now;
        }
    };
    match datum {
        Datum::Set(atoms) => atoms.iter_mut().for_each(&mut atom),
        Datum::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            atom(key);
            atom(value);
        }),
    }
    match datum {
        Datum::Set(atoms) if renamed => atoms.sort(),
        Datum::Map(pairs) if renamed => pairs.sort(),
        _ => {}
    }
}
