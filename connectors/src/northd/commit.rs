//! The contents of what we own, as rows.

use std::collections::BTreeMap;

use northflow_rules::binding::{OutputTable, Role};
use northflow_rules::ovsdb::{Atom, Datum, Text};
use northflow_rules::schema::{Database, TableInfo};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use crate::change::{Edit, RowChange};
use crate::memory::MemoryDatabase;
use crate::ovsdb::client::Operations;
use crate::ovsdb::client::ops::Where;
use crate::ovsdb::codec::RowSeed;
use crate::ovsdb::schema::{AtomType, ColumnSchema, ColumnType};
use crate::tables::column_type;

/// The tables of `database` that the program owns, each with all columns that it writes.
fn owned(database: Database, outputs: &'static [OutputTable]) -> impl Iterator<Item = &'static TableInfo> {
    outputs
        .iter()
        .filter(move |output| output.role == Role::Own && output.info.database == database)
        .map(|output| &output.info)
}

/// Operations that read everything that the program owns.
pub(super) fn fetch(database: Database, outputs: &'static [OutputTable]) -> Operations {
    let mut operations = Operations::default();
    for info in owned(database, outputs) {
        let columns: Vec<&str> = std::iter::once("_uuid").chain(info.columns.iter().copied()).collect();
        operations.select(info.name, Where::All, &columns);
    }
    operations
}

/// What [`fetch`] has read; `rows` are the results of its operations. Fails on text that is not rows.
pub(super) fn fetched<'a>(
    database: Database,
    outputs: &'static [OutputTable],
    rows: impl Iterator<Item = Option<&'a str>>,
) -> Result<MemoryDatabase, serde_json::Error> {
    let mut contents = MemoryDatabase::default();
    for (info, rows) in owned(database, outputs).zip(rows) {
        let columns = column_schemas(info);
        let table: Text = info.name.into();
        let seed = RowsSeed {
            columns: &columns,
            each: |row: Vec<(Text, Datum)>| insert(&mut contents, &table, database, row),
        };
        let mut json = serde_json::Deserializer::from_str(rows.unwrap_or("[]"));
        seed.deserialize(&mut json)?;
    }
    Ok(contents)
}

fn insert(contents: &mut MemoryDatabase, table: &Text, database: Database, row: Vec<(Text, Datum)>) {
    let (id, columns): (Vec<_>, Vec<_>) = row.into_iter().partition(|(name, _)| &**name == "_uuid");
    let Some((_, Datum::Set(id))) = id.first() else { return };
    let Some(Atom::Uuid(uuid)) = id.first() else { return };
    let edit = Edit::Insert(columns);
    contents.apply(&RowChange { database, table: table.clone(), uuid: *uuid, edit });
}

/// The columns of a table, as far as reading their JSON needs.
fn column_schemas(info: &TableInfo) -> BTreeMap<Text, ColumnSchema> {
    let schema = |ty| ColumnSchema { ty, ephemeral: false, mutable: true };
    let mut columns: BTreeMap<Text, ColumnSchema> = BTreeMap::new();
    for (name, kind) in info.columns.iter().zip(info.kinds) {
        columns.insert((*name).into(), schema(column_type(kind)));
    }
    columns.insert("_uuid".into(), schema(ColumnType::scalar(AtomType::Uuid)));
    columns
}

/// Reads an array of rows, one at a time.
struct RowsSeed<'a, F> {
    columns: &'a BTreeMap<Text, ColumnSchema>,
    each: F,
}

impl<'de, F: FnMut(Vec<(Text, Datum)>)> DeserializeSeed<'de> for RowsSeed<'_, F> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Vec<(Text, Datum)>)> Visitor<'de> for RowsSeed<'_, F> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of rows")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(row) = seq.next_element_seed(RowSeed(self.columns))? {
            (self.each)(row);
        }
        Ok(())
    }
}
