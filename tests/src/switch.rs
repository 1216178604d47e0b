//! An Open vSwitch of the reference with its dummy datapath, and its database, in a folder of their
//! own.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::reference::{Process, Reference};

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running switch, ended when dropped; the folder stays.
#[derive(Debug)]
pub struct Switch {
    reference: &'static Reference,
    folder: PathBuf,
    daemon: Option<Process>,
    /// Ended after the daemon.
    _server: Process,
}

impl Switch {
    /// Starts a database and a switch without bridges in `folder`.
    ///
    /// # Errors
    /// What could not be made or started.
    pub fn start(reference: &'static Reference, folder: &Path) -> Result<Switch, String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let schema = reference.schema("vswitch.ovsschema").ok_or("no vswitch.ovsschema")?;
        let path = |name: &str| folder.join(name).display().to_string();
        reference.output("ovsdb-tool", &["create", &path("conf.db"), &schema.to_string_lossy()])?;
        let server = spawn(
            reference,
            folder,
            "ovsdb-server",
            &[
                &format!("--remote=punix:{}", path("db.sock")),
                &format!("--unixctl={}", path("db.ctl")),
                &path("conf.db"),
            ],
        )?;
        listens(&folder.join("db.sock"))?;
        let mut switch = Switch { reference, folder: folder.to_owned(), daemon: None, _server: server };
        switch.vsctl(&["--no-wait", "init"])?;
        switch.resume()?;
        Ok(switch)
    }

    /// Starts `ovs-vswitchd`, after [`Switch::kill`] too.
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn resume(&mut self) -> Result<(), String> {
        let control = self.path("vswitchd.ctl");
        self.daemon = Some(self.spawn(
            "ovs-vswitchd",
            &[
                "--enable-dummy=system",
                "--disable-system",
                "-vconsole:off",
                &format!("--unixctl={control}"),
                &self.database(),
            ],
        )?);
        listens(Path::new(&control))
    }

    /// Ends `ovs-vswitchd` without notice, and with it all flows.
    pub fn kill(&mut self) {
        self.daemon = None;
        let left = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in left.filter(|path| {
            path.file_name().is_some_and(|name| name == "vswitchd.ctl")
                || path.extension().is_some_and(|extension| extension == "mgmt" || extension == "snoop")
        }) {
            // A socket without a switch would only look like one that is there.
            let _ = fs::remove_file(path);
        }
    }

    /// Adds a bridge that forwards nothing by itself, and waits for it.
    ///
    /// # Errors
    /// What `ovs-vsctl` said.
    pub fn add_bridge(&self, name: &str) -> Result<(), String> {
        let settings = ["--", "set", "Bridge", name, "datapath_type=dummy", "fail-mode=secure"];
        self.vsctl(&[&["--timeout=60", "add-br", name], &settings[..]].concat())?;
        listens(&self.management(name))
    }

    /// The socket that takes OpenFlow for the bridge `name`.
    pub fn management(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.mgmt"))
    }

    /// The remote of its database.
    pub fn database(&self) -> String {
        format!("unix:{}", self.path("db.sock"))
    }

    /// The file `name` in the folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Starts a program that belongs to the switch.
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn spawn(&self, program: &str, args: &[&str]) -> Result<Process, String> {
        spawn(self.reference, &self.folder, program, args)
    }

    /// Starts another program, called `name`, that looks for everything in the folder.
    ///
    /// # Errors
    /// Why it cannot start.
    pub fn start_program(&self, command: &mut Command, name: &str) -> Result<Process, String> {
        command.env("OVS_RUNDIR", &self.folder).env("OVN_RUNDIR", &self.folder);
        Process::spawn(command, &self.folder.join(format!("{name}.err")))
    }

    /// Asks `ovs-vswitchd` over its control socket.
    ///
    /// # Errors
    /// The command and what it said.
    pub fn appctl(&self, args: &[&str]) -> Result<String, String> {
        let control = self.path("vswitchd.ctl");
        self.output("ovs-appctl", &[&["-T", "10", "-t", &control], args].concat())
    }

    /// Runs `ovs-vsctl` on the switch's database.
    ///
    /// # Errors
    /// The command and what it said.
    pub fn vsctl(&self, args: &[&str]) -> Result<String, String> {
        self.output("ovs-vsctl", &[&[&*format!("--db={}", self.database())], args].concat())
    }

    /// Runs `ovs-ofctl` with OpenFlow 1.5 on the bridge `name`: a command and what follows the bridge.
    ///
    /// # Errors
    /// The command and what it said.
    pub fn ofctl(&self, command: &[&str], name: &str, args: &[&str]) -> Result<String, String> {
        let bridge = format!("unix:{}", self.management(name).display());
        self.output("ovs-ofctl", &[&["-OOpenFlow15"], command, &[&bridge], args].concat())
    }

    /// The flows of the bridge `name`, one a line.
    ///
    /// # Errors
    /// What `ovs-ofctl` said.
    pub fn flows(&self, name: &str) -> Result<String, String> {
        self.ofctl(&["--no-stats", "dump-flows"], name, &[])
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let output = command(self.reference, &self.folder, program)
            .args(args)
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.daemon = None;
    }
}

/// A program that looks for everything in `folder`.
fn command(reference: &Reference, folder: &Path, program: &str) -> Command {
    let mut command = reference.command(program);
    command.env("OVS_RUNDIR", folder).env("OVN_RUNDIR", folder);
    let schemas = reference.schema("vswitch.ovsschema");
    command.env(
        "OVS_PKGDATADIR",
        schemas.and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default(),
    );
    command
}

fn spawn(reference: &Reference, folder: &Path, program: &str, args: &[&str]) -> Result<Process, String> {
    let log = folder.join(format!("{program}.err"));
    Process::spawn(command(reference, folder, program).args(args), &log)
}

fn listens(socket: &Path) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while UnixStream::connect(socket).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nothing listens at {} within {PATIENCE:?}", socket.display()));
        }
        sleep(Duration::from_millis(5));
    }
    Ok(())
}
