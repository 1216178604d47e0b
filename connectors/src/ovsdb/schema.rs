//! Database schemas (RFC 7047 section 3.2): what an `.ovsschema` file and a `get_schema` reply hold.
//!
//! A parsed schema writes back as JSON that OVSDB reads as the same schema; defaults are left out.
//! Members that this module does not know are ignored, so that a newer server's schema is usable.

use std::collections::BTreeMap;
use std::fmt;

use northflow_rules::ovsdb::{Atom, Atoms, Datum, Real, Text, Uuid};
use serde::{Deserialize, Serialize};

mod types;

/// The `max` of a column that may hold any number of elements.
pub const UNLIMITED: u32 = u32::MAX;

/// A database: its name, version and tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseSchema {
    /// Name, such as `OVN_Northbound`.
    pub name: Text,
    /// Version as `x.y.z`; empty when the schema has none.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub version: Text,
    /// Checksum, used by OVN's build alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cksum: Option<Text>,
    /// Tables by name.
    pub tables: BTreeMap<Text, TableSchema>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSchema {
    /// Columns by name, without `_uuid` and `_version`.
    pub columns: BTreeMap<Text, ColumnSchema>,
    /// The most rows the table may hold, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// Whether a row lives without being referred to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_root: bool,
    /// Sets of columns whose values together differ in every row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<Text>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// What it holds.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Whether its values are lost when the server stops.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ephemeral: bool,
    /// Whether a row's value may change after the row was inserted.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub mutable: bool,
}

/// The type of a column: a set of keys or, with `value`, a map.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnType {
    /// Elements of a set, keys of a map.
    pub key: BaseType,
    /// Values of a map.
    pub value: Option<BaseType>,
    /// Fewest elements: 0 or 1.
    pub min: u32,
    /// Most elements, at least 1; [`UNLIMITED`] for any number.
    pub max: u32,
}

/// The type of one element, and the limits on it.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseType {
    /// Its kind.
    pub atom: AtomType,
    /// What limits it.
    pub limit: Limit,
}

/// The kinds of atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomType {
    /// 64-bit signed integers.
    Integer,
    /// Double-precision numbers.
    Real,
    /// Booleans.
    Boolean,
    /// Text.
    String,
    /// Row identifiers.
    Uuid,
}

/// Limits on an element; a schema gives at most one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// Anything of its kind.
    None,
    /// One of these values.
    Enum(Vec<Atom>),
    /// An integer from `min` to `max`, both included.
    Integer {
        /// `i64::MIN` when not given.
        min: i64,
        /// `i64::MAX` when not given.
        max: i64,
    },
    /// A real from `min` to `max`, both included.
    Real {
        /// `-f64::MAX` when not given.
        min: f64,
        /// `f64::MAX` when not given.
        max: f64,
    },
    /// Text of so many characters.
    Length {
        /// 0 when not given.
        min: u32,
        /// `u32::MAX` when not given.
        max: u32,
    },
    /// A row of a table.
    Reference {
        /// The table.
        table: Text,
        /// Whether the row must exist; a weak reference disappears with its row instead.
        strong: bool,
    },
}

/// A schema that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// What is wrong, with line and column.
    pub reason: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a database schema: {}; give an .ovsschema file or a get_schema reply", self.reason)
    }
}

impl std::error::Error for SchemaError {}

impl DatabaseSchema {
    /// Reads a schema from its JSON text.
    pub fn parse(json: &str) -> Result<DatabaseSchema, SchemaError> {
        DatabaseSchema::from_slice(json.as_bytes())
    }

    /// Reads a schema from its JSON text as bytes.
    pub fn from_slice(json: &[u8]) -> Result<DatabaseSchema, SchemaError> {
        let mut schema: DatabaseSchema =
            serde_json::from_slice(json).map_err(|e| SchemaError { reason: e.to_string() })?;
        schema.assume_roots();
        Ok(schema)
    }

    /// A schema without name and tables.
    pub(super) fn empty() -> DatabaseSchema {
        DatabaseSchema { name: "".into(), version: "".into(), cksum: None, tables: BTreeMap::new() }
    }

    /// The schema as JSON on one line.
    pub fn to_json(&self) -> String {
        // Text keys and finite numbers only: serialising cannot fail, and an empty text would be refused.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The type of `column` of `table`.
    pub fn column(&self, table: &str, column: &str) -> Option<&ColumnType> {
        Some(&self.tables.get(table)?.columns.get(column)?.ty)
    }

    /// Schemas older than `isRoot` name no root; every table is one then (RFC 7047 section 3.2).
    fn assume_roots(&mut self) {
        if self.tables.values().all(|table| !table.is_root) {
            self.tables.values_mut().for_each(|table| table.is_root = true);
        }
    }
}

impl ColumnType {
    /// A column that always holds exactly one `atom`.
    pub fn scalar(atom: AtomType) -> ColumnType {
        ColumnType { key: BaseType::any(atom), value: None, min: 1, max: 1 }
    }

    /// Whether it is a map.
    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// Whether it holds exactly one element.
    pub fn is_scalar(&self) -> bool {
        self.min == 1 && self.max == 1 && self.value.is_none()
    }

    /// Whether it may hold more than one element. Changes of such a column travel as differences,
    /// of the others as the new value.
    pub fn is_composite(&self) -> bool {
        self.max > 1
    }

    /// What the column holds when an insertion does not name it (RFC 7047 section 5.2.1).
    pub fn default_datum(&self) -> Datum {
        let count = self.min.min(1) as usize;
        match &self.value {
            Some(value) => Datum::Map(vec![(self.key.atom.default_atom(), value.atom.default_atom()); count]),
            None => Datum::Set(Atoms::from_elem(self.key.atom.default_atom(), count)),
        }
    }
}

impl BaseType {
    /// Any `atom`.
    pub fn any(atom: AtomType) -> BaseType {
        BaseType { atom, limit: Limit::None }
    }
}

impl AtomType {
    /// The kind's name in a schema.
    pub fn name(self) -> &'static str {
        match self {
            AtomType::Integer => "integer",
            AtomType::Real => "real",
            AtomType::Boolean => "boolean",
            AtomType::String => "string",
            AtomType::Uuid => "uuid",
        }
    }

    /// Zero, false, the empty text or the zero identifier.
    pub fn default_atom(self) -> Atom {
        match self {
            AtomType::Integer => Atom::Integer(0),
            AtomType::Real => Atom::Real(Real(0.0)),
            AtomType::Boolean => Atom::Boolean(false),
            AtomType::String => Atom::text(""),
            AtomType::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_empty(text: &Text) -> bool {
    text.is_empty()
}

#[cfg(test)]
mod tests;
