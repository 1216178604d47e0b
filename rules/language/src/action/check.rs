//! `FIELD = check_pkt_larger(LENGTH);`

use std::fmt;

use super::encode::Encoder;
use super::parse::{Parser, Result};
use crate::openflow::Action;
use crate::symbol::FieldRef;

/// Writes whether the packet is longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPacketLarger {
    /// Where to; one bit.
    pub result: FieldRef,
    /// Bytes, cut to 16 bits.
    pub length: u16,
}

impl CheckPacketLarger {
    /// After `FIELD =`, with the name next.
    pub(super) fn parse(parser: &mut Parser<'_>, result: FieldRef) -> Result<CheckPacketLarger> {
        parser.check(&result, 1, true)?;
        parser.skip();
        parser.expect("(")?;
        let Some(length) = parser.take_int() else { return Err(parser.syntax_error("expecting `;'")) };
        parser.expect(")")?;
        Ok(CheckPacketLarger { result, length: length as u16 })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.push(Action::CheckPacketLarger(self.length, self.result.resolve()));
    }
}

impl fmt::Display for CheckPacketLarger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = check_pkt_larger({});", self.result, self.length)
    }
}
