//! When to connect, to give up and to probe: a state machine without sockets or clocks.
//!
//! The timing is that of OVS, which operators know: the first attempts, one at each remote, are
//! immediate; then 1 s, doubling to 8 s; a session that outlived its back-off starts over at 1 s;
//! an attempt may last as long as the back-off, at least 1 s; after one silent probe interval an
//! echo is sent, after a second one the connection is given up. It differs in one thing: after
//! every wait all remotes are tried, not just the next one, so that a new leader is found in the
//! round that follows its election, however many members the cluster has.

use std::time::{Duration, Instant};

/// Shortest wait between attempts.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// Longest wait between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(8);
/// Shortest probe interval; only "none" is less.
const MIN_PROBE: Duration = Duration::from_secs(1);

/// What the owner of the connection must do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Start an attempt, then report [`Reconnect::connecting`].
    Connect,
    /// Give up the attempt, then report [`Reconnect::disconnected`].
    AttemptTimedOut,
    /// Send an echo request.
    Probe,
    /// Drop the silent connection, then report [`Reconnect::disconnected`].
    PeerSilent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Connecting { since: Instant },
    Active { since: Instant, heard: Instant },
    Probing { since: Instant, heard: Instant, probed: Instant },
}

/// The state of one reconnecting connection.
#[derive(Debug)]
pub(super) struct Reconnect {
    state: State,
    backoff: Duration,
    /// Attempts left that need not wait.
    free: usize,
    remotes: usize,
    probe: Option<Duration>,
}

impl Reconnect {
    /// For a list of `remotes`; wants to connect at once.
    pub(super) fn new(now: Instant, remotes: usize) -> Reconnect {
        Reconnect {
            state: State::Waiting { until: now },
            backoff: Duration::ZERO,
            free: remotes,
            remotes,
            probe: None,
        }
    }

    /// Changes the probe interval; zero means none, less than a second means a second.
    pub(super) fn set_probe(&mut self, interval: Duration) {
        self.probe = (!interval.is_zero()).then(|| interval.max(MIN_PROBE));
    }

    /// When [`Reconnect::run`] next has something to do; `None` if only news can cause that.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Connecting { since } => Some(since + self.backoff.max(MIN_BACKOFF)),
            State::Active { heard, .. } => self.probe.map(|probe| heard + probe),
            State::Probing { probed, .. } => self.probe.map(|probe| probed + probe),
        }
    }

    /// What there is to do.
    pub(super) fn run(&mut self, now: Instant) -> Option<Action> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        Some(match self.state {
            State::Waiting { .. } => Action::Connect,
            State::Connecting { .. } => Action::AttemptTimedOut,
            State::Active { since, heard } => {
                self.state = State::Probing { since, heard, probed: now };
                Action::Probe
            }
            State::Probing { .. } => Action::PeerSilent,
        })
    }

    /// An attempt has begun.
    pub(super) fn connecting(&mut self, now: Instant) {
        self.state = State::Connecting { since: now };
    }

    /// The attempt has succeeded.
    pub(super) fn connected(&mut self, now: Instant) {
        self.state = State::Active { since: now, heard: now };
    }

    /// Bytes have arrived.
    pub(super) fn activity(&mut self, now: Instant) {
        if let State::Active { since, .. } | State::Probing { since, .. } = self.state {
            self.state = State::Active { since, heard: now };
        }
    }

    /// The session was good: the next attempts, one at each remote, need not wait, and the
    /// waits begin anew.
    pub(super) fn forgive(&mut self) {
        self.free = self.remotes + 1;
        self.backoff = Duration::ZERO;
    }

    /// The connection or the attempt has ended.
    pub(super) fn disconnected(&mut self, now: Instant) {
        let lasted = match self.state {
            State::Active { since, heard } | State::Probing { since, heard, .. } => {
                heard.duration_since(since) >= self.backoff
            }
            State::Waiting { .. } | State::Connecting { .. } => false,
        };
        if self.free > 1 {
            self.free -= 1;
            self.state = State::Waiting { until: now };
            return;
        }
        self.free = self.remotes;
        self.backoff = match lasted {
            true => MIN_BACKOFF,
            false => (self.backoff * 2).clamp(MIN_BACKOFF, MAX_BACKOFF),
        };
        self.state = State::Waiting { until: now + self.backoff };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The waits between failing attempts.
    fn waits(remotes: usize, attempts: usize) -> Vec<u64> {
        let mut now = Instant::now();
        let mut reconnect = Reconnect::new(now, remotes);
        (0..attempts)
            .map(|_| {
                let wait = reconnect.deadline().unwrap() - now;
                now += wait;
                assert_eq!(reconnect.run(now), Some(Action::Connect));
                reconnect.connecting(now);
                assert_eq!(reconnect.run(now), None);
                reconnect.disconnected(now);
                wait.as_secs()
            })
            .collect()
    }

    #[test]
    fn each_remote_is_tried_between_waits() {
        assert_eq!(waits(1, 6), [0, 1, 2, 4, 8, 8]);
        assert_eq!(waits(3, 10), [0, 0, 0, 1, 0, 0, 2, 0, 0, 4]);
    }

    #[test]
    fn an_attempt_times_out() {
        let now = Instant::now();
        let mut reconnect = Reconnect::new(now, 1);
        reconnect.connecting(now);
        assert_eq!(reconnect.run(now + SECOND - Duration::from_millis(1)), None);
        assert_eq!(reconnect.run(now + SECOND), Some(Action::AttemptTimedOut));
    }

    #[test]
    fn silence_is_probed_then_given_up() {
        let now = Instant::now();
        let mut reconnect = Reconnect::new(now, 1);
        reconnect.set_probe(5 * SECOND);
        reconnect.connecting(now);
        reconnect.connected(now);
        assert_eq!(reconnect.run(now + 4 * SECOND), None);
        assert_eq!(reconnect.run(now + 5 * SECOND), Some(Action::Probe));
        assert_eq!(reconnect.run(now + 9 * SECOND), None);
        reconnect.activity(now + 9 * SECOND);
        assert_eq!(reconnect.run(now + 14 * SECOND), Some(Action::Probe));
        assert_eq!(reconnect.run(now + 19 * SECOND), Some(Action::PeerSilent));
        reconnect.disconnected(now + 19 * SECOND);
        assert_eq!(reconnect.deadline(), Some(now + 20 * SECOND));
    }

    #[test]
    fn an_idle_connection_without_probes_needs_no_timer() {
        let now = Instant::now();
        let mut reconnect = Reconnect::new(now, 1);
        reconnect.connected(now);
        assert_eq!(reconnect.deadline(), None);
        reconnect.set_probe(Duration::from_millis(1));
        assert_eq!(reconnect.deadline(), Some(now + SECOND));
        reconnect.set_probe(Duration::ZERO);
        assert_eq!(reconnect.deadline(), None);
    }

    #[test]
    fn a_good_session_is_followed_by_immediate_attempts() {
        let now = Instant::now();
        let mut reconnect = Reconnect::new(now, 2);
        reconnect.connected(now);
        reconnect.activity(now + 60 * SECOND);
        reconnect.forgive();
        reconnect.disconnected(now + 60 * SECOND);
        assert_eq!(reconnect.deadline(), Some(now + 60 * SECOND));
    }
}
