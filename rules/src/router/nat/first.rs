//! The first of many rows, at less than the cost of reading them all.

use std::hash::Hash;

use northflow_engine::{Record, Relation};

/// The row with the least `order` of each key; no two rows have the same.
///
/// Cost: a row costs the 256th part of its group, and if it is the first of that part, reading 256 rows.
pub fn first<T: Record + Clone, K: Hash + 'static>(
    rows: &Relation<T>,
    key: fn(&T) -> K,
    order: fn(&T) -> u128,
) -> Relation<T> {
    let least = move |rows: &mut dyn Iterator<Item = &T>| rows.min_by_key(|row| order(row)).cloned();
    let parts =
        rows.index_by(move |row| (key(row), order(row) as u8)).reduce(move |group| least(&mut group.rows()));
    parts.index_by(key).reduce(move |group| least(&mut group.rows()))
}
