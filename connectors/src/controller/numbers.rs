//! Numbers of groups and meters: the same definition has one number as long as some flow uses it.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use northflow_controller::row::{self, Group, Meter};

/// Numbers given out, from 1 on, the lowest free one first.
#[derive(Debug)]
pub(super) struct Numbers<T> {
    given: HashMap<T, Given>,
    free: BTreeSet<u32>,
    /// No number from here on has been given out.
    next: u32,
    /// Definitions that came or went since the last [`Numbers::settle`].
    touched: BTreeSet<T>,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    number: u32,
    uses: usize,
    /// Whether the switch has been told.
    is_told: bool,
}

impl<T> Default for Numbers<T> {
    fn default() -> Numbers<T> {
        Numbers { given: HashMap::new(), free: BTreeSet::new(), next: 1, touched: BTreeSet::new() }
    }
}

impl<T: Clone + Eq + Hash + Ord> Numbers<T> {
    /// One more flow uses a definition.
    pub fn take(&mut self, definition: &T) -> u32 {
        if let Some(given) = self.given.get_mut(definition) {
            given.uses += 1;
            return given.number;
        }
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.given.insert(definition.clone(), Given { number, uses: 1, is_told: false });
        self.touched.insert(definition.clone());
        number
    }

    /// One flow less uses it.
    pub fn release(&mut self, definition: &T) {
        if let Some(given) = self.given.get_mut(definition) {
            given.uses = given.uses.saturating_sub(1);
            if given.uses == 0 {
                self.touched.insert(definition.clone());
            }
        }
    }

    /// The number of a definition that is in use.
    pub fn number(&self, definition: &T) -> Option<u32> {
        self.given.get(definition).map(|given| given.number)
    }

    /// What the switch is to be told since the last time: numbers with their definitions, and numbers that
    /// mean nothing any more.
    pub fn settle(&mut self) -> Vec<(u32, Option<T>)> {
        let mut told = Vec::new();
        let mut freed = Vec::new();
        for definition in std::mem::take(&mut self.touched) {
            let Some(given) = self.given.get_mut(&definition) else { continue };
            if given.uses == 0 {
                let Given { number, is_told, .. } = *given;
                self.given.remove(&definition);
                freed.push(number);
                if is_told {
                    told.push((number, None));
                }
            } else if !std::mem::replace(&mut given.is_told, true) {
                told.push((given.number, Some(definition)));
            }
        }
        self.free.extend(freed);
        told
    }

    /// All definitions with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&T, u32)> {
        self.given.iter().map(|(definition, given)| (definition, given.number))
    }
}

/// Binds the actions of a flow: each group and meter that it shows counts as one use.
pub(super) struct Binder<'a> {
    pub groups: &'a mut Numbers<Group>,
    pub meters: &'a mut Numbers<Meter>,
}

impl row::Numbers for Binder<'_> {
    fn group(&mut self, group: &Group) -> u32 {
        self.groups.number(group).unwrap_or_default()
    }

    fn meter(&mut self, meter: &Meter) -> u32 {
        self.meters.number(meter).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_keeps_its_number_while_it_is_used() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.take(&"a"), numbers.take(&"b"), numbers.take(&"a")), (1, 2, 1));
        assert_eq!(numbers.settle(), [(1, Some("a")), (2, Some("b"))]);
        numbers.release(&"a");
        assert_eq!(numbers.settle(), []);
        numbers.release(&"a");
        // Who comes back in time has never gone.
        assert_eq!(numbers.take(&"a"), 1);
        assert_eq!(numbers.settle(), []);
        numbers.release(&"a");
        assert_eq!(numbers.take(&"c"), 3);
        assert_eq!(numbers.settle(), [(1, None), (3, Some("c"))]);
        assert_eq!(numbers.take(&"d"), 1);
    }

    #[test]
    fn what_was_never_told_is_not_taken_back() {
        let mut numbers = Numbers::default();
        numbers.take(&"a");
        numbers.release(&"a");
        assert_eq!(numbers.settle(), []);
        assert_eq!(numbers.iter().count(), 0);
    }
}
