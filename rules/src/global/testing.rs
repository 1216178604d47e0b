//! A small program under test: what it gives step by step against what it gives at once.

use std::collections::BTreeMap;

use northflow_engine::{Builder, Config, Engine, Rec, Record, Transaction, Weight};

type Bag = BTreeMap<Rec, Weight>;

/// A program, the rows fed to it so far, and what came out.
pub(crate) struct Scenario {
    build: fn(&Builder),
    engine: Engine,
    pending: Vec<(&'static str, Rec, Weight)>,
    inputs: BTreeMap<&'static str, Bag>,
    outputs: Vec<Bag>,
}

impl Scenario {
    /// Starts the program that `build` builds.
    pub fn start(build: fn(&Builder)) -> Scenario {
        let engine = Engine::start(Config::default(), build).unwrap();
        let outputs = vec![Bag::new(); engine.output_names().len()];
        Scenario { build, engine, pending: vec![], inputs: BTreeMap::new(), outputs }
    }

    /// Inserts `row` at the next step.
    pub fn insert<T: Record>(&mut self, input: &'static str, row: T) -> &mut Scenario {
        self.pending.push((input, Rec::new(row), 1));
        self
    }

    /// Removes `row` at the next step.
    pub fn remove<T: Record>(&mut self, input: &'static str, row: T) -> &mut Scenario {
        self.pending.push((input, Rec::new(row), -1));
        self
    }

    /// Puts `new` in the place of `old` at the next step.
    pub fn replace<T: Record>(&mut self, input: &'static str, old: T, new: T) -> &mut Scenario {
        self.remove(input, old).insert(input, new)
    }

    /// Makes one epoch of the pending changes and gives how many output rows it changed. The outputs
    /// then have to be sets, and those of a fresh run over the same rows.
    pub fn step(&mut self) -> usize {
        for (input, row, weight) in &self.pending {
            add(self.inputs.entry(*input).or_default(), row, *weight);
        }
        let changed = feed(&mut self.engine, &mut self.outputs, self.pending.drain(..));
        let all = self
            .inputs
            .iter()
            .flat_map(|(input, rows)| rows.iter().map(|(row, weight)| (*input, row.clone(), *weight)));
        let mut fresh = vec![Bag::new(); self.outputs.len()];
        let mut engine = Engine::start(Config::default(), self.build).unwrap();
        feed(&mut engine, &mut fresh, all);
        assert_eq!(self.outputs, fresh, "step by step (left), at once (right)");
        for (row, weight) in self.outputs.iter().flatten() {
            assert_eq!(*weight, 1, "{row:?}");
        }
        changed
    }

    /// The rows of the output `name`, sorted.
    pub fn rows<T: Record + Clone>(&self, name: &str) -> Vec<T> {
        let output = self.engine.output_number(name).unwrap();
        let mut rows: Vec<T> = self.outputs[output].keys().map(|row| row.get::<T>().clone()).collect();
        rows.sort();
        rows
    }

    /// The one row of the output `name`.
    pub fn row<T: Record + Clone>(&self, name: &str) -> T {
        let rows: Vec<T> = self.rows(name);
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        rows[0].clone()
    }
}

fn feed(
    engine: &mut Engine,
    outputs: &mut [Bag],
    changes: impl Iterator<Item = (&'static str, Rec, Weight)>,
) -> usize {
    let mut transaction = Transaction::new();
    changes.for_each(|(input, row, weight)| transaction.change(input, row, weight));
    let result = engine.step(transaction).unwrap();
    let mut changed = 0;
    for (number, bag) in outputs.iter_mut().enumerate() {
        changed += result.output(number).len();
        result.output(number).iter().for_each(|(row, weight)| add(bag, row, *weight));
    }
    changed
}

fn add(bag: &mut Bag, row: &Rec, weight: Weight) {
    let now = bag.entry(row.clone()).or_insert(0);
    *now += weight;
    if *now == 0 {
        bag.remove(row);
    }
}
