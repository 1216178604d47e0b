//! One daemon on databases of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use northflow_tests::reference::{Process, Reference};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::process::{cpu_ms, settle};
use crate::rpc::Rpc;
use crate::workload::{Operations, Workload};

/// How long a daemon must not run to be taken to be done.
const QUIET: Duration = Duration::from_millis(25);

/// The longest that a daemon is waited for after it has said that it is done.
const LINGER: Duration = Duration::from_secs(20);

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// northflow, with so many worker threads.
    Northflow {
        /// `--workers`.
        workers: u16,
    },
    /// The reference's ovn-northd.
    Reference,
}

/// What a change cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cost {
    /// Processor time of the daemon, in milliseconds, until it rested.
    pub cpu_ms: f64,
    /// Milliseconds from the request until `sb_cfg` said that it was followed.
    pub wall_ms: f64,
    /// Rows in the transactions that the southbound database has logged, those of the change
    /// itself included.
    pub rows: u64,
    /// Bytes that the southbound database's log has grown by.
    pub bytes: u64,
}

/// The databases of a network, each on a server of its own, so that a large transaction in one does not hold up the
/// other. The servers end with it, and the files go.
#[derive(Debug)]
pub(crate) struct Databases {
    pub northbound: Rpc,
    pub southbound: Rpc,
    _servers: [Process; 2],
    pub folder: Folder,
    pub nb_cfg: i64,
    patience: Duration,
}

impl Databases {
    /// Databases that hold a network, whose followers may take so long for anything.
    pub fn new(reference: &Reference, workload: &Workload, patience: Duration) -> Result<Databases, Failure> {
        let folder = Folder::new()?;
        let servers = [folder.serve(reference, "nb")?, folder.serve(reference, "sb")?];
        let mut northbound = Rpc::connect(&folder.path("nb.sock"), "OVN_Northbound")?;
        let mut southbound = Rpc::connect(&folder.path("sb.sock"), "OVN_Southbound")?;
        southbound.transact(&workload.southbound)?;
        for operations in (workload.northbound)() {
            northbound.transact(&operations)?;
        }
        Ok(Databases { northbound, southbound, _servers: servers, folder, nb_cfg: 1, patience })
    }

    /// Starts a northd on them.
    pub fn follow(&self, command: &mut Command) -> Result<Process, Failure> {
        command
            .arg(format!("--ovnnb-db=unix:{}", self.folder.path("nb.sock").display()))
            .arg(format!("--ovnsb-db=unix:{}", self.folder.path("sb.sock").display()))
            .arg(format!("--unixctl={}", self.folder.path("northd.ctl").display()))
            .args(["-vconsole:err", "-vsyslog:off"])
            .env("OVN_RUNDIR", &self.folder.0);
        Ok(Process::spawn(command, &self.folder.path("northd.log"))?)
    }

    /// Makes a change, with the next `nb_cfg`.
    pub fn make(&mut self, change: Operations) -> Result<(), Failure> {
        if !change.southbound.is_empty() {
            self.southbound.transact(&change.southbound)?;
        }
        self.nb_cfg += 1;
        let mut operations = change.northbound;
        let row = json!({ "nb_cfg": self.nb_cfg });
        operations.push(json!({ "op": "update", "table": "NB_Global", "where": [], "row": row }));
        self.northbound.transact(&operations)?;
        Ok(())
    }

    /// Waits until northd has followed.
    pub fn await_sb_cfg(&mut self) -> Result<(), Failure> {
        let wait = self.wait("NB_Global", json!([]), "sb_cfg");
        let outcome = self.northbound.transact(&[wait]);
        outcome.map(drop).map_err(|error| format!("sb_cfg {}: {error}", self.nb_cfg).into())
    }

    /// The operation that ends when a column of a row is the current `nb_cfg`.
    pub fn wait(&self, table: &str, row: Value, column: &str) -> Value {
        let rows = [json!({ column: self.nb_cfg })];
        json!({ "op": "wait", "table": table, "where": row, "columns": [column], "until": "==", "rows": rows,
            "timeout": self.patience.as_millis() as u64 })
    }
}

/// A daemon with its databases. Everything ends with it.
#[derive(Debug)]
pub struct Lab {
    // Dropped in this order: the daemon before what it is connected to.
    daemon: Option<Process>,
    databases: Databases,
    log: Log,
    tables: Vec<String>,
    /// The northbound tables whose rows stay until they are deleted, but for the settings of the network.
    roots: Vec<String>,
}

/// Where the files of a lab are; it goes with the lab.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Folder, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("northbench-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Starts a server for an empty database `name`, `nb` or `sb`.
    fn serve(&self, reference: &Reference, name: &str) -> Result<Process, Failure> {
        let schema = format!("ovn-{name}.ovsschema");
        let schema = reference.schema(&schema).ok_or_else(|| format!("no {schema}"))?;
        let file = self.path(&format!("{name}.db")).display().to_string();
        reference.output("ovsdb-tool", &["create", &file, &schema.to_string_lossy()])?;
        let mut server = reference.command("ovsdb-server");
        server
            .arg("--no-chdir")
            .arg(format!("--unixctl={}", self.path(&format!("{name}.ctl")).display()))
            .arg(format!("--remote=punix:{}", self.path(&format!("{name}.sock")).display()))
            .arg(file);
        Ok(Process::spawn(&mut server, &self.path(&format!("{name}.log")))?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The log of the southbound database (ovsdb(5), "Standalone Format"), and how far it is read.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    offset: u64,
}

impl Log {
    /// Rows and bytes that came since the last call.
    fn read(&mut self) -> Result<(u64, u64), Failure> {
        let failed = |error| format!("{}: {error}", self.path.display());
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let (mut rows, mut bytes) = (0, 0);
        let mut line = Vec::new();
        let mut input = BufReader::new(file.by_ref());
        loop {
            line.clear();
            let read = input.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            if line.starts_with(b"{") {
                let record: Value = serde_json::from_slice(&line)
                    .map_err(|error| format!("{}: {error}", self.path.display()))?;
                rows += rows_of(&record);
            }
        }
        self.offset += bytes;
        Ok((rows, bytes))
    }
}

/// Rows that a record of the log changes. Names with an underscore are remarks, not tables.
fn rows_of(record: &Value) -> u64 {
    let tables = record.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('_'));
    tables.map(|(_, rows)| rows.as_object().map_or(0, |rows| rows.len() as u64)).sum()
}

impl Lab {
    /// Databases that hold a network, and no daemon yet, which may take so long for anything.
    ///
    /// # Errors
    /// When a server does not start or refuses a row.
    pub fn new(
        reference: &'static Reference,
        workload: &Workload,
        patience: Duration,
    ) -> Result<Lab, Failure> {
        let databases = Databases::new(reference, workload, patience)?;
        let mut log = Log { path: databases.folder.path("sb.db"), offset: 0 };
        log.read()?;
        // How flows are spread over groups of datapaths is a daemon's own choice.
        let tables = tables(reference, "sb", |name, _| name != "Logical_DP_Group")?;
        let roots = tables_of_network(reference)?;
        Ok(Lab { daemon: None, databases, log, tables, roots })
    }

    /// Starts a daemon, `northflow` being the program's path, and measures until it rests.
    ///
    /// # Errors
    /// When it does not start, or does not finish.
    pub fn start(&mut self, side: Side, northflow: &Path, reference: &Reference) -> Result<Cost, Failure> {
        let mut command = match side {
            Side::Northflow { workers } => {
                let mut command = Command::new(northflow);
                command.args(["northd", &format!("--workers={workers}")]);
                command
            }
            Side::Reference => reference.command("ovn-northd"),
        };
        let started = Instant::now();
        self.daemon = Some(self.databases.follow(&mut command)?);
        self.databases.await_sb_cfg()?;
        let wall_ms = started.elapsed().as_secs_f64() * 1e3;
        let cpu_ms = settle(self.pid()?, 4 * QUIET, LINGER);
        let (rows, bytes) = self.log.read()?;
        Ok(Cost { cpu_ms, wall_ms, rows, bytes })
    }

    /// Makes a change and measures until the daemon rests.
    ///
    /// # Errors
    /// When a database refuses it, or the daemon does not follow.
    pub fn measure(&mut self, change: Operations) -> Result<Cost, Failure> {
        let pid = self.pid()?;
        let before = cpu_ms(pid);
        let started = Instant::now();
        self.databases.make(change)?;
        self.databases.await_sb_cfg()?;
        let wall_ms = started.elapsed().as_secs_f64() * 1e3;
        let cpu_ms = settle(pid, QUIET, LINGER) - before;
        let (rows, bytes) = self.log.read()?;
        Ok(Cost { cpu_ms, wall_ms, rows, bytes })
    }

    /// Deletes the network, all at once, and measures until the daemon rests.
    ///
    /// # Errors
    /// As [`Lab::measure`].
    pub fn delete_all(&mut self) -> Result<Cost, Failure> {
        let delete = |table: &String| json!({ "op": "delete", "table": table, "where": [] });
        let operations: Vec<Value> = self.roots.iter().map(delete).collect();
        self.measure(Operations::northbound(operations))
    }

    /// The daemon's process.
    ///
    /// # Errors
    /// Before [`Lab::start`].
    pub fn pid(&self) -> Result<u32, Failure> {
        Ok(self.daemon.as_ref().ok_or("no daemon was started")?.id())
    }

    /// How many rows each southbound table holds. Groups of datapaths are left out: how flows are
    /// spread over them is a daemon's own choice.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn row_counts(&mut self) -> Result<BTreeMap<String, usize>, Failure> {
        let mut counts = BTreeMap::new();
        for table in &self.tables {
            counts.insert(table.clone(), self.databases.southbound.select(table, &["_version"])?.len());
        }
        Ok(counts)
    }
}

/// The northbound tables that [`Lab::delete_all`] empties: the others' rows go with those that refer to them.
fn tables_of_network(reference: &Reference) -> Result<Vec<String>, Failure> {
    tables(reference, "nb", |name, table| table["isRoot"] == true && name != "NB_Global")
}

/// The tables of a database, `nb` or `sb`, that are `wanted` by name and description in the schema.
fn tables(
    reference: &Reference,
    database: &str,
    wanted: fn(&str, &Value) -> bool,
) -> Result<Vec<String>, Failure> {
    let schema = format!("ovn-{database}.ovsschema");
    let path = reference.schema(&schema).ok_or_else(|| format!("no {schema}"))?;
    let schema: Value = serde_json::from_reader(BufReader::new(File::open(path)?))?;
    let tables = schema["tables"].as_object().into_iter().flatten();
    Ok(tables.filter(|(name, table)| wanted(name, table)).map(|(name, _)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_record_leave_remarks_out() {
        let record = json!({ "_date": 1, "_comment": "x", "Meter": { "a": {}, "b": null }, "FDB": {} });
        assert_eq!(rows_of(&record), 2);
    }

    #[test]
    fn the_log_is_read_from_where_it_was_left() {
        let path = std::env::temp_dir().join(format!("northbench-log-{}", std::process::id()));
        std::fs::write(&path, "OVSDB JSON 1 x\n{\"A\":{\"r\":{}}}\n").unwrap();
        let mut log = Log { path: path.clone(), offset: 0 };
        assert_eq!(log.read().unwrap(), (1, 30));
        assert_eq!(log.read().unwrap(), (0, 0));
        std::fs::remove_file(&path).unwrap();
    }
}
