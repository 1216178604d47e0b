//! `log`: tells the controller what became of a packet.

use std::fmt;

use super::encode::Encoder;
use super::group::Meter;
use super::opcode::Opcode;
use super::parse::{Parser, Result};

/// Tells the controller what became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// What became of it.
    pub verdict: Verdict,
    /// How important that is.
    pub severity: Severity,
    /// Name of the ACL.
    pub name: Option<String>,
    /// Name of the meter that limits how often.
    pub meter: Option<String>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "as the words of the ACL column `action`")]
pub enum Verdict {
    Allow,
    Drop,
    Reject,
    Pass,
}

/// How important an entry of the log is, by RFC 5424.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "as the words of the ACL column `severity`")]
pub enum Severity {
    Alert,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Verdict {
    const ALL: [(Verdict, &str, u8); 4] = [
        (Self::Allow, "allow", 0),
        (Self::Drop, "drop", 1),
        (Self::Reject, "reject", 2),
        (Self::Pass, "pass", 3),
    ];

    fn words(self) -> (&'static str, u8) {
        Self::ALL.iter().find(|known| known.0 == self).map_or(("", 0), |known| (known.1, known.2))
    }
}

impl Severity {
    const ALL: [(Severity, &str, u8); 5] = [
        (Self::Alert, "alert", 1),
        (Self::Warning, "warning", 4),
        (Self::Notice, "notice", 5),
        (Self::Info, "info", 6),
        (Self::Debug, "debug", 7),
    ];

    fn words(self) -> (&'static str, u8) {
        Self::ALL.iter().find(|known| known.0 == self).map_or(("", 0), |known| (known.1, known.2))
    }
}

impl Log {
    /// Bytes of names are encoded in actions of the datapath, so there are not many.
    const NAME_LENGTH: usize = 64;

    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Log> {
        let (mut verdict, mut severity, mut name, mut meter) = (None, Severity::Info, None, None);
        if parser.take("(") {
            while !parser.take(")") {
                if parser.take_id("verdict") {
                    parser.expect("=")?;
                    let known = Verdict::ALL.iter().find(|known| parser.take_id(known.1));
                    verdict = Some(known.ok_or_else(|| parser.syntax_error("unknown verdict"))?.0);
                } else if parser.take_id("name") {
                    parser.expect("=")?;
                    let text = parser.at_string().ok_or_else(|| parser.syntax_error("expecting string"))?;
                    if text.len() >= Self::NAME_LENGTH {
                        return Err(parser.syntax_error("name must be shorter than 64 characters"));
                    }
                    name = parser.take_string();
                } else if parser.take_id("severity") {
                    parser.expect("=")?;
                    if !parser.at_any_id() {
                        return Err(parser.syntax_error("expecting severity"));
                    }
                    let known = Severity::ALL.iter().find(|known| parser.take_id(known.1));
                    severity = known.ok_or_else(|| parser.syntax_error("unknown severity"))?.0;
                } else if parser.take_id("meter") {
                    parser.expect("=")?;
                    meter =
                        Some(parser.take_string().ok_or_else(|| parser.syntax_error("expecting string"))?);
                } else {
                    return Err(parser.syntax_error(""));
                }
                parser.take(",");
            }
        }
        let verdict = verdict.ok_or_else(|| parser.syntax_error("expecting verdict"))?;
        Ok(Log { verdict, severity, name, meter })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut meter = None;
        if let Some(name) = &self.meter {
            meter = encoder.environment.meter(Meter::Named(name));
            if meter.is_none() {
                return;
            }
        }
        let mut payload = vec![self.verdict.words().1, self.severity.words().1];
        payload.extend(self.name.iter().flat_map(|name| name.bytes()));
        encoder.controller_limited(Opcode::Log, &payload, meter);
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log(")?;
        if let Some(name) = &self.name {
            write!(f, "name=\"{name}\", ")?;
        }
        write!(f, "verdict={}, severity={}", self.verdict.words().0, self.severity.words().0)?;
        if let Some(meter) = &self.meter {
            write!(f, ", meter=\"{meter}\"")?;
        }
        f.write_str(");")
    }
}
