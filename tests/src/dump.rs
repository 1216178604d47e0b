//! The contents of a database, whoever holds it.

use std::collections::BTreeMap;

use northflow_connectors::change::{Edit, RowChange};
use northflow_connectors::memory::MemoryDatabase;
use northflow_rules::ovsdb::{Atom, Datum, Real, Text, Uuid};
use northflow_rules::schema::Database;
use serde_json::{Value, json};

use crate::reference::{Databases, Reference};

/// Columns of a row.
pub type Row = BTreeMap<Text, Datum>;

/// Tables of rows.
pub type Dump = BTreeMap<Text, BTreeMap<Uuid, Row>>;

/// What the server of one of the two databases holds.
pub fn of_server(reference: &Reference, databases: &Databases, which: Database) -> Result<Dump, String> {
    let remote = databases.remote(if which == Database::Northbound { "nb" } else { "sb" });
    of_remote(reference, &remote, which.name())
}

/// What the server at `remote` holds of the database called `name`.
pub fn of_remote(reference: &Reference, remote: &str, name: &str) -> Result<Dump, String> {
    let text = reference.output("ovsdb-client", &["dump", "--format=json", remote, name])?;
    let mut dump = Dump::new();
    for table in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let table = table.map_err(|error| format!("ovsdb-client dump: {error}"))?;
        let caption = table["caption"].as_str().unwrap_or("");
        let name = caption.trim_end_matches(" table");
        let headings: Vec<&str> = array(&table["headings"]).iter().filter_map(Value::as_str).collect();
        let rows = dump.entry(name.into()).or_default();
        for cells in array(&table["data"]) {
            let mut row = Row::new();
            let mut uuid = Uuid::ZERO;
            for (heading, cell) in headings.iter().zip(array(cells)) {
                let datum = datum(cell).ok_or_else(|| format!("table {name}: cell {cell}"))?;
                match (*heading, &datum) {
                    ("_uuid", Datum::Set(atoms)) => {
                        if let [Atom::Uuid(id)] = atoms[..] {
                            uuid = id;
                        }
                    }
                    _ => drop(row.insert((*heading).into(), datum)),
                }
            }
            rows.insert(uuid, row);
        }
    }
    Ok(dump)
}

/// What a database in memory holds.
pub fn of_memory(database: &MemoryDatabase) -> Dump {
    database.tables().clone()
}

/// What makes `after` of `before`.
pub fn difference(database: Database, before: &Dump, after: &Dump) -> Vec<RowChange> {
    let nothing = BTreeMap::new();
    let mut changes = Vec::new();
    let tables: std::collections::BTreeSet<&Text> = before.keys().chain(after.keys()).collect();
    for table in tables {
        let old = before.get(table).unwrap_or(&nothing);
        let new = after.get(table).unwrap_or(&nothing);
        let mut change = |uuid: &Uuid, edit| {
            changes.push(RowChange { database, table: table.clone(), uuid: *uuid, edit });
        };
        for uuid in old.keys().filter(|uuid| !new.contains_key(uuid)) {
            change(uuid, Edit::Delete);
        }
        for (uuid, row) in new {
            let pair = |(name, datum): (&Text, &Datum)| (name.clone(), datum.clone());
            match old.get(uuid) {
                None => change(uuid, Edit::Insert(row.iter().map(pair).collect())),
                Some(before) => {
                    let changed: Vec<_> = row
                        .iter()
                        .filter(|(name, datum)| before.get(*name) != Some(datum))
                        .map(pair)
                        .collect();
                    if !changed.is_empty() {
                        change(uuid, Edit::Update(changed));
                    }
                }
            }
        }
    }
    changes
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Reads a column's value from its OVSDB JSON, without knowing its type.
pub fn datum(value: &Value) -> Option<Datum> {
    match value.as_array().map(Vec::as_slice) {
        Some([kind, items]) if kind == "set" => {
            Some(Datum::set(array(items).iter().map(atom).collect::<Option<Vec<_>>>()?))
        }
        Some([kind, items]) if kind == "map" => {
            let pair = |pair: &Value| Some((atom(pair.get(0)?)?, atom(pair.get(1)?)?));
            Some(Datum::map(array(items).iter().map(pair).collect::<Option<Vec<_>>>()?))
        }
        _ => Some(Datum::scalar(atom(value)?)),
    }
}

fn atom(value: &Value) -> Option<Atom> {
    match value {
        Value::String(text) => Some(Atom::text(text.as_str())),
        Value::Bool(flag) => Some(Atom::Boolean(*flag)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(number) => Atom::Integer(number),
            None => Atom::Real(Real(number.as_f64()?)),
        }),
        Value::Array(items) if items.first()? == "uuid" => {
            Some(Atom::Uuid(Uuid::parse(items.get(1)?.as_str()?)?))
        }
        _ => None,
    }
}

/// Writes a column's value as OVSDB JSON that [`datum`] reads back.
pub fn to_json(datum: &Datum) -> Value {
    let atom = |atom: &Atom| match atom {
        Atom::Integer(number) => json!(number),
        Atom::Real(Real(number)) => json!(number),
        Atom::Boolean(flag) => json!(flag),
        Atom::String(text) => json!(&**text),
        Atom::Uuid(uuid) => json!(["uuid", uuid.to_string()]),
    };
    match datum {
        Datum::Set(atoms) => match &atoms[..] {
            [only] => atom(only),
            all => json!(["set", all.iter().map(atom).collect::<Vec<_>>()]),
        },
        Datum::Map(pairs) => {
            let pairs: Vec<Value> =
                pairs.iter().map(|(key, value)| json!([atom(key), atom(value)])).collect();
            json!(["map", pairs])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        for text in [
            r#"["set",[]]"#,
            r#"["set",[1,2]]"#,
            r#""a""#,
            "true",
            r#"["map",[["a","b"]]]"#,
            r#"["uuid","00000000-0000-0000-0000-000000000001"]"#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(to_json(&datum(&value).unwrap()), value);
        }
    }
}
