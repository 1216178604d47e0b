//! Numbers in use: who asks for the next free one gets it without a walk over those before it.

use std::collections::BTreeMap;

/// Numbers, each with how many hold it.
#[derive(Debug, Default)]
pub struct Taken {
    holders: BTreeMap<u64, usize>,
    /// The longest runs of numbers in use: the last of each by its first.
    runs: BTreeMap<u64, u64>,
}

impl Taken {
    /// One more holds `number`.
    pub fn take(&mut self, number: u64) {
        let holders = self.holders.entry(number).or_insert(0);
        *holders += 1;
        if *holders > 1 {
            return;
        }
        let before = self.runs.range(..number).next_back().map(|(first, last)| (*first, *last));
        let first = before.filter(|(_, last)| last + 1 == number).map_or(number, |(first, _)| first);
        let last = self.runs.remove(&(number + 1)).unwrap_or(number);
        self.runs.insert(first, last);
    }

    /// One fewer holds `number`.
    pub fn release(&mut self, number: u64) {
        let Some(holders) = self.holders.get_mut(&number) else { return };
        *holders -= 1;
        if *holders > 0 {
            return;
        }
        self.holders.remove(&number);
        let Some((first, last)) = self.run(number) else { return };
        self.runs.remove(&first);
        if first < number {
            self.runs.insert(first, number - 1);
        }
        if number < last {
            self.runs.insert(number + 1, last);
        }
    }

    /// Whether nobody holds `number`.
    pub fn is_free(&self, number: u64) -> bool {
        !self.holders.contains_key(&number)
    }

    /// The lowest free number that is not below `number`.
    pub fn free_from(&self, number: u64) -> u64 {
        self.run(number).map_or(number, |(_, last)| last + 1)
    }

    /// Whether every number is free.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    fn run(&self, number: u64) -> Option<(u64, u64)> {
        let (first, last) = self.runs.range(..=number).next_back()?;
        (*last >= number).then_some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_agree_with_a_walk(steps in prop::collection::vec((any::<bool>(), 0u64..24), 0..80)) {
            let mut taken = Taken::default();
            let mut counts = [0usize; 26];
            for (come, number) in steps {
                let count = &mut counts[number as usize];
                if come {
                    taken.take(number);
                    *count += 1;
                } else {
                    taken.release(number);
                    *count = count.saturating_sub(1);
                }
                for from in 0..24u64 {
                    let expected = (from..).find(|n| counts[*n as usize] == 0).unwrap();
                    prop_assert_eq!(taken.free_from(from), expected);
                    prop_assert_eq!(taken.is_free(from), counts[from as usize] == 0);
                }
                prop_assert_eq!(taken.is_empty(), counts.iter().all(|count| *count == 0));
            }
        }
    }
}
