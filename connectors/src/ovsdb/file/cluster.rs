//! The records of a clustered database (ovsdb(5), "Clustered Format"): a header with a snapshot,
//! then the server's Raft log.

use std::collections::{BTreeMap, VecDeque};

use northflow_rules::ovsdb::Text;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Transaction;
use super::replica::Replica;
use super::transaction::RawTransaction;
use crate::ovsdb::schema::DatabaseSchema;

/// A server's view of the Raft log.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The last entry known to be committed.
    committed: u64,
    /// The last entry delivered.
    applied: u64,
    /// The entries after `applied`, in order.
    waiting: VecDeque<Entry>,
    /// How many servers the cluster has as of `applied`.
    servers: usize,
}

#[derive(Debug)]
struct Entry {
    data: Option<Box<str>>,
    servers: Option<usize>,
    /// Where its record begins.
    at: u64,
}

type Servers = BTreeMap<Text, IgnoredAny>;

/// 64-bit unsigned numbers are written as signed ones.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Wrapped(i64);

impl Wrapped {
    fn get(self) -> u64 {
        self.0.cast_unsigned()
    }
}

#[derive(Deserialize)]
struct Header<'a> {
    prev_index: Option<Wrapped>,
    prev_servers: Option<Servers>,
    #[serde(borrow)]
    prev_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Record<'a> {
    note: Option<IgnoredAny>,
    commit_index: Option<Wrapped>,
    index: Option<Wrapped>,
    servers: Option<Servers>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Cluster {
    /// Reads the first record. The snapshot becomes the first transaction.
    pub(super) fn start(
        json: &[u8],
        replica: &mut Replica,
    ) -> Result<(Cluster, Option<Transaction>), String> {
        replica.keep_all();
        let header: Header<'_> =
            serde_json::from_slice(json).map_err(|e| format!("not a cluster header: {e}"))?;
        let index = header.prev_index.map_or(0, Wrapped::get);
        let cluster = Cluster {
            committed: index,
            applied: index,
            waiting: VecDeque::new(),
            servers: header.prev_servers.map_or(0, |servers| servers.len()),
        };
        let first = header.prev_data.map(|data| apply(data.get(), replica)).transpose()?;
        Ok((cluster, first.flatten()))
    }

    /// Takes one of the later records, which begins at `at`.
    pub(super) fn take(&mut self, json: &[u8], at: u64) -> Result<(), String> {
        let record: Record<'_> =
            serde_json::from_slice(json).map_err(|e| format!("not a cluster record: {e}"))?;
        let last = self.applied + self.waiting.len() as u64;
        if record.note.is_some() {
            return Ok(());
        }
        if let Some(commit) = record.commit_index.map(Wrapped::get) {
            if commit < self.committed || commit > last {
                return Err(format!(
                    "entry {commit} is said to be committed after entry {} of {last}",
                    self.committed
                ));
            }
            self.committed = commit;
        } else if let Some(index) = record.index.map(Wrapped::get) {
            if index <= self.committed || index > last + 1 {
                return Err(format!(
                    "entry {index} follows entry {last}, entry {} being committed",
                    self.committed
                ));
            }
            // An entry replaces the one at its place and all after it.
            self.waiting.truncate((index - self.applied - 1) as usize);
            self.waiting.push_back(Entry {
                data: record.data.map(|data| data.get().into()),
                servers: record.servers.map(|servers| servers.len()),
                at,
            });
        }
        Ok(())
    }

    /// The transaction of the next committed entry that has one. An error is that of the record
    /// that begins at the given offset.
    pub(super) fn next_committed(
        &mut self,
        replica: &mut Replica,
    ) -> Result<Option<Transaction>, (u64, String)> {
        while self.applied < self.committed
            && let Some(entry) = self.waiting.pop_front()
        {
            self.applied += 1;
            self.servers = entry.servers.unwrap_or(self.servers);
            let Some(data) = entry.data else { continue };
            if let Some(transaction) = apply(&data, replica).map_err(|e| (entry.at, e))? {
                return Ok(Some(transaction));
            }
        }
        Ok(None)
    }

    /// Notes the end of the file: the log of a lone server is committed as far as it goes.
    pub(super) fn end(&mut self) {
        let servers = self.waiting.iter().rev().find_map(|entry| entry.servers).unwrap_or(self.servers);
        if servers == 1 {
            self.committed = self.applied + self.waiting.len() as u64;
        }
    }

    /// Drops what has not been delivered.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// How many entries wait to be committed.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// Applies `[schema or null, transaction or null]`.
fn apply(data: &str, replica: &mut Replica) -> Result<Option<Transaction>, String> {
    let (schema, transaction): (Option<&RawValue>, Option<&RawValue>) =
        serde_json::from_str(data).map_err(|e| format!("not a pair of schema and transaction: {e}"))?;
    let schema = schema.map(|schema| DatabaseSchema::parse(schema.get()).map_err(|e| e.to_string()));
    let mut changed = match (schema.transpose()?, transaction) {
        (None, _) => Transaction::default(),
        (Some(schema), None) => return replica.convert(schema).map(Some),
        (Some(schema), Some(_)) => replica.reset(schema),
    };
    let Some(transaction) = transaction else { return Ok(None) };
    let raw = RawTransaction::read(transaction.get().as_bytes(), replica.tables())?;
    let applied = replica.apply(raw)?;
    changed.changes.extend(applied.changes);
    Ok(Some(Transaction { date_ms: applied.date_ms, comment: applied.comment, ..changed }))
}
