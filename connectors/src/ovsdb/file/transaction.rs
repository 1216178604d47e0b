//! The JSON of one transaction (ovsdb(5), "Standalone Format"), as written: differences are still
//! differences.

use std::collections::BTreeMap;
use std::fmt;

use northflow_rules::ovsdb::{Text, Uuid};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::ovsdb::codec::{Columns, RowSeed, UuidSeed};
use crate::ovsdb::schema::TableSchema;

/// A transaction as a record holds it.
#[derive(Debug, Default)]
pub(super) struct RawTransaction {
    pub(super) date_ms: Option<i64>,
    pub(super) comment: Option<String>,
    /// Whether the columns of rows that exist are differences.
    pub(super) is_diff: bool,
    /// Table, row and its columns; no columns for a row that is gone.
    pub(super) rows: Vec<(Text, Uuid, Option<Columns>)>,
}

impl RawTransaction {
    /// Reads the part that concerns `tables`.
    pub(super) fn read(json: &[u8], tables: &BTreeMap<Text, TableSchema>) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = TransactionSeed(tables).deserialize(&mut deserializer);
        let read = read.and_then(|raw| deserializer.end().map(|()| raw));
        read.map_err(|e| format!("not a transaction: {e}"))
    }
}

struct TransactionSeed<'a>(&'a BTreeMap<Text, TableSchema>);

impl<'de> DeserializeSeed<'de> for TransactionSeed<'_> {
    type Value = RawTransaction;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawTransaction, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// A member of a transaction.
enum Key<'a> {
    Date,
    Comment,
    IsDiff,
    Table(&'a Text, &'a TableSchema),
    Other,
}

struct KeySeed<'a>(&'a BTreeMap<Text, TableSchema>);

impl<'de, 'a> DeserializeSeed<'de> for KeySeed<'a> {
    type Value = Key<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for KeySeed<'a> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'a>, E> {
        Ok(match name {
            "_date" => Key::Date,
            "_comment" => Key::Comment,
            "_is_diff" => Key::IsDiff,
            _ => match self.0.get_key_value(name) {
                Some((name, table)) => Key::Table(name, table),
                None => Key::Other,
            },
        })
    }
}

impl<'de> Visitor<'de> for TransactionSeed<'_> {
    type Value = RawTransaction;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTransaction, A::Error> {
        let mut raw = RawTransaction::default();
        while let Some(key) = map.next_key_seed(KeySeed(self.0))? {
            match key {
                Key::Date => raw.date_ms = Some(map.next_value()?),
                Key::Comment => raw.comment = Some(map.next_value()?),
                Key::IsDiff => raw.is_diff = map.next_value()?,
                Key::Table(name, table) => map
                    .next_value_seed(RowsSeed { name, table, rows: &mut raw.rows })
                    .map_err(|e| de::Error::custom(format!("table {name}: {e}")))?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(raw)
    }
}

/// Appends one table's rows.
struct RowsSeed<'a> {
    name: &'a Text,
    table: &'a TableSchema,
    rows: &'a mut Vec<(Text, Uuid, Option<Columns>)>,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(uuid) = map.next_key_seed(UuidSeed)? {
            let columns = map
                .next_value_seed(MaybeRowSeed(self.table))
                .map_err(|e| de::Error::custom(format!("row {uuid}: {e}")))?;
            self.rows.push((self.name.clone(), uuid, columns));
        }
        Ok(())
    }
}

struct MaybeRowSeed<'a>(&'a TableSchema);

impl<'de> DeserializeSeed<'de> for MaybeRowSeed<'_> {
    type Value = Option<Columns>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Columns>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MaybeRowSeed<'_> {
    type Value = Option<Columns>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<Columns>, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<Columns>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Columns>, D::Error> {
        RowSeed(&self.0.columns).deserialize(deserializer).map(Some)
    }
}
