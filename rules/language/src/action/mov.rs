//! Writing, copying and exchanging fields.

use std::fmt;

use super::Action;
use super::encode::Encoder;
use super::parse::{Parser, Result};
use crate::openflow;
use crate::symbol::{Constant, FieldRef};

/// `FIELD = CONSTANT;`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Where to.
    pub field: FieldRef,
    /// What: a number, or the name of a port.
    pub value: Constant,
}

/// `icmp4.frag_mtu = NUMBER;` and the same of `icmp6`: the size that an ICMP error tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentMtu {
    /// Whether it is that of ICMPv6, which has 32 bits instead of 16.
    pub ipv6: bool,
    /// Bytes.
    pub mtu: u32,
}

/// `FIELD = FIELD;` or `FIELD <-> FIELD;`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Left of the sign; written.
    pub left: FieldRef,
    /// Right of the sign.
    pub right: FieldRef,
    /// Whether the right one is written too.
    pub exchange: bool,
}

impl Load {
    /// After `FIELD =`, with a constant next.
    pub(super) fn parse(parser: &mut Parser<'_>, field: FieldRef) -> Result<Action> {
        parser.check(&field, field.bits, true)?;
        let value = parser.constant_for(&field)?;
        Ok(match FragmentMtu::of(&field, &value) {
            Some(mtu) => Action::FragmentMtu(mtu),
            None => Action::Load(Load { field, value }),
        })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let place = self.field.resolve();
        let action = match &self.value {
            Constant::String(port) => {
                let key = encoder.environment.port_key(port).unwrap_or(0);
                openflow::Action::set(place.field, key.into())
            }
            Constant::Integer(number) => {
                let mask = number.mask.map_or(place.mask(), |mask| place.place(mask));
                openflow::Action::SetField(place.field, place.place(number.value), mask)
            }
        };
        encoder.push(action);
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {};", self.field, self.value)
    }
}

impl FragmentMtu {
    const MAGIC: [u8; 4] = *b"ovn\0";

    fn of(field: &FieldRef, value: &Constant) -> Option<FragmentMtu> {
        let ipv6 = match field.name() {
            "icmp4.frag_mtu" => false,
            "icmp6.frag_mtu" => true,
            _ => return None,
        };
        let Constant::Integer(number) = value else { return None };
        Some(FragmentMtu { ipv6, mtu: number.value as u32 })
    }

    /// A note, which the controller finds when it answers for the packet.
    pub fn note(self) -> openflow::Action {
        let mut note = Self::MAGIC.to_vec();
        note.extend([0, u8::from(self.ipv6), 0, 0]);
        match self.ipv6 {
            true => note.extend(self.mtu.to_be_bytes()),
            false => note.extend((self.mtu as u16).to_be_bytes()),
        }
        openflow::Action::Note(note)
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        encoder.push(self.note());
    }
}

impl fmt::Display for FragmentMtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.ipv6 { "icmp6.frag_mtu" } else { "icmp4.frag_mtu" };
        write!(f, "{name} = {};", self.mtu as u16)
    }
}

impl Move {
    /// After the sign.
    pub(super) fn parse(parser: &mut Parser<'_>, left: FieldRef, exchange: bool) -> Result<Move> {
        let right = parser.field()?;
        let kind = |field: &FieldRef| if field.is_string() { "string" } else { "integer" };
        if left.is_string() != right.is_string() {
            let (left_kind, right_kind) = (kind(&left), kind(&right));
            let (left, right) = (left.name(), right.name());
            return Err(parser.error(match exchange {
                true => {
                    format!("Can't exchange {left_kind} field ({left}) with {right_kind} field ({right}).")
                }
                false => format!("Can't assign {right_kind} field ({right}) to {left_kind} field ({left})."),
            }));
        }
        if left.bits != right.bits {
            let (to, from) = (left.bits, right.bits);
            return Err(parser.error(match exchange {
                true => format!("Can't exchange {to}-bit field with {from}-bit field."),
                false => format!("Can't assign {from}-bit value to {to}-bit destination."),
            }));
        }
        if left.is_string() && left.resolve().bits != right.resolve().bits {
            let what = if exchange { "exchange" } else { "assignment" };
            let (left, right) = (left.name(), right.name());
            return Err(
                parser.error(format!("String fields {left} and {right} are incompatible for {what}."))
            );
        }
        parser.check(&left, left.bits, true)?;
        parser.check(&right, right.bits, exchange)?;
        Ok(Move { left, right, exchange })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        use openflow::Action::{Pop, Push};
        let (left, right) = (self.left.resolve(), self.right.resolve());
        if self.exchange {
            [Push(right), Push(left), Pop(right), Pop(left)]
                .into_iter()
                .for_each(|action| encoder.push(action));
        } else {
            encoder.copy(right, left);
        }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.exchange { "<->" } else { "=" };
        write!(f, "{} {sign} {};", self.left, self.right)
    }
}
