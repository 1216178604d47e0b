//! Database files (ovsdb(5)): standalone and clustered ones read as a stream of transactions,
//! standalone ones written.
//!
//! A file is a log of records, each a line of JSON under a header that holds its length and SHA-1.
//! A [`Reader`] gives one [`Transaction`] per record that holds one, with every difference worked
//! out to the new value. It holds one record at a time, and of the rows only what later
//! differences refer to, within the tables and columns that are [`Wanted`]. Where a file is
//! damaged or cut short, everything before is given first, then one [`FileError`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use northflow_rules::ovsdb::{Text, Uuid};

use super::codec::Columns;
use super::schema::DatabaseSchema;

mod cluster;
mod error;
mod record;
mod replica;
mod transaction;
mod writer;

pub use error::{FileError, Reason};
pub use writer::Writer;

use cluster::Cluster;
use record::Records;
use replica::Replica;
use transaction::RawTransaction;

/// What one record changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// When it was committed, in milliseconds since 1970 UTC.
    pub date_ms: Option<i64>,
    /// What its author noted.
    pub comment: Option<String>,
    /// The new schema, when this transaction changed it (clustered files alone). The changes then
    /// lead from all rows under the old schema to all rows under the new one.
    pub schema: Option<Arc<DatabaseSchema>>,
    /// Table, row and change, to be applied in this order. A row occurs once, except when the
    /// schema changed.
    pub changes: Vec<(Text, Uuid, RowChange)>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// It is new. Read from a file it names every wanted column.
    Insert(Columns),
    /// These columns have new values, given whole.
    Modify(Columns),
    /// It is gone.
    Delete,
}

/// Which part of a database a reader delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    #[default]
    All,
    /// These columns of these tables. A table without columns gives insertions and deletions alone.
    Columns(BTreeMap<Text, BTreeSet<Text>>),
}

/// The two formats of a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The log of one server.
    Standalone,
    /// One server's part of a cluster: a snapshot and a Raft log.
    Clustered,
}

/// A database file as a stream of transactions, ending with the first error.
///
/// Of a clustered file, entries are given once the file says that they are committed. Later ones
/// may still be replaced by the cluster, so they are left out ([`Reader::uncommitted`]), except in
/// a cluster of one server, where what is in the log is committed.
#[derive(Debug)]
pub struct Reader<R> {
    records: Records<R>,
    body: Vec<u8>,
    replica: Replica,
    cluster: Option<Cluster>,
    first: Option<Transaction>,
    failure: Option<FileError>,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Opens the file at `path` and reads up to its schema. Fails if it cannot be read or is no
    /// database, and for a server that has not joined its cluster yet.
    pub fn open(path: impl AsRef<Path>, wanted: Wanted) -> Result<Self, FileError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| FileError::new(path, 0, Reason::Io(e)))?;
        Reader::new(BufReader::with_capacity(1 << 16, file), path, wanted)
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the database file that `input` gives; `name` stands for it in errors.
    pub fn new(input: R, name: impl Into<PathBuf>, wanted: Wanted) -> Result<Self, FileError> {
        let mut reader = Reader {
            records: Records::new(input, name.into()),
            body: Vec::new(),
            replica: Replica::new(wanted),
            cluster: None,
            first: None,
            failure: None,
            ended: false,
        };
        if !reader.records.next(&mut reader.body)? {
            return Err(reader.records.error(Reason::NotADatabase));
        }
        match reader.records.format() {
            Format::Standalone => {
                let schema = DatabaseSchema::from_slice(&reader.body);
                let schema = schema.map_err(|e| reader.records.error(Reason::Content(e.to_string())))?;
                reader.replica.adopt(schema);
            }
            Format::Clustered => {
                let header = Cluster::start(&reader.body, &mut reader.replica);
                let (cluster, first) = header.map_err(|e| reader.records.error(Reason::Content(e)))?;
                reader.cluster = Some(cluster);
                reader.first = first;
                while reader.replica.schema().is_none() {
                    reader.first = reader.advance()?;
                    if reader.first.is_none() {
                        let reason = "no schema: the server has not joined its cluster yet";
                        return Err(reader.records.error(Reason::Content(reason.into())));
                    }
                }
            }
        }
        Ok(reader)
    }

    /// Whether the file is one server's own or part of a cluster.
    pub fn format(&self) -> Format {
        self.records.format()
    }

    /// The whole schema as of the last transaction given, wanted or not.
    pub fn schema(&self) -> Arc<DatabaseSchema> {
        // Construction ends with a schema, and nothing takes it away.
        self.replica.schema().cloned().unwrap_or_else(|| Arc::new(DatabaseSchema::empty()))
    }

    /// How many bytes have been read, for progress.
    pub fn offset(&self) -> u64 {
        self.records.offset()
    }

    /// How many entries of a clustered file were read and are not known to be committed.
    pub fn uncommitted(&self) -> usize {
        self.cluster.as_ref().map_or(0, Cluster::waiting)
    }

    /// The next transaction, `None` at the end.
    fn advance(&mut self) -> Result<Option<Transaction>, FileError> {
        loop {
            if let Some(cluster) = &mut self.cluster {
                let ready = cluster.next_committed(&mut self.replica);
                match ready.map_err(|(at, e)| self.records.error_at(at, Reason::Content(e)))? {
                    Some(transaction) => return Ok(Some(transaction)),
                    None if self.ended => return self.failure.take().map_or(Ok(None), Err),
                    None => {}
                }
            } else if self.ended {
                return Ok(None);
            }
            match self.records.next(&mut self.body) {
                Ok(true) => {}
                Ok(false) => {
                    self.end(None)?;
                    continue;
                }
                Err(error) => {
                    self.end(Some(error))?;
                    continue;
                }
            }
            let at = self.records.record();
            if let Some(cluster) = &mut self.cluster {
                if let Err(reason) = cluster.take(&self.body, at) {
                    let error = self.records.error(Reason::Content(reason));
                    self.end(Some(error))?;
                }
                continue;
            }
            let read = RawTransaction::read(&self.body, self.replica.tables());
            let transaction = read.and_then(|raw| self.replica.apply(raw));
            return transaction.map(Some).map_err(|e| self.records.error(Reason::Content(e)));
        }
    }

    /// Notes that no more records come. Of a clustered file, what a lone server wrote is still due
    /// before the error.
    fn end(&mut self, failure: Option<FileError>) -> Result<(), FileError> {
        self.ended = true;
        match &mut self.cluster {
            Some(cluster) => {
                cluster.end();
                self.failure = failure;
                Ok(())
            }
            None => failure.map_or(Ok(()), Err),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Transaction, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let next = self.advance();
        if next.is_err() {
            self.ended = true;
            self.failure = None;
            if let Some(cluster) = &mut self.cluster {
                cluster.forget();
            }
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests;
