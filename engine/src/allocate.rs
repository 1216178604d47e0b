//! Stable choices: numbers that stay while their owner lives.
//!
//! Tunnel keys, tags and addresses depend on what was given out before. An [`Allocator`] keeps
//! that memory for one space; everything else in the engine is a function of the present rows.

use hashbrown::HashMap;

use crate::delta::{Delta, Weight};
use crate::graph::index::follow_down;
use crate::graph::operators::ErasedAllocator;
use crate::record::{Rec, Record};

/// The memory of one space in which choices are made.
///
/// A request carries whatever its choice starts from: what the user asked for, and what the
/// databases already hold for it. Two runs that see the same requests in the same order of epochs
/// make the same choices, and a choice changes only when its request or a stronger claim does.
pub trait Allocator: 'static {
    /// What asks for a choice.
    type Request: Record + Clone;
    /// The choice made.
    type Assignment: Record;

    /// Takes one epoch's change of the requests, all of it at once and never empty, and says which assignments
    /// come (weight 1) and go (weight -1). A request that is there several times counts once.
    fn change(
        &mut self,
        removed: Vec<Self::Request>,
        added: Vec<Self::Request>,
        emit: &mut dyn FnMut(Self::Assignment, Weight),
    );

    /// Whether no request is left, so that the space can be forgotten.
    fn is_empty(&self) -> bool;
}

/// Makes a typed allocator one that the engine can hold.
pub(crate) struct Adapter<A> {
    allocator: A,
    /// How often each request is there: one that is there twice asks once.
    requests: HashMap<Rec, Weight>,
}

impl<A> Adapter<A> {
    pub fn new(allocator: A) -> Adapter<A> {
        Adapter { allocator, requests: HashMap::new() }
    }
}

impl<A: Allocator> ErasedAllocator for Adapter<A> {
    fn change(&mut self, change: Delta, emit: &mut dyn FnMut(Rec, Weight)) {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for (rec, weight) in change {
            let count = self.requests.entry(rec.clone()).or_insert(0);
            let had = *count > 0;
            *count += weight;
            let has = *count > 0;
            if *count == 0 {
                self.requests.remove(&rec);
            }
            match (had, has) {
                (true, false) => removed.push(rec.get::<A::Request>().clone()),
                (false, true) => added.push(rec.get::<A::Request>().clone()),
                _ => {}
            }
        }
        follow_down(&mut self.requests);
        // Records are sorted by hash; an order of their own makes choices readable.
        removed.sort();
        added.sort();
        if removed.is_empty() && added.is_empty() {
            return;
        }
        self.allocator.change(removed, added, &mut |row, weight| emit(Rec::new(row), weight));
    }
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.allocator.is_empty()
    }
}
