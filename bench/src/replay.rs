//! What a replay takes, by the length of the log. Ports come and go in a network that stays as large as it is, so that
//! memory has to as well.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use northflow_connectors::ovsdb::file::{RowChange, Transaction, Writer};
use northflow_connectors::ovsdb::schema::DatabaseSchema;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use serde_json::Value;

use crate::Failure;
use crate::lab::Folder;
use crate::options::Program;
use crate::process::{children_cpu, memory};

const SCHEMA: &str = r#"{"name": "OVN_Northbound", "version": "7.0.0", "tables": {
    "NB_Global": {"columns": {"nb_cfg": {"type": "integer"}}},
    "Logical_Switch": {"columns": {
        "name": {"type": "string"},
        "ports": {"type": {"key": {"type": "uuid", "refTable": "Logical_Switch_Port"}, "min": 0, "max": "unlimited"}}}},
    "Logical_Switch_Port": {"columns": {
        "name": {"type": "string"},
        "addresses": {"type": {"key": "string", "min": 0, "max": "unlimited"}}}}}}"#;

/// Switches, and ports of each that are there at a time.
const SWITCHES: usize = 10;
const PORTS: usize = 50;

/// How often the memory is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// What a measurement of replays is told.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Transactions of the logs, the fewest first.
    #[arg(long, value_delimiter = ',', default_value = "2000,20000", value_name = "N,...")]
    transactions: Vec<usize>,
    #[command(flatten)]
    program: Program,
}

/// Replays a log of each length and prints.
///
/// # Errors
/// When a log cannot be written, or there is no northflow, or it fails.
pub fn run(options: &Options) -> Result<bool, Failure> {
    let northflow = options.program.find()?;
    println!("| transactions | flows at the end | CPU s | wall s | memory at most, MiB |");
    println!("|---|---|---|---|---|");
    for count in &options.transactions {
        let folder = Folder::new()?;
        let log = folder.path("network.log");
        write(&log, *count)?;
        let mut command = Command::new(&northflow);
        let replayed = measure(command.args(["replay", "--quiet", "--format", "json"]).arg(&log))?;
        let Replayed { flows, cpu, wall, peak, .. } = replayed;
        println!("| {count} | {flows} | {:.1} | {:.1} | {peak:.1} |", cpu.as_secs_f64(), wall.as_secs_f64());
    }
    Ok(true)
}

/// What a replay took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replayed {
    /// Logical flows at the end.
    pub flows: u64,
    /// OpenFlow flows of all chassis at the end.
    pub chassis_flows: u64,
    /// Processor time.
    pub cpu: Duration,
    /// Time.
    pub wall: Duration,
    /// The most memory, in MiB.
    pub peak: f64,
}

/// Runs `command`, a replay that is to print its summary in JSON and nothing else.
pub(crate) fn measure(command: &mut Command) -> Result<Replayed, Failure> {
    let (before, started) = (children_cpu(), Instant::now());
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", Path::new(command.get_program()).display()))?;
    let mut peak = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // It may end at any time.
        peak = memory(child.id()).map_or(peak, |memory| memory.peak.max(peak));
        sleep(PERIOD);
    };
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    // The lines are short enough to wait in the pipe.
    let output = child.stdout.take().ok_or("no output")?;
    let lines: Vec<Value> =
        serde_json::Deserializer::from_reader(output).into_iter().collect::<Result<_, _>>()?;
    let flows = lines.iter().find_map(|line| line["logical_flows"].as_u64()).filter(|flows| *flows > 0);
    let flows = flows.ok_or("nothing was computed")?;
    let chassis = lines.iter().filter_map(|line| line["chassis"].as_object()).flatten();
    let chassis_flows = chassis.filter_map(|(_, flows)| flows.as_u64()).sum();
    Ok(Replayed { flows, chassis_flows, cpu: children_cpu() - before, wall: started.elapsed(), peak })
}

fn write(path: &Path, count: usize) -> Result<(), Failure> {
    let mut writer = Writer::create(path, Arc::new(DatabaseSchema::parse(SCHEMA)?))?;
    // Without this row there is no network, and nothing to be computed.
    let global = RowChange::Insert(vec![("nb_cfg".into(), Datum::scalar(Atom::Integer(1)))]);
    let changes = vec![("NB_Global".into(), Uuid(1 << 64), global)];
    writer.write(&Transaction { date_ms: None, comment: None, schema: None, changes })?;
    let mut ports: Vec<VecDeque<Atom>> = vec![VecDeque::new(); SWITCHES];
    for n in 0..count {
        writer.write(&transaction(n, &mut ports[n % SWITCHES]))?;
    }
    writer.finish()?;
    Ok(())
}

/// A port comes to a switch, and the oldest of [`PORTS`] goes.
fn transaction(n: usize, ports: &mut VecDeque<Atom>) -> Transaction {
    let scalar = |text: String| Datum::scalar(Atom::text(text));
    // As good as random, as identifiers are.
    let uuid = Uuid((n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let address = format!("0a:58:0a:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255);
    let columns = vec![("name".into(), scalar(format!("p{n}"))), ("addresses".into(), scalar(address))];
    let mut changes = vec![("Logical_Switch_Port".into(), uuid, RowChange::Insert(columns))];
    ports.push_back(Atom::Uuid(uuid));
    if ports.len() > PORTS
        && let Some(Atom::Uuid(oldest)) = ports.pop_front()
    {
        changes.push(("Logical_Switch_Port".into(), oldest, RowChange::Delete));
    }
    let switch = n % SWITCHES;
    let members = ("ports".into(), Datum::set(ports.iter().cloned()));
    let row = if n < SWITCHES {
        RowChange::Insert(vec![("name".into(), scalar(format!("s{switch}"))), members])
    } else {
        RowChange::Modify(vec![members])
    };
    changes.push(("Logical_Switch".into(), Uuid(1 + switch as u128), row));
    Transaction { date_ms: Some(1_700_000_000_000 + n as i64), comment: None, schema: None, changes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_stays_as_large_as_it_is() {
        let mut ports = VecDeque::new();
        let tables =
            |transaction: Transaction| transaction.changes.into_iter().map(|change| change.2).collect();
        let first: Vec<RowChange> = tables(transaction(0, &mut ports));
        assert!(matches!(first[..], [RowChange::Insert(_), RowChange::Insert(_)]));
        for n in 1..PORTS {
            transaction(n * SWITCHES, &mut ports);
        }
        let later: Vec<RowChange> = tables(transaction(PORTS * SWITCHES, &mut ports));
        assert!(matches!(later[..], [RowChange::Insert(_), RowChange::Delete, RowChange::Modify(_)]));
        assert_eq!(ports.len(), PORTS);
    }
}
