//! Every operator against a naive model, under random inserts, updates and deletes.
//!
//! One program holds all operators. After each epoch the accumulated outputs must equal what plain
//! loops compute from the accumulated inputs: whatever the history, however many transactions an
//! epoch takes together, for 1, 2 and 4 workers, and for two processes.

mod common;

use std::collections::BTreeMap;

use northflow_engine::{Allocator, Builder, Config, Engine, Rec, Transaction, Weight};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use self::common::{Bag, Held, runner, with_cluster, workers};

/// A row of both inputs: a key and a value.
type Row = (u8, u8);

/// Gives each request its own value if free, else the lowest free number of its space; keeps it.
#[derive(Default)]
struct Lowest {
    taken: BTreeMap<u8, Row>,
}

impl Allocator for Lowest {
    type Request = Row;
    type Assignment = (Row, u8);

    fn change(&mut self, removed: Vec<Row>, added: Vec<Row>, emit: &mut dyn FnMut((Row, u8), Weight)) {
        for row in removed {
            let number = *self.taken.iter().find(|(_, owner)| **owner == row).unwrap().0;
            self.taken.remove(&number);
            emit((row, number), -1);
        }
        for row in added {
            let number = (0..=u8::MAX).find(|number| !self.taken.contains_key(number)).unwrap();
            self.taken.insert(number, row);
            emit((row, number), 1);
        }
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

fn program(program: &Builder) {
    let a = program.input::<Row>("a");
    let b = program.input::<Row>("b");
    let (by_a, by_b) = (a.index_by(|row| row.0), b.index_by(|row| row.0));
    program.output("map", &a.map(|row| (row.1 / 2, row.0)));
    program.output("filter", &a.filter(|row| row.1 % 2 == 0));
    program.output("flat_map", &a.flat_map(|row| vec![*row; usize::from(row.1 % 3)]));
    program.output("concat", &a.concat(&b));
    program.output("minus", &a.distinct().concat(&b.distinct().negate()));
    program.output("distinct", &a.concat(&b).distinct());
    program.output("join", &by_a.join(&by_b, |a, b| (a.0, a.1, b.1)));
    program.output("join_optional", &by_a.join_optional(&by_b, |a, b| Some((a.0, a.1, b.map(|b| b.1)))));
    program.output("semijoin", &by_a.semijoin(&by_b));
    program.output("antijoin", &by_a.antijoin(&by_b));
    program.output("largest", &by_a.reduce(|group| group.rows().max().copied()));
    program.output(
        "sets",
        &by_a.reduce(|group| {
            let mut all: Vec<(u8, Weight)> = group.weighted().map(|(row, weight)| (row.1, weight)).collect();
            all.sort();
            Some((group.any().0, all))
        }),
    );
    let by_half = a.index_by(|row| row.0 / 2);
    let halves = b.index_by(|row| row.0 / 2);
    program.output(
        "join_groups",
        &by_half.join_groups((&halves, &by_half, &b.filter(|row| row.0 == 1).everywhere()), |row, groups| {
            let (others, same, all) = groups;
            let others: Vec<(Row, Weight)> = others.weighted().map(|(row, weight)| (*row, weight)).collect();
            Some((*row, others.iter().max().copied(), same.count(), all.count()))
        }),
    );
    let tally = a.tally_by(|row| row.0, |row| u128::from(row.1));
    program.output("tally", &tally.map(|tally| (tally.key, tally.count, tally.sum as u64)));
    let summary = by_a.summarize(
        |row| u128::from(row.1),
        |summary| Some((summary.any.0, summary.count as u8, summary.sum as u64)),
    );
    program.output("summary", &summary);
    program.output("least", &a.least_by(|row| row.0, |row| std::cmp::Reverse(row.1)));
    program.output("allocate", &a.distinct().allocate_by(|row| row.0 % 2, Lowest::default));
    // A diamond: both sides of the join change in one epoch, and one of them through a reduce.
    let sizes = by_a.reduce(|group| Some((group.any().0, group.count() as u8)));
    let diamond = by_a.join(&sizes.index_by(|size| size.0), |row, size| (row.0, row.1, size.1));
    program.output("diamond", &diamond.distinct());
}

fn copies<T: Ord + Clone + std::fmt::Debug>(rows: impl IntoIterator<Item = (T, Weight)>) -> Bag<String> {
    let mut bag = Bag::new();
    for (row, weight) in rows {
        *bag.entry(format!("{row:?}")).or_insert(0) += weight;
    }
    bag.retain(|_, weight| *weight != 0);
    bag
}

/// What each output holds, by plain loops; `allocate` is checked on its own.
fn model(a: &Bag<Row>, b: &Bag<Row>) -> BTreeMap<&'static str, Bag<String>> {
    let under = |bag: &Bag<Row>, key: u8| -> Vec<(Row, Weight)> {
        bag.iter().filter(|(row, _)| row.0 == key).map(|(row, weight)| (*row, *weight)).collect()
    };
    let keys: Vec<u8> =
        a.keys().map(|row| row.0).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let mut all = a.clone();
    b.iter().for_each(|(row, weight)| *all.entry(*row).or_insert(0) += weight);
    let mut out = BTreeMap::new();
    out.insert("map", copies(a.iter().map(|(row, w)| ((row.1 / 2, row.0), *w))));
    out.insert("filter", copies(a.iter().filter(|(row, _)| row.1 % 2 == 0).map(|(row, w)| (*row, *w))));
    out.insert(
        "flat_map",
        copies(a.iter().map(|(row, w)| (*row, w * isize::from(row.1 % 3 != 0) * (row.1 % 3) as isize))),
    );
    out.insert("concat", copies(all.clone()));
    let minus = a.keys().map(|row| (*row, 1)).chain(b.keys().map(|row| (*row, -1)));
    out.insert("minus", copies(minus));
    out.insert("distinct", copies(all.keys().map(|row| (*row, 1))));
    let pairs =
        a.iter().flat_map(|(x, wx)| under(b, x.0).into_iter().map(move |(y, wy)| ((x.0, x.1, y.1), wx * wy)));
    out.insert("join", copies(pairs));
    let optional = a.iter().flat_map(|(x, wx)| {
        let partners = under(b, x.0);
        let lonely = partners.is_empty().then_some(((x.0, x.1, None), *wx));
        partners.into_iter().map(move |(y, wy)| ((x.0, x.1, Some(y.1)), wx * wy)).chain(lonely)
    });
    out.insert("join_optional", copies(optional));
    let has = |row: &Row| !under(b, row.0).is_empty();
    out.insert("semijoin", copies(a.iter().filter(|(row, _)| has(row)).map(|(row, w)| (*row, *w))));
    out.insert("antijoin", copies(a.iter().filter(|(row, _)| !has(row)).map(|(row, w)| (*row, *w))));
    let near = |bag: &Bag<Row>, key: u8| -> Vec<(Row, Weight)> {
        bag.iter().filter(|(row, _)| row.0 / 2 == key / 2).map(|(row, weight)| (*row, *weight)).collect()
    };
    let together = a.iter().map(|(row, weight)| {
        let others = near(b, row.0);
        ((*row, others.iter().max().copied(), near(a, row.0).len(), under(b, 1).len()), *weight)
    });
    out.insert("join_groups", copies(together));
    out.insert("largest", copies(keys.iter().map(|key| (under(a, *key).last().unwrap().0, 1))));
    let sets = keys.iter().map(|key| {
        let values: Vec<(u8, Weight)> = under(a, *key).into_iter().map(|(row, w)| (row.1, w)).collect();
        ((*key, values), 1)
    });
    out.insert("sets", copies(sets));
    let tally = keys.iter().map(|key| {
        let rows = under(a, *key);
        let count: i64 = rows.iter().map(|(_, w)| *w as i64).sum();
        let sum: u64 = rows.iter().map(|(row, w)| u64::from(row.1) * *w as u64).sum();
        ((*key, count, sum), 1)
    });
    out.insert("tally", copies(tally));
    let summary = keys.iter().map(|key| {
        let rows = under(a, *key);
        let sum: u64 = rows.iter().map(|(row, _)| u64::from(row.1)).sum();
        ((*key, rows.len() as u8, sum), 1)
    });
    out.insert("summary", copies(summary));
    out.insert("least", out["largest"].clone());
    out.insert("diamond", copies(a.keys().map(|row| ((row.0, row.1, under(a, row.0).len() as u8), 1))));
    out
}

/// A step: for each input and row, how often it is to be there afterwards; and whether the step
/// shares an epoch with the next.
type Step = (Vec<(bool, Row, u8)>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = (any::<bool>(), (0u8..5, 0u8..6), 0u8..3);
    proptest::collection::vec((proptest::collection::vec(edit, 0..8), any::<bool>()), 1..14)
}

/// Runs `steps` and checks every epoch against the model; gives the allocations at the end.
fn check(engine: &mut Engine, steps: &[Step]) -> Result<Bag<String>, TestCaseError> {
    let (mut a, mut b) = (Bag::new(), Bag::new());
    let mut held = Held::default();
    let mut transaction = Transaction::new();
    for (at, (edits, shares)) in steps.iter().enumerate() {
        for (left, row, count) in edits {
            let bag = if *left { &mut a } else { &mut b };
            let change = isize::from(*count) - bag.get(row).copied().unwrap_or(0);
            if *count == 0 {
                bag.remove(row);
            } else {
                bag.insert(*row, isize::from(*count));
            }
            if change != 0 {
                transaction.change(if *left { "a" } else { "b" }, Rec::new(*row), change);
            }
        }
        if *shares && at + 1 < steps.len() {
            continue;
        }
        let result = engine.step(std::mem::take(&mut transaction)).unwrap();
        held.take(engine, &result);
        held.agrees(model(&a, &b), at)?;
        let allocated = held.rows("allocate");
        prop_assert_eq!(allocated.len(), a.len());
        prop_assert!(allocated.values().all(|weight| *weight == 1));
    }
    Ok(held.rows("allocate"))
}

fn random(cases: u32, count: usize) {
    let start = || workers(count, program);
    runner(cases).run(&steps(), |steps| check(&mut start(), &steps).map(drop)).unwrap();
}

#[test]
fn one_worker_agrees_with_the_model() {
    random(256, 1);
}

#[test]
fn two_workers_agree_with_the_model() {
    random(48, 2);
}

#[test]
fn four_workers_agree_with_the_model() {
    random(24, 4);
}

#[test]
fn two_processes_agree_with_the_model_and_with_one() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..4 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let together = with_cluster(program, |engine| check(engine, &steps).unwrap());
        let alone = check(&mut workers(1, program), &steps).unwrap();
        assert_eq!(together, alone);
    }
}

#[test]
fn allocations_do_not_depend_on_the_number_of_workers() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..16 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let one = check(&mut workers(1, program), &steps).unwrap();
        assert_eq!(one, check(&mut workers(2, program), &steps).unwrap());
    }
}

/// Many epochs in flight at once: each result is complete, in order, and none is lost.
#[test]
fn epochs_in_flight_stay_apart() {
    for count in [1, 2, 4] {
        let mut engine = workers(count, program);
        let join = engine.output_number("join").unwrap();
        let reader = std::thread::spawn({
            let results = engine.results().clone();
            move || (0..200u64).map(|_| results.recv().unwrap()).collect::<Vec<_>>()
        });
        for epoch in 0..200u64 {
            let mut transaction = Transaction::new();
            let value = epoch as u8;
            transaction.insert("a", (0u8, value));
            transaction.insert("b", (0u8, value));
            if epoch > 0 {
                transaction.remove("a", (0u8, value - 1));
                transaction.remove("b", (0u8, value - 1));
            }
            assert_eq!(engine.commit(transaction).unwrap(), epoch);
        }
        for (epoch, result) in reader.join().unwrap().into_iter().enumerate() {
            assert_eq!(result.epoch, epoch as u64);
            let mut rows: Vec<((u8, u8, u8), Weight)> =
                result.output(join).iter().map(|(rec, weight)| (*rec.get(), *weight)).collect();
            rows.sort();
            let value = epoch as u8;
            let mut expected = vec![((0, value, value), 1)];
            if epoch > 0 {
                expected.insert(0, ((0, value - 1, value - 1), -1));
            }
            assert_eq!(rows, expected);
        }
    }
}

#[test]
fn an_unknown_input_is_an_error() {
    let mut engine = workers(1, program);
    let mut transaction = Transaction::new();
    transaction.insert("nowhere", 1u8);
    let error = engine.commit(transaction).unwrap_err();
    assert_eq!(error.to_string(), "the program has no input \"nowhere\"");
    assert!(engine.step(Transaction::new()).is_ok());
}

#[test]
fn an_index_by_the_same_function_is_shared() {
    fn first(row: &Row) -> u8 {
        row.0
    }
    let indexes = |program: &dyn Fn(&Builder)| {
        let outline = northflow_engine::outline(program);
        outline.iter().filter(|operator| operator.name == "index").count()
    };
    let same = |program: &Builder| {
        let rows = program.input::<Row>("rows");
        rows.index_by(first).join(&rows.index_by(first), |a, _| *a);
    };
    assert_eq!(indexes(&same), 1);
    let captured = |program: &Builder| {
        let rows = program.input::<Row>("rows");
        let by = |place: u8| rows.index_by(move |row| if place == 0 { row.0 } else { row.1 });
        by(0).join(&by(1), |a, _| *a);
    };
    assert_eq!(indexes(&captured), 2);
}

#[test]
fn a_large_group_is_summarized_without_being_read() {
    let mut engine = Engine::start(Config::default(), |program| {
        let rows = program.input::<(u32, u64)>("rows").index_by(|row| row.0);
        let summary = rows.summarize(
            |row| u128::from(row.1),
            |summary| Some((summary.any.0, summary.count as u64, summary.sum as u64)),
        );
        program.output("summary", &summary);
    })
    .unwrap();
    let met = |engine: &Engine| engine.metrics().unwrap().iter().map(|metrics| metrics.rows_met).sum::<u64>();
    let mut summary = None;
    let mut expected = 0;
    // Up through all forms of a group and down again, a few rows at a time.
    let up = (0..200).map(|row| (row, true));
    for (row, comes) in up.clone().chain(up.map(|(row, _)| (row, false))) {
        let mut transaction = Transaction::new();
        for row in [row, row + 1000] {
            transaction.change("rows", Rec::new((7u32, row)), if comes { 1 } else { -1 });
            expected = if comes { expected + row } else { expected - row };
        }
        let before = met(&engine);
        let result = engine.step(transaction).unwrap();
        for (row, weight) in engine.changes::<(u32, u64, u64)>(&result, "summary") {
            match weight {
                1 => summary = Some(*row),
                _ => assert_eq!(weight, -1),
            }
        }
        let count = if comes { 2 * (row + 1) } else { 2 * (199 - row) };
        match count {
            0 => assert_eq!(engine.changes::<(u32, u64, u64)>(&result, "summary").count(), 1),
            _ => assert_eq!(summary, Some((7, count, expected))),
        }
        assert!(met(&engine) - before <= 40, "a row is met without its group");
    }
}
