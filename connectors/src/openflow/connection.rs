//! Connections that a switch is to forget (`NXT_CT_FLUSH` of Open vSwitch).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::message::{nicira, put_nicira};
use super::wire::{Put, padding};

/// Tracked connections, in whichever zone. A port or protocol that is 0 is any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connections {
    /// The protocol's number in IP.
    pub protocol: u8,
    /// Where the client has sent to.
    pub destination: SocketAddr,
    /// Where answers come from.
    pub answers_from: SocketAddr,
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { protocol, destination, answers_from } = self;
        write!(f, "to {destination} at {answers_from}, protocol {protocol}")
    }
}

/// Properties: the first packet's addresses and ports, those of answers, and what is in them.
const ORIGINAL: u16 = 0;
const REPLY: u16 = 1;
const SOURCE: u16 = 0;
const DESTINATION: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;

/// Has the switch forget connections.
pub(super) fn put_flush(connections: &Connections, xid: u32, out: &mut Vec<u8>) {
    let Connections { protocol, destination, answers_from } = connections;
    put_nicira(nicira::FLUSH_CONNECTIONS, xid, out, |out| {
        out.u8(*protocol);
        out.zeros(7);
        put_end(ORIGINAL, DESTINATION, DESTINATION_PORT, destination, out);
        put_end(REPLY, SOURCE, SOURCE_PORT, answers_from, out);
    });
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
            put_property(port, out, |out| {
                out.u16(end.port());
                out.zeros(2);
            });
        }
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
        let connections =
            Connections { protocol, destination: parsed(destination), answers_from: parsed(answers_from) };
        let mut out = Vec::new();
        put_flush(&connections, 1, &mut out);
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
}
