//! `trigger_event`: tells the controller of something that a user of OVN waits for (Controller_Event).

use std::fmt;

use super::encode::Encoder;
use super::endpoint::parse_endpoint;
use super::opcode::Opcode;
use super::options::{OptionValue, Options};
use super::parse::{Parser, Result};

/// `trigger_event(event = "...", ...);`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerEvent {
    /// Which event.
    pub event: Event,
    /// What is told of it.
    pub options: Vec<OptionValue>,
}

/// Something that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A packet for a load balancer without backends.
    EmptyLbBackends,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::EmptyLbBackends => "empty_lb_backends",
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::EmptyLbBackends => 0,
        }
    }
}

impl TriggerEvent {
    const NAME_LENGTH: usize = 64;

    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<TriggerEvent> {
        parser.expect("(")?;
        if !parser.take_id("event") {
            return Err(parser.syntax_error("Expecting 'event' option"));
        }
        parser.expect("=")?;
        let name = parser.at_string().filter(|name| name.len() < Self::NAME_LENGTH);
        let event = match name {
            None => return Err(parser.syntax_error("Expecting string")),
            Some("empty_lb_backends") => Event::EmptyLbBackends,
            Some(_) => return Err(parser.syntax_error("Unknown event '-1'")),
        };
        parser.skip();
        parser.take(",");
        let catalog = parser.catalogs().empty_lb_backends;
        let options = OptionValue::parse_all(parser, catalog, event.name())?;
        match options.iter().find_map(complaint) {
            Some(complaint) => Err(parser.error(complaint)),
            None => Ok(TriggerEvent { event, options }),
        }
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut payload = self.event.number().to_be_bytes().to_vec();
        for option in &self.options {
            let text = option.text().unwrap_or_default();
            payload.extend(option.option.code.to_be_bytes());
            payload.extend((text.len() as u16).to_be_bytes());
            payload.extend(text.bytes());
        }
        encoder.controller(Opcode::Event, &payload);
    }
}

/// What is wrong with an option of [`Event::EmptyLbBackends`].
fn complaint(option: &OptionValue) -> Option<String> {
    let [_] = &option.values[..] else {
        return Some(format!("Invalid value for \"{}\" option", option.name));
    };
    let text = option.text().unwrap_or_default();
    match option.name.as_str() {
        "vip" if parse_endpoint(text).is_none() => Some(format!("Invalid load balancer VIP '{text}'")),
        "protocol" if !matches!(text, "tcp" | "udp" | "sctp") => {
            Some(format!("Load balancer protocol '{text}' is not 'tcp', 'udp', or 'sctp'"))
        }
        "load_balancer" if !is_uuid(text) => Some(format!("Load balancer '{text}' is not a UUID")),
        _ => None,
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

impl fmt::Display for TriggerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trigger_event(event = \"{}\"", self.event.name())?;
        if !self.options.is_empty() {
            write!(f, ", {}", Options(&self.options))?;
        }
        f.write_str(");")
    }
}
