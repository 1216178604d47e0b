//! `sample`: samples packets for collectors.

use std::fmt;

use super::encode::Encoder;
use super::parse::{Parser, Result};
use crate::openflow::{self, Port, SampleDirection, Source};
use crate::symbol::FieldRef;

/// Samples packets for a set of collectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// How many of 65535 packets.
    pub probability: u16,
    /// The set.
    pub collector_set: u32,
    /// High byte of the observation domain, below which is the key of the datapath.
    pub domain: u8,
    /// Observation point.
    pub point: Point,
}

/// An observation point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// This number.
    Number(u32),
    /// What 32 bits hold.
    Field(FieldRef),
    /// The first 32 bits of the flow's UUID.
    Cookie,
}

impl Sample {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Sample> {
        let mut sample = Sample { probability: 0, collector_set: 0, domain: 0, point: Point::Number(0) };
        if parser.take("(") {
            while !parser.take(")") {
                sample.parse_argument(parser)?;
                parser.take(",");
            }
        }
        match sample.probability {
            0 => Err(parser.error("probability must be greater than zero")),
            _ => Ok(sample),
        }
    }

    fn parse_argument(&mut self, parser: &mut Parser<'_>) -> Result<()> {
        if parser.take_id("probability") {
            parser.expect("=")?;
            if parser.at_decimal().is_some() {
                self.probability = parser.expect_u16("probability")?;
            }
        } else if parser.take_id("obs_point") {
            parser.expect("=")?;
            // The cookie goes before a field, and a field before a number.
            if parser.take_address_set("cookie") {
                self.point = Point::Cookie;
            } else if let Some(number) = parser.at_decimal() {
                parser.skip();
                if matches!(self.point, Point::Number(_)) {
                    self.point = Point::Number(number as u32);
                }
            } else {
                let field = parser.argument(32)?;
                if self.point != Point::Cookie {
                    self.point = Point::Field(field);
                }
            }
        } else if parser.take_id("obs_domain") {
            parser.expect("=")?;
            if let Some(domain) = parser.at_decimal() {
                let domain = u8::try_from(domain as u32);
                self.domain = domain.map_err(|_| parser.syntax_error("obs_domain must be 8-bit long"))?;
            }
            parser.skip();
        } else if parser.take_id("collector_set") {
            parser.expect("=")?;
            if let Some(set) = parser.at_decimal() {
                self.collector_set = set as u32;
            }
            parser.skip();
        } else {
            return Err(parser.syntax_error("unknown argument"));
        }
        Ok(())
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        if !encoder.environment.has_collector_set(self.collector_set) {
            return;
        }
        let context = encoder.context;
        let domain = u32::from(self.domain) << 24 | context.datapath_key & 0xff_ffff;
        let point = match &self.point {
            Point::Number(number) => Source::Immediate(*number),
            Point::Field(field) => Source::Field(field.resolve()),
            Point::Cookie => Source::Immediate((context.flow >> 96) as u32),
        };
        encoder.push(openflow::Action::Sample(openflow::Sample {
            probability: self.probability,
            collector_set: self.collector_set,
            domain: Source::Immediate(domain),
            point,
            port: Port::ANY,
            direction: SampleDirection::Default,
        }));
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probability, collector_set, domain, point } = self;
        write!(
            f,
            "sample(probability={probability},collector_set={collector_set},obs_domain={domain},obs_point="
        )?;
        match point {
            Point::Number(number) => write!(f, "{number});"),
            Point::Field(field) => write!(f, "{field});"),
            Point::Cookie => f.write_str("$cookie);"),
        }
    }
}
