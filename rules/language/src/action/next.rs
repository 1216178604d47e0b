//! `next`: goes on in another table.

use std::fmt;

use super::encode::Encoder;
use super::parse::{Parser, Result};
use crate::table::Pipeline;

/// Goes on in a table, by default the next of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The table in it.
    pub table: u8,
    /// The pipeline and table of the flow itself, by which the text is chosen.
    pub from: (Pipeline, u8),
}

impl Next {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Next> {
        let from = (parser.pipeline(), parser.table());
        if parser.tables() == 0 {
            return Err(parser.error("\"next\" action not allowed here."));
        }
        let mut pipeline = from.0;
        let mut table = i32::from(from.1) + 1;
        if parser.take("(") {
            if let Some(number) = parser.take_int() {
                table = number;
            } else {
                loop {
                    if parser.take_id("pipeline") {
                        parser.expect("=")?;
                        pipeline = if parser.take_id("ingress") {
                            Pipeline::Ingress
                        } else if parser.take_id("egress") {
                            Pipeline::Egress
                        } else {
                            return Err(parser.syntax_error("expecting \"ingress\" or \"egress\""));
                        };
                    } else if parser.take_id("table") {
                        parser.expect("=")?;
                        table = parser.expect_int()?;
                    } else {
                        return Err(parser.syntax_error("expecting \"pipeline\" or \"table\""));
                    }
                    if !parser.take(",") {
                        break;
                    }
                }
            }
            parser.expect(")")?;
        }
        match u8::try_from(table) {
            Ok(table) if table < pipeline.length() => Ok(Next { pipeline, table, from }),
            _ => {
                let last = pipeline.length();
                Err(parser.error(format!("\"next\" action cannot advance beyond table {last}.")))
            }
        }
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        encoder.resubmit(self.pipeline.first() + self.table);
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pipeline, table, from } = self;
        if *pipeline != from.0 {
            write!(f, "next(pipeline={}, table={table});", pipeline.name())
        } else if u16::from(*table) != u16::from(from.1) + 1 {
            write!(f, "next({table});")
        } else {
            f.write_str("next;")
        }
    }
}
