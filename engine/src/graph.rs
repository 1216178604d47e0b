//! The graph of operators that a program builds, and one worker's state of it.
//!
//! A node comes after all nodes that it reads, so node order is a topological order. An epoch
//! visits only the nodes that a change reaches: an idle operator costs nothing at all.

pub(crate) mod executor;
pub(crate) mod index;
pub(crate) mod operators;

use std::cell::RefCell;
use std::rc::Rc;

use crate::delta::Delta;
use crate::graph::index::IndexState;
use crate::iterate::plan::Plan;
use crate::record::Rec;

/// A node's place in the graph.
pub(crate) type NodeId = usize;

/// An index that its own node writes and that other nodes of the same worker read.
pub(crate) type SharedIndex = Rc<RefCell<IndexState>>;

/// Which worker a record belongs to: a hash of what it is grouped by.
pub(crate) type Route = Rc<dyn Fn(&Rec) -> u64>;

/// What a node did in an epoch.
pub(crate) enum Outcome {
    /// It has rows for those who follow.
    Rows(Delta),
    /// Its index changed; those who follow read it there.
    Index,
    /// Rows for the outside world, under the number of an output.
    Output(usize, Delta),
    /// Rows that enter a region, by port.
    Enter(usize, Vec<Delta>),
    /// Nothing that matters to others.
    Quiet,
}

/// One operator on one worker.
pub(crate) trait Operator {
    /// Takes what came in on each port this epoch and says what follows from it.
    fn run(&mut self, inbox: &mut [Delta]) -> Outcome;

    /// The index that this operator keeps, if it keeps one.
    fn index(&self) -> Option<SharedIndex> {
        None
    }
}

/// Where a node's rows go.
pub(crate) struct Edge {
    pub to: NodeId,
    pub port: usize,
    /// Set when rows have to move to the worker that owns their group.
    pub route: Option<Route>,
}

/// A node as built.
pub(crate) struct Node {
    pub name: &'static str,
    pub operator: Box<dyn Operator>,
    pub ports: usize,
    pub followers: Vec<Edge>,
    /// How many exchanges and regions lie between the inputs and this node.
    pub round: u32,
}

/// The nodes of a program.
#[derive(Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub inputs: Vec<(&'static str, NodeId)>,
    pub outputs: Vec<&'static str>,
    pub regions: Vec<Region>,
    /// With one worker nothing moves, and only regions add rounds.
    pub workers: usize,
}

/// A part that differential dataflow computes. Rows enter it through one node and leave it, a round
/// later, to another.
pub(crate) struct Region {
    pub plan: Plan,
    pub ports: usize,
    /// The node that what leaves is for.
    pub exit: NodeId,
}

/// How a node reads another.
pub(crate) struct Source {
    pub node: NodeId,
    pub route: Option<Route>,
}

impl Graph {
    /// Adds a node that reads `sources`, one port each.
    pub fn add(&mut self, name: &'static str, operator: Box<dyn Operator>, sources: Vec<Source>) -> NodeId {
        let id = self.nodes.len();
        let ports = sources.len().max(1);
        let mut round = 0;
        for (port, source) in sources.into_iter().enumerate() {
            let route = source.route.filter(|_| self.workers > 1);
            round = round.max(self.nodes[source.node].round + u32::from(route.is_some()));
            self.nodes[source.node].followers.push(Edge { to: id, port, route });
        }
        self.nodes.push(Node { name, operator, ports, followers: Vec::new(), round });
        id
    }

    /// Adds the node that takes up what leaves a region which rows enter by the node `enter`.
    pub fn add_after(&mut self, name: &'static str, operator: Box<dyn Operator>, enter: NodeId) -> NodeId {
        let id = self.add(name, operator, Vec::new());
        self.nodes[id].round = self.nodes[enter].round + 1;
        id
    }
}
