//! Numbers that stand for something within a router: groups of next hops, their members, chains of
//! policies; and route tables, which all routers count together.
//!
//! A number is kept as long as it is asked for; new ones are the lowest free from 1, for the lower
//! owner first.

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
    waiting: BTreeSet<Wanted>,
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
}

impl Allocator for Numbers {
    type Request = Wanted;
    type Assignment = Numbered;

    fn change(&mut self, removed: Vec<Wanted>, added: Vec<Wanted>, emit: &mut dyn FnMut(Numbered, Weight)) {
        for wanted in removed {
            self.waiting.remove(&wanted);
            if let Some(number) = self.given.remove(&wanted) {
                self.taken.remove(&number);
                self.floor = self.floor.min(number);
                emit(Numbered { wanted, number }, -1);
            }
        }
        self.waiting.extend(added);
        while let Some(wanted) = self.waiting.first().copied() {
            let Some(number) = self.lowest() else { break };
            self.waiting.remove(&wanted);
            self.given.insert(wanted, number);
            self.taken.insert(number);
            emit(Numbered { wanted, number }, 1);
        }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.waiting.is_empty()
    }
}

/// A number for each that wants one.
///
/// Cost: one more costs itself.
pub fn numbers(wanted: &Relation<Wanted>) -> Relation<Numbered> {
    wanted.allocate_by(|wanted| wanted.space, Numbers::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_the_lowest_free_come_first() {
        let wanted = |owner| Wanted { space: 0, owner };
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
}
