//! Changes of database rows, as they come from a server or a file and as they go to one.

use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::ovsdb::client::Operations;
use crate::ovsdb::client::ops::{RowWriter, Where};
use crate::tables::written_type;

/// Columns by name.
pub type Columns = Vec<(Text, Datum)>;

/// A change of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// The database.
    pub database: Database,
    /// The table.
    pub table: Text,
    /// The row.
    pub uuid: Uuid,
    /// What happens to it.
    pub edit: Edit,
}

/// What happens to a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// It comes, with these columns; others hold their defaults.
    Insert(Columns),
    /// These columns hold something else now.
    Update(Columns),
    /// Of one set column, some elements come and others go.
    Elements {
        /// The column.
        column: Text,
        /// What comes.
        insert: Vec<Atom>,
        /// What goes.
        delete: Vec<Atom>,
    },
    /// It goes.
    Delete,
}

/// Adds the operation that makes `change`.
pub fn add(operations: &mut Operations, change: &RowChange) {
    let row = Where::Row(change.uuid);
    match &change.edit {
        Edit::Insert(columns) => {
            operations.insert(&change.table, Some(change.uuid), |row| write(row, columns));
        }
        Edit::Update(columns) => operations.update(&change.table, row, |row| write(row, columns)),
        Edit::Elements { column, insert, delete } => {
            let (set, ty) = (|atoms: &[Atom]| Datum::Set(atoms.into()), written_type(&Datum::none()));
            operations.mutate(&change.table, row, |mutations| {
                if !delete.is_empty() {
                    mutations.delete(column, &set(delete), &ty);
                }
                if !insert.is_empty() {
                    mutations.insert(column, &set(insert), &ty);
                }
            });
        }
        Edit::Delete => operations.delete(&change.table, row),
    }
}

fn write(row: &mut RowWriter<'_>, columns: &[(Text, Datum)]) {
    for (name, datum) in columns {
        row.column(name, datum, &written_type(datum));
    }
}
