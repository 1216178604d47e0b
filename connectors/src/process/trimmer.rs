//! When memory is given back to the system: after a time without work (`northd_trim_timeout` of ovn-nb(5), NB_Global
//! `options`; `ovn-trim-timeout-ms` of ovn-controller(8)), and once what a large epoch led to is done, as after the
//! start.

use std::time::{Duration, Instant};

/// Rows of outputs from which on an epoch is a large one.
const LARGE: usize = 1000;

/// How long after a large epoch other threads may still hold what they have sent.
const SOON: Duration = Duration::from_millis(50);

/// What is still to be given back, and when.
#[derive(Debug, Default)]
pub(crate) struct Trimmer {
    due: Option<Instant>,
    /// Whether it is to be given back a second time, for what other threads held the first time.
    again: bool,
}

impl Trimmer {
    /// An epoch that changed so many `rows` of outputs is over.
    pub fn worked(&mut self, rows: usize, timeout: Duration) {
        let now = Instant::now();
        let overdue = self.due.is_some_and(|due| due <= now);
        self.again |= rows >= LARGE;
        self.due = Some(if overdue || rows >= LARGE { now } else { now + timeout });
    }

    /// When memory is to be given back, if there is nothing to do then.
    pub fn next(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is to be given back now, if there is nothing to do; it is taken to be done.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        let due = self.due.take_if(|due| *due <= now).is_some();
        if due && std::mem::take(&mut self.again) {
            self.due = Some(now + SOON);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_epoch_waits_and_a_large_one_does_not() {
        let mut trimmer = Trimmer::default();
        assert!(!trimmer.take());
        trimmer.worked(1, Duration::from_secs(30));
        assert!(trimmer.next().is_some() && !trimmer.take());
        trimmer.worked(LARGE, Duration::from_secs(30));
        trimmer.worked(1, Duration::from_secs(30));
        assert!(trimmer.take());
        let again = trimmer.next().unwrap();
        assert!(again <= Instant::now() + SOON && !trimmer.take());
        std::thread::sleep(again.saturating_duration_since(Instant::now()));
        assert!(trimmer.take());
        assert!(!trimmer.take() && trimmer.next().is_none());
    }
}
