//! Starting workers, feeding them transactions, and hearing of finished epochs.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use crate::alone::Alone;
use crate::builder::Builder;
use crate::delta::{Delta, Weight, add_up, consolidate};
use crate::graph::NodeId;
use crate::graph::executor::NodeMetrics;
use crate::progress::Progress;
use crate::record::{Rec, Record};
use crate::worker::{self, Catalog, Command, Outside};

/// One batch of transactions; epochs are numbered from 0 and totally ordered.
pub type Epoch = u64;

/// How many workers there are, and where.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Workers in this process; 0 means 1. A single one has no thread: who commits computes.
    pub workers: usize,
    /// Set when the workers are spread over processes.
    pub cluster: Option<Cluster>,
}

/// One process of several that run the same program; timely connects them.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Which of the addresses is this process's; process 0 takes the input and gives the output.
    pub process: usize,
    /// `host:port` of every process, in order.
    pub addresses: Vec<String>,
}

/// What can go wrong with an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// The workers could not be started, or not be connected with other processes.
    Start(String),
    /// A transaction names an input that the program does not have.
    UnknownInput(String),
    /// The program has no relation of that name.
    UnknownRelation(String),
    /// The rows of the relation are not kept: see [`Builder::keep`].
    NotKept(String),
    /// A worker is gone, and the engine with it: a fault of a rule or of the engine.
    WorkerLost,
}

impl Config {
    /// Whether there is one worker in all.
    fn is_alone(&self) -> bool {
        self.workers <= 1 && self.cluster.as_ref().is_none_or(|cluster| cluster.addresses.len() <= 1)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Start(why) => write!(f, "workers could not be started: {why}"),
            EngineError::UnknownInput(name) => write!(f, "the program has no input \"{name}\""),
            EngineError::UnknownRelation(name) => write!(f, "the program has no relation \"{name}\""),
            EngineError::NotKept(name) => write!(f, "the rows of \"{name}\" are not kept"),
            EngineError::WorkerLost => f.write_str("a worker is gone"),
        }
    }
}

impl std::error::Error for EngineError {}

/// Row changes that become visible together.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    changes: Vec<(&'static str, Rec, Weight)>,
}

impl Transaction {
    /// A transaction that changes nothing yet.
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// Adds a row to the input table `input`.
    pub fn insert<T: Record>(&mut self, input: &'static str, row: T) {
        self.change(input, Rec::new(row), 1);
    }

    /// Takes a row away from the input table `input`; it must be equal to one that was added.
    pub fn remove<T: Record>(&mut self, input: &'static str, row: T) {
        self.change(input, Rec::new(row), -1);
    }

    /// Adds or takes away a row that is a record already.
    pub fn change(&mut self, input: &'static str, row: Rec, weight: Weight) {
        self.changes.push((input, row, weight));
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many row changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Its row changes in the order in which they were added: the input, the row, and how many more or less.
    pub fn into_changes(self) -> impl Iterator<Item = (&'static str, Rec, Weight)> {
        self.changes.into_iter()
    }

    /// Takes over the changes of another transaction: both become visible together.
    pub fn append(&mut self, other: Transaction) {
        self.changes.extend(other.changes);
    }
}

/// What an epoch changed in the outputs.
#[derive(Clone, Debug)]
pub struct EpochResult {
    /// Which epoch.
    pub epoch: Epoch,
    outputs: BTreeMap<usize, Delta>,
}

impl EpochResult {
    pub(crate) fn new(epoch: Epoch, parts: Vec<(usize, Delta)>) -> EpochResult {
        let mut outputs: BTreeMap<usize, Delta> = BTreeMap::new();
        for (output, rows) in parts {
            outputs.entry(output).or_default().extend(rows);
        }
        outputs.values_mut().for_each(consolidate);
        outputs.retain(|_, rows| !rows.is_empty());
        EpochResult { epoch, outputs }
    }

    /// How many changed rows there are in all outputs.
    pub fn len(&self) -> usize {
        self.outputs.values().map(Vec::len).sum()
    }

    /// Whether no output changed.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// The changed rows of the output with this number (see [`Engine::output_names`]), each row
    /// once unless rows only came, or only went; in no promised order.
    pub fn output(&self, output: usize) -> &[(Rec, Weight)] {
        self.outputs.get(&output).map_or(&[], Vec::as_slice)
    }

    /// The outputs that changed, with their changes.
    pub fn changed(&self) -> impl Iterator<Item = (usize, &[(Rec, Weight)])> {
        self.outputs.iter().map(|(output, rows)| (*output, rows.as_slice()))
    }
}

/// A running program.
///
/// Dropping it stops the workers. It stays on the thread that started it, which may be the one that computes; what other
/// threads want to know they ask its [`Progress`].
pub struct Engine {
    workers: Workers,
    results: Receiver<EpochResult>,
    catalog: Catalog,
    next: Epoch,
    progress: Progress,
}

/// Who computes.
enum Workers {
    /// The thread that commits. It is lost with the first rule that panics.
    Here(Option<(Box<Alone>, Sender<EpochResult>)>),
    /// Threads of their own.
    Threads { commands: Vec<Sender<Command>>, runner: Option<JoinHandle<Result<(), String>>> },
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = match &self.workers {
            Workers::Here(_) => 1,
            Workers::Threads { commands, .. } => commands.len(),
        };
        write!(f, "Engine with {workers} local workers at epoch {}", self.next)
    }
}

/// Transactions that may wait for a worker before [`Engine::commit`] blocks.
const QUEUED: usize = 64;

impl Engine {
    /// Starts the workers, each of which builds the same graph with `program`.
    ///
    /// In a cluster this is for process 0; the others call [`follow`].
    pub fn start(
        config: Config,
        program: impl Fn(&Builder) + Send + Sync + 'static,
    ) -> Result<Engine, EngineError> {
        let (result_sender, results) = unbounded();
        if config.is_alone() {
            let (alone, catalog) = catch_unwind(AssertUnwindSafe(|| Alone::new(&program)))
                .map_err(|panic| EngineError::Start(what(&*panic)))?;
            let workers = Workers::Here(Some((Box::new(alone), result_sender)));
            return Ok(Engine { workers, results, catalog, next: 0, progress: Progress::default() });
        }
        let workers = config.workers.max(1);
        let (catalog_sender, catalogs) = bounded(1);
        let (commands, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| bounded(QUEUED)).unzip();
        let progress = Progress::default();
        let outside =
            Outside { results: result_sender, catalogs: catalog_sender, progress: progress.clone() };
        let run = worker::run(config, Arc::new(program), receivers, outside);
        let runner = std::thread::Builder::new()
            .name("northflow-engine".into())
            .spawn(run)
            .map_err(|error| EngineError::Start(error.to_string()))?;
        match catalogs.recv() {
            Ok(catalog) => {
                let workers = Workers::Threads { commands, runner: Some(runner) };
                Ok(Engine { workers, results, catalog, next: 0, progress })
            }
            // No catalog means that no worker got as far as building its graph.
            Err(_) => match runner.join() {
                Ok(Err(why)) => Err(EngineError::Start(why)),
                _ => Err(EngineError::WorkerLost),
            },
        }
    }

    /// Makes `transaction` the next epoch.
    ///
    /// A single worker has computed it when this returns; otherwise it blocks while too many epochs wait for a worker.
    pub fn commit(&mut self, transaction: Transaction) -> Result<Epoch, EngineError> {
        let entering =
            |(input, rec, weight): (&'static str, Rec, Weight)| match self.catalog.inputs.get(input) {
                Some(node) => Ok((*node, rec, weight)),
                None => Err(EngineError::UnknownInput(input.to_owned())),
            };
        let rows = transaction.changes.into_iter().map(entering).collect::<Result<Vec<_>, _>>()?;
        let epoch = self.next;
        match &mut self.workers {
            Workers::Here(worker) => {
                let Some((alone, results)) = worker else { return Err(EngineError::WorkerLost) };
                // What it was amid is dropped with it.
                match catch_unwind(AssertUnwindSafe(|| alone.compute(epoch, rows))) {
                    // The other end is in this engine.
                    Ok(result) => drop(results.send(result)),
                    Err(_) => {
                        *worker = None;
                        self.progress.lose();
                        return Err(EngineError::WorkerLost);
                    }
                }
                self.progress.complete(epoch);
            }
            Workers::Threads { commands, .. } => {
                let mut parts: Vec<Vec<(NodeId, Rec, Weight)>> = vec![Vec::new(); commands.len()];
                for (node, rec, weight) in rows {
                    let part = (rec.hash() % parts.len() as u64) as usize;
                    parts[part].push((node, rec, weight));
                }
                for (sender, rows) in commands.iter().zip(parts) {
                    sender.send(Command::Epoch { epoch, rows }).map_err(|_| EngineError::WorkerLost)?;
                }
            }
        }
        self.next += 1;
        Ok(epoch)
    }

    /// Where finished epochs arrive, in order, each as soon as the frontier has passed it.
    ///
    /// It disconnects when a worker is gone.
    pub fn results(&self) -> &Receiver<EpochResult> {
        &self.results
    }

    /// How far the epochs have come, for any thread to ask.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Commits `transaction` and waits for its result.
    ///
    /// Only for a caller that does not also read [`results`](Engine::results).
    pub fn step(&mut self, transaction: Transaction) -> Result<EpochResult, EngineError> {
        let epoch = self.commit(transaction)?;
        loop {
            let result = self.results.recv().map_err(|_| EngineError::WorkerLost)?;
            if result.epoch == epoch {
                return Ok(result);
            }
        }
    }

    /// Names of the outputs, by number.
    pub fn output_names(&self) -> &[&'static str] {
        &self.catalog.outputs
    }

    /// The number of the output `name`.
    pub fn output_number(&self, name: &str) -> Option<usize> {
        self.catalog.outputs.iter().position(|output| *output == name)
    }

    /// What each operator has done, over the workers of this process.
    pub fn metrics(&self) -> Result<Vec<NodeMetrics>, EngineError> {
        let mut total: Vec<NodeMetrics> = Vec::new();
        for reply in self.ask(Alone::metrics, |reply| Command::Metrics { reply })? {
            if total.is_empty() {
                total = reply;
                continue;
            }
            for (sum, part) in total.iter_mut().zip(reply) {
                sum.runs += part.runs;
                sum.rows_in += part.rows_in;
                sum.rows_met += part.rows_met;
                sum.rows_out += part.rows_out;
                sum.time += part.time;
                sum.keys += part.keys;
            }
        }
        Ok(total)
    }

    /// The rows of `relation` (see [`OperatorOutline::address`](crate::OperatorOutline::address)) on the workers of this
    /// process, after the epochs that are finished, in no promised order.
    ///
    /// # Errors
    /// [`EngineError::UnknownRelation`], or [`EngineError::NotKept`] if it is no index and the program was not asked to
    /// [keep](Builder::keep) its rows.
    pub fn rows(&self, relation: &str) -> Result<Vec<(Rec, Weight)>, EngineError> {
        let asked = |reply| Command::Rows { relation: relation.to_owned(), reply };
        let parts = self.ask(|alone| alone.rows(relation), asked)?;
        let mut rows = Delta::new();
        for part in parts {
            rows.extend(part.map_err(|there| match there {
                true => EngineError::NotKept(relation.to_owned()),
                false => EngineError::UnknownRelation(relation.to_owned()),
            })?);
        }
        add_up(&mut rows);
        Ok(rows)
    }

    /// The [rows](Engine::rows) of `relation` in their debug form, sorted; a row that is there several times has their
    /// number before it.
    pub fn dump(&self, relation: &str) -> Result<Vec<String>, EngineError> {
        let line = |(rec, weight): (Rec, Weight)| match weight {
            1 => format!("{rec:?}"),
            _ => format!("{weight} * {rec:?}"),
        };
        let mut lines: Vec<String> = self.rows(relation)?.into_iter().map(line).collect();
        lines.sort();
        Ok(lines)
    }

    /// What `result` changed in the output `output`: its rows, and how many times more each is there. Nothing if the
    /// program has no such output.
    ///
    /// # Panics
    /// When a row that is looked at is not a `T`.
    pub fn changes<'a, T: Record>(
        &self,
        result: &'a EpochResult,
        output: &str,
    ) -> impl Iterator<Item = (&'a T, Weight)> + use<'a, T> {
        let rows = self.output_number(output).map_or(&[][..], |output| result.output(output));
        rows.iter().map(|(rec, weight)| (rec.get(), *weight))
    }

    /// Asks every worker of this process, in place or by a command.
    fn ask<R>(
        &self,
        here: impl Fn(&Alone) -> R,
        command: impl Fn(Sender<R>) -> Command,
    ) -> Result<Vec<R>, EngineError> {
        let commands = match &self.workers {
            Workers::Here(Some((alone, _))) => return Ok(vec![here(alone)]),
            Workers::Here(None) => return Err(EngineError::WorkerLost),
            Workers::Threads { commands, .. } => commands,
        };
        let mut replies = Vec::new();
        for sender in commands {
            let (reply, answer) = bounded(1);
            sender.send(command(reply)).map_err(|_| EngineError::WorkerLost)?;
            replies.push(self.answer(&answer)?);
        }
        Ok(replies)
    }

    /// Waits for a worker's answer. A question that reaches a worker just as it is lost is never
    /// answered and never dropped, so the loss itself is looked at too.
    fn answer<R>(&self, answer: &Receiver<R>) -> Result<R, EngineError> {
        loop {
            match answer.recv_timeout(LOSS_CHECK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if !self.progress.is_lost() => {}
                Err(_) => return Err(EngineError::WorkerLost),
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Workers::Threads { commands, runner } = &mut self.workers else { return };
        commands.clear();
        // After a loss, threads that talk with other processes may wait for those for ever.
        if let Some(runner) = runner.take().filter(|_| !self.progress.is_lost()) {
            // A worker that panicked has said so on standard error.
            let _ = runner.join();
        }
    }
}

/// What a panic said.
fn what(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the program panicked".to_owned())
}

/// How long it may take to notice that a worker is lost.
const LOSS_CHECK: Duration = Duration::from_millis(100);

/// Runs the workers of a process other than 0 until process 0 stops.
///
/// # Errors
/// [`EngineError::WorkerLost`] when a worker panics here or another process goes away. The caller
/// should then end the process: only that tells the other processes.
pub fn follow(config: Config, program: impl Fn(&Builder) + Send + Sync + 'static) -> Result<(), EngineError> {
    let (results, _) = unbounded();
    let (catalogs, _) = bounded(1);
    let progress = Progress::default();
    let outside = Outside { results, catalogs, progress: progress.clone() };
    let run = worker::run(config, Arc::new(program), Vec::new(), outside);
    let (ended, end) = bounded(1);
    std::thread::Builder::new()
        .name("northflow-engine".into())
        .spawn(move || drop(ended.send(run())))
        .map_err(|error| EngineError::Start(error.to_string()))?;
    loop {
        match end.recv_timeout(LOSS_CHECK) {
            Ok(outcome) if !progress.is_lost() => return outcome.map_err(EngineError::Start),
            Err(RecvTimeoutError::Timeout) if !progress.is_lost() => {}
            _ => return Err(EngineError::WorkerLost),
        }
    }
}
