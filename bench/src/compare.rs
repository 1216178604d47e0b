//! northflow and ovn-northd side by side in the same networks.

mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use northflow_tests::reference::Reference;
use serde::Serialize;

use crate::Failure;
use crate::lab::{Cost, Lab, Side};
use crate::process::{Memory, memory};
use crate::stats::Summary;
use crate::workload::Workload;

/// What every comparison is told.
///
/// The reference is a 26.03 on PATH, the folder that NORTHFLOW_REFERENCE names, or Debian's packages.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How often each change is made; at most 200.
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=200))]
    rounds: u16,
    /// The northflow program; by default the one beside this one.
    #[arg(long, value_name = "FILE")]
    northflow: Option<PathBuf>,
    /// Only changes whose name holds one of these. Some need others: what is deleted was added before.
    #[arg(long, value_delimiter = ',', value_name = "TEXT,...")]
    only: Vec<String>,
    /// Only northflow: there are no ratios then.
    #[arg(long)]
    alone: bool,
    /// Write every figure to this file too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail if a target is missed.
    #[arg(long)]
    check: bool,
}

/// What was measured of one daemon in one network.
#[derive(Clone, Debug, Serialize)]
struct Daemon {
    /// From its start with an empty southbound database until it rested.
    cold: Cost,
    /// After the start, and at the end of the run.
    memory: Memory,
    memory_at_end: Memory,
    /// Rows of the southbound tables after the start and at the end.
    rows: BTreeMap<String, usize>,
    rows_at_end: BTreeMap<String, usize>,
    changes: Vec<ChangeCost>,
}

/// What one kind of change cost, over all rounds.
#[derive(Clone, Debug, Serialize)]
struct ChangeCost {
    change: &'static str,
    cpu_ms: Summary,
    wall_ms: Summary,
    rows: Summary,
    bytes: Summary,
    samples: Vec<Cost>,
}

/// The daemons in one network.
#[derive(Clone, Debug, Serialize)]
struct Size {
    size: String,
    northflow: Daemon,
    /// None if northflow ran alone.
    reference: Option<Daemon>,
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
struct Run {
    reference_version: String,
    rounds: usize,
    sizes: Vec<Size>,
}

/// Measures workloads of one kind, smallest first, and prints; false if a target is missed and that was
/// asked for. A network whose daemons cannot be measured ends the run, after what was measured is printed.
///
/// # Errors
/// When there is no reference or no northflow, or a daemon or server fails.
pub fn run(options: &Options, workloads: impl IntoIterator<Item = Workload>) -> Result<bool, Failure> {
    let northflow = match &options.northflow {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("northflow"),
    };
    if !northflow.is_file() {
        return Err(
            format!("{} is not there: build it, or name it with --northflow", northflow.display()).into()
        );
    }
    let reference = Reference::get()?;
    let mut run = Run {
        reference_version: reference.version().to_owned(),
        rounds: options.rounds.into(),
        sizes: Vec::new(),
    };
    let mut failure = None;
    for mut workload in workloads {
        eprintln!("{} ...", workload.size);
        workload.keep_only(&options.only);
        match size(reference, &northflow, &workload, options) {
            Ok(size) => run.sizes.push(size),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    print!("{}", report::table(&run));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&run)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let missed = report::missed(&run);
    for target in &missed {
        println!("missed: {target}");
    }
    failure.map_or(Ok(missed.is_empty() || !options.check), Err)
}

/// Measures the daemons in one network, each change on one and then on the other.
fn size(
    reference: &'static Reference,
    northflow: &Path,
    workload: &Workload,
    options: &Options,
) -> Result<Size, Failure> {
    let sides: &[Side] = if options.alone { &[Side::Northflow] } else { &[Side::Northflow, Side::Reference] };
    let mut labs = Vec::new();
    for side in sides.iter().copied() {
        let mut lab = Lab::new(reference, workload)?;
        let cold = lab.start(side, northflow, reference)?;
        let memory = memory(lab.pid()?)?;
        let rows = lab.row_counts()?;
        let memory_at_end = memory;
        let daemon =
            Daemon { cold, memory, memory_at_end, rows_at_end: rows.clone(), rows, changes: Vec::new() };
        labs.push((lab, daemon));
    }
    for change in &workload.changes {
        let mut samples = vec![Vec::new(); labs.len()];
        for round in 0..options.rounds.into() {
            for ((lab, _), samples) in labs.iter_mut().zip(&mut samples) {
                let cost = lab.measure((change.make)(round));
                samples.push(cost.map_err(|error| format!("{}: {error}", change.name))?);
            }
        }
        for ((_, daemon), samples) in labs.iter_mut().zip(samples) {
            daemon.changes.push(summarise(change.name, samples));
        }
    }
    for (lab, daemon) in &mut labs {
        daemon.memory_at_end = memory(lab.pid()?)?;
        daemon.rows_at_end = lab.row_counts()?;
    }
    let mut daemons = labs.into_iter().map(|(_, daemon)| daemon);
    let northflow = daemons.next().ok_or("no daemon was measured")?;
    Ok(Size { size: workload.size.clone(), northflow, reference: daemons.next() })
}

fn summarise(change: &'static str, samples: Vec<Cost>) -> ChangeCost {
    let of = |figure: fn(&Cost) -> f64| Summary::of(samples.iter().map(figure));
    ChangeCost {
        change,
        cpu_ms: of(|cost| cost.cpu_ms),
        wall_ms: of(|cost| cost.wall_ms),
        rows: of(|cost| cost.rows as f64),
        bytes: of(|cost| cost.bytes as f64),
        samples,
    }
}
