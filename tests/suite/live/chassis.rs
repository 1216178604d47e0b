//! Two chassis below our daemon: ovn-controller and Open vSwitch with its dummy datapath.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Process, Reference};

use super::world::{self, Daemon, until};

/// A chassis with a database, a switch and a controller of its own.
struct Chassis {
    reference: &'static Reference,
    folder: PathBuf,
    processes: Vec<Process>,
}

impl Chassis {
    fn start(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
        ip: &str,
    ) -> Result<Chassis, String> {
        let folder = databases.folder().join(name);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut chassis = Chassis { reference, folder, processes: Vec::new() };
        let schema = reference.schema("vswitch.ovsschema").ok_or("no vswitch.ovsschema")?;
        let conf = chassis.path("conf.db");
        reference.output("ovsdb-tool", &["create", &conf, &schema.to_string_lossy()])?;
        let socket = chassis.path("db.sock");
        chassis.run(
            "ovsdb-server",
            &[&format!("--remote=punix:{socket}"), &format!("--unixctl={}", chassis.path("db.ctl")), &conf],
        )?;
        until("the chassis has a database", || Ok(Path::new(&socket).exists()))?;
        chassis.vsctl(&["--no-wait", "init"])?;
        let remote = format!("external_ids:ovn-remote={}", databases.remote("sb"));
        let (id, encap) =
            (format!("external_ids:system-id={name}"), format!("external_ids:ovn-encap-ip={ip}"));
        chassis.vsctl(&[
            "--no-wait",
            "set",
            "Open_vSwitch",
            ".",
            &id,
            &remote,
            &encap,
            "external_ids:ovn-encap-type=geneve",
        ])?;
        let db = format!("unix:{socket}");
        chassis.run(
            "ovs-vswitchd",
            &[
                "--enable-dummy=override",
                "--disable-system",
                "-vconsole:off",
                &format!("--unixctl={}", chassis.path("vswitchd.ctl")),
                &db,
            ],
        )?;
        chassis.vsctl(&[
            "--timeout=20",
            "add-br",
            "br-int",
            "--",
            "set",
            "Bridge",
            "br-int",
            "datapath_type=dummy",
            "fail-mode=secure",
        ])?;
        chassis.run(
            "ovn-controller",
            &[
                "-vconsole:off",
                &format!("--unixctl={}", chassis.path("controller.ctl")),
                &format!("--log-file={}", chassis.path("controller.log")),
                &db,
            ],
        )?;
        Ok(chassis)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.reference.command(program);
        command.env("OVS_RUNDIR", &self.folder).env("OVN_RUNDIR", &self.folder);
        command.env(
            "OVS_PKGDATADIR",
            self.reference
                .schema("vswitch.ovsschema")
                .and_then(|path| path.parent().map(Path::to_owned))
                .unwrap_or_default(),
        );
        command
    }

    fn run(&mut self, program: &str, args: &[&str]) -> Result<(), String> {
        let process =
            Process::spawn(self.command(program).args(args), &self.folder.join(format!("{program}.err")))?;
        self.processes.push(process);
        Ok(())
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let output =
            self.command(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    fn vsctl(&self, args: &[&str]) -> Result<String, String> {
        let db = format!("--db=unix:{}", self.path("db.sock"));
        self.output("ovs-vsctl", &[&[&*db], args].concat())
    }

    /// How many flows the controller has put into its switch.
    fn flows(&self) -> Result<usize, String> {
        let text = self.output(
            "ovs-ofctl",
            &["-O", "OpenFlow15", "dump-flows", &format!("unix:{}", self.path("br-int.mgmt"))],
        )?;
        Ok(text.lines().filter(|line| line.contains("table=")).count())
    }
}

impl Drop for Chassis {
    fn drop(&mut self) {
        // The controller first: it would only mourn its switch.
        while let Some(process) = self.processes.pop() {
            drop(process);
        }
    }
}

/// Ports on two chassis come up, with ours in the reference's place.
pub fn chassis(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.nbctl(&[
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
    ])?;
    let mut hosts = Vec::new();
    for at in [1, 2] {
        let host = Chassis::start(reference, &databases, &format!("c{at}"), &format!("127.0.0.{at}"))?;
        let (port, id) = (format!("v{at}"), format!("external_ids:iface-id=p{at}"));
        host.vsctl(&[
            "--timeout=20",
            "add-port",
            "br-int",
            &port,
            "--",
            "set",
            "Interface",
            &port,
            "type=dummy",
            &id,
        ])?;
        hosts.push(host);
    }
    for port in ["p1", "p2"] {
        databases.nbctl(&["wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--wait=hv", "sync"])?;
    let cfg = databases.nbctl(&["--bare", "--columns=nb_cfg,hv_cfg", "list", "NB_Global"])?;
    let numbers: Vec<&str> = cfg.split_whitespace().collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "nb_cfg and hv_cfg: {cfg}");
    for (at, host) in hosts.iter().enumerate() {
        let flows = host.flows()?;
        assert!(flows > 50, "chassis {} has {flows} flows", at + 1);
        let peer = host.vsctl(&["--columns=type", "--bare", "find", "Interface", "type=geneve"])?;
        assert!(peer.contains("geneve"), "no tunnel to the other chassis");
    }
    databases.nbctl(&["lsp-del", "p1"])?;
    databases.nbctl(&["--wait=hv", "sync"])?;
    let bound = databases.sbctl(&["--bare", "--columns=logical_port", "list", "Port_Binding"])?;
    assert_eq!(bound.trim(), "p2");
    Ok(())
}
