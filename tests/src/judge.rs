//! northflow against a recording: fed step by step, and fed at once.

use std::collections::BTreeSet;

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_connectors::offline::Offline;
use northflow_engine::Config;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::chassis::{self, Reference, References};
use crate::dump::{self, Dump, Row};
use crate::normalize::{self, Keys, Normal, compare_keys, compare_requested, difference};
use crate::recording::{Check, Item, Recording, Step};

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
                let northbound = dump::of_memory(stepwise.northbound());
                let requested = compare_requested(&northbound, &check.southbound.keys, &ours.southbound.keys);
                report(&mut faults, "step by step", requested);
                let once = state(&at_once(&stepwise, Config { workers, cluster: None })?);
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

pub(crate) fn state(network: &Offline) -> Check {
    let southbound: Normal = normalize::southbound(&dump::of_memory(network.southbound()));
    Check { southbound, northbound: normalize::northbound(&dump::of_memory(network.northbound())) }
}

fn play(network: &mut Offline, step: &Step) -> Result<(), String> {
    // A row that went while the reference was paused is gone here already.
    let gone = |reference: &Reference| !is_wanted(network.northbound(), reference);
    let changes = step.references.translate(&step.changes, network.southbound().tables(), gone);
    let changes = changes.map_err(|error| format!("\"{}\": {error}", step.line))?;
    apply(network, &changes)
}

/// Makes changes, and what the server would add to them.
pub(crate) fn apply(network: &mut Offline, changes: &[RowChange]) -> Result<(), String> {
    network.apply(changes).map_err(|error| error.to_string())?;
    let forgotten = chassis::forgotten(network.southbound().tables());
    network.apply(&forgotten).map_err(|error| error.to_string())?;
    Ok(())
}

/// Whether the northbound database has the switch, router or port behind a row.
fn is_wanted(northbound: &MemoryDatabase, reference: &Reference) -> bool {
    let key = |column: &str| {
        reference.key.iter().find(|(name, _)| &**name == column).map_or(&[][..], |(_, datum)| match datum {
            Datum::Set(atoms) => atoms,
            Datum::Map(_) => &[],
        })
    };
    let has = |table: &str, uuid| northbound.rows(table).any(|(row, _)| *row == uuid);
    match (&*reference.table, key("nb_uuid"), key("logical_port")) {
        ("Datapath_Binding", [Atom::Uuid(uuid)], _) => {
            has("Logical_Switch", *uuid) || has("Logical_Router", *uuid)
        }
        ("Port_Binding", _, [name]) => {
            let named = Datum::scalar(name.clone());
            northbound.rows("Logical_Switch_Port").any(|(_, row)| row.get("name") == Some(&named))
        }
        _ => false,
    }
}

/// A network that is given at once what another holds.
pub(crate) fn at_once(from: &Offline, config: Config) -> Result<Offline, String> {
    let mut network = Offline::new(config).map_err(|error| error.to_string())?;
    feed_at_once(&mut network, from)?;
    Ok(network)
}

/// Feeds an empty network the final contents of another: first all that does not refer to rows it
/// has yet to make, then what chassis say of these.
fn feed_at_once(network: &mut Offline, from: &Offline) -> Result<(), String> {
    let there = from.southbound().tables();
    let change = |database, table: &str, uuid: &Uuid, edit| {
        let table = Text::from(table);
        RowChange { database, table, uuid: *uuid, edit }
    };
    let mut changes = Vec::new();
    for (table, rows) in from.northbound().tables() {
        for (uuid, row) in rows {
            changes.push(change(Database::Northbound, table, uuid, Edit::Insert(columns(row, |_| true))));
        }
    }
    let mut references = References::default();
    let mut said = Vec::new();
    for written in chassis::TABLES {
        for (uuid, row) in there.get(written.table).into_iter().flatten() {
            let insert = Edit::Insert(columns(row, |_| true));
            let change = change(Database::Southbound, written.table, uuid, insert);
            let mut own = References::default();
            own.add(there, &change);
            if own == References::default() {
                changes.push(change);
            } else {
                references.add(there, &change);
                said.push(change);
            }
        }
    }
    let mut say = |table: &str, uuid: &Uuid, columns: Columns| {
        let change = change(Database::Southbound, table, uuid, Edit::Update(columns));
        references.add(there, &change);
        said.push(change);
    };
    for (table, theirs) in chassis::COLUMNS {
        for (uuid, row) in there.get(*table).into_iter().flatten() {
            say(table, uuid, columns(row, |name| theirs.contains(&name)));
        }
    }
    for (uuid, row) in left_by_chassis(there) {
        say("Service_Monitor", uuid, columns(row, |name| name == "chassis_name"));
    }
    apply(network, &changes)?;
    let said = references.translate(&said, network.southbound().tables(), |_| true)?;
    apply(network, &said)
}

/// Service monitors of ports that no chassis has. Their `chassis_name` is the last one that had the port, which
/// only the southbound database knows: ovn-northd leaves it there, also over a restart.
fn left_by_chassis(there: &Dump) -> impl Iterator<Item = (&Uuid, &Row)> {
    let rows = |table: &str| there.get(table).into_iter().flatten();
    let unset = Datum::none();
    let hosted: BTreeSet<&Datum> = rows("Port_Binding")
        .filter(|(_, row)| row.get("chassis").is_some_and(|chassis| *chassis != unset))
        .filter_map(|(_, row)| row.get("logical_port"))
        .collect();
    rows("Service_Monitor")
        .filter(move |(_, row)| !row.get("logical_port").is_some_and(|port| hosted.contains(port)))
}

fn columns(row: &Row, keep: impl Fn(&str) -> bool) -> Columns {
    let kept = row.iter().filter(|(name, _)| keep(name));
    kept.map(|(name, datum)| (name.clone(), datum.clone())).collect()
}
