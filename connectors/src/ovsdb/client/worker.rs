//! The client's thread: sockets, timers and channels around a [`Session`].

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use mio::{Events, Interest, Poll, Token, Waker};

use super::event::{Event, SessionError};
use super::framing::Framer;
use super::reconnect::{Action, Reconnect};
use super::remote::{Remote, Stream};
use super::session::Session;
use super::{Command, Status};

/// Wakes the thread when a command has been sent.
pub(super) const WAKER: Token = Token(0);
const STREAM: Token = Token(1);

/// The probe interval where none was set, except for local sockets.
const DEFAULT_PROBE: Duration = Duration::from_secs(5);
/// How soon delivery is tried again when the user's channel was full.
const REDELIVER: Duration = Duration::from_millis(5);
/// How many events and rows may wait for the user before no more is read.
const MAX_EVENTS: usize = 256;
const MAX_ROWS: usize = 50_000;
/// How often the server is told that we live while nothing is read, and so none of its probes
/// answered: well below the least probe interval in use.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How much is read before commands and timers have their turn.
const READ_TURN: usize = 1 << 20;

/// Whether the thread goes on.
enum Flow {
    Continue,
    Stop,
}

struct Connection {
    stream: Stream,
    framer: Framer,
    established: bool,
    /// Whether there may be more to read or room to write; the poll tells only of changes.
    readable: bool,
    writable: bool,
    /// How much of the session's output has been written.
    written: usize,
    /// When to tell the server that we live; set while reading is paused.
    keep_alive: Option<Instant>,
}

pub(super) struct Worker {
    pub(super) poll: Poll,
    /// Kept because a waker that its last owner drops takes its wake-ups along.
    pub(super) _waker: Arc<Waker>,
    pub(super) commands: Receiver<Command>,
    pub(super) events: Sender<Event>,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) session: Session,
    pub(super) remotes: Vec<Remote>,
    pub(super) probe: Option<Duration>,
}

/// The thread's state while it runs.
struct Running {
    worker: Worker,
    reconnect: Reconnect,
    connection: Option<Connection>,
    next_remote: usize,
    buffer: Box<[u8]>,
}

impl Worker {
    /// Runs until it is told to stop or nobody listens.
    pub(super) fn run(self) {
        let reconnect = Reconnect::new(Instant::now(), self.remotes.len());
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        let mut running = Running { worker: self, reconnect, connection: None, next_remote: 0, buffer };
        let mut ready = Events::with_capacity(8);
        while let Flow::Continue = running.turn() {
            let timeout = running.timeout();
            match running.worker.poll.poll(&mut ready, timeout) {
                Ok(()) => running.ready(&ready),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing can be waited for any more.
                Err(error) => {
                    running.close(SessionError::Io(error.to_string()));
                    break;
                }
            }
        }
        running.close(SessionError::Requested);
        running.deliver();
    }
}

impl Running {
    /// Does all that can be done without waiting.
    fn turn(&mut self) -> Flow {
        loop {
            match self.worker.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Flow::Stop,
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty) => break,
            }
        }
        if let Err(reason) = self.receive() {
            self.close(reason);
        }
        self.timers();
        if let Err(error) = self.send() {
            self.close(SessionError::Io(error.to_string()));
        }
        let flow = self.deliver();
        self.report();
        flow
    }

    fn command(&mut self, command: Command) {
        let session = &mut self.worker.session;
        match command {
            Command::Transact { id, operations } => session.transact(id, &operations),
            Command::Lock { name, steal } => session.want_lock(name, steal),
            Command::Unlock => session.unwant_lock(),
            Command::SetProbeInterval(interval) => {
                self.worker.probe = interval;
                self.set_probe();
            }
            Command::Reconnect => self.close(SessionError::Requested),
            Command::Resync => {
                self.close(SessionError::Inconsistent);
                self.worker.session.forget();
            }
            Command::Refetch => session.refetch(),
            Command::ResetMinIndex => session.reset_min_index(),
            // Handled by the caller, who alone can end the loop.
            Command::Stop => {}
        }
    }

    /// Whether the user is so far behind that no more is read for now.
    fn backlogged(&self) -> bool {
        let (events, rows) = self.worker.session.outbox.load();
        events > MAX_EVENTS || rows > MAX_ROWS
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let paused = self.backlogged();
        let more = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.established && connection.readable && !paused);
        if more {
            return Some(Duration::ZERO);
        }
        let undelivered = self.worker.session.outbox.load().0 > 0;
        let keep_alive = self.connection.as_ref().and_then(|connection| connection.keep_alive);
        let deadline = if paused && keep_alive.is_some() { keep_alive } else { self.reconnect.deadline() };
        let wait = deadline.map(|deadline| deadline.saturating_duration_since(now));
        match undelivered {
            true => Some(wait.unwrap_or(REDELIVER).min(REDELIVER)),
            false => wait,
        }
    }

    fn ready(&mut self, ready: &Events) {
        for event in ready {
            if event.token() != STREAM {
                continue;
            }
            if let Some(connection) = &mut self.connection {
                connection.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                connection.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
            }
        }
        let attempt = self.connection.as_ref().filter(|connection| !connection.established);
        match attempt
            .filter(|connection| connection.writable)
            .map(|connection| connection.stream.established())
        {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => self.established(),
            Some(Err(error)) => self.close(SessionError::Connect(error.to_string())),
        }
    }

    fn timers(&mut self) {
        let now = Instant::now();
        let paused = self.backlogged();
        if let Some(connection) = &mut self.connection
            && connection.established
        {
            // While nothing is read, silence says nothing about the server.
            if paused {
                let due = *connection.keep_alive.get_or_insert(now + KEEP_ALIVE);
                if now >= due {
                    connection.keep_alive = Some(now + KEEP_ALIVE);
                    self.worker.session.probe();
                }
                return;
            }
            if connection.keep_alive.take().is_some() {
                self.reconnect.activity(now);
            }
        }
        match self.reconnect.run(now) {
            None => {}
            Some(Action::Connect) => self.connect(now),
            Some(Action::AttemptTimedOut) => self.close(SessionError::ConnectTimeout),
            Some(Action::Probe) => self.worker.session.probe(),
            Some(Action::PeerSilent) => self.close(SessionError::Silent),
        }
    }

    fn connect(&mut self, now: Instant) {
        let remote = self.worker.remotes[self.next_remote].clone();
        self.next_remote = (self.next_remote + 1) % self.worker.remotes.len();
        self.reconnect.connecting(now);
        self.worker.session.connecting(remote.clone());
        let stream = remote.connect().and_then(|mut stream| {
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.worker.poll.registry().register(&mut stream, STREAM, interests)?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => {
                self.connection = Some(Connection {
                    stream,
                    framer: Framer::default(),
                    established: false,
                    readable: false,
                    writable: false,
                    written: 0,
                    keep_alive: None,
                });
            }
            Err(error) => self.close(SessionError::Connect(error.to_string())),
        }
    }

    fn established(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.established = true;
        }
        self.reconnect.connected(Instant::now());
        self.set_probe();
        self.worker.session.opened();
    }

    fn set_probe(&mut self) {
        let needs_probes = self.worker.session.remote().is_none_or(Remote::needs_probes);
        let default = if needs_probes { DEFAULT_PROBE } else { Duration::ZERO };
        self.reconnect.set_probe(self.worker.probe.unwrap_or(default));
    }

    fn close(&mut self, reason: SessionError) {
        if self.worker.session.remote().is_none() {
            return;
        }
        if let Some(mut connection) = self.connection.take() {
            // Dropping the stream closes it, and with that ends its registration.
            let _ = self.worker.poll.registry().deregister(&mut connection.stream);
        }
        // A session that had its data was with the right server: no reason to wait.
        if self.worker.session.is_flowing() && !matches!(reason, SessionError::Protocol(_)) {
            self.reconnect.forgive();
        }
        self.reconnect.disconnected(Instant::now());
        self.worker.session.closed(reason);
    }

    /// Reads and handles messages until there are no more, it is the others' turn, or the user
    /// is too far behind.
    fn receive(&mut self) -> Result<(), SessionError> {
        let mut turn = 0;
        loop {
            let paused = self.backlogged();
            let Some(connection) = self.connection.as_mut().filter(|connection| connection.established)
            else {
                return Ok(());
            };
            if paused {
                return Ok(());
            }
            let message =
                connection.framer.next().map_err(|error| SessionError::Protocol(error.to_string()))?;
            if let Some(message) = message {
                self.worker.session.message(connection.framer.bytes(message))?;
                continue;
            }
            if !connection.readable || turn >= READ_TURN {
                return Ok(());
            }
            match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(SessionError::Closed),
                Ok(read) => {
                    connection.framer.push(&self.buffer[..read]);
                    self.reconnect.activity(Instant::now());
                    turn += read;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SessionError::Io(error.to_string())),
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.established) else {
            return Ok(());
        };
        let out = &mut self.worker.session.out;
        while connection.writable && connection.written < out.len() {
            match connection.stream.write(&out[connection.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => connection.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if connection.written == out.len() {
            out.clear();
            out.shrink_to(READ_TURN);
            connection.written = 0;
        }
        Ok(())
    }

    fn deliver(&mut self) -> Flow {
        let outbox = &mut self.worker.session.outbox;
        while let Some(event) = outbox.pop() {
            match self.worker.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    outbox.unpop(event);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return Flow::Stop,
            }
        }
        Flow::Continue
    }

    fn report(&self) {
        let session = &self.worker.session;
        let mut status = self.worker.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.remote.as_ref() != session.remote() {
            status.remote = session.remote().cloned();
        }
        status.connected = session.is_flowing();
        status.has_lock = session.has_lock();
    }
}
