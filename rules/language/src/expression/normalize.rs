//! The normal form: a disjunction of conjunctions, whose members compare one symbol each, with one
//! constant or with any of some. Conjunctions of several such disjunctions are what a switch matches
//! without multiplying them out (conjunctive matches, ovs-fields(7)).

use std::fmt;

use super::crush::{crush, same_symbol};
use super::{Connective, Expression, Operand, Relation};

/// Why an expression has no normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NormalizeError {
    /// It would be too large.
    TooLarge,
    /// An element of a set meets other constants, so that its rows depend on what it is.
    Entangled,
}

impl fmt::Display for NormalizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "The expression has too many terms when multiplied out.",
            Self::Entangled => "The expression depends on the elements of an address set together.",
        })
    }
}

impl std::error::Error for NormalizeError {}

pub(super) type Outcome<T> = std::result::Result<T, NormalizeError>;

/// Pairs of comparisons that the normal form of one expression may look at.
const LIMIT: usize = 1 << 27;

/// What a comparison that is copied costs in pairs that are looked at.
const COPY: usize = 128;

/// What is left of [`LIMIT`].
pub(super) struct Budget(usize);

impl Budget {
    pub fn spend(&mut self, pairs: usize) -> Outcome<()> {
        self.0 = self.0.checked_sub(pairs).ok_or(NormalizeError::TooLarge)?;
        Ok(())
    }
}

impl Expression {
    /// The normal form of an expression that is simplified and settled. What is neither counts as false.
    pub fn normalize(self) -> Outcome<Expression> {
        self.normalize_within(&mut Budget(LIMIT))
    }

    fn normalize_within(self, budget: &mut Budget) -> Outcome<Expression> {
        match self {
            Self::Compare(comparison) if is_element_in_order(&comparison) => Err(NormalizeError::Entangled),
            Self::Constant(_) | Self::Compare(_) => Ok(self),
            Self::Among(_) | Self::Resident { .. } => Ok(Self::Constant(false)),
            Self::Group(Connective::And, members) => conjunction(members, budget),
            Self::Group(Connective::Or, members) => {
                let mut normal = Vec::with_capacity(members.len());
                for member in members {
                    member.normalize_within(budget)?.push_into(Connective::Or, &mut normal);
                }
                Ok(Self::group(Connective::Or, normal))
            }
        }
    }
}

fn is_element_in_order(comparison: &super::Comparison) -> bool {
    matches!(comparison.operand, Operand::Element { .. }) && comparison.relation != Relation::Equal
}

fn conjunction(members: Vec<Expression>, budget: &mut Budget) -> Outcome<Expression> {
    let mut members = match gather(members, budget)? {
        Expression::Group(Connective::And, members) => members,
        // A disjunction of several symbols alone has not been looked into.
        other if other.only_symbol().is_none() && matches!(other, Expression::Group(..)) => {
            return other.normalize_within(budget);
        }
        other => return Ok(other),
    };
    let multiplied = members.iter().position(|member| match member {
        Expression::Group(..) => member.only_symbol().is_none_or(|symbol| symbol.cross_product),
        _ => false,
    });
    let Some(at) = multiplied else { return Ok(Expression::Group(Connective::And, members)) };
    let Expression::Group(_, choices) = members.remove(at) else { return Ok(Expression::Constant(false)) };
    let mut terms = Vec::with_capacity(choices.len());
    for choice in choices {
        budget.spend(COPY * (members.len() + 1))?;
        let mut term = Vec::with_capacity(members.len() + 1);
        term.extend(members[..at].iter().cloned());
        choice.push_into(Connective::And, &mut term);
        term.extend(members[at..].iter().cloned());
        conjunction(term, budget)?.push_into(Connective::Or, &mut terms);
    }
    Ok(Expression::group(Connective::Or, terms))
}

/// A conjunction with all that compares one symbol in one place, ordered by the names of symbols.
fn gather(members: Vec<Expression>, budget: &mut Budget) -> Outcome<Expression> {
    let mut single: Vec<Expression> = Vec::new();
    let mut mixed: Vec<Expression> = Vec::new();
    for member in members {
        match member {
            Expression::Constant(false) | Expression::Among(_) | Expression::Resident { .. } => {
                return Ok(Expression::Constant(false));
            }
            Expression::Constant(true) => {}
            member if member.only_symbol().is_some() => single.push(member),
            member => mixed.push(member),
        }
    }
    let name = |member: &Expression| member.only_symbol().map(|symbol| symbol.name);
    single.sort_by_key(name);
    mixed.sort_by_key(|member| match member {
        Expression::Group(_, members) => members.len(),
        _ => 0,
    });
    let mut gathered: Vec<Expression> = Vec::new();
    for run in single.chunk_by(same_symbol) {
        match crush(run, budget)? {
            Expression::Constant(true) => {}
            Expression::Constant(false) => return Ok(Expression::Constant(false)),
            crushed => gathered.push(crushed),
        }
    }
    gathered.extend(mixed);
    Ok(Expression::group(Connective::And, gathered))
}
