//! An index: the rows of a relation by key, as they were before this epoch, and what this epoch
//! changes.
//!
//! Time is totally ordered and one epoch is computed at a time, so an index needs no versions: the
//! rows before, and the change. Every operator that reads the index sees both, and after the epoch
//! the change is folded in.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use hashbrown::HashMap;

use crate::delta::{Delta, Weight, add_up};
use crate::record::Rec;

/// A key as a table holds it: a `u128` would have every slot padded to a multiple of 16 bytes.
#[derive(PartialEq, Eq)]
struct Key(u64, u64);

impl From<u128> for Key {
    fn from(key: u128) -> Key {
        Key(key as u64, (key >> 64) as u64)
    }
}

impl From<&Key> for u128 {
    fn from(key: &Key) -> u128 {
        u128::from(key.1) << 64 | u128::from(key.0)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 ^ self.1);
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are written as u64")
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Rows under one key. Most keys hold one row, once, and there are very many of them: what more needs
/// is kept elsewhere, so that a bucket is no larger than a row.
enum Bucket {
    One(Rec),
    More(Box<Group>),
}

/// Several rows under one key, or one that is not there once.
enum Group {
    Few(Vec<(Rec, Weight)>),
    Many(BTreeMap<Rec, Weight>),
}

/// Above this many rows a group is a tree, so that a change of a large one stays logarithmic.
pub(crate) const FEW: usize = 32;

impl Bucket {
    fn new(rec: Rec, weight: Weight) -> Bucket {
        match weight {
            1 => Bucket::One(rec),
            _ => Bucket::More(Box::new(Group::Few(vec![(rec, weight)]))),
        }
    }

    fn len(&self) -> usize {
        match self {
            Bucket::One(_) => 1,
            Bucket::More(group) => group.len(),
        }
    }

    fn weight(&self, rec: &Rec) -> Weight {
        match self {
            Bucket::One(only) => Weight::from(only == rec),
            Bucket::More(group) => group.weight(rec),
        }
    }

    fn each<'a>(&'a self, f: &mut dyn FnMut(&'a Rec, Weight)) {
        match self {
            Bucket::One(rec) => f(rec, 1),
            Bucket::More(group) => group.each(f),
        }
    }

    /// Adds a change; false when nothing is left.
    fn add(&mut self, rec: Rec, weight: Weight) -> bool {
        match self {
            Bucket::One(only) if *only == rec => {
                if weight == -1 {
                    return false;
                }
                *self = Bucket::new(rec, 1 + weight);
            }
            Bucket::One(only) => {
                let rows = vec![(only.clone(), 1), (rec, weight)];
                *self = Bucket::More(Box::new(Group::Few(rows)));
            }
            Bucket::More(group) => {
                group.add(rec, weight);
                if let Group::Few(rows) = &**group {
                    match &rows[..] {
                        [] => return false,
                        [(only, 1)] => *self = Bucket::One(only.clone()),
                        _ => {}
                    }
                }
            }
        }
        true
    }
}

impl Group {
    fn len(&self) -> usize {
        match self {
            Group::Few(rows) => rows.len(),
            Group::Many(rows) => rows.len(),
        }
    }

    fn weight(&self, rec: &Rec) -> Weight {
        match self {
            Group::Few(rows) => rows.iter().find(|(row, _)| row == rec).map_or(0, |(_, weight)| *weight),
            Group::Many(rows) => rows.get(rec).copied().unwrap_or(0),
        }
    }

    /// The least row for which `gone` is false.
    fn first(&self, gone: &dyn Fn(&Rec) -> bool) -> Option<&Rec> {
        match self {
            Group::Few(rows) => rows.iter().map(|(rec, _)| rec).filter(|rec| !gone(rec)).min(),
            Group::Many(rows) => rows.keys().find(|rec| !gone(rec)),
        }
    }

    fn each<'a>(&'a self, f: &mut dyn FnMut(&'a Rec, Weight)) {
        match self {
            Group::Few(rows) => rows.iter().for_each(|(rec, weight)| f(rec, *weight)),
            Group::Many(rows) => rows.iter().for_each(|(rec, weight)| f(rec, *weight)),
        }
    }

    /// Adds a change.
    fn add(&mut self, rec: Rec, weight: Weight) {
        match self {
            Group::Few(rows) => {
                match rows.iter().position(|(row, _)| *row == rec) {
                    Some(at) => {
                        rows[at].1 += weight;
                        if rows[at].1 == 0 {
                            rows.swap_remove(at);
                        }
                    }
                    None => rows.push((rec, weight)),
                }
                if rows.len() > FEW {
                    *self = Group::Many(rows.drain(..).collect());
                }
            }
            Group::Many(rows) => {
                use std::collections::btree_map::Entry;
                match rows.entry(rec) {
                    Entry::Vacant(slot) => {
                        slot.insert(weight);
                    }
                    Entry::Occupied(mut slot) => {
                        *slot.get_mut() += weight;
                        if *slot.get() == 0 {
                            slot.remove();
                        }
                    }
                }
                if rows.len() <= FEW / 2 {
                    *self = Group::Few(std::mem::take(rows).into_iter().collect());
                }
            }
        }
    }
}

/// Memory follows the network down as well as up: a table of which most is free becomes a smaller one.
pub(crate) fn follow_down<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.len() * 4 < table.capacity() {
        table.shrink_to(table.len() * 2);
    }
}

/// A change of one row under one key.
pub(crate) type Keyed = (u128, Rec, Weight);

/// The contents of one index on one worker.
#[derive(Default)]
pub(crate) struct IndexState {
    before: HashMap<Key, Bucket, BuildHasherDefault<KeyHasher>>,
    /// This epoch's change, sorted by key and record, without duplicates or zeros.
    change: Vec<Keyed>,
}

impl IndexState {
    /// Takes this epoch's change; an index gets one a epoch. False when it comes to nothing.
    pub fn stage(&mut self, mut change: Vec<Keyed>) -> bool {
        debug_assert!(self.change.is_empty(), "an index takes one change an epoch");
        change.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        change.dedup_by(|later, first| {
            let same = later.0 == first.0 && later.1 == first.1;
            if same {
                first.2 += later.2;
            }
            same
        });
        change.retain(|(_, _, weight)| *weight != 0);
        self.change = change;
        !self.change.is_empty()
    }

    /// Folds this epoch's change in.
    pub fn commit(&mut self) {
        use hashbrown::hash_map::Entry;
        for (key, rec, weight) in std::mem::take(&mut self.change) {
            match self.before.entry(Key::from(key)) {
                Entry::Vacant(slot) => {
                    slot.insert(Bucket::new(rec, weight));
                }
                Entry::Occupied(mut slot) => {
                    if !slot.get_mut().add(rec, weight) {
                        slot.remove();
                    }
                }
            }
        }
        follow_down(&mut self.before);
    }

    /// This epoch's change, a slice for each key, in key order.
    pub fn change(&self) -> impl Iterator<Item = &[Keyed]> {
        self.change.chunk_by(|a, b| a.0 == b.0)
    }

    /// This epoch's change under `key`.
    pub fn change_of(&self, key: u128) -> &[Keyed] {
        let from = self.change.partition_point(|(k, _, _)| *k < key);
        let len = self.change[from..].iter().take_while(|(k, _, _)| *k == key).count();
        &self.change[from..from + len]
    }

    /// Every row that was under `key` before this epoch.
    pub fn each_before<'a>(&'a self, key: u128, f: &mut dyn FnMut(&'a Rec, Weight)) {
        if let Some(bucket) = self.before.get(&Key::from(key)) {
            bucket.each(f);
        }
    }

    /// Every row that is under `key` now, in no promised order.
    pub fn each_now<'a>(&'a self, key: u128, f: &mut dyn FnMut(&'a Rec, Weight)) {
        let change = self.change_of(key);
        if change.is_empty() {
            return self.each_before(key, f);
        }
        let changed = |rec: &Rec| change.binary_search_by(|(_, row, _)| row.cmp(rec)).is_ok();
        self.each_before(key, &mut |rec, weight| {
            if !changed(rec) {
                f(rec, weight);
            }
        });
        for (_, rec, weight) in change {
            let now = self.weight_before(key, rec) + weight;
            if now != 0 {
                f(rec, now);
            }
        }
    }

    /// How many times `rec` was under `key` before this epoch.
    pub fn weight_before(&self, key: u128, rec: &Rec) -> Weight {
        self.before.get(&Key::from(key)).map_or(0, |bucket| bucket.weight(rec))
    }

    /// Whether any row was under `key` before this epoch.
    pub fn had(&self, key: u128) -> bool {
        self.before.contains_key(&Key::from(key))
    }

    /// Whether any row is under `key` now.
    pub fn has(&self, key: u128) -> bool {
        let gained: isize = self.coming(key).map(|(_, comes)| comes).sum();
        self.len_before(key) as isize + gained > 0
    }

    /// How many different rows were under `key` before this epoch.
    pub fn len_before(&self, key: u128) -> usize {
        self.before.get(&Key::from(key)).map_or(0, Bucket::len)
    }

    /// The rows of this epoch's change under `key`: 1 for those that were not there before, -1 for those that are not
    /// there now, 0 for those whose number changes.
    pub fn coming(&self, key: u128) -> impl Iterator<Item = (&Rec, isize)> {
        self.change_of(key).iter().map(move |(_, rec, weight)| {
            let had = self.weight_before(key, rec);
            (rec, isize::from(had + weight != 0) - isize::from(had != 0))
        })
    }

    /// The least record that was under `key` before this epoch.
    pub fn first_before(&self, key: u128) -> Option<&Rec> {
        self.first_but(key, &|_| false)
    }

    /// The least record that is under `key` now.
    pub fn first_now(&self, key: u128) -> Option<&Rec> {
        let change = self.change_of(key);
        let gone = |rec: &Rec| {
            let at = change.binary_search_by(|(_, row, _)| row.cmp(rec));
            at.is_ok_and(|at| change[at].2 + self.weight_before(key, rec) == 0)
        };
        let come = self.coming(key).find(|(_, comes)| *comes > 0).map(|(rec, _)| rec);
        self.first_but(key, &gone).into_iter().chain(come).min()
    }

    fn first_but(&self, key: u128, gone: &dyn Fn(&Rec) -> bool) -> Option<&Rec> {
        match self.before.get(&Key::from(key))? {
            Bucket::One(rec) => Some(rec).filter(|rec| !gone(rec)),
            Bucket::More(group) => group.first(gone),
        }
    }

    /// The rows under `key` before this epoch, sorted by record.
    pub fn group_before(&self, key: u128) -> Vec<(&Rec, Weight)> {
        let mut rows = Vec::new();
        self.each_before(key, &mut |rec, weight| rows.push((rec, weight)));
        rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
        rows
    }

    /// The rows under `key` now, sorted by record.
    pub fn group_now(&self, key: u128) -> Vec<(&Rec, Weight)> {
        let mut rows = Vec::new();
        self.each_now(key, &mut |rec, weight| rows.push((rec, weight)));
        rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
        rows
    }

    /// Every row now, for a dump. With several workers it may be asked for when the epoch is over and its change is
    /// not folded in yet.
    pub fn all(&self) -> Delta {
        let mut rows = Delta::new();
        for bucket in self.before.values() {
            bucket.each(&mut |rec, weight| rows.push((rec.clone(), weight)));
        }
        if !self.change.is_empty() {
            rows.extend(self.change.iter().map(|(_, rec, weight)| (rec.clone(), *weight)));
            add_up(&mut rows);
        }
        rows
    }

    /// Every key that had rows before this epoch.
    pub fn keys_before(&self) -> impl Iterator<Item = u128> {
        self.before.keys().map(u128::from)
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.before.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<(u128, u32), Weight>;

    fn under(model: &Model, key: u128) -> Vec<(u32, Weight)> {
        model.range((key, 0)..=(key, u32::MAX)).map(|((_, row), weight)| (*row, *weight)).collect()
    }

    /// What a dump gives: how often each row is there, under whatever key.
    fn totals(index: &IndexState) -> BTreeMap<u32, Weight> {
        let mut rows = BTreeMap::new();
        for (rec, weight) in index.all() {
            *rows.entry(*rec.get()).or_insert(0) += weight;
        }
        rows.retain(|_, weight| *weight != 0);
        rows
    }

    fn totals_of(model: &Model) -> BTreeMap<u32, Weight> {
        let mut rows = BTreeMap::new();
        for ((_, row), weight) in model {
            *rows.entry(*row).or_insert(0) += weight;
        }
        rows.retain(|_, weight| *weight != 0);
        rows
    }

    fn sorted<'a>(rows: impl IntoIterator<Item = (&'a Rec, Weight)>) -> Vec<(u32, Weight)> {
        let mut rows: Vec<_> = rows.into_iter().map(|(rec, weight)| (*rec.get(), weight)).collect();
        rows.sort();
        rows
    }

    fn agrees(index: &IndexState, before: &Model, now: &Model) {
        for key in 0..4 {
            let (old, new) = (under(before, key), under(now, key));
            assert_eq!(index.had(key), !old.is_empty());
            assert_eq!(index.has(key), !new.is_empty());
            assert_eq!(sorted(index.group_before(key)), old);
            assert_eq!(sorted(index.group_now(key)), new);
            assert_eq!(index.first_before(key), index.group_before(key).first().map(|(rec, _)| *rec));
            assert_eq!(index.first_now(key), index.group_now(key).first().map(|(rec, _)| *rec));
            assert_eq!(index.len_before(key), old.len());
            let gained: isize = index.coming(key).map(|(_, comes)| comes).sum();
            assert_eq!(new.len() as isize - old.len() as isize, gained);
            assert!(index.group_now(key).is_sorted());
            let mut each = Vec::new();
            index.each_now(key, &mut |rec, weight| each.push((rec, weight)));
            assert_eq!(sorted(each), new);
            for row in 0..80 {
                let weight = before.get(&(key, row)).copied().unwrap_or(0);
                assert_eq!(index.weight_before(key, &Rec::new(row)), weight);
            }
        }
    }

    /// Epochs of single changes and of whole ranges, so that buckets grow and shrink through all
    /// their forms.
    fn epochs() -> impl Strategy<Value = Vec<Vec<(u128, u32, u32, Weight)>>> {
        let change = (0u128..3, 0u32..70, prop_oneof![3 => Just(1u32), 1 => 1u32..70], -2isize..3);
        proptest::collection::vec(proptest::collection::vec(change, 0..6), 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn an_index_agrees_with_a_map(epochs in epochs(), clears in any::<bool>()) {
            let mut index = IndexState::default();
            let mut before = Model::new();
            for (at, changes) in epochs.into_iter().enumerate() {
                let mut now = before.clone();
                let mut change = Vec::new();
                for (key, from, count, weight) in changes {
                    for row in from..(from + count).min(80) {
                        change.push((key, Rec::new(row), weight));
                        *now.entry((key, row)).or_insert(0) += weight;
                    }
                }
                if clears && at % 3 == 2 {
                    // Everything goes at once.
                    for ((key, row), weight) in &mut now {
                        change.push((*key, Rec::new(*row), -*weight));
                        *weight = 0;
                    }
                }
                now.retain(|_, weight| *weight != 0);
                prop_assert_eq!(index.stage(change), now != before);
                prop_assert_eq!(totals(&index), totals_of(&now));
                agrees(&index, &before, &now);
                index.commit();
                agrees(&index, &now, &now);
                prop_assert_eq!(totals(&index), totals_of(&now));
                before = now;
            }
        }
    }

    #[test]
    fn memory_follows_the_rows_down() {
        let mut index = IndexState::default();
        let rows = |weight| (0..20_000u32).map(|row| (u128::from(row), Rec::new(row), weight)).collect();
        index.stage(rows(1));
        index.commit();
        assert!(index.before.capacity() >= 20_000);
        index.stage(rows(-1));
        index.commit();
        assert_eq!(index.keys(), 0);
        assert_eq!((index.before.capacity(), index.change.capacity()), (0, 0));
    }

    #[test]
    fn a_bucket_is_a_row() {
        assert_eq!(size_of::<Bucket>(), size_of::<Rec>());
        assert_eq!(size_of::<(Key, Bucket)>(), 40);
    }
}
