//! What waits until the switch has all that follows from the databases.
//!
//! What the controller itself writes comes back and has consequences. What waits is therefore tied to an
//! epoch only once nothing more is on its way, and done when the switch has reached that epoch. A
//! network that never rests makes nobody wait longer than a few epochs.

/// Epochs after which what waits does so no longer for more to come.
const ROUNDS: u64 = 8;

/// A queue of what waits.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    queue: Vec<Waiter<T>>,
}

#[derive(Debug)]
struct Waiter<T> {
    item: T,
    /// The epoch that was the last one when it came.
    since: u64,
    /// The epoch that the switch has to reach.
    epoch: Option<u64>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Waiting<T> {
        Waiting { queue: Vec::new() }
    }
}

impl<T: PartialEq> Waiting<T> {
    /// Something waits; `last` is the last epoch that has been computed.
    pub fn push(&mut self, item: T, last: u64) {
        if !self.contains(&item) {
            self.queue.push(Waiter { item, since: last, epoch: None });
        }
    }

    /// Whether it waits.
    pub fn contains(&self, item: &T) -> bool {
        self.queue.iter().any(|waiter| waiter.item == *item)
    }

    /// It waits no more.
    pub fn remove(&mut self, item: &T) {
        self.queue.retain(|waiter| waiter.item != *item);
    }

    /// The switch has been told all up to the epoch `last`; whether nothing more is on its way.
    pub fn told(&mut self, last: u64, is_quiet: bool) {
        for waiter in self.queue.iter_mut().filter(|waiter| waiter.epoch.is_none()) {
            if is_quiet || last >= waiter.since + ROUNDS {
                waiter.epoch = Some(last);
            }
        }
    }

    /// The switch has reached `epoch`: gives what has waited for it.
    pub fn reached(&mut self, epoch: u64) -> Vec<T> {
        let is_done = |waiter: &mut Waiter<T>| waiter.epoch.is_some_and(|wanted| wanted <= epoch);
        self.queue.extract_if(.., is_done).map(|waiter| waiter.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_done_when_nothing_more_comes_and_the_switch_has_it() {
        let mut waiting = Waiting::default();
        waiting.push("a", 3);
        waiting.told(4, false);
        assert!(waiting.reached(4).is_empty());
        waiting.told(5, true);
        assert!(waiting.reached(4).is_empty());
        assert_eq!(waiting.reached(5), ["a"]);
    }

    #[test]
    fn nobody_waits_for_rest_for_ever() {
        let mut waiting = Waiting::default();
        waiting.push("a", 0);
        for epoch in 1..=ROUNDS {
            waiting.told(epoch, false);
        }
        assert_eq!(waiting.reached(ROUNDS), ["a"]);
        waiting.push("b", 9);
        waiting.remove(&"b");
        waiting.told(9, true);
        assert!(waiting.reached(9).is_empty());
    }
}
