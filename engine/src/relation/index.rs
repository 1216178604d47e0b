//! Indexes: the rows of a relation by key, and what rules make of several.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Relation;
use crate::builder::Builder;
use crate::delta::Weight;
use crate::graph::operators::{self, Emit, ErasedGroup, PairLogic};
use crate::graph::{NodeId, Operator, SharedIndex};
use crate::indexes::Indexes;
use crate::record::{Rec, Record};

/// An index whose types have been forgotten.
#[derive(Clone)]
pub struct ErasedIndex {
    pub(crate) node: NodeId,
    pub(crate) state: SharedIndex,
}

impl fmt::Debug for ErasedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index #{}", self.node)
    }
}

/// The rows of a relation, all of them with every worker.
pub struct Everywhere<T> {
    pub(crate) erased: ErasedIndex,
    pub(super) rows: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Everywhere<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Everywhere {:?} of {}", self.erased, std::any::type_name::<T>())
    }
}

/// The rows of a relation, kept by key.
pub struct Index<K, T> {
    pub(crate) erased: ErasedIndex,
    pub(super) builder: Builder,
    pub(super) types: PhantomData<fn(K) -> T>,
}

impl<K, T> Clone for Index<K, T> {
    fn clone(&self) -> Self {
        Index { erased: self.erased.clone(), builder: self.builder.clone(), types: PhantomData }
    }
}

impl<K, T> fmt::Debug for Index<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.builder.graph.borrow();
        write!(f, "Index {:?} of {}", graph.nodes[self.erased.node].name, std::any::type_name::<T>())
    }
}

/// All rows of one key, in a fixed but arbitrary order.
pub struct Group<'a, T> {
    rows: &'a ErasedGroup<'a>,
    types: PhantomData<T>,
}

impl<T> fmt::Debug for Group<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.iter().map(|(rec, _)| rec)).finish()
    }
}

impl<'a, T: Record> Group<'a, T> {
    pub(crate) fn new(rows: &'a ErasedGroup<'a>) -> Group<'a, T> {
        Group { rows, types: PhantomData }
    }

    /// The rows, each once.
    pub fn rows(&self) -> impl Iterator<Item = &'a T> + '_ {
        self.rows.iter().map(|(rec, _)| rec.get())
    }

    /// The rows and how often each is there.
    pub fn weighted(&self) -> impl Iterator<Item = (&'a T, Weight)> + '_ {
        self.rows.iter().map(|(rec, weight)| (rec.get(), *weight))
    }

    /// One of the rows, if there is any.
    pub fn first(&self) -> Option<&'a T> {
        self.rows.first().map(|(rec, _)| rec.get())
    }

    /// One of the rows of a group that has some, as those of a reduce have.
    pub fn any(&self) -> &'a T {
        self.rows[0].0.get()
    }

    /// How many different rows there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }
}

/// What is known of a group that is not read whole.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a, T> {
    /// One of the rows: of the same rows always the same.
    pub any: &'a T,
    /// How many different rows there are.
    pub count: usize,
    /// What their numbers add up to, modulo 2^128.
    pub sum: u128,
}

impl<K: Hash, T: Record> Index<K, T> {
    #[track_caller]
    fn reading<U: Record>(
        &self,
        name: &'static str,
        operator: Box<dyn Operator>,
        others: &[NodeId],
    ) -> Relation<U> {
        self.builder.at(self.builder.reading(name, operator, self.erased.node, others))
    }

    fn state(&self) -> SharedIndex {
        Rc::clone(&self.erased.state)
    }

    /// The same index under a name of its own, for dumps and metrics.
    pub fn named(self, name: &'static str) -> Self {
        self.builder.graph.borrow_mut().name(self.erased.node, name);
        self
    }

    /// One row for each pair of rows with equal keys.
    #[track_caller]
    pub fn join<U: Record, V: Record>(
        &self,
        other: &Index<K, U>,
        logic: impl Fn(&T, &U) -> V + 'static,
    ) -> Relation<V> {
        self.join_erased(other, Box::new(move |a, b, emit| emit(Rec::new(logic(a.get(), b.get())))))
    }

    /// Any number of rows for each pair of rows with equal keys.
    #[track_caller]
    pub fn join_flat<U: Record, V: Record, I: IntoIterator<Item = V>>(
        &self,
        other: &Index<K, U>,
        logic: impl Fn(&T, &U) -> I + 'static,
    ) -> Relation<V> {
        let logic = move |a: &Rec, b: &Rec, emit: Emit<'_>| {
            for row in logic(a.get(), b.get()) {
                emit(Rec::new(row));
            }
        };
        self.join_erased(other, Box::new(logic))
    }

    #[track_caller]
    fn join_erased<U: Record, V: Record>(&self, other: &Index<K, U>, logic: PairLogic) -> Relation<V> {
        let operator = operators::Join { left: self.state(), right: other.state(), logic };
        self.reading("join", Box::new(operator), &[other.erased.node])
    }

    /// As [`join_flat`](Index::join_flat), and once with `None` for each row that has no partner.
    #[track_caller]
    pub fn join_optional<U: Record, V: Record, I: IntoIterator<Item = V>>(
        &self,
        other: &Index<K, U>,
        logic: impl Fn(&T, Option<&U>) -> I + 'static,
    ) -> Relation<V> {
        let logic = move |a: &Rec, b: Option<&Rec>, emit: Emit<'_>| {
            for row in logic(a.get(), b.map(Rec::get)) {
                emit(Rec::new(row));
            }
        };
        let operator =
            operators::JoinOptional { left: self.state(), right: other.state(), logic: Box::new(logic) };
        self.reading("join_optional", Box::new(operator), &[other.erased.node])
    }

    /// Any number of rows for each row, from the row and the rows that each of `others`, a tuple, has, be there any or
    /// not: those under the same key of an index, and all of a relation that is everywhere.
    ///
    /// It keeps nothing of its own, where a chain of joins keeps every row between two of them. Cost: a change under
    /// a key reads all rows of the key, so it is for small groups, such as the facts about one port. A change of what
    /// is everywhere reads all rows.
    #[track_caller]
    pub fn join_groups<O: Indexes<K>, V: Record, I: IntoIterator<Item = V>>(
        &self,
        others: O,
        logic: impl Fn(&T, O::Groups<'_>) -> I + 'static,
    ) -> Relation<V> {
        let logic = move |row: &Rec, groups: &[Vec<(&Rec, Weight)>], emit: Emit<'_>| {
            for row in logic(row.get(), O::groups(groups)) {
                emit(Rec::new(row));
            }
        };
        let others = others.erased();
        let nodes: Vec<NodeId> = others.iter().map(|(index, _)| index.node).collect();
        let beside = |(index, whole): (ErasedIndex, bool)| operators::Beside { index: index.state, whole };
        let others = others.into_iter().map(beside).collect();
        let operator = operators::JoinGroups { left: self.state(), others, logic: Box::new(logic) };
        self.reading("join_groups", Box::new(operator), &nodes)
    }

    /// The rows whose key is in `other`.
    #[track_caller]
    pub fn semijoin<U: Record>(&self, other: &Index<K, U>) -> Relation<T> {
        let operator = operators::Semijoin { left: self.state(), right: other.state(), anti: false };
        self.reading("semijoin", Box::new(operator), &[other.erased.node])
    }

    /// The rows whose key is not in `other`.
    #[track_caller]
    pub fn antijoin<U: Record>(&self, other: &Index<K, U>) -> Relation<T> {
        let operator = operators::Semijoin { left: self.state(), right: other.state(), anti: true };
        self.reading("antijoin", Box::new(operator), &[other.erased.node])
    }

    /// Any number of rows for each key, from what is known of its rows without reading them all: one of them, how many
    /// different ones there are, and what the `number`s of these add up to (modulo 2^128).
    ///
    /// Cost: a change costs the logarithm of its group.
    #[track_caller]
    pub fn summarize<V: Record, I: IntoIterator<Item = V>>(
        &self,
        number: impl Fn(&T) -> u128 + 'static,
        logic: impl Fn(Summary<'_, T>) -> I + 'static,
    ) -> Relation<V> {
        let logic = move |first: &Rec, count: usize, sum: u128, emit: Emit<'_>| {
            for row in logic(Summary { any: first.get(), count, sum }) {
                emit(Rec::new(row));
            }
        };
        let operator = operators::Summarize {
            input: self.state(),
            number: Box::new(move |rec| number(rec.get())),
            logic: Box::new(logic),
            sums: Default::default(),
        };
        self.reading("summarize", Box::new(operator), &[])
    }

    /// Any number of rows for each key, from all rows of the key.
    ///
    /// Cost: a change of one row reads its whole group; where groups are large, use [`Index::summarize`],
    /// [`Relation::tally_by`] for a count or a sum, or [`Relation::least_by`] for one of them.
    #[track_caller]
    pub fn reduce<V: Record, I: IntoIterator<Item = V>>(
        &self,
        logic: impl Fn(Group<'_, T>) -> I + 'static,
    ) -> Relation<V> {
        let logic = move |rows: &ErasedGroup<'_>, emit: Emit<'_>| {
            for row in logic(Group::new(rows)) {
                emit(Rec::new(row));
            }
        };
        let operator = operators::Reduce { input: self.state(), logic: Box::new(logic) };
        self.reading("reduce", Box::new(operator), &[])
    }
}
