//! Our rows against a recording: computed step by step, and computed at once.

use std::collections::BTreeMap;

use northflow_connectors::change::{Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_connectors::replica::Replica;
use northflow_controller::row::{self, Group, Meter, Numbers};
use northflow_controller::{FLOWS, INPUTS};
use northflow_engine::{Config, Engine, Transaction};
use northflow_language::openflow::{List, decode};
use northflow_rules::schema::Database;

use super::facts::{self, Facts, LocalRows, number, text};
use super::flow::{self, Flow, Names};
use super::recording::{Bridge, Check, Recording};
use crate::chassis::identifiers;
use crate::dump::{Dump, Row};
use crate::normalize::difference;

/// Plays a recording on the program and says in what it differs; nothing if it agrees everywhere.
///
/// # Errors
/// What failed, or that nothing is compared.
pub fn judge(recording: &Recording) -> Result<Vec<String>, String> {
    let mut stepwise = Ours::start()?;
    let mut faults = Vec::new();
    for (number, check) in recording.checks().enumerate() {
        // One table after the other: rows meet others that are not there yet, or gone already.
        let mut tables: BTreeMap<&str, Vec<RowChange>> = BTreeMap::new();
        for change in &check.changes {
            tables.entry(&change.table).or_default().push(change.clone());
        }
        for changes in tables.values() {
            stepwise.apply(changes, None)?;
        }
        stepwise.apply(&[], Some(&check.facts))?;
        let mut once = Ours::start()?;
        let everything = |(table, rows): (&_, &BTreeMap<_, _>)| {
            let insert = |(uuid, row): (&_, &BTreeMap<_, _>)| RowChange {
                database: Database::Southbound,
                table: Clone::clone(table),
                uuid: *uuid,
                edit: Edit::Insert(
                    row.iter().map(|(name, datum)| (Clone::clone(name), Clone::clone(datum))).collect(),
                ),
            };
            rows.iter().map(insert).collect::<Vec<_>>()
        };
        let all: Vec<RowChange> = stepwise.southbound.tables().iter().flat_map(everything).collect();
        once.apply(&all, Some(&check.facts))?;
        for (how, ours) in [("step by step", &stepwise), ("at once", &once)] {
            for (chassis, theirs) in &check.bridges {
                let found = compare(theirs, &ours.bridge(chassis, check)?, &recording.except);
                faults.extend(
                    found.into_iter().map(|fault| format!("check {}, {how}, {chassis}: {fault}", number + 1)),
                );
            }
        }
    }
    match recording.checks().any(|check| !check.bridges.is_empty()) {
        true => Ok(faults),
        false => Err("the recording has no check point with a chassis".to_owned()),
    }
}

/// In what two bridges differ, in the tables that are compared.
pub fn compare(theirs: &Bridge, ours: &Bridge, except: &[u8]) -> Vec<String> {
    let compared = |lines: &[String]| -> Vec<String> {
        let is_compared = |line: &&String| flow::table_of(line).is_none_or(|table| !except.contains(&table));
        let mut lines: Vec<String> =
            lines.iter().filter(is_compared).map(|line| flow::by_copy(line)).collect();
        lines.sort();
        lines
    };
    let mut faults = difference(&compared(&theirs.flows), &compared(&ours.flows));
    faults.extend(difference(&theirs.groups, &ours.groups).into_iter().map(|line| format!("group {line}")));
    faults.extend(difference(&theirs.meters, &ours.meters).into_iter().map(|line| format!("meter {line}")));
    faults
}

/// The program, and what it has been told.
struct Ours {
    engine: Engine,
    replica: Replica,
    southbound: MemoryDatabase,
    local: LocalRows,
    flows: BTreeMap<row::Flow, isize>,
}

impl Ours {
    fn start() -> Result<Ours, String> {
        let engine =
            Engine::start(Config::default(), northflow_controller::program).map_err(|e| e.to_string())?;
        let (southbound, local) = (MemoryDatabase::default(), LocalRows::default());
        Ok(Ours { engine, replica: Replica::new(INPUTS), southbound, local, flows: BTreeMap::new() })
    }

    /// Changes of the database and new facts, in one epoch.
    fn apply(
        &mut self,
        changes: &[RowChange],
        facts: Option<&BTreeMap<String, Facts>>,
    ) -> Result<(), String> {
        let mut transaction = Transaction::new();
        for change in changes {
            self.southbound.apply(change);
            self.replica.apply(change, &mut transaction).map_err(|error| error.to_string())?;
        }
        if let Some(facts) = facts {
            let local = facts::rows(facts, self.southbound.tables());
            local.change_from(&self.local, &mut transaction);
            self.local = local;
        }
        let result = self.engine.step(transaction).map_err(|error| error.to_string())?;
        let number = self.engine.output_number(FLOWS).ok_or("the program gives no flows")?;
        for (rec, weight) in result.output(number) {
            let count = self.flows.entry(rec.get::<row::Flow>().clone()).or_default();
            *count += *weight;
            if *count == 0 {
                self.flows.remove(rec.get::<row::Flow>());
            }
        }
        Ok(())
    }

    /// What the bridge of a chassis is to hold.
    fn bridge(&self, chassis: &str, check: &Check) -> Result<Bridge, String> {
        let mut given = Given::default();
        let mut flows = Vec::new();
        for (flow, count) in &self.flows {
            if self.local.by_uuid.get(&flow.chassis).is_none_or(|name| name != chassis) {
                continue;
            }
            let row = &flow.row;
            if *count != 1 {
                return Err(format!("{row:?} is there {count} times"));
            }
            let actions = row.actions.bind(&mut given).map_err(|error| format!("{row:?}: {error:?}"))?;
            let actions = List(&actions).to_string();
            flows.push(Flow::new(row.table, row.priority, &row.fields, row.cookie.into(), actions));
        }
        let mut keys: Vec<_> = flows.iter().map(|flow| (flow.table, flow.priority, &flow.fields)).collect();
        keys.sort();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two rows for {:?}", pair[0]));
        }
        let numbered = |names: Vec<String>| (1..).zip(names).collect();
        let names = Names {
            groups: numbered(given.groups.iter().map(|group| group.definition.to_string()).collect()),
            meters: numbered(given.meters.iter().map(meter_name).collect()),
            ..check.facts.get(chassis).map(Facts::names).unwrap_or_default()
        };
        let mut groups = given.groups.iter().map(group_line).collect::<Result<Vec<_>, _>>()?;
        let mut meters: Vec<String> =
            given.meters.iter().filter_map(|meter| meter_line(meter, self.southbound.tables())).collect();
        groups.sort();
        meters.sort();
        Ok(Bridge { flows: flow::lines(&flows, &names), groups, meters })
    }
}

/// Numbers for groups and meters, from 1 on.
#[derive(Default)]
struct Given {
    groups: Vec<Group>,
    meters: Vec<Meter>,
}

fn give<T: Clone + PartialEq>(known: &mut Vec<T>, one: &T) -> u32 {
    let at = known.iter().position(|other| other == one).unwrap_or_else(|| {
        known.push(one.clone());
        known.len() - 1
    });
    at as u32 + 1
}

impl Numbers for Given {
    fn group(&mut self, group: &Group) -> u32 {
        give(&mut self.groups, group)
    }

    fn meter(&mut self, meter: &Meter) -> u32 {
        give(&mut self.meters, meter)
    }
}

fn meter_name(meter: &Meter) -> String {
    match meter {
        Meter::Named(name) => name.to_string(),
        Meter::Limit { definition, .. } => definition.to_string(),
    }
}

/// A group as ovs-ofctl shows it.
fn group_line(group: &Group) -> Result<String, String> {
    let mut line = format!("<{}> type=select,selection_method=", group.definition);
    match &group.fields {
        Some(fields) => line += &format!("hash,fields({fields})"),
        None => line += "dp_hash",
    }
    if group.symmetric {
        line += ",selection_method_param=4294967296";
    }
    for bucket in &group.buckets {
        line += &format!(",bucket=bucket_id:{}", bucket.id);
        if bucket.weight != 1 {
            line += &format!(",weight:{}", bucket.weight);
        }
        if let Some(port) = bucket.watch_port {
            line += &format!(",watch_port:{port}");
        }
        let actions = decode(&bucket.actions).map_err(|error| format!("{group:?}: {error:?}"))?;
        line += &format!(",actions={}", List(&actions));
    }
    Ok(flow::fields_in_order(&line))
}

/// A meter as ovs-ofctl shows it; `None` if there is none of that name.
fn meter_line(meter: &Meter, southbound: &Dump) -> Option<String> {
    let band = |rate: u64, burst: u64| match burst {
        0 => format!("type=drop rate={rate}"),
        _ => format!("type=drop rate={rate} burst_size={burst}"),
    };
    let kind =
        |unit: &str, has_burst: bool| format!("{unit}{} stats bands=", if has_burst { " burst" } else { "" });
    match meter {
        Meter::Named(name) => {
            let is_it = |row: &&Row| text(row, "name") == **name;
            let row = southbound.get("Meter")?.values().find(is_it)?;
            let bands = southbound.get("Meter_Band");
            let bands =
                row.get("bands").map(identifiers).unwrap_or_default().into_iter().filter_map(|uuid| {
                    let band = bands?.get(&uuid)?;
                    Some((number(band, "rate").unwrap_or(0), number(band, "burst_size").unwrap_or(0)))
                });
            let bands: Vec<(u64, u64)> = bands.collect();
            let kind = kind(&text(row, "unit"), bands.iter().any(|(_, burst)| *burst > 0));
            let bands: Vec<String> = bands.into_iter().map(|(rate, burst)| band(rate, burst)).collect();
            Some(format!("<{name}> {kind}{}", bands.join(" ")))
        }
        Meter::Limit { definition, rate, burst } => {
            Some(format!("<{definition}> {}{}", kind("kbps", *burst > 0), band(*rate, *burst)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_except_in_tables_that_are_named() {
        let bridge = |lines: &[&str]| Bridge {
            flows: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..Bridge::default()
        };
        let theirs = bridge(&["table=8 1 a", "table=9 1 b"]);
        assert_eq!(compare(&theirs, &theirs.clone(), &[]), Vec::<String>::new());
        assert_eq!(compare(&theirs, &bridge(&["table=8 1 a"]), &[]).len(), 1);
        assert_eq!(compare(&theirs, &bridge(&["table=8 1 a"]), &[9]), Vec::<String>::new());
        let groups = Bridge { groups: vec!["<g>".to_owned()], ..theirs.clone() };
        assert_eq!(compare(&theirs, &groups, &[8, 9]).len(), 1);
    }
}
