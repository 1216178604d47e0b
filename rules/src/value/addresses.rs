//! The addresses of ports: Logical_Switch_Port `addresses` and `dynamic_addresses`,
//! Logical_Router_Port `mac` and `networks` (ovn-nb(5)).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::ip::{self, Ip4Net, Ip6Net};
use super::mac::Mac;
use super::scan;

/// An Ethernet address and the IP addresses that go with it, in the order given.
///
/// Prints as `MAC IP/LENGTH...`, IPv4 first: what a router port's binding has as its `mac`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Addresses {
    /// The Ethernet address.
    pub mac: Mac,
    /// IPv4 addresses, each with its prefix: 32 where none is given.
    pub ip4: Vec<Ip4Net>,
    /// IPv6 addresses, each with its prefix: 128 where none is given.
    pub ip6: Vec<Ip6Net>,
}

impl Addresses {
    /// Reads `MAC [IP ...]` at the front of `text`; gives what follows the last address with it.
    /// `None` if there is no Ethernet address.
    pub fn scan(text: &str) -> Option<(Addresses, &str)> {
        let (mac, rest) = Mac::scan(text)?;
        let (ip4, ip6, rest) = scan_ips(rest);
        Some((Addresses { mac, ip4, ip6 }, rest))
    }

    /// The IPv4 addresses without their prefixes.
    pub fn ips4(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.ip4.iter().map(|net| net.address)
    }

    /// The IPv6 addresses without their prefixes.
    pub fn ips6(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.ip6.iter().map(|net| net.address)
    }

    /// Like [`Addresses::scan`], whatever follows.
    pub fn read(text: &str) -> Option<Addresses> {
        Addresses::scan(text).map(|(addresses, _)| addresses)
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mac.fmt(f)?;
        self.ip4.iter().try_for_each(|net| write!(f, " {net}"))?;
        self.ip6.iter().try_for_each(|net| write!(f, " {net}"))
    }
}

/// Reads `IP ...` at the front of `text`: the addresses up to the first word that is none, and what
/// is left. A bad IPv4 network is passed over if an IPv6 address follows it.
pub fn scan_ips(text: &str) -> (Vec<Ip4Net>, Vec<Ip6Net>, &str) {
    let (mut ip4, mut ip6) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (net, after) = Ip4Net::scan(rest);
        if let Ok(net) = net {
            ip4.push(net);
            rest = after;
            continue;
        }
        let (Ok(net), after) = Ip6Net::scan(after) else { break };
        ip6.push(net);
        rest = after;
    }
    (ip4, ip6, rest)
}

/// One element of Logical_Switch_Port `addresses`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PortAddress {
    /// `unknown`: any address may be behind the port.
    Unknown,
    /// `router`: the addresses of the router port at the other end.
    Router,
    /// `dynamic`, with what of it is given: the rest is for northflow to assign.
    Dynamic(DynamicAddress),
    /// `MAC [IP ...]`.
    Fixed {
        /// What could be read.
        addresses: Addresses,
        /// Whether that was all.
        complete: bool,
    },
    /// Something else, which counts for nothing.
    Bad,
}

/// What is given of an address that is to be assigned: `dynamic`, `dynamic IP4`, `dynamic IP6`,
/// `dynamic IP4 IP6` or `MAC dynamic`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DynamicAddress {
    /// The Ethernet address.
    pub mac: Option<Mac>,
    /// The IPv4 address.
    pub ip4: Option<Ipv4Addr>,
    /// The IPv6 address.
    pub ip6: GivenIp6,
}

/// The IPv6 address of a [`DynamicAddress`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GivenIp6 {
    /// None is given.
    #[default]
    None,
    /// This one is.
    Address(Ipv6Addr),
    /// Something is that is made of the same characters and yet is no address.
    Bad,
}

impl GivenIp6 {
    /// The address, the unspecified one where it is bad.
    pub fn address(self) -> Option<Ipv6Addr> {
        match self {
            GivenIp6::None => None,
            GivenIp6::Address(address) => Some(address),
            GivenIp6::Bad => Some(Ipv6Addr::UNSPECIFIED),
        }
    }
}

impl PortAddress {
    /// Reads an element.
    pub fn read(text: &str) -> PortAddress {
        match text {
            "unknown" => return PortAddress::Unknown,
            "router" => return PortAddress::Router,
            _ => {}
        }
        if let Some(dynamic) = DynamicAddress::read(text) {
            return PortAddress::Dynamic(dynamic);
        }
        match Addresses::scan(text) {
            Some((addresses, rest)) => PortAddress::Fixed { addresses, complete: rest.is_empty() },
            None => PortAddress::Bad,
        }
    }

    /// The addresses, if they are neither to be assigned nor another port's.
    pub fn fixed(self) -> Option<Addresses> {
        match self {
            PortAddress::Fixed { addresses, .. } => Some(addresses),
            _ => None,
        }
    }

    /// What ovn-northd says of an element that it cannot read to the end.
    pub fn complaint(&self, text: &str) -> Option<String> {
        match self {
            PortAddress::Fixed { complete: false, .. } => Some(format!("invalid syntax '{text}' in address")),
            PortAddress::Bad => Some(format!(
                "invalid syntax '{text}' in logical switch port addresses. No MAC address found"
            )),
            _ => None,
        }
    }
}

impl DynamicAddress {
    /// Reads one; `None` if the text is none. Blanks between the words may be left out, or be many.
    pub fn read(text: &str) -> Option<DynamicAddress> {
        let Some(rest) = text.strip_prefix("dynamic") else {
            let (mac, rest) = Mac::scan(text)?;
            return (scan::blanks(rest) == "dynamic")
                .then_some(DynamicAddress { mac: Some(mac), ..DynamicAddress::default() });
        };
        let (ip4, rest) = match ip::scan4(rest) {
            Some((address, rest)) => (Some(address), rest),
            None => (None, rest),
        };
        if rest.is_empty() {
            return Some(DynamicAddress { ip4, ..DynamicAddress::default() });
        }
        let (ip6, rest) = scan::ip6_text(scan::blanks(rest))?;
        let ip6 = ip6.parse().map_or(GivenIp6::Bad, GivenIp6::Address);
        rest.is_empty().then_some(DynamicAddress { mac: None, ip4, ip6 })
    }
}

/// The address of a router port in its networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterAddresses {
    /// The Ethernet address and the networks that the port was given.
    pub given: Addresses,
    /// The link-local IPv6 address, which every port has beside those.
    pub link_local: Ip6Net,
}

impl RouterAddresses {
    /// Reads Logical_Router_Port `mac` and `networks`, and says what is wrong with them. `None` if
    /// `mac` is none: there is no such port then. A network that is none is left out, and so is
    /// one of IPv4 whose address is 0.0.0.0.
    pub fn read<'a>(
        mac: &str,
        networks: impl IntoIterator<Item = &'a str>,
    ) -> (Option<RouterAddresses>, Vec<String>) {
        let mut complaints = Vec::new();
        let Some(mac) = Mac::parse(mac) else {
            return (None, vec![format!("bad 'mac' {mac}")]);
        };
        let mut given = Addresses { mac, ..Addresses::default() };
        for text in networks {
            match (Ip4Net::parse(text), Ip6Net::parse(text)) {
                (Ok(net), _) if net.address.is_unspecified() => {
                    complaints.push(format!("bad 'networks' {text}"));
                }
                (Ok(net), _) => given.ip4.push(net),
                (_, Ok(net)) => given.ip6.push(net),
                _ => complaints.push(format!("invalid syntax '{text}' in networks")),
            }
        }
        let link_local = Ip6Net { address: mac.link_local(), length: 64 };
        (Some(RouterAddresses { given, link_local }), complaints)
    }

    /// All IPv6 networks, the link-local one last.
    pub fn ip6(&self) -> impl Iterator<Item = &Ip6Net> {
        self.given.ip6.iter().chain(std::iter::once(&self.link_local))
    }
}

/// The text of one assigned address: `MAC [IP4] [IP6]`.
pub fn assigned_text(mac: Mac, ip4: Option<Ipv4Addr>, ip6: Option<Ipv6Addr>) -> String {
    let mut text = mac.to_string();
    for address in [ip4.map(|ip4| ip4.to_string()), ip6.map(ip::text6_unmapped)].into_iter().flatten() {
        text.push(' ');
        text.push_str(&address);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(text: &str) -> (Addresses, bool) {
        match PortAddress::read(text) {
            PortAddress::Fixed { addresses, complete } => (addresses, complete),
            other => panic!("{text}: {other:?}"),
        }
    }

    // Each element was put to ovn-northd 26.03.1, which shows what it read in the address set of
    // a port group.
    #[test]
    fn elements_are_read_up_to_the_first_word_that_is_no_address() {
        let read = [
            (
                "02:00:00:00:00:01 10.0.0.2 10.0.0.10/32 fe80::1 2001:DB8:0::1",
                true,
                "10.0.0.2 10.0.0.10 fe80::1 2001:db8::1",
            ),
            ("02:00:00:00:00:02 10.0.0.3/24", true, "10.0.0.3"),
            ("02:00:00:00:00:02 10.0.0.3/33 10.0.0.4", false, ""),
            ("02:00:00:00:00:02 10.0.0.3/33 fd00::4", true, "fd00::4"),
            ("02:00:00:00:00:02 10.1.1.1/255.255.255.0 10.1.1.2", true, "10.1.1.1 10.1.1.2"),
            ("02:00:00:00:00:06 10.0.0.9 junk 10.0.0.11", false, "10.0.0.9"),
            ("02:00:00:00:00:02 10.1.1.9 ", false, "10.1.1.9"),
            ("02:00:00:00:00:0210.1.1.9,10.1.1.10", false, ""),
            ("02:00:00:00:00:02 1:0:2::", true, "1:0:2::"),
            ("02:00:00:00:00:02\t10.1.1.11", true, "10.1.1.11"),
            ("02:00:00:00:00:02 ::1.2.3.4 ::ffff:1.2.3.4", true, "::1.2.3.4 ::ffff:1.2.3.4"),
            ("2:0:0:0:0:1 300.1.1.1", true, "44.1.1.1"),
            ("02:00:00:00:00:05 dynamic 10.0.0.47", false, ""),
        ];
        for (text, complete, ips) in read {
            let (addresses, all) = fixed(text);
            let mut found: Vec<String> = addresses.ip4.iter().map(|net| net.address.to_string()).collect();
            found.extend(addresses.ip6.iter().map(|net| ip::text6(net.address)));
            assert_eq!((found.join(" ").as_str(), all), (ips, complete), "{text}");
        }
    }

    #[test]
    fn elements_without_a_mac_address_count_for_nothing() {
        for text in
            ["", "junk 10.0.0.7", "10.0.0.8", "router 02:00:00:00:00:05 10.0.0.46", "unknown ", "Dynamic"]
        {
            let bad = PortAddress::read(text);
            assert_eq!(bad, PortAddress::Bad, "{text}");
            assert_eq!(
                bad.complaint(text).unwrap(),
                format!("invalid syntax '{text}' in logical switch port addresses. No MAC address found")
            );
        }
    }

    #[test]
    fn dynamic_elements_say_what_is_given() {
        let read = |text: &str| match PortAddress::read(text) {
            PortAddress::Dynamic(dynamic) => Some(dynamic),
            _ => None,
        };
        let none = DynamicAddress::default();
        let ip4 = Some(Ipv4Addr::new(10, 0, 0, 9));
        let ip6 = GivenIp6::Address("fd00::9".parse().unwrap());
        assert_eq!(read("dynamic"), Some(none));
        assert_eq!(read("dynamic 10.0.0.9"), Some(DynamicAddress { ip4, ..none }));
        assert_eq!(read("dynamic10.0.0.9"), Some(DynamicAddress { ip4, ..none }));
        assert_eq!(read("dynamic fd00::9"), Some(DynamicAddress { ip6, ..none }));
        assert_eq!(read("dynamic 10.0.0.9  fd00:0::9"), Some(DynamicAddress { ip4, ip6, ..none }));
        assert_eq!(read("dynamic abc"), Some(DynamicAddress { ip6: GivenIp6::Bad, ..none }));
        let mac = Mac::parse("0a:00:00:00:00:09");
        assert_eq!(read("0A:0:0:0:0:9 dynamic"), Some(DynamicAddress { mac, ..none }));
        for text in
            ["dynamic ", "dynamic 10.0.0.9 ", "dynamic 10.0.0.0/24", "dynamic xyz", "0a:0:0:0:0:9 dynamic x"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn router_ports_have_a_link_local_address() {
        let networks = ["fd00::1/64", "10.0.0.1/24", "0.0.0.0/0", "10.0.0.1/24 10.0.1.1/24"];
        let (addresses, complaints) = RouterAddresses::read("00:00:00:00:FF:01", networks);
        let addresses = addresses.unwrap();
        assert_eq!(addresses.given.to_string(), "00:00:00:00:ff:01 10.0.0.1/24 fd00::1/64");
        assert_eq!(addresses.ip6().last().unwrap().to_string(), "fe80::200:ff:fe00:ff01/64");
        assert_eq!(
            complaints,
            ["bad 'networks' 0.0.0.0/0", "invalid syntax '10.0.0.1/24 10.0.1.1/24' in networks"]
        );
        assert_eq!(RouterAddresses::read("x", []), (None, vec!["bad 'mac' x".into()]));
    }

    #[test]
    fn assigned_addresses_are_written_as_the_reference_writes_them() {
        let mac = Mac::parse("0a:00:00:a8:01:03").unwrap();
        let ip6 = mac.in_network("fd00::".parse().unwrap());
        let text = assigned_text(mac, Some(Ipv4Addr::new(192, 168, 1, 2)), Some(ip6));
        assert_eq!(text, "0a:00:00:a8:01:03 192.168.1.2 fd00::800:ff:fea8:103");
        assert_eq!(assigned_text(mac, None, None), "0a:00:00:a8:01:03");
    }

    proptest! {
        #[test]
        fn addresses_round_trip(
            bits in 0u64..1 << 48,
            ip4 in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..3),
            ip6 in proptest::collection::vec((any::<u128>(), 0u8..=128), 0..3),
        ) {
            let addresses = Addresses {
                mac: Mac::from_bits(bits),
                ip4: ip4.into_iter().map(|(bits, length)| Ip4Net { address: Ipv4Addr::from_bits(bits), length }).collect(),
                ip6: ip6.into_iter().map(|(bits, length)| Ip6Net { address: Ipv6Addr::from_bits(bits), length }).collect(),
            };
            let text = addresses.to_string();
            prop_assert_eq!(PortAddress::read(&text), PortAddress::Fixed { addresses, complete: true });
        }

        #[test]
        fn every_text_is_one_of_the_elements(text in "(dynamic|unknown|router|[0-9a-f:]{0,20})?[ .0-9a-f:/x-]{0,24}") {
            let element = PortAddress::read(&text);
            if let PortAddress::Fixed { addresses, complete } = &element {
                let again = PortAddress::read(&addresses.to_string());
                prop_assert_eq!(again, PortAddress::Fixed { addresses: addresses.clone(), complete: true });
                prop_assert_eq!(element.complaint(&text).is_some(), !complete);
            }
        }
    }
}
