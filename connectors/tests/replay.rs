//! `northflow replay` of a log that the test writes: its pace.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use northflow_connectors::ovsdb::file::{RowChange, Transaction, Writer};
use northflow_connectors::ovsdb::schema::DatabaseSchema;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};

const SCHEMA: &str = r#"{"name": "OVN_Northbound", "version": "7.0.0", "tables": {
    "Logical_Switch": {"columns": {"name": {"type": "string"}}}}}"#;

/// What lies between the first of three transactions and the last.
const SPAN: Duration = Duration::from_millis(1200);

/// A log that goes with the test.
struct Log(PathBuf);

impl Log {
    /// A switch now, another in the middle of [`SPAN`], and one at its end.
    fn new(name: &str) -> Log {
        let log = Log(std::env::temp_dir().join(format!("northflow-replay-{name}-{}", std::process::id())));
        let schema = DatabaseSchema::parse(SCHEMA).unwrap();
        let mut writer = Writer::create(&log.0, Arc::new(schema)).unwrap();
        for switch in 0..3i64 {
            let name = Datum::scalar(Atom::text(format!("s{switch}")));
            let row = RowChange::Insert(vec![("name".into(), name)]);
            let uuid = Uuid(1 + u128::from(switch.unsigned_abs()));
            let date_ms = Some(1_700_000_000_000 + switch * SPAN.as_millis() as i64 / 2);
            let changes = vec![("Logical_Switch".into(), uuid, row)];
            writer.write(&Transaction { date_ms, comment: None, schema: None, changes }).unwrap();
        }
        writer.finish().unwrap();
        log
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// When each transaction of a log was printed.
fn printed(log: &Path, pace: &[&str]) -> Vec<Instant> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_northflow"));
    command.arg("replay").args(pace).args(["--format", "json"]).arg(log).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let times = lines.filter(|line| line.as_ref().unwrap().contains("\"rows_in\"")).map(|_| Instant::now());
    let times: Vec<Instant> = times.collect();
    assert!(child.wait().unwrap().success());
    times
}

#[test]
fn what_happened_is_followed_at_the_pace_at_which_it_happened() {
    let log = Log::new("realtime");
    let times = printed(&log.0, &["--realtime"]);
    assert_eq!(times.len(), 4, "three transactions and the summary");
    // The first is printed late rather than early, so that what comes after it may seem to come too soon.
    let late = Duration::from_millis(300);
    assert!(times[1] - times[0] + late >= SPAN / 2, "{times:?}");
    assert!(times[2] - times[0] + late >= SPAN, "{times:?}");
}

#[test]
fn a_speed_divides_the_time_between() {
    let log = Log::new("speed");
    let started = Instant::now();
    let times = printed(&log.0, &["--speed", "0.5"]);
    assert!(times[2] - started >= SPAN * 2, "{times:?}");
    let log = Log::new("fast");
    let started = Instant::now();
    let times = printed(&log.0, &["--speed", "4"]);
    assert!(times[2] - started >= SPAN / 4, "{times:?}");
}

#[test]
fn two_paces_are_refused() {
    let log = Log::new("both");
    let mut command = Command::new(env!("CARGO_BIN_EXE_northflow"));
    let output = command.args(["replay", "--realtime", "--speed", "2"]).arg(&log.0).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be used with"), "{output:?}");
}
