//! `--monitor`: a process that starts the daemon again when it crashes.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGPIPE, SIGSEGV, SIGXCPU, SIGXFSZ};

use super::launch::{self, Failure, Stage};
use super::{DaemonError, Options};
use crate::process::vlog::{self, modules::DAEMON_UNIX};

/// Signals that mean a fault of the program: ovn-northd(8), `--monitor`.
const CRASHES: [i32; 9] = [SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGPIPE, SIGSEGV, SIGXCPU, SIGXFSZ];

/// The least time between two restarts.
const THROTTLE: Duration = Duration::from_secs(10);

/// Starts the daemon, tells whoever waits for this process, and watches over the daemon until it ends for good. Gives the
/// exit code of this process.
pub(super) fn run(options: &Options, mut stage: Stage) -> Result<u8, DaemonError> {
    vlog::set_thread_name("monitor");
    let mut child = match launch::spawn(Stage::Monitored, None) {
        Ok(child) => child,
        Err(Failure::Exited(code)) => return Ok(code),
        Err(Failure::Died(how)) => return Err(DaemonError::Monitor(how)),
        Err(Failure::Spawn(source)) => return Err(DaemonError::Spawn(source)),
    };
    launch::notify(&mut stage).map_err(DaemonError::Notify)?;
    if options.detach {
        super::close_terminal().map_err(DaemonError::Terminal)?;
    }
    let mut restarts = Restarts::default();
    loop {
        // The log file is open only while there is something to say: nobody tells the monitor when it is rotated.
        let status = child.wait().map_err(DaemonError::Wait)?;
        if let Some(log_file) = &options.log_file {
            let _ = vlog::open_file(log_file);
        }
        let how = launch::describe(status);
        if !is_crash(status) {
            DAEMON_UNIX.info(format_args!("pid {} died, {how}, exiting", child.id()));
            return Ok(0);
        }
        if status.core_dumped() {
            // One core dump tells the story; more would only fill the disk.
            if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
                DAEMON_UNIX.warn(format_args!("failed to disable core dumps: {error}"));
            }
        }
        let mut crash = format!("pid {} died, {how}", child.id());
        child = loop {
            restarts.wait(&crash);
            match launch::spawn(Stage::Monitored, None) {
                Ok(child) => break child,
                Err(Failure::Exited(code)) => return Ok(code),
                Err(Failure::Died(how)) => crash = format!("daemon died before it was ready, {how}"),
                Err(Failure::Spawn(source)) => return Err(DaemonError::Spawn(source)),
            }
        };
        vlog::close_file();
    }
}

fn is_crash(status: ExitStatus) -> bool {
    status.signal().is_some_and(|signal| CRASHES.contains(&signal))
}

/// What is remembered from one restart to the next.
#[derive(Debug, Default)]
struct Restarts {
    crashes: u32,
    last: Option<Instant>,
}

impl Restarts {
    /// Waits until the daemon may be started after `crash`.
    fn wait(&mut self, crash: &str) {
        self.crashes += 1;
        let crashes = self.crashes;
        let early = self.last.map_or(Duration::ZERO, |last| THROTTLE.saturating_sub(last.elapsed()));
        if !early.is_zero() {
            DAEMON_UNIX.warn(format_args!(
                "{crashes} crashes: {crash}, waiting until 10 seconds since last restart"
            ));
            std::thread::sleep(early);
        }
        self.last = Some(Instant::now());
        DAEMON_UNIX.err(format_args!("{crashes} crashes: {crash}, restarting"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_are_crashes() {
        assert!(is_crash(ExitStatus::from_raw(SIGSEGV)));
        assert!(is_crash(ExitStatus::from_raw(SIGABRT | 0x80)));
        assert!(!is_crash(ExitStatus::from_raw(9)));
        assert!(!is_crash(ExitStatus::from_raw(15)));
        assert!(!is_crash(ExitStatus::from_raw(1 << 8)));
    }
}
