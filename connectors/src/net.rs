//! Connections that are kept up: one thread each, for OVSDB and OpenFlow alike.
//!
//! A [`Protocol`] is a session free of sockets and clocks; [`start`] runs it on a thread that connects
//! to one of several remotes, again after every loss, probes a silent peer, and carries commands from
//! the user and events to it through bounded channels. Neither direction waits for the other.

mod reconnect;
mod remote;
pub mod tls;
mod worker;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Waker};

pub use self::remote::{Remote, RemoteError};
use self::tls::Tls;
use self::worker::{WAKER, Worker};

/// How many commands may wait for the thread, which takes them at once.
const COMMANDS: usize = 1024;

/// A session and what is remembered from session to session: bytes and commands go in, bytes and
/// events come out.
pub trait Protocol: Send + 'static {
    /// What the user can tell.
    type Command: Send + 'static;
    /// What the user is told.
    type Event: Send + 'static;
    /// Why a session ends.
    type Reason: From<Lost> + fmt::Debug;
    /// How it is doing, for whoever asks.
    type Status: Clone + Default + Send + 'static;

    /// The peer of the session, or of the attempt to make one.
    fn remote(&self) -> Option<&Remote>;
    /// An attempt to connect has begun.
    fn connecting(&mut self, remote: Remote);
    /// The connection stands.
    fn opened(&mut self);
    /// The connection, or the attempt to make one, has ended.
    fn closed(&mut self, reason: Self::Reason);

    /// Takes bytes that have arrived.
    fn push(&mut self, bytes: &[u8]);
    /// Handles one message of those that have arrived, and tells whether there was one.
    ///
    /// # Errors
    /// Why the connection has to be closed.
    fn handle(&mut self) -> Result<bool, Self::Reason>;
    /// Appends to [`Protocol::output`] what has waited for room there.
    fn fill(&mut self) {}
    /// What is to be sent. What has been sent is taken away once there is nothing else.
    fn output(&mut self) -> &mut Vec<u8>;
    /// Asks the peer for a sign of life.
    fn probe(&mut self);

    /// Takes a command.
    fn command(&mut self, command: Self::Command) -> Order<Self::Reason>;
    /// The oldest event that has not been delivered.
    fn pop(&mut self) -> Option<Self::Event>;
    /// Takes an event back that could not be delivered.
    fn unpop(&mut self, event: Self::Event);
    /// Whether events wait.
    fn has_events(&self) -> bool;
    /// Whether so many wait that no more is to be read.
    fn is_backlogged(&self) -> bool {
        false
    }
    /// Whether the session was a good one, to be followed at once by attempts to make another.
    fn forgives(&self, reason: &Self::Reason) -> bool;
    /// Says how it is doing.
    fn report(&self, status: &mut Self::Status);
}

/// What a command has the thread do.
#[derive(Debug)]
pub enum Order<R> {
    /// Nothing more.
    Nothing,
    /// Closes the connection and makes another.
    Close(R),
    /// The same, with another peer, which takes the place of [`Settings::remotes`].
    Move(R, Remote),
    /// Changes [`Settings::probe`].
    Probe(Option<Duration>),
    /// Ends.
    Stop,
}

/// Why a connection is no more, whatever it was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It could not be made.
    Connect(String),
    /// It was not made in time.
    Timeout,
    /// The peer closed it.
    Closed,
    /// Reading or writing failed.
    Io(String),
    /// The peer did not answer a probe.
    Silent,
    /// The user wanted it closed.
    Requested,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Connect(error) => write!(f, "connection attempt failed ({error})"),
            Lost::Timeout => write!(f, "connection attempt timed out"),
            Lost::Closed => write!(f, "connection closed by peer"),
            Lost::Io(error) => write!(f, "connection dropped ({error})"),
            Lost::Silent => write!(f, "no response to inactivity probe"),
            Lost::Requested => write!(f, "disconnected on request"),
        }
    }
}

impl std::error::Error for Lost {}

/// How a connection is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The thread's name; the kernel shows 15 bytes of it.
    pub name: String,
    /// The peers, in the order in which they are tried; at least one.
    pub remotes: Vec<Remote>,
    /// After how long a silence the peer is probed, at least a second; zero is never. `None` is 5 s,
    /// and never for `unix:`.
    pub probe: Option<Duration>,
    /// How many events may wait for the user, beside some held back in the thread.
    pub queue: usize,
    /// How to connect to the peers of `ssl:`.
    pub tls: Tls,
}

/// The user's end of a connection that takes commands `C` and tells its status `S`. Dropping the last
/// clone, or the events' receiver, ends it.
#[derive(Debug)]
pub struct Handle<C, S>(Arc<Shared<C, S>>);

impl<C, S> Clone for Handle<C, S> {
    fn clone(&self) -> Handle<C, S> {
        Handle(self.0.clone())
    }
}

#[derive(Debug)]
struct Shared<C, S> {
    /// `None` ends the thread.
    commands: Sender<Option<C>>,
    waker: Arc<Waker>,
    status: Arc<Mutex<S>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The connection's thread is not running any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has stopped")
    }
}

impl std::error::Error for Stopped {}

/// A connection as its user has it: the handle, and the events.
pub type Started<P> =
    (Handle<<P as Protocol>::Command, <P as Protocol>::Status>, Receiver<<P as Protocol>::Event>);

/// Starts a connection's thread. Fails only if there is no remote or the system refuses a thread or a
/// poll.
pub fn start<P: Protocol>(protocol: P, settings: Settings) -> io::Result<Started<P>> {
    let Settings { name, remotes, probe, queue, tls } = settings;
    if remotes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, RemoteError::Empty));
    }
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (commands, commands_in) = bounded(COMMANDS);
    let (events_out, events) = bounded(queue.max(1));
    let status = Arc::new(Mutex::new(P::Status::default()));
    let worker = Worker {
        poll,
        _waker: waker.clone(),
        commands: commands_in,
        events: events_out,
        status: status.clone(),
        protocol,
        remotes,
        probe,
        tls,
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
    let thread = Mutex::new(Some(thread));
    Ok((Handle(Arc::new(Shared { commands, waker, status, thread })), events))
}

impl<C, S: Clone> Handle<C, S> {
    /// Gives a command, in order after those before it.
    pub fn send(&self, command: C) -> Result<(), Stopped> {
        self.0.send(Some(command))
    }

    /// How it is doing. It may be ahead of the events.
    pub fn status(&self) -> S {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the connection and waits until its thread is gone, which is at once.
    pub fn stop(&self) {
        // If it has stopped already, so much the better.
        let _ = self.0.send(None);
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl<C, S> Shared<C, S> {
    fn send(&self, command: Option<C>) -> Result<(), Stopped> {
        self.commands.send(command).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)
    }
}

impl<C, S> Drop for Shared<C, S> {
    fn drop(&mut self) {
        let _ = self.send(None);
    }
}
