//! What a reader remembers of a database, so that it can tell insertions from modifications and
//! work out differences.
//!
//! Of each row it keeps the columns whose changes are written as differences. Of a clustered file
//! it keeps every wanted column, because a schema conversion may be recorded without the data.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use northflow_rules::ovsdb::{Datum, Text, Uuid};

use super::transaction::RawTransaction;
use super::{RowChange, Transaction, Wanted};
use crate::ovsdb::codec::{Columns, DatumSeed, apply_diff, write_datum};
use crate::ovsdb::schema::{ColumnType, DatabaseSchema, TableSchema};

/// Schemas, and rows by table. A row's columns are sorted by name.
#[derive(Debug)]
pub(super) struct Replica {
    wanted: Wanted,
    keep_all: bool,
    schema: Option<Arc<DatabaseSchema>>,
    /// The wanted part of the schema.
    tables: BTreeMap<Text, TableSchema>,
    rows: HashMap<Text, HashMap<Uuid, Columns>>,
}

impl Replica {
    pub(super) fn new(wanted: Wanted) -> Replica {
        Replica { wanted, keep_all: false, schema: None, tables: BTreeMap::new(), rows: HashMap::new() }
    }

    /// Keeps all wanted columns from now on.
    pub(super) fn keep_all(&mut self) {
        self.keep_all = true;
    }

    /// The whole schema.
    pub(super) fn schema(&self) -> Option<&Arc<DatabaseSchema>> {
        self.schema.as_ref()
    }

    /// The wanted part of the schema.
    pub(super) fn tables(&self) -> &BTreeMap<Text, TableSchema> {
        &self.tables
    }

    /// Takes on a schema, leaving the rows; gives it back shared.
    pub(super) fn adopt(&mut self, schema: DatabaseSchema) -> Arc<DatabaseSchema> {
        self.tables = schema.tables.clone();
        if let Wanted::Columns(wanted) = &self.wanted {
            self.tables.retain(|name, table| {
                let Some(columns) = wanted.get(name) else { return false };
                table.columns.retain(|name, _| columns.contains(name));
                true
            });
        }
        let schema = Arc::new(schema);
        self.schema = Some(schema.clone());
        schema
    }

    /// Takes on a schema and no rows; gives the deletions of all there were.
    pub(super) fn reset(&mut self, schema: DatabaseSchema) -> Transaction {
        let schema = self.adopt(schema);
        let mut changes = Vec::new();
        for (table, rows) in mem::take(&mut self.rows) {
            changes.extend(rows.into_keys().map(|uuid| (table.clone(), uuid, RowChange::Delete)));
        }
        changes.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        Transaction { schema: Some(schema), changes, ..Transaction::default() }
    }

    /// Applies a transaction, working out its differences.
    pub(super) fn apply(&mut self, raw: RawTransaction) -> Result<Transaction, String> {
        let mut changes = Vec::with_capacity(raw.rows.len());
        for (name, uuid, columns) in raw.rows {
            let Some(table) = self.tables.get(&name) else { continue };
            let rows = self.rows.entry(name.clone()).or_default();
            let change = match (columns, rows.get_mut(&uuid)) {
                (None, None) => {
                    return Err(format!("table {name}: row {uuid} is deleted and does not exist"));
                }
                (None, Some(_)) => {
                    rows.remove(&uuid);
                    RowChange::Delete
                }
                (Some(given), None) => {
                    let columns = complete(table, given);
                    let keep = |name: &Text| self.keep_all || table.columns[name].ty.is_composite();
                    let kept = columns.iter().filter(|(name, _)| keep(name)).cloned().collect();
                    rows.insert(uuid, kept);
                    RowChange::Insert(columns)
                }
                (Some(given), Some(row)) => {
                    let columns = modify(table, row, given, raw.is_diff);
                    if columns.is_empty() {
                        continue;
                    }
                    RowChange::Modify(columns)
                }
            };
            changes.push((name, uuid, change));
        }
        Ok(Transaction { date_ms: raw.date_ms, comment: raw.comment, schema: None, changes })
    }

    /// Takes on a schema and converts the rows to it, as the server does when the log has no
    /// converted data: tables and columns that are gone disappear, new columns have their defaults,
    /// and a column whose type changed must hold what the new type allows.
    pub(super) fn convert(&mut self, schema: DatabaseSchema) -> Result<Transaction, String> {
        let before = mem::take(&mut self.tables);
        let schema = self.adopt(schema);
        let mut changes = Vec::new();
        for (name, rows) in mem::take(&mut self.rows) {
            let Some(table) = self.tables.get(&name) else {
                changes.extend(rows.into_keys().map(|uuid| (name.clone(), uuid, RowChange::Delete)));
                continue;
            };
            let old_types = before.get(&name).map(|table| &table.columns);
            let mut converted = HashMap::with_capacity(rows.len());
            for (uuid, row) in rows {
                let mut given = Columns::new();
                let mut same = HashSet::new();
                for (column, datum) in row {
                    let Some(new) = table.columns.get(&column).map(|c| &c.ty) else { continue };
                    if old_types.and_then(|old| old.get(&column)).is_some_and(|old| old.ty == *new) {
                        same.insert(column.clone());
                        given.push((column, datum));
                    } else {
                        let datum = convert(&datum, new).map_err(|e| {
                            format!("table {name}: row {uuid}: column {column}: {e} in the new schema")
                        })?;
                        given.push((column, datum));
                    }
                }
                let columns = complete(table, given);
                let changed: Columns =
                    columns.iter().filter(|(column, _)| !same.contains(column)).cloned().collect();
                converted.insert(uuid, columns);
                if !changed.is_empty() {
                    changes.push((name.clone(), uuid, RowChange::Modify(changed)));
                }
            }
            self.rows.insert(name, converted);
        }
        changes.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        Ok(Transaction { schema: Some(schema), changes, ..Transaction::default() })
    }
}

/// A row of every column of `table`, sorted by name: what is given, or else the default.
fn complete(table: &TableSchema, mut given: Columns) -> Columns {
    given.sort_by(|a, b| a.0.cmp(&b.0));
    let mut given = given.into_iter().peekable();
    let mut columns = Columns::with_capacity(table.columns.len());
    for (name, column) in &table.columns {
        let mut datum = None;
        while let Some(value) = given.next_if(|value| value.0 == *name) {
            datum = Some(value.1);
        }
        columns.push((name.clone(), datum.unwrap_or_else(|| column.ty.default_datum())));
    }
    columns
}

/// Brings what is kept of a row up to date; gives the new values.
fn modify(table: &TableSchema, row: &mut Columns, given: Columns, is_diff: bool) -> Columns {
    let mut columns = Columns::with_capacity(given.len());
    for (name, mut datum) in given {
        if let Ok(place) = row.binary_search_by(|kept| kept.0.cmp(&name)) {
            let kept = &mut row[place].1;
            if is_diff && let Some(column) = table.columns.get(&name) {
                apply_diff(kept, &datum, &column.ty);
                datum = kept.clone();
            } else {
                kept.clone_from(&datum);
            }
        }
        columns.push((name, datum));
    }
    columns
}

/// The same JSON read as another type.
fn convert(datum: &Datum, ty: &ColumnType) -> Result<Datum, String> {
    use serde::de::DeserializeSeed as _;
    let mut json = Vec::new();
    write_datum(&mut json, datum, ty);
    let datum = DatumSeed(ty)
        .deserialize(&mut serde_json::Deserializer::from_slice(&json))
        .map_err(|e| e.to_string())?;
    let count = match &datum {
        Datum::Set(atoms) => atoms.len(),
        Datum::Map(pairs) => pairs.len(),
    };
    if count < ty.min as usize || count > ty.max as usize {
        return Err(format!("{count} elements do not fit"));
    }
    Ok(datum)
}
