//! Recursion: relations that are defined by themselves.
//!
//! [`Relation::iterate`] starts with some rows and replaces them, round by round, by what a closure
//! makes of them, until nothing changes. Differential dataflow does it underneath, so an epoch
//! costs what it changes in the rounds and not what the rounds cost from the start, and taking
//! rows away is as exact as adding them.
//!
//! The closure describes the rounds; it is called once. Inside, rows are [`Inside`] relations, which
//! have the same operators as those outside, and [`Scope::enter`] brings relations in.
//!
//! What leaves a recursion takes part in the rest of the program as any other relation. All
//! recursive relations together cost some time in an epoch that concerns any of them, and with several workers
//! in every epoch, since their operators have to hear of it: prefer few of them to many.

mod library;
pub(crate) mod plan;

use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

pub use library::{components, reach};

use crate::builder::Builder;
use crate::graph::operators::{self, Emit, ErasedGroup};
use crate::graph::{Met, Region, Source};
use crate::iterate::plan::{Plan, Rows, Step, StepId};
use crate::record::{Rec, Record, key_hash, register};
use crate::relation::{Group, Relation};

/// The inside of a recursion.
#[derive(Clone)]
pub struct Scope {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    plan: Plan,
    sources: Vec<Source>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope with {} operators", self.inner.borrow().plan.steps.len())
    }
}

impl Scope {
    fn new() -> Scope {
        Scope { inner: Rc::default() }
    }

    fn step<T: Record>(&self, step: Step) -> Inside<T> {
        register::<T>();
        let mut inner = self.inner.borrow_mut();
        inner.plan.steps.push(step);
        Inside { step: inner.plan.steps.len() - 1, scope: self.clone(), rows: PhantomData }
    }

    /// The rows of a relation outside; they are the same in all rounds.
    pub fn enter<T: Record>(&self, rows: &Relation<T>) -> Inside<T> {
        let port = {
            let mut inner = self.inner.borrow_mut();
            inner.sources.push(rows.source());
            inner.sources.len() - 1
        };
        self.step(Step::Enter(port))
    }

    /// The rows of all `relations` together, as often as they are in each.
    pub fn union<T: Record>(&self, relations: &[Inside<T>]) -> Inside<T> {
        self.step(Step::Concat(relations.iter().map(|relation| relation.of(self)).collect()))
    }

    /// Hands what was described over to the graph; gives the relation that leaves.
    #[track_caller]
    fn close<T: Record>(self, name: &'static str, builder: &Builder, result: StepId) -> Relation<T> {
        let Inner { mut plan, sources } = self.inner.take();
        plan.result = result;
        let mut graph = builder.graph.borrow_mut();
        let region = graph.regions.len();
        let ports = sources.len();
        let enter = graph.add(name, Box::new(operators::Enter { region }), sources);
        let exit = graph.add_after(name, Box::new(operators::Union), enter);
        graph.regions.push(Region { plan, ports, exit, met: Met::default() });
        drop(graph);
        builder.at(exit)
    }
}

/// A relation inside a recursion.
pub struct Inside<T> {
    step: StepId,
    scope: Scope,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for Inside<T> {
    fn clone(&self) -> Self {
        Inside { step: self.step, scope: self.scope.clone(), rows: PhantomData }
    }
}

impl<T> fmt::Debug for Inside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inside {} of {}", self.step, std::any::type_name::<T>())
    }
}

impl<T: Record> Relation<T> {
    /// Starts with these rows and replaces them by what `logic` makes of them until nothing
    /// changes.
    ///
    /// What `logic` gives should come from `distinct` or `reduce`, and what it says about more rows
    /// should be no less than what it says about fewer: then there is an end. A loop that makes new
    /// rows in every round never ends, and the epoch with it.
    ///
    /// ```
    /// # use northflow_engine::{Config, Engine, Transaction};
    /// let mut engine = Engine::start(Config::default(), |program| {
    ///     let parents = program.input::<(u32, u32)>("parents");
    ///     let ancestors = parents.iterate(|scope, known| {
    ///         let parents = scope.enter(&parents);
    ///         let further = known
    ///             .index_by(|known| known.1)
    ///             .join(&parents.index_by(|parent| parent.0), |known, parent| (known.0, parent.1));
    ///         further.concat(&parents).distinct()
    ///     });
    ///     program.output("ancestors", &ancestors);
    /// })?;
    /// let mut transaction = Transaction::new();
    /// transaction.insert("parents", (1u32, 2u32));
    /// transaction.insert("parents", (2u32, 3u32));
    /// assert_eq!(engine.step(transaction)?.output(0).len(), 3);
    /// # Ok::<(), northflow_engine::EngineError>(())
    /// ```
    #[track_caller]
    pub fn iterate(&self, logic: impl FnOnce(&Scope, Inside<T>) -> Inside<T>) -> Relation<T> {
        let scope = Scope::new();
        let seeds = scope.enter(self);
        let start = scope.step(Step::Start(seeds.step));
        let result = logic(&scope, start).of(&scope);
        scope.close("iterate", self.builder(), result)
    }

    /// These rows as a differential collection of [`Rec`], and a relation again from what `logic`
    /// makes of it. For experiments with operators that the engine does not have; see
    /// [`differential`](crate::differential).
    ///
    /// # Panics
    /// When a row that `logic` gives is read and is not a `U`.
    #[track_caller]
    pub fn as_collection<U: Record>(
        &self,
        logic: impl for<'s> FnOnce(Rows<'s>) -> Rows<'s> + 'static,
    ) -> Relation<U> {
        let scope = Scope::new();
        let result = scope.enter(self).as_collection::<U>(logic);
        scope.close("collection", self.builder(), result.step)
    }
}

impl<T: Record> Inside<T> {
    /// Which step of `scope` this is.
    ///
    /// # Panics
    /// If it belongs to another recursion: a fault of the program, seen when it starts.
    fn of(&self, scope: &Scope) -> StepId {
        assert!(Rc::ptr_eq(&self.scope.inner, &scope.inner), "{self:?} is used in another recursion");
        self.step
    }

    /// One row for each row.
    pub fn map<U: Record>(&self, logic: impl Fn(&T) -> U + 'static) -> Inside<U> {
        self.flat_map(move |row| Some(logic(row)))
    }

    /// The rows for which `keep` says yes.
    pub fn filter(&self, keep: impl Fn(&T) -> bool + 'static) -> Inside<T> {
        let logic = move |rec: &Rec, emit: Emit<'_>| {
            if keep(rec.get()) {
                emit(rec.clone());
            }
        };
        self.scope.step(Step::FlatMap { input: self.step, logic: Box::new(logic) })
    }

    /// Any number of rows for each row.
    pub fn flat_map<U: Record, I: IntoIterator<Item = U>>(
        &self,
        logic: impl Fn(&T) -> I + 'static,
    ) -> Inside<U> {
        let logic = move |rec: &Rec, emit: Emit<'_>| {
            logic(rec.get()).into_iter().for_each(|row| emit(Rec::new(row)));
        };
        self.scope.step(Step::FlatMap { input: self.step, logic: Box::new(logic) })
    }

    /// The rows of both, as often as they are in each.
    pub fn concat(&self, other: &Inside<T>) -> Inside<T> {
        self.scope.union(&[self.clone(), other.clone()])
    }

    /// Each row as many times less than nothing as it is there.
    pub fn negate(&self) -> Inside<T> {
        self.scope.step(Step::Negate(self.step))
    }

    /// The same rows, each once, however often it is there.
    pub fn distinct(&self) -> Inside<T> {
        self.scope.step(Step::Distinct(self.step))
    }

    /// The rows by key. Build it once and share it: each index keeps its rows.
    pub fn index_by<K: Hash>(&self, key: impl Fn(&T) -> K + 'static) -> InsideIndex<K, T> {
        let key = move |rec: &Rec| key_hash(&key(rec.get()));
        let rows = self.scope.step(Step::Arrange { input: self.step, key: Box::new(key) });
        InsideIndex { rows, key: PhantomData }
    }

    /// These rows of one recursion as a differential collection, and what `logic` makes of it; see
    /// [`Relation::as_collection`].
    pub fn as_collection<U: Record>(
        &self,
        logic: impl for<'s> FnOnce(Rows<'s>) -> Rows<'s> + 'static,
    ) -> Inside<U> {
        self.scope.step(Step::Differential { input: self.step, logic: Box::new(logic) })
    }
}

/// The rows of a relation inside a recursion, by key.
pub struct InsideIndex<K, T> {
    rows: Inside<T>,
    key: PhantomData<fn(K)>,
}

impl<K, T> Clone for InsideIndex<K, T> {
    fn clone(&self) -> Self {
        InsideIndex { rows: self.rows.clone(), key: PhantomData }
    }
}

impl<K, T> fmt::Debug for InsideIndex<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index of {:?}", self.rows)
    }
}

impl<K: Hash, T: Record> InsideIndex<K, T> {
    /// One row for each pair of rows with equal keys.
    pub fn join<U: Record, V: Record>(
        &self,
        other: &InsideIndex<K, U>,
        logic: impl Fn(&T, &U) -> V + 'static,
    ) -> Inside<V> {
        self.join_flat(other, move |a, b| Some(logic(a, b)))
    }

    /// Any number of rows for each pair of rows with equal keys.
    pub fn join_flat<U: Record, V: Record, I: IntoIterator<Item = V>>(
        &self,
        other: &InsideIndex<K, U>,
        logic: impl Fn(&T, &U) -> I + 'static,
    ) -> Inside<V> {
        let logic = move |a: &Rec, b: &Rec, emit: Emit<'_>| {
            logic(a.get(), b.get()).into_iter().for_each(|row| emit(Rec::new(row)));
        };
        let (left, right) = (self.rows.step, other.rows.of(&self.rows.scope));
        self.rows.scope.step(Step::Join { left, right, logic: Box::new(logic) })
    }

    /// The rows whose key is in `other`.
    pub fn semijoin<U: Record>(&self, other: &InsideIndex<K, U>) -> Inside<T> {
        let (left, right) = (self.rows.step, other.rows.of(&self.rows.scope));
        self.rows.scope.step(Step::Semijoin { left, right, anti: false })
    }

    /// The rows whose key is not in `other`; `other` should not depend on the rounds, else there
    /// may be no end.
    pub fn antijoin<U: Record>(&self, other: &InsideIndex<K, U>) -> Inside<T> {
        let (left, right) = (self.rows.step, other.rows.of(&self.rows.scope));
        self.rows.scope.step(Step::Semijoin { left, right, anti: true })
    }

    /// Any number of rows for each key, from all rows of the key.
    pub fn reduce<V: Record, I: IntoIterator<Item = V>>(
        &self,
        logic: impl Fn(Group<'_, T>) -> I + 'static,
    ) -> Inside<V> {
        let logic = move |rows: &ErasedGroup<'_>, emit: Emit<'_>| {
            logic(Group::new(rows)).into_iter().for_each(|row| emit(Rec::new(row)));
        };
        self.rows.scope.step(Step::Reduce { input: self.rows.step, logic: Box::new(logic) })
    }
}
