//! What programs are built with: inputs, outputs, and the operators between them.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::delta::Weight;
use crate::graph::operators::{self, KeyLogic, RowLogic, empty_index};
use crate::graph::{Graph, NodeId, Operator, Route, Source};
use crate::record::Record;
use crate::relation::{ErasedIndex, Relation};

/// What a program is built with: inputs come from it, outputs go to it.
#[derive(Clone)]
pub struct Builder {
    pub(crate) graph: Rc<RefCell<Graph>>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder with {} operators", self.graph.borrow().nodes.len())
    }
}

impl Builder {
    pub(crate) fn new(workers: usize) -> Builder {
        Builder { graph: Rc::new(RefCell::new(Graph { workers, ..Graph::default() })) }
    }

    /// The graph; what is built afterwards is lost.
    pub(crate) fn finish(self) -> Graph {
        self.graph.take()
    }

    /// The input table `name`: rows arrive in it by [`Transaction`](crate::Transaction).
    #[track_caller]
    pub fn input<T: Record>(&self, name: &'static str) -> Relation<T> {
        let relation = self.relation(name, Box::new(operators::Union), vec![]).named(name);
        self.graph.borrow_mut().inputs.push((name, relation.source().node));
        relation
    }

    /// Makes `rows` the output `name`: its changes leave the engine epoch by epoch.
    #[track_caller]
    pub fn output<T: Record>(&self, name: &'static str, rows: &Relation<T>) {
        let output = self.graph.borrow().outputs.len();
        self.graph.borrow_mut().outputs.push(name);
        let node = self.add(name, Box::new(operators::Output { output }), vec![rows.source()]);
        self.graph.borrow_mut().name(node, name);
    }

    /// Keeps the rows of the relation called `relation` (see [`OperatorOutline::address`]), so that
    /// [`Engine::rows`](crate::Engine::rows) can give them; false if there is none. An index keeps its rows anyway.
    ///
    /// Call it when the program is built: `|builder| { program(builder); builder.keep("name"); }`.
    #[track_caller]
    pub fn keep(&self, relation: &str) -> bool {
        let (node, read, held) = {
            let graph = self.graph.borrow();
            let Some(node) = graph.find(relation) else { return false };
            // An output hands on nothing: its rows are those that it reads.
            let is_output = graph.nodes[node].operator.is_output();
            let read = if is_output { graph.source_of(node).unwrap_or(node) } else { node };
            (node, read, graph.rows_of(node).or_else(|| graph.rows_of(read)))
        };
        let state = held.unwrap_or_else(|| {
            let state = empty_index();
            let key: KeyLogic = Rc::new(|rec| u128::from(rec.hash()));
            let operator = operators::Index { key, state: Rc::clone(&state) };
            self.add("kept", Box::new(operator), vec![Source { node: read, route: None }]);
            state
        });
        self.graph.borrow_mut().kept.insert(node, state);
        true
    }

    /// The rows of all `relations` together, as often as they are in each.
    #[track_caller]
    pub fn union<T: Record>(&self, relations: &[Relation<T>]) -> Relation<T> {
        let sources = relations.iter().map(Relation::source).collect();
        self.relation("union", Box::new(operators::Union), sources)
    }

    /// What the node `node` gives.
    pub(crate) fn at<T: Record>(&self, node: NodeId) -> Relation<T> {
        Relation::of(node, self.clone())
    }

    #[track_caller]
    pub(crate) fn stateless(
        &self,
        name: &'static str,
        logic: RowLogic,
        sign: Weight,
        source: Source,
    ) -> NodeId {
        self.add(name, Box::new(operators::FlatMap { logic, sign }), vec![source])
    }

    #[track_caller]
    pub(crate) fn arrange(&self, name: &'static str, key: KeyLogic, node: NodeId) -> ErasedIndex {
        let state = empty_index();
        let source = Source { node, route: Some(route(&key)) };
        let operator = operators::Index { key, state: Rc::clone(&state) };
        ErasedIndex { node: self.add(name, Box::new(operator), vec![source]), state }
    }

    /// Adds an operator that reads the indexes `first` and `others`.
    #[track_caller]
    pub(crate) fn reading(
        &self,
        name: &'static str,
        operator: Box<dyn Operator>,
        first: NodeId,
        others: &[NodeId],
    ) -> NodeId {
        let nodes = std::iter::once(first).chain(others.iter().copied());
        self.add(name, operator, nodes.map(|node| Source { node, route: None }).collect())
    }

    #[track_caller]
    pub(crate) fn add(
        &self,
        name: &'static str,
        operator: Box<dyn Operator>,
        sources: Vec<Source>,
    ) -> NodeId {
        self.graph.borrow_mut().add(name, operator, sources)
    }

    #[track_caller]
    pub(crate) fn relation<T: Record>(
        &self,
        name: &'static str,
        operator: Box<dyn Operator>,
        sources: Vec<Source>,
    ) -> Relation<T> {
        self.at(self.add(name, operator, sources))
    }
}

/// An operator of a program, for a picture of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorOutline {
    /// Its name, which several operators may share; that of its kind where the program gave it none.
    pub name: &'static str,
    /// Whether the program gave it its name.
    pub named: bool,
    /// What it is called in dumps: its name, or `NAME#PLACE` where it was given none or shares it.
    pub address: String,
    /// The places, in the outline, of the operators that read it.
    pub readers: Vec<usize>,
}

/// The operators that `program` builds, each before those that read it.
pub fn outline(program: impl Fn(&Builder)) -> Vec<OperatorOutline> {
    let builder = Builder::new(1);
    program(&builder);
    let graph = builder.finish();
    let outline = |(node, address): (&crate::graph::Node, String)| OperatorOutline {
        name: node.name,
        named: node.named,
        address,
        readers: node.followers.iter().map(|edge| edge.to).collect(),
    };
    graph.nodes.iter().zip(graph.addresses()).map(outline).collect()
}

/// Where records with the key `key` belong.
pub(crate) fn route(key: &KeyLogic) -> Route {
    let key = Rc::clone(key);
    Route::Owner(Rc::new(move |rec| key(rec) as u64))
}
