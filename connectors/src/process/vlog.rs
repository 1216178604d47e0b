//! The log: modules, levels, destinations and patterns as in Open vSwitch (ovs-appctl(8), "LOGGING COMMANDS").
//!
//! A module is a static of [`modules`]; logging is a method on it:
//!
//! ```
//! use northflow_connectors::process::vlog::{RateLimit, modules::NORTHD};
//!
//! static BAD_NAT: RateLimit = RateLimit::new(1, 5);
//! NORTHD.info("started");
//! NORTHD.warn_limited(&BAD_NAT, format_args!("bad ip {} in NAT {}", "10.0.0.300", "n1"));
//! ```
//!
//! `format_args!` costs nothing when the level is off: the text is made only when some destination wants it.

mod commands;
mod limit;
pub mod modules;
mod pattern;
mod sinks;
mod spec;
mod syslog;

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

pub use commands::register;
pub use limit::RateLimit;
pub use spec::SpecError;
pub use syslog::MethodError;

use pattern::Record;
use sinks::SINKS;

/// How much a message matters. A module's level at a destination is the least urgent one that still goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Not the level of a message: a destination set to it takes none.
    Off,
    /// The program cannot go on.
    Emer,
    /// An operation failed, and the program goes on.
    Err,
    /// Something unexpected that an operator may want to look into.
    Warn,
    /// What an operator may want to know when looking back.
    Info,
    /// For developers.
    Dbg,
}

/// All levels, most urgent first.
const LEVELS: [Level; 6] = [Level::Off, Level::Emer, Level::Err, Level::Warn, Level::Info, Level::Dbg];

impl Level {
    /// The name in capitals, as log lines and `vlog/list` show it.
    pub fn name(self) -> &'static str {
        ["OFF", "EMER", "ERR", "WARN", "INFO", "DBG"][self as usize]
    }

    /// The severity of RFC 5424, section 6.2.1.
    fn severity(self) -> u8 {
        [1, 1, 3, 4, 5, 7][self as usize]
    }

    fn from_name(name: &str) -> Option<Level> {
        LEVELS.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The system log.
    Syslog,
    /// Standard error.
    Console,
    /// The log file, once one is open.
    File,
}

/// All destinations, in the order in which `vlog/list-pattern` shows them.
const DESTINATIONS: [Destination; 3] = [Destination::Syslog, Destination::Console, Destination::File];

impl Destination {
    fn name(self) -> &'static str {
        ["SYSLOG", "CONSOLE", "FILE"][self as usize]
    }

    fn from_name(name: &str) -> Option<Destination> {
        DESTINATIONS.into_iter().find(|destination| destination.name().eq_ignore_ascii_case(name))
    }
}

/// A part of the program with log levels of its own.
#[derive(Debug)]
pub struct Module {
    name: &'static str,
    levels: [AtomicU8; 3],
    rate_limited: AtomicBool,
}

impl Module {
    /// A module called `name`, at level INFO everywhere. For `-v` and `vlog/set` to find it, list it in [`modules`].
    pub const fn new(name: &'static str) -> Module {
        let levels = [const { AtomicU8::new(Level::Info as u8) }; 3];
        Module { name, levels, rate_limited: AtomicBool::new(true) }
    }

    /// The name, as in log lines.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The level at `destination`.
    pub fn level(&self, destination: Destination) -> Level {
        LEVELS[usize::from(self.levels[destination as usize].load(Ordering::Relaxed))]
    }

    /// Sets the level at `destination`.
    pub fn set_level(&self, destination: Destination, level: Level) {
        self.levels[destination as usize].store(level as u8, Ordering::Relaxed);
    }

    /// Whether some destination takes messages of `level`. Ask before work that only serves a message.
    pub fn enabled(&self, level: Level) -> bool {
        self.level(Destination::Syslog) >= level
            || self.level(Destination::Console) >= level
            || (self.level(Destination::File) >= level && sinks::file_is_open())
    }

    /// Logs `text` at `level`, without trailing newlines.
    pub fn log(&self, level: Level, text: impl Display) {
        if !self.enabled(level) {
            return;
        }
        let text = text.to_string();
        let number = NUMBER.with(|number| {
            number.set(number.get().wrapping_add(1));
            number.get()
        });
        let record = Record {
            module: self.name,
            level,
            text: text.trim_end_matches('\n'),
            number,
            thread: &thread_name(),
        };
        let wanted = DESTINATIONS.map(|destination| self.level(destination) >= level);
        sinks::lock(&SINKS).write(&record, wanted);
    }

    /// Logs `text` at `level` unless `limit` is used up. What was left out is counted and told later.
    pub fn log_limited(&self, level: Level, limit: &RateLimit, text: impl Display) {
        if !self.rate_limited.load(Ordering::Relaxed) {
            return self.log(level, text);
        }
        if !self.enabled(level) {
            return;
        }
        let Some(dropped) = limit.admit() else { return };
        if let Some(dropped) = dropped {
            self.log(level, dropped);
        }
        self.log(level, text);
    }

    /// Logs at EMER.
    pub fn emer(&self, text: impl Display) {
        self.log(Level::Emer, text);
    }

    /// Logs at ERR.
    pub fn err(&self, text: impl Display) {
        self.log(Level::Err, text);
    }

    /// Logs at WARN.
    pub fn warn(&self, text: impl Display) {
        self.log(Level::Warn, text);
    }

    /// Logs at INFO.
    pub fn info(&self, text: impl Display) {
        self.log(Level::Info, text);
    }

    /// Logs at DBG.
    pub fn dbg(&self, text: impl Display) {
        self.log(Level::Dbg, text);
    }

    /// Logs at WARN within `limit`.
    pub fn warn_limited(&self, limit: &RateLimit, text: impl Display) {
        self.log_limited(Level::Warn, limit, text);
    }

    /// Logs at INFO within `limit`.
    pub fn info_limited(&self, limit: &RateLimit, text: impl Display) {
        self.log_limited(Level::Info, limit, text);
    }

    /// Reports why the program ends: at EMER to the log, and always to standard error as `PROGRAM: text`. Gives the
    /// exit code of a failed program.
    pub fn fatal(&self, text: impl Display) -> ExitCode {
        // Standard error gets its own line below, so the console would only repeat it.
        self.set_level(Destination::Console, Level::Off);
        self.emer(&text);
        eprintln!("{}: {text}", sinks::lock(&SINKS).program());
        ExitCode::FAILURE
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

thread_local! {
    /// Messages logged by this thread so far: each thread numbers its own.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static THREAD_NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Gives this thread a name in log lines other than its own; for the main thread, whose own name does not show.
pub fn set_thread_name(name: &str) {
    THREAD_NAME.with(|slot| *slot.borrow_mut() = Some(name.to_owned()));
}

/// The name of this thread in log lines; empty for the main thread.
fn thread_name() -> String {
    THREAD_NAME.with(|slot| slot.borrow().clone()).unwrap_or_else(|| {
        std::thread::current().name().filter(|name| *name != "main").unwrap_or_default().to_owned()
    })
}

/// Names the program in log lines and in the system log. Call it first.
pub fn set_program(name: &str) {
    sinks::lock(&SINKS).set_program(name);
}

/// The names of all modules that `-v` and `vlog/set` know, for help texts.
pub fn module_names() -> impl Iterator<Item = &'static str> {
    modules::ALL.iter().map(|module| module.name())
}

/// Sets levels, a pattern or the facility by `spec`: the argument of `-v` and `vlog/set` (`MODULE:DESTINATION:LEVEL` in
/// any order, `PATTERN:DESTINATION:PATTERN`, `FACILITY:NAME`). Fails without effect.
pub fn set_levels(spec: &str) -> Result<(), SpecError> {
    spec::apply(spec)
}

/// Logs to the file at `path` from now on, in place of an earlier one. Does nothing when that very file is open already;
/// so it is also the way to go on after a log rotation. A failure is logged too.
pub fn open_file(path: &Path) -> std::io::Result<()> {
    sinks::open_file(path)
}

/// Opens the log file anew by its name, after it was renamed or closed. `None` when none was ever given.
pub fn reopen_file() -> Option<std::io::Result<()>> {
    let path = sinks::lock(&SINKS).file_path()?;
    Some(open_file(&path))
}

/// Closes the log file and keeps its name for [`reopen_file`].
pub fn close_file() {
    sinks::lock(&SINKS).close_file();
}

/// Chooses how messages reach the system log: `libc`, `null`, `unix:FILE` or `udp:IP:PORT`. Only the first choice counts.
pub fn set_syslog_method(method: &str) -> Result<(), MethodError> {
    let method = syslog::Syslog::open(method)?;
    sinks::lock(&SINKS).set_syslog(method);
    Ok(())
}

/// Sends messages of the system log over UDP to `IP:PORT` (port 514 when left out) too, in the form of RFC 5424.
pub fn set_syslog_target(target: &str) -> Result<(), MethodError> {
    let target = syslog::udp(target)?;
    sinks::lock(&SINKS).set_syslog_target(target);
    modules::VLOG.warn("--syslog-target is deprecated: use --syslog-method");
    Ok(())
}
