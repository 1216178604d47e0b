//! What operators cost: `operators [groups] [recursions] [workers]`.
//!
//! A group is two indexes, a join, an index and a reduce; a recursion is reachability over a chain
//! of 1,000 nodes. Prints the time of an epoch that changes nothing, of one that changes a row of
//! every group, and of one that adds or removes an edge of every recursion.

use std::time::{Duration, Instant};

use northflow_engine::iterate::reach;
use northflow_engine::{Config, Engine, EngineError, Relation, Transaction};

type Row = (u64, u64);

const EPOCHS: u32 = 200;

fn argument(at: usize, default: usize) -> usize {
    std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The mean time of an epoch.
fn measure(engine: &mut Engine, change: impl Fn(u64) -> Transaction) -> Result<Duration, EngineError> {
    let started = Instant::now();
    for epoch in 0..EPOCHS {
        engine.step(change(u64::from(epoch)))?;
    }
    Ok(started.elapsed() / EPOCHS)
}

fn main() -> Result<(), EngineError> {
    let (groups, recursions, workers) = (argument(1, 300), argument(2, 0), argument(3, 1));
    let mut engine = Engine::start(Config { workers, cluster: None }, move |program| {
        let rows = program.input::<Row>("rows");
        let results: Vec<Relation<Row>> = (0..groups)
            .map(|_| {
                let left = rows.map(|row| (row.0, row.1 + 1)).index_by(|row| row.0);
                let right = rows.map(|row| (row.0, row.1 + 2)).index_by(|row| row.0);
                let pairs = left.join(&right, |left, right| (left.0, left.1 + right.1));
                pairs.index_by(|row| row.0).reduce(|group| Some(*group.any()))
            })
            .collect();
        program.output("results", &program.union(&results));
        let edges = program.input::<Row>("edges");
        let roots = program.input::<u64>("roots");
        for _ in 0..recursions {
            program.output("reached", &reach(&edges, &roots));
        }
    })?;

    let mut load = Transaction::new();
    for node in 0..1000u64 {
        load.insert("rows", (node, 1u64));
        load.insert("edges", (node, node + 1));
    }
    load.insert("roots", 0u64);
    let started = Instant::now();
    engine.step(load)?;
    println!("groups {groups}, recursions {recursions}, workers {workers}");
    println!("load    {:?}", started.elapsed());
    println!("idle    {:?}", measure(&mut engine, |_| Transaction::new())?);
    let change = measure(&mut engine, |epoch| {
        let mut transaction = Transaction::new();
        transaction.insert("rows", (epoch, 2u64));
        transaction
    })?;
    println!("row     {change:?}");
    let change = measure(&mut engine, |epoch| {
        let mut transaction = Transaction::new();
        let edge = (1000u64, 5000 + epoch / 2);
        if epoch % 2 == 0 {
            transaction.insert("edges", edge);
        } else {
            transaction.remove("edges", edge);
        }
        transaction
    })?;
    println!("edge    {change:?}");
    Ok(())
}
