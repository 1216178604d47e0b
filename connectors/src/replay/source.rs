//! Database files as row changes, and back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use northflow_rules::northd::OUTPUTS;
use northflow_rules::ovsdb::Text;
use northflow_rules::schema::Database;

use super::Failure;
use crate::change::{Edit, RowChange};
use crate::memory::MemoryDatabase;
use crate::ovsdb::file::{FileError, Reader, RowChange as FileChange, Transaction, Wanted, Writer};
use crate::ovsdb::schema::{ColumnSchema, DatabaseSchema, TableSchema};
use crate::recording;
use crate::tables::column_type;

/// The transactions of a file.
#[derive(Debug)]
pub struct Source {
    reader: Reader<BufReader<File>>,
    /// The database of all its tables; `None` for a recording.
    database: Option<Database>,
}

impl Source {
    /// Opens a file of one of OVN's two databases, or a recording of both.
    pub fn open(path: &Path) -> Result<Source, Failure> {
        let reader = Reader::open(path, Wanted::All)?;
        let name = reader.schema().name.clone();
        let mut databases = [Database::Northbound, Database::Southbound].into_iter();
        let database = databases.find(|database| database.name() == &*name);
        if database.is_none() && &*name != recording::NAME {
            let problem = "is neither OVN's northbound nor southbound, and no recording of them";
            return Err(format!("{}: database \"{name}\" {problem}", path.display()).into());
        }
        Ok(Source { reader, database })
    }

    /// The database whose file it is; `None` for a recording of both.
    pub fn database(&self) -> Option<Database> {
        self.database
    }

    /// Whether it tells of both databases, so that what follows from a change is in it.
    pub fn is_recording(&self) -> bool {
        self.database.is_none()
    }

    /// How far the file has been read, in bytes.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }
}

/// A transaction of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What its author said of it.
    pub comment: Option<String>,
    /// When it was committed, in milliseconds since 1970 UTC.
    pub date_ms: Option<i64>,
    /// What it changed.
    pub changes: Vec<RowChange>,
}

impl Iterator for Source {
    type Item = Result<Recorded, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let transaction = match self.reader.next()? {
            Ok(transaction) => transaction,
            Err(error) => return Some(Err(error)),
        };
        let database = self.database;
        let change = |(table, uuid, change): (Text, _, _)| {
            // A table of a recording that is of neither database is one that a later version has.
            let (database, table) = match database {
                Some(database) => (database, table),
                None => recording::table_of(&table).map(|(database, table)| (database, table.into()))?,
            };
            let edit = match change {
                FileChange::Insert(columns) => Edit::Insert(columns),
                FileChange::Modify(columns) => Edit::Update(columns),
                FileChange::Delete => Edit::Delete,
            };
            Some(RowChange { database, table, uuid, edit })
        };
        let changes = transaction.changes.into_iter().filter_map(change).collect();
        Some(Ok(Recorded { comment: transaction.comment, date_ms: transaction.date_ms, changes }))
    }
}

/// Writes a southbound database file that `ovsdb-tool` and `ovsdb-server` accept.
pub(super) fn write(path: &Path, schema: Option<&Path>, contents: &MemoryDatabase) -> Result<(), Failure> {
    let schema = match schema {
        Some(path) => DatabaseSchema::parse(&std::fs::read_to_string(path)?)?,
        None => own_schema(),
    };
    let mut changes = Vec::new();
    for (table, rows) in contents.tables() {
        let Some(known) = schema.tables.get(table) else { continue };
        for (uuid, columns) in rows {
            let columns = columns
                .iter()
                .filter(|(name, _)| known.columns.contains_key(*name))
                .map(|(name, datum)| (name.clone(), datum.clone()))
                .collect();
            changes.push((table.clone(), *uuid, FileChange::Insert(columns)));
        }
    }
    let mut writer = Writer::create(path, Arc::new(schema))?;
    let comment = Some("written by northflow replay".to_owned());
    writer.write(&Transaction { date_ms: None, comment, schema: None, changes })?;
    writer.finish()?;
    Ok(())
}

/// A schema with the tables and columns that we write.
fn own_schema() -> DatabaseSchema {
    let mut tables: BTreeMap<Text, BTreeMap<Text, ColumnSchema>> = BTreeMap::new();
    for output in OUTPUTS.iter().filter(|output| output.info.database == Database::Southbound) {
        let columns = tables.entry(output.info.name.into()).or_default();
        for (name, kind) in output.info.columns.iter().zip(output.info.kinds) {
            let schema = ColumnSchema { ty: column_type(kind), ephemeral: false, mutable: true };
            columns.entry((*name).into()).or_insert(schema);
        }
    }
    let table = |columns| TableSchema { columns, max_rows: None, is_root: true, indexes: Vec::new() };
    DatabaseSchema {
        name: Database::Southbound.name().into(),
        version: "0.0.0".into(),
        cksum: None,
        tables: tables.into_iter().map(|(name, columns)| (name, table(columns))).collect(),
    }
}
