//! What one changed row costs each operator, with few rows there and with many:
//! `cargo bench -p northflow-bench --bench engine`.
//!
//! A change is an epoch of its own, so every time contains that of an epoch in which nothing happens (`idle`).

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use northflow_engine::iterate::{components, reach};
use northflow_engine::{Builder, Config, Engine, Transaction};

type Row = (u64, u64);

/// A program under its name.
type Named = (&'static str, fn(&Builder));

/// Rows that are there beforehand.
const SIZES: [u64; 2] = [1_000, 100_000];

/// Rows under one key.
const GROUP: u64 = 10;

fn start(program: fn(&Builder), rows: u64) -> Engine {
    let mut engine = Engine::start(Config::default(), program).expect("the engine starts");
    let mut load = Transaction::new();
    for row in 0..rows {
        load.insert("left", (row / GROUP, row));
        load.insert("right", (row, row / GROUP));
    }
    load.insert("roots", 0u64);
    engine.step(load).expect("the rows are taken");
    engine
}

/// A row that comes in one epoch and goes in the next.
fn toggle(engine: &mut Engine, row: Row, comes: bool) {
    let mut transaction = Transaction::new();
    transaction.change("left", northflow_engine::Rec::new(row), if comes { 1 } else { -1 });
    black_box(engine.step(transaction).expect("the row is taken"));
}

fn operators(criterion: &mut Criterion) {
    let programs: [Named; 9] = [
        ("map", |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            builder.output("out", &builder.input::<Row>("left").map(|row| (row.1, row.0)));
        }),
        ("distinct", |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            builder.output("out", &builder.input::<Row>("left").map(|row| row.0).distinct());
        }),
        ("join", |builder| {
            builder.input::<u64>("roots");
            let left = builder.input::<Row>("left").index_by(|row| row.0);
            let right = builder.input::<Row>("right").index_by(|row| row.1);
            builder.output("out", &left.join(&right, |left, right| (left.1, right.0)));
        }),
        ("join_optional", |builder| {
            builder.input::<u64>("roots");
            let left = builder.input::<Row>("left").index_by(|row| row.1);
            let right = builder.input::<Row>("right").index_by(|row| row.0);
            let pair = |left: &Row, right: Option<&Row>| Some((left.1, right.map_or(0, |right| right.1)));
            builder.output("out", &left.join_optional(&right, pair));
        }),
        ("semijoin", |builder| {
            builder.input::<u64>("roots");
            let left = builder.input::<Row>("left").index_by(|row| row.0);
            let right = builder.input::<Row>("right").index_by(|row| row.1);
            builder.output("out", &left.semijoin(&right));
        }),
        ("reduce", |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            let left = builder.input::<Row>("left").index_by(|row| row.0);
            builder.output("out", &left.reduce(|group| group.rows().max().copied()));
        }),
        ("tally", |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            let left = builder.input::<Row>("left");
            builder.output("out", &left.tally_by(|row| row.0, |row| u128::from(row.1)));
        }),
        ("reach", |builder| {
            builder.input::<Row>("right");
            let edges = builder.input::<Row>("left");
            builder.output("out", &reach(&edges, &builder.input::<u64>("roots")));
        }),
        ("components", |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            builder.output("out", &components(&builder.input::<Row>("left")));
        }),
    ];
    for (name, program) in programs {
        let mut group = criterion.benchmark_group(name);
        for rows in SIZES {
            let mut engine = start(program, rows);
            // A key in the middle, with a value that nobody has.
            let (row, mut there) = ((rows / GROUP / 2, rows + 1), false);
            group.bench_function(BenchmarkId::from_parameter(rows), |bencher| {
                bencher.iter(|| {
                    there = !there;
                    toggle(&mut engine, row, there);
                });
            });
        }
        group.finish();
    }
}

fn idle(criterion: &mut Criterion) {
    let mut engine = start(
        |builder| {
            builder.input::<Row>("right");
            builder.input::<u64>("roots");
            builder.output("out", &builder.input::<Row>("left"));
        },
        1,
    );
    criterion.bench_function("idle", |bencher| {
        bencher.iter(|| black_box(engine.step(Transaction::new()).expect("nothing is taken")));
    });
}

criterion_group!(benches, idle, operators);
criterion_main!(benches);
