//! Differences between two values of a column.

use std::mem;

use northflow_rules::ovsdb::{Atom, Datum};

use crate::ovsdb::schema::ColumnType;

/// Brings `datum` to its new value, given what changed (ovsdb-server(7), `update2`; ovsdb(5),
/// `_is_diff`).
///
/// A column of at most one element takes the new value. Of other sets, what is in the difference
/// comes if it was absent and goes if it was present. Of maps, a pair that is present goes; another
/// pair replaces the one with its key or comes. Costs a search per change when the changes are
/// few, else one pass over both.
pub fn apply_diff(datum: &mut Datum, diff: &Datum, ty: &ColumnType) {
    if !ty.is_composite() {
        datum.clone_from(diff);
        return;
    }
    match (datum, diff) {
        (Datum::Set(atoms), Datum::Set(changes)) => {
            let mut merged = mem::take(atoms).into_vec();
            merge(&mut merged, changes, |atom| atom);
            *atoms = merged.into();
        }
        (Datum::Map(pairs), Datum::Map(changes)) => merge(pairs, changes, |pair| &pair.0),
        // The empty value has two spellings; a difference of the other kind starts from it.
        (datum, diff) => datum.clone_from(diff),
    }
}

/// What [`apply_diff`] makes `new` of `old` by.
pub fn difference(old: &Datum, new: &Datum, ty: &ColumnType) -> Datum {
    if !ty.is_composite() {
        return new.clone();
    }
    match (old, new) {
        (Datum::Set(old), Datum::Set(new)) => Datum::Set(parting(old, new, |atom| atom).into()),
        (Datum::Map(old), Datum::Map(new)) => Datum::Map(parting(old, new, |pair| &pair.0)),
        // The empty value has two spellings.
        (old, new) if is_empty(new) => old.clone(),
        (_, new) => new.clone(),
    }
}

fn is_empty(datum: &Datum) -> bool {
    match datum {
        Datum::Set(atoms) => atoms.is_empty(),
        Datum::Map(pairs) => pairs.is_empty(),
    }
}

/// The items of one side alone; of two with one key the new one.
fn parting<T: Clone + PartialEq>(old: &[T], new: &[T], key: impl Fn(&T) -> &Atom) -> Vec<T> {
    let mut parting = Vec::new();
    let mut new = new.iter().peekable();
    for item in old {
        while let Some(come) = new.next_if(|come| key(come) < key(item)) {
            parting.push(come.clone());
        }
        match new.next_if(|come| key(come) == key(item)) {
            None => parting.push(item.clone()),
            Some(same) if same == item => {}
            Some(changed) => parting.push(changed.clone()),
        }
    }
    parting.extend(new.cloned());
    parting
}

/// Up to so many changes are searched for one by one.
const FEW: usize = 8;

fn merge<T: Clone + PartialEq>(items: &mut Vec<T>, changes: &[T], key: impl Fn(&T) -> &Atom) {
    if changes.len() <= FEW {
        for change in changes {
            match items.binary_search_by(|item| key(item).cmp(key(change))) {
                Err(place) => items.insert(place, change.clone()),
                Ok(place) if items[place] == *change => {
                    items.remove(place);
                }
                Ok(place) => items[place] = change.clone(),
            }
        }
        return;
    }
    let mut merged = Vec::with_capacity(items.len() + changes.len());
    let mut changes = changes.iter().peekable();
    for item in mem::take(items) {
        while let Some(change) = changes.next_if(|change| key(change) < key(&item)) {
            merged.push(change.clone());
        }
        match changes.next_if(|change| key(change) == key(&item)) {
            None => merged.push(item),
            Some(change) if *change == item => {}
            Some(change) => merged.push(change.clone()),
        }
    }
    merged.extend(changes.cloned());
    *items = merged;
}
