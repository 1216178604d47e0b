//! Meeting a database that already holds rows: after a start, a takeover, or a lost answer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use northflow_rules::binding::{OutputTable, Role};
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::Database;

use super::{Writer, translate};
use crate::change::{Columns, Edit, RowChange};
use crate::memory::MemoryDatabase;

/// Columns of a row, with references as the rules name them.
type Row = Vec<(&'static str, Datum)>;

impl Writer {
    /// Compares what the outputs want with what `database` holds, keeps every row that is there
    /// already under whatever identifier, and says what has to be written.
    ///
    /// `existing` needs the written columns of every table of `database` that the program owns. What is to be
    /// written goes to `write` one by one: after a start it is everything, many times as large as the rows.
    pub fn reconcile(
        &mut self,
        database: Database,
        existing: &MemoryDatabase,
        write: &mut dyn FnMut(RowChange),
    ) {
        // What the rules call the rows of the database.
        let mut derived: HashMap<Uuid, Uuid> = HashMap::new();
        for table in 0..self.tables.len() {
            if self.tables[table].output.info.database != database {
                continue;
            }
            match self.tables[table].output.role {
                Role::Own => self.reconcile_owned(table, existing, &mut derived, write),
                _ => self.repeat(table, write),
            }
        }
    }

    /// Writes on other programs' rows are wanted as long as they are there.
    fn repeat(&self, table: usize, write: &mut dyn FnMut(RowChange)) {
        let output = self.tables[table].output;
        for (uuid, rec) in &self.tables[table].rows {
            let edit = match output.role {
                Role::Delete => Edit::Delete,
                _ => Edit::Update(self.translate(self.tables[table].named((output.encode)(rec)))),
            };
            write(self.change(table, *uuid, edit));
        }
    }

    fn reconcile_owned(
        &mut self,
        table: usize,
        existing: &MemoryDatabase,
        derived: &mut HashMap<Uuid, Uuid>,
        write: &mut dyn FnMut(RowChange),
    ) {
        let output = self.tables[table].output;
        let mut wanted: Vec<Uuid> = self.tables[table].rows.keys().copied().collect();
        wanted.sort();
        let mut there = rows_of(output, existing, derived);
        let Pairs { found, twins } = self.pair(table, &wanted, &there, existing);
        let taken: HashSet<Uuid> = there.keys().copied().collect();
        for uuid in wanted {
            self.aliases.remove(uuid);
            let columns = self.tables[table].columns(uuid);
            let Some(actual) = found.get(&uuid).copied() else {
                if taken.contains(&uuid) {
                    // Its identifier is that of another row, or of one that goes, which cannot come back at once.
                    self.aliases.insert(uuid, unused(&taken, uuid));
                }
                let edit = Edit::Insert(self.translate(self.tables[table].named(columns)));
                write(self.change(table, uuid, edit));
                continue;
            };
            derived.insert(actual, uuid);
            if actual != uuid {
                self.aliases.insert(uuid, actual);
            }
            let held = there.remove(&actual).unwrap_or_default();
            for edit in self.corrections(table, &held, &columns) {
                write(self.change(table, uuid, edit));
            }
        }
        for (twin, uuid) in twins {
            there.remove(&twin);
            derived.insert(twin, uuid);
            self.aliases.add_twin(uuid, twin);
        }
        if output.shared {
            let ours: HashSet<Vec<Datum>> = self.tables[table]
                .rows
                .keys()
                .map(|uuid| natural_key(output, &self.tables[table].columns(*uuid)))
                .collect();
            there.retain(|_, row| ours.contains(&natural_key(output, row)));
        }
        if let Some(column) = output.spared {
            let others = Datum::scalar(Atom::Boolean(true));
            there.retain(|_, row| !row.iter().any(|(name, datum)| *name == column && *datum == others));
        }
        let info = &output.info;
        for uuid in there.into_keys() {
            write(RowChange { database: info.database, table: info.name.into(), uuid, edit: Edit::Delete });
        }
    }

    /// What makes `wanted` of a row as it is: columns whole, but of sets that grow large the elements.
    fn corrections(&self, table: usize, held: &Row, wanted: &Row) -> Vec<Edit> {
        let table = &self.tables[table];
        let mut changed = table.difference(held, wanted);
        changed.retain(|(name, _)| !table.output.kept_if_found.contains(&&**name));
        let (sets, columns): (Columns, Columns) =
            changed.into_iter().partition(|(name, _)| table.sets.iter().any(|set| *set.column == **name));
        let elements = sets.into_iter().map(|(column, wanted)| {
            let held = held.iter().find(|(name, _)| **name == *column).map(|(_, datum)| datum);
            let (held, wanted) = (held.map(elements_of).unwrap_or_default(), elements_of(&wanted));
            let named = |atom: &&Atom| self.translate_atom(atom);
            Edit::Elements {
                column,
                insert: wanted.difference(&held).map(named).collect(),
                delete: held.difference(&wanted).map(named).collect(),
            }
        });
        let whole = (!columns.is_empty()).then(|| Edit::Update(self.translate(columns)));
        whole.into_iter().chain(elements).collect()
    }

    /// Which row of the database is which of those wanted: first the rows that are there just so,
    /// then those that are there by their natural key, at last those that are there under their
    /// identifier. Of rows that are alike, such as groups of the same datapaths, the one that rows of
    /// the same tables refer to; where a row may be there several times, what is left is the same one.
    fn pair(
        &self,
        table: usize,
        wanted: &[Uuid],
        there: &BTreeMap<Uuid, Row>,
        existing: &MemoryDatabase,
    ) -> Pairs {
        let output = self.tables[table].output;
        if there.is_empty() {
            return Pairs { found: HashMap::new(), twins: Vec::new() };
        }
        if output.known_by_uuid {
            let held = wanted.iter().filter(|uuid| there.contains_key(*uuid));
            return Pairs { found: held.map(|uuid| (*uuid, *uuid)).collect(), twins: Vec::new() };
        }
        let mut by_key: HashMap<Vec<Datum>, Vec<Uuid>> = HashMap::new();
        for (uuid, row) in there {
            by_key.entry(natural_key(output, row)).or_default().push(*uuid);
        }
        let twins: Vec<Uuid> = by_key.values().filter(|alike| alike.len() > 1).flatten().copied().collect();
        let referrers = match twins[..] {
            [] => Referrers::default(),
            _ => self.referrers(output.info.database, wanted, &twins, existing),
        };
        let mut found = HashMap::new();
        for (exact, referred) in [(true, true), (true, false), (false, false)] {
            for uuid in wanted {
                if found.contains_key(uuid) {
                    continue;
                }
                let columns = self.tables[table].columns(*uuid);
                let Some(candidates) = by_key.get_mut(&natural_key(output, &columns)) else { continue };
                let fits = |candidate: &Uuid| {
                    (!exact || self.corrections(table, &there[candidate], &columns).is_empty())
                        && (!referred || referrers.wanted.get(uuid) == referrers.there.get(candidate))
                };
                let same = candidates.iter().position(|candidate| candidate == uuid && fits(candidate));
                if let Some(at) = same.or_else(|| candidates.iter().position(fits)) {
                    found.insert(*uuid, candidates.remove(at));
                }
            }
        }
        let taken: HashSet<Uuid> = found.values().copied().collect();
        // A key that consists of what may change, and did.
        let fixed = output.natural_key.iter().any(|column| output.at_insert.contains(column));
        for uuid in wanted.iter().filter(|uuid| !fixed && there.contains_key(*uuid) && !taken.contains(*uuid))
        {
            found.entry(*uuid).or_insert(*uuid);
        }
        let taken: HashSet<Uuid> = found.values().copied().collect();
        by_key.values_mut().for_each(|left| left.retain(|uuid| output.repeated && !taken.contains(uuid)));
        by_key.retain(|_, left| !left.is_empty());
        let mut twins = Vec::new();
        let searched = if by_key.is_empty() { &[] } else { wanted };
        for uuid in searched {
            let key = natural_key(output, &self.tables[table].columns(*uuid));
            let Some(left) = by_key.get_mut(&key) else { continue };
            let alike = |twin: &Uuid| referrers.wanted.get(uuid) == referrers.there.get(twin);
            twins.extend(left.extract_if(.., |twin| alike(twin)).map(|twin| (twin, *uuid)));
        }
        Pairs { found, twins }
    }

    /// Which columns refer to the rows `wanted` of the outputs, and to the rows `twins` of the database.
    fn referrers(
        &self,
        database: Database,
        wanted: &[Uuid],
        twins: &[Uuid],
        existing: &MemoryDatabase,
    ) -> Referrers {
        let mut referrers = Referrers::default();
        let wanted: HashSet<Uuid> = wanted.iter().copied().collect();
        let twins: HashSet<Uuid> = twins.iter().copied().collect();
        for table in self.tables.iter() {
            let OutputTable { info, role, .. } = table.output;
            if info.database != database || *role != Role::Own {
                continue;
            }
            for uuid in table.rows.keys() {
                for (column, datum) in table.columns(*uuid) {
                    note_references(&mut referrers.wanted, &wanted, (info.name, column), &datum);
                }
            }
            for (_, columns) in existing.rows(info.name) {
                for column in info.columns {
                    if let Some(datum) = columns.get(*column).cloned() {
                        note_references(&mut referrers.there, &twins, (info.name, column), &datum);
                    }
                }
            }
        }
        referrers
    }
}

/// Which rows of a database are which of those wanted.
#[derive(Default)]
struct Pairs {
    /// By the row that is wanted.
    found: HashMap<Uuid, Uuid>,
    /// Further rows that are one of those wanted.
    twins: Vec<(Uuid, Uuid)>,
}

/// A column of a table.
type ColumnOf = (&'static str, &'static str);

/// Which columns refer to a row.
type ReferredBy = HashMap<Uuid, BTreeSet<ColumnOf>>;

/// What refers to rows that are alike otherwise.
#[derive(Default)]
struct Referrers {
    wanted: ReferredBy,
    there: ReferredBy,
}

fn note_references(referrers: &mut ReferredBy, rows: &HashSet<Uuid>, column: ColumnOf, datum: &Datum) {
    let mut atom = |atom: &Atom| {
        if let Atom::Uuid(uuid) = atom
            && rows.contains(uuid)
        {
            referrers.entry(*uuid).or_default().insert(column);
        }
    };
    match datum {
        Datum::Set(atoms) => atoms.iter().for_each(&mut atom),
        Datum::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            atom(key);
            atom(value);
        }),
    }
}

/// An identifier in place of `derived` that no row of the table has.
fn unused(taken: &HashSet<Uuid>, derived: Uuid) -> Uuid {
    let mut candidates = (1..).map(|offset: u128| Uuid::from_hash(derived.0.wrapping_add(offset)));
    candidates.find(|candidate| !taken.contains(candidate)).unwrap_or(derived)
}

/// The rows of a table, with the columns that are written.
fn rows_of(
    output: &OutputTable,
    existing: &MemoryDatabase,
    derived: &HashMap<Uuid, Uuid>,
) -> BTreeMap<Uuid, Row> {
    let mut rows = BTreeMap::new();
    for (uuid, columns) in existing.rows(output.info.name) {
        let columns = output.info.columns.iter().filter_map(|column| {
            let mut datum = columns.get(*column)?.clone();
            translate(&mut datum, &|uuid| derived.get(&uuid).copied().unwrap_or(uuid));
            Some((*column, datum))
        });
        rows.insert(*uuid, columns.collect());
    }
    rows
}

fn elements_of(set: &Datum) -> BTreeSet<&Atom> {
    match set {
        Datum::Set(atoms) => atoms.iter().collect(),
        Datum::Map(_) => BTreeSet::new(),
    }
}

fn natural_key(output: &OutputTable, row: &Row) -> Vec<Datum> {
    let value = |name: &&str| row.iter().find(|(column, _)| column == name).map(|(_, datum)| datum.clone());
    output.natural_key.iter().filter_map(value).collect()
}
