//! One worker's execution of the graph, an epoch at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::Location;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::graph::{Graph, Met, Node, NodeId, Outcome, Region, Route, SharedIndex};
use crate::record::Rec;

/// Rows on their way to a port of a node on some worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub worker: usize,
    pub node: NodeId,
    pub port: usize,
    pub rows: Delta,
}

/// What a node has done since the start.
#[derive(Clone, Debug, Default)]
pub struct NodeMetrics {
    /// The node's name.
    pub name: &'static str,
    /// Where the program adds it.
    pub location: Option<&'static Location<'static>>,
    /// Epochs in which it ran.
    pub runs: u64,
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows of indexes, or pairs of them, that it looked at for these.
    pub rows_met: u64,
    /// Rows that went out.
    pub rows_out: u64,
    /// Time spent.
    pub time: Duration,
    /// Keys in its index.
    pub keys: usize,
}

/// The state of one worker.
pub(crate) struct Executor {
    graph: Graph,
    worker: usize,
    inboxes: Vec<Vec<Delta>>,
    dirty: Vec<bool>,
    /// Dirty nodes by round, then in topological order.
    queue: BinaryHeap<Reverse<(u32, NodeId)>>,
    uncommitted: Vec<SharedIndex>,
    results: Vec<(usize, Delta)>,
    entering: Vec<(usize, Vec<Delta>)>,
    metrics: Vec<NodeMetrics>,
    /// What regions have looked at, by the node that takes up what leaves them.
    met: Vec<(NodeId, Met)>,
}

impl Executor {
    pub fn new(graph: Graph, worker: usize) -> Executor {
        let inboxes = graph.nodes.iter().map(|node| vec![Delta::new(); node.ports]).collect();
        let dirty = vec![false; graph.nodes.len()];
        let nothing = |node: &Node| NodeMetrics {
            name: node.name,
            location: Some(node.location),
            ..NodeMetrics::default()
        };
        let metrics = graph.nodes.iter().map(nothing).collect();
        Executor {
            graph,
            worker,
            inboxes,
            dirty,
            queue: BinaryHeap::new(),
            uncommitted: Vec::new(),
            results: Vec::new(),
            entering: Vec::new(),
            metrics,
            met: Vec::new(),
        }
    }

    /// Hands rows to a port of a node.
    pub fn accept(&mut self, node: NodeId, port: usize, rows: Delta) {
        if rows.is_empty() {
            return;
        }
        let slot = &mut self.inboxes[node][port];
        if slot.is_empty() {
            *slot = rows;
        } else {
            slot.extend(rows);
        }
        self.wake(node);
    }

    fn wake(&mut self, node: NodeId) {
        if !std::mem::replace(&mut self.dirty[node], true) {
            self.queue.push(Reverse((self.graph.nodes[node].round, node)));
        }
    }

    /// The next round with something to do.
    pub fn next_round(&self) -> Option<u32> {
        self.queue.peek().map(|Reverse((round, _))| *round)
    }

    /// The round at which `node` takes its input.
    pub fn round_of(&self, node: NodeId) -> u32 {
        self.graph.nodes[node].round
    }

    /// Runs every dirty node of `round`; packets for other workers go to `send`.
    pub fn run_round(&mut self, round: u32, send: &mut dyn FnMut(Packet)) {
        let mut started = Instant::now();
        while let Some(Reverse((next, node))) = self.queue.peek().copied() {
            if next > round {
                break;
            }
            self.queue.pop();
            self.dirty[node] = false;
            self.run_node(node, send);
            // Where one node ends the next begins: reading the clock takes as long as many a node.
            let ended = Instant::now();
            self.metrics[node].time += ended - started;
            started = ended;
        }
    }

    fn run_node(&mut self, id: NodeId, send: &mut dyn FnMut(Packet)) {
        let node = &mut self.graph.nodes[id];
        let inbox = &mut self.inboxes[id];
        let metrics = &mut self.metrics[id];
        metrics.runs += 1;
        metrics.rows_in += inbox.iter().map(|rows| rows.len() as u64).sum::<u64>();
        let outcome = node.operator.run(inbox, &mut metrics.rows_met);
        // There are thousands of inboxes: room that each kept would lie between what comes and goes, and keep
        // whole pages of it.
        inbox.iter_mut().for_each(|rows| *rows = Delta::new());
        match outcome {
            Outcome::Quiet => {}
            Outcome::Output(output, rows) => {
                metrics.rows_out += rows.len() as u64;
                if !rows.is_empty() {
                    self.results.push((output, rows));
                }
            }
            Outcome::Enter(region, ports) => {
                metrics.rows_out += ports.iter().map(|rows| rows.len() as u64).sum::<u64>();
                self.entering.push((region, ports));
            }
            Outcome::Index => {
                self.uncommitted.extend(node.operator.index());
                for at in 0..self.graph.nodes[id].followers.len() {
                    let to = self.graph.nodes[id].followers[at].to;
                    self.wake(to);
                }
            }
            Outcome::Rows(rows) => {
                metrics.rows_out += rows.len() as u64;
                self.distribute(id, rows, send);
            }
        }
    }

    fn distribute(&mut self, id: NodeId, rows: Delta, send: &mut dyn FnMut(Packet)) {
        let followers = std::mem::take(&mut self.graph.nodes[id].followers);
        let mut rows = Some(rows);
        let last = followers.len().saturating_sub(1);
        for (at, edge) in followers.iter().enumerate() {
            // The last follower takes the rows themselves, the others a copy of the pointers.
            let rows = if at == last { rows.take() } else { rows.clone() };
            let rows = rows.unwrap_or_default();
            match &edge.route {
                None => self.accept(edge.to, edge.port, rows),
                Some(route) => {
                    let parts = match route {
                        Route::Owner(hash) => self.parts(rows, &**hash),
                        Route::Everywhere => vec![rows; self.graph.workers],
                    };
                    for (worker, rows) in parts.into_iter().enumerate() {
                        if worker == self.worker {
                            self.accept(edge.to, edge.port, rows);
                        } else if !rows.is_empty() {
                            send(Packet { worker, node: edge.to, port: edge.port, rows });
                        }
                    }
                }
            }
        }
        self.graph.nodes[id].followers = followers;
    }

    /// `rows` by the worker that owns them.
    fn parts(&self, rows: Delta, hash: &dyn Fn(&Rec) -> u64) -> Vec<Delta> {
        let mut parts = vec![Delta::new(); self.graph.workers];
        for (rec, weight) in rows {
            parts[(hash(&rec) % self.graph.workers as u64) as usize].push((rec, weight));
        }
        parts
    }

    /// What the outputs have gathered since the last call.
    pub fn take_results(&mut self) -> Vec<(usize, Delta)> {
        std::mem::take(&mut self.results)
    }

    /// What enters regions, by port, gathered since the last call.
    pub fn take_entering(&mut self) -> Vec<(usize, Vec<Delta>)> {
        std::mem::take(&mut self.entering)
    }

    /// The regions, for their dataflow to be built.
    pub fn take_regions(&mut self) -> Vec<Region> {
        let regions = std::mem::take(&mut self.graph.regions);
        self.met = regions.iter().map(|region| (region.exit, Met::clone(&region.met))).collect();
        regions
    }

    /// Ends an epoch: every index folds its change in.
    pub fn commit(&mut self) {
        for index in self.uncommitted.drain(..) {
            index.borrow_mut().commit();
        }
    }

    /// What each node has done.
    pub fn metrics(&self) -> Vec<NodeMetrics> {
        let mut metrics = self.metrics.clone();
        for (metrics, node) in metrics.iter_mut().zip(&self.graph.nodes) {
            metrics.keys = node.operator.index().map_or(0, |index| index.borrow().keys());
        }
        for (exit, met) in &self.met {
            metrics[*exit].rows_met += met.get();
        }
        metrics
    }

    /// The rows of the relation `address` on this worker; `Err` says whether there is such a relation at all.
    pub fn rows(&self, address: &str) -> Result<Delta, bool> {
        let node = self.graph.find(address).ok_or(false)?;
        Ok(self.graph.rows_of(node).ok_or(true)?.borrow().all())
    }
}
