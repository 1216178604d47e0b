//! Stable choices: numbers that stay while their owner lives.
//!
//! Tunnel keys, tags and addresses depend on what was given out before. An [`Allocator`] keeps
//! that memory for one space; everything else in the engine is a function of the present rows.

use crate::delta::{Delta, Weight};
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

    /// Takes one epoch's change of the requests, all of it at once, and says which assignments
    /// come (weight 1) and go (weight -1).
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
}

impl<A> Adapter<A> {
    pub fn new(allocator: A) -> Adapter<A> {
        Adapter { allocator }
    }
}

impl<A: Allocator> ErasedAllocator for Adapter<A> {
    fn change(&mut self, change: Delta, emit: &mut dyn FnMut(Rec, Weight)) {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for (rec, weight) in change {
            let side = if weight < 0 { &mut removed } else { &mut added };
            side.push(rec.get::<A::Request>().clone());
        }
        // Records are sorted by hash; an order of their own makes choices readable.
        removed.sort();
        added.sort();
        self.allocator.change(removed, added, &mut |row, weight| emit(Rec::new(row), weight));
    }
    fn is_empty(&self) -> bool {
        self.allocator.is_empty()
    }
}
