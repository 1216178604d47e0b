//! Row changes on their way to a database, which become one transaction.

use std::thread;

use crossbeam_channel::bounded;
use northflow_rules::schema::Database;

use crate::change::{self, RowChange};
use crate::ovsdb::client::Operations;

/// The lock on the southbound database that makes one of several daemons the active one.
pub(super) const LOCK: &str = "ovn_northd";

/// Changes up to which a transaction is kept until it is acknowledged, to be sent again. A larger one is
/// not: comparing with what is there costs no more.
const KEPT: usize = 10_000;

/// Changes that go from one thread to another together.
const BATCH: usize = 512;

/// Changes that wait for their transaction.
#[derive(Debug)]
pub(super) struct Outgoing {
    database: Database,
    changes: Vec<RowChange>,
    /// Of a large transaction there are only operations from early on: a row spelled out is many times as
    /// large as its text.
    operations: Option<Operations>,
}

impl Outgoing {
    /// Nothing yet.
    pub fn new(database: Database) -> Outgoing {
        Outgoing { database, changes: Vec::new(), operations: None }
    }

    /// The changes that `say` says. With `helped` a second thread takes them in while they are being made, which
    /// is worth its while where they are many.
    pub fn gather(database: Database, helped: bool, say: impl FnOnce(&mut dyn FnMut(RowChange))) -> Outgoing {
        let mut outgoing = Outgoing::new(database);
        if !helped {
            say(&mut |change| outgoing.push(change));
            return outgoing;
        }
        let (sender, receiver) = bounded::<Vec<RowChange>>(8);
        thread::scope(|scope| {
            let gathering =
                scope.spawn(|| receiver.iter().flatten().for_each(|change| outgoing.push(change)));
            let mut batch = Vec::with_capacity(BATCH);
            // Who cannot be reached has panicked, and the scope says so.
            say(&mut |change| {
                batch.push(change);
                if batch.len() == BATCH {
                    let _ = sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
            });
            let _ = sender.send(batch);
            drop((sender, gathering));
        });
        outgoing
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.operations.is_none()
    }

    /// Adds a change.
    pub fn push(&mut self, change: RowChange) {
        match &mut self.operations {
            Some(operations) => change::add(operations, &change),
            None => self.changes.push(change),
        }
        if self.changes.len() > KEPT {
            self.operations = Some(self.encode());
            self.changes = Vec::new();
        }
    }

    /// Puts changes before those that wait; false if these are text already, before which nothing can be put.
    pub fn prepend(&mut self, changes: Vec<RowChange>) -> bool {
        let possible = self.operations.is_none();
        if possible {
            let newer = std::mem::replace(&mut self.changes, changes);
            newer.into_iter().for_each(|change| self.push(change));
        }
        possible
    }

    /// Drops what waits.
    pub fn clear(&mut self) {
        *self = Outgoing::new(self.database);
    }

    /// What waits, as a transaction; and as changes, if it is kept.
    pub fn take(&mut self) -> (Operations, Option<Vec<RowChange>>) {
        let whole = std::mem::replace(self, Outgoing::new(self.database));
        match whole.operations {
            Some(operations) => (operations, None),
            None => (whole.encode(), Some(whole.changes)),
        }
    }

    fn encode(&self) -> Operations {
        let mut operations = Operations::default();
        if self.database == Database::Southbound {
            operations.assert_lock(LOCK);
        }
        self.changes.iter().for_each(|change| change::add(&mut operations, change));
        operations
    }
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Uuid;

    use super::*;
    use crate::change::Edit;

    fn change(row: usize) -> RowChange {
        let uuid = Uuid(row as u128);
        RowChange { database: Database::Southbound, table: "Meter".into(), uuid, edit: Edit::Delete }
    }

    #[test]
    fn few_changes_are_kept_and_many_are_text() {
        for (count, kept) in [(0, true), (1, true), (KEPT, true), (KEPT + 1, false), (KEPT + 5, false)] {
            let mut outgoing = Outgoing::new(Database::Southbound);
            (0..count).for_each(|row| outgoing.push(change(row)));
            assert_eq!(outgoing.is_empty(), count == 0);
            let (operations, changes) = outgoing.take();
            assert!(outgoing.is_empty());
            // One operation asserts the lock.
            assert_eq!(operations.len(), count + 1);
            assert_eq!(changes.map(|changes| changes.len()), kept.then_some(count));
        }
    }

    #[test]
    fn changes_are_the_same_with_help() {
        let gather = |helped| {
            let say = |push: &mut dyn FnMut(RowChange)| (0..3 * BATCH + 1).for_each(|row| push(change(row)));
            Outgoing::gather(Database::Southbound, helped, say).take().1
        };
        assert_eq!(gather(true), gather(false));
        assert_eq!(gather(true).map(|changes| changes.len()), Some(3 * BATCH + 1));
    }

    #[test]
    fn changes_are_sent_again_before_newer_ones() {
        let mut outgoing = Outgoing::new(Database::Southbound);
        outgoing.push(change(2));
        assert!(outgoing.prepend(vec![change(0), change(1)]));
        let (_, changes) = outgoing.take();
        assert_eq!(changes.unwrap(), [change(0), change(1), change(2)]);
        (0..=KEPT).for_each(|row| outgoing.push(change(row)));
        assert!(!outgoing.prepend(vec![change(1)]));
    }
}
