//! Rows of an expression with address sets, as rows that are always there and rows of each element.
//!
//! A set of thousands that gains an element gains a few rows; the others stay. That is so wherever an
//! element meets no other constants for its field, which is nearly always.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::normalize::{NormalizeError, Outcome};
use super::rows::Entry;
use super::{Item, Match, Row};
use crate::lexer::Number;
use crate::openflow::{Field, Subfield};

/// The rows of an expression, as long as every set that it was made for has at least two elements, different
/// in value or mask and all of them such that [`Template::admits`] them. A row may be there for several
/// reasons, and counts once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Template {
    /// Rows that there are whatever the elements are.
    pub rows: Vec<Row>,
    /// Rows that there are for each element of a set: the set, where the element stands, and the rest.
    pub of_elements: Vec<(Arc<str>, Hole, Row)>,
    /// How many conjunctive matches they have.
    pub conjunctions: u32,
    /// The least bits of a field that is compared with elements of a set.
    pub widths: BTreeMap<Arc<str>, u16>,
}

/// Where an element of a set stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hole {
    /// The field.
    pub field: Field,
    /// Its first bit that is compared.
    pub offset: u16,
    /// How many bits.
    pub bits: u16,
}

impl Template {
    /// Whether an element is one of those that do not change the rows of others.
    pub fn admits(&self, set: &str, element: &Number) -> bool {
        let width = self.widths.get(set).copied().unwrap_or(u16::MAX);
        element.width() <= u32::from(width) && element.mask != Some(0)
    }

    /// The rows of an element of a set.
    pub fn rows_of(&self, set: &str, element: &Number) -> impl Iterator<Item = Row> {
        let element = *element;
        let of_set = self.of_elements.iter().filter(move |(name, ..)| **name == *set);
        of_set.map(move |(_, hole, row)| {
            let mut row = row.clone();
            hole.fill(&mut row.fields, element.value, element.mask.unwrap_or(u128::MAX));
            row
        })
    }

    /// The template of rows in which two elements stand for each reference to a set.
    pub(super) fn new(
        entries: Vec<Entry>,
        conjunctions: u32,
        widths: BTreeMap<Arc<str>, u16>,
    ) -> Outcome<Template> {
        let mut rows = Vec::new();
        let mut by_element: BTreeMap<u8, BTreeSet<(Arc<str>, Hole, Row)>> = BTreeMap::new();
        for Entry { mut row, set, elements, merged } in entries {
            match (&elements[..], merged) {
                ([], _) => rows.push(row),
                ([(nth, hole)], false) => {
                    let Some(set) = set else { return Err(NormalizeError::Entangled) };
                    hole.fill(&mut row.fields, 0, u128::MAX);
                    by_element.entry(*nth).or_default().insert((set, *hole, row));
                }
                _ => return Err(NormalizeError::Entangled),
            }
        }
        let mut of_elements = BTreeSet::new();
        for (nth, own) in &by_element {
            if by_element.get(&(nth ^ 1)) != Some(own) {
                return Err(NormalizeError::Entangled);
            }
            of_elements.extend(own.iter().cloned());
        }
        Ok(Template { rows, of_elements: of_elements.into_iter().collect(), conjunctions, widths })
    }

    /// The elements that stand for all of a set, to which a reference is the so manieth.
    pub(super) fn elements(set: &Arc<str>, reference: u8) -> [Item; 2] {
        [0, 1].map(|other| Item::Element(Arc::clone(set), reference * 2 + other))
    }
}

impl Hole {
    /// Puts an element in its place in a match.
    pub fn fill(self, fields: &mut Match, value: u128, mask: u128) {
        let place = Subfield::new(self.field, self.offset, self.bits);
        fields.set(self.field, place.place(value), place.place(mask));
    }
}
