//! From the text of a match to rows, with what all chassis have in common done once.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::annotate::prerequisite;
use super::rows::{Entry, entries};
use super::{Connective, Expression, Item, Row, Sets, Template, parse};
use crate::action::Prerequisite;
use crate::reader::{ParseError, Result};
use crate::symbol::SymbolTable;

/// What the rows of an expression depend on besides its text.
pub trait Chassis: Sets {
    /// The key of a port or a multicast group.
    fn port_key(&self, name: &str) -> Option<u32>;
    /// Whether a port is on this chassis.
    fn is_resident(&self, port: &str) -> bool;
}

/// The match of a logical flow, read and prepared as far as no chassis matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matcher {
    expression: Expression,
    /// Whether it is simplified: it names no sets.
    simplified: bool,
}

/// What the actions of a flow add to its match; `None`: nothing.
pub fn prerequisites(needed: &[Prerequisite], symbols: &SymbolTable) -> Result<Option<Expression>> {
    let mut all: Option<Expression> = None;
    for needed in needed {
        let expression = match needed {
            Prerequisite::Action(text) => parse(text, symbols)?,
            Prerequisite::Field(text) => prerequisite(text, symbols)?,
        };
        all = Some(match all {
            Some(all) => Expression::combine(Connective::And, all, expression),
            None => expression,
        });
    }
    Ok(all)
}

impl Matcher {
    /// Reads the match of a flow whose actions need something.
    pub fn new(text: &str, needed: &[Prerequisite], symbols: &SymbolTable) -> Result<Matcher> {
        let expression = parse(text, symbols)?;
        let expression = match prerequisites(needed, symbols)? {
            Some(needed) => Expression::combine(Connective::And, expression, needed),
            None => expression,
        };
        let simplified = expression.names().is_empty();
        let expression = match simplified {
            true => expression.annotate(symbols)?.simplify(),
            false => expression,
        };
        Ok(Matcher { expression, simplified })
    }

    /// The sets and groups that it names.
    pub fn names(&self) -> Vec<Item> {
        self.expression.names()
    }

    /// The ports whose place decides it.
    pub fn residents(&self) -> Vec<Arc<str>> {
        self.expression.residents()
    }

    /// Its rows on a chassis, and how many conjunctive matches they have.
    pub fn rows(&self, chassis: &dyn Chassis, symbols: &SymbolTable) -> Result<(Vec<Row>, u32)> {
        let expression = match self.simplified {
            true => self.expression.clone(),
            false => self.expression.resolve(sets_of(chassis))?.annotate(symbols)?.simplify(),
        };
        let expression = expression.settle(&|port| chassis.is_resident(port));
        let normal = expression.normalize().map_err(|error| ParseError(error.to_string()))?;
        Ok(super::rows(&normal, &|port| chassis.port_key(port)))
    }

    /// Its rows on a chassis where the address sets for which `is_large` says yes have two elements or more; `None` if
    /// these depend on the elements together.
    pub fn template(
        &self,
        chassis: &dyn Chassis,
        is_large: &dyn Fn(&str) -> bool,
        symbols: &SymbolTable,
    ) -> Result<Option<Template>> {
        let references = Cell::new(0u8);
        let widths = self.expression.widths();
        let expression = self.expression.replace(&|item, members| {
            match item {
                Item::AddressSet(name) if is_large(name) => {
                    members.extend(Template::elements(name, references.get()));
                    references.set(references.get().saturating_add(1));
                }
                other => members.push(other.clone()),
            }
            Ok(())
        })?;
        // Elements are told from each other by seven bits.
        let (Some(widths), true) = (widths, references.get() < 128) else { return Ok(None) };
        let expression = expression.resolve(sets_of(chassis))?.annotate(symbols)?.simplify();
        let Ok(normal) = expression.settle(&|port| chassis.is_resident(port)).normalize() else {
            return Ok(None);
        };
        let (entries, conjunctions): (Vec<Entry>, u32) = entries(&normal, &|port| chassis.port_key(port));
        Ok(Template::new(entries, conjunctions, widths).ok())
    }
}

fn sets_of(chassis: &dyn Chassis) -> &dyn Sets {
    chassis
}

impl Expression {
    /// The least width of a symbol that is compared with an address set; `None` if only a part of a
    /// symbol is, so that different elements may be the same to it.
    fn widths(&self) -> Option<BTreeMap<Arc<str>, u16>> {
        let mut widths = BTreeMap::new();
        match self {
            Self::Among(among) => {
                for item in &among.items {
                    let Item::AddressSet(name) = item else { continue };
                    if among.field.bits != among.field.symbol.width {
                        return None;
                    }
                    widths.insert(Arc::clone(name), among.field.bits);
                }
            }
            Self::Group(_, members) => {
                for member in members {
                    for (name, width) in member.widths()? {
                        let least = widths.entry(name).or_insert(width);
                        *least = width.min(*least);
                    }
                }
            }
            _ => {}
        }
        Some(widths)
    }
}
