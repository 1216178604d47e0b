//! What rows of the typed tables look like as database columns.

use northflow_rules::ovsdb::Datum;
use northflow_rules::schema::Kind;

use crate::ovsdb::schema::{AtomType, BaseType, ColumnType, UNLIMITED};

/// The column type that holds what a [`Kind`] says.
pub fn column_type(kind: &Kind) -> ColumnType {
    ColumnType {
        key: BaseType::any(atom_type(kind.key)),
        value: kind.value.map(|value| BaseType::any(atom_type(value))),
        min: u32::from(!kind.optional),
        max: if kind.many { UNLIMITED } else { 1 },
    }
}

/// A type that is written as `datum` is.
pub fn written_type(datum: &Datum) -> ColumnType {
    let value = matches!(datum, Datum::Map(_)).then(|| BaseType::any(AtomType::String));
    ColumnType { min: 0, max: UNLIMITED, value, ..ColumnType::scalar(AtomType::String) }
}

fn atom_type(name: &str) -> AtomType {
    match name {
        "integer" => AtomType::Integer,
        "real" => AtomType::Real,
        "boolean" => AtomType::Boolean,
        "uuid" => AtomType::Uuid,
        _ => AtomType::String,
    }
}
