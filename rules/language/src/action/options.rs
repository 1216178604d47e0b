//! `NAME = VALUE` lists: options of DHCP, of router advertisements and of events.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::parse::{Parser, Result};
use crate::symbol::Constant;

/// What kind of value an option has (`type` of DHCP_Options and DHCPv6_Options).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as in the database")]
pub enum OptionKind {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Ipv4,
    Ipv6,
    Mac,
    StaticRoutes,
    Str,
    HostId,
    Domain,
    Domains,
}

impl OptionKind {
    /// The kind of that name.
    pub fn find(name: &str) -> Option<OptionKind> {
        Some(match name {
            "bool" => Self::Bool,
            "uint8" => Self::Uint8,
            "uint16" => Self::Uint16,
            "uint32" => Self::Uint32,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "mac" => Self::Mac,
            "static_routes" => Self::StaticRoutes,
            "str" => Self::Str,
            "host_id" => Self::HostId,
            "domain" => Self::Domain,
            "domains" => Self::Domains,
            _ => return None,
        })
    }

    /// Whether values are strings; `None`: they may be.
    fn is_text(self) -> Option<bool> {
        match self {
            Self::HostId => None,
            kind => Some(matches!(kind, Self::Str | Self::Domain | Self::Domains)),
        }
    }
}

/// Code and kind of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionType {
    /// Its number on the wire.
    pub code: u16,
    /// What values it has.
    pub kind: OptionKind,
}

/// Options by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog(BTreeMap<String, OptionType>);

impl Catalog {
    /// The options of a router advertisement.
    pub fn router_advertisement() -> Catalog {
        use super::router_advertisement::code;
        [
            ("addr_mode", code::ADDRESS_MODE, OptionKind::Str),
            ("router_preference", code::PREFERENCE, OptionKind::Str),
            ("slla", code::SOURCE_ADDRESS, OptionKind::Mac),
            ("prefix", code::PREFIX, OptionKind::Ipv6),
            ("mtu", code::MTU, OptionKind::Uint32),
            ("rdnss", code::DNS_SERVER, OptionKind::Ipv6),
            ("dnssl", code::DNS_SEARCH, OptionKind::Str),
            ("route_info", code::ROUTE, OptionKind::Str),
        ]
        .into_iter()
        .collect()
    }

    /// The options of the event about load balancers without backends.
    pub fn empty_lb_backends() -> Catalog {
        [("vip", 1, OptionKind::Str), ("protocol", 2, OptionKind::Str), ("load_balancer", 3, OptionKind::Str)]
            .into_iter()
            .collect()
    }
}

impl<N: Into<String>> FromIterator<(N, u16, OptionKind)> for Catalog {
    fn from_iter<I: IntoIterator<Item = (N, u16, OptionKind)>>(options: I) -> Self {
        let options = options.into_iter();
        Self(options.map(|(name, code, kind)| (name.into(), OptionType { code, kind })).collect())
    }
}

/// An option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionValue {
    /// Its name.
    pub name: String,
    /// Its code and kind.
    pub option: OptionType,
    /// Its values, at least one.
    pub values: Vec<Constant>,
    /// Whether braces stood around them.
    pub braces: bool,
}

impl OptionValue {
    /// Options up to the closing parenthesis, which is taken too. `of` names the catalogue in errors.
    pub(super) fn parse_all(
        parser: &mut Parser<'_>,
        catalog: &Catalog,
        of: &str,
    ) -> Result<Vec<OptionValue>> {
        let mut options = Vec::new();
        while !parser.take(")") {
            options.push(Self::parse(parser, catalog, of)?);
            parser.take(",");
        }
        Ok(options)
    }

    fn parse(parser: &mut Parser<'_>, catalog: &Catalog, of: &str) -> Result<OptionValue> {
        let Some(name) = parser.at_id() else { return Err(parser.syntax_error("")) };
        let Some((name, option)) = catalog.0.get_key_value(name) else {
            return Err(parser.syntax_error(format!("expecting {of} option name")));
        };
        parser.skip();
        parser.expect("=")?;
        let (values, braces) = parser.constants()?;
        let is_text = matches!(values.first(), Some(Constant::String(_)));
        match option.kind.is_text() {
            Some(true) if !is_text => Err(parser.error(format!("{of} option {name} requires string value."))),
            Some(false) if is_text => {
                Err(parser.error(format!("{of} option {name} requires numeric value.")))
            }
            _ => Ok(OptionValue { name: name.clone(), option: *option, values, braces }),
        }
    }

    /// The first value, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match self.values.first() {
            Some(Constant::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The first value, if it is a number; else 0.
    pub(super) fn number(&self) -> u128 {
        self.numbers().next().unwrap_or(0)
    }

    /// The values that are numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u128> {
        self.values.iter().filter_map(|value| match value {
            Constant::Integer(number) => Some(number.value),
            Constant::String(_) => None,
        })
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", self.name)?;
        let braces = self.braces || self.values.len() != 1;
        if braces {
            f.write_char('{')?;
        }
        for (number, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if number > 0 { ", " } else { "" })?;
        }
        if braces {
            f.write_char('}')?;
        }
        Ok(())
    }
}

/// Options with commas between.
pub(super) struct Options<'a>(pub &'a [OptionValue]);

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, option) in self.0.iter().enumerate() {
            write!(f, "{}{option}", if number > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
