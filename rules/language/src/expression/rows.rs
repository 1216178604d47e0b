//! OpenFlow matches of an expression, and which parts of conjunctive matches they are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Comparison, Connective, Expression, Hole, Operand};
use crate::openflow::{Field, Format, Subfield, put_value};
use crate::symbol::{Place, Symbol};

/// A match of a switch, one for each row of its table: few fields, each once and in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Match(Vec<(Field, Constraint)>);

/// What a field has to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Constraint {
    /// Its bits that the mask has; no others.
    pub value: u128,
    /// Which bits count.
    pub mask: u128,
}

/// What an expression is to a switch: with the actions of the flow if `conjunctions` is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The match.
    pub fields: Match,
    /// The conjunctive matches that it is part of.
    pub conjunctions: Vec<Conjunction>,
}

/// A part of a conjunctive match: `conjunction(ID,CLAUSE/OF)` of ovs-actions(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Conjunction {
    /// Its number in the expression, from 1; the number of the flow's first, less one, is added to it.
    pub id: u32,
    /// Which part; 0 is the first.
    pub clause: u8,
    /// How many parts.
    pub of: u8,
}

impl Match {
    /// The field that holds the number of a conjunctive match whose parts all hold.
    pub const CONJUNCTION: Field = Field::named("conj_id");

    /// Requires bits of a field, in place of what it had to be. Wide registers become those of 32 bits
    /// that they consist of, so that equal matches are equal values.
    pub fn set(&mut self, field: Field, value: u128, mask: u128) {
        match field.registers() {
            Some((first, count)) => {
                for (nth, register) in (first..first + count).enumerate() {
                    let shift = 32 * (usize::from(count) - 1 - nth);
                    let part = |bits: u128| bits >> shift & 0xffff_ffff;
                    self.put(Field::register(register), part(value), part(mask));
                }
            }
            None => self.put(field, value, mask),
        }
    }

    /// The same match, which also requires bits of a field.
    pub fn with(&self, field: Field, value: u128, mask: u128) -> Match {
        let mut fields = Vec::with_capacity(self.0.len() + 1);
        fields.extend_from_slice(&self.0);
        let mut all = Match(fields);
        all.set(field, value, mask);
        all
    }

    /// What asks for a part of a field that has no parts (as does `!ip.first_frag`, of `eth.type`) asks for nothing,
    /// as in ovn-controller: no switch would take it.
    fn put(&mut self, field: Field, value: u128, mask: u128) {
        let whole = u128::MAX >> (128 - u32::from(field.bits().clamp(1, 128)));
        let constraint = Constraint { value: value & mask, mask };
        match self.place(field) {
            Ok(at) if mask == 0 => drop(self.0.remove(at)),
            Err(_) if mask == 0 => {}
            _ if mask & whole != whole && !field.maskable() => {}
            Ok(at) => self.0[at].1 = constraint,
            Err(at) => {
                // Very many are kept: none has room to spare.
                self.0.reserve_exact(1);
                self.0.insert(at, (field, constraint));
            }
        }
    }

    /// Where a field is, or is to be.
    fn place(&self, field: Field) -> Result<usize, usize> {
        self.0.binary_search_by_key(&field, |(field, _)| *field)
    }

    /// What a field has to be.
    pub fn get(&self, field: Field) -> Option<&Constraint> {
        self.place(field).ok().map(|at| &self.0[at].1)
    }

    /// All that has to be, in the order of fields.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &Constraint)> {
        self.0.iter().map(|(field, constraint)| (*field, constraint))
    }

    /// Its wire form: a list of OXM fields, without header or padding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (field, Constraint { value, mask }) in self.iter() {
            // All bits that the field has are all bits of its bytes.
            let whole = u128::MAX >> (128 - u32::from(field.bits().clamp(1, 128)));
            let mask = if *mask == whole { field.full_mask() } else { *mask };
            put_value(&mut out, field, *value, mask);
        }
        out
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (field, Constraint { value, mask })) in self.iter().enumerate() {
            write!(f, "{}{field}=", if nth == 0 { "" } else { "," })?;
            let all = u128::MAX >> (128 - u32::from(field.bits().clamp(1, 128)));
            let whole = *mask == all && !matches!(field.format(), Format::ConntrackState | Format::TcpFlags);
            field.write_value(f, *value, if whole { field.full_mask() } else { *mask })?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fields)?;
        for (nth, Conjunction { id, clause, of }) in self.conjunctions.iter().enumerate() {
            write!(f, "{} conjunction({id}, {clause}/{of})", if nth == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

impl Row {
    /// With numbers of conjunctive matches after another number.
    pub fn after(mut self, number: u32) -> Row {
        self.conjunctions.iter_mut().for_each(|part| part.id = part.id.wrapping_add(number));
        if let Ok(at) = self.fields.place(Match::CONJUNCTION) {
            let id = &mut self.fields.0[at].1;
            id.value = (id.value + u128::from(number)) & 0xffff_ffff;
        }
        self
    }
}

/// The rows of an expression in normal form, and how many conjunctive matches they have. Ports without
/// a key are in no row.
pub fn rows(expression: &Expression, port_key: &dyn Fn(&str) -> Option<u32>) -> (Vec<Row>, u32) {
    let (entries, conjunctions) = entries(expression, port_key);
    (entries.into_iter().map(|entry| entry.row).collect(), conjunctions)
}

/// A row, and what it is made of.
pub(super) struct Entry {
    pub row: Row,
    /// The address set of an element.
    pub set: Option<Arc<str>>,
    /// The elements that stand in it for any.
    pub elements: Vec<(u8, Hole)>,
    /// Whether it is several that are equal.
    pub merged: bool,
}

/// The rows of an expression in normal form.
pub(super) fn entries(expression: &Expression, port_key: &dyn Fn(&str) -> Option<u32>) -> (Vec<Entry>, u32) {
    let mut builder = Builder { port_key, rows: BTreeMap::new(), conjunctions: 0 };
    match expression {
        Expression::Group(Connective::Or, terms) => terms.iter().for_each(|term| builder.term(term)),
        term => builder.term(term),
    }
    (builder.rows.into_values().collect(), builder.conjunctions)
}

/// A match in the making.
#[derive(Clone, Default)]
struct Draft {
    fields: Match,
    set: Option<Arc<str>>,
    elements: Vec<(u8, Hole)>,
}

struct Builder<'a> {
    port_key: &'a dyn Fn(&str) -> Option<u32>,
    rows: BTreeMap<Match, Entry>,
    conjunctions: u32,
}

impl Builder<'_> {
    fn term(&mut self, term: &Expression) {
        match term {
            Expression::Constant(true) => self.add(Draft::default(), None),
            Expression::Compare(comparison) => {
                if let Some(draft) = self.with(Draft::default(), comparison) {
                    self.add(draft, None);
                }
            }
            Expression::Group(_, members) => self.conjunction(members),
            Expression::Constant(false) | Expression::Among(_) | Expression::Resident { .. } => {}
        }
    }

    fn conjunction(&mut self, members: &[Expression]) {
        let mut draft = Draft::default();
        let mut choices: Vec<&[Expression]> = Vec::new();
        for member in members {
            match member {
                Expression::Compare(comparison) => match self.with(draft, comparison) {
                    Some(more) => draft = more,
                    None => return,
                },
                Expression::Group(_, terms) => choices.push(terms),
                _ => return,
            }
        }
        match choices[..] {
            [] => self.add(draft, None),
            [terms] => {
                self.clause(&draft, None, terms);
            }
            _ => {
                self.conjunctions += 1;
                let (id, of) = (self.conjunctions, choices.len() as u8);
                for (clause, terms) in choices.into_iter().enumerate() {
                    let part = Conjunction { id, clause: clause as u8, of };
                    if !self.clause(&draft, Some(part), terms) {
                        return;
                    }
                }
                draft.fields.set(Match::CONJUNCTION, id.into(), u32::MAX.into());
                self.add(draft, None);
            }
        }
    }

    /// A row for each term; whether there is any.
    fn clause(&mut self, draft: &Draft, part: Option<Conjunction>, terms: &[Expression]) -> bool {
        let mut any = false;
        for term in terms {
            let Expression::Compare(comparison) = term else { continue };
            if let Some(draft) = self.with(draft.clone(), comparison) {
                self.add(draft, part);
                any = true;
            }
        }
        any
    }

    fn with(&self, mut draft: Draft, comparison: &Comparison) -> Option<Draft> {
        let field = field_of(&comparison.symbol)?;
        match &comparison.operand {
            Operand::Number { value, mask } => draft.fields.set(field, *value, *mask),
            Operand::Text(port) => {
                draft.fields.set(field, (self.port_key)(port)?.into(), field.full_mask());
            }
            // Its number will do until an element is put in the hole.
            Operand::Element { nth, offset, bits } => {
                let place = Subfield::new(field, *offset, *bits);
                draft.fields.set(field, place.place((*nth).into()), place.mask());
                draft.elements.push((*nth, Hole { field, offset: *offset, bits: *bits }));
                draft.set.clone_from(&comparison.set);
            }
        }
        Some(draft)
    }

    /// A row without parts decides what is equal to it; parts of equal rows come together.
    fn add(&mut self, draft: Draft, part: Option<Conjunction>) {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        let Draft { fields, set, elements } = draft;
        match self.rows.entry(fields) {
            Vacant(entry) => {
                let conjunctions = part.into_iter().collect();
                let row = Row { fields: entry.key().clone(), conjunctions };
                entry.insert(Entry { row, set, elements, merged: false });
            }
            Occupied(mut entry) => {
                let Entry { row, merged, .. } = entry.get_mut();
                *merged = true;
                match part {
                    Some(part) if !row.conjunctions.is_empty() => row.conjunctions.push(part),
                    _ => row.conjunctions.clear(),
                }
            }
        }
    }
}

/// The field that a symbol is all of.
pub(super) fn field_of(symbol: &Symbol) -> Option<Field> {
    match &symbol.place {
        Place::Field(field) => Some(*field),
        _ => None,
    }
}
