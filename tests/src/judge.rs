//! northflow against a recording: fed step by step, and fed at once.

use northflow_connectors::change::{Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_connectors::offline::Offline;
use northflow_engine::Config;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::dump;
use crate::normalize::{self, Keys, Normal, compare_keys, difference};
use crate::recording::{Check, Item, Recording, Step};

/// Southbound tables and columns that northflow reads and others write.
const OF_CHASSIS: &[&str] = &["Chassis", "Chassis_Private", "Encap", "FDB", "MAC_Binding"];
const BINDING_COLUMNS: &[&str] =
    &["chassis", "additional_chassis", "up", "virtual_parent", "encap", "options"];

/// Plays a recording on northflow and says in what it differs; nothing if it agrees everywhere.
pub fn judge(recording: &Recording, workers: usize) -> Result<Vec<String>, String> {
    let start = || Offline::new(Config { workers, cluster: None }).map_err(|error| error.to_string());
    let mut stepwise = start()?;
    let mut faults = Vec::new();
    let mut before: Option<(Keys, Keys)> = None;
    let mut number = 0;
    for item in &recording.items {
        match item {
            Item::Step(step) => play(&mut stepwise, step)?,
            Item::Check(check) => {
                number += 1;
                let ours = state(&stepwise);
                let report = |faults: &mut Vec<String>, how: &str, found: Vec<String>| {
                    faults.extend(found.into_iter().map(|fault| format!("check {number}, {how}: {fault}")));
                };
                report(&mut faults, "step by step", compare(check, &ours));
                let kept = before.as_ref().map(|(theirs, ours)| (theirs, ours));
                let keys = compare_keys(&check.southbound.keys, &ours.southbound.keys, kept);
                report(&mut faults, "step by step", keys);
                let mut once = start()?;
                feed_at_once(&mut once, &stepwise)?;
                let once = state(&once);
                report(&mut faults, "at once", compare(check, &once));
                report(
                    &mut faults,
                    "at once",
                    compare_keys(&check.southbound.keys, &once.southbound.keys, None),
                );
                before = Some((check.southbound.keys.clone(), ours.southbound.keys.clone()));
            }
        }
    }
    if number == 0 {
        return Err("the recording has no check point".to_owned());
    }
    Ok(faults)
}

/// What differs between the reference's state and another.
pub fn compare(theirs: &Check, ours: &Check) -> Vec<String> {
    let mut faults = difference(&theirs.southbound.rows, &ours.southbound.rows);
    faults.extend(
        difference(&theirs.northbound, &ours.northbound).into_iter().map(|line| format!("NB {line}")),
    );
    // Which of several rows behind a flow the hint names depends on the order in which they came.
    for flow in theirs.southbound.hints.keys().filter(|flow| !ours.southbound.hints.contains_key(*flow)) {
        faults.push(format!("no stage-hint where the reference has one: {flow}"));
    }
    for flow in ours.southbound.hints.keys().filter(|flow| !theirs.southbound.hints.contains_key(*flow)) {
        faults.push(format!("a stage-hint where the reference has none: {flow}"));
    }
    faults
}

fn state(network: &Offline) -> Check {
    let southbound: Normal = normalize::southbound(&dump::of_memory(network.southbound()));
    Check { southbound, northbound: normalize::northbound(&dump::of_memory(network.northbound())) }
}

fn play(network: &mut Offline, step: &Step) -> Result<(), String> {
    let mut changes = step.changes.clone();
    for (port, columns) in &step.bindings {
        match binding(network.southbound(), port) {
            Some(uuid) => changes.push(binding_change(uuid, columns.clone())),
            // The port went while the reference was paused; here its binding is gone already.
            None if !has_port(network.northbound(), port) => {}
            None => return Err(format!("\"{}\": port {port} has no binding", step.line)),
        }
    }
    network.apply(&changes).map_err(|error| error.to_string())?;
    Ok(())
}

fn binding_change(uuid: Uuid, columns: Vec<(Text, Datum)>) -> RowChange {
    RowChange {
        database: Database::Southbound,
        table: "Port_Binding".into(),
        uuid,
        edit: Edit::Update(columns),
    }
}

fn has_port(northbound: &MemoryDatabase, port: &str) -> bool {
    let named = Datum::scalar(Atom::text(port));
    northbound.rows("Logical_Switch_Port").any(|(_, row)| row.get("name") == Some(&named))
}

fn binding(southbound: &MemoryDatabase, port: &str) -> Option<Uuid> {
    let named = Datum::scalar(Atom::text(port));
    southbound
        .rows("Port_Binding")
        .find(|(_, row)| row.get("logical_port") == Some(&named))
        .map(|(uuid, _)| *uuid)
}

/// Feeds an empty network the final contents of another: first all that does not refer to rows it
/// has yet to make, then what chassis say of its ports.
fn feed_at_once(network: &mut Offline, from: &Offline) -> Result<(), String> {
    let mut changes = Vec::new();
    let mut insert = |database, table: &str, source: &MemoryDatabase| {
        for (uuid, row) in source.rows(table) {
            let columns = row.iter().map(|(name, datum)| (name.clone(), datum.clone())).collect();
            changes.push(RowChange {
                database,
                table: table.into(),
                uuid: *uuid,
                edit: Edit::Insert(columns),
            });
        }
    };
    for table in from.northbound().tables().keys() {
        insert(Database::Northbound, table, from.northbound());
    }
    for table in OF_CHASSIS {
        insert(Database::Southbound, table, from.southbound());
    }
    network.apply(&changes).map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    for (_, row) in from.southbound().rows("Port_Binding") {
        let Some(Datum::Set(name)) = row.get("logical_port") else { continue };
        let [Atom::String(name)] = &name[..] else { continue };
        let Some(uuid) = binding(network.southbound(), name) else { continue };
        let columns = row
            .iter()
            .filter(|(column, _)| BINDING_COLUMNS.contains(&&***column))
            .map(|(column, datum)| (column.clone(), datum.clone()))
            .collect();
        said.push(binding_change(uuid, columns));
    }
    network.apply(&said).map_err(|error| error.to_string())?;
    Ok(())
}
