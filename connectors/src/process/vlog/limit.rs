//! Rate limits of log messages: a bucket of tokens per call site.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one message, or a group of related ones, may be logged. Make it a static at the call site.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: u32,
    burst: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Messages that may be logged now, in units of 1/60,000: a rate per minute is this many units per millisecond.
    tokens: u64,
    /// When the bucket was last filled; never, before the first message.
    filled: Option<Instant>,
    dropped: Option<Dropped>,
}

#[derive(Debug, Clone, Copy)]
struct Dropped {
    count: u32,
    first: Instant,
    last: Instant,
}

/// One message, in units of the bucket.
const MESSAGE: u64 = 60_000;

impl RateLimit {
    /// At most `per_minute` messages a minute in the long run, and `burst` at once.
    pub const fn new(per_minute: u32, burst: u32) -> RateLimit {
        RateLimit { per_minute, burst, state: Mutex::new(State { tokens: 0, filled: None, dropped: None }) }
    }

    /// Takes one message out of the bucket: `None` when it must not be logged; otherwise what to log before it, if
    /// earlier messages were left out.
    pub(super) fn admit(&self) -> Option<Option<Report>> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<Option<Report>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tokens < MESSAGE {
            let capacity = u64::from(self.burst) * MESSAGE;
            let elapsed = state.filled.map_or(Duration::MAX, |filled| now.saturating_duration_since(filled));
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let earned = millis.saturating_mul(u64::from(self.per_minute));
            state.tokens = state.tokens.saturating_add(earned).min(capacity);
            state.filled = Some(now);
        }
        if state.tokens < MESSAGE {
            let dropped = state.dropped.get_or_insert(Dropped { count: 0, first: now, last: now });
            dropped.count += 1;
            dropped.last = now;
            return None;
        }
        state.tokens -= MESSAGE;
        let report = state.dropped.take().map(|dropped| Report {
            count: dropped.count,
            since_first: now.saturating_duration_since(dropped.first).as_secs(),
            since_last: now.saturating_duration_since(dropped.last).as_secs(),
        });
        Some(report)
    }
}

/// What a rate limit left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    count: u32,
    /// Seconds.
    since_first: u64,
    /// Seconds.
    since_last: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { count, since_first, since_last } = self;
        write!(
            f,
            "Dropped {count} log messages in last {since_first} seconds (most recently, {since_last} seconds ago) due to \
             excessive rate"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate_then_report() {
        let limit = RateLimit::new(60, 2);
        let start = Instant::now();
        let at = |millis| limit.admit_at(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(None));
        assert_eq!(at(0), Some(None));
        assert_eq!(at(100), None);
        assert_eq!(at(900), None);
        let report = at(3_500).flatten().expect("two messages were left out");
        assert_eq!(report, Report { count: 2, since_first: 3, since_last: 2 });
        assert_eq!(
            report.to_string(),
            "Dropped 2 log messages in last 3 seconds (most recently, 2 seconds ago) due to excessive rate"
        );
        assert_eq!(at(3_500), Some(None), "the bucket never holds more than the burst");
        assert_eq!(at(3_500), None);
    }
}
