//! Typed rows of the databases: which tables and columns the rules read and write.
//!
//! `table!` declares a row type; nothing but declarations stands in [`nb`], [`sb`] and [`ovs`]. A type names
//! the columns that the rules use and no others, so that a change of another column never reaches
//! them. Where two programs share a row, one type holds the columns that northflow writes and another
//! those that it reads.
//!
//! Which of them a program reads and writes is said beside it (`northd/tables.rs`). The column types
//! are tested against the database schemas of OVN 26.03.1
//! (`schema/testdata/columns.txt`).

mod column;
mod key;
mod map;
pub mod nb;
pub mod ovs;
pub mod own;
pub mod sb;
pub mod seen;

use std::fmt;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};

pub use self::column::{Column, ColumnProblem, Kind, Scalar};
pub use self::map::{IntMap, Map, NumberedRows, UuidMap};
use crate::ovsdb::{Atom, Datum, Text, Uuid};

/// A database that rows come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Database {
    /// `OVN_Northbound`: what the cloud management system (CMS) asks for.
    Northbound,
    /// `OVN_Southbound`: what northflow tells the chassis, and what they answer.
    Southbound,
    /// `Open_vSwitch`: a chassis' own database, from which its switch is configured.
    Switch,
}

impl Database {
    /// The name by which an OVSDB server knows it.
    pub fn name(self) -> &'static str {
        match self {
            Database::Northbound => "OVN_Northbound",
            Database::Southbound => "OVN_Southbound",
            Database::Switch => "Open_vSwitch",
        }
    }
}

/// A row type: some columns of one table.
pub trait Table: Sized {
    /// The database of the table.
    const DATABASE: Database;
    /// The name of the table.
    const NAME: &'static str;
    /// The names of the columns, in the order of [`decode`](Table::decode).
    const COLUMNS: &'static [&'static str];
    /// What each of [`COLUMNS`](Table::COLUMNS) has to hold, in the same order.
    const KINDS: &'static [Kind];

    /// The identifier of the row.
    fn uuid(&self) -> Uuid;

    /// The row `uuid` whose columns hold `columns`, in the order of [`COLUMNS`](Table::COLUMNS).
    ///
    /// A column that is `None` or left off at the end is one that the server's schema lacks; it takes
    /// its default. Fails if a column holds what its type cannot.
    fn decode(uuid: Uuid, columns: &[Option<Datum>]) -> Result<Self, ColumnError>;

    /// Every column with its name, in the order of [`COLUMNS`](Table::COLUMNS).
    fn encode(&self) -> Vec<(&'static str, Datum)>;
}

/// One element of a set column of one row.
///
/// Sets that may be large leave the rules element by element: one member more is one row more, not
/// the set written again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetElement {
    /// The row whose column it is in.
    pub row: Uuid,
    /// The element.
    pub element: Atom,
}

/// One row reference of a set column of one row, where such a column is an input of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The row whose column it is in.
    pub owner: Uuid,
    /// The row that is referred to.
    pub member: Uuid,
}

impl Link {
    /// Keys indexes by the row whose column it is.
    pub fn owner(&self) -> Uuid {
        self.owner
    }

    /// Keys indexes by the row that is referred to.
    pub fn member(&self) -> Uuid {
        self.member
    }
}

/// One entry of a map column of one row, where such a column is an input of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MapEntry {
    /// The row whose column it is in.
    pub row: Uuid,
    /// The key.
    pub key: Text,
    /// The value.
    pub value: Text,
}

/// A column of a row from the server that does not hold what the OVN schema says: the server's
/// schema is of another version, or not OVN's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// The table.
    pub table: &'static str,
    /// The row.
    pub uuid: Uuid,
    /// The column.
    pub column: &'static str,
    /// What is wrong.
    pub problem: ColumnProblem,
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ColumnError { table, uuid, column, problem } = self;
        write!(f, "table \"{table}\" row {uuid} column \"{column}\": {problem}; ")?;
        f.write_str("compare the server's schema with OVN's")
    }
}

impl std::error::Error for ColumnError {}

/// One table as a monitor request or a schema check needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// The database of the table.
    pub database: Database,
    /// The name of the table.
    pub name: &'static str,
    /// The names of the columns in use.
    pub columns: &'static [&'static str],
    /// What each of `columns` has to hold, in the same order.
    pub kinds: &'static [Kind],
}

impl TableInfo {
    /// What the row type `T` says of its table.
    pub const fn of<T: Table>() -> TableInfo {
        TableInfo { database: T::DATABASE, name: T::NAME, columns: T::COLUMNS, kinds: T::KINDS }
    }
}

/// The identifier of the row of `table` whose natural key is `parts`.
///
/// The same key gives the same identifier in every run and on every machine, so a row can be
/// retracted without remembering what was inserted.
pub fn key_uuid(table: &str, parts: &[&str]) -> Uuid {
    // Changing the keys or the layout changes every identifier, and so rewrites a database in use.
    let mut hasher = SipHasher13::new_with_keys(0x6e6f_7274_6866_6c6f, 0x7720_726f_7720_6b65);
    for part in std::iter::once(&table).chain(parts) {
        // The length keeps ["ab", "c"] apart from ["a", "bc"].
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part.as_bytes());
    }
    Uuid::from_hash(hasher.finish128().as_u128())
}

/// Declares row types: for each a struct of the columns named, with the row's identifier as its first
/// field, and its [`Table`].
///
/// ```text
/// table! {
///     /// A logical switch.
///     pub struct LogicalSwitch in Northbound "Logical_Switch" {
///         /// Its name.
///         name: Text = "name",
///     }
/// }
/// ```
macro_rules! table {
    ($(
        $(#[$about:meta])*
        pub struct $row:ident in $database:ident $table:literal {
            $( $(#[$note:meta])* $field:ident: $column_type:ty = $column:literal, )+
        }
    )+) => {$(
        $(#[$about])*
        #[derive(
            Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub struct $row {
            /// The identifier of the row.
            pub uuid: $crate::ovsdb::Uuid,
            $( $(#[$note])* pub $field: $column_type, )+
        }

        impl $crate::schema::Table for $row {
            const DATABASE: $crate::schema::Database = $crate::schema::Database::$database;
            const NAME: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$( $column ),+];
            const KINDS: &'static [$crate::schema::Kind] =
                &[$( <$column_type as $crate::schema::Column>::KIND ),+];

            fn uuid(&self) -> $crate::ovsdb::Uuid {
                self.uuid
            }

            fn decode(
                uuid: $crate::ovsdb::Uuid,
                columns: &[Option<$crate::ovsdb::Datum>],
            ) -> Result<Self, $crate::schema::ColumnError> {
                let mut columns = columns.iter();
                Ok($row {
                    uuid,
                    $( $field: $crate::schema::column::decode::<Self, _>(uuid, $column, columns.next())?, )+
                })
            }

            fn encode(&self) -> Vec<(&'static str, $crate::ovsdb::Datum)> {
                vec![$( ($column, $crate::schema::Column::to_datum(&self.$field)) ),+]
            }
        }
    )+};
}
use table;

#[cfg(test)]
pub(crate) mod tests;
