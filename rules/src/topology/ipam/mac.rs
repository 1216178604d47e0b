//! MAC addresses of the ports of all switches.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Weight};
use serde::{Deserialize, Serialize};

use super::taken::Taken;
use crate::flow::text::Mac;
use crate::ovsdb::{Text, Uuid};

/// How many addresses a prefix has: all but the first and the last.
const SPACE: u64 = 0xff_fffe;

/// The number that is `mac`.
pub fn number(mac: Mac) -> u64 {
    mac.0.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The address that is `number`.
pub fn from_number(number: u64) -> Mac {
    let [_, _, bytes @ ..] = number.to_be_bytes();
    Mac(bytes)
}

/// What bears on the addresses given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Request {
    /// A port has this address by configuration; one an address.
    Claim(u64),
    /// A port wants an address.
    Want(Want),
}

/// A port that wants an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Want {
    /// Its name: of new ports the first by name goes first.
    pub name: Text,
    /// Its row.
    pub owner: Uuid,
    /// The address that its entry names.
    pub fixed: Option<u64>,
    /// The address that the database holds for it.
    pub kept: Option<u64>,
    /// The lowest number with the prefix.
    pub prefix: u64,
    /// What the address is derived from: an IPv4 address of the port, or 0.
    pub base: u32,
}

impl Want {
    /// Whether `mac` can stay.
    fn fits(&self, mac: u64) -> bool {
        (mac ^ self.prefix) >> 24 == 0
    }
}

/// An address given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assigned {
    /// The port.
    pub owner: Uuid,
    /// Its address.
    pub mac: u64,
}

/// The addresses of a network.
///
/// An address that is named or that a port has, with the right prefix, is not questioned, even if
/// another has it too. A new one is the first free one from that which the IPv4 address gives.
#[derive(Debug, Default)]
pub struct Macs {
    taken: Taken,
    wants: usize,
    given: BTreeMap<Uuid, u64>,
    /// Ports for which there was no address.
    waiting: BTreeMap<Uuid, Want>,
}

impl Macs {
    fn free(&self, want: &Want) -> Option<u64> {
        let (first, last) = (want.prefix + 1, want.prefix + SPACE);
        let start = first + u64::from(want.base & 0xff_ffff) % SPACE;
        let found = self.taken.free_from(start);
        if found <= last {
            return Some(found);
        }
        Some(self.taken.free_from(first)).filter(|found| *found <= last)
    }

    fn give(&mut self, owner: Uuid, mac: u64) {
        self.taken.take(mac);
        self.given.insert(owner, mac);
    }
}

impl Allocator for Macs {
    type Request = Request;
    type Assignment = Assigned;

    fn change(&mut self, removed: Vec<Request>, added: Vec<Request>, emit: &mut dyn FnMut(Assigned, Weight)) {
        let mut before: BTreeMap<Uuid, u64> = BTreeMap::new();
        // Those of whom the database has said something: it counts more than what they had.
        let mut said: BTreeSet<Uuid> = BTreeSet::new();
        for request in removed {
            match request {
                Request::Claim(mac) => self.taken.release(mac),
                Request::Want(want) => {
                    self.wants -= 1;
                    self.waiting.remove(&want.owner);
                    said.extend(want.kept.map(|_| want.owner));
                    if let Some(mac) = self.given.remove(&want.owner) {
                        self.taken.release(mac);
                        before.insert(want.owner, mac);
                    }
                }
            }
        }
        let mut touched: BTreeSet<Uuid> = before.keys().copied().collect();
        let mut fresh: Vec<Want> = Vec::new();
        for request in added {
            match request {
                Request::Claim(mac) => self.taken.take(mac),
                Request::Want(want) => {
                    self.wants += 1;
                    touched.insert(want.owner);
                    let had = before.get(&want.owner).copied().filter(|_| !said.contains(&want.owner));
                    let kept = want.kept.or(had).filter(|mac| want.fits(*mac));
                    match want.fixed.or(kept) {
                        Some(mac) => self.give(want.owner, mac),
                        None => fresh.push(want),
                    }
                }
            }
        }
        // Those that wait come first: they have waited.
        let waiting = std::mem::take(&mut self.waiting).into_values();
        for want in waiting.chain(fresh) {
            touched.insert(want.owner);
            match self.free(&want) {
                Some(mac) => self.give(want.owner, mac),
                None => drop(self.waiting.insert(want.owner, want)),
            }
        }
        for owner in touched {
            let (before, now) = (before.get(&owner).copied(), self.given.get(&owner).copied());
            if before != now {
                before.into_iter().for_each(|mac| emit(Assigned { owner, mac }, -1));
                now.into_iter().for_each(|mac| emit(Assigned { owner, mac }, 1));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.wants == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: u64 = 0x0a00_0000_0000;

    fn want(owner: u128, fixed: Option<u64>, kept: Option<u64>, base: u32) -> Request {
        let name = format!("p{owner}").into();
        Request::Want(Want { name, owner: Uuid(owner), fixed, kept, prefix: PREFIX, base })
    }

    /// Makes a change and gives the suffixes of all addresses afterwards, checked against what was
    /// emitted.
    fn change(macs: &mut Macs, removed: &[Request], added: &[Request]) -> Vec<(u128, u64)> {
        let mut expected: BTreeMap<(Uuid, u64), isize> =
            macs.given.iter().map(|(owner, mac)| ((*owner, *mac), 1)).collect();
        macs.change(removed.to_vec(), added.to_vec(), &mut |assigned, weight| {
            *expected.entry((assigned.owner, assigned.mac)).or_insert(0) += weight;
        });
        expected.retain(|_, weight| *weight != 0);
        let now: BTreeMap<(Uuid, u64), isize> =
            macs.given.iter().map(|(owner, mac)| ((*owner, *mac), 1)).collect();
        assert_eq!(expected, now);
        macs.given.iter().map(|(owner, mac)| (owner.0, mac - PREFIX)).collect()
    }

    #[test]
    fn an_address_follows_from_ipv4_past_those_in_use() {
        let mut macs = Macs::default();
        let claims = [Request::Claim(PREFIX + 3), Request::Claim(PREFIX + 4)];
        let all = [want(1, None, None, 0x0a00_0002), want(2, None, None, 0x0aff_fffd)];
        assert_eq!(change(&mut macs, &[], &[&claims[..], &all[..]].concat()), [(1, 5), (2, 0xff_fffe)]);
        // Past the last one it goes on with the first.
        let third = want(3, None, None, 0x0aff_fffd);
        assert_eq!(change(&mut macs, &[], std::slice::from_ref(&third))[2], (3, 1));
        assert_eq!(change(&mut macs, &[], &[want(4, None, None, 0x0aff_fffe)])[3], (4, 2));
        // One that comes free does not call anybody back.
        assert_eq!(change(&mut macs, &claims, &[])[0], (1, 5));
        assert_eq!(change(&mut macs, &[third], &[]), [(1, 5), (2, 0xff_fffe), (4, 2)]);
    }

    #[test]
    fn what_a_port_has_stays_unless_the_prefix_is_another() {
        let mut macs = Macs::default();
        let first = want(1, None, None, 7);
        change(&mut macs, &[], std::slice::from_ref(&first));
        let echo = want(1, None, Some(PREFIX + 8), 7);
        assert_eq!(change(&mut macs, &[first], std::slice::from_ref(&echo)), [(1, 8)]);
        let moved = want(1, None, Some(PREFIX + 8), 9);
        assert_eq!(change(&mut macs, &[echo], &[moved.clone(), Request::Claim(PREFIX + 8)]), [(1, 8)]);
        let named = want(1, Some(PREFIX + 0xffff), Some(PREFIX + 8), 9);
        assert_eq!(change(&mut macs, &[moved], std::slice::from_ref(&named)), [(1, 0xffff)]);
        let Request::Want(mut other) = named.clone() else { unreachable!() };
        (other.prefix, other.fixed) = (PREFIX + (1 << 24), None);
        let given = change(&mut macs, &[named], &[Request::Want(other)]);
        assert_eq!(given, [(1, (1 << 24) + 10)]);
    }

    #[test]
    fn what_the_database_forgets_is_forgotten() {
        let mut macs = Macs::default();
        let first = want(1, None, None, 7);
        change(&mut macs, &[], std::slice::from_ref(&first));
        // Nothing is said of it yet.
        let moved = want(1, None, None, 9);
        assert_eq!(change(&mut macs, &[first], std::slice::from_ref(&moved)), [(1, 8)]);
        let echo = want(1, None, Some(PREFIX + 8), 9);
        assert_eq!(change(&mut macs, &[moved], std::slice::from_ref(&echo)), [(1, 8)]);
        let cleared = want(1, None, None, 9);
        assert_eq!(change(&mut macs, std::slice::from_ref(&echo), std::slice::from_ref(&cleared)), [(1, 10)]);
        let odd = want(1, None, Some(1), 7);
        assert_eq!(change(&mut macs, &[cleared], &[odd]), [(1, 8)]);
    }

    #[test]
    fn numbers_and_addresses_are_the_same_thing() {
        let mac = Mac::parse("0a:01:02:03:04:ff").unwrap();
        assert_eq!(number(mac), 0x0a01_0203_04ff);
        assert_eq!(from_number(number(mac)), mac);
    }
}
