//! `northflow verify`: what a southbound database holds against what the rules say, read only.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use crossbeam_channel::{Receiver, at, select};
use northflow_engine::{Config, Engine, Transaction};
use northflow_rules::northd::{self, INPUTS, OUTPUTS};
use northflow_rules::ovsdb::{Atom, Datum, Text};
use northflow_rules::router::route::held::Held;
use northflow_rules::schema::Database;
use serde_json::json;

use super::side::Side;
use super::{Failure, commit, connect, held};
use crate::change::{Edit, RowChange};
use crate::memory::MemoryDatabase;
use crate::net::tls::Tls;
use crate::ovsdb::client::{Command, Event, Outcome};
use crate::process::args;
use crate::process::dirs::Dirs;
use crate::replica::Replica;
use crate::writer::Writer;

/// How long a comparison that found differences waits before the next.
const AGAIN: Duration = Duration::from_millis(500);

/// Compares what a southbound database holds with what the rules say that it ought to hold. Nothing is written.
///
/// Ends with 0 if they are equal, with 1 if they differ, and with 2 if they could not be compared.
#[derive(Debug, Parser)]
#[command(name = "northflow verify", version, max_term_width = 100)]
struct Options {
    /// The servers of the northbound database, such as unix:/run/ovn/ovnnb_db.sock; several, with commas between them,
    /// are the members of a cluster.
    #[arg(long, value_name = "REMOTE")]
    nb: String,

    /// The servers of the southbound database.
    #[arg(long, value_name = "REMOTE")]
    sb: String,

    /// How long differences may take to go, because somebody is just about to write.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    wait: u64,

    /// How long the databases may take to say what they hold.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,

    /// Show every row that differs.
    #[arg(long, short)]
    details: bool,

    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    tls: args::Tls,
}

/// How differences are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the command with its arguments, the program's name not among them.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let name = std::iter::once(OsString::from("northflow verify"));
    let options = match Options::try_parse_from(name.chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are errors to clap; printing can fail only if nobody listens.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match verify(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("northflow verify: {error}");
            ExitCode::from(2)
        }
    }
}

/// Compares until all is equal or the time is over; says which.
fn verify(options: &Options) -> Result<bool, Failure> {
    let started = Instant::now();
    let mut verifier = Verifier::start(options, started + Duration::from_secs(options.timeout))?;
    loop {
        let existing = verifier.fetch()?;
        let differences = verifier.compare(&existing)?;
        if differences.is_empty() || verifier.ready.elapsed() >= Duration::from_secs(options.wait) {
            print(options, &existing, &differences);
            return Ok(differences.is_empty());
        }
        verifier.follow(Instant::now() + AGAIN)?;
    }
}

/// Both databases, and the program that is told of them.
struct Verifier {
    engine: Engine,
    replica: Replica,
    writer: Writer,
    sides: [Side; 2],
    events: [Receiver<Event>; 2],
    pending: Transaction,
    held: BTreeSet<Held>,
    /// When both databases had said what they hold.
    ready: Instant,
    deadline: Instant,
    /// The answer to the last question.
    answer: Option<(u64, Outcome)>,
    asked: u64,
}

impl Verifier {
    fn start(options: &Options, deadline: Instant) -> Result<Verifier, Failure> {
        let (dirs, replica) = (Dirs::from_env(), Replica::new(INPUTS));
        let tls = Tls::new(options.tls.settings()?);
        let (nb, nb_events) = connect(Database::Northbound, &options.nb, &dirs, &tls, &replica)?;
        let (sb, sb_events) = connect(Database::Southbound, &options.sb, &dirs, &tls, &replica)?;
        let engine = Engine::start(Config::default(), northd::program)?;
        let writer = Writer::new(OUTPUTS, engine.output_names());
        let mut verifier = Verifier {
            engine,
            replica,
            writer,
            sides: [nb, sb],
            events: [nb_events, sb_events],
            pending: Transaction::new(),
            held: BTreeSet::new(),
            ready: Instant::now(),
            deadline,
            answer: None,
            asked: 0,
        };
        while !verifier.sides.iter().all(|side| side.ready) {
            if !verifier.event(deadline)? {
                let silent = if verifier.sides[0].ready { &options.sb } else { &options.nb };
                return Err(format!("{silent}: no contents within {} s", options.timeout).into());
            }
        }
        verifier.ready = Instant::now();
        Ok(verifier)
    }

    /// Takes in an event; false if there is none until `until`.
    fn event(&mut self, until: Instant) -> Result<bool, Failure> {
        let (place, event) = select! {
            recv(self.events[0]) -> event => (0, event?),
            recv(self.events[1]) -> event => (1, event?),
            recv(at(until)) -> _ => return Ok(false),
        };
        let side = &mut self.sides[place];
        let seen = match event {
            Event::Snapshot { update, layout } => {
                side.ready = true;
                side.feed.snapshot(update, &layout, &mut self.replica, &mut self.pending)
            }
            Event::Update(update) => side.feed.update(update, &mut self.replica, &mut self.pending),
            Event::Transacted { id, outcome } => {
                self.answer = Some((id, outcome));
                return Ok(true);
            }
            Event::Disconnected { remote, reason } if !side.ready => {
                eprintln!("northflow verify: {remote}: {reason}");
                return Ok(true);
            }
            _ => return Ok(true),
        };
        for error in seen.rejected {
            eprintln!("northflow verify: {error}");
        }
        Ok(true)
    }

    /// Follows the databases until `until`.
    fn follow(&mut self, until: Instant) -> Result<(), Failure> {
        while self.event(until)? {}
        Ok(())
    }

    /// Everything in the southbound database that the program would own. What was told before is part of it.
    fn fetch(&mut self) -> Result<MemoryDatabase, Failure> {
        loop {
            self.asked += 1;
            let operations = commit::fetch(Database::Southbound, OUTPUTS);
            self.sides[1].handle.send(Command::Transact { id: self.asked, operations })?;
            let outcome = loop {
                if !self.event(self.deadline.max(Instant::now() + AGAIN))? {
                    return Err("the southbound database does not answer".into());
                }
                if let Some((_, outcome)) = self.answer.take_if(|(id, _)| *id == self.asked) {
                    break outcome;
                }
            };
            match outcome {
                Outcome::Success(results) => {
                    let rows = results.iter().map(|result| result.rows.as_deref());
                    return Ok(commit::fetched(Database::Southbound, OUTPUTS, rows)?);
                }
                Outcome::Error(error) => return Err(error.into()),
                // The connection was lost; the client makes another.
                _ if Instant::now() < self.deadline => self.follow(Instant::now() + AGAIN)?,
                _ => return Err("the connection to the southbound database was lost".into()),
            }
        }
    }

    /// What would have to be written.
    fn compare(&mut self, existing: &MemoryDatabase) -> Result<Vec<RowChange>, Failure> {
        // Numbers that flows hold are right as they are.
        held::tell(&mut self.held, held::read(existing), &mut self.pending);
        let result = self.engine.step(std::mem::take(&mut self.pending))?;
        let mut writes = Vec::new();
        let mut write = |change| writes.push(change);
        self.writer.absorb(&result, |_| false, &mut write);
        self.writer.reconcile(Database::Northbound, &MemoryDatabase::default(), &mut write);
        self.writer.reconcile(Database::Southbound, existing, &mut write);
        Ok(writes)
    }
}

/// What differs within one stage of one table, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    missing: usize,
    unexpected: usize,
    different: usize,
}

/// The stage of a flow, from its columns.
fn stage<'a>(mut columns: impl Iterator<Item = (&'a Text, &'a Datum)>) -> &'a str {
    let ids = columns.find(|(name, _)| &***name == "external_ids");
    let Some((_, Datum::Map(pairs))) = ids else { return "" };
    let name = pairs.iter().find(|(key, _)| *key == Atom::text("stage-name"));
    if let Some((_, Atom::String(name))) = name { name } else { "" }
}

/// Where a change belongs: its table, and the stage if it is a flow.
fn place<'a>(change: &'a RowChange, existing: &'a MemoryDatabase) -> (&'a str, &'a str) {
    let table = &*change.table;
    let stage = match &change.edit {
        _ if table != "Logical_Flow" => "",
        Edit::Insert(columns) => stage(columns.iter().map(|(name, datum)| (name, datum))),
        _ => {
            let row = existing.tables().get(table).and_then(|rows| rows.get(&change.uuid));
            row.map_or("", |row| stage(row.iter()))
        }
    };
    (table, stage)
}

fn count<'a>(
    differences: &'a [RowChange],
    existing: &'a MemoryDatabase,
) -> BTreeMap<(&'a str, &'a str), Count> {
    let mut counts: BTreeMap<(&str, &str), Count> = BTreeMap::new();
    for change in differences {
        let count = counts.entry(place(change, existing)).or_default();
        match change.edit {
            Edit::Insert(_) => count.missing += 1,
            Edit::Delete => count.unexpected += 1,
            Edit::Update(_) | Edit::Elements { .. } => count.different += 1,
        }
    }
    counts
}

/// A changed row, for people.
fn describe(change: &RowChange, existing: &MemoryDatabase) -> String {
    let (table, uuid) = (&change.table, change.uuid);
    let shown = |columns: &mut dyn Iterator<Item = (&Text, &Datum)>| {
        columns.map(|(name, datum)| format!("\n    {name} = {}", text(datum))).collect::<String>()
    };
    match &change.edit {
        Edit::Insert(columns) => {
            format!("missing {table} {uuid}{}", shown(&mut columns.iter().map(|(name, datum)| (name, datum))))
        }
        Edit::Delete => {
            let row = existing.tables().get(table).and_then(|rows| rows.get(&uuid));
            format!("unexpected {table} {uuid}{}", row.map(|row| shown(&mut row.iter())).unwrap_or_default())
        }
        Edit::Update(columns) => {
            let columns = shown(&mut columns.iter().map(|(name, datum)| (name, datum)));
            format!("different {table} {uuid}, which ought to have{columns}")
        }
        Edit::Elements { column, insert, delete } => {
            let set = |atoms: &[Atom]| text(&Datum::Set(atoms.into()));
            format!("different {table} {uuid}: {column} lacks {} and has {}", set(insert), set(delete))
        }
    }
}

fn text(datum: &Datum) -> String {
    let atom = |atom: &Atom| match atom {
        Atom::Integer(number) => number.to_string(),
        Atom::Real(number) => number.0.to_string(),
        Atom::Boolean(yes) => yes.to_string(),
        Atom::String(text) => format!("{text:?}"),
        Atom::Uuid(uuid) => uuid.to_string(),
    };
    match datum {
        Datum::Set(atoms) => match &atoms[..] {
            [only] => atom(only),
            atoms => format!("[{}]", atoms.iter().map(atom).collect::<Vec<_>>().join(", ")),
        },
        Datum::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}={}", atom(key), atom(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn print(options: &Options, existing: &MemoryDatabase, differences: &[RowChange]) {
    let counts = count(differences, existing);
    let rows: usize = existing.tables().values().map(|rows| rows.len()).sum();
    let flows = existing.rows("Logical_Flow").count();
    let equal = differences.is_empty();
    if options.format == Format::Json {
        for ((table, stage), count) in &counts {
            let Count { missing, unexpected, different } = count;
            println!(
                "{}",
                json!({
                    "table": table, "stage": stage,
                    "missing": missing, "unexpected": unexpected, "different": different,
                })
            );
        }
        println!(
            "{}",
            json!({ "summary": true, "equal": equal, "rows": rows, "logical_flows": flows,
                    "differences": differences.len() })
        );
        return;
    }
    if !equal {
        println!(
            "{:<28}  {:<28}  {:>8}  {:>10}  {:>9}",
            "table", "stage", "missing", "unexpected", "different"
        );
    }
    for ((table, stage), count) in &counts {
        let Count { missing, unexpected, different } = count;
        println!("{table:<28}  {stage:<28}  {missing:>8}  {unexpected:>10}  {different:>9}");
    }
    if options.details {
        differences.iter().for_each(|change| println!("{}", describe(change, existing)));
    }
    let verdict = if equal { "equal" } else { "different" };
    println!(
        "{verdict}: {rows} rows, {flows} logical flows among them, {} changes to be made",
        differences.len()
    );
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Uuid;

    use super::*;

    #[test]
    fn differences_are_counted_by_stage() {
        let ids = |stage: &str| {
            let ids = Datum::map([(Atom::text("stage-name"), Atom::text(stage))]);
            vec![(Text::from("external_ids"), ids)]
        };
        let change = |table: &str, uuid, edit| RowChange {
            database: Database::Southbound,
            table: table.into(),
            uuid: Uuid(uuid),
            edit,
        };
        let mut existing = MemoryDatabase::default();
        existing.apply(&change("Logical_Flow", 1, Edit::Insert(ids("ls_in_l2_lkup"))));
        let differences = [
            change("Logical_Flow", 1, Edit::Delete),
            change("Logical_Flow", 2, Edit::Insert(ids("ls_in_l2_lkup"))),
            change("Logical_Flow", 3, Edit::Insert(ids("lr_in_nat"))),
            change("Port_Binding", 4, Edit::Update(Vec::new())),
        ];
        let counts = count(&differences, &existing);
        let of = |missing, unexpected, different| Count { missing, unexpected, different };
        assert_eq!(counts[&("Logical_Flow", "ls_in_l2_lkup")], of(1, 1, 0));
        assert_eq!(counts[&("Logical_Flow", "lr_in_nat")], of(1, 0, 0));
        assert_eq!(counts[&("Port_Binding", "")], of(0, 0, 1));
        assert!(describe(&differences[0], &existing).contains("ls_in_l2_lkup"));
    }
}
