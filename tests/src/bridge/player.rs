//! Playing a scenario with chassis on the reference, all of which runs, and recording what it did.

use std::collections::BTreeMap;

use northflow_connectors::change::Edit;
use northflow_rules::schema::Database;

use super::hypervisor::Hypervisor;
use super::recording::{Check, Item, Recording};
use crate::dump::{self, Dump};
use crate::normalize::is_default;
use crate::player::{PINNED, name, split};
use crate::reference::{Databases, Process, Reference};

/// Tables in which there is nothing for flows.
const LEFT_OUT: &[&str] = &[
    "Chassis_Private",
    "Connection",
    "Controller_Event",
    "RBAC_Permission",
    "RBAC_Role",
    "Service_Monitor",
    "SSL",
];
/// Columns that say nothing to chassis, or when something was.
const COLUMNS_LEFT_OUT: &[(&str, &str)] = &[
    ("Logical_Flow", "external_ids"),
    ("Logical_Flow", "flow_desc"),
    ("SB_Global", "nb_cfg"),
    ("MAC_Binding", "timestamp"),
    ("FDB", "timestamp"),
];
/// How often a check point is looked at before that.
const LOOKS: usize = 12;

/// Databases and chassis.
#[derive(Debug)]
pub struct Player {
    reference: &'static Reference,
    /// Ended before the databases.
    chassis: Vec<Hypervisor>,
    northd: Option<Process>,
    databases: Databases,
    southbound: Dump,
}

impl Player {
    /// Starts empty databases.
    ///
    /// # Errors
    /// What could not be started.
    pub fn start(reference: &'static Reference) -> Result<Player, String> {
        let databases = reference.databases()?;
        let (chassis, southbound) = (Vec::new(), Dump::new());
        Ok(Player { reference, chassis, northd: None, databases, southbound })
    }

    /// Plays a scenario's text and records it.
    ///
    /// # Errors
    /// The line that failed, and how.
    pub fn record(mut self, text: &str) -> Result<Recording, String> {
        let mut recording =
            Recording { version: self.reference.version().to_owned(), ..Recording::default() };
        let mut first = vec!["init", "--", "set", "NB_Global", "."];
        first.extend(PINNED);
        self.databases.sbctl(&["init"])?;
        self.databases.nbctl(&first)?;
        self.northd = Some(self.databases.northd()?);
        for (number, line) in text.lines().enumerate() {
            let failed = |error: String| format!("line {}: {error}", number + 1);
            let words = split(line).map_err(failed)?;
            let Some(command) = words.first().filter(|word| !word.starts_with('#')) else { continue };
            match &**command {
                "nbctl" => drop(self.databases.nbctl(&rest(&words, 1)).map_err(failed)?),
                "sbctl" => {
                    self.databases.sync().map_err(failed)?;
                    let southbound = self.southbound()?;
                    let named = words.iter().map(|word| name(&southbound, word.clone()));
                    let named = named.collect::<Result<Vec<_>, _>>().map_err(failed)?;
                    self.databases.sbctl(&rest(&named, 1)).map_err(failed)?;
                }
                "except" => {
                    let tables = words[1..].iter().map(|word| word.parse());
                    recording.except =
                        tables.collect::<Result<_, _>>().map_err(|_| failed(line.to_owned()))?;
                }
                "check" => recording.items.push(Item::Check(Box::new(self.check().map_err(failed)?))),
                _ => {
                    self.line(&words).map_err(failed)?;
                    recording.items.push(Item::Line(words));
                }
            }
        }
        Ok(recording)
    }

    /// A line for a chassis.
    fn line(&mut self, words: &[String]) -> Result<(), String> {
        let Some((command, [name, args @ ..])) = words.split_first() else {
            return Err("no chassis".to_owned());
        };
        let at = self.chassis.iter().position(|chassis| chassis.name() == name);
        match (&**command, at) {
            ("chassis", None) => {
                let (folder, southbound) = (self.databases.folder(), self.databases.remote("sb"));
                let chassis = Hypervisor::start(self.reference, folder, &southbound, name, &rest(args, 0))?;
                self.chassis.push(chassis);
            }
            ("vsctl", Some(at)) => drop(self.chassis[at].vsctl(&rest(args, 0))?),
            ("appctl", Some(at)) => drop(self.chassis[at].appctl(&rest(args, 0))?),
            ("stop", Some(at)) => {
                let chassis = self.chassis.remove(at);
                chassis.control(&["exit"])?;
            }
            _ => return Err(format!("{words:?} is no command here")),
        }
        Ok(())
    }

    /// The southbound contents that matter.
    fn southbound(&self) -> Result<Dump, String> {
        let mut dump = dump::of_server(self.reference, &self.databases, Database::Southbound)?;
        dump.retain(|table, _| !LEFT_OUT.contains(&&**table));
        for (table, column) in COLUMNS_LEFT_OUT {
            for row in dump.get_mut(*table).into_iter().flat_map(BTreeMap::values_mut) {
                row.remove(*column);
            }
        }
        Ok(dump)
    }

    /// What has changed since the check point before, and what there is on the chassis.
    fn check(&mut self) -> Result<Check, String> {
        let mut last = None;
        for _ in 0..LOOKS {
            self.follow()?;
            let southbound = self.southbound()?;
            let mut check = Check::default();
            for chassis in &self.chassis {
                let (facts, bridge) = chassis.look()?;
                check.facts.insert(chassis.name().to_owned(), facts);
                check.bridges.insert(chassis.name().to_owned(), bridge);
            }
            let found = (southbound, check.facts.clone(), check.bridges.clone());
            if last.as_ref() == Some(&found) {
                let (southbound, ..) = found;
                check.changes = dump::difference(Database::Southbound, &self.southbound, &southbound);
                for change in &mut check.changes {
                    if let Edit::Insert(columns) = &mut change.edit {
                        columns.retain(|(_, datum)| !is_default(datum));
                    }
                }
                self.southbound = southbound;
                return Ok(check);
            }
            last = Some(found);
        }
        Err(format!("the reference did not come to rest within {LOOKS} looks"))
    }

    /// Lets everything follow that runs, and compute everything anew.
    fn follow(&mut self) -> Result<(), String> {
        let socket = self.databases.path("northd.ctl");
        self.databases.nbctl(&["--wait=hv", "sync"])?;
        self.reference.output("ovn-appctl", &["-T", "10", "-t", &socket, "inc-engine/recompute"])?;
        self.databases.nbctl(&["--wait=hv", "sync"])?;
        for chassis in &self.chassis {
            chassis.control(&["recompute"])?;
        }
        self.databases.nbctl(&["--wait=hv", "sync"]).map(drop)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.chassis.clear();
        self.northd = None;
    }
}

fn rest(words: &[String], from: usize) -> Vec<&str> {
    words.iter().skip(from).map(String::as_str).collect()
}
