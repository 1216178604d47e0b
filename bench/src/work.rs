//! What each change makes the operators do, in rows: those that come in, and those that they meet in indexes.
//!
//! No server takes part and no time is taken, so the figures are the same on every machine, however busy it is.

pub mod network;

use northflow_connectors::change::{Edit, RowChange};
use northflow_engine::NodeMetrics;
use northflow_rules::ovsdb::Datum;

use crate::Failure;
use crate::stats::ratio;
use crate::workload::Workload;
use network::Network;

/// Operators that are named of a change.
const NAMED: usize = 8;

/// A change grows where it makes the operators handle more than so many times the rows, for as much that is written.
const GROWTH: f64 = 1.5;

/// What a change made the rules do.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// What each operator did.
    pub operators: Vec<NodeMetrics>,
    /// What was written, in both databases.
    pub writes: Vec<RowChange>,
}

impl Work {
    /// The rows that operators had to do with.
    pub fn rows(&self) -> u64 {
        self.operators.iter().map(rows).sum()
    }

    /// How much was written: rows, and elements of their columns.
    pub fn written(&self) -> u64 {
        let elements = |datum: &Datum| match datum {
            Datum::Set(atoms) => atoms.len(),
            Datum::Map(pairs) => pairs.len(),
        };
        let of = |change: &RowChange| match &change.edit {
            Edit::Insert(columns) | Edit::Update(columns) => {
                1 + columns.iter().map(|(_, datum)| elements(datum)).sum::<usize>()
            }
            Edit::Elements { insert, delete, .. } => 1 + insert.len() + delete.len(),
            Edit::Delete => 1,
        };
        self.writes.iter().map(of).sum::<usize>() as u64
    }

    /// How many times the rows it is of those for `smaller`, for as much that is written.
    fn growth(&self, smaller: &Work) -> f64 {
        let written = ratio(self.written() as f64, smaller.written() as f64);
        ratio(self.rows() as f64, smaller.rows() as f64) / written.max(1.0)
    }
}

/// The rows that one operator had to do with: that came in, and that it met in indexes.
fn rows(operator: &NodeMetrics) -> u64 {
    operator.rows_in + operator.rows_met
}

/// What every kind of change made them do, each time that it was made.
///
/// # Errors
/// As [`Network::new`].
pub fn of_changes(workload: &Workload, rounds: usize) -> Result<Vec<Vec<Work>>, Failure> {
    let mut network = Network::new(workload)?;
    let mut made = |round, change: &crate::workload::Change| network.measure((change.make)(round));
    workload.changes.iter().map(|change| (0..rounds).map(|round| made(round, change)).collect()).collect()
}

/// Counts in workloads of one kind, smallest first, and prints; false if a change grows, and then the operators are
/// named that grow most. Of a single workload those are named that have to do with most.
///
/// # Errors
/// As [`Network::new`].
pub fn run(workloads: impl IntoIterator<Item = Workload>, rounds: usize) -> Result<bool, Failure> {
    let (mut names, mut sizes, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    for workload in workloads {
        eprintln!("{} ...", workload.size);
        counted.push(of_changes(&workload, rounds)?);
        names = workload.changes.iter().map(|change| change.name).collect();
        sizes.push(workload.size);
    }
    println!("| rows of operators, rows written | {} | growth |", sizes.join(" | "));
    println!("|---{}|---|", "|---".repeat(sizes.len()));
    let (mut growing, mut most) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        let of = |size: usize| &counted[size][at];
        let (first, last) = (of(0), of(sizes.len() - 1));
        // The round that grows most.
        let Some((first, last)) =
            first.iter().zip(last).max_by(|a, b| a.1.growth(a.0).total_cmp(&b.1.growth(b.0)))
        else {
            continue;
        };
        let round = of(0).iter().position(|work| std::ptr::eq(work, first)).unwrap_or(0);
        let cell = |size: usize| format!("{}, {}", of(size)[round].rows(), of(size)[round].writes.len());
        let cells: Vec<String> = (0..sizes.len()).map(cell).collect();
        let growth = last.growth(first);
        println!("| {name} | {} | {growth:.2}x |", cells.join(" | "));
        if growth > GROWTH {
            growing.push((name, first, last));
        }
        if sizes.len() == 1 {
            most.push((name, last));
        }
    }
    for (name, work) in most {
        println!("\n{name}, rows in runs:");
        for operator in busiest(work) {
            println!("  {} in {}: {}", rows(operator), operator.runs, place(operator));
        }
    }
    for (name, first, last) in &growing {
        println!("\n{name} grows:");
        for (operator, from, to) in grown(first, last) {
            println!("  {from} -> {to}: {}", place(operator));
        }
    }
    Ok(growing.is_empty())
}

/// The operators that had to do with most rows.
fn busiest(work: &Work) -> Vec<&NodeMetrics> {
    let mut all: Vec<_> = work.operators.iter().collect();
    all.sort_by_key(|operator| std::cmp::Reverse(rows(operator)));
    all.truncate(NAMED);
    all
}

/// The operators whose rows grow most, with their rows in each.
fn grown<'a>(first: &Work, last: &'a Work) -> Vec<(&'a NodeMetrics, u64, u64)> {
    let pairs = first.operators.iter().zip(&last.operators);
    let mut all: Vec<_> = pairs.map(|(first, last)| (last, rows(first), rows(last))).collect();
    all.retain(|(_, from, to)| to > from);
    all.sort_by_key(|(_, from, to)| std::cmp::Reverse(to - from));
    all.truncate(NAMED);
    all
}

fn place(operator: &NodeMetrics) -> String {
    operator.location.map_or_else(
        || operator.name.to_owned(),
        |location| format!("{} of {}:{}", operator.name, location.file(), location.line()),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{heavy, layer2, routers, switches};

    /// No change makes the operators do more in a network several times as large, but for what is written; those of
    /// `known` are known to.
    fn is_flat(small: &Workload, large: &Workload, known: &[&str]) {
        let counted = [small, large].map(|workload| of_changes(workload, 3).unwrap());
        let mut growing = Vec::new();
        for (at, change) in small.changes.iter().enumerate() {
            for (round, (first, last)) in counted[0][at].iter().zip(&counted[1][at]).enumerate() {
                assert!(first.rows() > 0, "{change:?} does nothing");
                let growth = last.growth(first);
                if growth > GROWTH && !known.contains(&change.name) {
                    let operators: Vec<String> = grown(first, last)
                        .iter()
                        .map(|(node, from, to)| format!("{from} -> {to}: {}", place(node)))
                        .collect();
                    growing.push(format!("{} {round}: {growth:.2}x, {operators:#?}", change.name));
                }
            }
        }
        assert!(growing.is_empty(), "{growing:#?}");
    }

    fn shape<T: clap::Args>() -> T {
        #[derive(Parser)]
        struct Options<T: clap::Args> {
            #[command(flatten)]
            shape: T,
        }
        Options::parse_from(["northbench"]).shape
    }

    #[test]
    fn changes_of_plain_switches_are_flat() {
        let shape: layer2::Shape = shape();
        is_flat(&shape.workload(50), &shape.workload(200), &[]);
    }

    #[test]
    fn changes_of_switches_are_flat() {
        let shape: switches::Shape = shape();
        is_flat(&shape.workload(50), &shape.workload(200), &[]);
    }

    #[test]
    fn changes_of_routers_are_flat() {
        let shape: routers::Shape = shape();
        is_flat(&shape.workload(10), &shape.workload(40), &[]);
    }

    #[test]
    fn changes_of_nodes_are_flat() {
        let shape: heavy::Shape = shape();
        is_flat(&shape.workload(4), &shape.workload(16), &[]);
    }
}
