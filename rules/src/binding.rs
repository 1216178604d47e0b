//! How typed rows meet database tables: the inputs and outputs of a program, table by table.
//!
//! Connectors read these lists and know nothing else about the rules.

use northflow_engine::{Rec, Record};

use crate::ovsdb::{Atom, Datum, Text, Uuid};
use crate::schema::{Column, ColumnError, Kind, Link, Map, MapEntry, SetElement, Table, TableInfo};

/// A database table, or a set column of one, that feeds an input of a program.
#[derive(Clone, Copy, Debug)]
pub struct InputTable {
    /// The name of the input.
    pub name: &'static str,
    /// The table and its columns in use: of an input of elements the one column.
    pub info: TableInfo,
    /// What a record of the input is.
    pub shape: Shape,
}

/// What a record of an input is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A row.
    Row {
        /// Makes a record of a row's columns, in the order of [`TableInfo::columns`].
        decode: fn(Uuid, &[Option<Datum>]) -> Result<Rec, ColumnError>,
        /// The columns of such a record, in the same order.
        encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
    },
    /// An element of the column: makes a record of the row, the element, and the value if the column
    /// is a map. `None` if the element is not of the column's type.
    Element(fn(Uuid, &Atom, Option<&Atom>) -> Option<Rec>),
}

impl InputTable {
    /// The input `name`, whose records are rows of type `T`.
    pub const fn of<T: Table + Record>(name: &'static str) -> InputTable {
        let shape = Shape::Row {
            decode: |uuid, columns| T::decode(uuid, columns).map(Rec::new),
            encode: |rec| rec.get::<T>().encode(),
        };
        InputTable { name, info: TableInfo::of::<T>(), shape }
    }

    /// The input `name`, whose records are [`Link`]s: the row references in `column` of table `T`.
    pub const fn links<T: Table>(name: &'static str, column: &'static [&'static str; 1]) -> InputTable {
        const KINDS: &[Kind] = &[<Vec<Uuid> as Column>::KIND];
        let element = |owner, member: &Atom, _: Option<&Atom>| match member {
            Atom::Uuid(member) => Some(Rec::new(Link { owner, member: *member })),
            _ => None,
        };
        InputTable::split::<T>(name, column, KINDS, element)
    }

    /// The input `name`, whose records are [`SetElement`]s: the texts in `column` of table `T`.
    pub const fn texts<T: Table>(name: &'static str, column: &'static [&'static str; 1]) -> InputTable {
        const KINDS: &[Kind] = &[<Vec<Text> as Column>::KIND];
        let element = |row, element: &Atom, _: Option<&Atom>| {
            matches!(element, Atom::String(_)).then(|| Rec::new(SetElement { row, element: element.clone() }))
        };
        InputTable::split::<T>(name, column, KINDS, element)
    }

    /// The input `name`, whose records are [`MapEntry`]s: the entries of the map of texts in `column`
    /// of table `T`.
    pub const fn entries<T: Table>(name: &'static str, column: &'static [&'static str; 1]) -> InputTable {
        const KINDS: &[Kind] = &[<Map as Column>::KIND];
        let element = |row, key: &Atom, value: Option<&Atom>| match (key, value) {
            (Atom::String(key), Some(Atom::String(value))) => {
                Some(Rec::new(MapEntry { row, key: key.clone(), value: value.clone() }))
            }
            _ => None,
        };
        InputTable::split::<T>(name, column, KINDS, element)
    }

    const fn split<T: Table>(
        name: &'static str,
        column: &'static [&'static str; 1],
        kinds: &'static [Kind],
        element: fn(Uuid, &Atom, Option<&Atom>) -> Option<Rec>,
    ) -> InputTable {
        let info = TableInfo { columns: column, kinds, ..TableInfo::of::<T>() };
        InputTable { name, info, shape: Shape::Element(element) }
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
    /// Whether a row is known by its identifier alone, which others rely on: that of a row of the
    /// northbound database.
    pub known_by_uuid: bool,
    /// Columns that are given to a new row and then left alone.
    pub at_insert: &'static [&'static str],
    /// Columns that stay as they are in a row that was found in the database: another writer's notes.
    pub kept_if_found: &'static [&'static str],
    /// Whether others have rows of their own in the table, which stay unless they claim a key of ours.
    pub shared: bool,
    /// The column that is true of rows that are others', which stay unless they have a key of ours.
    pub spared: Option<&'static str>,
    /// Whether what is one row to us may be several in the database, as somebody else has left them: rows that
    /// are there for others to refer to.
    pub repeated: bool,
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
        let table = OutputTable::plain(
            name,
            TableInfo::of::<T>(),
            role,
            |rec| rec.get::<T>().uuid(),
            |rec| rec.get::<T>().encode(),
        );
        OutputTable { natural_key, ..table }
    }

    /// The output `name`, whose rows are elements of `column` of the rows of type `T`.
    pub const fn elements<T: Table>(name: &'static str, column: &'static [&'static str; 1]) -> OutputTable {
        let info = TableInfo { columns: column, ..TableInfo::of::<T>() };
        OutputTable::plain(
            name,
            info,
            Role::Elements,
            |rec| rec.get::<SetElement>().row,
            |rec| vec![("", Datum::scalar(rec.get::<SetElement>().element.clone()))],
        )
    }

    /// An output of which nothing else is to be said.
    const fn plain(
        name: &'static str,
        info: TableInfo,
        role: Role,
        uuid: fn(&Rec) -> Uuid,
        encode: fn(&Rec) -> Vec<(&'static str, Datum)>,
    ) -> OutputTable {
        OutputTable {
            name,
            info,
            role,
            natural_key: &[],
            known_by_uuid: false,
            at_insert: &[],
            kept_if_found: &[],
            shared: false,
            spared: None,
            repeated: false,
            uuid,
            encode,
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

    /// The same output, whose rows are known by their identifiers alone.
    pub const fn known_by_uuid(self) -> OutputTable {
        OutputTable { known_by_uuid: true, ..self }
    }

    /// The same output, to a table in which others have rows of their own.
    pub const fn shared(self) -> OutputTable {
        OutputTable { shared: true, ..self }
    }

    /// The same output, to a table in which `column` is true of others' rows.
    pub const fn sparing(self, column: &'static str) -> OutputTable {
        OutputTable { spared: Some(column), ..self }
    }

    /// The same output, of rows that the database may have several times.
    pub const fn repeated(self) -> OutputTable {
        OutputTable { repeated: true, ..self }
    }

    /// The same output, with columns that stay as they are in rows that were there already.
    pub const fn keeping_if_found(self, kept_if_found: &'static [&'static str]) -> OutputTable {
        OutputTable { kept_if_found, ..self }
    }

    /// The same output, with columns that only a new row is given.
    pub const fn given_at_insert(self, at_insert: &'static [&'static str]) -> OutputTable {
        OutputTable { at_insert, ..self }
    }
}
