//! What the reference did in a scenario with chassis, kept beside it: the lines for chassis, and at each check
//! point the change of the southbound database, what each chassis knew, and what its bridge held. One JSON object
//! a line; a check point says what is new and what is gone since the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use northflow_connectors::change::RowChange;
use serde_json::{Map, Value, json};

use super::facts::Facts;
use crate::recording::{change_json, change_of, read_lines, write_lines};

/// A scenario as the reference played it.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The version of the reference.
    pub version: String,
    /// OpenFlow tables that are not compared.
    pub except: Vec<u8>,
    /// Lines for chassis and check points in order.
    pub items: Vec<Item>,
}

/// An entry of a recording.
#[derive(Clone, Debug)]
pub enum Item {
    /// Words of a line for a chassis.
    Line(Vec<String>),
    /// What there was when the reference had followed.
    Check(Box<Check>),
}

/// A check point.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// What has changed in the southbound database.
    pub changes: Vec<RowChange>,
    /// What chassis knew, by their names.
    pub facts: BTreeMap<String, Facts>,
    /// What their bridges held.
    pub bridges: BTreeMap<String, Bridge>,
}

/// What a bridge holds, in comparable form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// Flows.
    pub flows: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Meters.
    pub meters: Vec<String>,
}

/// What bridges hold: lines without the datapath that they are for, and who holds them for which. Chassis and
/// datapaths that have the same line share one.
type Held = BTreeMap<String, BTreeSet<String>>;

/// What stands before the number of a datapath in a line.
const DATAPATH: &str = "metadata=";

/// A line without the number of its datapath, and the number.
fn shared(line: &str) -> (String, &str) {
    let Some((before, rest)) = line.split_once(DATAPATH) else { return (line.to_owned(), "") };
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    (format!("{before}{DATAPATH}{}", &rest[end..]), &rest[..end])
}

fn held(bridges: &BTreeMap<String, Bridge>) -> Held {
    let mut held = Held::new();
    for (chassis, bridge) in bridges {
        for (kind, lines) in [("flow", &bridge.flows), ("group", &bridge.groups), ("meter", &bridge.meters)] {
            for line in lines {
                let (line, datapath) = shared(line);
                held.entry(format!("{kind} {line}")).or_default().insert(format!("{chassis}/{datapath}"));
            }
        }
    }
    held
}

fn bridges_of(held: &Held, chassis: impl Iterator<Item = String>) -> Option<BTreeMap<String, Bridge>> {
    let mut bridges: BTreeMap<String, Bridge> = chassis.map(|name| (name, Bridge::default())).collect();
    for (line, holders) in held {
        let (kind, line) = line.split_once(' ')?;
        for holder in holders {
            let (chassis, datapath) = holder.split_once('/')?;
            let bridge = bridges.get_mut(chassis)?;
            let lines = match kind {
                "flow" => &mut bridge.flows,
                "group" => &mut bridge.groups,
                "meter" => &mut bridge.meters,
                _ => return None,
            };
            lines.push(line.replacen(DATAPATH, &format!("{DATAPATH}{datapath}"), 1));
        }
    }
    for bridge in bridges.values_mut() {
        bridge.flows.sort();
        bridge.groups.sort();
        bridge.meters.sort();
    }
    Some(bridges)
}

/// What has to be done to `old` to get `new`: lines that come with their holders, and for other holders the
/// places of the lines in `old` that have these now; none at all if they go.
fn change(new: &Held, old: &Held) -> Value {
    let joined =
        |holders: &BTreeSet<String>| holders.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let come = new.iter().filter(|(line, _)| !old.contains_key(*line));
    let come: Map<String, Value> =
        come.map(|(line, holders)| (line.clone(), joined(holders).into())).collect();
    let mut others: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, (line, before)) in old.iter().enumerate() {
        let now = new.get(line);
        if now != Some(before) {
            others.entry(now.map(joined).unwrap_or_default()).or_default().push(place);
        }
    }
    json!({ "new": come, "held": others })
}

/// `old` after a [`change`], or `None` where the two do not fit.
fn changed(mut old: Held, change: &Value) -> Option<Held> {
    let split = |text: &str| text.split(' ').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let lines: Vec<String> = old.keys().cloned().collect();
    for (holders, places) in change["held"].as_object()? {
        for place in places.as_array()? {
            old.insert(lines.get(usize::try_from(place.as_u64()?).ok()?)?.clone(), split(holders));
        }
    }
    for (line, holders) in change["new"].as_object()? {
        old.insert(line.clone(), split(holders.as_str()?));
    }
    old.retain(|_, holders| !holders.is_empty());
    Some(old)
}

impl Recording {
    /// Reads the recording at `path`.
    ///
    /// # Errors
    /// The file and the line that is none of a recording.
    pub fn read(path: &Path) -> Result<Recording, String> {
        let mut recording = Recording::default();
        let mut last = Check::default();
        read_lines(path, |value| {
            if let Some(version) = value["ovn"].as_str() {
                recording.version = version.to_owned();
                recording.except = serde_json::from_value(value["except"].clone()).ok()?;
            } else if let Some(words) = value["line"].as_array() {
                let words = words.iter().map(|word| Some(word.as_str()?.to_owned()));
                recording.items.push(Item::Line(words.collect::<Option<_>>()?));
            } else {
                last = check_of(value, &last)?;
                recording.items.push(Item::Check(Box::new(last.clone())));
            }
            Some(())
        })?;
        Ok(recording)
    }

    /// Writes the recording to `path`.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let empty = Check::default();
        let mut last = &empty;
        let items = self.items.iter().map(|item| match item {
            Item::Line(words) => json!({ "line": words }),
            Item::Check(check) => check_json(check, std::mem::replace(&mut last, check)),
        });
        let first = json!({ "ovn": self.version, "except": self.except });
        write_lines(path, std::iter::once(first).chain(items))
    }

    /// Its check points.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.items.iter().filter_map(|item| match item {
            Item::Check(check) => Some(&**check),
            Item::Line(_) => None,
        })
    }
}

fn check_json(check: &Check, last: &Check) -> Value {
    let changed = check.facts.iter().filter(|(name, facts)| last.facts.get(*name) != Some(facts));
    let facts: Map<String, Value> = changed
        .map(|(name, facts)| (name.clone(), serde_json::to_value(facts).unwrap_or_default()))
        .collect();
    json!({
        "changes": check.changes.iter().map(change_json).collect::<Vec<_>>(),
        "chassis": check.facts.keys().collect::<Vec<_>>(),
        "facts": facts,
        "bridges": change(&held(&check.bridges), &held(&last.bridges)),
    })
}

fn check_of(value: &Value, last: &Check) -> Option<Check> {
    let changes = value["changes"].as_array()?.iter().map(change_of).collect::<Option<_>>()?;
    let mut facts = BTreeMap::new();
    for name in value["chassis"].as_array()? {
        let name = name.as_str()?;
        let known = match value["facts"].get(name) {
            Some(facts) => serde_json::from_value(facts.clone()).ok()?,
            None => last.facts.get(name)?.clone(),
        };
        facts.insert(name.to_owned(), known);
    }
    let held = changed(held(&last.bridges), &value["bridges"])?;
    let bridges = bridges_of(&held, facts.keys().cloned())?;
    Some(Check { changes, facts, bridges })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridges(of: &[(&str, &[&str])]) -> BTreeMap<String, Bridge> {
        let bridge = |lines: &[&str]| Bridge {
            flows: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..Bridge::default()
        };
        of.iter().map(|(name, lines)| ((*name).to_owned(), bridge(lines))).collect()
    }

    #[test]
    fn bridges_are_read_as_they_were_written() {
        let first =
            bridges(&[("hv1", &["table=0 1 a", "table=8 1 metadata=0x1,b c"]), ("hv2", &["table=0 1 a"])]);
        let second =
            bridges(&[("hv1", &["table=8 1 metadata=0x1,b c", "table=8 1 metadata=0x2,b c"]), ("hv2", &[])]);
        let mut last = BTreeMap::new();
        for bridges in [first, second] {
            let change = change(&held(&bridges), &held(&last));
            let read =
                changed(held(&last), &change).and_then(|held| bridges_of(&held, bridges.keys().cloned()));
            assert_eq!(read.as_ref(), Some(&bridges));
            last = bridges;
        }
    }
}
