//! How typed rows meet database tables: the inputs and outputs of a program, table by table.
//!
//! Connectors read these lists and know nothing else about the rules.

use northflow_engine::{Rec, Record};

use crate::ovsdb::{Datum, Uuid};
use crate::schema::{ColumnError, SetElement, Table, TableInfo};

/// A database table that feeds an input of a program.
#[derive(Clone, Copy, Debug)]
pub struct InputTable {
    /// The name of the input.
    pub name: &'static str,
    /// The table and its columns in use.
    pub info: TableInfo,
    /// Makes a record of a row's columns, in the order of [`TableInfo::columns`].
    pub decode: fn(Uuid, &[Option<Datum>]) -> Result<Rec, ColumnError>,
    /// The columns of such a record, in the same order.
    pub encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
}

impl InputTable {
    /// The input `name`, whose rows are of type `T`.
    pub const fn of<T: Table + Record>(name: &'static str) -> InputTable {
        InputTable {
            name,
            info: TableInfo::of::<T>(),
            decode: |uuid, columns| T::decode(uuid, columns).map(Rec::new),
            encode: |rec| rec.get::<T>().encode(),
        }
    }
}

/// What the rows of an output are to the table that they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The rows are ours: inserted, updated, and deleted when they go.
    Own,
    /// Somebody else's rows: the columns named are set while the row of the output is there, which
    /// it is only as long as they hold something else.
    Set,
    /// Somebody else's rows, to be deleted; only the identifier counts.
    Delete,
    /// Elements of the one column named, of rows that another output owns. What that output itself
    /// says of the column does not count.
    Elements,
}

/// An output of a program that changes a database table.
#[derive(Clone, Copy, Debug)]
pub struct OutputTable {
    /// The name of the output.
    pub name: &'static str,
    /// The table and the columns written.
    pub info: TableInfo,
    /// What the rows mean.
    pub role: Role,
    /// The columns by which a row that is already in the database is known to be this one; their
    /// row references count as what they refer to. Empty unless the role is [`Role::Own`].
    pub natural_key: &'static [&'static str],
    /// Columns that are given to a new row and then left alone.
    pub at_insert: &'static [&'static str],
    /// The identifier of a row; for an element that of the row it belongs to.
    pub uuid: fn(&Rec) -> Uuid,
    /// The columns of a row, or the element.
    pub encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
}

impl OutputTable {
    /// The output `name`, whose rows are of type `T`.
    pub const fn of<T: Table + Record>(
        name: &'static str,
        role: Role,
        natural_key: &'static [&'static str],
    ) -> OutputTable {
        OutputTable {
            name,
            info: TableInfo::of::<T>(),
            role,
            natural_key,
            at_insert: &[],
            uuid: |rec| rec.get::<T>().uuid(),
            encode: |rec| rec.get::<T>().encode(),
        }
    }

    /// The output `name`, whose rows are elements of `column` of the rows of type `T`.
    pub const fn elements<T: Table>(name: &'static str, column: &'static [&'static str; 1]) -> OutputTable {
        let info = TableInfo { columns: column, ..TableInfo::of::<T>() };
        OutputTable {
            name,
            info,
            role: Role::Elements,
            natural_key: &[],
            at_insert: &[],
            uuid: |rec| rec.get::<SetElement>().row,
            encode: |rec| vec![("", Datum::scalar(rec.get::<SetElement>().element.clone()))],
        }
    }

    /// The same output, whose records are not rows but spelled out by these functions.
    pub const fn spelled_out(
        self,
        uuid: fn(&Rec) -> Uuid,
        encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
    ) -> OutputTable {
        OutputTable { uuid, encode, ..self }
    }

    /// The same output, with columns that only a new row is given.
    pub const fn given_at_insert(self, at_insert: &'static [&'static str]) -> OutputTable {
        OutputTable { at_insert, ..self }
    }
}
