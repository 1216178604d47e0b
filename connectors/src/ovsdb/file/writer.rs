//! Standalone database files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::write_record;
use super::{FileError, Reason, RowChange, Transaction};
use crate::ovsdb::codec::{Columns, write_datum, write_string};
use crate::ovsdb::schema::{DatabaseSchema, TableSchema};

/// Writes a standalone database file, one record per transaction.
///
/// Insertions leave out columns that hold their defaults, and ephemeral columns are never written.
/// The text of one record is held in memory at a time.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    path: PathBuf,
    offset: u64,
    body: Vec<u8>,
    schema: Arc<DatabaseSchema>,
}

impl Writer<BufWriter<File>> {
    /// Creates the file at `path`, which must not exist, and writes the schema.
    pub fn create(path: impl AsRef<Path>, schema: Arc<DatabaseSchema>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let file = File::create_new(path).map_err(|e| FileError::new(path, 0, Reason::Io(e)))?;
        Writer::new(BufWriter::with_capacity(1 << 16, file), path, schema)
    }
}

impl Writer<BufWriter<File>> {
    /// Hands every record out to the system; with `to_disk` it is to last even if the machine stops now.
    pub fn sync(&mut self, to_disk: bool) -> Result<(), FileError> {
        let flushed = self.out.flush();
        let synced = flushed.and_then(|()| if to_disk { self.out.get_ref().sync_data() } else { Ok(()) });
        synced.map_err(|e| FileError::new(&self.path, self.offset, Reason::Io(e)))
    }
}

impl<W: Write> Writer<W> {
    /// Writes the schema to `out`; `name` stands for it in errors.
    pub fn new(out: W, name: impl Into<PathBuf>, schema: Arc<DatabaseSchema>) -> Result<Self, FileError> {
        let body = schema.to_json().into_bytes();
        let mut writer = Writer { out, path: name.into(), offset: 0, body, schema };
        writer.record()?;
        Ok(writer)
    }

    /// Appends a transaction. Fails, writing nothing, when it names a table or column that the
    /// schema does not have, names a row twice, or changes the schema.
    pub fn write(&mut self, transaction: &Transaction) -> Result<(), FileError> {
        self.append(transaction, false)
    }

    /// The same with differences for the new values in [`RowChange::Modify`], as
    /// [`difference`](crate::ovsdb::codec::difference) gives them.
    pub fn write_differences(&mut self, transaction: &Transaction) -> Result<(), FileError> {
        self.append(transaction, true)
    }

    fn append(&mut self, transaction: &Transaction, is_diff: bool) -> Result<(), FileError> {
        self.body.clear();
        if let Err(reason) = compose(&mut self.body, &self.schema, transaction, is_diff) {
            return Err(FileError::new(&self.path, self.offset, Reason::Content(reason)));
        }
        self.record()
    }

    /// Hands out what is buffered and gives the output back.
    pub fn finish(mut self) -> Result<W, FileError> {
        self.out.flush().map_err(|e| FileError::new(&self.path, self.offset, Reason::Io(e)))?;
        Ok(self.out)
    }

    fn record(&mut self) -> Result<(), FileError> {
        self.body.push(b'\n');
        let written = write_record(&mut self.out, &self.body);
        self.offset += written.map_err(|e| FileError::new(&self.path, self.offset, Reason::Io(e)))?;
        Ok(())
    }
}

fn compose(
    out: &mut Vec<u8>,
    schema: &DatabaseSchema,
    transaction: &Transaction,
    is_diff: bool,
) -> Result<(), String> {
    if transaction.schema.as_ref().is_some_and(|new| **new != *schema) {
        return Err("a standalone file cannot change its schema: begin a new file".into());
    }
    // A table must be one member of the record, so its rows are brought together.
    let mut changes: Vec<_> = transaction.changes.iter().collect();
    changes.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    out.push(b'{');
    for rows in changes.chunk_by(|a, b| a.0 == b.0) {
        let name = &rows[0].0;
        let table = schema.tables.get(name).ok_or_else(|| format!("the schema has no table {name}"))?;
        member(out, name);
        out.push(b'{');
        let mut last = None;
        for (_, uuid, change) in rows {
            if last.replace(*uuid) == Some(*uuid) {
                return Err(format!("table {name}: row {uuid} is changed twice; write two transactions"));
            }
            member(out, &uuid.to_string());
            let written = match change {
                RowChange::Insert(columns) => write_row(out, table, columns, true),
                RowChange::Modify(columns) => write_row(out, table, columns, false),
                RowChange::Delete => {
                    out.extend_from_slice(b"null");
                    Ok(())
                }
            };
            written.map_err(|e| format!("table {name}: row {uuid}: {e}"))?;
        }
        out.push(b'}');
    }
    if let Some(date) = transaction.date_ms {
        member(out, "_date");
        out.extend_from_slice(date.to_string().as_bytes());
    }
    if let Some(comment) = &transaction.comment {
        member(out, "_comment");
        write_string(out, comment);
    }
    if is_diff {
        member(out, "_is_diff");
        out.extend_from_slice(b"true");
    }
    out.push(b'}');
    Ok(())
}

fn write_row(out: &mut Vec<u8>, table: &TableSchema, columns: &Columns, is_new: bool) -> Result<(), String> {
    out.push(b'{');
    for (name, datum) in columns {
        let column = table.columns.get(name).ok_or_else(|| format!("the schema has no column {name}"))?;
        if column.ephemeral || is_new && *datum == column.ty.default_datum() {
            continue;
        }
        member(out, name);
        write_datum(out, datum, &column.ty);
    }
    out.push(b'}');
    Ok(())
}

/// Begins a member of the object that `out` ends in.
fn member(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
}
