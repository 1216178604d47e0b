//! A copy of the database, kept up to date by the client's events.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use northflow_rules::ovsdb::{Datum, Uuid};

use super::event::{Event, RowUpdate, TableUpdate, Update};
use super::layout::{Kind, Layout};
use crate::ovsdb::codec::apply_diff;

/// A row: one value per column of the table's request.
pub type Row = Box<[Datum]>;

/// What happened to a row; at least one side is there.
#[derive(Debug)]
pub struct Change<'a> {
    /// The table's place in [`Config::tables`](super::Config::tables).
    pub table: usize,
    /// The row.
    pub uuid: Uuid,
    /// What it held.
    pub old: Option<&'a [Datum]>,
    /// What it holds.
    pub new: Option<&'a [Datum]>,
}

/// The server and the replica disagree on what a row was. The answer is
/// [`Command::Resync`](super::Command::Resync); until the next snapshot the replica ignores
/// updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// The table's place in [`Config::tables`](super::Config::tables).
    pub table: usize,
    /// The row.
    pub uuid: Uuid,
    /// What was said of it.
    pub problem: Problem,
}

/// How an update contradicts the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A row that is there was inserted.
    InsertOfExisting,
    /// A row that is not there was modified.
    ModifyOfMissing,
    /// A row that is not there was deleted.
    DeleteOfMissing,
    /// Updates came before a snapshot, or for a table or column that is not in the layout.
    OutOfLayout,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            Problem::InsertOfExisting => "insertion of existing row",
            Problem::ModifyOfMissing => "modification of missing row",
            Problem::DeleteOfMissing => "deletion of missing row",
            Problem::OutOfLayout => "change outside of the layout of row",
        };
        write!(f, "{problem} {} of table {}; resynchronise", self.uuid, self.table)
    }
}

impl std::error::Error for Inconsistency {}

/// The rows of all tables by identifier.
#[derive(Debug, Default)]
pub struct Replica {
    layout: Option<Arc<Layout>>,
    tables: Vec<HashMap<Uuid, Row>>,
    /// Whether only a snapshot helps.
    broken: bool,
}

impl Replica {
    /// The rows of a table; empty before the first snapshot.
    pub fn rows(&self, table: usize) -> impl Iterator<Item = (Uuid, &[Datum])> {
        self.tables.get(table).into_iter().flatten().map(|(uuid, row)| (*uuid, &**row))
    }

    /// A row.
    pub fn row(&self, table: usize, uuid: Uuid) -> Option<&[Datum]> {
        self.tables.get(table)?.get(&uuid).map(|row| &**row)
    }

    /// How many rows a table has.
    pub fn len(&self, table: usize) -> usize {
        self.tables.get(table).map_or(0, HashMap::len)
    }

    /// The layout of the last snapshot.
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.layout.as_ref()
    }

    /// Applies an event and tells every row that differs from before, once per update. A snapshot
    /// replaces everything, but tells only of what it changes. What was told before an error
    /// stands.
    ///
    /// A snapshot of another layout, which follows a change of the schema, tells of all old rows
    /// as gone and of all new ones as new.
    pub fn apply(&mut self, event: Event, mut tell: impl FnMut(Change<'_>)) -> Result<(), Inconsistency> {
        match event {
            Event::Snapshot { update, layout } => {
                if self.layout.as_ref().is_some_and(|old| *old != layout) {
                    for table in 0..self.tables.len() {
                        self.replace(table, HashMap::new(), &mut tell);
                    }
                }
                self.tables.resize_with(layout.tables.len(), HashMap::new);
                self.layout = Some(layout);
                self.broken = false;
                self.replace_all(update, |_| true, &mut tell)
            }
            Event::Refetched(update) if !self.broken => {
                self.replace_all(update, |kind| kind == Kind::InitialOnly, &mut tell)
            }
            Event::Update(update) if !self.broken => self.update(update, &mut tell),
            _ => Ok(()),
        }
    }

    fn fail(&mut self, table: usize, uuid: Uuid, problem: Problem) -> Inconsistency {
        self.broken = true;
        Inconsistency { table, uuid, problem }
    }

    /// Replaces the tables whose kind is `wanted`.
    fn replace_all(
        &mut self,
        update: Update,
        wanted: impl Fn(Kind) -> bool,
        tell: &mut impl FnMut(Change<'_>),
    ) -> Result<(), Inconsistency> {
        let Some(layout) = self.layout.clone() else {
            return Err(self.fail(0, Uuid::ZERO, Problem::OutOfLayout));
        };
        let mut new: Vec<HashMap<Uuid, Row>> = layout.tables.iter().map(|_| HashMap::new()).collect();
        for TableUpdate { table, rows } in update.tables {
            if new.get(table).is_none() {
                return Err(self.fail(table, Uuid::ZERO, Problem::OutOfLayout));
            }
            new[table].reserve(rows.len());
            for (uuid, row) in rows {
                let RowUpdate::Insert(columns) = row else {
                    return Err(self.fail(table, uuid, Problem::ModifyOfMissing));
                };
                let Some(row) = filled(&layout, table, columns) else {
                    return Err(self.fail(table, uuid, Problem::OutOfLayout));
                };
                if new[table].insert(uuid, row).is_some() {
                    return Err(self.fail(table, uuid, Problem::InsertOfExisting));
                }
            }
        }
        for (table, rows) in new.into_iter().enumerate() {
            if wanted(layout.tables[table].kind) {
                self.replace(table, rows, tell);
            }
        }
        Ok(())
    }

    fn replace(&mut self, table: usize, rows: HashMap<Uuid, Row>, tell: &mut impl FnMut(Change<'_>)) {
        let old_rows = std::mem::replace(&mut self.tables[table], rows);
        let new_rows = &self.tables[table];
        for (&uuid, old) in &old_rows {
            let new = new_rows.get(&uuid);
            if new != Some(old) {
                tell(Change { table, uuid, old: Some(old), new: new.map(|row| &**row) });
            }
        }
        for (&uuid, new) in new_rows {
            if !old_rows.contains_key(&uuid) {
                tell(Change { table, uuid, old: None, new: Some(new) });
            }
        }
    }

    fn update(&mut self, update: Update, tell: &mut impl FnMut(Change<'_>)) -> Result<(), Inconsistency> {
        let Some(layout) = self.layout.clone() else {
            return Err(self.fail(0, Uuid::ZERO, Problem::OutOfLayout));
        };
        for TableUpdate { table, rows } in update.tables {
            for (uuid, row) in rows {
                self.update_row(&layout, table, uuid, row, tell)
                    .map_err(|problem| self.fail(table, uuid, problem))?;
            }
        }
        Ok(())
    }

    fn update_row(
        &mut self,
        layout: &Layout,
        table: usize,
        uuid: Uuid,
        update: RowUpdate,
        tell: &mut impl FnMut(Change<'_>),
    ) -> Result<(), Problem> {
        let rows = self.tables.get_mut(table).ok_or(Problem::OutOfLayout)?;
        match update {
            RowUpdate::Insert(columns) => {
                if rows.contains_key(&uuid) {
                    return Err(Problem::InsertOfExisting);
                }
                let row = filled(layout, table, columns).ok_or(Problem::OutOfLayout)?;
                tell(Change { table, uuid, old: None, new: Some(&row) });
                rows.insert(uuid, row);
            }
            RowUpdate::Modify { columns, is_diff } => {
                let row = rows.get_mut(&uuid).ok_or(Problem::ModifyOfMissing)?;
                let mut new = row.clone();
                for (column, value) in columns {
                    let types = &layout.tables[table].columns;
                    match (new.get_mut(column), types.get(column)) {
                        (Some(datum), Some((_, Some(ty)))) if is_diff => apply_diff(datum, &value, ty),
                        (Some(datum), Some(_)) => *datum = value,
                        _ => return Err(Problem::OutOfLayout),
                    }
                }
                if new != *row {
                    tell(Change { table, uuid, old: Some(row), new: Some(&new) });
                    *row = new;
                }
            }
            RowUpdate::Delete => {
                let row = rows.remove(&uuid).ok_or(Problem::DeleteOfMissing)?;
                tell(Change { table, uuid, old: Some(&row), new: None });
            }
        }
        Ok(())
    }
}

/// A whole row, `None` if a column is not in the layout.
fn filled(layout: &Layout, table: usize, columns: Vec<(usize, Datum)>) -> Option<Row> {
    let mut row = layout.default_row(table);
    for (column, value) in columns {
        *row.get_mut(column)? = value;
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Atom;

    use super::super::layout::tests::layout;
    use super::*;

    fn update(table: usize, rows: Vec<(u128, RowUpdate)>) -> Update {
        let rows = rows.into_iter().map(|(uuid, row)| (Uuid(uuid), row)).collect();
        Update { tables: vec![TableUpdate { table, rows }], transaction: Uuid::ZERO }
    }

    fn named(name: &str) -> Vec<(usize, Datum)> {
        vec![(2, Datum::scalar(Atom::text(name)))]
    }

    fn set(numbers: &[i64]) -> Datum {
        Datum::set(numbers.iter().map(|&number| Atom::Integer(number)))
    }

    fn snapshot(rows: Vec<(u128, RowUpdate)>) -> Event {
        Event::Snapshot { update: update(2, rows), layout: Arc::new(layout()) }
    }

    /// Applies the event; which rows changed, and whether they were and are there.
    fn apply(replica: &mut Replica, event: Event) -> Result<Vec<(u128, bool, bool)>, Problem> {
        let mut told = Vec::new();
        let result = replica.apply(event, |change| {
            told.push((change.uuid.0, change.old.is_some(), change.new.is_some()));
        });
        told.sort();
        result.map(|()| told).map_err(|error| error.problem)
    }

    #[test]
    fn a_snapshot_tells_only_what_it_changes() {
        let mut replica = Replica::default();
        let rows = |names: &[(u128, &str)]| {
            snapshot(names.iter().map(|(uuid, name)| (*uuid, RowUpdate::Insert(named(name)))).collect())
        };
        let told = apply(&mut replica, rows(&[(1, "a"), (2, "b"), (3, "c")])).unwrap();
        assert_eq!(told, [(1, false, true), (2, false, true), (3, false, true)]);
        let told = apply(&mut replica, rows(&[(1, "a"), (2, "x"), (4, "d")])).unwrap();
        assert_eq!(told, [(2, true, true), (3, true, false), (4, false, true)]);
        assert_eq!(replica.len(2), 3);
    }

    #[test]
    fn differences_meet_defaults() {
        let mut replica = Replica::default();
        apply(&mut replica, snapshot(vec![(1, RowUpdate::Insert(named("a")))])).unwrap();
        for (diff, expected) in [(&[1, 2][..], &[1, 2][..]), (&[2, 3], &[1, 3])] {
            let columns = vec![(0, set(diff))];
            let event = Event::Update(update(2, vec![(1, RowUpdate::Modify { columns, is_diff: true })]));
            assert_eq!(apply(&mut replica, event).unwrap(), [(1, true, true)]);
            assert_eq!(replica.row(2, Uuid(1)).unwrap()[0], set(expected));
        }
        let columns = vec![(0, set(&[9])), (2, Datum::scalar(Atom::text("a")))];
        let event = Event::Update(update(2, vec![(1, RowUpdate::Modify { columns, is_diff: false })]));
        apply(&mut replica, event).unwrap();
        let empty = Datum::Map(Vec::new());
        let row = [set(&[9]), set(&[]), Datum::scalar(Atom::text("a")), empty];
        assert_eq!(replica.row(2, Uuid(1)).unwrap(), row);
    }

    #[test]
    fn contradictions_stop_the_replica_until_a_snapshot() {
        let delete = |uuid| Event::Update(update(2, vec![(uuid, RowUpdate::Delete)]));
        let insert = |uuid| Event::Update(update(2, vec![(uuid, RowUpdate::Insert(named("n")))]));
        let mut replica = Replica::default();
        assert_eq!(apply(&mut replica, delete(1)), Err(Problem::OutOfLayout));
        apply(&mut replica, snapshot(vec![(1, RowUpdate::Insert(named("a")))])).unwrap();
        assert_eq!(apply(&mut replica, insert(1)), Err(Problem::InsertOfExisting));
        assert_eq!(apply(&mut replica, delete(1)), Ok(vec![]));
        assert_eq!(replica.len(2), 1);
        apply(&mut replica, snapshot(vec![])).unwrap();
        assert_eq!(apply(&mut replica, delete(1)), Err(Problem::DeleteOfMissing));
    }

    #[test]
    fn refetched_tables_are_replaced_and_no_others() {
        let mut replica = Replica::default();
        apply(&mut replica, snapshot(vec![(1, RowUpdate::Insert(named("a")))])).unwrap();
        let refetched = Event::Refetched(update(0, vec![(7, RowUpdate::Insert(vec![]))]));
        assert_eq!(apply(&mut replica, refetched).unwrap(), [(7, false, true)]);
        assert_eq!((replica.len(0), replica.len(2)), (1, 1));
        assert_eq!(apply(&mut replica, Event::Refetched(Update::default())).unwrap(), [(7, true, false)]);
    }
}
