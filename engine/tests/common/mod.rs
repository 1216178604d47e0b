//! What tests of whole programs share: engines, and what their outputs hold, to be compared with a model.

use std::collections::BTreeMap;
use std::net::TcpListener;

use northflow_engine::{Builder, Cluster, Config, Engine, EpochResult, Weight, follow};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestCaseError, TestRunner};

/// Rows and how often each is there.
pub type Bag<T> = BTreeMap<T, Weight>;

/// Rows as texts, by output.
#[derive(Default)]
pub struct Held(BTreeMap<&'static str, Bag<String>>);

impl Held {
    /// Takes in what an epoch has changed.
    pub fn take(&mut self, engine: &Engine, result: &EpochResult) {
        for (output, rows) in result.changed() {
            let bag = self.0.entry(engine.output_names()[output]).or_default();
            for (rec, weight) in rows {
                *bag.entry(format!("{rec:?}")).or_insert(0) += weight;
            }
            bag.retain(|_, weight| *weight != 0);
        }
    }

    /// What an output holds.
    pub fn rows(&self, output: &str) -> Bag<String> {
        self.0.get(output).cloned().unwrap_or_default()
    }

    /// Fails unless these outputs hold these rows.
    pub fn agrees(
        &self,
        expected: BTreeMap<&'static str, Bag<String>>,
        step: usize,
    ) -> Result<(), TestCaseError> {
        for (name, expected) in expected {
            prop_assert_eq!(self.rows(name), expected, "output {} at step {}", name, step);
        }
        Ok(())
    }
}

/// A runner of so many random cases, which keeps none that fail: they are shrunk and told.
pub fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Cases { cases, failure_persistence: None, ..Cases::default() })
}

/// An engine with so many workers in one process.
pub fn workers(workers: usize, program: fn(&Builder)) -> Engine {
    Engine::start(Config { workers, cluster: None }, program).unwrap()
}

/// Two ends of a timely cluster over loopback, so that every row between them is serialised.
pub fn with_cluster<R>(program: fn(&Builder), test: impl FnOnce(&mut Engine) -> R) -> R {
    let ports: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<String> = ports.iter().map(|port| port.local_addr().unwrap().to_string()).collect();
    drop(ports);
    let config =
        |process| Config { workers: 1, cluster: Some(Cluster { process, addresses: addresses.clone() }) };
    let follower = std::thread::spawn({
        let config = config(1);
        move || follow(config, program)
    });
    let mut engine = Engine::start(config(0), program).unwrap();
    let result = test(&mut engine);
    drop(engine);
    follower.join().unwrap().unwrap();
    result
}
