//! One controller in a world of its own: databases, a northd that is not measured, and a switch.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use northflow_tests::reference::{Process, Reference};
use northflow_tests::switch::Switch;
use serde_json::{Value, json};

use crate::Failure;
use crate::lab::{Cost, Databases};
use crate::process::{Memory, cpu_ms, memory, settle};
use crate::replay::{self, Replayed};
use crate::row::{Kind, uuid};
use crate::rpc::Rpc;
use crate::workload::{Operations, Workload, chassis_name};

/// How long a controller must not run to be taken to be done.
const QUIET: Duration = Duration::from_millis(25);

/// The longest that a controller is waited for after it has said that it is done.
const LINGER: Duration = Duration::from_secs(20);

/// The longest that a daemon may take for anything.
const PATIENCE: Duration = Duration::from_secs(240);

/// The node whose chassis is measured.
const NODE: usize = 0;

const BRIDGE: &str = "br-int";

/// Which controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Northflow,
    Reference,
}

/// Everything ends with it.
pub(super) struct Lab {
    // Dropped in this order.
    controller: Option<Process>,
    switch: Switch,
    _northd: Process,
    databases: Databases,
}

impl Lab {
    /// A network that northd has followed, with all ports bound but those of the measured chassis, which are
    /// plugged; `northflow` is the program's path.
    pub fn new(
        reference: &'static Reference,
        northflow: &Path,
        workload: &Workload,
        nodes: usize,
        pods: usize,
    ) -> Result<Lab, Failure> {
        let mut databases = Databases::new(reference, workload, PATIENCE)?;
        let northd = databases.follow(Command::new(northflow).arg("northd"))?;
        databases.await_sb_cfg()?;
        let bound = bindings(&mut databases.southbound, nodes)?;
        databases.southbound.transact(&bound)?;
        let switch = Switch::start(reference, &databases.folder.path("chassis"))?;
        switch.add_bridge(BRIDGE)?;
        let ip = format!("external_ids:ovn-encap-ip=192.168.{}.{}", NODE >> 8 & 255, NODE & 255);
        let remote = format!("external_ids:ovn-remote=unix:{}", databases.folder.path("sb.sock").display());
        let name = format!("external_ids:system-id={}", chassis_name(NODE));
        let kind = "external_ids:ovn-encap-type=geneve";
        switch.vsctl(&["set", "Open_vSwitch", ".", &name, &remote, &ip, kind])?;
        let mut words = vec!["--timeout=120".to_owned()];
        for at in 0..pods {
            let set = format!("-- add-port {BRIDGE} v{at} -- set Interface v{at} type=dummy");
            words.extend(set.split(' ').map(str::to_owned));
            words.push(format!("external_ids:iface-id=pod-{NODE}-{at}"));
        }
        switch.vsctl(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Lab { controller: None, switch, _northd: northd, databases })
    }

    /// Starts a controller and measures until it rests.
    pub fn start(&mut self, side: Side, northflow: &Path) -> Result<(Cost, Memory), Failure> {
        let started = Instant::now();
        let control = format!("--unixctl={}", self.databases.folder.path("controller.ctl").display());
        let database = self.switch.database();
        let quiet = ["-vconsole:err", "-vsyslog:off"];
        self.controller = Some(match side {
            Side::Northflow => {
                let mut command = Command::new(northflow);
                command.arg("controller").args(quiet).arg(control).arg(database);
                self.switch.start_program(&mut command, "controller")?
            }
            Side::Reference => {
                self.switch.spawn("ovn-controller", &[&quiet[..], &[&control, &database]].concat())?
            }
        });
        self.await_nb_cfg()?;
        let wall_ms = started.elapsed().as_secs_f64() * 1e3;
        let cpu_ms = settle(self.pid()?, 8 * QUIET, LINGER);
        let cost = Cost { cpu_ms, wall_ms, ..Cost::default() };
        Ok((cost, memory(self.pid()?)?))
    }

    /// Makes a change and measures until the controller rests.
    pub fn measure(&mut self, change: Operations) -> Result<Cost, Failure> {
        let pid = self.pid()?;
        let before = cpu_ms(pid);
        let started = Instant::now();
        self.databases.make(change)?;
        self.await_nb_cfg()?;
        let wall_ms = started.elapsed().as_secs_f64() * 1e3;
        let cpu_ms = settle(pid, QUIET, LINGER) - before;
        Ok(Cost { cpu_ms, wall_ms, ..Cost::default() })
    }

    /// How many flows the switch holds.
    pub fn flows(&self) -> Result<usize, Failure> {
        Ok(self.switch.flows(BRIDGE)?.lines().filter(|line| line.contains("cookie=")).count())
    }

    fn await_nb_cfg(&mut self) -> Result<(), Failure> {
        let chassis = json!([["name", "==", chassis_name(NODE)]]);
        let wait = self.databases.wait("Chassis_Private", chassis, "nb_cfg");
        let outcome = self.databases.southbound.transact(&[wait]);
        outcome.map(drop).map_err(|error| format!("nb_cfg {}: {error}", self.databases.nb_cfg).into())
    }

    /// Replays the network as it is now, without chassis and with all of them, in one dataflow each time.
    pub fn replay(&self, northflow: &Path) -> Result<[Replayed; 2], Failure> {
        let file = |name: &str| self.databases.folder.path(name);
        let run = |chassis: &[&str]| {
            let mut command = Command::new(northflow);
            command.arg("replay").arg(file("nb.db")).arg("--southbound").arg(file("sb.db"));
            replay::measure(command.args(["--quiet", "--format", "json"]).args(chassis))
        };
        Ok([run(&[])?, run(&["--chassis", "auto"])?])
    }

    fn pid(&self) -> Result<u32, Failure> {
        Ok(self.controller.as_ref().ok_or("no controller was started")?.id())
    }
}

/// The operations by which the other chassis bind their ports.
fn bindings(southbound: &mut Rpc, nodes: usize) -> Result<Vec<Value>, Failure> {
    let rows = southbound.select("Port_Binding", &["_uuid", "logical_port", "type", "options"])?;
    let node = |row: &Value| -> Option<usize> {
        let name = row["logical_port"].as_str()?;
        match row["type"].as_str()? {
            "" => name.strip_prefix("pod-")?.split('-').next()?.parse().ok(),
            "chassisredirect" => name.rsplit('-').next()?.parse().ok(),
            "l3gateway" => {
                let options = row["options"][1].as_array()?;
                let pair = options.iter().find(|pair| pair[0] == "l3gateway-chassis")?;
                pair[1].as_str()?.rsplit('-').next()?.parse().ok()
            }
            _ => None,
        }
    };
    let others = rows.iter().filter_map(|row| Some((row, node(row)?)));
    let others = others.filter(|(_, node)| *node != NODE && *node < nodes);
    let operation = |(row, node): (&Value, usize)| {
        let columns = json!({ "chassis": uuid(Kind::Chassis, node), "up": true });
        json!({ "op": "update", "table": "Port_Binding", "where": [["_uuid", "==", row["_uuid"]]],
            "row": columns })
    };
    Ok(others.map(operation).collect())
}
