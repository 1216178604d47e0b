//! The OVSDB client: keeps a copy of part of a database current and sends transactions to it.
//!
//! [`spawn`] starts one thread per database. It connects to one of several servers, goes to
//! another when that one will not do (RFC 7047; ovsdb(7); ovsdb-server(7) for the extensions), and
//! tells its user what happens as [`Event`]s through a bounded channel. Commands go the other way.
//! Neither direction waits for the other: while the user is behind, updates stay with the server,
//! and the server is still told that the client lives.
//!
//! What the client does not do: it holds no rows ([`Replica`] does, for who wants it), sends no
//! transaction twice, and writes no log.

pub mod ops;
pub mod replica;

mod condition;
mod decode;
mod event;
mod framing;
mod layout;
mod message;
mod session;
#[cfg(test)]
mod tests;
mod transact;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::time::Duration;

use crossbeam_channel::Receiver;
use northflow_rules::ovsdb::Text;

pub use self::condition::{Conditions, Rows};
pub use self::event::{Event, RowUpdate, SessionError, TableUpdate, Update, Warning};
use self::framing::Framer;
pub use self::layout::{Kind, Layout, TableLayout, TableRequest, Tables};
pub use self::ops::Operations;
pub use self::replica::Replica;
use self::session::Session;
pub use self::transact::{OperationResult, Outcome, TransactionError};
use crate::net::tls::Tls;
use crate::net::{self, Lost, Order, Protocol};
pub use crate::net::{Remote, RemoteError, Stopped};

/// How many events and rows may wait for the user before no more is read.
const MAX_EVENTS: usize = 256;
const MAX_ROWS: usize = 50_000;

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The thread's name; the kernel shows 15 bytes of it.
    pub name: String,
    /// The servers, at least one.
    pub remotes: Vec<Remote>,
    /// Whether to try the servers in random order rather than the given one.
    pub shuffle: bool,
    /// The database.
    pub database: Text,
    /// The tables and columns to replicate; events name them by their places here.
    pub tables: Tables,
    /// Which of their rows, until [`Command::Restrict`] says something else.
    pub conditions: Conditions,
    /// Whether only the leader of a cluster will do.
    pub leader_only: bool,
    /// After how long a silence the server is probed, at least a second; zero is never. `None`
    /// is 5 s, and never for `unix:`.
    pub probe_interval: Option<Duration>,
    /// How many events may wait for the user, beside some held back in the thread. A full
    /// channel is looked at again every 5 ms: a few dozen keep a busy user busy.
    pub queue: usize,
    /// How to connect to the servers of `ssl:`.
    pub tls: Tls,
}

/// What the user can tell the client.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sends a transaction. [`Event::Transacted`] with the same number follows, always.
    Transact {
        /// Any number; the user's business.
        id: u64,
        /// What to do.
        operations: Operations,
    },
    /// Wants a lock, instead of the one wanted before, now and in all later sessions.
    Lock {
        /// Its name.
        name: Text,
        /// Whether to take it from its owner; in later sessions it is waited for.
        steal: bool,
    },
    /// Wants no lock.
    Unlock,
    /// Wants other rows, now and in all later sessions: [`Event::Restricted`] with the same number follows when all of
    /// them have been told, unless others still are wanted before that.
    Restrict {
        /// A number above zero and those before it.
        number: u64,
        /// Which rows.
        conditions: Conditions,
    },
    /// Changes [`Config::probe_interval`].
    SetProbeInterval(Option<Duration>),
    /// Goes to the next server.
    Reconnect,
    /// Goes to the next server and takes a new snapshot: what the events told does not add up.
    Resync,
    /// Fetches the tables of [`Kind::InitialOnly`] anew: [`Event::Refetched`] follows, after the
    /// next [`Event::Connected`] if there is no session, or a snapshot, which holds them too.
    Refetch,
    /// Accepts cluster members whose data is older than what was seen before, as is right after
    /// the database was rebuilt.
    ResetMinIndex,
    /// Ends the client. Open transactions get an outcome if the event channel has room.
    Stop,
}

/// How a client is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether there is a session and its contents have arrived in the client.
    pub connected: bool,
    /// The server of the session, or of the attempt to make one; `None` while waiting.
    pub remote: Option<Remote>,
    /// Whether the lock is held.
    pub has_lock: bool,
}

/// The user's end of a client; dropping the last clone, or the events' receiver, ends the client.
pub type Handle = net::Handle<Command, Status>;

/// Starts a client. Fails only if there is no remote or the system refuses a thread or a poll.
pub fn spawn(config: Config) -> io::Result<(Handle, Receiver<Event>)> {
    let Config {
        name,
        mut remotes,
        shuffle,
        database,
        tables,
        conditions,
        leader_only,
        probe_interval,
        queue,
        tls,
    } = config;
    if shuffle {
        self::shuffle(&mut remotes);
    }
    let session = Session::new(database, tables, conditions, leader_only);
    let client = Client { session, framer: Framer::default() };
    net::start(client, net::Settings { name, remotes, probe: probe_interval, queue, tls })
}

/// What runs on the client's thread.
#[derive(Debug)]
struct Client {
    session: Session,
    framer: Framer,
}

impl Protocol for Client {
    type Command = Command;
    type Event = Event;
    type Reason = SessionError;
    type Status = Status;

    fn remote(&self) -> Option<&Remote> {
        self.session.remote()
    }

    fn connecting(&mut self, remote: Remote) {
        self.framer = Framer::default();
        self.session.connecting(remote);
    }

    fn opened(&mut self) {
        self.session.opened();
    }

    fn closed(&mut self, reason: SessionError) {
        self.session.closed(reason);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    fn handle(&mut self) -> Result<bool, SessionError> {
        let message = self.framer.next().map_err(|error| SessionError::Protocol(error.to_string()))?;
        match message {
            Some(message) => self.session.message(self.framer.bytes(message)).map(|()| true),
            None => Ok(false),
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.session.out
    }

    fn probe(&mut self) {
        self.session.probe();
    }

    fn command(&mut self, command: Command) -> Order<SessionError> {
        let session = &mut self.session;
        match command {
            Command::Transact { id, operations } => session.transact(id, &operations),
            Command::Lock { name, steal } => session.want_lock(name, steal),
            Command::Unlock => session.unwant_lock(),
            Command::Restrict { number, conditions } => session.restrict(number, conditions),
            Command::SetProbeInterval(interval) => return Order::Probe(interval),
            Command::Reconnect => return Order::Close(Lost::Requested.into()),
            Command::Resync => {
                session.forget();
                return Order::Close(SessionError::Inconsistent);
            }
            Command::Refetch => session.refetch(),
            Command::ResetMinIndex => session.reset_min_index(),
            Command::Stop => return Order::Stop,
        }
        Order::Nothing
    }

    fn pop(&mut self) -> Option<Event> {
        self.session.outbox.pop()
    }

    fn unpop(&mut self, event: Event) {
        self.session.outbox.unpop(event);
    }

    fn has_events(&self) -> bool {
        self.session.outbox.load().0 > 0
    }

    fn is_backlogged(&self) -> bool {
        let (events, rows) = self.session.outbox.load();
        events > MAX_EVENTS || rows > MAX_ROWS
    }

    /// A session that had its data was with the right server: no reason to wait.
    fn forgives(&self, reason: &SessionError) -> bool {
        self.session.is_flowing() && !matches!(reason, SessionError::Protocol(_))
    }

    fn report(&self, status: &mut Status) {
        let session = &self.session;
        if status.remote.as_ref() != session.remote() {
            status.remote = session.remote().cloned();
        }
        status.connected = session.is_flowing();
        status.has_lock = session.has_lock();
    }
}

/// Brings the servers into random order, so that not every client prefers the same.
fn shuffle(remotes: &mut [Remote]) {
    let random = RandomState::new();
    for last in (1..remotes.len()).rev() {
        let mut hasher = random.build_hasher();
        hasher.write_usize(last);
        let pick = hasher.finish() % (last as u64 + 1);
        remotes.swap(last, pick as usize);
    }
}
