//! The life of a worker thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use timely::CommunicationConfig;
use timely::WorkerConfig;
use timely::worker::Worker;

use crate::dataflow::{self, Running, start_of};
use crate::delta::{Delta, Weight};
use crate::engine::{Config, Epoch, EpochResult};
use crate::graph::NodeId;
use crate::graph::executor::{Executor, NodeMetrics, Packet};
use crate::record::Rec;
use crate::relation::Builder;

/// What a worker is asked to do.
pub(crate) enum Command {
    Epoch { epoch: Epoch, rows: Vec<(NodeId, Rec, Weight)> },
    Metrics { reply: Sender<Vec<NodeMetrics>> },
    Dump { name: String, reply: Sender<Option<Delta>> },
}

/// What a program turned out to have.
pub(crate) struct Catalog {
    pub inputs: BTreeMap<&'static str, NodeId>,
    pub outputs: Vec<&'static str>,
}

type Program = Arc<dyn Fn(&Builder) + Send + Sync>;

/// While an epoch is being computed, a worker with nothing to do looks again after this long at
/// the latest; usually a message wakes it before.
const PATIENCE: Duration = Duration::from_millis(1);

/// A closure that runs this process's workers to their end. `commands` has one receiver for each,
/// or none in a process that only follows.
pub(crate) fn run(
    config: Config,
    program: Program,
    commands: Vec<Receiver<Command>>,
    results: Sender<EpochResult>,
    catalogs: Sender<Catalog>,
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
        let outside = Mutex::new((results, catalogs));
        let guards = timely::execute(settings, move |worker| {
            let builder = Builder::new(worker.peers());
            program(&builder);
            let graph = builder.finish();
            let outputs = graph.outputs.clone();
            let executor = Executor::new(graph, worker.index());
            let inputs = executor.inputs().iter().copied().collect();
            let results = match worker.index() {
                0 => {
                    let outside = outside.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    // Engine::start waits for this; in a process that follows nobody does.
                    let _ = outside.1.send(Catalog { inputs, outputs });
                    Some(outside.0.clone())
                }
                _ => None,
            };
            let running = dataflow::build(worker, executor, results);
            match commands.get(worker.index()) {
                Some(commands) => lead(worker, running, commands),
                None => {
                    drop(running.input);
                    while worker.step_or_park(None) {}
                }
            }
        })?;
        let panics: Vec<String> = guards.join().into_iter().filter_map(Result::err).collect();
        if panics.is_empty() { Ok(()) } else { Err(panics.join("; ")) }
    }
}

/// Works for an engine in this process until it is dropped.
fn lead(worker: &mut Worker, mut running: Running, commands: &Receiver<Command>) {
    let index = worker.index();
    let mut fed: Option<Epoch> = None;
    loop {
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
            match commands.recv() {
                Ok(command) => command,
                Err(_) => break,
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
            Command::Dump { name, reply } => drop(reply.send(running.executor.borrow().dump(&name))),
        }
    }
    drop(running);
    while worker.step_or_park(Some(PATIENCE)) {}
}

/// One packet for each input that a transaction touches.
fn packets(worker: usize, rows: Vec<(NodeId, Rec, Weight)>) -> Vec<Packet> {
    let mut by_input: BTreeMap<NodeId, Delta> = BTreeMap::new();
    for (node, rec, weight) in rows {
        by_input.entry(node).or_default().push((rec, weight));
    }
    by_input.into_iter().map(|(node, rows)| Packet { worker, node, port: 0, rows }).collect()
}
