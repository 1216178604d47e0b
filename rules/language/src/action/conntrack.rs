//! Connection tracking: looking a packet up, committing it and translating its addresses.

use std::fmt;
use std::net::IpAddr;

use super::encode::Encoder;
use super::endpoint::Address;
use super::parse::{Parser, Result, Scope};
use super::{Action, List};
use crate::openflow::{self, Nat, NatKind, NatRange};
use crate::register;

/// An action of connection tracking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conntrack {
    /// `ct_next(dnat);` or `ct_next(snat);`: looks the packet up and goes on in a table.
    Next {
        /// Whether in the zone of destination translation.
        dnat: bool,
        /// The table of the pipeline.
        table: u8,
    },
    /// `ct_commit { ACTIONS };`: remembers the connection, with mark and label as the actions say.
    Commit(Vec<Action>),
    /// `ct_commit_to_zone(...);` and `ct_commit_nat(...);`.
    CommitZone(CommitZone),
    /// `ct_dnat`, `ct_snat` and their variants in the common zone.
    Nat(ConntrackNat),
}

/// Remembers the connection in a zone and goes on in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitZone {
    /// Whether addresses are translated: `ct_commit_nat`.
    pub nat: bool,
    /// Whether in the zone of destination translation.
    pub dnat: bool,
    /// The table of the pipeline.
    pub table: u8,
}

/// Translates addresses and goes on in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConntrackNat {
    /// Whether it is the destination that is translated: `ct_dnat`.
    pub destination: bool,
    /// Where the connection is tracked.
    pub zone: NatZone,
    /// To what; without it whatever the connection has.
    pub address: Option<IpAddr>,
    /// And to which ports; 0 as the last is none.
    pub ports: Option<(u16, u16)>,
    /// The table of the pipeline.
    pub table: u8,
}

/// The zone of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatZone {
    /// One for sources, another for destinations.
    Own,
    /// The same for both: `ct_dnat_in_czone`.
    Common,
}

impl Conntrack {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Conntrack>> {
        const NATS: [(&str, bool, NatZone); 4] = [
            ("ct_dnat", true, NatZone::Own),
            ("ct_snat", false, NatZone::Own),
            ("ct_dnat_in_czone", true, NatZone::Common),
            ("ct_snat_in_czone", false, NatZone::Common),
        ];
        if parser.take_id("ct_next") {
            return Self::parse_next(parser).map(Some);
        }
        if parser.take_id("ct_commit") {
            return Self::parse_commit(parser).map(Some);
        }
        for (name, nat) in [("ct_commit_to_zone", false), ("ct_commit_nat", true)] {
            if parser.take_id(name) {
                return CommitZone::parse(parser, name, nat).map(|commit| Some(Self::CommitZone(commit)));
            }
        }
        for (name, destination, zone) in NATS {
            if parser.take_id(name) {
                return ConntrackNat::parse(parser, name, destination, zone).map(|nat| Some(Self::Nat(nat)));
            }
        }
        Ok(None)
    }

    fn parse_next(parser: &mut Parser<'_>) -> Result<Conntrack> {
        let table = parser.table_after("ct_next")?;
        parser.require("ip");
        let dnat = !parser.take("(") || parse_zone(parser, "ct_next")?;
        Ok(Conntrack::Next { dnat, table })
    }

    fn parse_commit(parser: &mut Parser<'_>) -> Result<Conntrack> {
        if parser.at("{") {
            return parser.nested(Some("ip"), Scope::Commit).map(Conntrack::Commit);
        }
        parser.require("ip");
        Ok(Conntrack::Commit(Vec::new()))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Next { dnat, table } => {
                let zone = encoder.zone_register(*dnat);
                pass(encoder, false, Some(*table), zone, Vec::new());
            }
            Self::Commit(actions) => {
                let mut inner = Vec::new();
                // A source translation that changes nothing unless it has to keeps connections that are
                // only remembered from clashing with translated ones.
                if encoder.context.features.zero_snat {
                    inner.push(openflow::Action::Nat(Nat::new(NatKind::Source)));
                }
                inner.extend(encoder.nested(actions));
                let zone = encoder.zone_register(true);
                pass(encoder, true, None, zone, inner);
            }
            Self::CommitZone(commit) => {
                let inner = if commit.nat {
                    vec![openflow::Action::Nat(Nat::new(NatKind::Existing))]
                } else {
                    vec![]
                };
                let zone = encoder.zone_register(commit.dnat);
                pass(encoder, true, Some(commit.table), zone, inner);
            }
            Self::Nat(nat) => nat.encode(encoder),
        }
    }
}

/// Gives the packet to connection tracking, in a zone that a register holds.
pub(super) fn pass(
    encoder: &mut Encoder<'_>,
    commit: bool,
    table: Option<u8>,
    zone: openflow::Field,
    actions: Vec<openflow::Action>,
) {
    let zone = encoder.zone(zone);
    let table = table.map(|table| encoder.table(table));
    let pass = openflow::Conntrack { commit, force: false, zone, table, helper: 0, actions };
    encoder.push(openflow::Action::Conntrack(Box::new(pass)));
}

/// `dnat)` or `snat)`.
fn parse_zone(parser: &mut Parser<'_>, name: &str) -> Result<bool> {
    let dnat = parser.take_id("dnat");
    if !dnat && !parser.take_id("snat") {
        return Err(parser.error(format!("\"{name}\" action accepts only \"dnat\" or \"snat\" parameter.")));
    }
    parser.expect(")")?;
    Ok(dnat)
}

impl CommitZone {
    fn parse(parser: &mut Parser<'_>, name: &str, nat: bool) -> Result<CommitZone> {
        parser.require("ip");
        let table = parser.table_after(name)?;
        let dnat = if nat {
            !parser.take("(") || parse_zone(parser, name)?
        } else {
            parser.expect("(")?;
            parse_zone(parser, name)?
        };
        Ok(CommitZone { nat, dnat, table })
    }
}

impl ConntrackNat {
    fn parse(parser: &mut Parser<'_>, name: &str, destination: bool, zone: NatZone) -> Result<ConntrackNat> {
        parser.require("ip");
        let table = parser.table_after(name)?;
        let mut nat = ConntrackNat { destination, zone, address: None, ports: None, table };
        if !parser.take("(") {
            return Ok(nat);
        }
        let address =
            parser.take_ip().ok_or_else(|| parser.syntax_error("expecting IPv4 or IPv6 address"))?;
        nat.address = Some(address);
        if parser.take(",") {
            nat.ports = Some(parse_ports(parser)?);
        }
        parser.expect(")")?;
        Ok(nat)
    }

    fn encode(self, encoder: &mut Encoder<'_>) {
        let zone = match (self.zone, self.destination) {
            (NatZone::Common, _) => encoder.context.common_zone,
            (NatZone::Own, true) => register::DNAT_ZONE,
            (NatZone::Own, false) => register::SNAT_ZONE,
        };
        let nat = match self.address {
            None => Nat::new(NatKind::Existing),
            Some(first) => {
                let kind = if self.destination { NatKind::Destination } else { NatKind::Source };
                let (first_port, last_port) = self.ports.unwrap_or_default();
                let range = Some(NatRange { first, last: None, first_port, last_port });
                // Of a range of ports one is chosen at random, whatever the switch would do by default.
                let random = first_port != 0 && last_port != 0;
                Nat { range, random, ..Nat::new(kind) }
            }
        };
        pass(encoder, self.address.is_some(), Some(self.table), zone, vec![openflow::Action::Nat(nat)]);
    }
}

/// `FIRST` or `FIRST-LAST`, each cut to 16 bits.
fn parse_ports(parser: &mut Parser<'_>) -> Result<(u16, u16)> {
    let expecting = "expecting Integer for port range";
    let first = parser.at_decimal().ok_or_else(|| parser.syntax_error(expecting))? as u16;
    if first == 0 {
        return Err(parser.syntax_error("range can't be 0"));
    }
    parser.skip();
    if !parser.take("-") {
        return Ok((first, 0));
    }
    let last = parser.at_integer().ok_or_else(|| parser.syntax_error(expecting))? as u16;
    if last <= first {
        return Err(parser.syntax_error("range high should be greater than range low"));
    }
    parser.skip();
    Ok((first, last))
}

impl fmt::Display for Conntrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = |dnat: bool| if dnat { "dnat" } else { "snat" };
        match self {
            Self::Next { dnat, .. } => write!(f, "ct_next({});", zone(*dnat)),
            Self::Commit(actions) if actions.is_empty() => f.write_str("ct_commit;"),
            Self::Commit(actions) => write!(f, "ct_commit {{ {} }};", List(actions)),
            Self::CommitZone(CommitZone { nat, dnat, .. }) => {
                let name = if *nat { "ct_commit_nat" } else { "ct_commit_to_zone" };
                write!(f, "{name}({});", zone(*dnat))
            }
            Self::Nat(nat) => nat.fmt(f),
        }
    }
}

impl fmt::Display for ConntrackNat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.destination { "ct_dnat" } else { "ct_snat" })?;
        if self.zone == NatZone::Common {
            f.write_str("_in_czone")?;
        }
        if let Some(address) = self.address {
            write!(f, "({}", Address(address))?;
            match self.ports {
                None => f.write_str(")")?,
                Some((first, 0)) => write!(f, ",{first})")?,
                Some((first, last)) => write!(f, ",{first}-{last})")?,
            }
        }
        f.write_str(";")
    }
}
