//! Comparing a field with constants, and with sets whose members come later.

use std::fmt;
use std::sync::Arc;

use super::{Comparison, Connective, Expression, Operand, Relation};
use crate::lexer::{Number, NumberFormat};
use crate::symbol::{Constant, FieldRef, Level, Place};

/// A field compared with constants of which some are known by the name of their set alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Among {
    /// The field.
    pub field: FieldRef,
    /// How it compares with each: equal to any, or different from all.
    pub relation: Relation,
    /// Constants and sets.
    pub items: Vec<Item>,
    /// Whether they stand in braces.
    pub braces: bool,
    /// Whether it stands below an odd number of `!`, which matters to fields that are only ever equal.
    pub inverted: bool,
    /// Whether it is the opposite that holds.
    pub negated: bool,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A constant, and the address set that it is from.
    Constant(Constant, Option<Arc<str>>),
    /// `$NAME`.
    AddressSet(Arc<str>),
    /// `@NAME`.
    PortGroup(Arc<str>),
    /// Any element of an address set; see [`super::Template`].
    Element(Arc<str>, u8),
}

impl Item {
    fn is_name(&self) -> bool {
        matches!(self, Self::AddressSet(_) | Self::PortGroup(_))
    }

    /// Whether it can be compared with strings alone.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Constant(Constant::String(_), _) | Self::PortGroup(_))
    }
}

impl Among {
    /// As an expression; an [`Expression::Among`] still if there are names of sets. The error is that
    /// of a field that cannot be compared so.
    pub(super) fn compare(self) -> Result<Expression, String> {
        self.check()?;
        if self.items.iter().any(Item::is_name) {
            return Ok(Expression::Among(self));
        }
        let connective = if self.relation == Relation::Equal { Connective::Or } else { Connective::And };
        let mut comparisons: Vec<Expression> =
            self.items.into_iter().filter_map(|item| compare(&self.field, self.relation, item)).collect();
        let expression = match comparisons.len() {
            0 => Expression::Constant(self.relation == Relation::NotEqual),
            1 => comparisons.remove(0),
            _ => Expression::Group(connective, comparisons),
        };
        Ok(if self.negated { expression.negated() } else { expression })
    }

    /// Whether the field can be compared so.
    fn check(&self) -> Result<(), String> {
        let FieldRef { symbol, .. } = &self.field;
        let name = symbol.name;
        self.items.iter().try_for_each(|item| self.check_type(item))?;
        if !self.relation.is_equality() {
            let only = "Only == and != operators may be used";
            if self.braces {
                return Err(format!("{only} with value sets."));
            }
            if symbol.level != Level::Ordinal {
                let level = if symbol.level == Level::Nominal { "nominal" } else { "Boolean" };
                return Err(format!("{only} with {level} field {name}."));
            }
            match self.items.first() {
                None => return Err(format!("{only} to compare a field against an empty value set.")),
                Some(Item::Constant(Constant::Integer(Number { mask: Some(_), .. }), _)) => {
                    return Err(format!(
                        "{only} with masked constants.  Consider using subfields instead (e.g. \
                         eth.src[0..15] > 0x1111 in place of eth.src > \
                         00:00:00:00:11:11/00:00:00:00:ff:ff)."
                    ));
                }
                Some(_) => {}
            }
        }
        if symbol.level != Level::Nominal {
            return Ok(());
        }
        if matches!(symbol.place, Place::Predicate(_)) {
            let positive = |item: &Item| match item {
                Item::Constant(Constant::Integer(number), _) => {
                    (number.value & 1 == 1) ^ (self.relation == Relation::NotEqual) ^ self.inverted
                }
                _ => true,
            };
            if !self.items.iter().all(positive) {
                return Err(format!(
                    "Nominal predicate {name} may only be tested positively, e.g. `{name}' or \
                     `{name} == 1' but not `!{name}' or `{name} == 0'."
                ));
            }
        } else if self.relation != if self.inverted { Relation::NotEqual } else { Relation::Equal } {
            return Err(format!(
                "Nominal field {name} may only be tested for equality (taking enclosing `!' operators into \
                 account)."
            ));
        }
        Ok(())
    }

    fn check_type(&self, item: &Item) -> Result<(), String> {
        let (name, width) = (self.field.name(), self.field.symbol.width);
        match (self.field.is_string(), item.is_text()) {
            (true, false) => Err(format!("String field {name} is not compatible with integer constant.")),
            (false, true) => Err(format!("Integer field {name} is not compatible with string constant.")),
            _ => match item {
                Item::Constant(Constant::Integer(number), _) if number.width() > u32::from(width) => {
                    let bits = number.width();
                    Err(format!("{bits}-bit constant is not compatible with {width}-bit field {name}."))
                }
                _ => Ok(()),
            },
        }
    }
}

/// A field compared with one constant. Bits that the constant has above those of the field do not count.
fn compare(field: &FieldRef, relation: Relation, item: Item) -> Option<Expression> {
    let low = u128::MAX.checked_shr(128 - u32::from(field.bits)).unwrap_or(0);
    let place = |value: u128| (value & low) << field.offset;
    let (operand, set) = match item {
        Item::Constant(Constant::Integer(number), set) => {
            let mask = place(number.mask.unwrap_or(u128::MAX));
            (Operand::Number { value: place(number.value) & mask, mask }, set)
        }
        Item::Constant(Constant::String(text), set) => (Operand::Text(text.into()), set),
        Item::Element(set, nth) => {
            (Operand::Element { nth, offset: field.offset, bits: field.bits }, Some(set))
        }
        Item::AddressSet(_) | Item::PortGroup(_) => return None,
    };
    Some(Expression::Compare(Comparison { symbol: Arc::clone(&field.symbol), relation, operand, set }))
}

impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("!(")?;
        }
        write!(f, "{} {} ", self.field, self.relation.sign())?;
        let braces = self.braces || self.items.len() != 1;
        f.write_str(if braces { "{" } else { "" })?;
        for (nth, item) in self.items.iter().enumerate() {
            f.write_str(if nth == 0 { "" } else { ", " })?;
            match item {
                Item::Constant(constant, _) => write!(f, "{constant}")?,
                Item::AddressSet(name) | Item::Element(name, _) => write!(f, "${name}")?,
                Item::PortGroup(name) => write!(f, "@{name}")?,
            }
        }
        f.write_str(if braces { "}" } else { "" })?;
        f.write_str(if self.negated { ")" } else { "" })
    }
}

/// The constant that a field without a relation is different from.
pub(super) fn zero() -> Item {
    let number = Number { value: 0, mask: None, format: NumberFormat::Hexadecimal, excess: 0 };
    Item::Constant(Constant::Integer(number), None)
}
