//! What the reference did in a scenario, kept beside it: the row changes of each step, and the
//! databases at each check point in comparable form. One JSON object a line.

use std::collections::BTreeMap;
use std::path::Path;

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::Database;
use serde_json::{Map, Value, json};

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
    /// Changes of rows that have an identifier of their own.
    pub changes: Vec<RowChange>,
    /// Columns that chassis wrote, by the name of the port whose binding it is: that row's
    /// identifier is the business of whoever made it.
    pub bindings: Vec<(Text, Columns)>,
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

fn change_json(change: &RowChange) -> Value {
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

fn change_of(value: &Value) -> Option<RowChange> {
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

impl Recording {
    /// Reads the recording at `path`.
    pub fn read(path: &Path) -> Result<Recording, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut recording = Recording::default();
        for (number, line) in text.lines().enumerate() {
            let bad = || format!("{}: line {}: not an entry of a recording", path.display(), number + 1);
            let value: Value = serde_json::from_str(line).map_err(|_| bad())?;
            if let Some(version) = value["ovn"].as_str() {
                recording.version = version.to_owned();
            } else {
                recording.items.push(item_of(&value).ok_or_else(bad)?);
            }
        }
        Ok(recording)
    }

    /// Writes the recording to `path`.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = json!({ "ovn": self.version }).to_string() + "\n";
        for item in &self.items {
            text += &item_json(item).to_string();
            text.push('\n');
        }
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn item_json(item: &Item) -> Value {
    match item {
        Item::Step(step) => json!({
            "step": step.line,
            "changes": step.changes.iter().map(change_json).collect::<Vec<_>>(),
            "bindings": step.bindings.iter().map(|(port, columns)| json!([&**port, columns_json(columns)])).collect::<Vec<_>>(),
        }),
        Item::Check(check) => json!({
            "check": check.southbound.rows,
            "keys": check.southbound.keys.numbers.iter().map(|((space, owner), key)| json!([space, owner, key])).collect::<Vec<_>>(),
            "hints": check.southbound.hints,
            "northbound": check.northbound,
        }),
    }
}

fn item_of(value: &Value) -> Option<Item> {
    let lines = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|line| Some(line.as_str()?.to_owned())).collect()
    };
    if let Some(line) = value["step"].as_str() {
        let binding = |value: &Value| Some((Text::from(value.get(0)?.as_str()?), columns_of(value.get(1)?)?));
        return Some(Item::Step(Step {
            line: line.to_owned(),
            changes: value["changes"].as_array()?.iter().map(change_of).collect::<Option<_>>()?,
            bindings: value["bindings"].as_array()?.iter().map(binding).collect::<Option<_>>()?,
        }));
    }
    let key = |value: &Value| {
        let part = |at| Some(value.get(at)?.as_str()?.to_owned());
        Some(((part(0)?, part(1)?), value.get(2)?.as_i64()?))
    };
    let numbers = value["keys"].as_array()?.iter().map(key).collect::<Option<BTreeMap<_, _>>>()?;
    let hint = |(line, hint): (&String, &Value)| Some((line.clone(), hint.as_str()?.to_owned()));
    let hints = value["hints"].as_object()?.iter().map(hint).collect::<Option<_>>()?;
    Some(Item::Check(Box::new(Check {
        southbound: Normal { rows: lines(&value["check"])?, keys: Keys { numbers }, hints },
        northbound: lines(&value["northbound"])?,
    })))
}
