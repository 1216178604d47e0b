//! A network without servers: the program, and both databases in memory.
//!
//! What the rules write comes back to them as it would from a server, until nothing more follows. An observed network is
//! another matter: there the changes tell what has come back to whoever wrote to the databases then.

use std::fmt;
use std::time::{Duration, Instant};

use northflow_engine::{Config, Engine, EngineError, Transaction};
use northflow_rules::northd;
use northflow_rules::problem::Problem;
use northflow_rules::schema::Database;

use crate::change::{Edit, RowChange};
use crate::memory::MemoryDatabase;
use crate::relation;
use crate::replica::{Replica, ReplicaError};
use crate::writer::Writer;

/// Epochs that one change may need before its own echoes are answered; more means that rules chase
/// each other.
const ROUNDS: usize = 16;

/// Both databases of a network, kept current by the rules.
#[derive(Debug)]
pub struct Offline {
    engine: Engine,
    replica: Replica,
    writer: Writer,
    problems: Option<usize>,
    northbound: MemoryDatabase,
    southbound: MemoryDatabase,
    /// Whether the writer knows what the southbound database holds.
    met: bool,
    /// What a resumed network starts from, until its first change.
    waiting: Transaction,
    /// Whether what follows from a change is part of the changes to come.
    observed: bool,
}

/// What followed from a change.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was written, in both databases.
    pub writes: Vec<RowChange>,
    /// Problems that came.
    pub problems: Vec<Problem>,
    /// Rows that could not be taken over.
    pub rejected: Vec<ReplicaError>,
    /// Row changes that went into the rules, echoes included.
    pub rows_in: usize,
    /// How many epochs it took.
    pub epochs: usize,
    /// Time spent in the rules.
    pub time: Duration,
}

/// Why a change was not followed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfflineError {
    /// The engine failed.
    Engine(EngineError),
    /// The rules kept changing what they read.
    Unsettled,
}

impl fmt::Display for OfflineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfflineError::Engine(error) => error.fmt(f),
            OfflineError::Unsettled => {
                write!(f, "the rules did not come to rest within {ROUNDS} epochs; this is a fault of theirs")
            }
        }
    }
}

impl std::error::Error for OfflineError {}

impl From<EngineError> for OfflineError {
    fn from(error: EngineError) -> Self {
        OfflineError::Engine(error)
    }
}

impl Offline {
    /// An empty network.
    pub fn new(config: Config) -> Result<Offline, OfflineError> {
        Offline::keeping(config, Vec::new())
    }

    /// An empty network that keeps the rows of some relations, to be dumped.
    pub fn keeping(config: Config, relations: Vec<String>) -> Result<Offline, OfflineError> {
        let engine = Engine::start(config, relation::keeping(relations))?;
        let writer = Writer::new(northd::OUTPUTS, engine.output_names());
        let problems = engine.output_number(northd::PROBLEMS);
        Ok(Offline {
            engine,
            replica: Replica::new(northd::INPUTS),
            writer,
            problems,
            northbound: MemoryDatabase::default(),
            southbound: MemoryDatabase::default(),
            met: true,
            waiting: Transaction::new(),
            observed: false,
        })
    }

    /// Takes the changes to come for everything that happened in both databases, whoever wrote it: what the rules
    /// write goes into a southbound database of their own ([`Offline::southbound`]) and does not come back to them.
    pub fn observe(&mut self) {
        self.observed = true;
    }

    /// A network whose southbound database holds something already, as after a restart.
    pub fn resume(config: Config, southbound: &MemoryDatabase) -> Result<Offline, OfflineError> {
        let mut offline = Offline::new(config)?;
        offline.take_over(southbound);
        Ok(offline)
    }

    /// Says what the southbound database holds already, before the first change.
    pub fn take_over(&mut self, southbound: &MemoryDatabase) {
        let offline = self;
        offline.met = false;
        let mut changes = Vec::new();
        for (table, rows) in southbound.tables() {
            for (uuid, columns) in rows {
                let columns = columns.iter().map(|(name, datum)| (name.clone(), datum.clone())).collect();
                let database = Database::Southbound;
                changes.push(RowChange {
                    database,
                    table: table.clone(),
                    uuid: *uuid,
                    edit: Edit::Insert(columns),
                });
            }
        }
        let mut transaction = Transaction::new();
        for change in &changes {
            offline.southbound.apply(change);
            // Rows that do not decode are left alone, as if they were of another program.
            let _ = offline.replica.apply(change, &mut transaction);
        }
        offline.waiting = transaction;
    }

    /// Makes changes, all at once, and follows them until nothing more follows.
    pub fn apply(&mut self, changes: &[RowChange]) -> Result<Outcome, OfflineError> {
        let mut outcome = Outcome::default();
        let mut pending = changes.to_vec();
        while !pending.is_empty() {
            if outcome.epochs == ROUNDS {
                return Err(OfflineError::Unsettled);
            }
            let mut transaction = std::mem::take(&mut self.waiting);
            for change in &pending {
                if !self.observed || change.database == Database::Northbound {
                    self.database(change.database).apply(change);
                }
                if let Err(error) = self.replica.apply(change, &mut transaction) {
                    outcome.rejected.push(error);
                }
            }
            if transaction.is_empty() && outcome.epochs > 0 {
                break;
            }
            outcome.rows_in += transaction.len();
            outcome.epochs += 1;
            let started = Instant::now();
            let result = self.engine.step(transaction)?;
            outcome.time += started.elapsed();
            if let Some(problems) = self.problems {
                let come = result.output(problems).iter().filter(|(_, weight)| *weight > 0);
                outcome.problems.extend(come.map(|(rec, _)| rec.get::<Problem>().clone()));
            }
            pending.clear();
            let mut write = |change| pending.push(change);
            let met = std::mem::replace(&mut self.met, true);
            self.writer.absorb(&result, |database| met || database == Database::Northbound, &mut write);
            if !met {
                self.writer.reconcile(Database::Southbound, &self.southbound, &mut write);
            }
            outcome.writes.extend(pending.iter().cloned());
            if self.observed {
                for write in pending.drain(..).filter(|write| write.database == Database::Southbound) {
                    self.southbound.apply(&write);
                }
            }
        }
        Ok(outcome)
    }

    fn database(&mut self, which: Database) -> &mut MemoryDatabase {
        if which == Database::Northbound { &mut self.northbound } else { &mut self.southbound }
    }

    /// The northbound database.
    pub fn northbound(&self) -> &MemoryDatabase {
        &self.northbound
    }

    /// The southbound database.
    pub fn southbound(&self) -> &MemoryDatabase {
        &self.southbound
    }

    /// The engine, for metrics and dumps.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
