//! Changes of database rows, as they come from a server or a file and as they go to one.

use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

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
