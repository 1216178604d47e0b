//! One database as the controller sees it: its client, its contents, and what is on its way there.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never};
use northflow_engine::Transaction;

use super::mirror::{Mirror, Taken};
use crate::net::Remote;
use crate::net::tls::Tls;
use crate::ovsdb::client::{self, Command, Conditions, Event, Handle, Operations, Outcome};
use crate::process::coverage;
use crate::process::vlog::modules::OVSDB_CS;
use crate::process::vlog::{Level, RateLimit};
use crate::replica::ReplicaError;

static PROBLEMS: RateLimit = RateLimit::new(5, 60);

/// How long a transaction that was refused waits, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// One database.
pub(super) struct Side {
    name: &'static str,
    pub mirror: Mirror,
    client: Option<(Handle, Receiver<Event>)>,
    remotes: Vec<Remote>,
    tls: Tls,
    probe: Option<Duration>,
    /// Which rows are followed, the number of that, and the last number for which they are there.
    conditions: Conditions,
    asked: u64,
    restricted: u64,
    /// Whether the contents are there.
    pub ready: bool,
    connected: bool,
    open: Option<u64>,
    next: u64,
    failures: u32,
    retry: Option<Instant>,
}

/// What an event came to.
#[derive(Debug)]
pub(super) enum News {
    /// Rows have changed.
    Rows(Taken),
    /// All rows that were to be followed are there.
    Restricted,
    /// A transaction is in the database.
    Committed,
    /// A transaction is not.
    Failed,
    /// Nothing of interest.
    Nothing,
}

impl Side {
    pub fn new(name: &'static str, mirror: Mirror, tls: Tls) -> Side {
        Side {
            name,
            mirror,
            client: None,
            remotes: Vec::new(),
            tls,
            probe: None,
            conditions: Conditions::default(),
            asked: 0,
            restricted: 0,
            ready: false,
            connected: false,
            open: None,
            next: 1,
            failures: 0,
            retry: None,
        }
    }

    /// Connects with one of some servers, if that is not so already.
    pub fn connect(&mut self, remotes: Vec<Remote>, probe: Option<Duration>) -> std::io::Result<()> {
        if self.remotes == remotes && self.client.is_some() {
            if self.probe != probe {
                self.tell(Command::SetProbeInterval(probe));
                self.probe = probe;
            }
            return Ok(());
        }
        self.disconnect();
        let config = client::Config {
            name: self.name.into(),
            remotes: remotes.clone(),
            shuffle: true,
            database: self.name.into(),
            tables: self.mirror.requests().into(),
            conditions: self.conditions.clone(),
            leader_only: false,
            probe_interval: probe,
            queue: 1024,
            tls: self.tls.clone(),
        };
        self.client = Some(client::spawn(config)?);
        (self.remotes, self.probe, self.asked, self.restricted) = (remotes, probe, 0, 0);
        Ok(())
    }

    /// Follows the rows that meet these conditions, from now on.
    pub fn follow(&mut self, conditions: Conditions) {
        if self.conditions != conditions {
            self.conditions = conditions.clone();
            self.asked += 1;
            self.tell(Command::Restrict { number: self.asked, conditions });
        }
    }

    /// Whether rows that are to be followed may not be there yet.
    pub fn is_fetching(&self) -> bool {
        self.restricted != self.asked
    }

    /// Ends the connection.
    pub fn disconnect(&mut self) {
        if let Some((handle, _)) = self.client.take() {
            handle.stop();
        }
        (self.ready, self.connected, self.open) = (false, false, None);
    }

    /// Where events arrive.
    pub fn events(&self) -> Receiver<Event> {
        self.client.as_ref().map_or_else(never, |(_, events)| events.clone())
    }

    /// Tells the client something.
    pub fn tell(&self, command: Command) {
        if let Some((handle, _)) = &self.client {
            // A client that has stopped does so only at the end of the program.
            let _ = handle.send(command);
        }
    }

    /// `connected` or `not connected`.
    pub fn status(&self) -> &'static str {
        if self.connected { "connected" } else { "not connected" }
    }

    /// Whether certificates are shown to some server.
    pub fn is_encrypted(&self) -> bool {
        self.remotes.iter().any(|remote| matches!(remote, Remote::Ssl { .. }))
    }

    pub fn is_connected(&self) -> bool {
        self.connected && self.ready
    }

    /// Whether a transaction may be sent now.
    pub fn is_free(&self) -> bool {
        self.is_connected() && self.open.is_none() && self.retry.is_none_or(|at| at <= Instant::now())
    }

    /// Whether a transaction is on its way.
    pub fn is_writing(&self) -> bool {
        self.open.is_some()
    }

    /// When a transaction may be sent again that has been refused.
    pub fn retry(&self) -> Option<Instant> {
        self.retry.filter(|_| self.open.is_none())
    }

    /// Sends a transaction.
    pub fn send(&mut self, operations: Operations) {
        self.retry = None;
        let id = self.next;
        self.next += 1;
        self.open = Some(id);
        self.tell(Command::Transact { id, operations });
    }

    /// Takes in an event; what it means to the program is added to `transaction`.
    pub fn event(&mut self, event: Event, transaction: &mut Transaction) -> News {
        let taken = match event {
            Event::Connected { remote } => {
                OVSDB_CS.info(format_args!("{}: connected to {remote}", self.name));
                self.connected = true;
                return News::Nothing;
            }
            Event::Disconnected { remote, reason } => {
                OVSDB_CS.info(format_args!("{}: {remote}: {reason}", self.name));
                self.connected = false;
                return News::Nothing;
            }
            Event::Snapshot { update, layout } => {
                self.ready = true;
                self.mirror.snapshot(update, &layout, transaction)
            }
            Event::Update(update) => self.mirror.update(update, transaction),
            Event::Restricted { number } => {
                self.restricted = number;
                return News::Restricted;
            }
            Event::Transacted { id, outcome } => return self.transacted(id, outcome),
            Event::Warning(warning) => {
                OVSDB_CS.warn(warning);
                return News::Nothing;
            }
            Event::Refetched(_) | Event::LockAcquired | Event::LockLost | Event::LockContended => {
                return News::Nothing;
            }
        };
        for error in &taken.rejected {
            OVSDB_CS.warn_limited(&PROBLEMS, error);
            if matches!(error, ReplicaError::Inconsistent { .. }) {
                self.tell(Command::Resync);
            }
        }
        News::Rows(taken)
    }

    fn transacted(&mut self, id: u64, outcome: Outcome) -> News {
        if self.open != Some(id) {
            return News::Nothing;
        }
        self.open = None;
        match outcome {
            Outcome::Success(_) => {
                coverage::TXN_SUCCESS.add(1);
                self.failures = 0;
                return News::Committed;
            }
            Outcome::Error(error) => {
                coverage::TXN_ERROR.add(1);
                let text = format_args!("{}: commit failed: {error}", self.name);
                OVSDB_CS.log_limited(Level::Warn, &PROBLEMS, text);
            }
            Outcome::TryAgain(_) | Outcome::NotSent | Outcome::Unknown(_) | Outcome::NotLocked => {
                coverage::TXN_TRY_AGAIN.add(1);
            }
        }
        let wait = (RETRY.0 * (1 << self.failures.min(8))).min(RETRY.1);
        self.retry = Some(Instant::now() + wait);
        self.failures += 1;
        News::Failed
    }
}
