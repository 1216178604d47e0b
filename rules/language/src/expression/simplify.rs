//! Comparisons for equality alone, and an answer to what depends on the chassis.

use super::format::run_of;
use super::{Comparison, Connective, Expression, Operand, Relation};

impl Expression {
    /// With all comparisons of numbers as ones for equality, of some of their bits.
    pub fn simplify(self) -> Expression {
        match self {
            Self::Compare(comparison) => simplify(comparison),
            Self::Group(connective, members) => Self::regroup(connective, members, Self::simplify),
            other => other,
        }
    }

    /// With an answer to where ports are.
    pub fn settle(self, is_resident: &dyn Fn(&str) -> bool) -> Expression {
        match self {
            Self::Resident { port, negated } => Self::Constant(is_resident(&port) != negated),
            Self::Group(connective, members) => {
                Self::regroup(connective, members, |member| member.settle(is_resident))
            }
            other => other,
        }
    }

    fn regroup(
        connective: Connective,
        members: Vec<Expression>,
        change: impl Fn(Expression) -> Expression,
    ) -> Expression {
        let mut changed = Vec::with_capacity(members.len());
        members.into_iter().for_each(|member| change(member).push_into(connective, &mut changed));
        Self::group(connective, changed)
    }
}

fn simplify(comparison: Comparison) -> Expression {
    let Operand::Number { value, mask } = comparison.operand else {
        return Expression::Compare(comparison);
    };
    match comparison.relation {
        Relation::Equal if mask == 0 => Expression::Constant(true),
        Relation::Equal => Expression::Compare(comparison),
        Relation::NotEqual => any(&Comparison { set: None, ..comparison }, differing(value, mask)),
        relation => ordered(&comparison, relation, value, mask),
    }
}

/// Whether the bits of any mask are those of its number.
fn any(comparison: &Comparison, terms: Vec<(u128, u128)>) -> Expression {
    let equal = |(value, mask)| {
        Expression::Compare(Comparison {
            symbol: comparison.symbol.clone(),
            relation: Relation::Equal,
            operand: Operand::Number { value, mask },
            set: comparison.set.clone(),
        })
    };
    Expression::group(Connective::Or, terms.into_iter().map(equal).collect())
}

/// The bits of a number in ascending order.
fn bits(mask: u128) -> impl Iterator<Item = u128> {
    (0..128).map(|bit| 1 << bit).filter(move |bit| mask & bit != 0)
}

/// Numbers that differ: equal down to some bit, and not in that.
fn differing(value: u128, mask: u128) -> Vec<(u128, u128)> {
    let from = |bit: u128| (value & !(bit - 1) ^ bit, mask & !(bit - 1));
    bits(mask).map(from).collect()
}

/// Numbers that are less or greater: equal down to some bit, and less or greater in that.
fn ordered(comparison: &Comparison, relation: Relation, value: u128, mask: u128) -> Expression {
    let less = matches!(relation, Relation::Less | Relation::LessOrEqual);
    let or_equal = matches!(relation, Relation::LessOrEqual | Relation::GreaterOrEqual);
    debug_assert!(run_of(mask).is_some(), "only neighbouring bits have an order");
    let extreme = if less { mask } else { 0 };
    if value == extreme {
        return match or_equal {
            true => Expression::Constant(true),
            false => any(&Comparison { set: None, ..comparison.clone() }, differing(value, mask)),
        };
    }
    let mut terms = Vec::new();
    if or_equal {
        terms.push((value, mask));
    }
    let turning = if less { value } else { mask & !value };
    terms.extend(bits(turning).map(|bit| ((value ^ bit) & !(bit - 1), mask & !(bit - 1))));
    any(comparison, terms)
}
