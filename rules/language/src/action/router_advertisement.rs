//! `put_nd_ra_opts`: the router advertisement that answers a solicitation (RFC 4861, 4191, 8106).

use std::fmt;
use std::net::Ipv6Addr;

use super::domain;
use super::encode::{Encoder, result_place};
use super::opcode::Opcode;
use super::options::{OptionValue, Options};
use super::parse::{Parser, Result};
use crate::lexer::NumberFormat;
use crate::symbol::{Constant, FieldRef};

/// `RESULT = put_nd_ra_opts(...);`: makes an answer of a router solicitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRouterAdvertisement {
    /// Where to say whether there is an answer; one bit.
    pub result: FieldRef,
    /// What it says.
    pub options: Vec<OptionValue>,
}

/// Codes of options: those of neighbour discovery, and two of our own.
pub(super) mod code {
    pub const ADDRESS_MODE: u16 = 0;
    pub const SOURCE_ADDRESS: u16 = 1;
    pub const PREFIX: u16 = 3;
    pub const MTU: u16 = 5;
    pub const ROUTE: u16 = 24;
    pub const DNS_SERVER: u16 = 25;
    pub const DNS_SEARCH: u16 = 31;
    pub const PREFERENCE: u16 = 255;
}

const MANAGED: u8 = 0x80;
const OTHER: u8 = 0x40;
const FOREVER: [u8; 4] = [0xff; 4];

/// The bits of a preference.
fn preference(word: &str) -> u8 {
    match word {
        "HIGH" => 0x08,
        "LOW" => 0x18,
        _ => 0,
    }
}

impl PutRouterAdvertisement {
    /// After `FIELD =`, if it is next.
    pub(super) fn parse(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<Self>> {
        if !parser.at_call("put_nd_ra_opts") {
            return Ok(None);
        }
        parser.skip();
        parser.skip();
        parser.check(result, 1, true)?;
        let catalog = parser.catalogs().router_advertisement;
        let options = OptionValue::parse_all(parser, catalog, "IPv6 ND RA")?;
        if let Some(bad) = options.iter().find(|option| !is_valid(option)) {
            return Err(parser.error(format!("Invalid value for \"{}\" option", bad.name)));
        }
        let has = |code: u16| options.iter().any(|option| option.option.code == code);
        let stateful = |option: &OptionValue| {
            option.option.code == code::ADDRESS_MODE && option.text() == Some("dhcpv6_stateful")
        };
        if !has(code::SOURCE_ADDRESS) {
            return Err(parser.error("slla option not present"));
        }
        if !has(code::PREFIX) && !options.iter().any(stateful) {
            let needs = "prefix option needs to be set when address mode is slaac/dhcpv6_stateless.";
            return Err(parser.error(needs));
        }
        parser.require("ip6");
        Ok(Some(Self { result: result.clone(), options }))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut payload = result_place(self.result.resolve());
        payload.extend(self.message());
        encoder.controller(Opcode::PutRouterAdvertisement, &payload);
    }

    /// The whole ICMPv6 message; its checksum is left to the controller.
    fn message(&self) -> Vec<u8> {
        const TYPE: u8 = 134;
        const HOP_LIMIT: u8 = 255;
        const FLAGS: usize = 5;
        let mut message = vec![TYPE, 0, 0, 0, HOP_LIMIT, 0];
        message.extend(u16::MAX.to_be_bytes()); // router lifetime
        message.extend([0; 8]); // reachable time and retransmission timer
        for option in &self.options {
            let text = option.text().unwrap_or_default();
            match option.option.code {
                code::ADDRESS_MODE if text == "dhcpv6_stateful" => message[FLAGS] |= MANAGED,
                code::ADDRESS_MODE if text == "dhcpv6_stateless" => message[FLAGS] |= OTHER,
                code::PREFERENCE => message[FLAGS] |= preference(text),
                code::PREFIX => {
                    let managed = message[FLAGS] & MANAGED != 0;
                    put_prefix(&mut message, option, managed);
                }
                _ => put_option(&mut message, option),
            }
        }
        message
    }
}

fn is_valid(option: &OptionValue) -> bool {
    let [value] = &option.values[..] else { return false };
    let (text, number) = match value {
        Constant::String(text) => (Some(text.as_str()), None),
        Constant::Integer(number) => (None, Some(number)),
    };
    let is = |format: NumberFormat| number.is_some_and(|number| number.format == format);
    match option.option.code {
        code::ADDRESS_MODE => matches!(text, Some("slaac" | "dhcpv6_stateful" | "dhcpv6_stateless")),
        code::PREFERENCE => matches!(text, Some("MEDIUM" | "HIGH" | "LOW")),
        code::SOURCE_ADDRESS => is(NumberFormat::Ethernet),
        code::PREFIX => is(NumberFormat::Ipv6) && number.is_some_and(|number| number.mask.is_some()),
        code::MTU => is(NumberFormat::Decimal),
        code::DNS_SERVER => is(NumberFormat::Ipv6),
        code::ROUTE | code::DNS_SEARCH => text.is_some(),
        _ => true,
    }
}

fn put_prefix(message: &mut Vec<u8>, option: &OptionValue, managed: bool) {
    const ON_LINK: u8 = 0x80;
    const AUTONOMOUS: u8 = 0x40;
    let Some(Constant::Integer(prefix)) = option.values.first() else { return };
    let length = prefix.mask.map_or(128, u128::count_ones) as u8;
    let flags = if managed { ON_LINK } else { ON_LINK | AUTONOMOUS };
    message.extend([code::PREFIX as u8, 4, length, flags]);
    message.extend(FOREVER); // valid lifetime
    message.extend(FOREVER); // preferred lifetime
    message.extend([0; 4]);
    message.extend(prefix.value.to_be_bytes());
}

fn put_option(message: &mut Vec<u8>, option: &OptionValue) {
    let text = option.text().unwrap_or_default();
    match option.option.code {
        code::SOURCE_ADDRESS => {
            message.extend([code::SOURCE_ADDRESS as u8, 1]);
            message.extend(&(option.number() as u64).to_be_bytes()[2..]);
        }
        code::MTU => {
            message.extend([code::MTU as u8, 1, 0, 0]);
            message.extend((option.number() as u32).to_be_bytes());
        }
        code::DNS_SERVER => {
            message.extend([code::DNS_SERVER as u8, 3, 0, 0]);
            message.extend(FOREVER);
            message.extend(option.number().to_be_bytes());
        }
        code::DNS_SEARCH => {
            let Some(names) = domain::search_list(text) else { return };
            message.extend([code::DNS_SEARCH as u8, ((names.len() + 8) / 8) as u8, 0, 0]);
            message.extend(FOREVER);
            message.extend(names);
        }
        code::ROUTE => put_routes(message, text),
        _ => {}
    }
}

/// Routes are `PREFERENCE-PREFIX`, separated by commas; the first bad prefix ends the list.
fn put_routes(message: &mut Vec<u8>, routes: &str) {
    for route in routes.split(',').filter(|route| !route.is_empty()) {
        let mut parts = route.split('-').filter(|part| !part.is_empty());
        let Some(word) = parts.next() else { continue };
        for prefix in parts {
            let Some((network, length)) = parse_prefix(prefix) else { return };
            let words = usize::from(length.div_ceil(64));
            message.extend([code::ROUTE as u8, 1 + words as u8, length, preference(word)]);
            message.extend(FOREVER);
            message.extend(&network.to_be_bytes()[..8 * words]);
        }
    }
}

/// Address and length of an IPv6 prefix, without the bits below it; a plain address has 128.
fn parse_prefix(text: &str) -> Option<(u128, u8)> {
    let (address, length) = text.trim().split_once('/').unwrap_or((text.trim(), "128"));
    let address = u128::from(address.parse::<Ipv6Addr>().ok()?);
    let length: u8 = length.parse().ok().filter(|length| *length <= 128)?;
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    Some((address & mask, length))
}

impl fmt::Display for PutRouterAdvertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = put_nd_ra_opts({});", self.result, Options(&self.options))
    }
}
