//! The operators, written once for all row types.
//!
//! Those that read indexes use both halves of them, the rows before this epoch and its change, so
//! that each computes exactly the change of its own result. Work is proportional to the changes on
//! either side and to the rows that they meet.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use hashbrown::HashMap;

use crate::delta::{Delta, Weight, consolidate};
use crate::graph::index::{FEW, IndexState, Keyed, follow_down};
use crate::graph::{Operator, Outcome, SharedIndex};
use crate::record::Rec;

/// Receives the rows that a closure makes.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(Rec);

/// Gives the key of a row.
pub(crate) type KeyLogic = Rc<dyn Fn(&Rec) -> u128>;
/// Makes rows of a row.
pub(crate) type RowLogic = Box<dyn Fn(&Rec, Emit<'_>)>;
/// Makes rows of a pair.
pub(crate) type PairLogic = Box<dyn Fn(&Rec, &Rec, Emit<'_>)>;
/// Makes rows of a row and its partner, if it has one.
pub(crate) type OptionalLogic = Box<dyn Fn(&Rec, Option<&Rec>, Emit<'_>)>;
/// Makes rows of a row and of the groups that other indexes have under its key.
pub(crate) type GroupsLogic = Box<dyn Fn(&Rec, &[Vec<(&Rec, Weight)>], Emit<'_>)>;
/// Makes rows of a group.
pub(crate) type GroupLogic = Box<dyn Fn(&ErasedGroup<'_>, Emit<'_>)>;
/// Gives the key and the number of a row.
pub(crate) type TallyLogic = Box<dyn Fn(&Rec) -> (u128, u128)>;
/// Makes the result row of a tally from a row of the group, the count and the sum.
pub(crate) type TallyResult = Box<dyn Fn(&Rec, Weight, u128) -> Rec>;

fn rows(mut delta: Delta) -> Outcome {
    consolidate(&mut delta);
    if delta.is_empty() { Outcome::Quiet } else { Outcome::Rows(delta) }
}

/// Hands its input on: an input of the graph, or the union of several relations.
pub(crate) struct Union;

impl Operator for Union {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let mut all = Delta::new();
        for rows in inbox {
            if all.is_empty() {
                all = std::mem::take(rows);
            } else {
                all.append(rows);
            }
        }
        rows(all)
    }
}

/// Turns each row into any number of rows.
pub(crate) struct FlatMap {
    pub logic: RowLogic,
    /// 1, or -1 to take rows away.
    pub sign: Weight,
}

impl Operator for FlatMap {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let mut out = Delta::with_capacity(inbox[0].len());
        for (rec, weight) in inbox[0].drain(..) {
            (self.logic)(&rec, &mut |rec| out.push((rec, weight * self.sign)));
        }
        rows(out)
    }
}

/// Keeps the rows of a relation by key.
pub(crate) struct Index {
    pub key: KeyLogic,
    pub state: SharedIndex,
}

impl Operator for Index {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let change: Vec<Keyed> =
            inbox[0].drain(..).map(|(rec, weight)| ((self.key)(&rec), rec, weight)).collect();
        if self.state.borrow_mut().stage(change) { Outcome::Index } else { Outcome::Quiet }
    }
    fn index(&self) -> Option<SharedIndex> {
        Some(Rc::clone(&self.state))
    }
}

/// Pairs rows with equal keys.
pub(crate) struct Join {
    pub left: SharedIndex,
    pub right: SharedIndex,
    pub logic: PairLogic,
}

impl Operator for Join {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let (left, right) = (self.left.borrow(), self.right.borrow());
        let mut out = Delta::new();
        let mut pair = |a: &Rec, b: &Rec, weight: Weight| {
            *met += 1;
            (self.logic)(a, b, &mut |rec| out.push((rec, weight)));
        };
        for group in left.change() {
            // What is there now, rather than what was and its change: pairs that part are not met at all.
            right.each_now(group[0].0, &mut |b, wb| {
                group.iter().for_each(|(_, a, wa)| pair(a, b, wa * wb));
            });
        }
        for group in right.change() {
            left.each_before(group[0].0, &mut |a, wa| {
                group.iter().for_each(|(_, b, wb)| pair(a, b, wa * wb));
            });
        }
        rows(out)
    }
}

/// Keeps the rows on the left whose key is on the right (or is not, for an antijoin).
pub(crate) struct Semijoin {
    pub left: SharedIndex,
    pub right: SharedIndex,
    pub anti: bool,
}

impl Operator for Semijoin {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let (left, right) = (self.left.borrow(), self.right.borrow());
        let mut out = Delta::new();
        for group in left.change() {
            *met += group.len() as u64;
            if right.has(group[0].0) != self.anti {
                out.extend(group.iter().map(|(_, rec, weight)| (rec.clone(), *weight)));
            }
        }
        for group in right.change() {
            let key = group[0].0;
            let (had, has) = (right.had(key) != self.anti, right.has(key) != self.anti);
            let sign = isize::from(has) - isize::from(had);
            if sign != 0 {
                left.each_before(key, &mut |rec, weight| {
                    *met += 1;
                    out.push((rec.clone(), weight * sign));
                });
            }
        }
        rows(out)
    }
}

/// Pairs rows on the left with those of equal key on the right, or with nothing where there are none.
pub(crate) struct JoinOptional {
    pub left: SharedIndex,
    pub right: SharedIndex,
    pub logic: OptionalLogic,
}

impl Operator for JoinOptional {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let (left, right) = (self.left.borrow(), self.right.borrow());
        let mut out = Delta::new();
        let mut pair = |a: &Rec, b: Option<&Rec>, weight: Weight| {
            *met += 1;
            (self.logic)(a, b, &mut |rec| out.push((rec, weight)));
        };
        for group in left.change() {
            let key = group[0].0;
            if right.has(key) {
                right.each_now(key, &mut |b, wb| {
                    group.iter().for_each(|(_, a, wa)| pair(a, Some(b), wa * wb));
                });
            } else {
                group.iter().for_each(|(_, a, wa)| pair(a, None, *wa));
            }
        }
        for group in right.change() {
            let key = group[0].0;
            let nothing = isize::from(!right.has(key)) - isize::from(!right.had(key));
            left.each_before(key, &mut |a, wa| {
                group.iter().for_each(|(_, b, wb)| pair(a, Some(b), wa * wb));
                if nothing != 0 {
                    pair(a, None, wa * nothing);
                }
            });
        }
        rows(out)
    }
}

/// What a [`JoinGroups`] reads beside the rows on the left.
pub(crate) struct Beside {
    pub index: SharedIndex,
    /// Whether it reads all rows, which are under the key [`EVERYWHERE`], and not those of the same key.
    pub whole: bool,
}

/// The key of the rows that every worker has.
pub(crate) const EVERYWHERE: u128 = 0;

fn rows_of(groups: &[Vec<(&Rec, Weight)>]) -> u64 {
    groups.iter().map(|group| group.len() as u64).sum()
}

/// Gives each row on the left the groups that several other indexes have under its key. Whatever changed under a key,
/// its rows are made anew and those of before taken back.
pub(crate) struct JoinGroups {
    pub left: SharedIndex,
    pub others: Vec<Beside>,
    pub logic: GroupsLogic,
}

impl Operator for JoinGroups {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let left = self.left.borrow();
        let others: Vec<_> = self.others.iter().map(|beside| (beside.index.borrow(), beside.whole)).collect();
        let changed =
            |whole| others.iter().filter(move |(_, w)| *w == whole).flat_map(|(index, _)| index.change());
        let mut keys: Vec<u128> = changed(false).chain(left.change()).map(|group| group[0].0).collect();
        if changed(true).next().is_some() {
            keys.extend(left.keys_before());
        }
        keys.sort_unstable();
        keys.dedup();
        let mut out = Delta::new();
        for key in keys {
            let at = |whole| if whole { EVERYWHERE } else { key };
            if left.has(key) {
                let groups: Vec<_> =
                    others.iter().map(|(index, whole)| index.group_now(at(*whole))).collect();
                *met += rows_of(&groups);
                left.each_now(key, &mut |row, weight| {
                    *met += 1;
                    (self.logic)(row, &groups, &mut |rec| out.push((rec, weight)));
                });
            }
            if left.had(key) {
                let groups: Vec<_> =
                    others.iter().map(|(index, whole)| index.group_before(at(*whole))).collect();
                *met += rows_of(&groups);
                left.each_before(key, &mut |row, weight| {
                    *met += 1;
                    (self.logic)(row, &groups, &mut |rec| out.push((rec, -weight)));
                });
            }
        }
        rows(out)
    }
}

/// A group as the erased closure of a reduce sees it.
pub(crate) type ErasedGroup<'a> = [(&'a Rec, Weight)];

/// Computes rows from all rows of a key. The logic is pure: what it said before is computed again
/// rather than stored.
pub(crate) struct Reduce {
    pub input: SharedIndex,
    pub logic: GroupLogic,
}

impl Operator for Reduce {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let input = self.input.borrow();
        let mut out = Delta::new();
        for group in input.change() {
            let key = group[0].0;
            let now = input.group_now(key);
            if !now.is_empty() {
                (self.logic)(&now, &mut |rec| out.push((rec, 1)));
            }
            let before = input.group_before(key);
            *met += (now.len() + before.len()) as u64;
            if !before.is_empty() {
                (self.logic)(&before, &mut |rec| out.push((rec, -1)));
            }
        }
        rows(out)
    }
}

/// Brings every weight above zero to one, and drops the others.
pub(crate) struct Distinct {
    pub input: SharedIndex,
}

impl Operator for Distinct {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let input = self.input.borrow();
        let mut out = Delta::new();
        for (key, rec, weight) in input.change().flatten() {
            *met += 1;
            let before = input.weight_before(*key, rec);
            let sign = isize::from(before + weight > 0) - isize::from(before > 0);
            if sign != 0 {
                out.push((rec.clone(), sign));
            }
        }
        rows(out)
    }
}

/// What a closure makes of a group that it does not see whole: the first row, how many there are, and a sum.
pub(crate) type SummaryLogic = Box<dyn Fn(&Rec, usize, u128, Emit<'_>)>;

/// Computes rows from the first row of a key, the number of rows, and the sum of a number that each has.
pub(crate) struct Summarize {
    pub input: SharedIndex,
    pub number: Box<dyn Fn(&Rec) -> u128>,
    pub logic: SummaryLogic,
    /// The sums of groups with more rows than are added up anew.
    pub sums: HashMap<u128, u128>,
}

impl Operator for Summarize {
    fn run(&mut self, _: &mut [Delta], met: &mut u64) -> Outcome {
        let input = self.input.borrow();
        let mut out = Delta::new();
        for group in input.change() {
            let key = group[0].0;
            let before = input.len_before(key);
            let mut sum = self.sums.remove(&key).unwrap_or_default();
            if before <= FEW {
                sum = 0;
                *met += before as u64;
                input.each_before(key, &mut |rec, _| sum = sum.wrapping_add((self.number)(rec)));
            }
            if let Some(first) = input.first_before(key) {
                (self.logic)(first, before, sum, &mut |rec| out.push((rec, -1)));
            }
            let mut now = before;
            for (rec, comes) in input.coming(key) {
                *met += 1;
                now = now.wrapping_add_signed(comes);
                sum = sum.wrapping_add((self.number)(rec).wrapping_mul(comes as u128));
            }
            if let Some(first) = input.first_now(key) {
                (self.logic)(first, now, sum, &mut |rec| out.push((rec, 1)));
            }
            if now > FEW {
                self.sums.insert(key, sum);
            }
        }
        follow_down(&mut self.sums);
        rows(out)
    }
}

/// Says which of two rows of a group comes first.
pub(crate) type Order = Rc<dyn Fn(&Rec, &Rec) -> Ordering>;

/// A row in the order that a [`Least`] goes by.
struct Ranked {
    rec: Rec,
    order: Order,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.order)(&self.rec, &other.rec).then_with(|| self.rec.cmp(&other.rec))
    }
}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Ranked {}

/// Keeps the rows of each key in an order, and gives the first of them.
pub(crate) struct Least {
    pub key: KeyLogic,
    pub order: Order,
    groups: HashMap<u128, BTreeMap<Ranked, Weight>>,
}

impl Least {
    pub fn new(key: KeyLogic, order: Order) -> Least {
        Least { key, order, groups: HashMap::new() }
    }
}

impl Operator for Least {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let first = |group: &BTreeMap<Ranked, Weight>| Some(group.first_key_value()?.0.rec.clone());
        let mut before: HashMap<u128, Option<Rec>> = HashMap::new();
        for (rec, weight) in inbox[0].drain(..) {
            let key = (self.key)(&rec);
            let group = self.groups.entry(key).or_default();
            before.entry(key).or_insert_with(|| first(group));
            match group.entry(Ranked { rec, order: Rc::clone(&self.order) }) {
                Entry::Vacant(slot) => drop(slot.insert(weight)),
                Entry::Occupied(mut slot) => {
                    *slot.get_mut() += weight;
                    if *slot.get() == 0 {
                        slot.remove();
                    }
                }
            }
        }
        let mut out = Delta::new();
        for (key, before) in before {
            let now = self.groups.get(&key).and_then(first);
            if now.is_none() {
                self.groups.remove(&key);
            }
            out.extend(before.map(|rec| (rec, -1)));
            out.extend(now.map(|rec| (rec, 1)));
        }
        follow_down(&mut self.groups);
        rows(out)
    }
}

/// Counts rows and adds up a number under each key, without keeping the rows.
pub(crate) struct Tally {
    pub key: TallyLogic,
    pub result: TallyResult,
    pub groups: HashMap<u128, (Weight, u128)>,
}

impl Operator for Tally {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let mut touched: HashMap<u128, (Rec, Weight, u128)> = HashMap::new();
        for (rec, weight) in inbox[0].drain(..) {
            let (key, number) = (self.key)(&rec);
            let sum = number.wrapping_mul(weight as u128);
            let change = touched.entry(key).or_insert((rec, 0, 0));
            change.1 += weight;
            change.2 = change.2.wrapping_add(sum);
        }
        let mut out = Delta::new();
        for (key, (rec, count, sum)) in touched {
            let before = self.groups.get(&key).copied().unwrap_or_default();
            let now = (before.0 + count, before.1.wrapping_add(sum));
            if now == before {
                continue;
            }
            if before.0 != 0 {
                out.push(((self.result)(&rec, before.0, before.1), -1));
            }
            if now.0 != 0 {
                out.push(((self.result)(&rec, now.0, now.1), 1));
            }
            // Rows that are there less than no times can make a sum without a count.
            if now == (0, 0) {
                self.groups.remove(&key);
            } else {
                self.groups.insert(key, now);
            }
        }
        follow_down(&mut self.groups);
        rows(out)
    }
}

/// What an allocator of one space says about a change, as the engine sees it.
pub(crate) trait ErasedAllocator {
    fn change(&mut self, change: Delta, emit: &mut dyn FnMut(Rec, Weight));
    fn is_empty(&self) -> bool;
}

/// Keeps an allocator for each space.
pub(crate) struct Allocate {
    pub space: KeyLogic,
    pub start: Box<dyn Fn() -> Box<dyn ErasedAllocator>>,
    pub spaces: HashMap<u128, Box<dyn ErasedAllocator>>,
}

impl Operator for Allocate {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        let mut change = IndexState::default();
        change.stage(inbox[0].drain(..).map(|(rec, weight)| ((self.space)(&rec), rec, weight)).collect());
        let mut out = Delta::new();
        for group in change.change() {
            let key = group[0].0;
            let space = self.spaces.entry(key).or_insert_with(|| (self.start)());
            let rows = group.iter().map(|(_, rec, weight)| (rec.clone(), *weight)).collect();
            space.change(rows, &mut |rec, weight| out.push((rec, weight)));
            if space.is_empty() {
                self.spaces.remove(&key);
            }
        }
        follow_down(&mut self.spaces);
        rows(out)
    }
}

/// Gathers rows for the outside world.
pub(crate) struct Output {
    pub output: usize,
}

impl Operator for Output {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        Outcome::Output(self.output, std::mem::take(&mut inbox[0]))
    }
    fn is_output(&self) -> bool {
        true
    }
}

/// Hands its input to a region.
pub(crate) struct Enter {
    pub region: usize,
}

impl Operator for Enter {
    fn run(&mut self, inbox: &mut [Delta], _: &mut u64) -> Outcome {
        inbox.iter_mut().for_each(consolidate);
        Outcome::Enter(self.region, inbox.iter_mut().map(std::mem::take).collect())
    }
}

/// A new index with nothing in it.
pub(crate) fn empty_index() -> SharedIndex {
    Rc::new(RefCell::new(IndexState::default()))
}
