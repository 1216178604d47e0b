//! The reference: OVN 26.03 and the Open vSwitch that goes with it.
//!
//! Looked for in this order: an unpacked folder named by `NORTHFLOW_REFERENCE`, a 26.03
//! `ovn-northd` on `PATH`, then Debian's packages, fetched once into `target/reference` and run
//! through the dynamic loader they come with, so that nothing is installed. Another version is
//! reported and never compared with.

use std::fmt;
use std::fs;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The series that judges.
pub const SERIES: &str = "26.03";

const PACKAGES: &[&str] = &[
    "ovn-central",
    "ovn-host",
    "ovn-common",
    "openvswitch-switch",
    "openvswitch-common",
    "libc6",
    "libssl3t64",
    "libunbound8",
    "libcap-ng0",
    "libbpf1",
    "libxdp1",
    "libnuma1",
    "libudev1",
    "libevent-2.1-7t64",
    "libnghttp2-14",
    "libelf1t64",
    "zlib1g",
    "libzstd1",
    "libexpat1",
    "libcap2",
    "libprotobuf-c1",
    "libhiredis1.1.0",
];

/// Why there is no reference.
#[derive(Clone, Debug)]
pub struct Missing {
    /// In words, with what was tried.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no OVN {SERIES} reference: {}", self.reason)
    }
}

impl std::error::Error for Missing {}

fn missing(reason: impl Into<String>) -> Missing {
    Missing { reason: reason.into() }
}

/// Whether a run without the reference must fail: `NORTHFLOW_REQUIRE_REFERENCE=1`, as CI sets.
pub fn required() -> bool {
    std::env::var_os("NORTHFLOW_REQUIRE_REFERENCE").is_some_and(|v| v == "1")
}

/// Programs and schemas of one OVN installation.
#[derive(Debug)]
pub struct Reference {
    /// The unpacked packages; `None` where the programs are the machine's own.
    root: Option<PathBuf>,
    version: String,
}

impl Reference {
    /// The reference, searched for (and fetched) once per process.
    ///
    /// # Errors
    /// [`Missing`] when none can be had or the one found is of another series.
    pub fn get() -> Result<&'static Reference, Missing> {
        static FOUND: OnceLock<Result<Reference, Missing>> = OnceLock::new();
        FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
    }

    /// The version of `ovn-northd`, such as `26.03.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A command that runs `program` of the reference.
    pub fn command(&self, program: &str) -> Command {
        match &self.root {
            None => Command::new(program),
            Some(root) => loaded(root, program).unwrap_or_else(|| Command::new(program)),
        }
    }

    /// The schema file `name`, such as `ovn-nb.ovsschema`, `None` if it is nowhere.
    pub fn schema(&self, name: &str) -> Option<PathBuf> {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        ["usr/share/ovn", "usr/share/openvswitch", "usr/local/share/ovn", "usr/local/share/openvswitch"]
            .iter()
            .map(|folder| root.join(folder).join(name))
            .find(|path| path.is_file())
    }

    /// Runs `program` to its end and gives its standard output.
    ///
    /// # Errors
    /// The command and its standard error, when it cannot start or does not succeed.
    pub fn output(&self, program: &str, args: &[&str]) -> Result<String, String> {
        run(self.command(program).args(args)).map_err(|e| format!("{program} {args:?}: {e}"))
    }

    /// Starts empty northbound and southbound databases in a folder of their own.
    ///
    /// # Errors
    /// What could not be made or started.
    pub fn databases(&'static self) -> Result<Databases, String> {
        Databases::start(self)
    }
}

fn find() -> Result<Reference, Missing> {
    if let Some(root) = std::env::var_os("NORTHFLOW_REFERENCE") {
        return checked(Some(PathBuf::from(root)));
    }
    let own = checked(None);
    if own.is_ok() {
        return own;
    }
    let fetched = fetch().and_then(|root| checked(Some(root)));
    match (fetched, own) {
        (Err(fetched), Err(own)) => Err(missing(format!("{}; {}", own.reason, fetched.reason))),
        (fetched, _) => fetched,
    }
}

fn checked(root: Option<PathBuf>) -> Result<Reference, Missing> {
    let mut reference = Reference { root, version: String::new() };
    let text = reference.output("ovn-northd", &["--version"]).map_err(missing)?;
    let version = text.lines().next().and_then(|line| line.split_whitespace().nth(1));
    let version = version.ok_or_else(|| missing("ovn-northd --version says nothing"))?;
    if version != SERIES && !version.starts_with(&format!("{SERIES}.")) {
        return Err(missing(format!("found OVN {version}, which is not compared with")));
    }
    reference.version = version.to_owned();
    Ok(reference)
}

/// `program` below `root`, started by the loader and libraries below `root`.
fn loaded(root: &Path, program: &str) -> Option<Command> {
    let file = ["usr/bin", "usr/sbin", "usr/lib/openvswitch-switch"]
        .iter()
        .map(|folder| root.join(folder).join(program))
        .find(|path| path.is_file())?;
    let libraries = entries(&root.join("usr/lib"))
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with("-linux-gnu"))?;
    let loader = entries(&libraries)
        .into_iter()
        .find(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("ld-linux")))?;
    let mut command = Command::new(loader);
    command
        .arg("--library-path")
        .arg(format!("{0}:{0}/openvswitch", libraries.display()))
        .args(["--argv0", program])
        .arg(file);
    Some(command)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn run(command: &mut Command) -> Result<String, String> {
    let out = command.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        Err(format!("{}: {}", out.status, String::from_utf8_lossy(&out.stderr).trim()))
    }
}

/// Fetches and unpacks Debian's packages, unless done before.
fn fetch() -> Result<PathBuf, Missing> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let home = target.join("reference");
    let root = home.join("root");
    if root.is_dir() {
        return Ok(root);
    }
    let io = |e: std::io::Error| missing(format!("{}: {e}", home.display()));
    for folder in ["lists/partial", "cache/archives/partial", "debs"] {
        fs::create_dir_all(home.join(folder)).map_err(io)?;
    }
    let home = home.canonicalize().map_err(io)?;
    let mirror = mirror().ok_or_else(|| missing("no Debian mirror is configured in /etc/apt"))?;
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(home.join("sources.list"), format!("deb [signed-by={keyring}] {mirror} sid main\n"))
        .map_err(io)?;
    fs::write(home.join("status"), "").map_err(io)?;
    let apt = || {
        let mut apt = Command::new("apt-get");
        let at = home.display();
        for option in [
            format!("Dir::Etc::sourcelist={at}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={at}/lists"),
            format!("Dir::State::status={at}/status"),
            format!("Dir::Cache={at}/cache"),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        apt.current_dir(home.join("debs"));
        apt
    };
    run(apt().arg("update")).map_err(|e| missing(format!("apt-get update: {e}")))?;
    run(apt().arg("download").args(PACKAGES)).map_err(|e| missing(format!("apt-get download: {e}")))?;
    // Unpacked beside and renamed, so that a folder named root is always whole.
    let part = home.join(format!("root.{}", std::process::id()));
    for package in entries(&home.join("debs")) {
        run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&part))
            .map_err(|e| missing(format!("{}: {e}", package.display())))?;
    }
    let root = home.join("root");
    if fs::rename(&part, &root).is_err() && !root.is_dir() {
        return Err(missing(format!("{} cannot be renamed", part.display())));
    }
    Ok(root)
}

/// The Debian mirror this machine is set up with, in either form of apt's sources.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    files.extend(entries(Path::new("/etc/apt/sources.list.d")));
    let texts: Vec<String> = files.iter().filter_map(|f| fs::read_to_string(f).ok()).collect();
    texts.iter().find_map(|text| mirror_in(text))
}

fn mirror_in(text: &str) -> Option<String> {
    text.lines()
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// A process in a group of its own, killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts `command`, its output going to `log`.
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Process, String> {
        let file = fs::File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|e| format!("{command:?}: {e}"))?;
        Ok(Process(child))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Northbound and southbound databases, each behind a server and a unix socket of its own, gone
/// when dropped.
#[derive(Debug)]
pub struct Databases {
    reference: &'static Reference,
    folder: PathBuf,
    servers: [Option<Process>; 2],
}

/// The databases, in the order of their servers.
const NAMES: [&str; 2] = ["nb", "sb"];

impl Databases {
    fn start(reference: &'static Reference) -> Result<Databases, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("northflow-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut databases = Databases { reference, folder, servers: [None, None] };
        for name in NAMES {
            let schema = format!("ovn-{name}.ovsschema");
            let schema = reference.schema(&schema).ok_or_else(|| format!("no {schema}"))?;
            let file = databases.path(&format!("{name}.db"));
            reference.output("ovsdb-tool", &["create", &file, &schema.to_string_lossy()])?;
        }
        for name in NAMES {
            databases.serve(name)?;
        }
        Ok(databases)
    }

    /// Starts the server of database `name`, after [`Databases::kill`].
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn serve(&mut self, name: &str) -> Result<(), String> {
        let mut server = self.reference.command("ovsdb-server");
        server
            .arg("--no-chdir")
            .arg(format!("--unixctl={}", self.path(&format!("{name}.ctl"))))
            .arg(format!("--remote=p{}", self.remote(name)))
            .arg(self.path(&format!("{name}.db")));
        let log = self.folder.join(format!("{name}-server.log"));
        let process = Process::spawn(&mut server, &log)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.folder.join(format!("{name}.sock"))).is_err() {
            if Instant::now() > deadline {
                return Err("ovsdb-server did not open its socket within 10 s".to_owned());
            }
            sleep(Duration::from_millis(5));
        }
        *self.server(name) = Some(process);
        Ok(())
    }

    /// Ends the server of database `name` without notice.
    pub fn kill(&mut self, name: &str) {
        *self.server(name) = None;
        // A socket without a server would only look like one that is there.
        let _ = fs::remove_file(self.folder.join(format!("{name}.sock")));
    }

    fn server(&mut self, name: &str) -> &mut Option<Process> {
        &mut self.servers[usize::from(name != NAMES[0])]
    }

    /// The file `name` in the folder of the databases.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Where sockets, logs and database files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The remote of database `name`, `nb` or `sb`.
    pub fn remote(&self, name: &str) -> String {
        format!("unix:{}", self.path(&format!("{name}.sock")))
    }

    /// Starts the reference's `ovn-northd` on these databases.
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn northd(&self) -> Result<Process, String> {
        let mut northd = self.reference.command("ovn-northd");
        northd
            .arg(format!("--ovnnb-db={}", self.remote("nb")))
            .arg(format!("--ovnsb-db={}", self.remote("sb")))
            .arg(format!("--unixctl={}", self.path("northd.ctl")));
        Process::spawn(&mut northd, &self.folder.join("northd.log"))
    }

    /// Runs `ovn-nbctl` with `args`.
    ///
    /// # Errors
    /// The command and what it said.
    pub fn nbctl(&self, args: &[&str]) -> Result<String, String> {
        let db = format!("--db={}", self.remote("nb"));
        self.reference.output("ovn-nbctl", &[&["--timeout=30", &db], args].concat())
    }

    /// Runs `ovn-sbctl` with `args`.
    ///
    /// # Errors
    /// The command and what it said.
    pub fn sbctl(&self, args: &[&str]) -> Result<String, String> {
        let db = format!("--db={}", self.remote("sb"));
        self.reference.output("ovn-sbctl", &[&["--timeout=30", &db], args].concat())
    }

    /// Waits until the southbound database holds all that the northbound one asks for.
    ///
    /// # Errors
    /// What `ovn-nbctl --wait=sb sync` said, within 30 s.
    pub fn sync(&self) -> Result<(), String> {
        self.nbctl(&["--wait=sb", "sync"]).map(drop)
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        self.servers = [None, None];
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn mirror_is_read_from_both_forms_of_sources() {
        let old = "# deb http://no.invalid/debian x\ndeb [a=b] http://a.invalid/debian sid main\n";
        let new = "Types: deb\nURIs: http://s.invalid/debian-security\nURIs: http://b.invalid/debian/\n";
        assert_eq!(mirror_in(old).as_deref(), Some("http://a.invalid/debian"));
        assert_eq!(mirror_in(new).as_deref(), Some("http://b.invalid/debian/"));
        assert_eq!(mirror_in("deb http://x.invalid/ubuntu y main"), None);
    }
}
