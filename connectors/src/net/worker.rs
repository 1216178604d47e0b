//! A connection's thread: sockets, timers and channels around a [`Protocol`].

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use mio::{Events, Interest, Poll, Token, Waker};

use super::reconnect::{Action, Reconnect};
use super::remote::{Remote, Stream};
use super::tls::Tls;
use super::{Lost, Order, Protocol};

/// Wakes the thread when a command has been sent.
pub(super) const WAKER: Token = Token(0);
const STREAM: Token = Token(1);

/// The probe interval where none was set, except for local sockets.
const DEFAULT_PROBE: Duration = Duration::from_secs(5);
/// How soon delivery is tried again when the user's channel was full.
const REDELIVER: Duration = Duration::from_millis(5);
/// How often the peer is told that we live while nothing is read, and so none of its probes
/// answered: well below the least probe interval in use.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How much is read before commands and timers have their turn.
const READ_TURN: usize = 1 << 20;
/// Memory kept for what is sent next; a larger buffer is given back once it is empty.
const KEEP: usize = 1 << 16;

/// Whether the thread goes on.
enum Flow {
    Continue,
    Stop,
}

struct Connection {
    stream: Stream,
    established: bool,
    /// Whether there may be more to read or room to write; the poll tells only of changes.
    readable: bool,
    writable: bool,
    /// How much of the protocol's output has been written.
    written: usize,
    /// When to tell the peer that we live; set while reading is paused.
    keep_alive: Option<Instant>,
}

pub(super) struct Worker<P: Protocol> {
    pub(super) poll: Poll,
    /// Kept because a waker that its last owner drops takes its wake-ups along.
    pub(super) _waker: Arc<Waker>,
    pub(super) commands: Receiver<Option<P::Command>>,
    pub(super) events: Sender<P::Event>,
    pub(super) status: Arc<Mutex<P::Status>>,
    pub(super) protocol: P,
    pub(super) remotes: Vec<Remote>,
    pub(super) probe: Option<Duration>,
    pub(super) tls: Tls,
}

/// The thread's state while it runs.
struct Running<P: Protocol> {
    worker: Worker<P>,
    reconnect: Reconnect,
    connection: Option<Connection>,
    next_remote: usize,
    buffer: Box<[u8]>,
}

impl<P: Protocol> Worker<P> {
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
                    running.close(Lost::Io(error.to_string()).into());
                    break;
                }
            }
        }
        running.close(Lost::Requested.into());
        running.deliver();
    }
}

impl<P: Protocol> Running<P> {
    /// Does all that can be done without waiting.
    fn turn(&mut self) -> Flow {
        loop {
            match self.worker.commands.try_recv() {
                Ok(None) | Err(TryRecvError::Disconnected) => return Flow::Stop,
                Ok(Some(command)) => match self.worker.protocol.command(command) {
                    Order::Nothing => {}
                    Order::Close(reason) => self.close(reason),
                    Order::Move(reason, remote) => {
                        self.worker.remotes = vec![remote];
                        self.next_remote = 0;
                        self.close(reason);
                    }
                    Order::Probe(interval) => {
                        self.worker.probe = interval;
                        self.set_probe();
                    }
                    Order::Stop => return Flow::Stop,
                },
                Err(TryRecvError::Empty) => break,
            }
        }
        if let Err(reason) = self.receive() {
            self.close(reason);
        }
        self.timers();
        if let Err(error) = self.send() {
            self.close(Lost::Io(error.to_string()).into());
        }
        let flow = self.deliver();
        self.report();
        flow
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let paused = self.worker.protocol.is_backlogged();
        let more = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.established && connection.readable && !paused);
        if more {
            return Some(Duration::ZERO);
        }
        let undelivered = self.worker.protocol.has_events();
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
        let attempt = self.connection.as_mut().filter(|connection| !connection.established);
        match attempt
            .filter(|connection| connection.writable)
            .map(|connection| connection.stream.established())
        {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => self.established(),
            Some(Err(error)) => self.close(Lost::Connect(error.to_string()).into()),
        }
    }

    fn timers(&mut self) {
        let now = Instant::now();
        let paused = self.worker.protocol.is_backlogged();
        if let Some(connection) = &mut self.connection
            && connection.established
        {
            // While nothing is read, silence says nothing about the server.
            if paused {
                let due = *connection.keep_alive.get_or_insert(now + KEEP_ALIVE);
                if now >= due {
                    connection.keep_alive = Some(now + KEEP_ALIVE);
                    self.worker.protocol.probe();
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
            Some(Action::AttemptTimedOut) => self.close(Lost::Timeout.into()),
            Some(Action::Probe) => self.worker.protocol.probe(),
            Some(Action::PeerSilent) => self.close(Lost::Silent.into()),
        }
    }

    fn connect(&mut self, now: Instant) {
        let remote = self.worker.remotes[self.next_remote].clone();
        self.next_remote = (self.next_remote + 1) % self.worker.remotes.len();
        self.reconnect.connecting(now);
        self.worker.protocol.connecting(remote.clone());
        let stream = remote.connect(&self.worker.tls).and_then(|mut stream| {
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.worker.poll.registry().register(&mut stream, STREAM, interests)?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => {
                self.connection = Some(Connection {
                    stream,
                    established: false,
                    readable: false,
                    writable: false,
                    written: 0,
                    keep_alive: None,
                });
            }
            Err(error) => self.close(Lost::Connect(error.to_string()).into()),
        }
    }

    fn established(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.established = true;
        }
        self.reconnect.connected(Instant::now());
        self.set_probe();
        self.worker.protocol.opened();
    }

    fn set_probe(&mut self) {
        let needs_probes = self.worker.protocol.remote().is_none_or(Remote::needs_probes);
        let default = if needs_probes { DEFAULT_PROBE } else { Duration::ZERO };
        self.reconnect.set_probe(self.worker.probe.unwrap_or(default));
    }

    fn close(&mut self, reason: P::Reason) {
        if self.worker.protocol.remote().is_none() {
            return;
        }
        if let Some(mut connection) = self.connection.take() {
            connection.stream.farewell();
            // Dropping the stream closes it, and with that ends its registration.
            let _ = self.worker.poll.registry().deregister(&mut connection.stream);
        }
        if self.worker.protocol.forgives(&reason) {
            self.reconnect.forgive();
        }
        self.reconnect.disconnected(Instant::now());
        self.worker.protocol.closed(reason);
    }

    /// Reads and handles messages until there are no more, it is the others' turn, or the user
    /// is too far behind.
    fn receive(&mut self) -> Result<(), P::Reason> {
        let mut turn = 0;
        loop {
            let paused = self.worker.protocol.is_backlogged();
            let Some(connection) = self.connection.as_mut().filter(|connection| connection.established)
            else {
                return Ok(());
            };
            if paused {
                return Ok(());
            }
            if self.worker.protocol.handle()? {
                continue;
            }
            if !connection.readable || turn >= READ_TURN {
                return Ok(());
            }
            match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Lost::Closed.into()),
                Ok(read) => {
                    self.worker.protocol.push(&self.buffer[..read]);
                    self.reconnect.activity(Instant::now());
                    turn += read;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Lost::Io(error.to_string()).into()),
            }
        }
    }

    /// Writes until there is no more, or no room for it.
    fn send(&mut self) -> io::Result<()> {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.established) else {
            return Ok(());
        };
        loop {
            self.worker.protocol.fill();
            let out = self.worker.protocol.output();
            while connection.writable && connection.written < out.len() {
                match connection.stream.write(&out[connection.written..]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => connection.written += written,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.writable = false,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if connection.written < out.len() || out.is_empty() {
                break;
            }
            out.clear();
            out.shrink_to(KEEP);
            connection.written = 0;
        }
        // What is encrypted has left `output` before it has left us.
        match connection.stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.writable = false,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        Ok(())
    }

    fn deliver(&mut self) -> Flow {
        let protocol = &mut self.worker.protocol;
        while let Some(event) = protocol.pop() {
            match self.worker.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    protocol.unpop(event);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return Flow::Stop,
            }
        }
        Flow::Continue
    }

    fn report(&self) {
        let mut status = self.worker.status.lock().unwrap_or_else(PoisonError::into_inner);
        self.worker.protocol.report(&mut status);
    }
}
