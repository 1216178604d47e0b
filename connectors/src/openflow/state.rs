//! What a switch is to hold, what it holds, and what is between the two.

use std::collections::HashMap;
use std::hash::Hash;

/// What a switch holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held<V> {
    /// Nothing.
    Nothing,
    /// Something that can be no value of ours.
    Unlike,
    /// This.
    Like(V),
}

impl<V> Held<V> {
    /// The value, if it can be told.
    pub(super) fn value(&self) -> Option<&V> {
        match self {
            Held::Like(value) => Some(value),
            Held::Nothing | Held::Unlike => None,
        }
    }

    /// Whether there is something.
    pub(super) fn exists(&self) -> bool {
        !matches!(self, Held::Nothing)
    }
}

/// One key's.
#[derive(Debug)]
struct Slot<V> {
    wanted: Option<V>,
    held: Held<V>,
    /// Whether the key is among those to look at.
    marked: bool,
}

impl<V: PartialEq> Slot<V> {
    fn empty() -> Slot<V> {
        Slot { wanted: None, held: Held::Nothing, marked: false }
    }

    fn is_right(&self) -> bool {
        match (&self.wanted, &self.held) {
            (None, Held::Nothing) => true,
            (Some(wanted), Held::Like(held)) => wanted == held,
            _ => false,
        }
    }
}

/// A change that brings a switch nearer to what it is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change<K, V> {
    pub(super) key: K,
    pub(super) old: Held<V>,
    /// `None` deletes.
    pub(super) new: Option<V>,
}

/// All flows, or all groups, or all meters of a switch.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// Keys at which there may be something to change.
    marked: Vec<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table { slots: HashMap::new(), marked: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone + PartialEq> Table<K, V> {
    fn mark(slot: &mut Slot<V>, key: &K, marked: &mut Vec<K>) {
        if !slot.marked {
            slot.marked = true;
            marked.push(key.clone());
        }
    }

    fn slot(&mut self, key: &K) -> &mut Slot<V> {
        self.slots.entry(key.clone()).or_insert_with(Slot::empty)
    }

    /// Has the switch hold a value under a key, or nothing.
    pub(super) fn want(&mut self, key: K, value: Option<V>) {
        let slot = match self.slots.get_mut(&key) {
            Some(slot) => slot,
            None if value.is_none() => return,
            None => self.slots.entry(key.clone()).or_insert_with(Slot::empty),
        };
        if slot.wanted != value {
            slot.wanted = value;
            Self::mark(slot, &key, &mut self.marked);
        }
    }

    /// Nothing is known of what the switch holds: it is going to be found anew.
    pub(super) fn forget(&mut self) {
        self.marked.clear();
        self.slots.retain(|_, slot| {
            slot.held = Held::Nothing;
            slot.marked = false;
            slot.wanted.is_some()
        });
    }

    /// The switch holds this; `None` is something that can be no value of ours.
    pub(super) fn found(&mut self, key: K, value: Option<V>) {
        let slot = self.slot(&key);
        slot.held = match (value, &slot.wanted) {
            // One copy is enough.
            (Some(value), Some(wanted)) if value == *wanted => Held::Like(wanted.clone()),
            (Some(value), _) => Held::Like(value),
            (None, _) => Held::Unlike,
        };
    }

    /// Whether anything is wanted under the key.
    pub(super) fn is_wanted(&self, key: &K) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.wanted.is_some())
    }

    /// All has been found: looks at all keys. Gives how many were as wanted.
    pub(super) fn compare(&mut self) -> usize {
        let mut right = 0;
        for (key, slot) in &mut self.slots {
            match slot.is_right() {
                true => right += 1,
                false => Self::mark(slot, key, &mut self.marked),
            }
        }
        right
    }

    /// What there is to change. What comes of each change is told by [`Table::done`] or
    /// [`Table::again`], or the change is not tried again until something else is wanted.
    pub(super) fn changes(&mut self) -> Vec<Change<K, V>> {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut self.marked) {
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            slot.marked = false;
            if !slot.is_right() {
                changes.push(Change { old: slot.held.clone(), new: slot.wanted.clone(), key });
            } else if slot.wanted.is_none() {
                self.slots.remove(&key);
            }
        }
        changes
    }

    /// The switch has made the change.
    pub(super) fn done(&mut self, change: Change<K, V>) {
        let slot = self.slot(&change.key);
        slot.held = change.new.map_or(Held::Nothing, Held::Like);
        if slot.wanted.is_none() && !slot.held.exists() && !slot.marked {
            self.slots.remove(&change.key);
        }
    }

    /// The switch has not made the change, through no fault of its own.
    pub(super) fn again(&mut self, change: &Change<K, V>) {
        if let Some(slot) = self.slots.get_mut(&change.key) {
            Self::mark(slot, &change.key, &mut self.marked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(table: &mut Table<u32, char>) -> Vec<(u32, Option<char>, Option<char>)> {
        let change = |change: Change<u32, char>| {
            let told = (change.key, change.old.value().copied(), change.new);
            (change, told)
        };
        let (changes, told): (Vec<_>, Vec<_>) = table.changes().into_iter().map(change).unzip();
        changes.into_iter().for_each(|change| table.done(change));
        told
    }

    #[test]
    fn only_the_last_wish_counts() {
        let mut table = Table::default();
        table.want(1, Some('a'));
        table.want(1, Some('b'));
        table.want(2, Some('c'));
        table.want(2, None);
        assert_eq!(changes(&mut table), [(1, None, Some('b'))]);
        table.want(1, Some('b'));
        assert_eq!(changes(&mut table), []);
        table.want(1, None);
        assert_eq!(changes(&mut table), [(1, Some('b'), None)]);
        assert!(table.slots.is_empty());
    }

    #[test]
    fn a_wish_while_a_change_is_under_way_comes_after_it() {
        let mut table = Table::default();
        table.want(1, Some('a'));
        let first = table.changes().remove(0);
        table.want(1, None);
        table.done(first);
        assert_eq!(changes(&mut table), [(1, Some('a'), None)]);
    }

    #[test]
    fn what_was_refused_waits_for_another_wish() {
        let mut table = Table::default();
        table.want(1, Some('a'));
        assert_eq!(table.changes().len(), 1);
        assert!(table.marked.is_empty());
        table.want(1, Some('b'));
        let change = table.changes().remove(0);
        table.again(&change);
        assert_eq!(changes(&mut table), [(1, None, Some('b'))]);
    }

    #[test]
    fn what_is_found_is_compared() {
        let mut table = Table::default();
        for key in 1..=4 {
            table.want(key, Some('a'));
        }
        changes(&mut table);
        table.forget();
        table.found(1, Some('a'));
        table.found(2, Some('b'));
        table.found(3, None);
        table.found(5, Some('x'));
        assert_eq!(table.compare(), 1);
        let mut told = changes(&mut table);
        told.sort_unstable();
        assert_eq!(
            told,
            [(2, Some('b'), Some('a')), (3, None, Some('a')), (4, None, Some('a')), (5, Some('x'), None)]
        );
    }
}
