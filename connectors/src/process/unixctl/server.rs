//! The server of the control socket: one thread, woken by clients and by answers, never by a clock.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};
use mio::net::UnixListener;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::{Value, json};

use super::Commands;
use super::commands::{Format, Outcome, Request, Route};
use super::connection::{Connection, Incoming};
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::UNIXCTL;
use crate::process::{coverage, os_text};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// The most clients at once. More are turned away: a control socket that is asked this much is asked by mistake.
const MAX_CONNECTIONS: usize = 64;

static TROUBLE: RateLimit = RateLimit::new(5, 5);

/// The control socket could not be set up. The directory may be missing or closed to the user, or the name in use.
#[derive(Debug)]
pub struct UnixctlError {
    /// The name of the socket.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for UnixctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: could not initialize control socket ({})", self.path.display(), os_text(&self.source))
    }
}

impl std::error::Error for UnixctlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A listening control socket. Dropping it removes the socket, sends the answers given so far and ends the thread.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `path`, in place of a socket left there by an earlier process, and serves `commands`.
    pub fn start(path: &Path, commands: &Commands) -> Result<Server, UnixctlError> {
        Server::try_start(path, commands).map_err(|source| UnixctlError { path: path.to_path_buf(), source })
    }

    fn try_start(path: &Path, commands: &Commands) -> io::Result<Server> {
        let mut listener = UnixListener::from_std(listen(path)?);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (replies, answered) = crossbeam_channel::unbounded();
        let state = State {
            poll,
            listener,
            commands: commands.clone(),
            connections: BTreeMap::new(),
            next: FIRST_CONNECTION,
            replies,
            answered,
            waker: Arc::clone(&waker),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("unixctl".to_owned()).spawn(move || state.run())?;
        // The daemon changes its directory before it removes the socket.
        Ok(Server { path: std::path::absolute(path)?, stop, waker, thread: Some(thread) })
    }

    /// The name of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The socket goes first: a client whose `exit` is answered may rely on its absence.
        let _ = fs::remove_file(&self.path);
        self.stop.store(true, Ordering::Release);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket listening at `path`, open to its owner's group.
fn listen(path: &Path) -> io::Result<StdListener> {
    if fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Linux gives the name the mode of the socket, less the umask.
    rustix::fs::fchmod(&socket, Mode::RWXU | Mode::RWXG)?;
    match SocketAddrUnix::new(path) {
        Ok(address) => rustix::net::bind(&socket, &address)?,
        Err(_) => {
            // Too long for the system call: go by way of the directory.
            let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
            let parent = path.parent().unwrap_or(Path::new("/"));
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = rustix::fs::open(parent, flags, Mode::empty())?;
            let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
            rustix::net::bind(&socket, &SocketAddrUnix::new(&short)?)?;
        }
    }
    rustix::net::listen(&socket, 64)?;
    Ok(StdListener::from(socket))
}

struct State {
    poll: Poll,
    listener: UnixListener,
    commands: Commands,
    connections: BTreeMap<usize, Connection>,
    /// The key of the next connection. Keys are not used twice, so that a late answer cannot reach another client.
    next: usize,
    replies: Sender<(usize, Outcome)>,
    answered: Receiver<(usize, Outcome)>,
    waker: Arc<Waker>,
    stop: Arc<AtomicBool>,
}

impl State {
    fn run(mut self) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while !self.stop.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, None) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return UNIXCTL.err(format_args!("control socket stopped: {error}")),
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(key) => self.serve(key),
                }
            }
            self.deliver();
        }
        self.deliver();
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) if self.connections.len() < MAX_CONNECTIONS => {
                    self.admit(Connection::new(stream))
                }
                Ok(_) => UNIXCTL.warn_limited(
                    &TROUBLE,
                    format_args!("more than {MAX_CONNECTIONS} clients: one turned away"),
                ),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return UNIXCTL
                        .warn_limited(&TROUBLE, format_args!("accept failed: {}", os_text(&error)));
                }
            }
        }
    }

    fn admit(&mut self, mut connection: Connection) {
        let key = self.next;
        self.next += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(&mut connection.stream, Token(key), interest) {
            Ok(()) => drop(self.connections.insert(key, connection)),
            Err(error) => UNIXCTL.warn_limited(&TROUBLE, format_args!("client lost: {}", os_text(&error))),
        }
    }

    /// Moves bytes both ways for the connection `key` and starts what has arrived.
    fn serve(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        // At the end of the stream there is no one left to answer to.
        let result =
            connection.read().and_then(|()| connection.write()).and_then(|()| self.start_requests(key));
        self.close_on_error(key, result);
    }

    /// Starts the requests of connection `key` up to the first that takes time.
    fn start_requests(&mut self, key: usize) -> io::Result<()> {
        while let Some(connection) = self.connections.get_mut(&key)
            && let Some(Incoming { method, params, id }) = connection.next()?
        {
            coverage::UNIXCTL_RECEIVED.add(1);
            UNIXCTL.dbg(format_args!("received request {method}{}, id={id}", json!(params)));
            let mut outcome = Ok(());
            if method == "set-options" {
                outcome = format_option(&params)
                    .map(|chosen| connection.format = chosen.unwrap_or(connection.format));
            }
            let format = connection.format;
            let (replies, waker) = (&self.replies, &self.waker);
            let make = |args, name| Request {
                name,
                args,
                format,
                route: Route::new(key, replies.clone(), Arc::clone(waker)),
            };
            if let Err(error) = outcome.and_then(|()| self.commands.run(&method, &params, make)) {
                coverage::UNIXCTL_REPLIED.add(1);
                connection.answer(Err(error))?;
            }
        }
        Ok(())
    }

    /// Sends the answers that have come in, and starts the requests that waited behind them.
    fn deliver(&mut self) {
        while let Ok((key, outcome)) = self.answered.try_recv() {
            let Some(connection) = self.connections.get_mut(&key) else { continue };
            let result = connection.answer(outcome).and_then(|()| self.start_requests(key));
            self.close_on_error(key, result);
        }
    }

    fn close_on_error(&mut self, key: usize, result: io::Result<()>) {
        let Err(error) = result else { return };
        if error.kind() == ErrorKind::InvalidData {
            UNIXCTL.warn_limited(&TROUBLE, format_args!("client dropped: {error}"));
        }
        if let Some(mut connection) = self.connections.remove(&key) {
            // Closing the stream takes it off the poll too; a failure here changes nothing.
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }
}

/// The format that the arguments of `set-options` choose, if any. Like every option of Open vSwitch, it may be shortened.
fn format_option(params: &[Value]) -> Result<Option<Format>, String> {
    let mut chosen = None;
    let mut words = params.iter().filter_map(Value::as_str);
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else { continue };
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || !"format".starts_with(name) {
            return Err(format!("unrecognized option '--{name}'"));
        }
        let value = value.or_else(|| words.next()).ok_or("option '--format' requires an argument")?;
        chosen = Some(match value {
            _ if value.eq_ignore_ascii_case("text") => Format::Text,
            _ if value.eq_ignore_ascii_case("json") => Format::Json,
            _ => return Err(format!("option format has invalid value {value}")),
        });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_options() {
        let parse = |words: &[&str]| format_option(&words.iter().map(|word| json!(word)).collect::<Vec<_>>());
        assert_eq!(parse(&["--format", "JSON"]), Ok(Some(Format::Json)));
        assert_eq!(parse(&["--form=text"]), Ok(Some(Format::Text)));
        assert_eq!(parse(&["x"]), Ok(None));
        assert_eq!(parse(&["--format"]), Err("option '--format' requires an argument".to_owned()));
        assert_eq!(parse(&["--zork", "x"]), Err("unrecognized option '--zork'".to_owned()));
        assert_eq!(parse(&["--format=xx"]), Err("option format has invalid value xx".to_owned()));
    }
}
