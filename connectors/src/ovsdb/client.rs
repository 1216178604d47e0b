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
pub mod remote;
pub mod replica;

mod decode;
mod event;
mod framing;
mod layout;
mod message;
mod reconnect;
mod session;
#[cfg(test)]
mod tests;
mod transact;
mod worker;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Waker};
use northflow_rules::ovsdb::Text;

pub use self::event::{Event, RowUpdate, SessionError, TableUpdate, Update, Warning};
pub use self::layout::{Kind, Layout, TableLayout, TableRequest};
pub use self::ops::Operations;
pub use self::remote::{Remote, RemoteError};
pub use self::replica::Replica;
use self::session::Session;
pub use self::transact::{OperationResult, Outcome, TransactionError};
use self::worker::{WAKER, Worker};

/// How many commands may wait for the client's thread, which takes them at once.
const COMMANDS: usize = 1024;

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
    pub tables: Vec<TableRequest>,
    /// Whether only the leader of a cluster will do.
    pub leader_only: bool,
    /// After how long a silence the server is probed, at least a second; zero is never. `None`
    /// is 5 s, and never for `unix:`.
    pub probe_interval: Option<Duration>,
    /// How many events may wait for the user, beside some held back in the thread. A full
    /// channel is looked at again every 5 ms: a few dozen keep a busy user busy.
    pub queue: usize,
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
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    status: Arc<Mutex<Status>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The client is not running any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the OVSDB client has stopped")
    }
}

impl std::error::Error for Stopped {}

/// Starts a client. Fails only if there is no remote or the system refuses a thread or a poll.
pub fn spawn(config: Config) -> io::Result<(Handle, Receiver<Event>)> {
    let Config { name, mut remotes, shuffle, database, tables, leader_only, probe_interval, queue } = config;
    if remotes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, RemoteError::Empty));
    }
    if shuffle {
        self::shuffle(&mut remotes);
    }
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (commands, commands_in) = bounded(COMMANDS);
    let (events_out, events) = bounded(queue.max(1));
    let status = Arc::new(Mutex::new(Status::default()));
    let worker = Worker {
        poll,
        _waker: waker.clone(),
        commands: commands_in,
        events: events_out,
        status: status.clone(),
        session: Session::new(database, tables, leader_only),
        remotes,
        probe: probe_interval,
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
    let thread = Mutex::new(Some(thread));
    Ok((Handle(Arc::new(Shared { commands, waker, status, thread })), events))
}

impl Handle {
    /// Gives a command, in order after those before it.
    pub fn send(&self, command: Command) -> Result<(), Stopped> {
        self.0.commands.send(command).map_err(|_| Stopped)?;
        self.0.waker.wake().map_err(|_| Stopped)
    }

    /// How the client is doing. It may be ahead of the events.
    pub fn status(&self) -> Status {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the client and waits until its thread is gone, which is at once.
    pub fn stop(&self) {
        // If it has stopped already, so much the better.
        let _ = self.send(Command::Stop);
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        let _ = self.waker.wake();
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
