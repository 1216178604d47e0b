//! The pidfile: the process id on a line, in a file that its process keeps locked. `ovs-appctl` and `ovn-ctl` find the
//! daemon by it, and by the lock (fcntl(2), "Advisory record locking") whether it lives.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::DaemonError;
use crate::process::vlog::modules::DAEMON_UNIX;

/// A pidfile of this process. Dropping it removes the file, unless another process has put its own there.
#[derive(Debug)]
pub(super) struct Pidfile {
    path: PathBuf,
    /// Holds the lock: closing any handle of a file lets go of all locks of the process on it, so there is but this one.
    file: File,
}

impl Pidfile {
    /// Writes the pidfile at `path`. With `overwrite`, the file of a living process is replaced.
    ///
    /// It is written and locked under another name first, so that nobody sees it unlocked or empty; that name, common to
    /// all, also keeps two processes from starting at once.
    pub fn create(path: &Path, overwrite: bool) -> Result<Pidfile, DaemonError> {
        let pid = std::process::id();
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(if overwrite { format!(".tmp{pid}") } else { ".tmp".to_owned() });
        let temporary = PathBuf::from(temporary);
        let step = |step| {
            let temporary = temporary.clone();
            move |error| DaemonError::Pidfile(temporary, step, error)
        };
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&temporary);
        let mut file = opened.map_err(step("create"))?;
        lock(&file).map_err(step("fcntl(F_SETLK)"))?;
        let written = if overwrite { Ok(()) } else { check_free(path) }
            .and_then(|()| file.set_len(0).map_err(step("truncate")))
            .and_then(|()| file.write_all(format!("{pid}\n").as_bytes()).map_err(step("write")))
            .and_then(|()| fs::rename(&temporary, path).map_err(step("rename")));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        // The daemon changes its directory before it removes the file.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        Ok(Pidfile { path, file })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock(file: &File) -> io::Result<()> {
    Ok(fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)?)
}

/// Whether `path` names the open `file`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Makes sure that no living process holds the pidfile at `path`; removes one left by a dead process.
fn check_free(path: &Path) -> Result<(), DaemonError> {
    match holder(path) {
        Ok(None) => Ok(()),
        Ok(Some(pid)) => Err(DaemonError::AlreadyRunning(path.to_path_buf(), pid)),
        Err(error) => Err(DaemonError::PidfileCheck(path.to_path_buf(), error)),
    }
}

fn holder(path: &Path) -> io::Result<Option<i32>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let Some(held) = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))? else {
        // Left behind. Only the process that locks it may remove it, and only if it is still the one that the name leads
        // to: otherwise another process may just have put a good one there.
        lock(&file)?;
        if !is_at(&file, path) {
            return Err(rustix::io::Errno::ALREADY.into());
        }
        fs::remove_file(path)?;
        DAEMON_UNIX.dbg(format_args!("{}: deleted stale pidfile", path.display()));
        return Ok(None);
    };
    let held = held.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let written = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
    if written == Some(held) {
        return Ok(Some(held));
    }
    DAEMON_UNIX.warn(format_args!("{}: locked by pid {held}, which did not write it", path.display()));
    Err(rustix::io::Errno::SRCH.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Locks of the same process do not exclude each other: that another process is refused is tested with processes.
    #[test]
    fn written_and_removed() {
        let directory = std::env::temp_dir().join(format!("northflow-pidfile-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("x.pid");
        fs::write(&path, "1\n").unwrap();
        let pidfile = Pidfile::create(&path, false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(pidfile);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);

        let pidfile = Pidfile::create(&path, true).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "2\n").unwrap();
        drop(pidfile);
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n", "a file of another process stays");

        let error = Pidfile::create(&directory.join("none/x.pid"), false).unwrap_err().to_string();
        assert!(error.ends_with("none/x.pid.tmp: create failed (No such file or directory)"), "{error}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
