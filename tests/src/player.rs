//! Playing a scenario on the reference: from its text, to record it, or from its recording, to see
//! whether the recording still holds.
//!
//! While lines run the reference is paused, so that what changes is what the lines change; at a
//! check point it is resumed, which makes it compute everything anew, and is paused again when it
//! has followed. A run that follows change by change may leave the reference in other states
//! (faults of its incremental paths), and the judge is what a fresh run gives.

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::Database;
use serde_json::{Value, json};

use crate::chassis::{self, References};
use crate::dump::{self, Dump, to_json};
use crate::normalize;
use crate::recording::{Check, Item, Recording, Step};
use crate::reference::{Databases, Process, Reference};

/// The line of the step that a check point records.
const SYNC: &str = "sync";

/// Columns that every run sets, because the reference would choose them at random.
pub(crate) const PINNED: &[&str] = &[
    "options:mac_prefix=0a:4e:46",
    "options:svc_monitor_mac=0a:4e:46:00:00:01",
    "options:svc_monitor_mac_dst=0a:4e:46:00:00:02",
];

/// Whether the server clears a column of the program when a chassis goes, or chassis write it.
fn forgets(table: &str, column: &str) -> bool {
    match (table, column) {
        ("HA_Chassis", "chassis") | ("HA_Chassis_Group", "ref_chassis") => true,
        ("Port_Binding", "requested_chassis" | "requested_additional_chassis") => true,
        _ => chassis::columns_of(table).is_some_and(|theirs| theirs.contains(&column)),
    }
}

/// A reference with empty databases, paused.
#[derive(Debug)]
pub struct Player {
    reference: &'static Reference,
    databases: Databases,
    _northd: Process,
    northbound: Dump,
    southbound: Dump,
}

impl Player {
    /// Starts the reference.
    pub fn start(reference: &'static Reference) -> Result<Player, String> {
        let databases = reference.databases()?;
        let mut command = reference.command("ovn-northd");
        let socket = databases.folder().join("northd.ctl");
        command
            .arg("--dry-run")
            .arg(format!("--ovnnb-db={}", databases.remote("nb")))
            .arg(format!("--ovnsb-db={}", databases.remote("sb")))
            .arg(format!("--unixctl={}", socket.display()));
        let northd = Process::spawn(&mut command, &databases.folder().join("northd.log"))?;
        let (northbound, southbound) = (Dump::new(), Dump::new());
        let player = Player { reference, databases, _northd: northd, northbound, southbound };
        player.await_control()?;
        Ok(player)
    }

    fn await_control(&self) -> Result<(), String> {
        let socket = self.databases.folder().join("northd.ctl");
        for _ in 0..2000 {
            if socket.exists() && self.control("status").is_ok() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Err("ovn-northd did not open its control socket within 10 s".to_owned())
    }

    fn control(&self, command: &str) -> Result<String, String> {
        let socket = self.databases.folder().join("northd.ctl");
        self.reference.output("ovn-appctl", &["-t", &socket.to_string_lossy(), command])
    }

    fn look(&mut self) -> Result<(), String> {
        self.northbound = dump::of_server(self.reference, &self.databases, Database::Northbound)?;
        self.southbound = dump::of_server(self.reference, &self.databases, Database::Southbound)?;
        Ok(())
    }

    /// A recording of networks that have their identities.
    fn begin(&mut self) -> Result<Recording, String> {
        let mut first = vec!["init", "--", "set", "NB_Global", "."];
        first.extend(PINNED);
        // ovn-sbctl makes this row too, and before a line that means something else.
        self.databases.sbctl(&["init"])?;
        self.southbound = dump::of_server(self.reference, &self.databases, Database::Southbound)?;
        self.databases.nbctl(&first)?;
        let items = vec![Item::Step(self.step("nbctl init")?)];
        Ok(Recording { version: self.reference.version().to_owned(), items })
    }

    /// Makes northbound changes at once, and records what comes of them.
    pub fn record_changes(mut self, changes: Vec<RowChange>) -> Result<Recording, String> {
        let mut recording = self.begin()?;
        let line = "nbctl: changes at once".to_owned();
        self.make(&Step { line: line.clone(), changes, references: References::default() })?;
        // The server drops rows that nobody refers to.
        recording.items.push(Item::Step(self.step(&line)?));
        let (step, check) = self.check()?;
        recording.items.extend([Item::Step(step), Item::Check(Box::new(check))]);
        Ok(recording)
    }

    /// Plays a scenario's text and records it.
    pub fn record(mut self, text: &str) -> Result<Recording, String> {
        let mut recording = self.begin()?;
        for (number, line) in text.lines().enumerate() {
            let words = split(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            let failed = |error| format!("line {}: {error}", number + 1);
            if words.iter().any(|word| names_none(&self.southbound, word)) {
                continue;
            }
            let words =
                words.into_iter().map(|word| name(&self.southbound, word)).collect::<Result<Vec<_>, _>>();
            let words = words.map_err(failed)?;
            let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            match words.first().map(String::as_str) {
                None => {}
                Some(word) if word.starts_with('#') => {}
                Some("nbctl") => {
                    self.databases.nbctl(&args).map_err(failed)?;
                    recording.items.push(Item::Step(self.step(line)?));
                }
                Some("sbctl") => {
                    self.databases.sbctl(&args).map_err(failed)?;
                    recording.items.push(Item::Step(self.step(line)?));
                }
                Some("check") => {
                    let (step, check) = self.check()?;
                    recording.items.push(Item::Step(step));
                    recording.items.push(Item::Check(Box::new(check)));
                }
                Some(other) => return Err(format!("line {}: \"{other}\" is no command", number + 1)),
            }
        }
        Ok(recording)
    }

    /// What the last line has changed.
    fn step(&mut self, line: &str) -> Result<Step, String> {
        let (northbound, southbound) = (self.northbound.clone(), self.southbound.clone());
        // The program is paused: a line changes the database that it is for.
        if line.starts_with("nbctl") {
            self.northbound = dump::of_server(self.reference, &self.databases, Database::Northbound)?;
        } else {
            self.southbound = dump::of_server(self.reference, &self.databases, Database::Southbound)?;
        }
        let mut changes = dump::difference(Database::Northbound, &northbound, &self.northbound);
        for change in dump::difference(Database::Southbound, &southbound, &self.southbound) {
            match &change.edit {
                Edit::Update(columns)
                    if chassis::columns_of(&change.table)
                        .is_some_and(|theirs| columns.iter().all(|(name, _)| theirs.contains(&&**name))) =>
                {
                    changes.push(change);
                }
                // The server forgets a chassis that goes.
                Edit::Update(columns) if columns.iter().all(|(name, _)| forgets(&change.table, name)) => {
                    let theirs = chassis::columns_of(&change.table).unwrap_or_default();
                    let left = columns.iter().filter(|(name, _)| theirs.contains(&&**name)).cloned();
                    let left: Columns = left.collect();
                    if !left.is_empty() {
                        changes.push(RowChange { edit: Edit::Update(left), ..change });
                    }
                }
                _ if chassis::written(&change.table).is_some() => changes.push(change),
                _ => {
                    return Err(format!("\"{line}\" changes table {}, which is the program's", change.table));
                }
            }
        }
        let mut references = References::default();
        changes.iter().for_each(|change| references.add(&southbound, change));
        Ok(Step { line: line.to_owned(), changes, references })
    }

    /// Lets the reference follow; gives the change of `nb_cfg` that this takes, and the result.
    fn check(&mut self) -> Result<(Step, Check), String> {
        let before = self.northbound.clone();
        self.follow()?;
        let mut step = Step { line: SYNC.to_owned(), changes: Vec::new(), references: References::default() };
        for mut change in dump::difference(Database::Northbound, &before, &self.northbound) {
            if let Some(unseen) = normalize::unseen(&change) {
                return Err(format!("the reference wrote what is not compared: {unseen}"));
            }
            if let Edit::Update(columns) = &mut change.edit {
                columns.retain(|(name, _)| &**name == "nb_cfg");
                if !columns.is_empty() {
                    step.changes.push(change);
                }
            }
        }
        let check = Check {
            southbound: normalize::southbound(&self.southbound),
            northbound: normalize::northbound(&self.northbound),
        };
        Ok((step, check))
    }

    /// Lets the reference compute everything anew, twice: some of what it writes it notices only in
    /// the next run.
    fn follow(&mut self) -> Result<(), String> {
        self.control("resume")?;
        self.databases.sync()?;
        self.control("inc-engine/recompute")?;
        self.databases.sync()?;
        self.control("pause")?;
        self.look()
    }

    /// Plays a recording, and gives what the reference holds at its check points.
    pub fn replay(mut self, recording: &Recording) -> Result<Vec<Check>, String> {
        let mut checks = Vec::new();
        for item in &recording.items {
            match item {
                // What following did to nb_cfg it does again.
                Item::Step(step) if step.line == SYNC => {}
                Item::Step(step) => self.make(step)?,
                Item::Check(_) => {
                    self.follow()?;
                    checks.push(Check {
                        southbound: normalize::southbound(&self.southbound),
                        northbound: normalize::northbound(&self.northbound),
                    });
                }
            }
        }
        Ok(checks)
    }

    fn make(&self, step: &Step) -> Result<(), String> {
        let changes = step.references.translate(&step.changes, &self.southbound, |_| false)?;
        for database in [Database::Northbound, Database::Southbound] {
            let changes = changes.iter().filter(|change| change.database == database);
            let mut operations: Vec<Value> = vec![json!(database.name())];
            operations.extend(changes.map(operation));
            if operations.len() == 1 {
                continue;
            }
            let remote = self.databases.remote(if database == Database::Northbound { "nb" } else { "sb" });
            let reply = self
                .reference
                .output("ovsdb-client", &["transact", &remote, &Value::from(operations).to_string()])?;
            if reply.contains("\"error\":\"") {
                return Err(format!("\"{}\": {reply}", step.line));
            }
        }
        Ok(())
    }
}

/// The table and the number in a word `{TABLE #NUMBER}`.
fn numbered(word: &str) -> Option<(&str, usize)> {
    let (table, number) = word.strip_prefix('{')?.strip_suffix('}')?.split_once(" #")?;
    Some((table, number.parse().ok()?))
}

/// Whether the word stands for a row of a table that has none: a walk does not know what there is.
fn names_none(southbound: &Dump, word: &str) -> bool {
    numbered(word).is_some_and(|(table, _)| southbound.get(table).is_none_or(|rows| rows.is_empty()))
}

/// The row of a number, counted round and round in the order of what rows hold.
fn row_of(southbound: &Dump, table: &str, number: usize) -> Option<Uuid> {
    let rows = southbound.get(table)?;
    let texts = |row: &dump::Row| {
        let column = |(name, datum): (&Text, &Datum)| match datum {
            Datum::Set(atoms) if matches!(atoms[..], [Atom::Uuid(_), ..]) => None,
            _ => Some(format!("{name}={datum:?}")),
        };
        row.iter().filter_map(column).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = rows.iter().map(|(uuid, row)| (texts(row), *uuid)).collect();
    rows.sort();
    rows.get(number.checked_rem(rows.len())?).map(|(_, uuid)| *uuid)
}

/// The word, or the identifier of the southbound row that it stands for: `{TABLE COLUMN=TEXT ...}` or `{TABLE #NUMBER}`.
pub(crate) fn name(southbound: &Dump, word: String) -> Result<String, String> {
    if let Some((table, number)) = numbered(&word) {
        return row_of(southbound, table, number)
            .map(|uuid| uuid.to_string())
            .ok_or(format!("no row {word}"));
    }
    let Some(inner) = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(word);
    };
    let mut parts = inner.split(' ');
    let table = parts.next().unwrap_or_default();
    let wanted: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let is = |row: &dump::Row| {
        wanted
            .iter()
            .all(|(column, text)| row.get(*column) == Some(&Datum::scalar(Atom::String((*text).into()))))
    };
    let mut rows = southbound.get(table).into_iter().flatten().filter(|(_, row)| is(row));
    match (rows.next(), rows.next()) {
        (Some((uuid, _)), None) => Ok(uuid.to_string()),
        (None, _) => Err(format!("no row {word}")),
        _ => Err(format!("several rows {word}")),
    }
}

fn row(columns: &[(Text, Datum)]) -> Value {
    columns
        .iter()
        .map(|(name, datum)| (name.to_string(), to_json(datum)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn operation(change: &RowChange) -> Value {
    let table = &*change.table;
    let condition = json!([["_uuid", "==", ["uuid", change.uuid.to_string()]]]);
    match &change.edit {
        Edit::Insert(columns) => {
            json!({ "op": "insert", "table": table, "uuid": change.uuid.to_string(), "row": row(columns) })
        }
        Edit::Update(columns) => {
            json!({ "op": "update", "table": table, "where": condition, "row": row(columns) })
        }
        Edit::Elements { .. } | Edit::Delete => json!({ "op": "delete", "table": table, "where": condition }),
    }
}

/// Splits a line into words as a shell does, with quotes and backslashes.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let text = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(format!("a {character} is not closed")),
                        Some(end) if end == character => break,
                        Some('\\') if character == '"' => text.extend(characters.next()),
                        Some(other) => text.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn lines_are_split_as_a_shell_does() {
        assert_eq!(split(r#"a "b c" 'd "e' f\ g"#).unwrap(), ["a", "b c", "d \"e", "f g"]);
        assert_eq!(split("''").unwrap(), [""]);
        assert!(split("'a").is_err());
    }
}
