//! Relations and indexes: what rules are written with.
//!
//! A [`Relation<T>`] is a bag of rows of type `T` that changes from epoch to epoch. An
//! [`Index<K, T>`] is the same rows kept by a key of type `K`; joining two indexes compiles only
//! if their key types agree. Closures see typed rows and must be pure: the engine calls them again
//! to take back what they said before.

mod index;

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::allocate::{Adapter, Allocator};
use crate::builder::{Builder, route};
use crate::delta::Weight;
use crate::graph::operators::{self, Emit, KeyLogic, RowLogic, empty_index};
use crate::graph::{NodeId, Route, Source};
use crate::record::{Rec, Record, key_hash, register};

pub use index::{ErasedIndex, Everywhere, Group, Index, Summary};

/// A bag of rows that changes from epoch to epoch.
pub struct Relation<T> {
    node: NodeId,
    builder: Builder,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for Relation<T> {
    fn clone(&self) -> Self {
        Relation { node: self.node, builder: self.builder.clone(), rows: PhantomData }
    }
}

impl<T> fmt::Debug for Relation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.builder.graph.borrow();
        write!(f, "Relation {:?} of {}", graph.nodes[self.node].name, std::any::type_name::<T>())
    }
}

impl<T: Record> Relation<T> {
    /// What the node `node` of a program gives.
    pub(crate) fn of(node: NodeId, builder: Builder) -> Relation<T> {
        register::<T>();
        Relation { node, builder, rows: PhantomData }
    }

    pub(crate) fn source(&self) -> Source {
        Source { node: self.node, route: None }
    }

    fn routed(&self, route: Route) -> Source {
        Source { node: self.node, route: Some(route) }
    }

    /// The same relation under a name of its own, for dumps and metrics.
    pub fn named(self, name: &'static str) -> Self {
        self.builder.graph.borrow_mut().name(self.node, name);
        self
    }

    /// The builder that this relation belongs to.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// One row for each row.
    #[track_caller]
    pub fn map<U: Record>(&self, logic: impl Fn(&T) -> U + 'static) -> Relation<U> {
        self.stateless("map", Box::new(move |rec, emit| emit(Rec::new(logic(rec.get())))), 1)
    }

    /// The rows for which `keep` says yes.
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + 'static) -> Relation<T> {
        let logic = move |rec: &Rec, emit: Emit<'_>| {
            if keep(rec.get()) {
                emit(rec.clone());
            }
        };
        self.stateless("filter", Box::new(logic), 1)
    }

    /// Any number of rows for each row.
    #[track_caller]
    pub fn flat_map<U: Record, I: IntoIterator<Item = U>>(
        &self,
        logic: impl Fn(&T) -> I + 'static,
    ) -> Relation<U> {
        let logic = move |rec: &Rec, emit: Emit<'_>| {
            for row in logic(rec.get()) {
                emit(Rec::new(row));
            }
        };
        self.stateless("flat_map", Box::new(logic), 1)
    }

    #[track_caller]
    fn stateless<U: Record>(&self, name: &'static str, logic: RowLogic, sign: Weight) -> Relation<U> {
        self.builder.at(self.builder.stateless(name, logic, sign, self.source()))
    }

    /// The rows of both, as often as they are in each.
    #[track_caller]
    pub fn concat(&self, other: &Relation<T>) -> Relation<T> {
        self.builder.union(&[self.clone(), other.clone()])
    }

    /// Each row as many times less than nothing as it is there; `a.concat(&b.negate())` is what `a`
    /// has more than `b`.
    #[track_caller]
    pub fn negate(&self) -> Relation<T> {
        self.stateless("negate", Box::new(|rec: &Rec, emit: Emit<'_>| emit(rec.clone())), -1)
    }

    /// The same rows, each once, however often it is there.
    #[track_caller]
    pub fn distinct(&self) -> Relation<T> {
        let index = self.arrange("distinct", Rc::new(|rec| u128::from(rec.hash())));
        let operator = operators::Distinct { input: index.state };
        self.builder.relation("distinct", Box::new(operator), vec![Source { node: index.node, route: None }])
    }

    /// The rows by key. An index keeps its rows, so relations that are read by the same key should share one: asked
    /// again with the same function (`index_by(Port::row)`) or the same closure, which captures nothing, it is the
    /// index that is there already.
    #[track_caller]
    pub fn index_by<K: Hash, F: Fn(&T) -> K + 'static>(&self, key: F) -> Index<K, T> {
        // All values of a type without size are equal.
        let known = (size_of::<F>() == 0).then(|| (self.node, TypeId::of::<F>()));
        let shared = known.and_then(|known| self.builder.graph.borrow().indexes.get(&known).cloned());
        let erased = match shared {
            Some((node, state)) => ErasedIndex { node, state },
            None => self.arrange("index", Rc::new(move |rec| key_hash(&key(rec.get())))),
        };
        if let Some(known) = known {
            let shared = (erased.node, Rc::clone(&erased.state));
            self.builder.graph.borrow_mut().indexes.insert(known, shared);
        }
        Index { erased, builder: self.builder.clone(), types: PhantomData }
    }

    #[track_caller]
    fn arrange(&self, name: &'static str, key: KeyLogic) -> ErasedIndex {
        self.builder.arrange(name, key, self.node)
    }

    /// The rows, all of them with every worker: for small relations such as settings, see [`Index::join_groups`].
    #[track_caller]
    pub fn everywhere(&self) -> Everywhere<T> {
        let state = empty_index();
        let key: KeyLogic = Rc::new(|_| operators::EVERYWHERE);
        let operator = operators::Index { key, state: Rc::clone(&state) };
        let source = self.routed(Route::Everywhere);
        let node = self.builder.add("everywhere", Box::new(operator), vec![source]);
        Everywhere { erased: ErasedIndex { node, state }, rows: PhantomData }
    }

    /// For each key, how many rows there are and what their numbers add up to (modulo 2^128).
    ///
    /// The rows are not kept, and a change costs the same however large its group: use it for
    /// counts, and with a hash as the number for the fingerprint of a set.
    #[track_caller]
    pub fn tally_by<K: Record + Hash>(
        &self,
        key: impl Fn(&T) -> K + 'static,
        number: impl Fn(&T) -> u128 + 'static,
    ) -> Relation<Tally<K>> {
        let key = Rc::new(key);
        let space: KeyLogic = Rc::new({
            let key = Rc::clone(&key);
            move |rec| key_hash(&key(rec.get()))
        });
        let operator = operators::Tally {
            key: Box::new({
                let key = Rc::clone(&key);
                move |rec| (key_hash(&key(rec.get())), number(rec.get()))
            }),
            result: Box::new(move |rec, count, sum| {
                Rec::new(Tally { key: key(rec.get()), count: count as i64, sum })
            }),
            groups: Default::default(),
        };
        self.builder.relation("tally", Box::new(operator), vec![self.routed(route(&space))])
    }

    /// For each key, the row with the least `rank`; of several, one that is always the same.
    ///
    /// Cost: a change costs the logarithm of its group, which is kept in order.
    #[track_caller]
    pub fn least_by<K: Hash, R: Ord>(
        &self,
        key: impl Fn(&T) -> K + 'static,
        rank: impl Fn(&T) -> R + 'static,
    ) -> Relation<T> {
        let key: KeyLogic = Rc::new(move |rec| key_hash(&key(rec.get())));
        let route = route(&key);
        let order: operators::Order = Rc::new(move |a, b| rank(a.get()).cmp(&rank(b.get())));
        let operator = operators::Least::new(key, order);
        self.builder.relation("least", Box::new(operator), vec![self.routed(route)])
    }

    /// Stable choices, such as numbers, for the rows of each space: `start` makes the allocator of
    /// one space.
    #[track_caller]
    pub fn allocate_by<K: Hash, A: Allocator<Request = T>>(
        &self,
        space: impl Fn(&T) -> K + 'static,
        start: impl Fn() -> A + 'static,
    ) -> Relation<A::Assignment> {
        let space: KeyLogic = Rc::new(move |rec| key_hash(&space(rec.get())));
        let route = route(&space);
        let operator = operators::Allocate {
            space,
            start: Box::new(move || Box::new(Adapter::new(start()))),
            spaces: Default::default(),
        };
        self.builder.relation("allocate", Box::new(operator), vec![self.routed(route)])
    }
}

/// The count and sum of one group, as [`Relation::tally_by`] gives them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Tally<K> {
    /// The key of the group.
    pub key: K,
    /// How many rows it has.
    pub count: i64,
    /// What their numbers add up to, modulo 2^128.
    pub sum: u128,
}
