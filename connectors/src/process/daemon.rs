//! Life in the background: `--detach`, `--monitor`, `--user`, `--pidfile` of ovn-northd(8).
//!
//! Open vSwitch forks. This program starts itself anew instead, with the same arguments and an environment variable that
//! says which stage of the way to the background it is to take up; a fork without an exec is unsafe once there are
//! threads. The new process reports over a pipe, which is its standard input until then, that it is ready:
//!
//! ```text
//! first process --(detach)--> detached: new session --(monitor)--> monitored: the daemon
//!   waits for ready              waits for ready,                    pidfile, ready
//!                                then restarts it when it crashes
//! ```
//!
//! A stage that is not asked for is left out. A process that waits ends with the exit code of the one it waits for when
//! that one fails before it is ready.

mod launch;
mod monitor;
mod pidfile;
mod user;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::process::{os_text, vlog};
use launch::{Failure, Stage};
use pidfile::Pidfile;

/// How a daemon is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Run in the background.
    pub detach: bool,
    /// Restart the daemon when it crashes.
    pub monitor: bool,
    /// Stay in the current directory; otherwise a detached daemon goes to `/`.
    pub no_chdir: bool,
    /// Where to write the process id, if anywhere.
    pub pidfile: Option<PathBuf>,
    /// Start also when the pidfile belongs to a living process.
    pub overwrite_pidfile: bool,
    /// Run as this `USER[:GROUP]`.
    pub user: Option<String>,
    /// The log file to open, if any. It is opened here, so that each stage opens it once and as the right user.
    pub log_file: Option<PathBuf>,
}

/// What [`start`] has made of this process.
#[derive(Debug)]
pub enum Role {
    /// The process has done its part: it is to exit with this code.
    Done(u8),
    /// The process is the daemon.
    Daemon(Daemon),
}

/// Takes this process to where `options` want it. Call it with the log levels set, before connections are opened: the
/// program runs anew from its beginning in every stage.
pub fn start(options: &Options) -> Result<Role, DaemonError> {
    let stage = Stage::current();
    let identity = match &options.user {
        Some(spec) if stage == Stage::First => Some(user::Identity::find(spec)?),
        _ => None,
    };
    if let (Some(identity), Some(log_file)) = (&identity, &options.log_file) {
        identity.give(log_file)?;
    }
    if options.detach && stage == Stage::First {
        return match launch::spawn(Stage::Detached, identity.as_ref()) {
            Ok(_) => Ok(Role::Done(0)),
            Err(Failure::Exited(code)) => Ok(Role::Done(code)),
            Err(Failure::Died(how)) => Err(DaemonError::Detach(how)),
            Err(Failure::Spawn(source)) => Err(DaemonError::Spawn(source)),
        };
    }
    if let Some(identity) = &identity {
        return Err(DaemonError::Spawn(launch::become_user(identity)));
    }
    if stage == Stage::Detached {
        // It fails only for the leader of a process group, which a new process is not.
        let _ = rustix::process::setsid();
    }
    if options.monitor && stage != Stage::Monitored {
        return monitor::run(options, stage).map(Role::Done);
    }
    if let Some(log_file) = &options.log_file {
        // The failure is in the log; the daemon runs without the file, as those of Open vSwitch do.
        let _ = vlog::open_file(log_file);
    }
    let pidfile = options
        .pidfile
        .as_deref()
        .map(|path| Pidfile::create(path, options.overwrite_pidfile))
        .transpose()?;
    Ok(Role::Daemon(Daemon { pidfile, stage, detach: options.detach, chdir: !options.no_chdir }))
}

/// The daemon's hold on its pidfile and its tie to the processes that wait for it. Dropping it removes the pidfile.
#[derive(Debug)]
pub struct Daemon {
    pidfile: Option<Pidfile>,
    stage: Stage,
    detach: bool,
    chdir: bool,
}

impl Daemon {
    /// Says that the daemon is up: whoever started it may go on. A detached daemon goes to `/` and lets go of the
    /// terminal. Once is enough.
    pub fn ready(&mut self) -> Result<(), DaemonError> {
        launch::notify(&mut self.stage).map_err(DaemonError::Notify)?;
        if self.detach {
            if self.chdir {
                // As in Open vSwitch, a root directory that cannot be entered is no reason to stop.
                let _ = rustix::process::chdir("/");
            }
            close_terminal().map_err(DaemonError::Terminal)?;
        }
        Ok(())
    }

    /// The pidfile, if there is one.
    pub fn pidfile(&self) -> Option<&std::path::Path> {
        self.pidfile.as_ref().map(Pidfile::path)
    }
}

/// Makes every panic from now on a crash: it is logged and ends the process by SIGABRT, as a failed assertion does in Open
/// vSwitch, so that a monitor starts the daemon again. For daemons with nothing better to do about a panic.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        vlog::modules::DAEMON_UNIX.emer(format_args!("{panic}"));
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            vlog::modules::DAEMON_UNIX.emer(format_args!("backtrace:\n{backtrace}"));
        }
        std::process::abort();
    }));
}

/// Points standard input, output and error to `/dev/null`.
fn close_terminal() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Why a daemon does not start. All are for whoever starts it to put right.
#[derive(Debug)]
pub enum DaemonError {
    /// The pidfile belongs to a living process: stop it, or name another pidfile.
    AlreadyRunning(PathBuf, i32),
    /// Whether the pidfile belongs to a living process could not be found out.
    PidfileCheck(PathBuf, io::Error),
    /// A step in writing the pidfile failed: the file, the step, and what the system said.
    Pidfile(PathBuf, &'static str, io::Error),
    /// `--user` without being root.
    NotRoot,
    /// `--user` names a user that is not in /etc/passwd.
    NoUser(String),
    /// `--user` names a group that is not in /etc/group.
    NoGroup(String),
    /// `--user` names a group that its user is not in.
    NotInGroup(String, String),
    /// The users or groups of the system could not be read, or a file not be given to the user.
    UserFile(PathBuf, io::Error),
    /// The program could not be started anew.
    Spawn(io::Error),
    /// The daemon died before it was ready: how.
    Detach(String),
    /// The daemon to be monitored died before it was ready: how.
    Monitor(String),
    /// The daemon to be monitored could not be waited for.
    Wait(io::Error),
    /// The process that waits for the daemon is gone.
    Notify(io::Error),
    /// The terminal could not be let go of.
    Terminal(io::Error),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DaemonError::*;
        match self {
            AlreadyRunning(path, pid) => {
                write!(f, "{}: already running as pid {pid}, aborting", path.display())
            }
            PidfileCheck(path, error) => {
                write!(f, "{}: pidfile check failed ({}), aborting", path.display(), os_text(error))
            }
            Pidfile(path, step, error) => write!(f, "{}: {step} failed ({})", path.display(), os_text(error)),
            NotRoot => f.write_str("only root can use --user option"),
            NoUser(user) => write!(f, "user {user} not found, aborting."),
            NoGroup(group) => write!(f, "group {group} not found, aborting."),
            NotInGroup(user, group) => {
                write!(f, "invalid --user option (user {user} is not in group {group}), aborting.")
            }
            UserFile(path, error) => write!(f, "{}: {}", path.display(), os_text(error)),
            Spawn(error) => write!(f, "could not start the daemon process ({})", os_text(error)),
            Detach(how) => {
                write!(f, "could not detach from foreground session: daemon died before it was ready ({how})")
            }
            Monitor(how) => {
                write!(f, "could not initiate process monitoring: daemon died before it was ready ({how})")
            }
            Wait(error) => write!(f, "waitpid failed ({})", os_text(error)),
            Notify(error) => write!(f, "pipe write failed ({})", os_text(error)),
            Terminal(error) => write!(f, "/dev/null: {}", os_text(error)),
        }
    }
}

impl std::error::Error for DaemonError {}
