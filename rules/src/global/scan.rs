//! Addresses as the OVN programs read them ([`crate::value`]), in the shapes that this folder needs.

use std::net::IpAddr;

pub use crate::value::scan::bytes;

use crate::value::addresses::Addresses;
use crate::value::ip;
use crate::value::mac::Mac;

/// The MAC address that `text` is, nothing after it.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    Mac::parse(text).map(|mac| mac.0)
}

/// The IP addresses of an `addresses` entry of a switch port, `MAC IP...`: those before the first
/// that is none, IPv4 first. An entry without a MAC address (`dynamic`, `unknown`) has none.
pub fn port_addresses(entry: &str) -> Vec<IpAddr> {
    let addresses = Addresses::read(entry).unwrap_or_default();
    let ip4 = addresses.ip4.iter().map(|net| IpAddr::V4(net.address));
    ip4.chain(addresses.ip6.iter().map(|net| IpAddr::V6(net.address))).collect()
}

/// An address as the OVN programs write it.
pub fn text(address: &IpAddr) -> String {
    ip::text(*address)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each case was put to ovn-northd 26.03.1.
    #[test]
    fn macs_are_read_as_the_reference_reads_them() {
        let read = [
            ("AA:bb:0:1:2:3", [0xaa, 0xbb, 0, 1, 2, 3]),
            ("aabb:cc:dd:ee:ff:00", [0xbb, 0xcc, 0xdd, 0xee, 0xff, 0]),
            (" 00:11:22:33:44:55", [0, 0x11, 0x22, 0x33, 0x44, 0x55]),
            ("0x0:11:22:33:44:55", [0, 0x11, 0x22, 0x33, 0x44, 0x55]),
            ("-1:+1:22:33:44:55", [0xff, 1, 0x22, 0x33, 0x44, 0x55]),
        ];
        for (text, bytes) in read {
            assert_eq!(mac(text), Some(bytes), "{text}");
        }
        for text in ["", "zz", "1:2", "00:11:22:33:44:55 x", "0-0:11:22:33:44:55"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn port_addresses_are_read_as_the_reference_reads_them() {
        let read = [
            (
                "02:00:00:00:00:01 10.0.0.2 10.0.0.10/32 fe80::1 2001:DB8:0::1",
                "10.0.0.2 10.0.0.10 fe80::1 2001:db8::1",
            ),
            ("02:00:00:00:00:02 10.0.0.3/24", "10.0.0.3"),
            ("02:00:00:00:00:02 10.0.0.3/33 10.0.0.4", ""),
            ("02:00:00:00:00:02 10.1.1.1/255.255.255.0 10.1.1.2", "10.1.1.1 10.1.1.2"),
            ("02:00:00:00:00:06 10.0.0.9 junk 10.0.0.11", "10.0.0.9"),
            ("02:00:00:00:00:0210.1.1.9,10.1.1.10", ""),
            ("02:00:00:00:00:02 1:0:2::", "1:0:2::"),
            ("02:00:00:00:00:02\t10.1.1.11", "10.1.1.11"),
            ("02:00:00:00:00:02 ::1.2.3.4 ::ffff:1.2.3.4", "::1.2.3.4 ::ffff:1.2.3.4"),
            ("2:0:0:0:0:1 300.1.1.1", "44.1.1.1"),
            ("02:00:00:00:00:05  2001:db8::/32", "2001:db8::"),
            ("02:00:00:00:00:05 dynamic 10.0.0.47", ""),
            ("junk 10.0.0.7", ""),
            ("10.0.0.8", ""),
            ("dynamic 10.9.0.77", ""),
            ("router 02:00:00:00:00:05 10.0.0.46", ""),
        ];
        for (entry, addresses) in read {
            let found: Vec<String> = port_addresses(entry).iter().map(text).collect();
            assert_eq!(found.join(" "), addresses, "{entry}");
        }
    }
}
