//! Databases with a daemon on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use northflow_rules::schema::Database;
use northflow_tests::dump::{self, Dump};
use northflow_tests::normalize::{self, Normal};
use northflow_tests::reference::{Databases, Process, Reference};

/// A switch with two ports.
pub const NETWORK: &[&str] = &[
    "ls-add",
    "s",
    "--",
    "lsp-add",
    "s",
    "p1",
    "--",
    "lsp-add",
    "s",
    "p2",
    "--",
    "lsp-set-addresses",
    "p1",
    "00:00:00:00:00:01 10.0.0.1",
    "--",
    "lsp-set-addresses",
    "p2",
    "00:00:00:00:00:02 10.0.0.2",
];

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test, built before the first use.
pub fn binary() -> Result<&'static Path, String> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BINARY.get_or_init(build).as_deref().map_err(Clone::clone)
}

/// Cargo builds no programs of other packages for a test; it does nothing if all is up to date.
fn build() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = test.ancestors().nth(2).ok_or("the test lies in no target folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "northflow-connectors"]);
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    // Some build scripts run again, and all behind them, when the package changes that cargo runs for.
    let of_this_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_this_package)) {
        cargo.env_remove(name);
    }
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().map_err(|error| format!("{cargo:?}: {error}"))?;
    let binary = folder.join("northflow");
    if !output.status.success() || !binary.is_file() {
        return Err(format!("{cargo:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(binary)
}

/// A daemon on databases, the reference or ours.
pub struct Daemon {
    pub process: Process,
    reference: &'static Reference,
    control: String,
    log: String,
}

impl Daemon {
    /// Starts ours, called `name`, with more arguments.
    pub fn ours(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
        args: &[&str],
    ) -> Result<Daemon, String> {
        let mut command = Command::new(binary()?);
        command.arg("northd");
        Daemon::start(reference, databases, name, command.args(args))
    }

    /// Starts the reference, called `name`.
    pub fn theirs(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
    ) -> Result<Daemon, String> {
        Daemon::start(reference, databases, name, &mut reference.command("ovn-northd"))
    }

    fn start(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
        command: &mut Command,
    ) -> Result<Daemon, String> {
        let (control, log) = (databases.path(&format!("{name}.ctl")), databases.path(&format!("{name}.log")));
        command
            .arg(format!("--ovnnb-db={}", databases.remote("nb")))
            .arg(format!("--ovnsb-db={}", databases.remote("sb")))
            .arg(format!("--unixctl={control}"))
            .arg(format!("--log-file={log}"))
            .arg("-vconsole:off");
        let console = databases.folder().join(format!("{name}.err"));
        let process = Process::spawn(command, &console)?;
        let daemon = Daemon { process, reference, control, log };
        until(&format!("{name} has a control socket"), || Ok(daemon.appctl(&["version"]).is_ok()))?;
        Ok(daemon)
    }

    /// Asks the daemon.
    pub fn appctl(&self, args: &[&str]) -> Result<String, String> {
        self.reference.output("ovn-appctl", &[&["-T", "10", "-t", &self.control], args].concat())
    }

    /// Waits until `status` is `active` or whatever it is to be.
    pub fn becomes(&self, status: &str) -> Result<(), String> {
        let wanted = format!("Status: {status}\n");
        until(&format!("{} is {status}", self.control), || Ok(self.appctl(&["status"])? == wanted))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Waits until `done`.
pub fn until(what: &str, mut done: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The southbound contents in comparable form, without how far they have followed.
pub fn southbound(reference: &Reference, databases: &Databases) -> Result<Normal, String> {
    let mut dump = raw(reference, databases)?;
    for row in dump.get_mut("SB_Global").into_iter().flat_map(|rows| rows.values_mut()) {
        row.remove("nb_cfg");
    }
    Ok(normalize::southbound(&dump))
}

/// The southbound contents as they are.
pub fn raw(reference: &Reference, databases: &Databases) -> Result<Dump, String> {
    dump::of_server(reference, databases, Database::Southbound)
}

/// The differences of two networks apart from the numbers given out, which must be as good.
pub fn faults(theirs: &Normal, ours: &Normal) -> Vec<String> {
    let mut faults = normalize::difference(&theirs.rows, &ours.rows);
    faults.extend(normalize::compare_keys(&theirs.keys, &ours.keys, None));
    faults
}

/// Copies the northbound database into `to`, whose server is not running.
pub fn copy_northbound(from: &Databases, to: &mut Databases) -> Result<(), String> {
    to.kill("nb");
    fs::copy(from.path("nb.db"), to.path("nb.db")).map_err(|error| error.to_string())?;
    to.serve("nb")
}

/// In what the southbound contents are not as a daemon makes them that starts without any.
pub fn unlike_fresh(reference: &'static Reference, databases: &Databases) -> Result<Vec<String>, String> {
    Ok(faults(&fresh(reference, databases)?, &southbound(reference, databases)?))
}

/// What a daemon that starts with empty southbound contents makes of the northbound ones.
fn fresh(reference: &'static Reference, databases: &Databases) -> Result<Normal, String> {
    let mut other = reference.databases()?;
    copy_northbound(databases, &mut other)?;
    let daemon = Daemon::ours(reference, &other, "fresh", &[])?;
    other.sync()?;
    drop(daemon);
    southbound(reference, &other)
}

/// Switches with ports of all simple kinds, groups and address sets: `nbctl` arguments that make them.
pub fn network(switches: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |text: String| {
        words.push("--".to_owned());
        words.extend(text.split_whitespace().map(str::to_owned));
    };
    for s in 0..switches {
        add(format!("ls-add s{s}"));
        for p in 0..3 {
            add(format!("lsp-add s{s} s{s}p{p}"));
            add(format!("lsp-set-addresses s{s}p{p} 00:00:00:00:{s:02x}:{p:02x},10.0.{s}.{p}"));
        }
        add(format!("lsp-set-port-security s{s}p0 00:00:00:00:{s:02x}:00"));
        add(format!("lsp-add s{s} s{s}net"));
        add(format!("lsp-set-type s{s}net localnet"));
        add(format!("lsp-set-addresses s{s}net unknown"));
        add(format!("lsp-set-options s{s}net network_name=physnet{s}"));
        add(format!("pg-add g{s} s{s}p0 s{s}p1"));
        add(format!("create Address_Set name=as{s} addresses=10.0.{s}.1"));
        if s % 5 == 0 {
            add(format!("lsp-add s{s} s{s}ext"));
            add(format!("lsp-set-type s{s}ext external"));
            add(format!("--id=@c{s} create HA_Chassis chassis_name=ch{s} priority={s}"));
            add(format!("--id=@h{s} create HA_Chassis_Group name=h{s} ha_chassis=@c{s}"));
            add(format!("set Logical_Switch_Port s{s}ext ha_chassis_group=@h{s}"));
            let options =
                format!("options:server_id=10.0.{s}.9 options:server_mac=junk options:lease_time=60");
            add(format!("--id=@d{s} create DHCP_Options cidr=10.0.{s}.0/24 {options}"));
            add(format!("set Logical_Switch_Port s{s}p1 dhcpv4_options=@d{s}"));
        }
    }
    // One argument with the addresses of a port, as the shell would give it.
    for word in &mut words {
        *word = word.replace(",10.", " 10.");
    }
    words.remove(0);
    words
}

/// Runs `nbctl` with [`network`]'s arguments.
pub fn fill(databases: &Databases, switches: usize) -> Result<(), String> {
    let words = network(switches);
    databases.nbctl(&words.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
}

/// Databases with their global rows, which two programs that find none would both insert.
pub fn databases(reference: &'static Reference) -> Result<Databases, String> {
    let databases = reference.databases()?;
    databases.nbctl(&["init"])?;
    databases.sbctl(&["init"])?;
    Ok(databases)
}
