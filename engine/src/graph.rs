//! The graph of operators that a program builds, and one worker's state of it.
//!
//! A node comes after all nodes that it reads, so node order is a topological order. An epoch
//! visits only the nodes that a change reaches: an idle operator costs nothing at all.

pub(crate) mod executor;
pub(crate) mod index;
pub(crate) mod operators;

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::rc::Rc;

use crate::delta::Delta;
use crate::graph::index::IndexState;
use crate::iterate::plan::Plan;
use crate::record::Rec;

/// A node's place in the graph.
pub(crate) type NodeId = usize;

/// An index that its own node writes and that other nodes of the same worker read.
pub(crate) type SharedIndex = Rc<RefCell<IndexState>>;

/// Which workers a record is for.
#[derive(Clone)]
pub(crate) enum Route {
    /// The one that owns its group: a hash of what it is grouped by.
    Owner(Rc<dyn Fn(&Rec) -> u64>),
    /// All of them.
    Everywhere,
}

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
    /// Takes what came in on each port this epoch and says what follows from it. Adds to `met` how many rows of
    /// indexes, or pairs of them, it looked at.
    fn run(&mut self, inbox: &mut [Delta], met: &mut u64) -> Outcome;

    /// The index that this operator keeps, if it keeps one.
    fn index(&self) -> Option<SharedIndex> {
        None
    }

    /// Whether its rows leave the graph.
    fn is_output(&self) -> bool {
        false
    }
}

/// Where a node's rows go.
pub(crate) struct Edge {
    pub to: NodeId,
    pub port: usize,
    /// Set when rows have to move to other workers.
    pub route: Option<Route>,
}

/// A node as built.
pub(crate) struct Node {
    pub name: &'static str,
    /// Where the program adds it.
    pub location: &'static Location<'static>,
    /// Whether the program gave the name; otherwise it is the operator's kind.
    pub named: bool,
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
    /// The indexes of each node by the function that gives the key, where that is the function's type alone.
    pub indexes: HashMap<(NodeId, TypeId), (NodeId, SharedIndex)>,
    /// Indexes that keep the rows of nodes which would not keep them, for dumps.
    pub kept: BTreeMap<NodeId, SharedIndex>,
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
    pub met: Met,
}

/// How many rows the operators of a region have looked at.
pub(crate) type Met = Rc<Cell<u64>>;

/// How a node reads another.
pub(crate) struct Source {
    pub node: NodeId,
    pub route: Option<Route>,
}

impl Graph {
    /// Adds a node that reads `sources`, one port each.
    #[track_caller]
    pub fn add(&mut self, name: &'static str, operator: Box<dyn Operator>, sources: Vec<Source>) -> NodeId {
        let id = self.nodes.len();
        let ports = sources.len().max(1);
        let mut round = 0;
        for (port, source) in sources.into_iter().enumerate() {
            let route = source.route.filter(|_| self.workers > 1);
            round = round.max(self.nodes[source.node].round + u32::from(route.is_some()));
            self.nodes[source.node].followers.push(Edge { to: id, port, route });
        }
        let location = Location::caller();
        self.nodes.push(Node { name, location, named: false, operator, ports, followers: Vec::new(), round });
        id
    }

    /// Gives a node a name of its own.
    pub fn name(&mut self, node: NodeId, name: &'static str) {
        self.nodes[node].name = name;
        self.nodes[node].named = true;
    }

    /// What each node is called in dumps: the name that the program gave it, or `NAME#PLACE` where it gave none or
    /// several nodes have it.
    pub fn addresses(&self) -> Vec<String> {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &self.nodes {
            *count.entry(node.name).or_default() += 1;
        }
        let address = |(at, node): (NodeId, &Node)| match node.named && count[node.name] == 1 {
            true => node.name.to_owned(),
            false => format!("{}#{at}", node.name),
        };
        self.nodes.iter().enumerate().map(address).collect()
    }

    /// The node that `address` means. Of several with a name that is given without a place it is an index, else an
    /// output, else the first.
    pub fn find(&self, address: &str) -> Option<NodeId> {
        if let Some((name, place)) = address.rsplit_once('#') {
            let node: NodeId = place.parse().ok()?;
            return self.nodes.get(node).filter(|found| found.name == name).map(|_| node);
        }
        let named = self.nodes.iter().enumerate().filter(|(_, node)| node.named && node.name == address);
        let is_input = |at: NodeId| self.inputs.iter().any(|(_, input)| *input == at);
        named.min_by_key(|(at, node)| (node.operator.index().is_none(), is_input(*at), *at)).map(|(at, _)| at)
    }

    /// Where the rows of `node` are kept on this worker, if they are.
    pub fn rows_of(&self, node: NodeId) -> Option<SharedIndex> {
        self.nodes[node].operator.index().or_else(|| self.kept.get(&node).cloned())
    }

    /// The node that `node` reads, of one that reads one.
    pub fn source_of(&self, node: NodeId) -> Option<NodeId> {
        self.nodes.iter().position(|source| source.followers.iter().any(|edge| edge.to == node))
    }

    /// Adds the node that takes up what leaves a region which rows enter by the node `enter`.
    #[track_caller]
    pub fn add_after(&mut self, name: &'static str, operator: Box<dyn Operator>, enter: NodeId) -> NodeId {
        let id = self.add(name, operator, Vec::new());
        self.nodes[id].round = self.nodes[enter].round + 1;
        id
    }
}
