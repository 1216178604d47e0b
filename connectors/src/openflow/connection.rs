//! Connections that a switch is to forget (`NXT_CT_FLUSH` of Open vSwitch).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::message::{nicira, put_nicira};
use super::wire::{Put, padding};

/// Tracked connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connections {
    /// Those whose addresses are translated so, in whichever zone. A port or protocol that is 0 is any.
    Translated {
        /// The protocol's number in IP.
        protocol: u8,
        /// Where the client has sent to.
        destination: SocketAddr,
        /// Where answers come from.
        answers_from: SocketAddr,
    },
    /// Those that are labelled so, if [`Features::flushes_by_label`](super::Features::flushes_by_label).
    Labelled {
        /// The only zone in which they are meant.
        zone: Option<u16>,
        /// The label's bits.
        label: u128,
        /// Which of these matter.
        mask: u128,
    },
}

impl Connections {
    /// Whether they are a part of one zone.
    pub(super) fn is_of_zone(&self) -> bool {
        matches!(self, Connections::Labelled { zone: Some(_), .. })
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connections::Translated { protocol, destination, answers_from } => {
                write!(f, "to {destination} at {answers_from}, protocol {protocol}")
            }
            Connections::Labelled { zone, label, mask } => {
                write!(f, "labelled {label:#x}/{mask:#x}")?;
                zone.map_or(Ok(()), |zone| write!(f, " in zone {zone}"))
            }
        }
    }
}

/// Properties: the first packet's addresses and ports, those of answers, and what is in them; what else connections
/// have.
const ORIGINAL: u16 = 0;
const REPLY: u16 = 1;
const SOURCE: u16 = 0;
const DESTINATION: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const ICMP_ID: u16 = 4;
const ICMP_TYPE: u16 = 5;
const ICMP_CODE: u16 = 6;
const ZONE: u16 = 2;
const LABEL: u16 = 5;
const LABEL_MASK: u16 = 6;

/// Has the switch forget connections.
pub(super) fn put_flush(connections: &Connections, xid: u32, out: &mut Vec<u8>) {
    put_nicira(nicira::FLUSH_CONNECTIONS, xid, out, |out| match connections {
        Connections::Translated { protocol, destination, answers_from } => {
            put_protocol(*protocol, out);
            put_end(ORIGINAL, DESTINATION, DESTINATION_PORT, destination, out);
            put_end(REPLY, SOURCE, SOURCE_PORT, answers_from, out);
        }
        Connections::Labelled { zone, label, mask } => {
            put_protocol(0, out);
            if let Some(zone) = zone {
                put_number(ZONE, *zone, out);
            }
            put_label(*label, *mask, out);
        }
    });
}

/// Has the switch forget, by its label, what is no connection: ICMP of a type that nobody has given a meaning, with a
/// bit that nobody sets. A switch that cannot do so says that.
pub(super) fn put_probe(xid: u32, out: &mut Vec<u8>) {
    const ICMP: u8 = 1;
    const UNASSIGNED: u8 = 1;
    const UNUSED: u128 = 1 << 92;
    let put_icmp = |direction, kind, out: &mut Vec<u8>| {
        put_property(direction, out, |out| {
            out.zeros(4);
            put_number(ICMP_ID, 0, out);
            put_property(ICMP_TYPE, out, |out| out.u8(kind));
            put_property(ICMP_CODE, out, |out| out.u8(0));
        });
    };
    put_nicira(nicira::FLUSH_CONNECTIONS, xid, out, |out| {
        put_protocol(ICMP, out);
        put_icmp(ORIGINAL, UNASSIGNED, out);
        put_icmp(REPLY, 0, out);
        put_label(UNUSED, UNUSED, out);
    });
}

fn put_protocol(protocol: u8, out: &mut Vec<u8>) {
    out.u8(protocol);
    out.zeros(7);
}

fn put_label(label: u128, mask: u128, out: &mut Vec<u8>) {
    for (kind, bits) in [(LABEL, label), (LABEL_MASK, mask)] {
        put_property(kind, out, |out| out.bytes(&bits.to_be_bytes()));
    }
}

/// One end of a connection in one direction.
fn put_end(direction: u16, address: u16, port: u16, end: &SocketAddr, out: &mut Vec<u8>) {
    let ip = match end.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    put_property(direction, out, |out| {
        out.zeros(4);
        put_property(address, out, |out| out.bytes(&ip.octets()));
        if end.port() != 0 {
            put_number(port, end.port(), out);
        }
    });
}

/// A property of 16 bits, which counts the padding behind them.
fn put_number(kind: u16, number: u16, out: &mut Vec<u8>) {
    put_property(kind, out, |out| {
        out.u16(number);
        out.zeros(2);
    });
}

fn put_property(kind: u16, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.u16(kind);
    out.u16(0);
    write(out);
    let length = out.len() - start;
    out.patch_u16(start + 2, length as u16);
    out.zeros(padding(length));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(protocol: u8, destination: &str, answers_from: &str) -> String {
        let parsed = |text: &str| text.parse().unwrap();
        let (destination, answers_from) = (parsed(destination), parsed(answers_from));
        flush(&Connections::Translated { protocol, destination, answers_from })
    }

    fn flush(connections: &Connections) -> String {
        written(|out| put_flush(connections, 1, out))
    }

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn messages_are_those_of_the_reference() {
        // What `ovs-ofctl ct-flush` of 3.7 sends.
        assert_eq!(
            message(6, "30.0.0.1:80", "172.16.1.4:8080"),
            "06040068000000010000232000000020060000000000000000000028000000000001001400000000000000000000ffff\
             1e00000100000000000300080050000000010028000000000000001400000000000000000000ffffac10010400000000\
             000200081f900000"
        );
        assert_eq!(
            message(0, "[fd00::1]:0", "[fd01::1]:0"),
            "0604005800000001000023200000002000000000000000000000002000000000\
             00010014fd00000000000000000000000000000100000000\
             0001002000000000\
             00000014fd01000000000000000000000000000100000000"
        );
    }

    #[test]
    fn labels_are_told_as_ovn_controller_tells_them() {
        // What ovn-controller 26.03.1 sends when a next hop goes, or an ACL; and to learn whether that is possible.
        let (zone, label, mask) = (Some(9), 2 << 32, 0xffff_ffff_ffff << 32);
        assert_eq!(
            flush(&Connections::Labelled { zone, label, mask }),
            "060400500000000100002320000000200000000000000000000200080009000000050014000000000000000000000002\
             000000000000000000060014000000000000ffffffffffff0000000000000000"
        );
        let (zone, label, mask) = (None, 2 << 80, 0xffff << 80);
        assert_eq!(
            flush(&Connections::Labelled { zone, label, mask }),
            "060400480000000100002320000000200000000000000000000500140000000000020000000000000000000000000000\
             0006001400000000ffff0000000000000000000000000000"
        );
        assert_eq!(
            written(|out| put_probe(1, out)),
            "060400880000000100002320000000200100000000000000000000200000000000040008000000000005000501000000\
             000600050000000000010020000000000004000800000000000500050000000000060005000000000005001400000000\
             10000000000000000000000000000000000600140000000010000000000000000000000000000000"
        );
    }
}
