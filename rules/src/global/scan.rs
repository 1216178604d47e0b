//! Addresses as the OVN programs read them: leniently.
//!
//! Numbers may have blanks, a sign or (hexadecimal ones) `0x` before them and any number of digits;
//! what does not fit in eight bits is cut off. Configurations in use rely on it: `2:0:0:0:0:1`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The `N` numbers, each pair with `separator` between, that `text` starts with, and what follows.
pub fn bytes<const N: usize>(text: &str, radix: u32, separator: char) -> Option<([u8; N], &str)> {
    let mut bytes = [0; N];
    let mut rest = text;
    for (at, byte) in bytes.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(separator)?;
        }
        (*byte, rest) = number(rest, radix)?;
    }
    Some((bytes, rest))
}

fn number(text: &str, radix: u32) -> Option<(u8, &str)> {
    let text = text.trim_ascii_start();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let prefix = if radix == 16 { unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X")) } else { None };
    let digits = prefix.filter(|rest| rest.starts_with(|c: char| c.is_digit(radix))).unwrap_or(unsigned);
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let value = digits.chars().filter_map(|c| c.to_digit(radix)).fold(0u8, |value, digit| {
        // Cutting off at the end and at each digit come to the same.
        value.wrapping_mul(radix as u8).wrapping_add(digit as u8)
    });
    Some((if text.starts_with('-') { value.wrapping_neg() } else { value }, rest))
}

/// The MAC address that `text` is, nothing after it.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    bytes(text, 16, ':').filter(|(_, rest)| rest.is_empty()).map(|(mac, _)| mac)
}

/// The IP addresses of an `addresses` entry of a switch port, `MAC IP...`: those before the first
/// that is none. An entry without a MAC address (`dynamic`, `unknown`) has none.
pub fn port_addresses(entry: &str) -> Vec<IpAddr> {
    let mut addresses = vec![];
    let mut rest = match bytes::<6>(entry, 16, ':') {
        Some((_, rest)) => rest.trim_ascii_start(),
        None => return addresses,
    };
    while let Some((address, after)) = ipv4(rest).or_else(|| ipv6(rest)) {
        addresses.push(address);
        rest = after.trim_ascii_start();
    }
    addresses
}

fn ipv4(text: &str) -> Option<(IpAddr, &str)> {
    let (address, rest) = bytes::<4>(text, 10, '.')?;
    let address = IpAddr::V4(Ipv4Addr::from(address));
    let Some(mask) = rest.strip_prefix('/') else { return Some((address, rest)) };
    if let Some((mask, after)) = bytes::<4>(mask, 10, '.') {
        let mask = u32::from_be_bytes(mask);
        return (mask.leading_ones() == mask.count_ones()).then_some((address, after));
    }
    prefix_length(address, rest, mask, 32)
}

fn ipv6(text: &str) -> Option<(IpAddr, &str)> {
    let (address, rest) = ipv6_plain(text)?;
    let Some(mask) = rest.strip_prefix('/') else { return Some((address.into(), rest)) };
    if let Some((mask, after)) = ipv6_plain(mask) {
        let mask = mask.to_bits();
        return (mask.leading_ones() == mask.count_ones()).then_some((address.into(), after));
    }
    prefix_length(address.into(), rest, mask, 128)
}

fn ipv6_plain(text: &str) -> Option<(Ipv6Addr, &str)> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.').unwrap_or(text.len());
    let (address, rest) = text.split_at(end);
    Some((address.parse().ok()?, rest))
}

/// `address`, with the length in `mask` taken off if it is one; a number that is too long spoils it.
fn prefix_length<'a>(
    address: IpAddr,
    rest: &'a str,
    mask: &'a str,
    longest: u32,
) -> Option<(IpAddr, &'a str)> {
    let end = mask.find(|c: char| !c.is_ascii_digit()).unwrap_or(mask.len());
    let (length, after) = mask.split_at(end);
    match length.parse::<u32>() {
        Ok(length) => (length <= longest).then_some((address, after)),
        Err(_) => length.is_empty().then_some((address, rest)),
    }
}

/// An address as the OVN programs write it: IPv6 as RFC 5952 has it, and the last 32 bits of an
/// IPv4-compatible address (RFC 4291 section 2.5.5.1) dotted.
pub fn text(address: &IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.to_bits() >> 16 != 0 && v6.to_bits() >> 32 == 0 => {
            format!("::{}", Ipv4Addr::from(v6.to_bits() as u32))
        }
        other => other.to_string(),
    }
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
