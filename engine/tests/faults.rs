//! What happens when a worker is lost, what progress says, and rows that are there several times
//! or less than no times.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use northflow_engine::{
    Allocator, Builder, Cluster, Config, Engine, EngineError, Rec, Transaction, Weight, follow,
};

const SOON: Duration = Duration::from_secs(10);

/// An engine whose rule panics when it sees 13.
fn superstitious(workers: usize) -> Engine {
    Engine::start(Config { workers, cluster: None }, |program| {
        let rows = program.input::<u32>("rows");
        let sound = rows.map(|row| if *row == 13 { panic!("thirteen") } else { *row });
        let index = sound.index_by(|row| row % 7);
        program.output("sums", &index.reduce(|group| Some(group.rows().sum::<u32>())));
    })
    .unwrap()
}

fn one(row: u32) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.insert("rows", row);
    transaction
}

#[test]
fn a_lost_worker_is_an_error_and_not_a_hang() {
    for workers in [1, 2, 4] {
        let mut engine = superstitious(workers);
        let progress = engine.progress();
        let started = Instant::now();
        assert_eq!(engine.step(one(1)).unwrap().output(0).len(), 1);
        assert_eq!(engine.step(one(13)).unwrap_err(), EngineError::WorkerLost, "{workers} workers");
        assert!(progress.is_lost());
        assert_eq!(progress.completed(), Some(0));
        assert_eq!(progress.wait(1, SOON), Err(EngineError::WorkerLost));
        assert_eq!(engine.step(one(2)).unwrap_err(), EngineError::WorkerLost);
        assert_eq!(engine.metrics().unwrap_err(), EngineError::WorkerLost);
        drop(engine);
        assert!(started.elapsed() < SOON);
    }
}

#[test]
fn whoever_reads_results_hears_of_a_lost_worker() {
    let mut engine = superstitious(2);
    let results = engine.results().clone();
    engine.commit(one(13)).unwrap();
    assert!(results.recv_timeout(SOON).is_err_and(|error| error.is_disconnected()));
}

const ADDRESSES: &str = "NORTHFLOW_TEST_ADDRESSES";

/// A rule that cannot bear large rows in the process that follows.
fn uneven(program: &Builder, follows: bool) {
    let rows = program.input::<u32>("rows").index_by(|row| row % 7);
    program.output(
        "least",
        &rows.reduce(move |group| {
            assert!(!follows || group.rows().all(|row| *row < 1000), "too large");
            group.rows().min().copied()
        }),
    );
}

fn cluster(process: usize, addresses: &str) -> Config {
    let addresses = addresses.split(' ').map(str::to_owned).collect();
    Config { workers: 1, cluster: Some(Cluster { process, addresses }) }
}

/// The other process of the next test; alone it does nothing.
#[test]
fn follower() {
    if let Ok(addresses) = std::env::var(ADDRESSES) {
        let outcome = follow(cluster(1, &addresses), |program| uneven(program, true));
        std::process::exit(i32::from(outcome == Err(EngineError::WorkerLost)));
    }
}

#[test]
fn a_lost_process_is_an_error_and_not_a_hang() {
    let ports: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<String> = ports.iter().map(|port| port.local_addr().unwrap().to_string()).collect();
    drop(ports);
    let addresses = addresses.join(" ");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "follower", "--nocapture"])
        .env(ADDRESSES, &addresses)
        .spawn()
        .unwrap();
    let mut engine = Engine::start(cluster(0, &addresses), |program| uneven(program, false)).unwrap();
    let progress = engine.progress();
    let mut transaction = Transaction::new();
    (0..70u32).for_each(|row| transaction.insert("rows", row));
    engine.step(transaction).unwrap();
    let mut transaction = Transaction::new();
    (2000..2070u32).for_each(|row| transaction.insert("rows", row));
    engine.commit(transaction).unwrap();
    assert_eq!(progress.wait(1, SOON), Err(EngineError::WorkerLost));
    assert!(engine.results().recv_timeout(SOON).is_err_and(|error| error.is_disconnected()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_program_that_panics_does_not_start() {
    for workers in [1, 2] {
        let error = Engine::start(Config { workers, cluster: None }, |_| panic!("no program")).unwrap_err();
        assert!(matches!(error, EngineError::Start(_)), "{error:?}");
    }
}

#[test]
fn progress_is_heard_in_other_threads() {
    let mut engine = superstitious(2);
    let progress = engine.progress();
    assert_eq!(progress.completed(), None);
    assert_eq!(progress.wait(0, Duration::from_millis(1)), Ok(false));
    let waiter = std::thread::spawn({
        let progress = progress.clone();
        move || progress.wait(20, SOON)
    });
    for row in 0..=20 {
        engine.commit(one(row * 100)).unwrap();
    }
    assert_eq!(waiter.join().unwrap(), Ok(true));
    assert_eq!(progress.completed(), Some(20));
    assert_eq!(engine.results().try_iter().count(), 21);
}

/// Counts the requests it hears of.
#[derive(Default)]
struct Count(i64);

impl Allocator for Count {
    type Request = u8;
    type Assignment = (u8, i64);

    fn change(&mut self, removed: Vec<u8>, added: Vec<u8>, emit: &mut dyn FnMut((u8, i64), Weight)) {
        self.0 += added.len() as i64 - removed.len() as i64;
        removed.into_iter().for_each(|row| emit((row, 0), -1));
        added.into_iter().for_each(|row| emit((row, 0), 1));
    }

    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

#[test]
fn a_request_counts_once_however_often_it_is_there() {
    let mut engine = Engine::start(Config::default(), |program| {
        let rows = program.input::<u8>("rows");
        program.output("given", &rows.allocate_by(|_| 0u8, Count::default));
    })
    .unwrap();
    let changes = [(2, 1), (-1, 0), (3, 0), (-4, -1), (-1, 0), (1, 0), (1, 1), (-1, -1)];
    for (change, expected) in changes {
        let mut transaction = Transaction::new();
        transaction.change("rows", Rec::new(7u8), change);
        let result = engine.step(transaction).unwrap();
        assert_eq!(result.output(0).iter().map(|(_, weight)| weight).sum::<isize>(), expected);
    }
}

#[test]
fn a_tally_remembers_a_sum_without_a_count() {
    let mut engine = Engine::start(Config::default(), |program| {
        let rows = program.input::<(u8, u32)>("rows");
        program
            .output("tally", &rows.tally_by(|row| row.0, |row| u128::from(row.1)).map(|t| (t.count, t.sum)));
    })
    .unwrap();
    let mut transaction = Transaction::new();
    transaction.insert("rows", (1u8, 5u32));
    transaction.remove("rows", (1u8, 3u32));
    assert!(engine.step(transaction).unwrap().output(0).is_empty());
    let mut transaction = Transaction::new();
    transaction.insert("rows", (1u8, 3u32));
    let result = engine.step(transaction).unwrap();
    assert_eq!(result.output(0).len(), 1);
    assert_eq!(result.output(0)[0].0.get::<(i64, u128)>(), &(1, 5));
}
