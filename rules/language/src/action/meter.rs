//! `set_meter` and `set_queue`: limits of rate.

use std::fmt;

use super::encode::Encoder;
use super::group::Meter;
use super::parse::{Parser, Result};
use crate::openflow::Action;

/// `set_meter(RATE);` or `set_meter(RATE, BURST);`: drops what is over a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetMeter {
    /// Kilobits per second.
    pub rate: u64,
    /// Kilobits; 0 is unlimited.
    pub burst: u64,
}

/// `set_queue(ID);`: sends the packet to a queue of its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetQueue(
    /// The queue.
    pub u16,
);

impl SetMeter {
    /// After the name. What is no decimal number counts as none.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<SetMeter> {
        parser.expect("(")?;
        let rate = parser.at_decimal().unwrap_or(0);
        parser.skip();
        let mut burst = 0;
        if parser.take(",") {
            burst = parser.at_decimal().unwrap_or(0);
            parser.skip();
        }
        parser.expect(")")?;
        if rate == 0 {
            return Err(parser.error("Rate 0 for set_meter is not in valid."));
        }
        Ok(SetMeter { rate, burst })
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        let flow = encoder.context.flow;
        let uuid = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            flow >> 96,
            flow >> 80 & 0xffff,
            flow >> 64 & 0xffff,
            flow >> 48 & 0xffff,
            flow & 0xffff_ffff_ffff
        );
        let Self { rate, burst } = self;
        let definition = match burst {
            0 => format!("__string: uuid {uuid} kbps stats bands=type=drop rate={rate}"),
            _ => format!(
                "__string: uuid {uuid} kbps burst stats bands=type=drop rate={rate} burst_size={burst}"
            ),
        };
        let meter = Meter::Limit { definition: &definition, rate, burst };
        if let Some(meter) = encoder.environment.meter(meter) {
            encoder.push(Action::Meter(meter));
        }
    }
}

impl fmt::Display for SetMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { rate, burst: 0 } => write!(f, "set_meter({rate});"),
            Self { rate, burst } => write!(f, "set_meter({rate}, {burst});"),
        }
    }
}

impl SetQueue {
    const LAST: i32 = 0xf000;

    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<SetQueue> {
        parser.expect("(")?;
        let Some(id) = parser.take_int() else { return Err(parser.syntax_error("expecting `;'")) };
        parser.expect(")")?;
        match u16::try_from(id) {
            Ok(id) if i32::from(id) <= Self::LAST => Ok(SetQueue(id)),
            _ => {
                let last = Self::LAST;
                Err(parser.error(format!("Queue ID {id} for set_queue is not in valid range 0 to {last}.")))
            }
        }
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        encoder.push(Action::SetQueue(self.0.into()));
    }
}

impl fmt::Display for SetQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set_queue({});", self.0)
    }
}
