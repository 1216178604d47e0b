//! northflow and ovn-northd side by side in the same networks.

mod plot;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use northflow_tests::reference::Reference;
use serde::Serialize;

use crate::Failure;
use crate::lab::{Cost, Lab, Side};
use crate::options::Comparison;
use crate::process::{Memory, memory};
use crate::stats::Summary;
use crate::work;
use crate::workload::{Change, Workload};

/// What every comparison is told.
///
/// The reference is a 26.03 on PATH, the folder that NORTHFLOW_REFERENCE names, or Debian's packages.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    comparison: Comparison,
    /// Worker threads of northflow.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Write every figure to this file too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the start and every kind of change over the size of the network, into this file as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// How long a daemon may take to start or to follow a change. Where ovn-northd takes longer northflow goes on alone.
    #[arg(long, default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3000))]
    patience: u16,
    /// Count the rows that the operators handle instead of taking times: without servers, on however busy a machine.
    #[arg(long)]
    count: bool,
    /// Fail if a target is missed.
    #[arg(long)]
    check: bool,
}

/// What was measured of one daemon in one network.
#[derive(Clone, Debug, Serialize)]
struct Daemon {
    /// Of one that was started where there is no network.
    memory_of_nothing: Memory,
    /// From its start with an empty southbound database until it rested.
    cold: Cost,
    /// After the start.
    memory: Memory,
    /// Rows of the southbound tables after the start.
    rows: BTreeMap<String, usize>,
    changes: Vec<ChangeCost>,
    /// None if it was given up before.
    at_end: Option<AtEnd>,
}

/// What there is after all changes.
#[derive(Clone, Debug, Serialize)]
struct AtEnd {
    memory: Memory,
    /// Once the whole network has been deleted.
    memory_deleted: Memory,
    /// Rows of the southbound tables.
    rows: BTreeMap<String, usize>,
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
    /// Why ovn-northd was not measured, or not to the end.
    given_up: Option<String>,
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
    let workloads = workloads.into_iter().map(|mut workload| {
        workload.keep_only(&options.comparison.only);
        workload
    });
    if options.count {
        return Ok(work::run(workloads, options.comparison.rounds.into())? || !options.check);
    }
    let northflow = options.comparison.program.find()?;
    let reference = Reference::get()?;
    let mut run = Run {
        reference_version: reference.version().to_owned(),
        rounds: options.comparison.rounds.into(),
        sizes: Vec::new(),
    };
    let mut failure = None;
    for workload in workloads {
        eprintln!("{} ...", workload.size);
        match size(reference, &northflow, &workload, options) {
            Ok(size) => run.sizes.push(size),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    print!("{}", report::table(&run));
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = &options.json {
        write(path, serde_json::to_string_pretty(&run)?)?;
    }
    if let Some(path) = &options.svg {
        write(path, plot::svg(&run)?)?;
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
    let start = |side| Subject::start(side, reference, northflow, workload, options);
    let mut ours = start(Side::Northflow { workers: options.workers })?;
    let mut given_up = None;
    let mut theirs = None;
    if !options.comparison.alone {
        match start(Side::Reference) {
            Ok(subject) => theirs = Some(subject),
            Err(error) => given_up = Some(format!("start: {error}")),
        }
    }
    let mut unfinished = None;
    for change in &workload.changes {
        for round in 0..options.comparison.rounds.into() {
            ours.measure(change, round)?;
            if let Some(Err(error)) = theirs.as_mut().map(|theirs| theirs.measure(change, round)) {
                given_up = Some(error.to_string());
                unfinished = theirs.take().map(|theirs| theirs.daemon);
            }
        }
        ours.summarise(change.name);
        if let Some(theirs) = &mut theirs {
            theirs.summarise(change.name);
        }
    }
    let theirs = theirs.map(Subject::finish).transpose()?;
    let size = workload.size.clone();
    Ok(Size { size, northflow: ours.finish()?, reference: theirs.or(unfinished), given_up })
}

/// A daemon while it is measured.
struct Subject {
    lab: Lab,
    daemon: Daemon,
    samples: Vec<Cost>,
}

impl Subject {
    fn start(
        side: Side,
        reference: &'static Reference,
        northflow: &Path,
        workload: &Workload,
        options: &Options,
    ) -> Result<Subject, Failure> {
        let patience = Duration::from_secs(options.patience.into());
        let mut nothing = Lab::new(reference, &Workload::nothing(), patience)?;
        nothing.start(side, northflow, reference)?;
        let memory_of_nothing = memory(nothing.pid()?)?;
        drop(nothing);
        let mut lab = Lab::new(reference, workload, patience)?;
        let cold = lab.start(side, northflow, reference)?;
        let (memory, rows) = (memory(lab.pid()?)?, lab.row_counts()?);
        let daemon = Daemon { memory_of_nothing, cold, memory, rows, changes: Vec::new(), at_end: None };
        Ok(Subject { lab, daemon, samples: Vec::new() })
    }

    fn measure(&mut self, change: &Change, round: usize) -> Result<(), Failure> {
        let cost = self.lab.measure((change.make)(round));
        self.samples.push(cost.map_err(|error| format!("{}: {error}", change.name))?);
        Ok(())
    }

    /// What was measured since the last call was this kind of change.
    fn summarise(&mut self, change: &'static str) {
        let samples = std::mem::take(&mut self.samples);
        self.daemon.changes.push(summarise(change, samples));
    }

    fn finish(mut self) -> Result<Daemon, Failure> {
        let (memory_before, rows) = (memory(self.lab.pid()?)?, self.lab.row_counts()?);
        self.lab.delete_all()?;
        let memory_deleted = memory(self.lab.pid()?)?;
        self.daemon.at_end = Some(AtEnd { memory: memory_before, memory_deleted, rows });
        Ok(self.daemon)
    }
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
