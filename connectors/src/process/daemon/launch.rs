//! Starting this program anew in its next stage, and the word that it is ready.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::user::Identity;
use crate::process::signals;

/// The environment variable that tells a new process its stage.
const STAGE: &str = "NORTHFLOW_DAEMON_STAGE";

/// How far this process is on its way to be the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Started by the user.
    First,
    /// Running as another user, otherwise as the first; nobody waits.
    Switched,
    /// In the background; the first process waits.
    Detached,
    /// Under a monitor, which waits.
    Monitored,
    /// Nobody waits any more.
    Ready,
}

impl Stage {
    pub fn current() -> Stage {
        match env::var(STAGE).as_deref() {
            Ok("switched") => Stage::Switched,
            Ok("detached") => Stage::Detached,
            Ok("monitored") => Stage::Monitored,
            _ => Stage::First,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Stage::First | Stage::Ready => "",
            Stage::Switched => "switched",
            Stage::Detached => "detached",
            Stage::Monitored => "monitored",
        }
    }
}

/// Why a new process is not ready.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be started.
    Spawn(io::Error),
    /// It ended with this code, other than 0, and has said why.
    Exited(u8),
    /// It ended otherwise, and how.
    Died(String),
}

/// This program with its own arguments, to run as `stage`.
fn command(stage: Stage, identity: Option<&Identity>) -> Command {
    // The link is resolved in the new process, and leads to this very program even when its file was replaced.
    let mut command = Command::new("/proc/self/exe");
    let mut args = env::args_os();
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    command.args(args).env(STAGE, stage.name());
    if let Some(identity) = identity {
        // Supplementary groups of root are dropped with it.
        command.gid(identity.gid).uid(identity.uid);
    }
    command
}

/// Starts this program as `stage` and waits until it is ready.
pub(super) fn spawn(stage: Stage, identity: Option<&Identity>) -> Result<Child, Failure> {
    let (reader, writer) = io::pipe().map_err(Failure::Spawn)?;
    // The command keeps the writing end: it must go before the pipe can come to its end.
    let mut child = command(stage, identity).stdin(Stdio::from(writer)).spawn().map_err(Failure::Spawn)?;
    let mut reader = reader;
    let mut word = [0];
    if reader.read_exact(&mut word).is_ok() {
        return Ok(child);
    }
    let status = child.wait().map_err(Failure::Spawn)?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) if code != 0 => Err(Failure::Exited(code)),
        _ => Err(Failure::Died(describe(status))),
    }
}

/// Becomes this program run as another user. Comes back only with an error.
pub(super) fn become_user(identity: &Identity) -> io::Error {
    command(Stage::Switched, Some(identity)).exec()
}

/// Tells the process that waits for this one, if any, that it need not any more.
pub(super) fn notify(stage: &mut Stage) -> io::Result<()> {
    if matches!(stage, Stage::Detached | Stage::Monitored) {
        rustix::io::write(io::stdin(), &[0])?;
        // The pipe has done its work; reading from it would make no sense.
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    }
    *stage = Stage::Ready;
    Ok(())
}

/// How a process ended, in the words of Open vSwitch.
pub(super) fn describe(status: ExitStatus) -> String {
    let core = if status.core_dumped() { ", core dumped" } else { "" };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed ({}){core}", signals::name(signal)),
        (None, None) => "in an unknown way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_described() {
        assert_eq!(describe(ExitStatus::from_raw(3 << 8)), "exit status 3");
        assert_eq!(describe(ExitStatus::from_raw(11)), "killed (Segmentation fault)");
        assert_eq!(describe(ExitStatus::from_raw(6 | 0x80)), "killed (Aborted), core dumped");
    }
}
