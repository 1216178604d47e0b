//! Connection tracking and address translation (`ct` and `nat` of ovs-actions(7)).

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::action::{Action, List};
use super::address::write_ipv6;
use super::field::Subfield;

/// A pass through connection tracking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conntrack {
    /// Whether the connection is remembered.
    pub commit: bool,
    /// Whether one that exists in the other direction is replaced.
    pub force: bool,
    /// Where the connection is tracked.
    pub zone: Zone,
    /// The table in which the tracked packet goes on.
    pub table: Option<u8>,
    /// The protocol helper, by its port; 0 for none.
    pub helper: u16,
    /// Address translation, then what is written to mark and label.
    pub actions: Vec<Action>,
}

/// A zone of connection tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// This zone.
    Immediate(u16),
    /// The zone that these 16 bits hold.
    Field(Subfield),
}

/// Translation of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat {
    /// Which address.
    pub kind: NatKind,
    /// To what; without it whatever avoids a clash.
    pub range: Option<NatRange>,
    /// Whether the same host gets the same address again after a restart.
    pub persistent: bool,
    /// Whether the port is chosen by hash.
    pub hash: bool,
    /// Whether the port is chosen at random.
    pub random: bool,
}

/// What is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatKind {
    /// Whatever is translated in the connection already.
    Existing,
    /// The source.
    Source,
    /// The destination.
    Destination,
}

/// Addresses and ports to translate to; zero ports and a zero end stand for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NatRange {
    /// First address.
    pub first: IpAddr,
    /// Last address, of the same family.
    pub last: Option<IpAddr>,
    /// First port.
    pub first_port: u16,
    /// Last port.
    pub last_port: u16,
}

impl Nat {
    /// A translation without a range.
    pub fn new(kind: NatKind) -> Nat {
        Nat { kind, range: None, persistent: false, hash: false, random: false }
    }
}

impl fmt::Display for Conntrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.commit {
            parts.push("commit".to_owned());
        }
        if self.force {
            parts.push("force".to_owned());
        }
        parts.extend(self.table.map(|table| format!("table={table}")));
        match self.zone {
            Zone::Immediate(0) => {}
            Zone::Immediate(zone) => parts.push(format!("zone={zone}")),
            Zone::Field(field) => parts.push(format!("zone={field}")),
        }
        let exec = match self.actions.split_first() {
            Some((nat @ Action::Nat(_), rest)) => {
                parts.push(nat.to_string());
                rest
            }
            _ => &self.actions,
        };
        if !exec.is_empty() {
            parts.push(format!("exec({})", List(exec)));
        }
        match self.helper {
            0 => {}
            21 => parts.push("alg=ftp".to_owned()),
            69 => parts.push("alg=tftp".to_owned()),
            port => parts.push(format!("alg={port}")),
        }
        write!(f, "ct({})", parts.join(","))
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NatKind::Existing => return f.write_str("nat"),
            NatKind::Source => "nat(src",
            NatKind::Destination => "nat(dst",
        })?;
        if let Some(range) = self.range {
            write!(f, "={range}")?;
            for (set, word) in [(self.persistent, "persistent"), (self.hash, "hash"), (self.random, "random")]
            {
                if set {
                    write!(f, ",{word}")?;
                }
            }
        }
        f.write_char(')')
    }
}

impl fmt::Display for NatRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracket = self.first_port != 0;
        write_address(f, self.first, bracket)?;
        if let Some(last) = self.last.filter(|last| *last != self.first) {
            f.write_char('-')?;
            write_address(f, last, bracket)?;
        }
        if self.first_port != 0 {
            write!(f, ":{}", self.first_port)?;
            if self.last_port != 0 && self.last_port != self.first_port {
                write!(f, "-{}", self.last_port)?;
            }
        }
        Ok(())
    }
}

fn write_address(f: &mut fmt::Formatter<'_>, address: IpAddr, bracket: bool) -> fmt::Result {
    match address {
        IpAddr::V4(address) => write!(f, "{address}"),
        IpAddr::V6(address) => {
            let (open, close) = if bracket { ("[", "]") } else { ("", "") };
            f.write_str(open)?;
            write_ipv6(f, address)?;
            f.write_str(close)
        }
    }
}
