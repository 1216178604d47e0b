//! An entry of port security: `[VRRPv3] MAC [IP[/LENGTH] ...]`, with `VRRPv3` also MAC addresses of virtual routers
//! (RFC 5798) among the latter.

use northflow_language::openflow::Field;
use northflow_rules::value::ip::{Ip4Net, Ip6Net, IpNet};
use northflow_rules::value::mac::Mac;

use super::super::ethernet;
use super::prefix;
use crate::physical::build::Fields;

/// What comes before an entry of a machine that may be virtual routers.
const VRRP: &str = "VRRPv3";

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub mac: Mac,
    pub ip4: Vec<Net>,
    pub ip6: Vec<Net>,
    /// Virtual routers for IPv4 and IPv6.
    pub routers4: Vec<MaskedMac>,
    pub routers6: Vec<MaskedMac>,
}

/// Ethernet addresses with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MaskedMac {
    mac: Mac,
    length: u8,
}

/// An address, or a network if no bits are set behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net(IpNet);

/// All virtual routers for IPv4, and for IPv6.
const ROUTERS4: MaskedMac = MaskedMac { mac: Mac([0, 0, 0x5e, 0, 1, 0]), length: 40 };
const ROUTERS6: MaskedMac = MaskedMac { mac: Mac([0, 0, 0x5e, 0, 2, 0]), length: 40 };

impl Entry {
    /// Reads an entry; `None` if any of it is wrong.
    pub fn read(text: &str) -> Option<Entry> {
        let (is_router, text) = match text.strip_prefix(VRRP) {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text.trim_start()),
        };
        let (mac, rest) = Mac::scan(text)?;
        let mut entry = Entry { mac, ..Entry::default() };
        for word in rest.split(' ').filter(|word| !word.is_empty()) {
            if let Some(router) = MaskedMac::read(word).filter(|_| is_router) {
                entry.add_router(router)?;
                continue;
            }
            match IpNet::parse(word).ok()? {
                net @ IpNet::V4(_) => entry.ip4.push(Net(net)),
                net @ IpNet::V6(_) => entry.ip6.push(Net(net)),
            }
        }
        if is_router && !entry.is_router() {
            entry.routers4.push(ROUTERS4);
            entry.routers6.push(ROUTERS6);
        }
        Some(entry)
    }

    /// Whether it may be virtual routers.
    pub fn is_router(&self) -> bool {
        !self.routers4.is_empty() || !self.routers6.is_empty()
    }

    /// The last byte is the number of a router, from 1 on.
    fn add_router(&mut self, router: MaskedMac) -> Option<()> {
        let is_one = |all: MaskedMac| router.mac.bits() >> 8 == all.mac.bits() >> 8;
        let valid = router.length >= 40
            && u128::from(router.mac.bits()) & !router.mask() == 0
            && (router.length < 48 || router.mac.bits() & 0xff != 0);
        match (valid, is_one(ROUTERS4), is_one(ROUTERS6)) {
            (true, true, _) => self.routers4.push(router),
            (true, _, true) => self.routers6.push(router),
            _ => return None,
        }
        Some(())
    }
}

impl MaskedMac {
    pub fn exact(mac: Mac) -> MaskedMac {
        MaskedMac { mac, length: 48 }
    }

    /// `MAC`, `MAC/LENGTH` or `MAC/MASK`.
    fn read(text: &str) -> Option<MaskedMac> {
        let (mac, rest) = Mac::scan(text)?;
        let Some(mask) = rest.strip_prefix('/') else { return rest.is_empty().then(|| Self::exact(mac)) };
        let length = match Mac::parse(mask) {
            Some(mask) => {
                let bits = mask.bits() << 16;
                (bits.leading_ones() == bits.count_ones()).then_some(bits.leading_ones() as u8)?
            }
            None => mask.parse().ok().filter(|length| *length <= 48)?,
        };
        Some(MaskedMac { mac, length })
    }

    fn mask(self) -> u128 {
        prefix(self.length, 48)
    }

    /// A match in which a field has it.
    pub fn on(self, fields: Fields, field: Field) -> Fields {
        fields.bits(field, ethernet(self.mac), self.mask())
    }

    /// Link-local addresses of those who have it: the first, and which bits they share.
    pub fn link_local(self) -> (u128, u128) {
        (self.mac.link_local().to_bits(), prefix(128 - 48 + self.length, 128))
    }
}

impl Net {
    /// Whether it is a network and not an address in one.
    fn is_network(self) -> bool {
        match self.0 {
            IpNet::V4(net) => net.address == net.network(),
            IpNet::V6(net) => net.address == net.network(),
        }
    }

    pub fn value(self) -> u128 {
        match self.0 {
            IpNet::V4(net) => net.address.to_bits().into(),
            IpNet::V6(net) => net.address.to_bits(),
        }
    }

    pub fn mask(self) -> u128 {
        match self.0 {
            IpNet::V4(Ip4Net { length, .. }) => prefix(if self.is_network() { length } else { 32 }, 32),
            IpNet::V6(Ip6Net { length, .. }) => prefix(if self.is_network() { length } else { 128 }, 128),
        }
    }

    /// The broadcast address of the network that the address is in.
    pub fn broadcast(self) -> Option<u128> {
        match self.0 {
            IpNet::V4(net) if !self.is_network() => Some(net.broadcast().to_bits().into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read() {
        let entry = Entry::read("00:00:00:00:00:01 10.0.0.4/24 fd00::/64").expect("an entry");
        assert_eq!((entry.ip4.len(), entry.ip6.len(), entry.is_router()), (1, 1, false));
        assert_eq!(entry.ip4[0].mask(), 0xffff_ffff);
        assert_eq!(entry.ip6[0].mask(), u128::MAX << 64);
        assert_eq!(Entry::read("10.0.0.4"), None);
        assert_eq!(Entry::read("00:00:00:00:00:01 00:00:5e:00:01:05"), None);
    }

    #[test]
    fn virtual_routers_are_read() {
        let any = Entry::read("VRRPv3 00:00:00:00:00:01").expect("an entry");
        assert_eq!((&any.routers4[..], &any.routers6[..]), (&[ROUTERS4][..], &[ROUTERS6][..]));
        let one = Entry::read("VRRPv3 00:00:00:00:00:01 00:00:5e:00:01:05 10.0.0.1").expect("an entry");
        assert_eq!((one.routers4.len(), one.routers6.len(), one.ip4.len()), (1, 0, 1));
        assert_eq!(Entry::read("VRRPv3 00:00:00:00:00:01 00:00:5e:00:01:00"), None);
        assert_eq!(Entry::read("VRRPv3 00:00:00:00:00:01 00:00:5e:00:03:01"), None);
    }
}
