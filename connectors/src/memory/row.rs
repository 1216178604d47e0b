//! Columns of rows as a database has them, where no rule has a type for these.

use northflow_rules::ovsdb::{Atom, Datum, Uuid};

use super::Row;

/// The elements of a column that is no map; none if it is not there.
fn atoms<'a>(row: &'a Row, column: &str) -> &'a [Atom] {
    match row.get(column) {
        Some(Datum::Set(atoms)) => atoms,
        _ => &[],
    }
}

/// The text in a column, or an empty one.
pub(crate) fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    match atoms(row, column) {
        [Atom::String(text)] => text,
        _ => "",
    }
}

/// The number in a column, or 0.
pub(crate) fn number(row: &Row, column: &str) -> i64 {
    match atoms(row, column) {
        [Atom::Integer(number)] => *number,
        _ => 0,
    }
}

/// The rows that a column refers to.
pub(crate) fn uuids(row: &Row, column: &str) -> impl Iterator<Item = Uuid> {
    atoms(row, column).iter().filter_map(|atom| match atom {
        Atom::Uuid(uuid) => Some(*uuid),
        _ => None,
    })
}

/// The text under a key of a column.
pub(crate) fn map_text<'a>(row: &'a Row, column: &str, key: &str) -> Option<&'a str> {
    let Some(Datum::Map(pairs)) = row.get(column) else { return None };
    pairs.iter().find_map(|pair| match pair {
        (Atom::String(name), Atom::String(value)) if &**name == key => Some(&**value),
        _ => None,
    })
}
