//! Which tables and columns are replicated: the wish of the user, as far as the server's schema
//! can grant it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::{Datum, Text};

use super::event::Warning;
use crate::ovsdb::codec::write_string;
use crate::ovsdb::schema::{ColumnType, DatabaseSchema, TableSchema};

/// A table that the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRequest {
    /// Its name.
    pub table: Text,
    /// The names of the columns.
    pub columns: Vec<Text>,
    /// How closely it is followed.
    pub kind: Kind,
}

/// The tables that a client replicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// These.
    These(Vec<TableRequest>),
    /// All that the server's schema has, in full and in the order of their names, but for the ones named.
    AllBut(Vec<Text>),
}

impl From<Vec<TableRequest>> for Tables {
    fn from(tables: Vec<TableRequest>) -> Tables {
        Tables::These(tables)
    }
}

impl Tables {
    /// The tables as requests to a server with this schema.
    pub(super) fn requests(&self, schema: &DatabaseSchema) -> Cow<'_, [TableRequest]> {
        let but = match self {
            Tables::These(tables) => return Cow::Borrowed(tables),
            Tables::AllBut(but) => but,
        };
        let wanted = schema.tables.iter().filter(|(name, _)| !but.contains(name));
        let request = |(name, table): (&Text, &TableSchema)| TableRequest {
            table: name.clone(),
            columns: table.columns.keys().cloned().collect(),
            kind: Kind::Full,
        };
        Cow::Owned(wanted.map(request).collect())
    }
}

/// How closely a table is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its contents, then every change.
    Full,
    /// Its contents with a snapshot or on request, no changes: right for what only we write.
    /// They may be slightly newer than the rest of the snapshot.
    InitialOnly,
}

/// The tables and columns as they are replicated, in the order of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The tables.
    pub tables: Vec<TableLayout>,
    /// Those that the server has, by name.
    pub(super) names: BTreeMap<Text, usize>,
}

/// One table as it is replicated.
#[derive(Clone, Debug, PartialEq)]
pub struct TableLayout {
    /// Its name.
    pub name: Text,
    /// How closely it is followed.
    pub kind: Kind,
    /// The columns; no type where the server lacks the column.
    pub columns: Vec<(Text, Option<ColumnType>)>,
    /// Those that the server has, by name.
    pub(super) names: BTreeMap<Text, (usize, ColumnType)>,
    /// The names of all columns that the server has.
    pub(super) all: BTreeSet<Text>,
}

impl Layout {
    /// What of `requests` the server can grant.
    pub fn new(requests: &[TableRequest], schema: &DatabaseSchema) -> Layout {
        let tables: Vec<TableLayout> = requests
            .iter()
            .map(|request| {
                let columns: Vec<(Text, Option<ColumnType>)> = request
                    .columns
                    .iter()
                    .map(|name| (name.clone(), schema.column(&request.table, name).cloned()))
                    .collect();
                let names = columns
                    .iter()
                    .enumerate()
                    .filter_map(|(index, (name, ty))| Some((name.clone(), (index, ty.clone()?))))
                    .collect();
                let all =
                    schema.tables.get(&request.table).map(|table| table.columns.keys().cloned().collect());
                let all = all.unwrap_or_default();
                TableLayout { name: request.table.clone(), kind: request.kind, columns, names, all }
            })
            .collect();
        let names = tables
            .iter()
            .enumerate()
            .filter(|(_, table)| schema.tables.contains_key(&table.name))
            .map(|(index, table)| (table.name.clone(), index))
            .collect();
        Layout { tables, names }
    }

    /// What the server lacks.
    pub(super) fn warnings(&self, database: &Text) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for table in &self.tables {
            let (database, name) = (database.clone(), table.name.clone());
            if !self.names.contains_key(&name) {
                warnings.push(Warning::MissingTable { database, table: name });
                continue;
            }
            for (column, _) in table.columns.iter().filter(|(_, ty)| ty.is_none()) {
                let (database, table) = (database.clone(), name.clone());
                warnings.push(Warning::MissingColumn { database, table, column: column.clone() });
            }
        }
        warnings
    }

    /// Whether the server has a table that is followed like `kind`.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.names.values().any(|index| self.tables[*index].kind == kind)
    }

    /// Whether the server has a column of a table.
    pub(super) fn has_column(&self, table: &str, column: &str) -> bool {
        self.names.get(table).is_some_and(|index| self.tables[*index].all.contains(column))
    }

    /// Appends the object of monitor requests for the tables followed like `kind`, restricted to
    /// rows that meet the table's `condition` (members of the array, JSON), if there is one.
    pub(super) fn write_requests(
        &self,
        out: &mut Vec<u8>,
        kind: Kind,
        condition: impl Fn(&str) -> Option<String>,
    ) {
        out.push(b'{');
        let mut first = true;
        for (name, index) in &self.names {
            let table = &self.tables[*index];
            if table.kind != kind {
                continue;
            }
            separate(out, &mut first);
            write_string(out, name);
            out.extend_from_slice(b":[{\"columns\":[");
            let mut first = true;
            for column in table.names.keys() {
                separate(out, &mut first);
                write_string(out, column);
            }
            out.push(b']');
            if kind == Kind::InitialOnly {
                out.extend_from_slice(
                    b",\"select\":{\"initial\":true,\"insert\":false,\"delete\":false,\"modify\":false}",
                );
            }
            if let Some(condition) = condition(name) {
                out.extend_from_slice(b",\"where\":[");
                out.extend_from_slice(condition.as_bytes());
                out.push(b']');
            }
            out.extend_from_slice(b"}]");
        }
        out.push(b'}');
    }

    /// A row of `table` in which no column has been given.
    pub(super) fn default_row(&self, table: usize) -> Box<[Datum]> {
        let default =
            |ty: &Option<ColumnType>| ty.as_ref().map_or_else(Datum::none, ColumnType::default_datum);
        self.tables[table].columns.iter().map(|(_, ty)| default(ty)).collect()
    }
}

/// Appends a comma unless it is the `first` time.
pub(super) fn separate(out: &mut Vec<u8>, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn layout() -> Layout {
        let schema = DatabaseSchema::parse(
            r#"{"name":"D","version":"1.0.0","tables":{
                "A":{"columns":{"name":{"type":"string"},
                    "set":{"type":{"key":"integer","min":0,"max":"unlimited"}},
                    "map":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}},
                "B":{"columns":{"n":{"type":"integer"}}}}}"#,
        )
        .unwrap();
        let request = |table: &str, columns: &[&str], kind| TableRequest {
            table: table.into(),
            columns: columns.iter().map(|&column| column.into()).collect(),
            kind,
        };
        Layout::new(
            &[
                request("B", &["n"], Kind::InitialOnly),
                request("None", &["x"], Kind::Full),
                request("A", &["set", "absent", "name", "map"], Kind::Full),
            ],
            &schema,
        )
    }

    #[test]
    fn what_the_server_lacks_is_left_out_and_told() {
        let layout = layout();
        let mut out = Vec::new();
        layout.write_requests(&mut out, Kind::Full, |_| None);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"A":[{"columns":["map","name","set"]}]}"#);
        assert_eq!(
            layout.warnings(&"D".into()),
            [
                Warning::MissingTable { database: "D".into(), table: "None".into() },
                Warning::MissingColumn { database: "D".into(), table: "A".into(), column: "absent".into() },
            ]
        );
        assert!(layout.has(Kind::InitialOnly));
    }

    #[test]
    fn initial_only_tables_ask_for_no_changes() {
        let mut out = Vec::new();
        layout().write_requests(&mut out, Kind::InitialOnly, |_| Some(r#"["n","==",1]"#.to_owned()));
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            value,
            serde_json::json!({ "B": [{ "columns": ["n"], "where": [["n", "==", 1]],
                "select": { "initial": true, "insert": false, "delete": false, "modify": false } }] })
        );
    }
}
