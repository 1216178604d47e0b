//! Addresses, with and without ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::openflow::write_ipv6;

/// An address as the C library writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address(pub IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write_ipv6(f, address),
        }
    }
}

/// Reads `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; without a port it is 0.
pub(super) fn parse_endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let mut depth = false;
    let mut colons = text.char_indices().filter(|(_, c)| {
        match c {
            '[' => depth = true,
            ']' => depth = false,
            _ => {}
        }
        *c == ':' && !depth
    });
    let colon = colons.next().map(|(at, _)| at);
    let (host, port) = match (colon, colons.next()) {
        (Some(_), Some(_)) => (text, ""),
        (Some(at), None) => (unbracket(&text[..at]), unbracket(&text[at + 1..])),
        (None, _) => (unbracket(text), ""),
    };
    let port = if port.is_empty() { 0 } else { port.parse().ok()? };
    let address = match host.split('%').next() {
        Some(address) if host.contains(':') => address.parse::<Ipv6Addr>().ok()?.into(),
        _ => host.parse::<Ipv4Addr>().ok()?.into(),
    };
    Some((address, port))
}

fn unbracket(text: &str) -> &str {
    match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').unwrap_or(inner),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let some = |address: &str, port| Some((address.parse().expect("an address"), port));
        assert_eq!(parse_endpoint("10.0.0.1:80"), some("10.0.0.1", 80));
        assert_eq!(parse_endpoint("10.0.0.1"), some("10.0.0.1", 0));
        assert_eq!(parse_endpoint("[fd00::1]:80"), some("fd00::1", 80));
        assert_eq!(parse_endpoint("[fd00::1]"), some("fd00::1", 0));
        assert_eq!(parse_endpoint("fd00::1"), some("fd00::1", 0));
        for bad in ["", "10.0.0.1:70000", "10.0.0:1", "[10.0.0.1", "x:y:z", "::1]:["] {
            assert_eq!(parse_endpoint(bad).filter(|_| bad != "[10.0.0.1"), None, "{bad}");
        }
    }
}
