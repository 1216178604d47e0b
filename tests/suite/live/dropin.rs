//! What whoever runs ovn-northd sees: its command line, files and commands.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Reference};

use super::world::{Daemon, binary, until};

/// A daemon in the background, by the pidfile it wrote; killed when dropped.
struct Detached {
    reference: &'static Reference,
    databases: Databases,
}

impl Detached {
    /// Starts `command`, which returns once the daemon is up.
    fn start(
        reference: &'static Reference,
        databases: Databases,
        mut command: Command,
    ) -> Result<Detached, String> {
        command
            .env("OVN_RUNDIR", databases.folder())
            .arg(format!("--ovnnb-db={}", databases.remote("nb")))
            .arg(format!("--ovnsb-db={}", databases.remote("sb")))
            .args(["--detach", "--pidfile", "--no-chdir", "-vconsole:off"])
            .arg(format!("--log-file={}", databases.path("ovn-northd.log")));
        let daemon = Detached { reference, databases };
        let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
        if !status.success() {
            return Err(format!("{command:?}: {status}"));
        }
        Ok(daemon)
    }

    fn pid(&self) -> Option<i32> {
        fs::read_to_string(self.databases.path("ovn-northd.pid")).ok()?.trim().parse().ok()
    }

    /// Asks it as an operator does, by its name: what it says on success, or on failure.
    fn appctl(&self, args: &[&str]) -> Result<String, String> {
        let mut command = self.reference.command("ovn-appctl");
        command.env("OVN_RUNDIR", self.databases.folder()).args(["-T", "10", "-t", "ovn-northd"]).args(args);
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if let Some(pid) = self.pid().and_then(rustix::process::Pid::from_raw) {
            // It may be gone already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Started under the reference's name, ours answers as it does.
pub fn commands(reference: &'static Reference) -> Result<(), Failed> {
    let theirs = Detached::start(reference, reference.databases()?, reference.command("ovn-northd"))?;
    let databases = reference.databases()?;
    let link = databases.folder().join("ovn-northd");
    symlink(binary()?, &link)?;
    let ours = Detached::start(reference, databases, Command::new(link))?;
    for daemon in [&theirs, &ours] {
        until("active", || Ok(daemon.appctl(&["status"])? == "Status: active\n"))?;
        daemon.databases.nbctl(&["--wait=sb", "ls-add", "a"])?;
    }
    let same: &[&[&str]] = &[
        &["status"],
        &["is-paused"],
        &["nb-connection-status"],
        &["sb-connection-status"],
        &["pause"],
        &["status"],
        &["is-paused"],
        &["pause"],
        &["resume"],
        &["is-paused"],
        &["version"],
        &["parallel-build/get-n-threads"],
        &["parallel-build/set-n-threads", "2"],
        &["parallel-build/get-n-threads"],
        &["parallel-build/set-n-threads", "0"],
        &["parallel-build/set-n-threads"],
        &["sb-cluster-state-reset"],
        &["nb-cluster-state-reset"],
        &["debug/chassis-features-list"],
        &["inc-engine/recompute"],
        &["inc-engine/clear-stats"],
        &["stopwatch/show", "none"],
        &["vlog/set", "nonsense:nonsense"],
        &["no-such-command"],
    ];
    let mut faults = Vec::new();
    for args in same {
        let (theirs, ours) = (theirs.appctl(args), ours.appctl(args));
        // Errors name the socket, whose name has the process id.
        let plain = |answer: &Result<String, String>| match answer {
            Ok(text) => format!("ok {text}"),
            Err(text) => format!("failed {}", text.lines().next().unwrap_or_default()),
        };
        if plain(&theirs) != plain(&ours) {
            faults.push(format!("{args:?}: {theirs:?}, ours {ours:?}"));
        }
    }
    let names = |daemon: &Detached| -> Result<Vec<String>, String> {
        let text = daemon.appctl(&["list-commands"])?;
        Ok(text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
    };
    let ours_listed = names(&ours)?;
    let missing: Vec<String> = names(&theirs)?
        .into_iter()
        // The time of tests of the reference itself.
        .filter(|line| line != "debug/enable-timewarp" && !ours_listed.contains(line))
        .collect();
    if !missing.is_empty() {
        faults.push(format!("commands that ours lacks or has otherwise: {missing:?}"));
    }
    for command in ["memory/show", "coverage/show", "inc-engine/show-stats"] {
        if ours.appctl(&[command]).is_ok_and(|text| text.is_empty()) {
            faults.push(format!("{command} says nothing"));
        }
    }
    let pid = ours.pid().ok_or("no pidfile")?;
    ours.appctl(&["exit"])?;
    until("the daemon ends and takes its pidfile along", || {
        Ok(ours.pid().is_none() && !fs::exists(format!("/proc/{pid}")).unwrap_or(false))
    })?;
    let log = fs::read_to_string(ours.databases.path("ovn-northd.log"))?;
    if !log.contains("ovn-northd lock acquired. This ovn-northd instance is now active.") {
        faults.push("the log does not say that it became active".to_owned());
    }
    northflow_tests::trial::no_faults(faults)
}

/// The columns by which a network says how far it has followed.
fn cfg(databases: &Databases) -> Result<String, String> {
    databases.nbctl(&["--bare", "--columns=nb_cfg,sb_cfg,hv_cfg,hv_cfg_timestamp", "list", "NB_Global"])
}

/// Whether the times are those of now, as far as they are set.
fn stamps(databases: &Databases) -> Result<Vec<bool>, String> {
    let text =
        databases.nbctl(&["--bare", "--columns=nb_cfg_timestamp,sb_cfg_timestamp", "list", "NB_Global"])?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64);
    Ok(text
        .lines()
        .filter_map(|line| line.parse::<i64>().ok())
        .map(|at| (now - 60_000..=now).contains(&at))
        .collect())
}

/// Takes databases through changes of `nb_cfg`, and notes what the daemon on them reports.
fn follow(databases: &Databases) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let mut note = |step: &str| -> Result<(), String> {
        // What follows from the southbound database comes in a loop of its own.
        std::thread::sleep(std::time::Duration::from_millis(300));
        seen.push(format!("{step}: {:?} {:?}", cfg(databases)?, stamps(databases)?));
        Ok(())
    };
    databases.sync()?;
    note("no chassis")?;
    databases.sbctl(&[
        "chassis-add",
        "c1",
        "geneve",
        "127.0.0.1",
        "--",
        "chassis-add",
        "c2",
        "geneve",
        "127.0.0.2",
    ])?;
    for (chassis, nb_cfg, at) in [("c1", 1, 1111), ("c2", 0, 0)] {
        let id = databases.sbctl(&["get", "Chassis", chassis, "_uuid"])?;
        let (id, name) = (format!("chassis={}", id.trim()), format!("name={chassis}"));
        let (nb_cfg, at) = (format!("nb_cfg={nb_cfg}"), format!("nb_cfg_timestamp={at}"));
        databases.sbctl(&["create", "Chassis_Private", &name, &id, &nb_cfg, &at])?;
    }
    databases.sync()?;
    note("two chassis")?;
    for (chassis, nb_cfg, at) in [("c1", 2, 2222), ("c2", 2, 3333), ("c2", 1, 4444)] {
        let (nb_cfg, at) = (format!("nb_cfg={nb_cfg}"), format!("nb_cfg_timestamp={at}"));
        databases.sbctl(&["set", "Chassis_Private", chassis, &nb_cfg, &at])?;
        note(&format!("{chassis} {nb_cfg}"))?;
    }
    databases.sbctl(&["set", "Chassis", "c2", "other_config:is-remote=true"])?;
    note("one is remote")?;
    databases.nbctl(&["set", "NB_Global", ".", "nb_cfg=9223372036854775807"])?;
    databases.sync()?;
    note("after the greatest number")?;
    databases.nbctl(&["set", "NB_Global", ".", "nb_cfg=5"])?;
    note("back to 5")?;
    databases.nbctl(&["set", "NB_Global", ".", "sb_cfg=77", "hv_cfg=77"])?;
    databases.sync()?;
    note("after foreign sb_cfg")?;
    Ok(seen)
}

/// `nb_cfg`, `sb_cfg`, `hv_cfg` and their times move as with the reference.
pub fn progress(reference: &'static Reference) -> Result<(), Failed> {
    let ours_on = reference.databases()?;
    let ours = Daemon::ours(reference, &ours_on, "ours", &[])?;
    let ours_seen = follow(&ours_on)?;
    drop(ours);
    let theirs_on = reference.databases()?;
    let theirs = Daemon::theirs(reference, &theirs_on, "theirs")?;
    let theirs_seen = follow(&theirs_on)?;
    drop(theirs);
    let pairs = theirs_seen.iter().zip(&ours_seen).filter(|(theirs, ours)| theirs != ours);
    northflow_tests::trial::no_faults(
        pairs.map(|(theirs, ours)| format!("{theirs}\n  ours {ours}")).collect(),
    )
}

/// Databases without any row get their global rows.
pub fn empty(reference: &'static Reference) -> Result<(), Failed> {
    let databases = reference.databases()?;
    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    let count = |text: String| text.lines().filter(|line| !line.is_empty()).count();
    // A caption, a heading, a line and one row.
    let one = |which: &str, database: &str, table: &str| -> Result<bool, String> {
        let dump = ["dump", &databases.remote(which), database, table, "_uuid"];
        Ok(count(reference.output("ovsdb-client", &dump)?) == 4)
    };
    until("both global rows are there", || {
        Ok(one("nb", "OVN_Northbound", "NB_Global")? && one("sb", "OVN_Southbound", "SB_Global")?)
    })?;
    ours.becomes("active")?;
    Ok(())
}
