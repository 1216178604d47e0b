//! What the reference did in a scenario, kept beside it: the row changes of each step, and the
//! databases at each check point in comparable form. One JSON object a line.
//!
//! A check point says which lines are new and which are gone since the one before it, so that a
//! recording grows with what happens in it and not with what stays.

use std::collections::BTreeMap;
use std::path::Path;

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;
use serde_json::{Map, Value, json};

use crate::chassis::{Reference, References};
use crate::dump::{datum, to_json};
use crate::normalize::{Keys, Normal};

/// A scenario as the reference played it.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The version of the reference.
    pub version: String,
    /// Steps and check points in order.
    pub items: Vec<Item>,
}

/// An entry of a recording.
#[derive(Clone, Debug)]
pub enum Item {
    /// Row changes of the CMS and the chassis.
    Step(Step),
    /// What the databases held when the reference had followed.
    Check(Box<Check>),
}

/// The changes of one line of a scenario.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line.
    pub line: String,
    /// Its changes. Rows of the program have the identifiers that the reference gave them.
    pub changes: Vec<RowChange>,
    /// What these identifiers stand for.
    pub references: References,
}

/// A check point.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// The southbound database.
    pub southbound: Normal,
    /// What was written back to the northbound database.
    pub northbound: Vec<String>,
}

fn columns_json(columns: &Columns) -> Value {
    let map: Map<String, Value> =
        columns.iter().map(|(name, datum)| (name.to_string(), to_json(datum))).collect();
    Value::Object(map)
}

fn columns_of(value: &Value) -> Option<Columns> {
    value.as_object()?.iter().map(|(name, value)| Some((Text::from(name.as_str()), datum(value)?))).collect()
}

pub(crate) fn change_json(change: &RowChange) -> Value {
    let (op, columns) = match &change.edit {
        Edit::Insert(columns) => ("insert", columns_json(columns)),
        Edit::Update(columns) => ("update", columns_json(columns)),
        // Recordings hold whole columns.
        Edit::Elements { .. } | Edit::Delete => ("delete", Value::Null),
    };
    json!({
        "database": change.database.name(),
        "table": &*change.table,
        "uuid": change.uuid.to_string(),
        "op": op,
        "columns": columns,
    })
}

pub(crate) fn change_of(value: &Value) -> Option<RowChange> {
    let edit = match value["op"].as_str()? {
        "insert" => Edit::Insert(columns_of(&value["columns"])?),
        "update" => Edit::Update(columns_of(&value["columns"])?),
        "delete" => Edit::Delete,
        _ => return None,
    };
    let database = [Database::Northbound, Database::Southbound]
        .into_iter()
        .find(|database| value["database"] == database.name())?;
    Some(RowChange {
        database,
        table: value["table"].as_str()?.into(),
        uuid: Uuid::parse(value["uuid"].as_str()?)?,
        edit,
    })
}

/// Reads a recording of one JSON object a line; `take` says `None` to a line that is no entry.
pub(crate) fn read_lines(path: &Path, mut take: impl FnMut(&Value) -> Option<()>) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (number, line) in text.lines().enumerate() {
        let entry = serde_json::from_str(line).ok().and_then(|value| take(&value));
        entry
            .ok_or_else(|| format!("{}: line {}: not an entry of a recording", path.display(), number + 1))?;
    }
    Ok(())
}

/// Writes a recording that [`read_lines`] reads.
pub(crate) fn write_lines(path: &Path, lines: impl Iterator<Item = Value>) -> Result<(), String> {
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

impl Recording {
    /// Reads the recording at `path`.
    pub fn read(path: &Path) -> Result<Recording, String> {
        let mut recording = Recording::default();
        let mut last = Check::default();
        read_lines(path, |value| {
            if let Some(version) = value["ovn"].as_str() {
                recording.version = version.to_owned();
            } else if value["step"].is_string() {
                recording.items.push(Item::Step(step_of(value)?));
            } else {
                last = check_of(value, &last)?;
                recording.items.push(Item::Check(Box::new(last.clone())));
            }
            Some(())
        })?;
        Ok(recording)
    }

    /// Writes the recording to `path`.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let empty = Check::default();
        let mut last = &empty;
        let items = self.items.iter().map(|item| match item {
            Item::Step(step) => step_json(step),
            Item::Check(check) => check_json(check, std::mem::replace(&mut last, check)),
        });
        write_lines(path, std::iter::once(json!({ "ovn": self.version })).chain(items))
    }
}

fn step_json(step: &Step) -> Value {
    let row = |(uuid, reference): (&Uuid, &Reference)| {
        (uuid.to_string(), json!([&*reference.table, columns_json(&reference.key)]))
    };
    let number = |(row, column, referent): &(Uuid, Text, Uuid)| {
        json!([row.to_string(), &**column, referent.to_string()])
    };
    let References { rows, numbers } = &step.references;
    json!({
        "step": step.line,
        "changes": step.changes.iter().map(change_json).collect::<Vec<_>>(),
        "rows": rows.iter().map(row).collect::<Map<_, _>>(),
        "numbers": numbers.iter().map(number).collect::<Vec<_>>(),
    })
}

fn step_of(value: &Value) -> Option<Step> {
    let mut changes: Vec<RowChange> =
        value["changes"].as_array()?.iter().map(change_of).collect::<Option<_>>()?;
    let mut references = References::default();
    for (uuid, value) in value["rows"].as_object().into_iter().flatten() {
        let reference = Reference { table: value.get(0)?.as_str()?.into(), key: columns_of(value.get(1)?)? };
        references.rows.insert(Uuid::parse(uuid)?, reference);
    }
    for value in value["numbers"].as_array().into_iter().flatten() {
        let text = |number: usize| value.get(number)?.as_str();
        references.numbers.push((Uuid::parse(text(0)?)?, text(1)?.into(), Uuid::parse(text(2)?)?));
    }
    // The older form for columns of ports.
    for value in value["bindings"].as_array().into_iter().flatten() {
        let (port, columns) = (value.get(0)?.as_str()?, columns_of(value.get(1)?)?);
        let key = vec![("logical_port".into(), Datum::scalar(Atom::text(port)))];
        let uuid = Uuid(references.rows.len() as u128 + 1);
        let (database, table) = (Database::Southbound, Text::from("Port_Binding"));
        changes.push(RowChange { database, table: table.clone(), uuid, edit: Edit::Update(columns) });
        references.rows.insert(uuid, Reference { table, key });
    }
    Some(Step { line: value["step"].as_str()?.to_owned(), changes, references })
}

/// Lines and how often each is there.
type Bag = BTreeMap<String, usize>;

fn bag(lines: impl IntoIterator<Item = String>) -> Bag {
    let mut bag = Bag::new();
    for line in lines {
        *bag.entry(line).or_default() += 1;
    }
    bag
}

/// What has to be added to `old`, and what taken away from it, to get `new`.
fn difference(new: &Bag, old: &Bag) -> Value {
    let beyond = |these: &Bag, those: &Bag| -> Vec<String> {
        let extra = |(line, count): (&String, &usize)| {
            let times = count.saturating_sub(those.get(line).copied().unwrap_or(0));
            std::iter::repeat_n(line.clone(), times)
        };
        these.iter().flat_map(extra).collect()
    };
    json!({ "new": beyond(new, old), "gone": beyond(old, new) })
}

/// `old` after a [`difference`], or `None` where the two do not fit.
fn applied(mut old: Bag, difference: &Value) -> Option<Bag> {
    for line in difference["gone"].as_array()? {
        let line = line.as_str()?;
        match old.get_mut(line)? {
            1 => drop(old.remove(line)),
            count => *count -= 1,
        }
    }
    for line in difference["new"].as_array()? {
        *old.entry(line.as_str()?.to_owned()).or_default() += 1;
    }
    Some(old)
}

fn lines(bag: Bag) -> Vec<String> {
    bag.into_iter().flat_map(|(line, count)| std::iter::repeat_n(line, count)).collect()
}

/// Keys and hints as lines of JSON, so that they are kept as rows are.
fn key_lines(check: &Check) -> Bag {
    bag(check
        .southbound
        .keys
        .numbers
        .iter()
        .map(|((space, owner), key)| json!([space, owner, key]).to_string()))
}

fn hint_lines(check: &Check) -> Bag {
    bag(check.southbound.hints.iter().map(|(line, hint)| json!([line, hint]).to_string()))
}

fn check_json(check: &Check, last: &Check) -> Value {
    let rows = |check: &Check| bag(check.southbound.rows.iter().cloned());
    let northbound = |check: &Check| bag(check.northbound.iter().cloned());
    json!({
        "check": difference(&rows(check), &rows(last)),
        "keys": difference(&key_lines(check), &key_lines(last)),
        "hints": difference(&hint_lines(check), &hint_lines(last)),
        "northbound": difference(&northbound(check), &northbound(last)),
    })
}

fn check_of(value: &Value, last: &Check) -> Option<Check> {
    let rows = applied(bag(last.southbound.rows.iter().cloned()), &value["check"])?;
    let key = |line: String| -> Option<((String, String), i64)> {
        let (space, owner, key) = serde_json::from_str(&line).ok()?;
        Some(((space, owner), key))
    };
    let numbers =
        lines(applied(key_lines(last), &value["keys"])?).into_iter().map(key).collect::<Option<_>>()?;
    let hint = |line: String| serde_json::from_str::<(String, String)>(&line).ok();
    let hints =
        lines(applied(hint_lines(last), &value["hints"])?).into_iter().map(hint).collect::<Option<_>>()?;
    let northbound = lines(applied(bag(last.northbound.iter().cloned()), &value["northbound"])?);
    Some(Check { southbound: Normal { rows: lines(rows), keys: Keys { numbers }, hints }, northbound })
}
