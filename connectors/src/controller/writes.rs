//! A transaction in the making, from typed rows.

use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::{Column, Scalar, Table};

use crate::ovsdb::client::Operations;
use crate::ovsdb::client::ops::Where;
use crate::tables::written_type;

/// Operations on one database.
#[derive(Debug, Default)]
pub(super) struct Writes {
    operations: Operations,
}

impl Writes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operations, after a note on who makes them for what.
    pub fn finish(mut self, comment: &str) -> Operations {
        self.operations.comment(comment);
        self.operations
    }

    /// Inserts a row.
    pub fn insert<T: Table>(&mut self, row: &T) {
        self.operations.insert(T::NAME, Some(row.uuid()), |writer| {
            for (name, datum) in row.encode() {
                writer.column(name, &datum, &written_type(&datum));
            }
        });
    }

    /// Gives a column another value.
    pub fn set<T: Table>(&mut self, row: Uuid, column: &str, value: &impl Column) {
        let datum = value.to_datum();
        self.operations.update(T::NAME, Where::Row(row), |writer| {
            writer.column(column, &datum, &written_type(&datum));
        });
    }

    /// Adds elements to a set.
    pub fn add<T: Table>(&mut self, row: Uuid, column: &str, elements: impl IntoIterator<Item = Uuid>) {
        let datum = uuids(elements);
        self.operations.mutate(T::NAME, Where::Row(row), |mutations| {
            mutations.insert(column, &datum, &written_type(&datum));
        });
    }

    /// Takes elements from a set.
    pub fn take<T: Table>(&mut self, row: Uuid, column: &str, elements: impl IntoIterator<Item = Uuid>) {
        let datum = uuids(elements);
        self.operations.mutate(T::NAME, Where::Row(row), |mutations| {
            mutations.delete(column, &datum, &written_type(&datum));
        });
    }

    /// Puts values under keys of a map, and takes away other keys.
    pub fn change_keys<T: Table>(&mut self, row: Uuid, column: &str, put: &[(Text, Text)], gone: &[Text]) {
        if put.is_empty() && gone.is_empty() {
            return;
        }
        let keys: Vec<Atom> =
            put.iter().map(|(key, _)| key).chain(gone).map(|key| Atom::text(key.clone())).collect();
        let pairs =
            Datum::map(put.iter().map(|(key, value)| (Atom::text(key.clone()), Atom::text(value.clone()))));
        self.operations.mutate(T::NAME, Where::Row(row), |mutations| {
            // Pairs are added only where there is no such key.
            mutations.delete_keys(column, &keys);
            if !put.is_empty() {
                mutations.insert(column, &pairs, &written_type(&pairs));
            }
        });
    }

    /// Has a map refer to a row under a key that it does not have.
    pub fn refer<T: Table>(&mut self, row: Uuid, column: &str, key: impl Scalar, to: Uuid) {
        let datum = Datum::map([(key.to_atom(), Atom::Uuid(to))]);
        self.operations.mutate(T::NAME, Where::Row(row), |mutations| {
            mutations.insert(column, &datum, &written_type(&datum));
        });
    }

    /// Takes keys from a map.
    pub fn forget<T: Table>(&mut self, row: Uuid, column: &str, keys: impl IntoIterator<Item = impl Scalar>) {
        let keys: Vec<Atom> = keys.into_iter().map(|key| key.to_atom()).collect();
        self.operations.mutate(T::NAME, Where::Row(row), |mutations| {
            mutations.delete_keys(column, &keys);
        });
    }

    /// Deletes a row.
    pub fn delete<T: Table>(&mut self, row: Uuid) {
        self.operations.delete(T::NAME, Where::Row(row));
    }
}

fn uuids(elements: impl IntoIterator<Item = Uuid>) -> Datum {
    Datum::set(elements.into_iter().map(Atom::Uuid))
}
