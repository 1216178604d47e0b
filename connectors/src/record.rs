//! `northflow record`: what happens in a pair of databases, written down as a [`crate::recording`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use crossbeam_channel::{Receiver, at, bounded, never, select};
use northflow_rules::binding::Role;
use northflow_rules::northd::{INPUTS, OUTPUTS};
use northflow_rules::ovsdb::{Datum, Text, Uuid};
use northflow_rules::schema::Database;

use crate::net::tls::Tls;
use crate::ovsdb::client::replica::Row;
use crate::ovsdb::client::{self, Command, Event, Handle, Layout, Remote, Replica, TableLayout, Tables};
use crate::ovsdb::codec::{Columns, difference};
use crate::ovsdb::file::{FileError, RowChange, Transaction, Writer};
use crate::ovsdb::schema::DatabaseSchema;
use crate::process::args;
use crate::process::signals::Termination;
use crate::recording;

/// What was handed to the system goes to the disk this often.
const SYNC: Duration = Duration::from_secs(1);

/// Writes down what happens in a northbound and a southbound database, until a signal (SIGINT, SIGTERM) ends it.
/// `northflow replay` follows the recording, and `ovsdb-tool show-log` lists it.
#[derive(Debug, Parser)]
#[command(name = "northflow record", version, max_term_width = 100)]
struct Options {
    /// The servers of the northbound database, such as unix:/run/ovn/ovnnb_db.sock or tcp:127.0.0.1:6641; several, with
    /// commas between them, are the members of a cluster.
    #[arg(long, value_name = "REMOTE", value_delimiter = ',', required = true)]
    nb: Vec<Remote>,

    /// The servers of the southbound database.
    #[arg(long, value_name = "REMOTE", value_delimiter = ',', required = true)]
    sb: Vec<Remote>,

    /// Record the tables too that only ovn-northd writes and does not read, logical flows above all.
    #[arg(long)]
    everything: bool,

    #[command(flatten)]
    tls: args::Tls,

    /// The recording, which must not exist.
    file: PathBuf,
}

type Failure = Box<dyn std::error::Error>;

/// Changes of the tables of the recording.
type Changes = Vec<(Text, Uuid, RowChange)>;

/// Runs the command with its arguments, the program's name not among them.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let name = std::iter::once(OsString::from("northflow record"));
    let options = match Options::try_parse_from(name.chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are errors to clap; printing can fail only if nobody listens.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match record(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("northflow record: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One of the two databases.
struct Side {
    database: Database,
    handle: Handle,
    replica: Replica,
    layout: Option<Arc<Layout>>,
}

impl Side {
    fn start(
        database: Database,
        remotes: Vec<Remote>,
        tables: Tables,
        tls: &Tls,
    ) -> Result<(Side, Receiver<Event>), Failure> {
        let config = client::Config {
            name: database.name().into(),
            remotes,
            shuffle: true,
            database: database.name().into(),
            tables,
            conditions: client::Conditions::default(),
            // A recorder is to be no burden to the leader.
            leader_only: false,
            probe_interval: None,
            queue: 1024,
            tls: tls.clone(),
        };
        let (handle, events) = client::spawn(config)?;
        Ok((Side { database, handle, replica: Replica::default(), layout: None }, events))
    }

    /// What an event changes, as changes of the recording: differences of the columns that differ.
    fn take(&mut self, event: Event) -> Result<Changes, Failure> {
        let name = self.database.name();
        let layout = match &event {
            Event::Connected { remote } => {
                eprintln!("{name}: connected to {remote}");
                return Ok(Changes::new());
            }
            Event::Disconnected { remote, reason } => {
                eprintln!("{name}: {remote}: {reason}");
                return Ok(Changes::new());
            }
            Event::Snapshot { layout, .. } => {
                if self.layout.as_ref().is_some_and(|known| known != layout) {
                    return Err(format!("{name}: the schema has changed; begin a new recording").into());
                }
                layout.clone()
            }
            Event::Update(_) => match &self.layout {
                Some(layout) => layout.clone(),
                None => return Ok(Changes::new()),
            },
            _ => return Ok(Changes::new()),
        };
        // A row may change several times in one update.
        let mut before: BTreeMap<(usize, Uuid), Option<Row>> = BTreeMap::new();
        let applied = self.replica.apply(event, |change| {
            let old = || change.old.map(Row::from);
            before.entry((change.table, change.uuid)).or_insert_with(old);
        });
        if let Err(error) = applied {
            eprintln!("{name}: {error}");
            // A snapshot follows, of which only what differs is new.
            self.handle.send(Command::Resync)?;
        }
        let change = |((table, uuid), old): ((usize, Uuid), Option<Row>)| {
            let new = self.replica.row(table, uuid);
            Some((self.table(&layout, table), uuid, row_change(&layout.tables[table], old.as_deref(), new)?))
        };
        let changes = before.into_iter().filter_map(change).collect();
        self.layout = Some(layout);
        Ok(changes)
    }

    fn table(&self, layout: &Layout, table: usize) -> Text {
        recording::table_name(self.database, &layout.tables[table].name)
    }

    /// Everything that is known, as insertions.
    fn contents(&self) -> Changes {
        let Some(layout) = &self.layout else { return Changes::new() };
        let rows_of = |table: usize| {
            let change = move |(uuid, row)| {
                Some((self.table(layout, table), uuid, row_change(&layout.tables[table], None, Some(row))?))
            };
            self.replica.rows(table).filter_map(change)
        };
        (0..layout.tables.len()).flat_map(rows_of).collect()
    }
}

/// What became of a row, in differences; `None` if nothing did.
fn row_change(table: &TableLayout, old: Option<&[Datum]>, new: Option<&[Datum]>) -> Option<RowChange> {
    let typed =
        table.columns.iter().enumerate().filter_map(|(at, (name, ty))| Some((at, name, ty.as_ref()?)));
    match (old, new) {
        (None, None) => None,
        (_, None) => Some(RowChange::Delete),
        (None, Some(new)) => {
            Some(RowChange::Insert(typed.map(|(at, name, _)| (name.clone(), new[at].clone())).collect()))
        }
        (Some(old), Some(new)) => {
            let changed = typed.filter(|(at, ..)| old[*at] != new[*at]);
            let columns: Columns =
                changed.map(|(at, name, ty)| (name.clone(), difference(&old[at], &new[at], ty))).collect();
            (!columns.is_empty()).then_some(RowChange::Modify(columns))
        }
    }
}

/// The southbound tables that only the program writes and that it does not read.
fn written_only() -> Vec<Text> {
    let ours = OUTPUTS
        .iter()
        .filter(|output| output.role == Role::Own && output.info.database == Database::Southbound);
    let read = |name: &str| {
        INPUTS.iter().any(|input| input.info.database == Database::Southbound && input.info.name == name)
    };
    ours.map(|output| output.info.name).filter(|name| !read(name)).map(Text::from).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn record(options: Options) -> Result<(), Failure> {
    if options.file.exists() {
        return Err(format!("{}: there is such a file already", options.file.display()).into());
    }
    let (stop, stopped) = bounded(1);
    let _signals = Termination::watch(move |_| {
        // A second signal finds the channel full, and the program ending.
        let _ = stop.try_send(());
    })?;
    let tls = Tls::new(options.tls.settings()?);
    let but = if options.everything { Vec::new() } else { written_only() };
    let (mut nb, nb_events) =
        Side::start(Database::Northbound, options.nb, Tables::AllBut(Vec::new()), &tls)?;
    let (mut sb, sb_events) = Side::start(Database::Southbound, options.sb, Tables::AllBut(but), &tls)?;
    let mut log: Option<Log> = None;
    let result = loop {
        let due = log.as_ref().and_then(|log| log.due).map_or_else(never, at);
        let taken = select! {
            recv(nb_events) -> event => nb.take(event?),
            recv(sb_events) -> event => sb.take(event?),
            recv(due) -> _ => Ok(Changes::new()),
            recv(stopped) -> _ => break Ok(()),
        };
        let changes = match taken {
            Ok(changes) => changes,
            // What came before is worth keeping.
            Err(error) => break Err(error),
        };
        match (&mut log, &nb.layout, &sb.layout) {
            (Some(log), ..) => log.append(changes)?,
            (None, Some(north), Some(south)) => {
                let schema =
                    recording::schema([(Database::Northbound, north), (Database::Southbound, south)]);
                let mut begun = Log::create(&options.file, schema)?;
                begun.append(nb.contents().into_iter().chain(sb.contents()).collect())?;
                log = Some(begun);
            }
            _ => {}
        }
    };
    if let Some(log) = &mut log {
        log.writer.sync(true)?;
        eprintln!("{} transactions with {} row changes", log.transactions, log.rows);
    }
    result
}

/// The recording as it is written.
struct Log {
    writer: Writer<BufWriter<File>>,
    transactions: usize,
    rows: usize,
    /// When what was handed to the system is to be on the disk.
    due: Option<Instant>,
}

impl Log {
    fn create(path: &Path, schema: DatabaseSchema) -> Result<Log, FileError> {
        let writer = Writer::create(path, Arc::new(schema))?;
        Ok(Log { writer, transactions: 0, rows: 0, due: None })
    }

    /// Writes a transaction, if there is one, so that it outlives this process; and a while later, the machine.
    fn append(&mut self, changes: Changes) -> Result<(), FileError> {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.writer.sync(true)?;
            self.due = None;
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.transactions += 1;
        self.rows += changes.len();
        let date_ms = Some(now_ms());
        self.writer.write_differences(&Transaction { date_ms, comment: None, schema: None, changes })?;
        self.writer.sync(false)?;
        self.due.get_or_insert(now + SYNC);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_nobody_reads_are_left_out() {
        let out = written_only();
        assert!(out.iter().any(|name| &**name == "Logical_Flow"));
        assert!(!out.iter().any(|name| matches!(&**name, "Port_Binding" | "Chassis" | "MAC_Binding")));
    }
}
