//! Where OVN keeps its files: ovn-ctl(8), "Environment"; each place has a variable and a default.

use std::path::{Path, PathBuf};

/// The directories and database addresses that a daemon uses when its command line names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Pidfiles and sockets: `OVN_RUNDIR`, else `/var/run/ovn`.
    pub run: PathBuf,
    /// Log files: `OVS_LOGDIR`, which is what ovn-northd goes by, else `OVN_LOGDIR`, else `/var/log/ovn`.
    pub log: PathBuf,
    /// Database files: `OVN_DBDIR`, else `ovn` under `OVN_SYSCONFDIR` when that is set, else `/var/lib/ovn`.
    pub db: PathBuf,
    /// Schemas and scripts: `OVN_PKGDATADIR`, else `/usr/share/ovn`.
    pub pkgdata: PathBuf,
    /// The northbound database: `OVN_NB_DB`, else the socket `ovnnb_db.sock` in `run`.
    pub nb_db: String,
    /// The southbound database: `OVN_SB_DB`, else the socket `ovnsb_db.sock` in `run`.
    pub sb_db: String,
}

impl Dirs {
    /// The directories by the environment of this process.
    pub fn from_env() -> Dirs {
        Dirs::from_vars(|name| std::env::var(name).ok())
    }

    /// The directories by `var`, which gives the value of an environment variable. An empty value counts as unset.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Dirs {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let dir = |name: &str, default: &str| PathBuf::from(set(name).unwrap_or_else(|| default.to_owned()));
        let run = dir("OVN_RUNDIR", "/var/run/ovn");
        let db = match (set("OVN_DBDIR"), set("OVN_SYSCONFDIR")) {
            (Some(db), _) => PathBuf::from(db),
            (None, Some(sysconf)) => Path::new(&sysconf).join("ovn"),
            (None, None) => PathBuf::from("/var/lib/ovn"),
        };
        let socket = |name: &str| format!("unix:{}", run.join(name).display());
        Dirs {
            log: set("OVS_LOGDIR").map_or_else(|| dir("OVN_LOGDIR", "/var/log/ovn"), PathBuf::from),
            db,
            pkgdata: dir("OVN_PKGDATADIR", "/usr/share/ovn"),
            nb_db: set("OVN_NB_DB").unwrap_or_else(|| socket("ovnnb_db.sock")),
            sb_db: set("OVN_SB_DB").unwrap_or_else(|| socket("ovnsb_db.sock")),
            run,
        }
    }

    /// The pidfile of `program`: `name` taken relative to the run directory, or `PROGRAM.pid` there.
    pub fn pidfile(&self, program: &str, name: Option<&Path>) -> PathBuf {
        name.map_or_else(|| self.run.join(format!("{program}.pid")), |name| self.run.join(name))
    }

    /// The log file of `program`: `name` as it stands, or `PROGRAM.log` in the log directory.
    pub fn log_file(&self, program: &str, name: Option<&Path>) -> PathBuf {
        name.map_or_else(|| self.log.join(format!("{program}.log")), Path::to_path_buf)
    }

    /// The control socket of `program` running as `pid`: `name` relative to the run directory, or `PROGRAM.PID.ctl`
    /// there; `None` when `name` is `none`, which asks for no control socket.
    pub fn control_socket(&self, program: &str, pid: u32, name: Option<&str>) -> Option<PathBuf> {
        match name {
            Some("none") => None,
            Some(name) => Some(self.run.join(name)),
            None => Some(self.run.join(format!("{program}.{pid}.ctl"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(vars: &[(&str, &str)]) -> Dirs {
        Dirs::from_vars(|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults_and_variables() {
        let plain = dirs(&[("OVN_RUNDIR", "")]);
        assert_eq!(plain.run, Path::new("/var/run/ovn"));
        assert_eq!(plain.nb_db, "unix:/var/run/ovn/ovnnb_db.sock");
        assert_eq!(plain.db, Path::new("/var/lib/ovn"));
        let set =
            dirs(&[("OVN_RUNDIR", "/r"), ("OVN_SB_DB", "tcp:127.0.0.1:6642"), ("OVN_SYSCONFDIR", "/e")]);
        assert_eq!(set.nb_db, "unix:/r/ovnnb_db.sock");
        assert_eq!(set.sb_db, "tcp:127.0.0.1:6642");
        assert_eq!(set.db, Path::new("/e/ovn"));
    }

    #[test]
    fn file_names() {
        let dirs = dirs(&[("OVN_RUNDIR", "/r"), ("OVN_LOGDIR", "/l")]);
        assert_eq!(dirs.pidfile("ovn-northd", None), Path::new("/r/ovn-northd.pid"));
        assert_eq!(dirs.pidfile("ovn-northd", Some(Path::new("x.pid"))), Path::new("/r/x.pid"));
        assert_eq!(dirs.pidfile("ovn-northd", Some(Path::new("/y"))), Path::new("/y"));
        assert_eq!(dirs.log_file("ovn-northd", None), Path::new("/l/ovn-northd.log"));
        assert_eq!(dirs.log_file("ovn-northd", Some(Path::new("x"))), Path::new("x"));
        assert_eq!(dirs.control_socket("ovn-northd", 7, None), Some(PathBuf::from("/r/ovn-northd.7.ctl")));
        assert_eq!(dirs.control_socket("ovn-northd", 7, Some("a.ctl")), Some(PathBuf::from("/r/a.ctl")));
        assert_eq!(dirs.control_socket("ovn-northd", 7, Some("none")), None);
    }
}
