//! Recursion against plain loops, under random insertions and deletions of edges, for 1, 2 and 4
//! workers and for two processes.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::differential::differential_dataflow::AsCollection;
use northflow_engine::iterate::{components, reach};
use northflow_engine::{Builder, Engine, Rec, Transaction, Weight};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use self::common::{Bag, Held, runner, with_cluster, workers};

type Edge = (u8, u8);

const NODES: u8 = 12;

fn program(program: &Builder) {
    let edges = program.input::<Edge>("edges");
    let roots = program.input::<u8>("roots");
    let reached = reach(&edges, &roots);
    program.output("reached", &reached);
    let labels = components(&edges);
    program.output("labels", &labels);
    // What leaves one recursion goes through indexes and into another.
    let sizes = labels.index_by(|label| label.1).reduce(|group| Some((group.any().1, group.count() as u8)));
    program.output("sizes", &sizes);
    let open = edges.index_by(|edge| edge.1).antijoin(&reached.index_by(|node| *node));
    program.output("open", &open.distinct());
    program.output("beyond", &reach(&open, &open.map(|edge| edge.0).distinct()));
    // Distances, with a filter, an antijoin against what does not change, and a reduce.
    let start = roots.map(|node| (*node, 0u8)).distinct();
    let distances = start.iterate(|scope, known| {
        let edges = scope.enter(&edges);
        let even = edges.filter(|edge| edge.1 % 2 == 0).index_by(|edge| edge.1);
        let loops = edges.filter(|edge| edge.0 == edge.1).index_by(|edge| edge.0);
        let edges = edges.index_by(|edge| edge.1).semijoin(&even).index_by(|edge| edge.0).antijoin(&loops);
        let further = known
            .index_by(|known| known.0)
            .join(&edges.index_by(|edge| edge.0), |known, edge| (edge.1, known.1 + 1));
        let all = further.concat(&scope.enter(&start));
        all.index_by(|known| known.0).reduce(|group| group.rows().min().copied())
    });
    program.output("distances", &distances);
    let doubled = edges.as_collection::<u8>(|rows| {
        rows.inner.as_collection().map(|rec| Rec::new(rec.get::<Edge>().0)).consolidate()
    });
    program.output("doubled", &doubled);
}

fn hop(edges: &BTreeSet<Edge>, from: impl IntoIterator<Item = u8>) -> BTreeSet<u8> {
    let mut seen: BTreeSet<u8> = from.into_iter().collect();
    loop {
        let next: BTreeSet<u8> =
            edges.iter().filter(|edge| seen.contains(&edge.0)).map(|edge| edge.1).collect();
        let before = seen.len();
        seen.extend(next);
        if seen.len() == before {
            return seen;
        }
    }
}

fn model(edges: &BTreeSet<Edge>, roots: &BTreeSet<u8>) -> BTreeMap<&'static str, Bag<String>> {
    fn set<T: std::fmt::Debug>(rows: impl IntoIterator<Item = T>) -> Bag<String> {
        rows.into_iter().map(|row| (format!("{row:?}"), 1)).collect()
    }
    let mut out = BTreeMap::new();
    let reached = hop(edges, roots.iter().copied());
    let both: BTreeSet<Edge> = edges.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
    let labels: Vec<Edge> = (0..NODES)
        .filter(|node| both.iter().any(|edge| edge.0 == *node))
        .map(|node| (node, *hop(&both, [node]).first().unwrap()))
        .collect();
    let mut sizes: BTreeMap<u8, u8> = BTreeMap::new();
    labels.iter().for_each(|(_, label)| *sizes.entry(*label).or_default() += 1);
    let open: BTreeSet<Edge> = edges.iter().filter(|edge| !reached.contains(&edge.1)).copied().collect();
    out.insert("reached", set(&reached));
    out.insert("labels", set(labels));
    out.insert("sizes", set(sizes));
    out.insert("beyond", set(hop(&open, open.iter().map(|edge| edge.0))));
    out.insert("open", set(&open));
    let usable = |edge: &&Edge| edge.1.is_multiple_of(2) && !edges.contains(&(edge.0, edge.0));
    let usable: BTreeSet<Edge> = edges.iter().filter(usable).copied().collect();
    let mut distances: BTreeMap<u8, u8> = roots.iter().map(|root| (*root, 0)).collect();
    for distance in 1..=NODES {
        let last: Vec<u8> = distances.keys().copied().collect();
        for edge in usable.iter().filter(|edge| last.contains(&edge.0)) {
            distances.entry(edge.1).or_insert(distance);
        }
    }
    out.insert("distances", set(distances));
    let mut degrees = Bag::new();
    edges.iter().for_each(|edge| *degrees.entry(format!("{:?}", edge.0)).or_default() += 1);
    out.insert("doubled", degrees);
    out
}

/// What an epoch toggles.
type Step = (Vec<Edge>, Vec<u8>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edges = proptest::collection::vec((0..NODES, 0..NODES), 0..10);
    let roots = proptest::collection::vec(0..NODES, 0..2);
    proptest::collection::vec((edges, roots), 1..10)
}

fn toggle<T: Ord + Copy>(set: &mut BTreeSet<T>, row: T) -> Weight {
    if set.remove(&row) {
        return -1;
    }
    set.insert(row);
    1
}

fn check(engine: &mut Engine, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut edges, mut roots) = (BTreeSet::new(), BTreeSet::new());
    let mut held = Held::default();
    for (at, (toggled_edges, toggled_roots)) in steps.iter().enumerate() {
        let mut transaction = Transaction::new();
        for edge in toggled_edges {
            transaction.change("edges", Rec::new(*edge), toggle(&mut edges, *edge));
        }
        for root in toggled_roots {
            transaction.change("roots", Rec::new(*root), toggle(&mut roots, *root));
        }
        let result = engine.step(transaction).unwrap();
        held.take(engine, &result);
        held.agrees(model(&edges, &roots), at)?;
    }
    Ok(())
}

fn random(cases: u32, count: usize) {
    runner(cases).run(&steps(), |steps| check(&mut workers(count, program), &steps)).unwrap();
}

#[test]
fn one_worker_agrees_with_the_model() {
    random(64, 1);
}

#[test]
fn two_workers_agree_with_the_model() {
    random(24, 2);
}

#[test]
fn four_workers_agree_with_the_model() {
    random(10, 4);
}

#[test]
fn two_processes_agree_with_the_model() {
    let mut runner = TestRunner::deterministic();
    let steps: Vec<Step> = (0..6).flat_map(|_| steps().new_tree(&mut runner).unwrap().current()).collect();
    with_cluster(program, |engine| check(engine, &steps).unwrap());
}

/// Many epochs in flight at once: a chain is cut and joined again, and each result is its own.
#[test]
fn epochs_in_flight_stay_apart() {
    for count in [1, 2] {
        let mut engine = workers(count, program);
        let reached = engine.output_number("reached").unwrap();
        let mut load = Transaction::new();
        (0..NODES - 1).for_each(|node| load.insert("edges", (node, node + 1)));
        load.insert("roots", 0u8);
        engine.step(load).unwrap();
        let cuts = 60u8;
        for at in 0..cuts {
            let cut = at / 2 % (NODES - 1);
            let mut transaction = Transaction::new();
            transaction.change("edges", Rec::new((cut, cut + 1)), if at % 2 == 0 { -1 } else { 1 });
            engine.commit(transaction).unwrap();
        }
        for at in 0..cuts {
            let result = engine.results().recv().unwrap();
            assert_eq!(result.epoch, u64::from(at) + 1);
            let mut rows: Vec<(u8, Weight)> =
                result.output(reached).iter().map(|(rec, weight)| (*rec.get(), *weight)).collect();
            rows.sort();
            let sign = if at % 2 == 0 { -1 } else { 1 };
            let beyond = at / 2 % (NODES - 1) + 1..NODES;
            assert_eq!(rows, beyond.map(|node| (node, sign)).collect::<Vec<_>>());
        }
    }
}
