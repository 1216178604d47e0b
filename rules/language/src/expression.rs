//! Expressions: what the `match` of a Logical_Flow says (ovn-sb(5)).
//!
//! A text goes through stages, each a file: [`parse`] reads it; [`Expression::resolve`] puts the members
//! of sets in place of their names; [`Expression::annotate`] adds what its symbols need and replaces them
//! by fields; [`Expression::simplify`] leaves comparisons for equality alone; [`Expression::settle`]
//! answers what depends on the chassis; [`Expression::normalize`] gives a disjunction of conjunctions;
//! [`rows`] makes OpenFlow matches of that. [`Matcher`] does all of it, and shares what it can.

mod annotate;
mod compare;
mod crush;
mod format;
mod matcher;
mod microflow;
mod normalize;
mod parse;
mod resolve;
mod rows;
mod simplify;
mod template;

use std::sync::Arc;

pub use compare::{Among, Item};
pub use matcher::{Chassis, Matcher, prerequisites};
pub use microflow::microflow;
pub use normalize::NormalizeError;
pub use parse::parse;
pub use resolve::{Sets, set_element};
pub use rows::{Conjunction, Constraint, Match, Row, rows};
pub use template::{Hole, Template};

use crate::symbol::{Level, Symbol};

/// What is true or false of a packet, on a chassis.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expression {
    /// Always, or never.
    Constant(bool),
    /// A symbol compares so with a constant.
    Compare(Comparison),
    /// A symbol is among constants, sets and groups that are not known yet.
    Among(Among),
    /// `is_chassis_resident("PORT")`: the chassis has the port; or with `negated`, has not.
    Resident {
        /// Name of the port.
        port: Arc<str>,
        /// Whether it is to be elsewhere.
        negated: bool,
    },
    /// All of some expressions, or any: at least two, none of them the same connective again.
    Group(Connective, Vec<Expression>),
}

/// How the expressions of a group are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connective {
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// A symbol and a constant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comparison {
    /// The symbol.
    pub symbol: Arc<Symbol>,
    /// How they compare.
    pub relation: Relation,
    /// The constant.
    pub operand: Operand,
    /// The address set that the constant is from.
    pub set: Option<Arc<str>>,
}

/// What a symbol is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// The bits of the mask are those of a number, which has no others.
    Number {
        /// The number.
        value: u128,
        /// Its bits that count.
        mask: u128,
    },
    /// A name.
    Text(Arc<str>),
    /// Some element of the set, which stands for any of them; see [`Template`].
    Element {
        /// Tells it from others that stand for the same set.
        nth: u8,
        /// The bit of the symbol at which it begins.
        offset: u16,
        /// Bits of the symbol that are compared.
        bits: u16,
    },
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "they are their names")]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Connective {
    /// What groups of the other kind are when negated.
    fn other(self) -> Connective {
        match self {
            Self::And => Self::Or,
            Self::Or => Self::And,
        }
    }

    /// The constant that decides a group; also what a group of nothing is not.
    fn decider(self) -> bool {
        self == Self::Or
    }
}

impl Relation {
    /// The relation of a sign.
    fn of_sign(sign: &str) -> Option<Relation> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// What it is with its sides exchanged.
    fn turned(self) -> Relation {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// What holds where it does not.
    fn opposite(self) -> Relation {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// Whether it asks for equality or its opposite.
    fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Expression {
    /// Two expressions connected; groups of that connective are joined.
    pub fn combine(connective: Connective, left: Expression, right: Expression) -> Expression {
        let mut members = Vec::new();
        left.push_into(connective, &mut members);
        right.push_into(connective, &mut members);
        Expression::Group(connective, members)
    }

    /// Appends it to the members of a group.
    fn push_into(self, connective: Connective, members: &mut Vec<Expression>) {
        match self {
            Self::Group(own, inner) if own == connective => members.extend(inner),
            other => members.push(other),
        }
    }

    /// A group without constants; what is left of it if that is less than two members.
    fn group(connective: Connective, mut members: Vec<Expression>) -> Expression {
        let decider = Expression::Constant(connective.decider());
        if members.contains(&decider) {
            return decider;
        }
        members.retain(|member| !matches!(member, Self::Constant(_)));
        match members.len() {
            0 => Expression::Constant(!connective.decider()),
            1 => members.remove(0),
            _ => Expression::Group(connective, members),
        }
    }

    /// What holds where it does not.
    pub fn negated(self) -> Expression {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Compare(comparison) => {
                let relation = comparison.relation.opposite();
                Self::Compare(Comparison { relation, ..comparison })
            }
            Self::Among(among) => Self::Among(Among { negated: !among.negated, ..among }),
            Self::Resident { port, negated } => Self::Resident { port, negated: !negated },
            Self::Group(connective, members) => {
                Self::Group(connective.other(), members.into_iter().map(Self::negated).collect())
            }
        }
    }

    /// How it may be tested: nominal, so only as true, if any of its symbols is.
    pub fn level(&self) -> Level {
        let nominal = |level| if level == Level::Nominal { level } else { Level::Boolean };
        match self {
            Self::Compare(comparison) => nominal(comparison.symbol.level),
            Self::Among(among) => nominal(among.field.symbol.level),
            Self::Group(_, members) if members.iter().any(|member| member.level() == Level::Nominal) => {
                Level::Nominal
            }
            Self::Constant(_) | Self::Resident { .. } | Self::Group(..) => Level::Boolean,
        }
    }

    /// The symbol that all of it compares, if there is one.
    fn only_symbol(&self) -> Option<&Arc<Symbol>> {
        match self {
            Self::Compare(comparison) => Some(&comparison.symbol),
            Self::Group(_, members) => {
                let (first, rest) = members.split_first()?;
                let symbol = first.only_symbol()?;
                let same = |other: &Arc<Symbol>| Arc::ptr_eq(other, symbol);
                rest.iter().all(|member| member.only_symbol().is_some_and(same)).then_some(symbol)
            }
            Self::Constant(_) | Self::Among(_) | Self::Resident { .. } => None,
        }
    }
}
