//! One database as the daemon sees it: how much is known of it, and what is on its way there.

use std::time::{Duration, Instant};

use northflow_rules::schema::Database;

use super::feed::Feed;
use super::outgoing::Outgoing;
use crate::change::RowChange;
use crate::ovsdb::client::Handle;

/// How sure we are of what a database holds of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Not at all: it has to be read before anything is written.
    Unknown,
    /// It is being read.
    Fetching(u64),
    /// It has been read, and tells the rules numbers to go on with.
    Learning,
    /// What we have written, or are about to.
    Known,
    /// Like [`Contents::Known`], but somebody changed what is to be put right when there is something to write.
    Doubtful,
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Open {
    pub id: u64,
    /// What it changes, to be sent again; `None` if it was too large to be kept.
    pub changes: Option<Vec<RowChange>>,
    /// The `nb_cfg` whose consequences the database holds once it is committed.
    pub nb_cfg: i64,
}

/// One database: its client, and what is on its way there.
#[derive(Debug)]
pub(super) struct Side {
    pub handle: Handle,
    pub feed: Feed,
    /// Whether the rows that we read are there.
    pub ready: bool,
    pub connected: bool,
    pub contents: Contents,
    pub outgoing: Outgoing,
    pub open: Option<Open>,
    /// How many transactions in a row have failed, and when the next may go.
    pub failures: u32,
    pub retry: Instant,
}

impl Side {
    pub fn new(database: Database, handle: Handle, feed: Feed) -> Side {
        Side {
            handle,
            feed,
            ready: false,
            connected: false,
            contents: Contents::Unknown,
            outgoing: Outgoing::new(database),
            open: None,
            failures: 0,
            retry: Instant::now(),
        }
    }

    /// `connected` or `not connected`, as the commands `nb-connection-status` and
    /// `sb-connection-status` say it.
    pub fn connection(&self) -> &'static str {
        if self.handle.status().connected { "connected" } else { "not connected" }
    }

    /// A transaction was refused. The first time it may be that we did not know what is there; then
    /// there is a reason that time alone can remove.
    pub fn failed(&mut self) {
        self.lose();
        if self.failures > 0 {
            self.retry = Instant::now() + (Duration::from_millis(50) * (1 << self.failures.min(8)));
        }
        self.failures += 1;
    }

    /// Whether what an epoch changes can be written without a comparison, for all that is known now.
    pub fn follows(&self) -> bool {
        matches!(self.contents, Contents::Known | Contents::Doubtful)
    }

    pub fn is_held_back(&self) -> bool {
        self.failures > 1 && Instant::now() < self.retry
    }

    pub fn lose(&mut self) {
        self.contents = Contents::Unknown;
        self.outgoing.clear();
        self.open = None;
    }
}
