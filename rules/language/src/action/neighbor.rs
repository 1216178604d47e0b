//! Neighbours: Ethernet addresses of IP addresses (MAC_Binding, and static bindings).

use std::fmt;

use super::encode::Encoder;
use super::opcode::Opcode;
use super::parse::{Parser, Result};
use crate::openflow::{Action, Field, Subfield};
use crate::register::{self, Flag};
use crate::symbol::FieldRef;
use crate::table;

/// Asks for or remembers a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    /// IPv4 or IPv6.
    pub family: Family,
    /// What is done.
    pub kind: NeighborKind,
    /// Logical port behind which the neighbour is.
    pub port: FieldRef,
    /// Its IP address.
    pub ip: FieldRef,
}

/// What is done about a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeighborKind {
    /// `get_arp`, `get_nd`: writes its Ethernet address, or zero, into `eth.dst`.
    Get,
    /// `put_arp`, `put_nd`: remembers it.
    Put {
        /// Its Ethernet address.
        mac: FieldRef,
    },
    /// `lookup_arp`, `lookup_nd`: writes whether it is known with that Ethernet address.
    Lookup {
        /// Where to; one bit.
        result: FieldRef,
        /// Its Ethernet address.
        mac: FieldRef,
    },
    /// `lookup_arp_ip`, `lookup_nd_ip`: writes whether it is known.
    LookupIp {
        /// Where to; one bit.
        result: FieldRef,
    },
}

/// The protocol by which neighbours are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// ARP, for IPv4.
    Arp,
    /// Neighbour discovery, for IPv6.
    Nd,
}

impl Family {
    const BOTH: [Family; 2] = [Self::Arp, Self::Nd];

    fn bits(self) -> u16 {
        match self {
            Self::Arp => 32,
            Self::Nd => 128,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Nd => "nd",
        }
    }
}

impl Neighbor {
    /// `get_` and `put_`.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Neighbor>> {
        for family in Family::BOTH {
            let get = parser.take_id(&format!("get_{}", family.name()));
            if !get && !parser.take_id(&format!("put_{}", family.name())) {
                continue;
            }
            parser.expect("(")?;
            let port = parser.argument(0)?;
            parser.expect(",")?;
            let ip = parser.argument(family.bits())?;
            let mut kind = NeighborKind::Get;
            if !get {
                parser.expect(",")?;
                kind = NeighborKind::Put { mac: parser.argument(48)? };
            }
            parser.expect(")")?;
            return Ok(Some(Neighbor { family, kind, port, ip }));
        }
        Ok(None)
    }

    /// `lookup_...(`: after `FIELD =`, if that is next.
    pub(super) fn parse_lookup(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<Neighbor>> {
        for family in Family::BOTH {
            let with_mac = parser.at_call(&format!("lookup_{}", family.name()));
            if !with_mac && !parser.at_call(&format!("lookup_{}_ip", family.name())) {
                continue;
            }
            parser.check(result, 1, true)?;
            parser.skip();
            parser.skip();
            let result = result.clone();
            let port = parser.argument(0)?;
            parser.expect(",")?;
            let ip = parser.argument(family.bits())?;
            let kind = if with_mac {
                parser.expect(",")?;
                NeighborKind::Lookup { result, mac: parser.argument(48)? }
            } else {
                NeighborKind::LookupIp { result }
            };
            parser.expect(")")?;
            return Ok(Some(Neighbor { family, kind, port, ip }));
        }
        Ok(None)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let (port, ip) = (self.port.resolve(), self.ip.resolve());
        let (own, next_hop) = match self.family {
            Family::Arp => (register::NEIGHBOR_IPV4, register::NEIGHBOR_IPV4),
            Family::Nd => (Field::XXREG0, Field::XXREG1),
        };
        let known = Flag::LOOKUP_MAC.bit();
        match &self.kind {
            NeighborKind::Get => {
                encoder.with_arguments(&[(port, register::OUTPORT), (ip, next_hop)], |encoder| {
                    encoder.load(0, Subfield::whole(Field::ETH_DST));
                    encoder.resubmit(table::MAC_BINDING);
                });
            }
            NeighborKind::Put { mac } => {
                let arguments = [(port, register::INPORT), (ip, own), (mac.resolve(), Field::ETH_SRC)];
                let opcode = match self.family {
                    Family::Arp => Opcode::PutArp,
                    Family::Nd => Opcode::PutNd,
                };
                encoder.with_arguments(&arguments, |encoder| encoder.controller(opcode, &[]));
            }
            NeighborKind::Lookup { result, mac } => {
                let arguments = [(port, register::INPORT), (ip, own), (mac.resolve(), Field::ETH_SRC)];
                encoder.with_arguments(&arguments, |encoder| {
                    encoder.load(0, known);
                    encoder.resubmit(table::MAC_LOOKUP);
                    encoder.copy(known, result.resolve());
                });
            }
            NeighborKind::LookupIp { result } => {
                encoder.with_arguments(&[(port, register::OUTPORT), (ip, next_hop)], |encoder| {
                    encoder.push(Action::Push(Subfield::whole(Field::ETH_DST)));
                    encoder.load(0, known);
                    encoder.resubmit(table::MAC_BINDING);
                    encoder.copy(known, result.resolve());
                    encoder.push(Action::Pop(Subfield::whole(Field::ETH_DST)));
                });
            }
        }
    }
}

impl fmt::Display for Neighbor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, kind, port, ip } = self;
        let family = family.name();
        match kind {
            NeighborKind::Get => write!(f, "get_{family}({port}, {ip});"),
            NeighborKind::Put { mac } => write!(f, "put_{family}({port}, {ip}, {mac});"),
            NeighborKind::Lookup { result, mac } => {
                write!(f, "{result} = lookup_{family}({port}, {ip}, {mac});")
            }
            NeighborKind::LookupIp { result } => write!(f, "{result} = lookup_{family}_ip({port}, {ip});"),
        }
    }
}
