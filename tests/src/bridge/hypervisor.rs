//! A chassis of the reference: a switch with its dummy datapath, and a controller.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::facts::Facts;
use super::flow::{self, Flow, Names};
use super::recording::Bridge;
use crate::dump;
use crate::reference::{Process, Reference};
use crate::switch::Switch;

/// The integration bridge.
pub const BRIDGE: &str = "br-int";
/// How long a controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running chassis.
#[derive(Debug)]
pub struct Hypervisor {
    name: String,
    reference: &'static Reference,
    /// Ended first: it would only mourn its switch.
    _controller: Process,
    switch: Switch,
}

impl Hypervisor {
    /// Starts the chassis `name` in `folder`, with these settings beside the necessary ones.
    ///
    /// # Errors
    /// What could not be started.
    pub fn start(
        reference: &'static Reference,
        folder: &Path,
        southbound: &str,
        name: &str,
        settings: &[&str],
    ) -> Result<Hypervisor, String> {
        let switch = Switch::start(reference, &folder.join(name))?;
        // hv1 is at 192.168.0.1, and so on.
        let at = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut all = vec![
            format!("system-id={name}"),
            format!("hostname={name}"),
            format!("ovn-remote={southbound}"),
            "ovn-encap-type=geneve".to_owned(),
            format!("ovn-encap-ip=192.168.0.{at}"),
        ];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        for setting in all {
            let (key, value) = setting.split_once('=').ok_or_else(|| format!("no value: {setting}"))?;
            switch.vsctl(&[
                "--no-wait",
                "set",
                "Open_vSwitch",
                ".",
                &format!("external_ids:{key}=\"{value}\""),
            ])?;
        }
        switch.add_bridge(BRIDGE)?;
        let controller = switch.spawn(
            "ovn-controller",
            &[
                "-vconsole:off",
                &format!("--unixctl={}", switch.path("controller.ctl")),
                &format!("--log-file={}", switch.path("controller.log")),
                &switch.database(),
            ],
        )?;
        let hypervisor = Hypervisor { name: name.to_owned(), reference, _controller: controller, switch };
        hypervisor.until("its controller has connected", |here| {
            Ok(here.control(&["connection-status"]).is_ok_and(|status| status.trim() == "connected"))
        })?;
        Ok(hypervisor)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ovs-vsctl` on its database.
    ///
    /// # Errors
    /// What the program said.
    pub fn vsctl(&self, args: &[&str]) -> Result<String, String> {
        self.switch.vsctl(&[&["--timeout=60"], args].concat())
    }

    /// The flows of its bridge, one a line.
    ///
    /// # Errors
    /// What the program said.
    pub fn flows(&self) -> Result<String, String> {
        self.switch.flows(BRIDGE)
    }

    /// Asks its switch.
    ///
    /// # Errors
    /// What the program said.
    pub fn appctl(&self, command: &[&str]) -> Result<String, String> {
        self.switch.appctl(command)
    }

    /// Asks its controller.
    ///
    /// # Errors
    /// What the program said.
    pub fn control(&self, command: &[&str]) -> Result<String, String> {
        let socket = self.switch.path("controller.ctl");
        self.reference.output("ovn-appctl", &[&["-T", "10", "-t", &socket], command].concat())
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> Result<bool, String>) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self)? {
            if Instant::now() > deadline {
                return Err(format!("{}: not within {PATIENCE:?}: {what}", self.name));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What it knows by itself, and what its bridge holds.
    ///
    /// # Errors
    /// What a program said.
    pub fn look(&self) -> Result<(Facts, Bridge), String> {
        look(self.reference, &self.switch, |command| self.control(command))
    }
}

/// What a chassis knows by itself, and what its bridge holds; `control` asks its controller.
///
/// # Errors
/// What a program said.
pub fn look(
    reference: &Reference,
    switch: &Switch,
    control: impl Fn(&[&str]) -> Result<String, String>,
) -> Result<(Facts, Bridge), String> {
    let database = dump::of_remote(reference, &switch.database(), "Open_vSwitch")?;
    let mut facts = Facts::new(&database, BRIDGE, &control(&["ct-zone-list"])?);
    let features = switch.ofctl(&["meter-features"], BRIDGE, &[])?;
    facts.meters = !features.contains("max_meter:0 ");
    let names = Names {
        groups: numbers(&control(&["group-table-list"])?),
        meters: numbers(&control(&["meter-table-list"])?),
        ..facts.names()
    };
    let text = switch.flows(BRIDGE)?;
    let flows = text.lines().filter_map(|line| Flow::parse(line).transpose());
    let flows = flows.collect::<Result<Vec<_>, _>>()?;
    let groups = switch.ofctl(&["dump-groups"], BRIDGE, &[])?;
    let meters = switch.ofctl(&["dump-meters"], BRIDGE, &[])?;
    // Controllers keep groups and meters of flows that only other chassis want.
    let is_used = |mark: &str, number: &u64| {
        let uses = |flow: &Flow| {
            let numbers = flow.actions.split(mark).skip(1);
            let mut numbers = numbers.filter_map(|rest| rest.split([',', ')']).next());
            numbers.any(|text| text == number.to_string())
        };
        flows.iter().any(uses)
    };
    let (mut groups_used, mut meters_used) = (names.groups.clone(), names.meters.clone());
    groups_used.retain(|number, _| is_used("group:", number));
    meters_used.retain(|number, _| is_used("meter:", number) || is_used("meter_id=", number));
    let bridge = Bridge {
        flows: flow::lines(&flows, &names),
        groups: named(&groups, "group_id=", &groups_used),
        meters: named(&meters.replace("bands=\n", "bands="), "meter=", &meters_used),
    };
    Ok((facts, bridge))
}

/// What numbers stand for, from lines of names and numbers.
fn numbers(list: &str) -> std::collections::BTreeMap<u64, String> {
    let line = |line: &str| {
        let (name, number) = line.rsplit_once(": ")?;
        Some((number.trim().parse().ok()?, name.to_owned()))
    };
    list.lines().filter_map(line).collect()
}

/// The lines that are about something with a number, with a name in place of the number.
fn named(text: &str, mark: &str, names: &std::collections::BTreeMap<u64, String>) -> Vec<String> {
    let line = |line: &str| {
        let (_, rest) = line.split_once(mark)?;
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let name = names.get(&rest[..end].parse().ok()?)?;
        Some(format!("<{name}> {}", rest[end..].trim_start_matches([',', ' ']).trim_end()))
    };
    let mut lines: Vec<String> =
        text.lines().filter_map(line).map(|line| flow::fields_in_order(&line)).collect();
    lines.sort();
    lines
}
