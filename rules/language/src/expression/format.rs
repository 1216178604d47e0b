//! Writing expressions; what is written reads as an equal expression.

use std::fmt;

use super::{Comparison, Connective, Expression, Operand};
use crate::lexer::Quoted;
use crate::openflow::write_hexadecimal;

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{}", u8::from(*value)),
            Self::Compare(comparison) => comparison.fmt(f),
            Self::Among(among) => among.fmt(f),
            Self::Resident { port, negated } => {
                write!(f, "{}is_chassis_resident({})", if *negated { "!" } else { "" }, Quoted(port))
            }
            Self::Group(connective, members) => {
                let sign = match connective {
                    Connective::And => " && ",
                    Connective::Or => " || ",
                };
                for (nth, member) in members.iter().enumerate() {
                    f.write_str(if nth == 0 { "" } else { sign })?;
                    match member {
                        Self::Group(..) => write!(f, "({member})")?,
                        _ => write!(f, "{member}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// The first bit of a mask and how many there are, if they are neighbours.
pub(super) fn run_of(mask: u128) -> Option<(u32, u32)> {
    let (start, bits) = (mask.trailing_zeros(), mask.count_ones());
    (bits > 0 && (mask >> start).trailing_ones() == bits).then_some((start, bits))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, width) = (self.symbol.name, u32::from(self.symbol.width));
        let sign = self.relation.sign();
        let (value, mask) = match &self.operand {
            Operand::Text(text) => return write!(f, "{name} {sign} {}", Quoted(text)),
            Operand::Element { offset, bits, .. } => {
                write!(f, "{name}")?;
                if u32::from(*bits) < width {
                    write!(f, "[{offset}..{}]", u32::from(*offset) + u32::from(*bits) - 1)?;
                }
                return write!(f, " {sign} ${}", self.set.as_deref().unwrap_or_default());
            }
            Operand::Number { value, mask } => (*value, *mask),
        };
        let run = run_of(mask);
        if let (Some((bit, 1)), true) = (run, self.relation.is_equality()) {
            let positive = (value >> bit & 1 == 1) == (self.relation == super::Relation::Equal);
            write!(f, "{}{name}", if positive { "" } else { "!" })?;
            return if width > 1 { write!(f, "[{bit}]") } else { Ok(()) };
        }
        f.write_str(name)?;
        match run {
            Some((start, bits)) if bits < width => match bits {
                1 => write!(f, "[{start}]")?,
                _ => write!(f, "[{start}..{}]", start + bits - 1)?,
            },
            _ => {}
        }
        write!(f, " {sign} ")?;
        match run {
            Some((start, _)) => write_hexadecimal(f, value >> start),
            None => {
                write_hexadecimal(f, value)?;
                f.write_str("/")?;
                write_hexadecimal(f, mask)
            }
        }
    }
}
