//! Ports of learned Ethernet addresses (FDB).

use std::fmt;

use super::encode::Encoder;
use super::opcode::Opcode;
use super::parse::{Parser, Result};
use crate::openflow::{Field, Subfield};
use crate::register::{self, Flag};
use crate::symbol::FieldRef;
use crate::table;

/// Asks for or remembers where an Ethernet address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fdb {
    /// `put_fdb(PORT, MAC);`: remembers it.
    Put {
        /// The port.
        port: FieldRef,
        /// The address.
        mac: FieldRef,
    },
    /// `RESULT = get_fdb(MAC);` and `get_remote_fdb`: writes the port, or zero.
    Get {
        /// Whether it is behind a VTEP of EVPN.
        remote: bool,
        /// Where to; 32 bits or a port.
        result: FieldRef,
        /// The address.
        mac: FieldRef,
    },
    /// `RESULT = lookup_fdb(PORT, MAC);`: writes whether it is known there.
    Lookup {
        /// Where to; one bit.
        result: FieldRef,
        /// The port.
        port: FieldRef,
        /// The address.
        mac: FieldRef,
    },
}

impl Fdb {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Fdb>> {
        if !parser.take_id("put_fdb") {
            return Ok(None);
        }
        parser.expect("(")?;
        let port = parser.argument(0)?;
        parser.expect(",")?;
        let mac = parser.argument(48)?;
        parser.expect(")")?;
        Ok(Some(Fdb::Put { port, mac }))
    }

    /// After `FIELD =`, if one of the look-ups is next.
    pub(super) fn parse_lookup(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<Fdb>> {
        for (name, remote) in [("get_fdb", false), ("get_remote_fdb", true)] {
            if parser.at_call(name) {
                parser.skip();
                parser.skip();
                if !result.is_string() {
                    parser.check(result, 32, true)?;
                }
                let mac = parser.argument(48)?;
                parser.expect(")")?;
                return Ok(Some(Fdb::Get { remote, result: result.clone(), mac }));
            }
        }
        if !parser.at_call("lookup_fdb") {
            return Ok(None);
        }
        parser.skip();
        parser.skip();
        parser.check(result, 1, true)?;
        let port = parser.argument(0)?;
        parser.expect(",")?;
        let mac = parser.argument(48)?;
        parser.expect(")")?;
        Ok(Some(Fdb::Lookup { result: result.clone(), port, mac }))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Put { port, mac } => {
                let arguments = [(port.resolve(), register::INPORT), (mac.resolve(), Field::ETH_SRC)];
                encoder.with_arguments(&arguments, |encoder| encoder.controller(Opcode::PutFdb, &[]));
            }
            Self::Get { remote, result, mac } => {
                let (port, table) = match remote {
                    false => (register::OUTPORT, table::GET_FDB),
                    true => (register::REMOTE_OUTPORT, table::GET_REMOTE_FDB),
                };
                encoder.with_arguments(&[(mac.resolve(), Field::ETH_DST)], |encoder| {
                    encoder.load(0, Subfield::whole(port));
                    encoder.resubmit(table);
                });
                let result = result.resolve();
                if result.field != port {
                    encoder.copy(Subfield::whole(port), result);
                }
            }
            Self::Lookup { result, port, mac } => {
                let arguments = [(port.resolve(), register::INPORT), (mac.resolve(), Field::ETH_SRC)];
                encoder.with_arguments(&arguments, |encoder| {
                    encoder.load(0, Flag::LOOKUP_FDB.bit());
                    encoder.resubmit(table::LOOKUP_FDB);
                });
                encoder.copy(Flag::LOOKUP_FDB.bit(), result.resolve());
            }
        }
    }
}

impl fmt::Display for Fdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { port, mac } => write!(f, "put_fdb({port}, {mac});"),
            Self::Get { remote: false, result, mac } => write!(f, "{result} = get_fdb({mac});"),
            Self::Get { remote: true, result, mac } => write!(f, "{result} = get_remote_fdb({mac});"),
            Self::Lookup { result, port, mac } => write!(f, "{result} = lookup_fdb({port}, {mac});"),
        }
    }
}
