//! Counters of events: ovs-appctl(8), "COVERAGE COMMANDS".
//!
//! A counter is a static of this module, and [`Counter::add`] counts. Rates are kept by the time of each event, so no
//! timer is needed, and an idle daemon sleeps on.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::process::unixctl::Commands;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub static $constant: Counter = Counter::new($name);)+

        /// Every counter, in the order of `coverage/show`.
        static ALL: &[&Counter] = &[$(&$constant),+];
    };
}

// The names are those of ovn-northd and its library: monitoring reads them by name.
counters! {
    /// Computations run.
    NORTHD_RUN = "northd_run";
    /// Transactions that the database refused.
    TXN_ERROR = "txn_error";
    /// Transactions given up before they were sent.
    TXN_ABORTED = "txn_aborted";
    /// Times that a transaction was found still without an answer.
    TXN_INCOMPLETE = "txn_incomplete";
    /// Transactions that the database carried out.
    TXN_SUCCESS = "txn_success";
    /// Transactions to be sent again: the database had changed underneath, or the connection was lost.
    TXN_TRY_AGAIN = "txn_try_again";
    /// Transactions that had nothing to change.
    TXN_UNCHANGED = "txn_unchanged";
    /// Transactions never committed.
    TXN_UNCOMMITTED = "txn_uncommitted";
    /// Listening sockets opened.
    PSTREAM_OPEN = "pstream_open";
    /// Connections begun.
    STREAM_OPEN = "stream_open";
    /// Requests over the control socket.
    UNIXCTL_RECEIVED = "unixctl_received";
    /// Answers over the control socket.
    UNIXCTL_REPLIED = "unixctl_replied";
}

/// A count of events since the program began, with the rates of the last hour.
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    total: u64,
    /// The last minute in slots of 5 seconds.
    minute: [Slot; 12],
    /// The last hour in slots of a minute.
    hour: [Slot; 60],
}

/// The events of one interval. A slot serves in turn every interval that falls on it, and `interval` says which it is.
#[derive(Debug, Clone, Copy)]
struct Slot {
    interval: u64,
    count: u64,
}

/// Seconds of a slot of the last minute.
const SLOT: u64 = 5;

impl Counter {
    const fn new(name: &'static str) -> Counter {
        let empty = Slot { interval: 0, count: 0 };
        Counter { name, state: Mutex::new(State { total: 0, minute: [empty; 12], hour: [empty; 60] }) }
    }

    /// Counts `events` more.
    pub fn add(&self, events: u64) {
        self.add_at(events, now());
    }

    /// The count so far.
    pub fn total(&self) -> u64 {
        self.with(|state| state.total)
    }

    fn add_at(&self, events: u64, seconds: u64) {
        self.with(|state| {
            state.total += events;
            bump(&mut state.minute, seconds / SLOT, events);
            bump(&mut state.hour, seconds / 60, events);
        });
    }

    /// The line of `coverage/show`, unless nothing was counted.
    fn line(&self, seconds: u64) -> Option<String> {
        self.with(|state| {
            let total = state.total;
            // The rate "over the last 5 seconds" is that of the last slot to be complete.
            let last = seconds / SLOT;
            let recent = last.checked_sub(1).map_or(0, |slot| sum(&state.minute, slot, slot));
            let minute = sum(&state.minute, last.saturating_sub(11), last);
            let hour = sum(&state.hour, (seconds / 60).saturating_sub(59), seconds / 60);
            let [recent, minute, hour] = [(recent, SLOT), (minute, 60), (hour, 3600)]
                .map(|(count, seconds)| count as f64 / seconds as f64);
            let name = self.name;
            (total > 0).then(|| {
                format!("{name:<24} {recent:5.1}/sec {minute:9.3}/sec {hour:13.4}/sec   total: {total}\n")
            })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn bump(slots: &mut [Slot], interval: u64, events: u64) {
    let index = (interval % slots.len() as u64) as usize;
    let slot = &mut slots[index];
    if slot.interval != interval {
        *slot = Slot { interval, count: 0 };
    }
    slot.count += events;
}

fn sum(slots: &[Slot], first: u64, last: u64) -> u64 {
    slots.iter().filter(|slot| (first..=last).contains(&slot.interval)).map(|slot| slot.count).sum()
}

/// Seconds since the first event of the program.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs()
}

/// Adds `coverage/show` and `coverage/read-counter` to `commands`.
pub fn register(commands: &Commands) {
    commands.add("coverage/show", "", 0..=0, |_| Ok(show(now())));
    commands.add("coverage/read-counter", "COUNTER", 1..=1, |args| {
        let counter = ALL.iter().find(|counter| counter.name == args[0]).ok_or("No such counter")?;
        Ok(format!("{}\n", counter.total()))
    });
}

fn show(seconds: u64) -> String {
    let mut out = format!(
        "Event coverage, avg rate over last: {SLOT} seconds, last minute, last hour,  hash={:08x}:\n",
        ranking_hash()
    );
    let lines: Vec<String> = ALL.iter().filter_map(|counter| counter.line(seconds)).collect();
    let never = ALL.len() - lines.len();
    out.extend(lines);
    out.push_str(&format!("{never} events never hit\n"));
    out
}

/// A hash of the order of the counters by count, which tells two loads of a different kind apart (FNV-1a).
fn ranking_hash() -> u32 {
    let mut counts: Vec<(u64, &str)> = ALL.iter().map(|counter| (counter.total(), counter.name)).collect();
    counts.retain(|(total, _)| *total > 0);
    counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let bytes = counts.iter().flat_map(|(_, name)| name.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_clock() {
        let counter = Counter::new("txn_success");
        assert_eq!(counter.line(0), None);
        counter.add_at(10, 3_601);
        counter.add_at(2, 3_611);
        let line = |seconds| counter.line(seconds).unwrap();
        assert_eq!(
            line(3_606),
            "txn_success                2.0/sec     0.167/sec        0.0033/sec   total: 12\n"
        );
        assert_eq!(
            line(3_662),
            "txn_success                0.0/sec     0.033/sec        0.0033/sec   total: 12\n"
        );
        assert_eq!(
            line(9_000),
            "txn_success                0.0/sec     0.000/sec        0.0000/sec   total: 12\n"
        );
    }

    #[test]
    fn show_counts_the_silent() {
        let text = show(0);
        assert!(
            text.starts_with("Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=")
        );
        assert!(text.ends_with(" events never hit\n"), "{text}");
    }
}
