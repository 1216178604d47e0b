//! `ct_lb` and its variants: translates to one of several backends.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::conntrack::pass;
use super::encode::Encoder;
use super::endpoint::Address;
use super::group::{Group, Selection};
use super::parse::{Parser, Result};
use crate::openflow::{self, Field, Nat, NatKind, NatRange, Subfield, Zone};

/// Translates the destination to a backend; without backends to what the connection has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalance {
    /// Which of the variants.
    pub kind: LoadBalanceKind,
    /// The backends.
    pub backends: Vec<Backend>,
    /// Fields to hash, as of a group; without them the switch hashes what it likes.
    pub hash_fields: Option<String>,
    /// What the router has to do about the source.
    pub snat: Option<SnatFlag>,
    /// The table of the pipeline in which the packet goes on.
    pub table: u8,
}

/// A variant of load balancing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalanceKind {
    /// `ct_lb`: connections are marked by their label.
    Label,
    /// `ct_lb_mark`: connections are marked by their mark.
    Mark,
    /// `ct_lb_mark_local`: the same, with backends on this chassis only.
    MarkLocal,
}

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its logical port, of [`LoadBalanceKind::MarkLocal`].
    pub logical_port: Option<String>,
    /// Its address.
    pub address: IpAddr,
    /// Its port; 0 leaves that of the packet.
    pub port: u16,
}

impl LoadBalance {
    /// The ports that have to be on the chassis for their backends to count.
    pub fn local_ports(&self) -> impl Iterator<Item = &str> {
        let is_asked = self.kind == LoadBalanceKind::MarkLocal;
        self.backends.iter().filter(move |_| is_asked).filter_map(|backend| backend.logical_port.as_deref())
    }
}

/// What a connection remembers about its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnatFlag {
    /// It is not translated.
    Skip,
    /// It is translated to an address of the router.
    Force,
}

impl SnatFlag {
    /// Name in the text, and bit in mark or label.
    fn words(self) -> (&'static str, u128) {
        match self {
            Self::Skip => ("skip_snat", 4),
            Self::Force => ("force_snat", 8),
        }
    }
}

impl LoadBalanceKind {
    const ALL: [LoadBalanceKind; 3] = [Self::Label, Self::Mark, Self::MarkLocal];

    fn name(self) -> &'static str {
        match self {
            Self::Label => "ct_lb",
            Self::Mark => "ct_lb_mark",
            Self::MarkLocal => "ct_lb_mark_local",
        }
    }
}

impl LoadBalance {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<LoadBalance>> {
        let Some(kind) = LoadBalanceKind::ALL.into_iter().find(|kind| parser.take_id(kind.name())) else {
            return Ok(None);
        };
        let table = parser.table_after("ct_lb")?;
        parser.require("ip");
        let mut balance = LoadBalance { kind, backends: Vec::new(), hash_fields: None, snat: None, table };
        if parser.take("(") && !parser.take(")") {
            balance.parse_arguments(parser)?;
        }
        Ok(Some(balance))
    }

    fn parse_arguments(&mut self, parser: &mut Parser<'_>) -> Result<()> {
        if !parser.take_id("backends") {
            return Err(parser.syntax_error("expecting backends"));
        }
        parser.expect("=")?;
        while !parser.take(";") && !parser.take(")") {
            self.backends.push(Backend::parse(parser, self.kind)?);
            parser.take(",");
        }
        // Each of the optional arguments ends with what separates it from the next or closes the list.
        if parser.take_id("hash_fields") {
            let fields = if parser.take("=") { parser.take_string() } else { None };
            self.hash_fields = Some(fields.ok_or_else(|| parser.syntax_error("invalid hash_fields"))?);
            parser.skip();
        }
        for flag in [SnatFlag::Skip, SnatFlag::Force] {
            if parser.take_id(flag.words().0) {
                self.snat = Some(flag);
                parser.skip();
                break;
            }
        }
        Ok(())
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let zone = encoder.zone_register(true);
        if self.backends.is_empty() {
            let existing = openflow::Action::Nat(Nat::new(NatKind::Existing));
            return pass(encoder, false, Some(self.table), zone, vec![existing]);
        }
        let mark = if self.kind == LoadBalanceKind::Label { "ct_label" } else { "ct_mark" };
        let snat =
            self.snat.map_or(String::new(), |flag| format!(",set_field:{0}/{0}->{mark}", flag.words().1));
        let table = encoder.table(self.table);
        let zone = Subfield::new(zone, 0, 16);
        let mut group = Group::new(Selection::of(self.hash_fields.as_deref()));
        for (number, backend) in self.backends.iter().enumerate() {
            let local = |port: &String| encoder.environment.is_local(port);
            if self.kind == LoadBalanceKind::MarkLocal && !backend.logical_port.as_ref().is_some_and(local) {
                continue;
            }
            let written = format!(
                "ct(nat(dst={backend}),commit,table={table},zone={zone},exec(set_field:2/2->{mark}{snat}))"
            );
            group.add(number as u32, Self::WEIGHT, vec![self.bucket(backend, table, zone)], &written);
        }
        if !group.buckets.is_empty() {
            encoder.group(&group);
        }
    }

    /// All backends are alike.
    const WEIGHT: u16 = 100;
    /// The bit of mark or label that says that the connection is balanced.
    const NATTED: u128 = 2;

    /// What the bucket of a backend does.
    fn bucket(&self, backend: &Backend, table: u8, zone: Subfield) -> openflow::Action {
        let mark = if self.kind == LoadBalanceKind::Label { Field::CT_LABEL } else { Field::CT_MARK };
        let range = NatRange { first: backend.address, last: None, first_port: backend.port, last_port: 0 };
        let nat = Nat { range: Some(range), ..Nat::new(NatKind::Destination) };
        let bits = self.snat.map(|flag| flag.words().1).into_iter();
        let marks =
            [Self::NATTED].into_iter().chain(bits).map(|bit| openflow::Action::SetField(mark, bit, bit));
        openflow::Action::Conntrack(Box::new(openflow::Conntrack {
            commit: true,
            force: false,
            zone: Zone::Field(zone),
            table: Some(table),
            helper: 0,
            actions: [openflow::Action::Nat(nat)].into_iter().chain(marks).collect(),
        }))
    }
}

impl Backend {
    fn parse(parser: &mut Parser<'_>, kind: LoadBalanceKind) -> Result<Backend> {
        let mut logical_port = None;
        if kind == LoadBalanceKind::MarkLocal {
            let expecting = "expecting logical port name for distributed load balancer";
            logical_port = Some(parser.take_string().ok_or_else(|| parser.syntax_error(expecting))?);
            parser.expect(":")?;
        }
        let bracket = parser.take("[");
        let expecting = if bracket { "expecting IPv6 address" } else { "expecting IP address" };
        let address = parser.at_ip().filter(|address| address.is_ipv6() || !bracket);
        let address = address.ok_or_else(|| parser.syntax_error(expecting))?;
        parser.skip();
        if bracket && !parser.take("]") {
            return Err(parser.syntax_error("no closing square bracket"));
        }
        let mut port = 0;
        if parser.take(":") {
            if address.is_ipv6() && !bracket {
                let needs = "IPv6 address needs square brackets if port is included";
                return Err(parser.syntax_error(needs));
            }
            port = parser.expect_u16("port number")?;
        }
        Ok(Backend { logical_port, address, port })
    }
}

/// Without the logical port, as in groups.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (address, 0) => write!(f, "{}", Address(address)),
            (IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            (address, port) => write!(f, "[{}]:{port}", Address(address)),
        }
    }
}

impl fmt::Display for LoadBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.backends.is_empty() {
            return f.write_char(';');
        }
        f.write_str("(backends=")?;
        for (number, backend) in self.backends.iter().enumerate() {
            if number > 0 {
                f.write_char(',')?;
            }
            if let Some(port) = &backend.logical_port {
                write!(f, "\"{port}\":")?;
            }
            write!(f, "{backend}")?;
        }
        if let Some(fields) = &self.hash_fields {
            write!(f, "; hash_fields=\"{fields}\"")?;
        }
        if let Some(flag) = self.snat {
            write!(f, "; {}", flag.words().0)?;
        }
        f.write_str(");")
    }
}
