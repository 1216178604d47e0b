//! What a replay amounts to, in so much memory however long it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use northflow_rules::ovsdb::{Atom, Datum, Text};
use northflow_rules::schema::Database;

use crate::change::{Edit, RowChange};
use crate::offline::{Offline, Outcome};

/// How many of the slowest transactions are remembered.
const SLOWEST: usize = 20;

/// How many rows of one of them are named.
const ROWS: usize = 12;

/// How many points the curve has at most; with more transactions each point stands for several.
const POINTS: usize = 1024;

/// What the transactions of a replay came to.
#[derive(Debug)]
pub(super) struct Statistics {
    /// How many transactions there were.
    pub transactions: u64,
    /// Time in the rules, all together.
    pub total: Duration,
    points: Vec<Point>,
    /// How many transactions a point stands for.
    width: u64,
    slowest: BinaryHeap<Reverse<Slow>>,
    /// How many transactions took less than 2^n microseconds and not less than half of that, by n.
    classes: [u64; 48],
}

/// Transactions that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// The first of them, from 1.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// What the slowest took, in microseconds.
    pub slowest: u64,
    /// What all took.
    pub total: u64,
}

/// A slow transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slow {
    /// Time in the rules, in microseconds.
    pub micros: u64,
    /// Which it was, from 1.
    pub transaction: u64,
    /// How many rows went in, and how many were written.
    pub rows: (usize, usize),
    /// When it was committed, in milliseconds since 1970 UTC.
    pub date_ms: Option<i64>,
    /// What its author said.
    pub comment: Option<String>,
    /// Some of the rows that it changed.
    pub causes: Vec<String>,
}

impl Default for Statistics {
    fn default() -> Statistics {
        Statistics {
            transactions: 0,
            total: Duration::ZERO,
            points: Vec::new(),
            width: 1,
            slowest: BinaryHeap::new(),
            classes: [0; 48],
        }
    }
}

impl Statistics {
    /// Adds a transaction; `rows` is what it changed, as [`describe`] says it.
    pub fn transaction(
        &mut self,
        outcome: &Outcome,
        (rows, causes): (usize, Vec<String>),
        comment: Option<&str>,
        date_ms: Option<i64>,
    ) {
        self.transactions += 1;
        self.total += outcome.time;
        let micros = u64::try_from(outcome.time.as_micros()).unwrap_or(u64::MAX);
        let class = (u64::BITS - micros.leading_zeros()) as usize;
        self.classes[class.min(self.classes.len() - 1)] += 1;
        self.point(Point { first: self.transactions, count: 1, slowest: micros, total: micros });
        let slow = Slow {
            micros,
            transaction: self.transactions,
            rows: (rows, outcome.writes.len()),
            date_ms,
            comment: comment.map(str::to_owned),
            causes,
        };
        self.slowest.push(Reverse(slow));
        if self.slowest.len() > SLOWEST {
            self.slowest.pop();
        }
    }

    fn point(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if last.count < self.width => last.add(&point),
            _ => self.points.push(point),
        }
        if self.points.len() > POINTS {
            self.width *= 2;
            let merge = |pair: &[Point]| {
                let mut both = pair[0];
                pair[1..].iter().for_each(|point| both.add(point));
                both
            };
            self.points = self.points.chunks(2).map(merge).collect();
        }
    }

    /// The curve of times, in order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The slowest transactions, the slowest first.
    pub fn slowest(&self) -> Vec<&Slow> {
        let mut slowest: Vec<&Slow> = self.slowest.iter().map(|Reverse(slow)| slow).collect();
        slowest.sort_by(|a, b| b.cmp(a));
        slowest
    }

    /// A time in microseconds within which this share of the transactions was done, to a power of two.
    pub fn within(&self, share: f64) -> u64 {
        let wanted = (self.transactions as f64 * share).ceil() as u64;
        let mut count = 0;
        for (class, transactions) in self.classes.iter().enumerate() {
            count += transactions;
            if count >= wanted {
                return 1 << class;
            }
        }
        0
    }
}

impl Point {
    fn add(&mut self, next: &Point) {
        self.count += next.count;
        self.slowest = self.slowest.max(next.slowest);
        self.total += next.total;
    }
}

/// How many rows `changes` have, and some of them in words. `network` is as it was before, so that rows that go have a
/// name still.
pub(super) fn describe(changes: &[RowChange], network: &Offline) -> (usize, Vec<String>) {
    (changes.len(), changes.iter().take(ROWS).map(|change| cause(change, network)).collect())
}

fn cause(change: &RowChange, network: &Offline) -> String {
    let columns =
        |columns: &[(Text, Datum)]| columns.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ");
    let what = match &change.edit {
        Edit::Insert(_) => "inserted".to_owned(),
        Edit::Update(changed) => format!("updated: {}", columns(changed)),
        Edit::Elements { column, .. } => format!("updated: {column}"),
        Edit::Delete => "deleted".to_owned(),
    };
    let given = match &change.edit {
        Edit::Insert(columns) => name(columns.iter().map(|(name, datum)| (name, datum))),
        _ => None,
    };
    let known = || {
        let database = match change.database {
            Database::Northbound => network.northbound(),
            _ => network.southbound(),
        };
        name(database.tables().get(&change.table)?.get(&change.uuid)?.iter())
    };
    let name = given.or_else(known).unwrap_or_else(|| change.uuid.short());
    format!("{} {name} {what}", change.table)
}

/// What people call a row.
fn name<'a>(columns: impl Iterator<Item = (&'a Text, &'a Datum)>) -> Option<String> {
    let mut found = None;
    for (column, datum) in columns {
        if let ("name" | "logical_port" | "match", Datum::Set(atoms)) = (&**column, datum)
            && let [Atom::String(text)] = &atoms[..]
            && !text.is_empty()
        {
            found = Some(text.to_string());
        }
    }
    found
}

/// How many rows of Logical_Flow each stage has, in the order of the pipelines.
pub(super) fn stages(network: &Offline) -> Vec<(String, usize)> {
    let mut stages: BTreeMap<(String, i64, String), usize> = BTreeMap::new();
    for (_, row) in network.southbound().rows("Logical_Flow") {
        let table = match row.get("table_id") {
            Some(Datum::Set(atoms)) => match atoms[..] {
                [Atom::Integer(table)] => table,
                _ => 0,
            },
            _ => 0,
        };
        let Some(Datum::Map(ids)) = row.get("external_ids") else { continue };
        let stage = ids.iter().find(|(key, _)| *key == Atom::text("stage-name"));
        let Some((_, Atom::String(stage))) = stage else { continue };
        let pipeline = stage.chars().take("ls_in_".len()).collect();
        *stages.entry((pipeline, table, stage.to_string())).or_default() += 1;
    }
    stages.into_iter().map(|((_, _, stage), count)| (stage, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(micros: u64) -> Outcome {
        Outcome { time: Duration::from_micros(micros), ..Outcome::default() }
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_transactions() {
        let mut statistics = Statistics::default();
        let count = 100_000;
        for at in 1..=count {
            let micros = if at == 70_000 { 5_000 } else { 1 + at % 100 };
            statistics.transaction(&outcome(micros), (1, Vec::new()), None, None);
        }
        assert!(statistics.points().len() <= POINTS);
        assert_eq!(statistics.points().iter().map(|point| point.count).sum::<u64>(), count);
        let peak = statistics.points().iter().find(|point| point.slowest == 5_000).unwrap();
        assert!((peak.first..peak.first + peak.count).contains(&70_000));
        let slowest = statistics.slowest();
        assert_eq!((slowest.len(), slowest[0].transaction), (SLOWEST, 70_000));
        assert_eq!(statistics.within(0.5), 64);
        assert_eq!(statistics.within(0.99), 128);
        assert_eq!(statistics.within(1.0), 8192);
    }
}
