//! Memory use: the `memory/show` command and the lines about growth in the log.

use std::fs;
use std::time::{Duration, Instant};

use crate::process::unixctl::{Commands, Request};
use crate::process::vlog::modules::MEMORY;
use crossbeam_channel::Sender;

/// How long after the start the first report comes, and how long after each look the next may.
const INTERVAL: Duration = Duration::from_secs(10);

/// The text of `memory/show`: counts that go with memory use, as `name:count`, sorted by name. Counts of one name add up.
pub fn compose(usage: impl IntoIterator<Item = (String, u64)>) -> String {
    let mut totals = std::collections::BTreeMap::<String, u64>::new();
    for (name, count) in usage {
        *totals.entry(name).or_default() += count;
    }
    let pairs: Vec<String> = totals.iter().map(|(name, count)| format!("{name}:{count}")).collect();
    pairs.join(" ")
}

/// Adds `memory/show` to `commands`; its requests go into `queue`, to be answered with [`compose`].
pub fn register(commands: &Commands, queue: &Sender<Request>) {
    commands.forward("memory/show", "", 0..=0, queue);
}

/// Watches the peak of the resident memory: logs it once, and again whenever it has grown by half.
#[derive(Debug)]
pub struct Monitor {
    start: Instant,
    next: Instant,
    /// When a peak was last reported, and the peak in KiB.
    reported: Option<(Instant, u64)>,
}

impl Monitor {
    /// A monitor of the process that started at `start`.
    pub fn new(start: Instant) -> Monitor {
        Monitor { start, next: start + INTERVAL, reported: None }
    }

    /// Looks at the memory, at most every 10 seconds: call it whenever the daemon is awake anyway. After it has logged a
    /// new peak it gives true; the caller then logs [`compose`] of its counts as well.
    pub fn run(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + INTERVAL;
        let Some(text) = peak_kib().and_then(|peak| self.report(now, peak)) else { return false };
        MEMORY.info(text);
        true
    }

    fn report(&mut self, now: Instant, peak: u64) -> Option<String> {
        let text = match self.reported {
            None => {
                let seconds = now.duration_since(self.start).as_secs_f64();
                format!("{peak} kB peak resident set size after {seconds:.1} seconds")
            }
            Some((when, before)) if peak >= before + before / 2 => {
                let percent = (peak as f64 / before as f64 - 1.0) * 100.0;
                let seconds = now.duration_since(when).as_secs_f64();
                format!(
                    "peak resident set size grew {percent:.0}% in last {seconds:.1} seconds, from {before} kB to {peak} kB"
                )
            }
            Some(_) => return None,
        };
        self.reported = Some((now, peak));
        Some(text)
    }
}

/// The largest resident set that this process ever had, in KiB: `VmHWM` of proc_pid_status(5).
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_sorted_and_added() {
        let usage = [("b", 2), ("a", 1), ("b", 3)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(compose(usage), "a:1 b:5");
        assert_eq!(compose([]), "");
    }

    #[test]
    fn growth_by_half_is_told() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut monitor = Monitor::new(start);
        assert!(!monitor.run(at(9)));
        assert_eq!(
            monitor.report(at(10), 1000).as_deref(),
            Some("1000 kB peak resident set size after 10.0 seconds")
        );
        assert_eq!(monitor.report(at(20), 1499), None);
        assert_eq!(
            monitor.report(at(30), 1600).as_deref(),
            Some("peak resident set size grew 60% in last 20.0 seconds, from 1000 kB to 1600 kB")
        );
        assert!(peak_kib().is_some_and(|peak| peak > 0));
    }
}
