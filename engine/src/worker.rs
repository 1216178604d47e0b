//! The life of a worker thread, where there are several workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};
use timely::CommunicationConfig;
use timely::WorkerConfig;
use timely::worker::Worker;

use crate::builder::Builder;
use crate::dataflow::{self, Running, start_of};
use crate::delta::{Delta, Weight};
use crate::engine::{Config, Epoch, EpochResult};
use crate::graph::executor::{Executor, NodeMetrics, Packet};
use crate::graph::{Graph, NodeId};
use crate::progress::Progress;
use crate::record::Rec;

/// What a worker is asked to do.
pub(crate) enum Command {
    Epoch { epoch: Epoch, rows: Vec<(NodeId, Rec, Weight)> },
    Metrics { reply: Sender<Vec<NodeMetrics>> },
    Rows { relation: String, reply: Sender<Result<Delta, bool>> },
}

/// What a program turned out to have.
pub(crate) struct Catalog {
    pub inputs: BTreeMap<&'static str, NodeId>,
    pub outputs: Vec<&'static str>,
}

impl Catalog {
    /// The inputs and outputs of a graph.
    pub fn of(graph: &Graph) -> Catalog {
        Catalog { inputs: graph.inputs.iter().copied().collect(), outputs: graph.outputs.clone() }
    }
}

/// Where a process's workers report to.
pub(crate) struct Outside {
    pub results: Sender<EpochResult>,
    pub catalogs: Sender<Catalog>,
    pub progress: Progress,
}

type Program = Arc<dyn Fn(&Builder) + Send + Sync>;

/// While an epoch is being computed, a worker with nothing to do looks again after this long at
/// the latest; usually a message wakes it before.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long a worker that only follows may take to notice that another is lost.
const LONG: Duration = Duration::from_millis(100);

/// A closure that runs this process's workers to their end. `commands` has one receiver for each,
/// or none in a process that only follows.
pub(crate) fn run(
    config: Config,
    program: Program,
    commands: Vec<Receiver<Command>>,
    outside: Outside,
) -> impl FnOnce() -> Result<(), String> + Send {
    move || {
        let threads = config.workers.max(1);
        let communication = match config.cluster {
            Some(cluster) => CommunicationConfig::Cluster {
                threads,
                process: cluster.process,
                addresses: cluster.addresses,
                report: false,
                zerocopy: false,
            },
            None if threads > 1 => CommunicationConfig::Process(threads),
            None => CommunicationConfig::Thread,
        };
        let settings =
            timely::Config { communication, worker: WorkerConfig::default().idle_spin(Duration::ZERO) };
        let progress = outside.progress.clone();
        let outside = Mutex::new(outside);
        let (alarm, lost) = bounded(0);
        let alarm = Arc::new(Mutex::new(Some(alarm)));
        let guards = timely::execute(settings, move |worker| {
            let _alarm = Alarm { alarm: Arc::clone(&alarm), progress: progress.clone() };
            let builder = Builder::new(worker.peers());
            program(&builder);
            let graph = builder.finish();
            let catalog = Catalog::of(&graph);
            let executor = Executor::new(graph, worker.index());
            let results = match worker.index() {
                0 => {
                    let outside = outside.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    // Engine::start waits for this; in a process that follows nobody does.
                    let _ = outside.catalogs.send(catalog);
                    Some((outside.results.clone(), outside.progress.clone()))
                }
                _ => None,
            };
            match (commands.get(worker.index()), results) {
                (Some(commands), results) => {
                    let running = dataflow::build(worker, executor, results);
                    lead(worker, running, commands, &lost);
                }
                (None, results) => {
                    drop(dataflow::build(worker, executor, results));
                    finish(worker, &lost);
                }
            }
        })?;
        let panics: Vec<String> = guards.join().into_iter().filter_map(Result::err).collect();
        if panics.is_empty() { Ok(()) } else { Err(panics.join("; ")) }
    }
}

/// Tells the other workers of this process when the one that holds it panics: what they wait for
/// will never come. Everybody holds the other end of the channel, and sees it disconnected.
struct Alarm {
    alarm: Arc<Mutex<Option<Sender<()>>>>,
    progress: Progress,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.alarm.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            self.progress.lose();
        }
    }
}

fn is_lost(lost: &Receiver<()>) -> bool {
    lost.try_recv() == Err(TryRecvError::Disconnected)
}

/// Works until the input has ended everywhere, or until a worker is lost.
fn finish(worker: &mut Worker, lost: &Receiver<()>) {
    while worker.step_or_park(Some(LONG)) {
        if is_lost(lost) {
            return abandon(worker);
        }
    }
}

/// Gives up what can no longer be finished.
fn abandon(worker: &mut Worker) {
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
}

/// Works for an engine in this process, beside other workers, until it is dropped.
fn lead(worker: &mut Worker, mut running: Running, commands: &Receiver<Command>, lost: &Receiver<()>) {
    let index = worker.index();
    let mut fed: Option<Epoch> = None;
    loop {
        if is_lost(lost) {
            drop(running);
            return abandon(worker);
        }
        let busy = fed.is_some_and(|epoch| running.probe.less_than(&start_of(epoch + 1)));
        let command = if busy {
            match commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty) => {
                    worker.step_or_park(Some(PATIENCE));
                    continue;
                }
                Err(TryRecvError::Disconnected) => break,
            }
        } else {
            select! {
                recv(commands) -> command => match command {
                    Ok(command) => command,
                    Err(_) => break,
                },
                recv(lost) -> _ => continue,
            }
        };
        match command {
            Command::Epoch { epoch, rows } => {
                for packet in packets(index, rows) {
                    running.input.send(packet);
                }
                running.input.advance_to(start_of(epoch + 1));
                running.input.flush();
                fed = Some(epoch);
                worker.step();
            }
            // The asker may have given up.
            Command::Metrics { reply } => drop(reply.send(running.executor.borrow().metrics())),
            Command::Rows { relation, reply } => drop(reply.send(running.executor.borrow().rows(&relation))),
        }
    }
    drop(running);
    finish(worker, lost);
}

/// One packet for each input that a transaction touches.
pub(crate) fn packets(worker: usize, rows: Vec<(NodeId, Rec, Weight)>) -> Vec<Packet> {
    let mut by_input: BTreeMap<NodeId, Delta> = BTreeMap::new();
    for (node, rec, weight) in rows {
        by_input.entry(node).or_default().push((rec, weight));
    }
    by_input.into_iter().map(|(node, rows)| Packet { worker, node, port: 0, rows }).collect()
}
