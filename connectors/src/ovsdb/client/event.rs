//! What the client tells its user.

use std::fmt;
use std::sync::Arc;

use northflow_rules::ovsdb::{Datum, Text, Uuid};

use super::layout::Layout;
use super::transact::Outcome;
use crate::net::{Lost, Remote};

/// News, in the order in which it happened.
///
/// A session begins with [`Event::Connected`], followed by [`Event::Snapshot`] unless the server
/// could continue where the last session ended, and ends with [`Event::Disconnected`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A server was found that serves the database; its contents follow.
    Connected {
        /// Where.
        remote: Remote,
    },
    /// The session, or an attempt to make one, has ended; the client goes on by itself. Before
    /// it every open transaction has been given its outcome.
    Disconnected {
        /// Where.
        remote: Remote,
        /// Why.
        reason: SessionError,
    },
    /// The whole contents of all tables; what was known before is void.
    Snapshot {
        /// Insertions only.
        update: Update,
        /// The types of the columns.
        layout: Arc<Layout>,
    },
    /// One or more whole transactions of the tables monitored in full.
    Update(Update),
    /// The whole contents of the tables monitored initially only, as asked for by
    /// [`Command::Refetch`](super::Command::Refetch); the other tables are not in it.
    Refetched(Update),
    /// The rows that meet these conditions have been told, and no others are held.
    Restricted {
        /// The number of [`Command::Restrict`](super::Command::Restrict).
        number: u64,
    },
    /// The lock is ours.
    LockAcquired,
    /// The lock is no longer ours: stolen, given back, or lost with the connection.
    LockLost,
    /// The lock is held by another client; [`Event::LockAcquired`] follows when it is our turn.
    LockContended,
    /// What became of a transaction. Exactly one for each.
    Transacted {
        /// The number given with it.
        id: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// Something that its user should know of; each warning comes once in the client's life.
    Warning(Warning),
}

/// Changed rows by table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The tables that changed; a table may occur more than once, later changes after earlier.
    pub tables: Vec<TableUpdate>,
    /// The last transaction in it, zero if the server does not say.
    pub transaction: Uuid,
}

impl Update {
    /// How many rows it changes.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.rows.is_empty())
    }
}

/// Changed rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableUpdate {
    /// The table's place in [`Config::tables`](super::Config::tables).
    pub table: usize,
    /// The rows, each at most once.
    pub rows: Vec<(Uuid, RowUpdate)>,
}

/// What became of a row. Columns are named by their place in the table's request.
#[derive(Clone, Debug, PartialEq)]
pub enum RowUpdate {
    /// It is new; a column that is not named has its type's default.
    Insert(Vec<(usize, Datum)>),
    /// Some columns changed.
    Modify {
        /// The columns that changed.
        columns: Vec<(usize, Datum)>,
        /// Whether the values are differences, for
        /// [`apply_diff`](crate::ovsdb::codec::apply_diff), or new values. Columns that did not
        /// change may be named only in the second case.
        is_diff: bool,
    },
    /// It is gone.
    Delete,
}

/// A reason to look at the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Warning {
    /// The server's schema lacks the table; it is taken to be empty.
    MissingTable {
        /// The database.
        database: Text,
        /// The table asked for.
        table: Text,
    },
    /// The server's schema lacks the column; every row holds the empty set there.
    MissingColumn {
        /// The database.
        database: Text,
        /// The table.
        table: Text,
        /// The column asked for.
        column: Text,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::MissingTable { database, table } => {
                write!(f, "database {database} lacks table {table}; does the database need an upgrade?")
            }
            Warning::MissingColumn { database, table, column } => {
                write!(
                    f,
                    "{database} table {table} lacks column {column}; does the database need an upgrade?"
                )
            }
        }
    }
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The connection was lost, or could not be made.
    Lost(Lost),
    /// The server sent what the protocol does not allow; the text says what.
    Protocol(String),
    /// The server does not serve the database.
    UnknownDatabase(Text),
    /// A cluster member that has not joined its cluster, or a relay without its source.
    NotJoined,
    /// The server is cut off from its cluster or relay source.
    Isolated,
    /// Only the leader will do and this is another member.
    NotLeader,
    /// The member's data is older than what was seen before.
    Stale {
        /// The index that the member has reached.
        index: i64,
        /// The index that was seen before.
        seen: i64,
    },
    /// The database was removed or converted to another schema.
    MonitorCanceled,
    /// [`Command::Resync`](super::Command::Resync) was given.
    Inconsistent,
}

impl From<Lost> for SessionError {
    fn from(lost: Lost) -> SessionError {
        SessionError::Lost(lost)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Lost(lost) => lost.fmt(f),
            SessionError::Protocol(what) => write!(f, "protocol error: {what}"),
            SessionError::UnknownDatabase(name) => write!(f, "server does not have database {name}"),
            SessionError::NotJoined => write!(f, "server has not yet joined its cluster or relay source"),
            SessionError::Isolated => write!(f, "server is disconnected from its cluster or relay source"),
            SessionError::NotLeader => write!(f, "server is not cluster leader"),
            SessionError::Stale { index, seen } => {
                write!(f, "server has stale data (index {index}, {seen} was seen before)")
            }
            SessionError::MonitorCanceled => write!(f, "database was removed or converted"),
            SessionError::Inconsistent => write!(f, "replica is inconsistent with the server"),
        }
    }
}

impl std::error::Error for SessionError {}
