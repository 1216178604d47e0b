//! Incremental relations over epochs.
//!
//! A *program* builds relations from input tables to outputs, once. From then on each
//! [`Transaction`] is an *epoch*: its row changes flow through the operators that they concern, and
//! what changes in the outputs comes back as an [`EpochResult`] when, and not before, the frontier
//! has passed the epoch.
//!
//! ```
//! use northflow_engine::{Config, Engine, Transaction};
//!
//! // Which pairs of (person, city) follow from (person, street) and (street, city)?
//! let mut engine = Engine::start(Config::default(), |program| {
//!     let lives = program.input::<(String, String)>("lives").index_by(|row| row.1.clone());
//!     let lies = program.input::<(String, String)>("lies").index_by(|row| row.0.clone());
//!     let home = lives.join(&lies, |lives, lies| (lives.0.clone(), lies.1.clone()));
//!     program.output("home", &home);
//! })?;
//!
//! let row = |a: &str, b: &str| (a.to_string(), b.to_string());
//! let mut transaction = Transaction::new();
//! transaction.insert("lives", row("ada", "mill lane"));
//! transaction.insert("lies", row("mill lane", "york"));
//! let result = engine.step(transaction)?;
//! let (home, weight) = &result.output(0)[0];
//! assert_eq!((home.get::<(String, String)>(), *weight), (&row("ada", "york"), 1));
//! # Ok::<(), northflow_engine::EngineError>(())
//! ```
//!
//! What it does not do: it knows nothing of OVN or OVSDB, keeps nothing on disk, and has no clock.
//!
//! Files: `record` (the one stored form of a row), `builder`, `relation` and `indexes` (the typed face), `allocate`
//! (stable numbers), `graph` (operators, indexes and their execution), `dataflow` (timely around it, for
//! several workers), `alone` (a single one), `iterate` (recursion, on differential dataflow), `worker`, `engine`
//! and `progress` (threads, transactions, results, what is finished).

#![deny(missing_docs)]

mod allocate;
mod alone;
mod builder;
mod dataflow;
mod delta;
mod engine;
mod graph;
mod indexes;
pub mod iterate;
mod progress;
mod record;
mod relation;
mod worker;

/// The types of differential and timely dataflow that [`Relation::as_collection`] speaks of: the
/// only place where this crate shows them. They change with the versions underneath.
pub mod differential {
    pub use crate::iterate::plan::{Moment, Rows};
    pub use differential_dataflow;
    pub use timely;
}

pub use allocate::Allocator;
pub use builder::{Builder, OperatorOutline, outline};
pub use delta::Weight;
pub use engine::{Cluster, Config, Engine, EngineError, Epoch, EpochResult, Transaction, follow};
pub use graph::executor::NodeMetrics;
pub use indexes::{Indexes, Readable};
pub use progress::Progress;
pub use record::{Rec, Record, key_hash};
pub use relation::{Everywhere, Group, Index, Relation, Summary, Tally};
