//! The three destinations of the log, behind one lock.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::modules::VLOG;
use super::pattern::{self, Context, Record};
use super::syslog::Syslog;
use super::{DESTINATIONS, Destination};
use crate::process::os_text;

/// The destinations of this process.
pub(super) static SINKS: Mutex<Sinks> = Mutex::new(Sinks::new());

/// Whether a log file is open: asked for every message, so kept outside the lock.
static FILE_OPEN: AtomicBool = AtomicBool::new(false);

pub(super) fn file_is_open() -> bool {
    FILE_OPEN.load(Ordering::Relaxed)
}

/// Takes the lock, also after a thread died while holding it: the state is sound between any two statements.
pub(super) fn lock(sinks: &'static Mutex<Sinks>) -> MutexGuard<'static, Sinks> {
    sinks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Sinks {
    program: Cow<'static, str>,
    patterns: [Cow<'static, str>; 3],
    /// The facility code times eight, when one was asked for.
    facility: Option<u8>,
    path: Option<PathBuf>,
    file: Option<File>,
    syslog: Option<Syslog>,
    target: Option<UdpSocket>,
}

const DAEMON: u8 = 3 << 3;
const LOCAL0: u8 = 16 << 3;

/// The layout of a message to `--syslog-target`: RFC 5424, section 6, with its byte order mark before UTF-8 text.
const RFC5424: &str = "<%B>1 %D{%Y-%m-%dT%H:%M:%S.###Z} %E %A %P %c - \u{feff}%m";

impl Sinks {
    const fn new() -> Sinks {
        Sinks {
            program: Cow::Borrowed("northflow"),
            patterns: [
                Cow::Borrowed("ovs|%05N|%c%T|%p|%m"),
                Cow::Borrowed("%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m"),
                Cow::Borrowed("%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m"),
            ],
            facility: None,
            path: None,
            file: None,
            syslog: None,
            target: None,
        }
    }

    pub fn program(&self) -> &str {
        &self.program
    }

    pub fn set_program(&mut self, name: &str) {
        pattern::start_instant();
        self.program = Cow::Owned(name.to_owned());
    }

    pub fn set_pattern(&mut self, destination: Destination, pattern: &str) {
        self.patterns[destination as usize] = Cow::Owned(pattern.to_owned());
    }

    pub fn set_facility(&mut self, code: u8) {
        self.facility = Some(code << 3);
    }

    pub fn set_syslog(&mut self, syslog: Syslog) {
        self.syslog.get_or_insert(syslog);
    }

    pub fn set_syslog_target(&mut self, target: UdpSocket) {
        self.target = Some(target);
    }

    pub fn file_path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    pub fn close_file(&mut self) {
        self.file = None;
        FILE_OPEN.store(false, Ordering::Relaxed);
    }

    /// The way to the system log: the one that was set, else that of `OVS_SYSLOG_METHOD`, else the C library's.
    fn syslog(&mut self) -> &mut Syslog {
        self.syslog.get_or_insert_with(|| {
            let method = std::env::var("OVS_SYSLOG_METHOD").ok().filter(|method| !method.is_empty());
            method.and_then(|method| Syslog::open(&method).ok()).unwrap_or_else(Syslog::libc)
        })
    }

    /// The text of `vlog/list-pattern`.
    pub fn list_patterns(&mut self) -> String {
        let mut out = String::from("         prefix                            format\n");
        out.push_str("         ------                            ------\n");
        for destination in DESTINATIONS {
            let prefix = if destination == Destination::Syslog { self.syslog().prefix() } else { "none" };
            let pattern = &self.patterns[destination as usize];
            out.push_str(&format!("{:<7}  {prefix:<32}  {pattern}\n", destination.name()));
        }
        out
    }

    /// Writes `record` to the `wanted` destinations (in the order of [`DESTINATIONS`]). What a destination does not
    /// take is lost: there is no better place to say so.
    pub fn write(&mut self, record: &Record<'_>, wanted: [bool; 3]) {
        let now = SystemTime::now();
        let program = self.program.clone();
        let context = Context { program: &program, facility: self.facility.unwrap_or(LOCAL0), now };
        if wanted[Destination::Console as usize] {
            let mut line = pattern::format(&self.patterns[Destination::Console as usize], record, &context);
            line.push('\n');
            let _ = io::stderr().write_all(line.as_bytes());
        }
        if wanted[Destination::Syslog as usize] {
            let text = pattern::format(&self.patterns[Destination::Syslog as usize], record, &context);
            let priority = self.facility.unwrap_or(DAEMON) + record.level.severity();
            self.syslog().send(priority, &program, now, &text);
            if let Some(target) = &self.target {
                let _ = target.send(pattern::format(RFC5424, record, &context).as_bytes());
            }
        }
        if wanted[Destination::File as usize]
            && let Some(file) = &mut self.file
        {
            let mut line = pattern::format(&self.patterns[Destination::File as usize], record, &context);
            line.push('\n');
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// Opens the log file; see [`super::open_file`].
pub(super) fn open_file(path: &Path) -> io::Result<()> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o660).open(path);
    let file = opened.inspect_err(|error| {
        VLOG.warn(format_args!("failed to open {} for logging: {}", path.display(), os_text(error)));
    })?;
    let identity = |file: &File| file.metadata().map(|data| (data.dev(), data.ino())).ok();
    let open = lock(&SINKS).file.as_ref().and_then(identity);
    if open.is_some() && open == identity(&file) {
        return Ok(());
    }
    if open.is_some() {
        VLOG.info("closing log file");
    }
    {
        let mut sinks = lock(&SINKS);
        sinks.file = Some(file);
        // The daemon may change its directory before it opens the file anew.
        sinks.path = Some(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()));
    }
    FILE_OPEN.store(true, Ordering::Relaxed);
    VLOG.info(format_args!("opened log file {}", path.display()));
    Ok(())
}
