//! Numbers that stand for something within a router: groups of next hops, their members, chains of
//! policies; and route tables, which all routers count together.
//!
//! A number is kept as long as it is asked for, and taken from the flows that are there; new ones are the
//! lowest free from 1, for the lower owner first.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Relation, Weight};
use serde::{Deserialize, Serialize};

/// Numbers have 16 bits, and the last is not used.
const HIGHEST: u32 = 65534;

/// Somebody who wants a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// Within what numbers tell apart, by hash.
    pub space: u128,
    /// Who it is for, by hash.
    pub owner: u128,
}

/// [`Wanted`], and the number that flows hold already; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Claim {
    wanted: Wanted,
    held: u32,
}

/// A number given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Numbered {
    /// To whom.
    pub wanted: Wanted,
    /// From 1 to 65534.
    pub number: u32,
}

#[derive(Debug, Default)]
struct Numbers {
    given: BTreeMap<Wanted, u32>,
    taken: BTreeSet<u32>,
    /// No number below is free.
    floor: u32,
    waiting: BTreeSet<Claim>,
}

impl Numbers {
    fn lowest(&mut self) -> Option<u32> {
        let mut number = self.floor.max(1);
        while self.taken.contains(&number) {
            number += 1;
        }
        self.floor = number;
        (number <= HIGHEST).then_some(number)
    }

    /// Gives those who wait what `choose` says for them, if it is free.
    fn give(&mut self, choose: impl Fn(&Claim) -> Option<u32>, emit: &mut dyn FnMut(Numbered, Weight)) {
        for claim in std::mem::take(&mut self.waiting) {
            match choose(&claim) {
                Some(number) if (1..=HIGHEST).contains(&number) && self.taken.insert(number) => {
                    self.given.insert(claim.wanted, number);
                    emit(Numbered { wanted: claim.wanted, number }, 1);
                }
                _ => drop(self.waiting.insert(claim)),
            }
        }
    }
}

impl Allocator for Numbers {
    type Request = Claim;
    type Assignment = Numbered;

    fn change(&mut self, removed: Vec<Claim>, added: Vec<Claim>, emit: &mut dyn FnMut(Numbered, Weight)) {
        let mut before = BTreeMap::new();
        for claim in removed {
            self.waiting.remove(&claim);
            let wanted = claim.wanted;
            if let Some(number) = self.given.remove(&wanted) {
                self.taken.remove(&number);
                self.floor = self.floor.min(number);
                before.insert(wanted, number);
                emit(Numbered { wanted, number }, -1);
            }
        }
        self.waiting.extend(added);
        self.give(|claim| Some(claim.held), emit);
        self.give(|claim| before.get(&claim.wanted).copied(), emit);
        while let Some(claim) = self.waiting.first().copied() {
            let Some(number) = self.lowest() else { break };
            self.waiting.remove(&claim);
            self.given.insert(claim.wanted, number);
            self.taken.insert(number);
            emit(Numbered { wanted: claim.wanted, number }, 1);
        }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.waiting.is_empty()
    }
}

/// A number for each that wants one; `held` are those that flows have.
///
/// Cost: one more costs itself.
pub fn numbers(wanted: &Relation<Wanted>, held: &Relation<(Wanted, u32)>) -> Relation<Numbered> {
    let claims = wanted
        .index_by(|wanted| *wanted)
        .join_optional(&held.index_by(|(wanted, _): &(Wanted, u32)| *wanted), |wanted, held| {
            Some(Claim { wanted: *wanted, held: held.map_or(0, |(_, number)| *number) })
        });
    claims.allocate_by(|claim| claim.wanted.space, Numbers::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_the_lowest_free_come_first() {
        let wanted = |owner| Claim { wanted: Wanted { space: 0, owner }, held: 0 };
        let mut numbers = Numbers::default();
        let mut change = |removed: &[u128], added: &[u128]| {
            let mut out = Vec::new();
            let of = |owners: &[u128]| owners.iter().copied().map(wanted).collect();
            numbers.change(of(removed), of(added), &mut |given, weight| {
                out.push((given.wanted.owner, given.number, weight));
            });
            out
        };
        assert_eq!(change(&[], &[7, 5]), [(5, 1, 1), (7, 2, 1)]);
        assert_eq!(change(&[5], &[9, 8]), [(5, 1, -1), (8, 1, 1), (9, 3, 1)]);
        assert_eq!(change(&[7, 8, 9], &[]).len(), 3);
        assert!(numbers.is_empty());
    }

    #[test]
    fn numbers_that_flows_hold_are_taken() {
        let claim = |owner, held| Claim { wanted: Wanted { space: 0, owner }, held };
        let mut numbers = Numbers::default();
        let mut change = |removed: &[Claim], added: &[Claim]| {
            let mut out = Vec::new();
            numbers.change(removed.to_vec(), added.to_vec(), &mut |given, weight| {
                out.push((given.wanted.owner, given.number, weight));
            });
            out
        };
        assert_eq!(change(&[], &[claim(1, 0), claim(2, 2), claim(3, 2)]), [(2, 2, 1), (1, 1, 1), (3, 3, 1)]);
        // What is known of flows comes and goes; numbers that are right stay.
        assert_eq!(change(&[claim(2, 2)], &[claim(2, 0)]), [(2, 2, -1), (2, 2, 1)]);
        assert_eq!(change(&[claim(1, 0)], &[claim(1, 9)]), [(1, 1, -1), (1, 9, 1)]);
        assert_eq!(change(&[claim(3, 2)], &[claim(3, 9)]), [(3, 3, -1), (3, 3, 1)]);
    }
}
