//! Ethernet addresses.

use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::scan;

/// An Ethernet address, most significant byte first. Prints as OVN does: six pairs of lower-case
/// hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address that no interface has.
    pub const ZERO: Mac = Mac([0; 6]);

    /// Reads a text that is an address and nothing else, in any spelling that [`scan`] reads.
    pub fn parse(text: &str) -> Option<Mac> {
        Mac::scan(text).filter(|(_, rest)| rest.is_empty()).map(|(mac, _)| mac)
    }

    /// Reads an address at the front of `text`; gives what follows with it.
    pub fn scan(text: &str) -> Option<(Mac, &str)> {
        scan::bytes(text, 16, ':').map(|(bytes, rest)| (Mac(bytes), rest))
    }

    /// The address as a number below 2⁴⁸.
    pub fn bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address with the low 48 bits of `bits`.
    pub fn from_bits(bits: u64) -> Mac {
        let [_, _, mac @ ..] = bits.to_be_bytes();
        Mac(mac)
    }

    /// The address of this interface in an IPv6 network of 64 bits: those of `network`, then the
    /// modified EUI-64 of this address (RFC 4291 appendix A).
    pub fn in_network(self, network: Ipv6Addr) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        let interface = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
        Ipv6Addr::from_bits(network.to_bits() >> 64 << 64 | u128::from(interface))
    }

    /// The link-local IPv6 address of this interface (RFC 4291 section 2.5.6).
    pub fn link_local(self) -> Ipv6Addr {
        self.in_network(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Each spelling was put to ovn-northd 26.03.1.
    #[test]
    fn odd_spellings_are_read() {
        let read = [
            ("AA:bb:0:1:2:3", "aa:bb:00:01:02:03"),
            ("aabb:cc:dd:ee:ff:00", "bb:cc:dd:ee:ff:00"),
            (" 00:11:22:33:44:55", "00:11:22:33:44:55"),
            ("0x0:11:22:33:44:55", "00:11:22:33:44:55"),
            ("-1:+1:22:33:44:55", "ff:01:22:33:44:55"),
        ];
        for (text, printed) in read {
            assert_eq!(Mac::parse(text).map(|mac| mac.to_string()).as_deref(), Some(printed), "{text}");
        }
        for text in ["", "zz", "1:2", "00:11:22:33:44:55 ", "00:11:22:33:44:55 x", "0-0:11:22:33:44:55"] {
            assert_eq!(Mac::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_interface_has_an_address_in_every_network() {
        let mac = Mac::parse("0a:00:00:a8:01:03").unwrap();
        assert_eq!(mac.link_local().to_string(), "fe80::800:ff:fea8:103");
        let network = "fd00:0:0:1:ffff::1".parse().unwrap();
        assert_eq!(mac.in_network(network).to_string(), "fd00::1:800:ff:fea8:103");
    }

    proptest! {
        #[test]
        fn print_and_parse_round_trip(bits in 0u64..1 << 48) {
            let mac = Mac::from_bits(bits);
            prop_assert_eq!(mac.bits(), bits);
            prop_assert_eq!(Mac::parse(&mac.to_string()), Some(mac));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,24}") {
            if let Some(mac) = Mac::parse(&text) {
                prop_assert_eq!(Mac::parse(&mac.to_string()), Some(mac));
            }
        }
    }
}
