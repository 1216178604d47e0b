//! IPv4 addresses of the ports of one switch.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Weight};
use serde::{Deserialize, Serialize};

use super::pool::Range;
use super::taken::Taken;
use crate::ovsdb::{Text, Uuid};

/// What bears on the addresses of one switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Request {
    /// The switch.
    pub switch: Uuid,
    /// What bears on them.
    pub part: Part,
}

/// One thing that bears on the addresses of a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The addresses that there are; one a switch.
    Range(Range),
    /// Somebody has this address by configuration; one an address.
    Claim(u32),
    /// A port wants an address.
    Want(Want),
}

/// A port that wants an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Want {
    /// Its name: of ports that are alike the first by name goes first.
    pub name: Text,
    /// Its row.
    pub owner: Uuid,
    /// The address that it would like.
    pub requested: Option<u32>,
    /// The address that the database holds for it.
    pub kept: Option<u32>,
}

/// An address given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assigned {
    /// The port.
    pub owner: Uuid,
    /// Its address.
    pub address: u32,
}

/// A port in its turn.
type Turn = (Text, Uuid);

/// The addresses of one switch.
///
/// Configured addresses go first, then ports that have one, then those that would like a certain
/// one, then the rest; ports of one kind by name and row. A port that cannot have what it would like
/// is treated as if it had not asked, and gets it when it becomes free. So at rest nobody would like
/// an address that is free, and looking at all ports again changes nothing.
#[derive(Debug, Default)]
pub struct Addresses {
    range: Option<Range>,
    claims: BTreeSet<u32>,
    wants: BTreeMap<Uuid, Want>,
    /// Who would like an address.
    wishes: BTreeMap<u32, BTreeSet<Turn>>,
    given: BTreeMap<Uuid, u32>,
    /// Claimed and given addresses.
    taken: Taken,
    owners: BTreeMap<u32, Uuid>,
    /// Ports for which there was no address.
    waiting: BTreeSet<Turn>,
}

/// What one change has touched so far.
#[derive(Debug, Default)]
struct Progress {
    before: BTreeMap<Uuid, Option<u32>>,
    /// What ports had that are to be looked at again.
    had: BTreeMap<Uuid, u32>,
    /// Ports for which the database held an address.
    held: BTreeSet<Uuid>,
    unsettled: BTreeSet<Turn>,
    freed: BTreeSet<u32>,
    /// Whether there may be room for those that wait.
    room: bool,
}

impl Addresses {
    fn is_usable(&self, address: u32) -> bool {
        self.range.as_ref().is_some_and(|range| range.contains(address))
            && self.taken.is_free(u64::from(address))
    }

    fn lowest(&self) -> Option<u32> {
        let range = self.range.as_ref()?;
        let mut at = u64::from(range.first);
        loop {
            at = self.taken.free_from(at);
            let address = u32::try_from(at).ok().filter(|address| *address <= range.last)?;
            match range.after_excluded(address) {
                Some(after) => at = after,
                None => return Some(address),
            }
        }
    }

    fn take(&mut self, progress: &mut Progress, owner: Uuid, address: u32) {
        progress.before.entry(owner).or_insert(None);
        self.given.insert(owner, address);
        self.owners.insert(address, owner);
        self.taken.take(u64::from(address));
    }

    fn release(&mut self, progress: &mut Progress, owner: Uuid) {
        let address = self.given.remove(&owner);
        progress.before.entry(owner).or_insert(address);
        if let Some(address) = address {
            self.owners.remove(&address);
            self.taken.release(u64::from(address));
            progress.freed.insert(address);
            progress.room = true;
        }
    }

    /// Takes a port's address away so that it is looked at again.
    fn unsettle(&mut self, progress: &mut Progress, owner: Uuid) {
        progress.had.extend(self.given.get(&owner).map(|address| (owner, *address)));
        self.release(progress, owner);
        if let Some(want) = self.wants.get(&owner) {
            progress.unsettled.insert((want.name.clone(), owner));
        }
    }

    fn remove(&mut self, progress: &mut Progress, part: &Part) {
        match part {
            Part::Range(_) => self.range = None,
            Part::Claim(address) => {
                if self.claims.remove(address) {
                    self.taken.release(u64::from(*address));
                    progress.freed.insert(*address);
                    progress.room = true;
                }
            }
            Part::Want(want) => {
                let turn = (want.name.clone(), want.owner);
                progress.held.extend(want.kept.map(|_| want.owner));
                self.unsettle(progress, want.owner);
                self.wants.remove(&want.owner);
                self.waiting.remove(&turn);
                progress.unsettled.remove(&turn);
                if let Some(address) = want.requested
                    && let Some(wishes) = self.wishes.get_mut(&address)
                {
                    wishes.remove(&turn);
                    if wishes.is_empty() {
                        self.wishes.remove(&address);
                    }
                }
            }
        }
    }

    fn add(&mut self, progress: &mut Progress, part: Part) {
        match part {
            Part::Range(range) => self.range = Some(range),
            Part::Claim(address) => {
                if self.claims.insert(address) {
                    if let Some(owner) = self.owners.get(&address).copied() {
                        self.unsettle(progress, owner);
                    }
                    self.taken.take(u64::from(address));
                }
            }
            Part::Want(want) => {
                let turn = (want.name.clone(), want.owner);
                if let Some(address) = want.requested {
                    self.wishes.entry(address).or_default().insert(turn.clone());
                }
                if want.kept.is_none() && progress.held.contains(&want.owner) {
                    // It was taken out of the database.
                    progress.had.remove(&want.owner);
                }
                progress.unsettled.insert(turn);
                self.wants.insert(want.owner, want);
            }
        }
    }

    /// What is known of a port, the best first: what the database says, what it had.
    fn known(&self, progress: &Progress, owner: Uuid) -> impl Iterator<Item = u32> + use<> {
        let kept = self.wants.get(&owner).and_then(|want| want.kept);
        kept.into_iter().chain(progress.had.get(&owner).copied())
    }

    /// Gives addresses that came free to the first who would like them.
    fn grant_wishes(&mut self, progress: &mut Progress) {
        // Who moves frees an address in turn; nobody moves twice.
        while let Some(address) = progress.freed.pop_first() {
            if !self.is_usable(address) {
                continue;
            }
            let first = self.wishes.get(&address).and_then(|wishes| wishes.first().cloned());
            if let Some((_, owner)) = first {
                self.release(progress, owner);
                self.take(progress, owner, address);
            }
        }
    }

    fn settle(&mut self, progress: &mut Progress) {
        let turns: Vec<Turn> = progress.unsettled.iter().cloned().collect();
        // What the database says last: it may be about to change, and another port may have it by now.
        for (_, owner) in &turns {
            let kept = self.wants.get(owner).and_then(|want| want.kept);
            let had = progress.had.get(owner).copied();
            let had = had.filter(|had| kept.is_none_or(|kept| kept == *had) && self.is_usable(*had));
            if let Some(address) = had {
                self.take(progress, *owner, address);
            }
        }
        for (_, owner) in &turns {
            if self.given.contains_key(owner) {
                continue;
            }
            let known = self.known(progress, *owner).find(|known| self.is_usable(*known));
            if let Some(address) = known {
                self.take(progress, *owner, address);
            }
        }
        for (_, owner) in &turns {
            let requested = self.wants.get(owner).and_then(|want| want.requested);
            if let Some(address) = requested.filter(|wish| self.is_usable(*wish)) {
                self.release(progress, *owner);
                self.take(progress, *owner, address);
            }
        }
        self.grant_wishes(progress);
        let hopeful = if progress.room { std::mem::take(&mut self.waiting) } else { BTreeSet::new() };
        for turn in turns.into_iter().chain(hopeful) {
            if self.given.contains_key(&turn.1) {
                continue;
            }
            match self.lowest() {
                Some(address) => self.take(progress, turn.1, address),
                None => drop(self.waiting.insert(turn)),
            }
        }
    }
}

impl Allocator for Addresses {
    type Request = Request;
    type Assignment = Assigned;

    fn change(&mut self, removed: Vec<Request>, added: Vec<Request>, emit: &mut dyn FnMut(Assigned, Weight)) {
        let mut progress = Progress::default();
        let is_range = |request: &Request| matches!(request.part, Part::Range(_));
        let range_changes = removed.iter().chain(&added).any(is_range);
        for request in &removed {
            self.remove(&mut progress, &request.part);
        }
        for request in added {
            self.add(&mut progress, request.part);
        }
        if range_changes {
            let owners: Vec<Uuid> = self.wants.keys().copied().collect();
            owners.into_iter().for_each(|owner| self.unsettle(&mut progress, owner));
            self.waiting.clear();
        }
        self.settle(&mut progress);
        for (owner, before) in progress.before {
            let now = self.given.get(&owner).copied();
            if now != before {
                before.into_iter().for_each(|address| emit(Assigned { owner, address }, -1));
                now.into_iter().for_each(|address| emit(Assigned { owner, address }, 1));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.range.is_none() && self.claims.is_empty() && self.wants.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NET: u32 = 0x0a00_0000;

    fn range(excluded: &[(u32, u32)]) -> Part {
        let excluded = excluded.iter().map(|(first, last)| (NET + first, NET + last)).collect();
        Part::Range(Range { first: NET + 2, last: NET + 6, excluded })
    }

    fn want(owner: u128, requested: Option<u32>, kept: Option<u32>) -> Part {
        let net = |low: Option<u32>| low.map(|low| NET + low);
        Part::Want(Want {
            name: format!("p{owner}").into(),
            owner: Uuid(owner),
            requested: net(requested),
            kept: net(kept),
        })
    }

    fn claim(low: u32) -> Part {
        Part::Claim(NET + low)
    }

    /// Makes a change and gives all addresses afterwards, checked against what was emitted.
    fn change(space: &mut Addresses, removed: &[Part], added: &[Part]) -> Vec<(u128, u32)> {
        let switch = Uuid(9);
        let requests = |parts: &[Part]| {
            let mut all: Vec<Request> =
                parts.iter().map(|part| Request { switch, part: part.clone() }).collect();
            all.sort();
            all
        };
        let mut expected: BTreeMap<(Uuid, u32), isize> =
            space.given.iter().map(|(owner, address)| ((*owner, *address), 1)).collect();
        space.change(requests(removed), requests(added), &mut |assigned, weight| {
            *expected.entry((assigned.owner, assigned.address)).or_insert(0) += weight;
        });
        expected.retain(|_, weight| *weight != 0);
        let now: BTreeMap<(Uuid, u32), isize> =
            space.given.iter().map(|(owner, address)| ((*owner, *address), 1)).collect();
        assert_eq!(expected, now);
        space.given.iter().map(|(owner, address)| (owner.0, address - NET)).collect()
    }

    #[test]
    fn the_lowest_free_address_is_given_and_stays() {
        let mut space = Addresses::default();
        let parts = [range(&[(3, 3)]), claim(4), want(1, None, None), want(2, None, None)];
        assert_eq!(change(&mut space, &[], &parts), [(1, 2), (2, 5)]);
        let echoes = [want(1, None, Some(2)), want(2, None, Some(5))];
        assert_eq!(change(&mut space, &parts[2..], &echoes), [(1, 2), (2, 5)]);
        assert_eq!(change(&mut space, &[claim(4)], &[]), [(1, 2), (2, 5)]);
        assert_eq!(change(&mut space, &[], &[claim(2)]), [(1, 4), (2, 5)]);
        let changed = [range(&[(4, 5)])];
        assert_eq!(change(&mut space, &parts[..1], &changed), [(1, 3), (2, 6)]);
        assert_eq!(change(&mut space, &changed, &[]), []);
    }

    #[test]
    fn a_wish_waits_for_its_address() {
        let mut space = Addresses::default();
        change(&mut space, &[], &[range(&[]), want(1, None, Some(4)), claim(5)]);
        assert_eq!(change(&mut space, &[], &[want(2, Some(4), None)]), [(1, 4), (2, 2)]);
        assert_eq!(change(&mut space, &[], &[want(3, Some(5), None)]), [(1, 4), (2, 2), (3, 3)]);
        assert_eq!(change(&mut space, &[want(1, None, Some(4))], &[]), [(2, 4), (3, 3)]);
        assert_eq!(change(&mut space, &[claim(5)], &[]), [(2, 4), (3, 5)]);
        // The broadcast address, the router's and those of others cannot be had.
        for (owner, low) in [(4, 7), (5, 1), (6, 90)] {
            change(&mut space, &[], &[want(owner, Some(low), None)]);
        }
        assert_eq!(space.given.values().map(|address| address - NET).max(), Some(6));
    }

    #[test]
    fn what_the_database_forgets_is_forgotten() {
        let mut space = Addresses::default();
        change(&mut space, &[], &[range(&[]), claim(2), want(1, None, None)]);
        // Nothing is said of it yet.
        assert_eq!(change(&mut space, &[want(1, None, None), claim(2)], &[want(1, Some(9), None)]), [(1, 3)]);
        change(&mut space, &[want(1, Some(9), None)], &[want(1, Some(9), Some(3))]);
        assert_eq!(change(&mut space, &[want(1, Some(9), Some(3))], &[want(1, Some(9), None)]), [(1, 2)]);
    }

    #[test]
    fn who_found_none_gets_the_next() {
        let mut space = Addresses::default();
        let all: Vec<Part> = (1..=6).map(|owner| want(owner, None, None)).collect();
        change(&mut space, &[], &[range(&[])]);
        assert_eq!(change(&mut space, &[], &all).len(), 5);
        assert_eq!(change(&mut space, &all[2..3], &[]), [(1, 2), (2, 3), (4, 5), (5, 6), (6, 4)]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Port(u128, Option<u32>),
        Gone(u128),
        Claim(u32),
        Unclaim(u32),
        Range(u32),
        Echo,
    }

    fn step() -> impl Strategy<Value = Step> {
        let low = 0u32..9;
        prop_oneof![
            4 => (1u128..9, prop::option::of(low.clone())).prop_map(|(owner, wish)| Step::Port(owner, wish)),
            2 => (1u128..9).prop_map(Step::Gone),
            1 => low.clone().prop_map(Step::Claim),
            1 => low.clone().prop_map(Step::Unclaim),
            1 => low.prop_map(Step::Range),
            3 => Just(Step::Echo),
        ]
    }

    proptest! {
        #[test]
        fn addresses_are_valid_unique_and_stay(steps in prop::collection::vec(step(), 1..60)) {
            let mut space = Addresses::default();
            let mut ports: BTreeMap<u128, (Option<u32>, Option<u32>)> = BTreeMap::new();
            let mut claims = BTreeSet::new();
            let mut excluded = 0;
            change(&mut space, &[], &[range(&[(0, 0)])]);
            for step in steps {
                let before: BTreeMap<u128, u32> =
                    space.given.iter().map(|(owner, address)| (owner.0, address - NET)).collect();
                let part = |ports: &BTreeMap<u128, (Option<u32>, Option<u32>)>, owner: u128| {
                    ports.get(&owner).map(|(wish, kept)| want(owner, *wish, *kept))
                };
                let (mut removed, mut added) = (vec![], vec![]);
                match step {
                    Step::Port(owner, wish) => {
                        removed.extend(part(&ports, owner));
                        let kept = ports.get(&owner).and_then(|port| port.1);
                        ports.insert(owner, (wish, kept));
                        added.extend(part(&ports, owner));
                    }
                    Step::Gone(owner) => {
                        removed.extend(part(&ports, owner));
                        ports.remove(&owner);
                    }
                    Step::Claim(low) => added.extend(claims.insert(low).then(|| claim(low))),
                    Step::Unclaim(low) => removed.extend(claims.remove(&low).then(|| claim(low))),
                    Step::Range(low) => {
                        removed.push(range(&[(excluded, excluded)]));
                        excluded = low;
                        added.push(range(&[(excluded, excluded)]));
                    }
                    Step::Echo => {
                        let owners: Vec<u128> = ports.keys().copied().collect();
                        for owner in owners {
                            removed.extend(part(&ports, owner));
                            ports.entry(owner).and_modify(|port| port.1 = before.get(&owner).copied());
                            added.extend(part(&ports, owner));
                        }
                    }
                }
                let echo = matches!(step, Step::Echo);
                let now: BTreeMap<u128, u32> =
                    change(&mut space, &removed, &added).into_iter().collect();
                if echo {
                    prop_assert_eq!(&now, &before);
                }
                let valid = |low: u32| (2..=6).contains(&low) && low != excluded && !claims.contains(&low);
                let held: BTreeSet<u32> = now.values().copied().collect();
                prop_assert_eq!(held.len(), now.len());
                prop_assert!(held.iter().all(|low| valid(*low)));
                let room = (2..=6).filter(|low| valid(*low)).count();
                prop_assert_eq!(now.len(), room.min(ports.len()));
                for (owner, low) in &before {
                    let Some((wish, kept)) = ports.get(owner) else { continue };
                    if wish.is_none() && kept.is_none_or(|kept| kept == *low) && valid(*low) {
                        prop_assert_eq!(now.get(owner), Some(low));
                    }
                }
            }
        }
    }
}
