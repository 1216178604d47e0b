//! IP addresses and networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::scan;

/// Why a text is no address or network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IpError {
    /// It does not begin with an address, or more follows.
    Address,
    /// The number after the slash is not the length of a prefix.
    Length {
        /// The longest prefix there is.
        longest: u8,
    },
    /// What follows the slash of an IPv6 network is neither a length nor a mask.
    Mask,
    /// The mask has a hole in it.
    Hole,
}

impl fmt::Display for IpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpError::Address => f.write_str("not an IP address"),
            IpError::Length { longest } => write!(f, "network prefix bits not between 0 and {longest}"),
            IpError::Mask => f.write_str("invalid IPv6 mask"),
            IpError::Hole => f.write_str("the mask is not a prefix"),
        }
    }
}

impl std::error::Error for IpError {}

/// What was read and what is then left. A network that turns out bad may have used text up.
pub type Scanned<'a, T> = (Result<T, IpError>, &'a str);

/// An IPv4 address with the length of its network's prefix; prints as `address/length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ip4Net {
    /// The address.
    pub address: Ipv4Addr,
    /// The length of the prefix, 0 to 32.
    pub length: u8,
}

impl Ip4Net {
    /// Reads a text that is `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK` and nothing else.
    pub fn parse(text: &str) -> Result<Ip4Net, IpError> {
        whole(Ip4Net::scan(text))
    }

    /// Reads one at the front of `text`.
    pub fn scan(text: &str) -> Scanned<'_, Ip4Net> {
        let (masked, rest) = masked4(text);
        let net = masked.and_then(|(address, mask)| {
            let length = mask.leading_ones();
            let whole = length == mask.count_ones();
            whole.then_some(Ip4Net { address, length: length as u8 }).ok_or(IpError::Hole)
        });
        (net, rest)
    }

    /// The mask of the network.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask4(self.length))
    }

    /// The first address of the network.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & mask4(self.length))
    }

    /// The last address of the network.
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !mask4(self.length))
    }

    /// Whether `address` is in the network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ address.to_bits()) & mask4(self.length) == 0
    }
}

impl fmt::Display for Ip4Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An IPv6 address with the length of its network's prefix; prints as `address/length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ip6Net {
    /// The address.
    pub address: Ipv6Addr,
    /// The length of the prefix, 0 to 128.
    pub length: u8,
}

impl Ip6Net {
    /// Reads a text that is `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK` and nothing else.
    pub fn parse(text: &str) -> Result<Ip6Net, IpError> {
        whole(Ip6Net::scan(text))
    }

    /// Reads one at the front of `text`.
    pub fn scan(text: &str) -> Scanned<'_, Ip6Net> {
        let (masked, rest) = masked6(text);
        let net = masked.and_then(|(address, mask)| {
            let length = mask.leading_ones();
            let whole = length == mask.count_ones();
            whole.then_some(Ip6Net { address, length: length as u8 }).ok_or(IpError::Hole)
        });
        (net, rest)
    }

    /// The first address of the network.
    pub fn network(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.address.to_bits() & mask6(self.length))
    }

    /// Whether `address` is in the network.
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        (self.address.to_bits() ^ address.to_bits()) & mask6(self.length) == 0
    }
}

impl fmt::Display for Ip6Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", text6(self.address), self.length)
    }
}

/// A network of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IpNet {
    /// IPv4.
    V4(Ip4Net),
    /// IPv6.
    V6(Ip6Net),
}

impl IpNet {
    /// Reads a network of either family; the error is that of the family that the text looks like.
    pub fn parse(text: &str) -> Result<IpNet, IpError> {
        let v4 = match Ip4Net::parse(text) {
            Ok(net) => return Ok(IpNet::V4(net)),
            Err(error) => error,
        };
        Ip6Net::parse(text).map(IpNet::V6).map_err(|v6| if v4 == IpError::Address { v6 } else { v4 })
    }

    /// The network, as one of IPv4 where IPv6 stands for that (`::ffff:1.2.3.4`); `None` if its length is none of IPv4.
    pub fn unmapped(self) -> Option<IpNet> {
        let IpNet::V6(Ip6Net { address, length }) = self else { return Some(self) };
        match address.to_ipv4_mapped() {
            Some(address) => (length <= 32).then_some(IpNet::V4(Ip4Net { address, length })),
            None => Some(self),
        }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpNet::V4(net) => net.fmt(f),
            IpNet::V6(net) => net.fmt(f),
        }
    }
}

/// Reads an IPv4 address at the front of `text`.
pub fn scan4(text: &str) -> Option<(Ipv4Addr, &str)> {
    scan::bytes(text, 10, '.').map(|(bytes, rest)| (Ipv4Addr::from(bytes), rest))
}

/// Reads a text that is an IPv4 address with a mask, holes in it or not, and nothing else.
pub fn parse4_masked(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), IpError> {
    whole(masked4(text)).map(|(address, mask)| (address, Ipv4Addr::from_bits(mask)))
}

/// Reads a text that is an IPv6 address with a mask, holes in it or not, and nothing else.
pub fn parse6_masked(text: &str) -> Result<(Ipv6Addr, Ipv6Addr), IpError> {
    whole(masked6(text)).map(|(address, mask)| (address, Ipv6Addr::from_bits(mask)))
}

/// Reads an IPv6 address at the front of `text` (RFC 4291 section 2.2).
pub fn scan6(text: &str) -> Option<(Ipv6Addr, &str)> {
    let (address, rest) = scan::ip6_text(text)?;
    Some((address.parse().ok()?, rest))
}

/// An IPv6 address as inet_ntop(3) writes it: like RFC 5952, but the last 32 bits of `::a.b.c.d`
/// too are dotted.
pub fn text6(address: Ipv6Addr) -> String {
    let words = address.segments();
    if words[..6] == [0; 6] && words[6] != 0 {
        return format!("::{}", Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    address.to_string()
}

/// An address of either family as the OVN programs write it.
pub fn text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => text6(v6),
    }
}

/// Like [`text6`], but an IPv4-mapped address is written as the IPv4 address.
pub fn text6_unmapped(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(v4) if v4 != Ipv4Addr::UNSPECIFIED => v4.to_string(),
        _ => text6(address),
    }
}

/// The solicited-node multicast address of `address` (RFC 4291 section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let low = address.to_bits() & 0xff_ffff;
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | low)
}

/// Reads `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`, any mask, at the front of `text`.
fn masked4(text: &str) -> Scanned<'_, (Ipv4Addr, u32)> {
    let Some((address, rest)) = scan4(text) else { return (Err(IpError::Address), text) };
    let Some(mask) = rest.strip_prefix('/') else { return (Ok((address, u32::MAX)), rest) };
    if let Some((mask, rest)) = scan4(mask) {
        return (Ok((address, mask.to_bits())), rest);
    }
    match scan::number(mask, 10) {
        Some((length, rest)) => (prefix_length(length, 32).map(|length| (address, mask4(length))), rest),
        None => (Ok((address, u32::MAX)), rest),
    }
}

/// Reads `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`, any mask, at the front of `text`.
fn masked6(text: &str) -> Scanned<'_, (Ipv6Addr, u128)> {
    let Some((address, rest)) = scan6(scan::blanks(text)) else { return (Err(IpError::Address), text) };
    let Some(mask) = rest.strip_prefix('/') else { return (Ok((address, u128::MAX)), rest) };
    // A mask that begins with a decimal digit is taken for a length, with something after it.
    if let Some((length, rest)) = scan::number(mask, 10) {
        return (prefix_length(length, 128).map(|length| (address, mask6(length))), rest);
    }
    let Some((mask, rest)) = scan::ip6_text(mask) else { return (Ok((address, u128::MAX)), rest) };
    let mask = mask.parse::<Ipv6Addr>().map_err(|_| IpError::Mask);
    (mask.map(|mask| (address, mask.to_bits())), rest)
}

/// A scanned number as the length of a prefix; it is cut off to 32 bits with a sign.
fn prefix_length(length: u64, longest: u8) -> Result<u8, IpError> {
    u8::try_from(length as i32).ok().filter(|length| *length <= longest).ok_or(IpError::Length { longest })
}

fn whole<T>((read, rest): Scanned<'_, T>) -> Result<T, IpError> {
    read.and_then(|value| if rest.is_empty() { Ok(value) } else { Err(IpError::Address) })
}

/// The network of an address.
pub fn network(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip4) => Ipv4Addr::from_bits(ip4.to_bits() & mask4(length)).into(),
        IpAddr::V6(ip6) => Ipv6Addr::from_bits(ip6.to_bits() & mask6(length)).into(),
    }
}

fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks_are_read_with_lengths_and_masks() {
        let read = |text: &str| Ip4Net::parse(text).map(|net| net.to_string());
        assert_eq!(read("10.0.0.1"), Ok("10.0.0.1/32".into()));
        assert_eq!(read(" 10.0.0.1/ 24"), Ok("10.0.0.1/24".into()));
        assert_eq!(read("10.0.0.1/255.255.0.0"), Ok("10.0.0.1/16".into()));
        assert_eq!(read("10.0.0.1/0"), Ok("10.0.0.1/0".into()));
        assert_eq!(read("10.0.0.1/4294967320"), Ok("10.0.0.1/24".into()));
        assert_eq!(read("10.0.0.1/33"), Err(IpError::Length { longest: 32 }));
        assert_eq!(read("10.0.0.1/-1"), Err(IpError::Length { longest: 32 }));
        assert_eq!(read("10.0.0.1/255.0.255.0"), Err(IpError::Hole));
        for text in ["10.0.0", "10.0.0.1/24 ", "10.0.0.1/", "10.0.0.1/x", "", "fd00::1"] {
            assert_eq!(read(text), Err(IpError::Address), "{text}");
        }

        let read = |text: &str| Ip6Net::parse(text).map(|net| net.to_string());
        assert_eq!(read("FD00:0::0:1/64"), Ok("fd00::1/64".into()));
        assert_eq!(read(" ::"), Ok("::/128".into()));
        assert_eq!(read("fd00::1/ffff:ffff::"), Ok("fd00::1/32".into()));
        assert_eq!(read("fd00::1/ffff::ffff"), Err(IpError::Hole));
        assert_eq!(read("fd00::1/fffff::"), Err(IpError::Mask));
        assert_eq!(read("fd00::1/129"), Err(IpError::Length { longest: 128 }));
        for text in ["10.0.0.1", "fd00::1/64x", "fd00::1/", "fd00:::1", "", "12"] {
            assert_eq!(read(text), Err(IpError::Address), "{text}");
        }
    }

    #[test]
    fn networks_know_their_ends() {
        let net = Ip4Net::parse("10.1.2.3/20").unwrap();
        assert_eq!(
            [net.mask(), net.network(), net.broadcast()].map(|address| address.to_string()),
            ["255.255.240.0", "10.1.0.0", "10.1.15.255"]
        );
        assert!(net.contains(Ipv4Addr::new(10, 1, 15, 0)) && !net.contains(Ipv4Addr::new(10, 1, 16, 0)));
        let all = Ip4Net::parse("10.1.2.3/0").unwrap();
        assert_eq!((all.network(), all.broadcast()), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
        let net = Ip6Net::parse("fd00:1:2:3:4::5/64").unwrap();
        assert_eq!(net.network().to_string(), "fd00:1:2:3::");
        assert!(net.contains("fd00:1:2:3::9".parse().unwrap()));
    }

    #[test]
    fn ipv6_addresses_are_spelled_as_inet_ntop_does() {
        let text = |text: &str| text6(text.parse().unwrap());
        assert_eq!(text("FD00:0::0:1"), "fd00::1");
        assert_eq!(text("::"), "::");
        assert_eq!(text("::1"), "::1");
        assert_eq!(text("::a:b"), "::0.10.0.11");
        assert_eq!(text("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
        assert_eq!(text("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
        assert_eq!(text("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7");
        assert_eq!(text6_unmapped("::ffff:1.2.3.4".parse().unwrap()), "1.2.3.4");
        assert_eq!(text6_unmapped("::ffff:0.0.0.0".parse().unwrap()), "::ffff:0.0.0.0");
        assert_eq!(text6(solicited_node("fd00::12:3456".parse().unwrap())), "ff02::1:ff12:3456");
    }

    proptest! {
        #[test]
        fn networks_round_trip(bits in any::<u32>(), length in 0u8..=32) {
            let net = Ip4Net { address: Ipv4Addr::from_bits(bits), length };
            prop_assert_eq!(Ip4Net::parse(&net.to_string()), Ok(net));
            let masked = format!("{}/{}", net.address, net.mask());
            prop_assert_eq!(Ip4Net::parse(&masked), Ok(net));
            prop_assert!(net.contains(net.network()) && net.contains(net.broadcast()));
        }

        #[test]
        fn networks6_round_trip(bits in any::<u128>(), low in any::<bool>(), length in 0u8..=128) {
            let net = Ip6Net { address: Ipv6Addr::from_bits(if low { bits >> 80 } else { bits }), length };
            prop_assert_eq!(Ip6Net::parse(&net.to_string()), Ok(net));
            prop_assert_eq!(IpNet::parse(&net.to_string()), Ok(IpNet::V6(net)));
            prop_assert!(net.contains(net.network()));
        }

        #[test]
        fn reading_never_fails_to_return(text in "[0-9a-f:./x +-]{0,40}") {
            let nets = [Ip4Net::parse(&text).map(IpNet::V4), Ip6Net::parse(&text).map(IpNet::V6)];
            for net in nets.into_iter().flatten() {
                prop_assert_eq!(IpNet::parse(&net.to_string()), Ok(net));
            }
        }
    }
}
