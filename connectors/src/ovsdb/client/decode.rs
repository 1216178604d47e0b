//! Table updates (RFC 7047 section 4.1.6; ovsdb-server(7), `update2` and `update3`), decoded row by
//! row from their text.

use std::fmt;

use northflow_rules::ovsdb::{Datum, Text, Uuid};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::event::{RowUpdate, TableUpdate, Update};
use super::layout::{Layout, TableLayout};
use crate::ovsdb::codec::{DatumSeed, NameSeed, UuidSeed};

/// The dialects of the monitor request, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `monitor` and `update`.
    Monitor,
    /// `monitor_cond` and `update2`.
    MonitorCond,
    /// `monitor_cond_since` and `update3`.
    MonitorCondSince,
}

impl Version {
    /// The request's method.
    pub fn request(self) -> &'static str {
        match self {
            Version::Monitor => "monitor",
            Version::MonitorCond => "monitor_cond",
            Version::MonitorCondSince => "monitor_cond_since",
        }
    }

    /// The version whose notifications have this method.
    pub fn of_update(method: &str) -> Option<Version> {
        match method {
            "update" => Some(Version::Monitor),
            "update2" => Some(Version::MonitorCond),
            "update3" => Some(Version::MonitorCondSince),
            _ => None,
        }
    }

    /// What to ask for when the server does not know this one.
    pub fn fallback(self) -> Option<Version> {
        match self {
            Version::Monitor => None,
            Version::MonitorCond => Some(Version::Monitor),
            Version::MonitorCondSince => Some(Version::MonitorCond),
        }
    }
}

/// Reads the result of a monitor request: whether the server continued from the transaction that
/// the request named, and the rows.
pub fn monitor_reply(
    layout: &Layout,
    version: Version,
    result: &str,
) -> Result<(bool, Update), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(result);
    let reply = match version {
        Version::MonitorCondSince => json.deserialize_seq(SinceReply(layout))?,
        _ => {
            let tables = TablesSeed { layout, version }.deserialize(&mut json)?;
            (false, Update { tables, transaction: Uuid::ZERO })
        }
    };
    json.end()?;
    Ok(reply)
}

/// Reads the parameters of a notification: first of all the name of the monitor, which `layout`
/// answers with what it monitors, or with `None` if it is not known (any more).
pub fn notification<'l>(
    version: Version,
    params: &str,
    layout: impl FnOnce(&str) -> Option<&'l Layout>,
) -> Result<Option<(Text, Update)>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(params);
    let update = json.deserialize_seq(Params { version, layout })?;
    json.end()?;
    Ok(update)
}

fn missing<E: de::Error>(what: &'static str) -> impl FnOnce() -> E {
    move || E::custom(format_args!("array ends before its {what}"))
}

struct SinceReply<'a>(&'a Layout);

impl<'de> Visitor<'de> for SinceReply<'_> {
    type Value = (bool, Update);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[found, last transaction, table updates]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(bool, Update), A::Error> {
        let found = seq.next_element()?.ok_or_else(missing("found flag"))?;
        let transaction = seq.next_element_seed(UuidSeed)?.ok_or_else(missing("transaction"))?;
        let tables = seq
            .next_element_seed(TablesSeed { layout: self.0, version: Version::MonitorCondSince })?
            .ok_or_else(missing("table updates"))?;
        Ok((found, Update { tables, transaction }))
    }
}

struct Params<F> {
    version: Version,
    layout: F,
}

impl<'de, 'l, F: FnOnce(&str) -> Option<&'l Layout>> Visitor<'de> for Params<F> {
    type Value = Option<(Text, Update)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parameters of an update notification")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let monitor: Text = seq.next_element()?.ok_or_else(missing("monitor"))?;
        let Some(layout) = (self.layout)(&monitor) else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let transaction = match self.version {
            Version::MonitorCondSince => {
                seq.next_element_seed(UuidSeed)?.ok_or_else(missing("transaction"))?
            }
            _ => Uuid::ZERO,
        };
        let tables = seq
            .next_element_seed(TablesSeed { layout, version: self.version })?
            .ok_or_else(missing("table updates"))?;
        Ok(Some((monitor, Update { tables, transaction })))
    }
}

/// `<table-updates>`, of any version.
struct TablesSeed<'a> {
    layout: &'a Layout,
    version: Version,
}

impl<'de> DeserializeSeed<'de> for TablesSeed<'_> {
    type Value = Vec<TableUpdate>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TablesSeed<'_> {
    type Value = Vec<TableUpdate>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("table updates: an object of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tables = Vec::new();
        while let Some(table) = map.next_key_seed(NameSeed(&self.layout.names))? {
            match table {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((name, &table)) => {
                    let seed = RowsSeed { table: &self.layout.tables[table], version: self.version };
                    let rows = map
                        .next_value_seed(seed)
                        .map_err(|error| de::Error::custom(format_args!("table {name}: {error}")))?;
                    tables.push(TableUpdate { table, rows });
                }
            }
        }
        Ok(tables)
    }
}

struct RowsSeed<'a> {
    table: &'a TableLayout,
    version: Version,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = Vec<(Uuid, RowUpdate)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = Vec<(Uuid, RowUpdate)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table update: an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(uuid) = map.next_key_seed(UuidSeed)? {
            let seed = RowUpdateSeed { table: self.table, version: self.version };
            let row = map
                .next_value_seed(seed)
                .map_err(|error| de::Error::custom(format_args!("row {uuid}: {error}")))?;
            rows.push((uuid, row));
        }
        rows.shrink_to_fit();
        Ok(rows)
    }
}

struct RowUpdateSeed<'a> {
    table: &'a TableLayout,
    version: Version,
}

impl<'de> DeserializeSeed<'de> for RowUpdateSeed<'_> {
    type Value = RowUpdate;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RowUpdate, D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Member {
    Initial,
    Insert,
    Modify,
    Delete,
    Old,
    New,
}

impl<'de> Visitor<'de> for RowUpdateSeed<'_> {
    type Value = RowUpdate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.version {
            Version::Monitor => "a row update: an object with \"old\", \"new\" or both",
            _ => "a row update: an object with \"initial\", \"insert\", \"modify\" or \"delete\"",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RowUpdate, A::Error> {
        let (mut old, mut new, mut only) = (false, None, None);
        while let Some(member) = map.next_key::<Member>()? {
            let columns = ColumnsSeed(self.table);
            match member {
                Member::Old => {
                    map.next_value::<IgnoredAny>()?;
                    old = true;
                }
                Member::New => new = Some(map.next_value_seed(columns)?),
                Member::Initial | Member::Insert => {
                    only = Some(RowUpdate::Insert(map.next_value_seed(columns)?));
                }
                Member::Modify => {
                    let columns = map.next_value_seed(columns)?;
                    only = Some(RowUpdate::Modify { columns, is_diff: true });
                }
                Member::Delete => {
                    map.next_value::<IgnoredAny>()?;
                    only = Some(RowUpdate::Delete);
                }
            }
        }
        match (self.version, only, old, new) {
            (Version::Monitor, None, false, Some(columns)) => Ok(RowUpdate::Insert(columns)),
            (Version::Monitor, None, true, Some(columns)) => {
                Ok(RowUpdate::Modify { columns, is_diff: false })
            }
            (Version::Monitor, None, true, None) => Ok(RowUpdate::Delete),
            (Version::MonitorCond | Version::MonitorCondSince, Some(update), false, None) => Ok(update),
            _ => Err(de::Error::custom("the members of the row update do not go together")),
        }
    }
}

/// A row, its columns by their places.
struct ColumnsSeed<'a>(&'a TableLayout);

impl<'de> DeserializeSeed<'de> for ColumnsSeed<'_> {
    type Value = Vec<(usize, Datum)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ColumnsSeed<'_> {
    type Value = Vec<(usize, Datum)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut columns = Vec::with_capacity(self.0.names.len());
        while let Some(column) = map.next_key_seed(NameSeed(&self.0.names))? {
            match column {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((name, (index, ty))) => {
                    let datum = map
                        .next_value_seed(DatumSeed(ty))
                        .map_err(|error| de::Error::custom(format_args!("column {name}: {error}")))?;
                    columns.push((*index, datum));
                }
            }
        }
        columns.shrink_to_fit();
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Atom;

    use super::super::layout::tests::layout;
    use super::*;

    const ROW: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

    fn rows(version: Version, tables: &str) -> Result<Vec<TableUpdate>, String> {
        let layout = layout();
        let text = match version {
            Version::MonitorCondSince => format!("[\"data\",\"{ROW}\",{tables}]"),
            _ => format!("[\"data\",{tables}]"),
        };
        notification(version, &text, |monitor| (monitor == "data").then_some(&layout))
            .map(|update| update.unwrap().1.tables)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn update3_names_tables_and_columns_by_place() {
        let text = format!(
            r#"{{"Other":{{"x":1}},"A":{{"{ROW}":{{"modify":{{"set":["set",[3,1]],"later":7}}}}}},
                "B":{{"{ROW}":{{"insert":{{"n":4}}}}}}}}"#
        );
        let uuid = Uuid::parse(ROW).unwrap();
        let set = Datum::set([Atom::Integer(1), Atom::Integer(3)]);
        assert_eq!(
            rows(Version::MonitorCondSince, &text).unwrap(),
            [
                TableUpdate {
                    table: 2,
                    rows: vec![(uuid, RowUpdate::Modify { columns: vec![(0, set)], is_diff: true })]
                },
                TableUpdate {
                    table: 0,
                    rows: vec![(uuid, RowUpdate::Insert(vec![(0, Datum::scalar(Atom::Integer(4)))]))]
                },
            ]
        );
    }

    #[test]
    fn the_old_monitor_gives_new_values() {
        let row = |row: &str| {
            let text = format!(r#"{{"A":{{"{ROW}":{row}}}}}"#);
            rows(Version::Monitor, &text).map(|mut tables| tables.remove(0).rows.remove(0).1)
        };
        let name = vec![(2, Datum::scalar(Atom::text("x")))];
        assert_eq!(row(r#"{"new":{"name":"x"}}"#).unwrap(), RowUpdate::Insert(name.clone()));
        assert_eq!(
            row(r#"{"old":{"name":"w"},"new":{"name":"x"}}"#).unwrap(),
            RowUpdate::Modify { columns: name, is_diff: false }
        );
        assert_eq!(row(r#"{"old":{"name":"w"}}"#).unwrap(), RowUpdate::Delete);
        assert!(row(r#"{"insert":{"name":"w"}}"#).unwrap_err().contains("do not go together"));
    }

    #[test]
    fn errors_name_the_place() {
        let text = format!(r#"{{"A":{{"{ROW}":{{"insert":{{"name":7}}}}}}}}"#);
        let error = rows(Version::MonitorCond, &text).unwrap_err();
        assert!(error.contains("table A") && error.contains(ROW) && error.contains("column name"), "{error}");
    }

    #[test]
    fn replies_and_foreign_monitors() {
        let layout = layout();
        let (found, update) =
            monitor_reply(&layout, Version::MonitorCondSince, &format!(r#"[true,"{ROW}",{{}}]"#)).unwrap();
        assert!(found && update.is_empty());
        assert_eq!(update.transaction, Uuid::parse(ROW).unwrap());
        assert!(monitor_reply(&layout, Version::MonitorCondSince, "[true]").is_err());
        assert_eq!(notification(Version::MonitorCond, r#"["other",{"A":[1]}]"#, |_| None).unwrap(), None);
    }
}
