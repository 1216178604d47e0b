//! Tunnel keys: the numbers by which datapaths, and ports on their datapath, are known on the wire
//! (ovn-sb(5), Datapath_Binding and Port_Binding `tunnel_key`).
//!
//! One rule for both: a candidate gets the key that is requested for it, if no other candidate goes
//! first; else the key that it has already, as long as nobody requests that; else a free one. Of
//! candidates for one key those that have a row already go first, then by identifier. A key is free if
//! no candidate has or requests it. Datapaths take the lowest free key, ports the one after the highest
//! in use, or the lowest if that is past the end.
//!
//! How high a free key may be depends on what the tunnels carry ([`Range`]). A key that somebody has
//! stays when that changes; a request that is too high counts for nothing.
//!
//! The outcome depends only on the candidates and the keys that they had, not on what there was in
//! between: a restart gives the same. Who does not get what they want is told ([`unmet`]).

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Relation, Weight};
use serde::{Deserialize, Serialize};

use crate::ovsdb::Uuid;

/// Somebody who needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// Whose key, by northbound row.
    pub owner: Uuid,
    /// The space: zero for datapaths, the datapath for ports.
    pub space: Uuid,
    /// What the CMS wants, if it is not 0.
    pub requested: Option<i32>,
    /// What the southbound database has.
    pub kept: Option<u32>,
    /// The keys that it may get.
    pub range: Range,
}

impl Candidate {
    /// The key that is requested, if it can be had at all.
    fn wish(&self) -> Option<u32> {
        let key = u32::try_from(self.requested?).ok()?;
        (1..=self.range.requested).contains(&key).then_some(key)
    }
}

/// The highest keys of a space, each no higher than the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// That is given to who requests none.
    pub given: u32,
    /// That can be requested.
    pub requested: u32,
    /// That the southbound database takes.
    pub stored: u32,
}

/// A key given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assigned {
    /// To whom.
    pub owner: Uuid,
    /// In which space.
    pub space: Uuid,
    /// Which.
    pub key: u32,
}

impl Assigned {
    /// Keys indexes by to whom the key was given.
    pub fn owner(&self) -> Uuid {
        self.owner
    }
}

/// How a free key is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The lowest that is free.
    Lowest,
    /// The one after the highest in use.
    AfterHighest,
}

/// The keys of one space.
#[derive(Debug)]
pub struct KeySpace {
    next: Next,
    candidates: BTreeMap<Uuid, Candidate>,
    /// Who requests a key: those with a row first.
    requests: BTreeMap<u32, BTreeSet<(bool, Uuid)>>,
    keys: BTreeMap<Uuid, u32>,
    owners: BTreeMap<u32, Uuid>,
    /// No key below this one is free.
    lowest: u32,
    /// Candidates for whom there was no key.
    waiting: BTreeSet<Uuid>,
}

impl KeySpace {
    /// A space without candidates.
    pub fn new(next: Next) -> KeySpace {
        KeySpace {
            next,
            candidates: BTreeMap::new(),
            requests: BTreeMap::new(),
            keys: BTreeMap::new(),
            owners: BTreeMap::new(),
            lowest: 1,
            waiting: BTreeSet::new(),
        }
    }

    /// Who goes first among those that request `key`.
    fn claimant(&self, key: u32) -> Option<Uuid> {
        self.requests.get(&key)?.first().map(|(_, owner)| *owner)
    }

    fn request(&mut self, candidate: &Candidate, come: bool) {
        let Some(key) = candidate.wish() else { return };
        let entry = (candidate.kept.is_none(), candidate.owner);
        let claims = self.requests.entry(key).or_default();
        if come {
            claims.insert(entry);
        } else {
            claims.remove(&entry);
        }
        if claims.is_empty() {
            self.requests.remove(&key);
            self.lowest = self.lowest.min(key);
        }
    }

    fn release(&mut self, owner: Uuid) {
        if let Some(key) = self.keys.remove(&owner) {
            self.owners.remove(&key);
            self.lowest = self.lowest.min(key);
        }
    }

    fn take(&mut self, owner: Uuid, key: u32) {
        self.keys.insert(owner, key);
        self.owners.insert(key, owner);
    }

    fn is_free(&self, key: u32) -> bool {
        !self.owners.contains_key(&key) && !self.requests.contains_key(&key)
    }

    fn free_key(&mut self, limit: u32) -> Option<u32> {
        if self.next == Next::AfterHighest {
            let highest = self.owners.last_key_value().map_or(0, |(key, _)| *key);
            let after = (highest + 1..=limit).find(|key| self.is_free(*key));
            if after.is_some() {
                return after;
            }
        }
        while self.lowest <= limit && !self.is_free(self.lowest) {
            self.lowest += 1;
        }
        (self.lowest <= limit).then_some(self.lowest)
    }
}

impl Allocator for KeySpace {
    type Request = Candidate;
    type Assignment = Assigned;

    fn change(
        &mut self,
        removed: Vec<Candidate>,
        added: Vec<Candidate>,
        emit: &mut dyn FnMut(Assigned, Weight),
    ) {
        let Some(space) = removed.first().or(added.first()).map(|candidate| candidate.space) else { return };
        let mut before: BTreeMap<Uuid, Option<u32>> = BTreeMap::new();
        let mut note = |keys: &BTreeMap<Uuid, u32>, owner: Uuid| {
            before.entry(owner).or_insert_with(|| keys.get(&owner).copied());
        };
        // What a candidate that only changes has now is what it had.
        let mut had: BTreeMap<Uuid, u32> = BTreeMap::new();
        let mut contested: BTreeSet<u32> = BTreeSet::new();
        for candidate in &removed {
            note(&self.keys, candidate.owner);
            had.extend(self.keys.get(&candidate.owner).map(|key| (candidate.owner, *key)));
            self.request(candidate, false);
            self.release(candidate.owner);
            self.candidates.remove(&candidate.owner);
            self.waiting.remove(&candidate.owner);
            contested.extend(candidate.wish());
        }
        let mut unsettled: BTreeSet<(bool, Uuid)> = BTreeSet::new();
        for candidate in &added {
            note(&self.keys, candidate.owner);
            self.request(candidate, true);
            self.candidates.insert(candidate.owner, *candidate);
            unsettled.insert((candidate.kept.is_none(), candidate.owner));
            contested.extend(candidate.wish());
        }
        // A request puts out whoever has the key without being first to request it.
        for key in contested {
            let claimant = self.claimant(key);
            if let Some(owner) = self.owners.get(&key).copied()
                && claimant.is_some_and(|claimant| claimant != owner)
            {
                note(&self.keys, owner);
                self.release(owner);
                unsettled.insert((self.candidates[&owner].kept.is_none(), owner));
            }
            if let Some(claimant) = claimant
                && self.keys.get(&claimant) != Some(&key)
            {
                note(&self.keys, claimant);
                self.release(claimant);
                self.take(claimant, key);
                unsettled.remove(&(self.candidates[&claimant].kept.is_none(), claimant));
            }
        }
        for (_, owner) in &unsettled {
            if self.keys.contains_key(owner) {
                continue;
            }
            let candidate = self.candidates[owner];
            let known = had.get(owner).copied().or(candidate.kept);
            if let Some(key) = known.filter(|key| self.is_free(*key)) {
                self.take(*owner, key);
            }
        }
        let freed = !removed.is_empty();
        let hopeful = if freed { std::mem::take(&mut self.waiting) } else { BTreeSet::new() };
        let hopeful = hopeful.into_iter().map(|owner| (true, owner));
        for (_, owner) in unsettled.into_iter().chain(hopeful) {
            if self.keys.contains_key(&owner) {
                continue;
            }
            note(&self.keys, owner);
            match self.free_key(self.candidates[&owner].range.given) {
                Some(key) => self.take(owner, key),
                None => {
                    self.waiting.insert(owner);
                }
            }
        }
        for (owner, before) in before {
            let now = self.keys.get(&owner).copied();
            if now != before {
                before.into_iter().for_each(|key| emit(Assigned { owner, space, key }, -1));
                now.into_iter().for_each(|key| emit(Assigned { owner, space, key }, 1));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
}

/// Why somebody does not have the key that they want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// Somebody else requests this one and goes first.
    Taken(i32),
    /// VXLAN, which some chassis speak, does not carry this one.
    Vxlan(i32),
    /// This one is no key.
    OutOfRange(i32),
    /// There is none left.
    Exhausted,
}

/// Somebody who does not have the key that they want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unmet {
    /// Who.
    pub owner: Uuid,
    /// Why not.
    pub why: Why,
}

impl Unmet {
    fn of(candidate: &Candidate, key: Option<u32>) -> Option<Unmet> {
        let unmet = |why| Some(Unmet { owner: candidate.owner, why });
        let Some(key) = key else { return unmet(Why::Exhausted) };
        let requested = candidate.requested.filter(|requested| i64::from(*requested) != i64::from(key))?;
        match u32::try_from(requested) {
            Ok(wish) if wish <= candidate.range.requested => unmet(Why::Taken(requested)),
            Ok(wish) if wish <= candidate.range.stored => unmet(Why::Vxlan(requested)),
            _ => unmet(Why::OutOfRange(requested)),
        }
    }
}

/// Who does not have the key that they want.
///
/// Cost: a candidate costs itself.
pub fn unmet(candidates: &Relation<Candidate>, keys: &Relation<Assigned>) -> Relation<Unmet> {
    candidates
        .index_by(|candidate| candidate.owner)
        .join_optional(&keys.index_by(Assigned::owner), |candidate, assigned| {
            Unmet::of(candidate, assigned.map(|assigned| assigned.key))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(owner: u128, requested: Option<i32>, kept: Option<u32>) -> Candidate {
        let range = Range { given: 5, requested: 7, stored: 9 };
        Candidate { owner: Uuid(owner), space: Uuid::ZERO, requested, kept, range }
    }

    /// Makes a change and gives all keys afterwards, checked against what was emitted.
    fn change(space: &mut KeySpace, removed: &[Candidate], added: &[Candidate]) -> Vec<(u128, u32)> {
        let mut expected: BTreeMap<(Uuid, u32), isize> =
            space.keys.iter().map(|(o, k)| ((*o, *k), 1)).collect();
        space.change(removed.to_vec(), added.to_vec(), &mut |assigned, weight| {
            *expected.entry((assigned.owner, assigned.key)).or_insert(0) += weight;
        });
        expected.retain(|_, weight| *weight != 0);
        let now: BTreeMap<(Uuid, u32), isize> = space.keys.iter().map(|(o, k)| ((*o, *k), 1)).collect();
        assert_eq!(expected, now);
        space.keys.iter().map(|(owner, key)| (owner.0, *key)).collect()
    }

    #[test]
    fn ports_go_up_and_datapaths_fill_gaps() {
        let all: Vec<Candidate> = (1..=3).map(|owner| candidate(owner, None, None)).collect();
        for (next, fourth) in [(Next::Lowest, 2), (Next::AfterHighest, 4)] {
            let mut space = KeySpace::new(next);
            assert_eq!(change(&mut space, &[], &all), [(1, 1), (2, 2), (3, 3)]);
            change(&mut space, &all[1..2], &[]);
            let keys = change(&mut space, &[], &[candidate(4, None, None)]);
            assert_eq!(keys, [(1, 1), (3, 3), (4, fourth)]);
        }
    }

    #[test]
    fn a_request_goes_before_what_is_there_and_the_loser_moves() {
        let mut space = KeySpace::new(Next::Lowest);
        change(&mut space, &[], &[candidate(1, None, Some(1)), candidate(2, None, Some(2))]);
        let keys = change(&mut space, &[], &[candidate(3, Some(1), None)]);
        assert_eq!(keys, [(1, 3), (2, 2), (3, 1)]);
        // The second to request a key gets another one, and the first keeps it.
        let keys = change(&mut space, &[], &[candidate(4, Some(1), None)]);
        assert_eq!(keys, [(1, 3), (2, 2), (3, 1), (4, 4)]);
        // When the first goes, the second has its wish.
        let keys = change(&mut space, &[candidate(3, Some(1), None)], &[]);
        assert_eq!(keys, [(1, 3), (2, 2), (4, 1)]);
    }

    #[test]
    fn ranges_bind_new_keys_and_requests_but_not_those_that_are_there() {
        let mut space = KeySpace::new(Next::Lowest);
        let all = [
            candidate(1, Some(7), None),
            candidate(2, Some(8), Some(2)),
            candidate(3, Some(-1), None),
            candidate(4, None, Some(9)),
        ];
        assert_eq!(change(&mut space, &[], &all), [(1, 7), (2, 2), (3, 1), (4, 9)]);
        let why = |at: usize, key| Unmet::of(&all[at], key).map(|unmet| unmet.why);
        assert_eq!(why(0, Some(7)), None);
        assert_eq!(why(0, Some(3)), Some(Why::Taken(7)));
        assert_eq!(why(1, Some(2)), Some(Why::Vxlan(8)));
        assert_eq!(why(2, Some(1)), Some(Why::OutOfRange(-1)));
        assert_eq!(why(3, Some(9)), None);
        assert_eq!(why(3, None), Some(Why::Exhausted));
    }

    #[test]
    fn an_echo_changes_nothing_and_a_dropped_request_keeps_the_key() {
        let mut space = KeySpace::new(Next::Lowest);
        change(&mut space, &[], &[candidate(1, Some(4), None)]);
        let echo = candidate(1, Some(4), Some(4));
        assert_eq!(change(&mut space, &[candidate(1, Some(4), None)], &[echo]), [(1, 4)]);
        assert_eq!(change(&mut space, &[echo], &[candidate(1, None, Some(4))]), [(1, 4)]);
    }

    #[test]
    fn who_found_no_key_gets_the_next_one_that_is_free() {
        let mut space = KeySpace::new(Next::AfterHighest);
        let all: Vec<Candidate> = (1..=6).map(|owner| candidate(owner, None, None)).collect();
        assert_eq!(change(&mut space, &[], &all).len(), 5);
        let keys = change(&mut space, &all[1..2], &[]);
        assert_eq!(keys, [(1, 1), (3, 3), (4, 4), (5, 5), (6, 2)]);
    }
}
