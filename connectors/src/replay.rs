//! `northflow replay`: a database file or log, transaction by transaction, without a server.

#[cfg(feature = "abomonation")]
pub mod cache;
mod chart;
mod chassis;
#[cfg(feature = "abomonation")]
mod log;
mod page;
mod placement;
mod report;
pub mod source;
mod statistics;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use northflow_engine::Config;
use northflow_rules::northd;

use crate::memory::MemoryDatabase;
use crate::offline::Offline;
use crate::relation;
use chassis::Fleet;
use placement::Placement;
use report::Report;
use source::{Recorded, Source};
use statistics::Statistics;

/// Follows a recorded network from change to change and says what each amounts to.
#[derive(Debug, Parser)]
#[command(name = "northflow replay", version, max_term_width = 100)]
struct Options {
    /// The northbound database, a file of ovsdb-server, standalone or clustered; or a recording of both databases by
    /// `northflow record`.
    file: PathBuf,

    /// Follow at the speed at which it happened, as far as the file says when.
    #[arg(long, conflicts_with = "speed")]
    realtime: bool,

    /// Follow so many times as fast as it happened.
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f64>,

    /// Write a page (.html) or picture (.svg) of how long transactions took, which the slowest were and what was in
    /// them, and how many flows the stages have.
    #[arg(long, value_name = "FILE", value_parser = page::Target::parse)]
    report: Option<page::Target>,

    /// Keep what was decoded of FILE here, and take it from here the next time. Anything else that the cache may be is
    /// replaced.
    #[cfg(feature = "abomonation")]
    #[arg(long, value_name = "CACHE")]
    cache: Option<PathBuf>,

    /// Print the rows of a relation at the end; may be given several times. `--dump list` names the relations.
    #[arg(long, value_name = "RELATION")]
    dump: Vec<String>,

    /// A southbound database file to start from: chassis, and rows to be kept.
    #[arg(long, value_name = "FILE")]
    southbound: Option<PathBuf>,

    /// List the logical flows at the end, as `ovn-sbctl lflow-list` does.
    #[arg(long)]
    flows: bool,

    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Write the resulting southbound database to this file, which must not exist.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The schema for --output, such as ovn-sb.ovsschema; without it one of the tables in use.
    #[arg(long, value_name = "FILE", requires = "output")]
    schema: Option<PathBuf>,

    /// Compute the flows of all chassis too. FILE says on each line a chassis, a logical port that is on
    /// it, and its OpenFlow port; "auto" is what the southbound database says of ports.
    #[arg(long, value_name = "FILE|auto")]
    chassis: Option<String>,

    /// Worker threads of the dataflow.
    #[arg(long, default_value_t = 1, value_name = "N")]
    workers: usize,

    /// Print the summary only.
    #[arg(long, short)]
    quiet: bool,
}

/// How a replay prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

type Failure = Box<dyn std::error::Error>;

/// Runs the command with its arguments, the program's name not among them.
pub fn run(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let name = std::iter::once(std::ffi::OsString::from("northflow replay"));
    let options = match Options::try_parse_from(name.chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are errors to clap; printing can fail only if nobody listens.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match replay(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read the output has seen enough: `| head`.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("northflow replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Replays; false if the file is damaged, after what precedes the damage.
fn replay(options: &Options) -> Result<bool, Failure> {
    let mut report = Report::new(options.format, options.quiet);
    if options.dump.iter().any(|relation| relation == "list") {
        report.text(&relation::list(northd::program))?;
        return Ok(true);
    }
    if let Some(unknown) = options.dump.iter().find(|relation| !relation::exists(relation)) {
        return Err(format!("no relation is called \"{unknown}\"; see --dump list").into());
    }
    let config = Config { workers: options.workers, cluster: None };
    let placement = options.chassis.as_deref().map(Placement::read).transpose()?;
    let mut fleet = placement.map(|placement| Fleet::new(config.clone(), placement)).transpose()?;
    let mut network = Offline::keeping(config, options.dump.clone())?;
    let size = std::fs::metadata(&options.file).map_or(0, |metadata| metadata.len());
    #[cfg(feature = "abomonation")]
    let mut source = log::Log::open(&options.file, options.cache.as_deref())?;
    #[cfg(not(feature = "abomonation"))]
    let mut source = Source::open(&options.file)?;
    match &options.southbound {
        Some(_) if source.is_recording() => {
            return Err("--southbound: a recording tells of the southbound database itself".into());
        }
        Some(path) => network.take_over(&contents(path)?),
        None if source.is_recording() => {
            network.observe();
            if let Some(fleet) = &mut fleet {
                fleet.observe()?;
            }
        }
        None => {}
    }
    if let Some(fleet) = &mut fleet {
        fleet.settle(&mut network)?;
    }
    let bar = progress_bar(size);
    let mut statistics = Statistics::default();
    let mut pace = options.speed.or(options.realtime.then_some(1.0)).map(Pace::new);
    let mut whole = true;
    let started = Instant::now();
    while let Some(changes) = source.next() {
        let Recorded { comment, date_ms, changes } = match changes {
            Ok(recorded) => recorded,
            Err(error) => {
                eprintln!("northflow replay: {error}");
                whole = false;
                break;
            }
        };
        bar.set_position(source.offset());
        if let (Some(pace), Some(date)) = (&mut pace, date_ms) {
            pace.wait_for(date);
        }
        let described = options.report.is_some().then(|| statistics::describe(&changes, &network));
        let mut outcome = network.apply(&changes)?;
        let follows = match &mut fleet {
            Some(fleet) => Some(fleet.join(&mut network, &changes, &mut outcome)?),
            None => None,
        };
        let (rows, comment) = (changes.len(), comment.as_deref());
        if let Some(described) = described {
            statistics.transaction(&outcome, described, comment, date_ms);
        }
        bar.suspend(|| report.transaction(rows, comment, &outcome, &network, follows.as_ref()))?;
    }
    bar.finish_and_clear();
    report.summary(&network, started.elapsed())?;
    if let Some(fleet) = &fleet {
        report.chassis(fleet)?;
    }
    if options.flows {
        report.flows(&network)?;
    }
    for relation in &options.dump {
        report.dump(relation, network.engine().dump(relation)?)?;
    }
    if let Some(target) = &options.report {
        let title = options.file.file_name().unwrap_or_default().to_string_lossy();
        target.write(&title, &statistics, &statistics::stages(&network))?;
    }
    if let Some(path) = &options.output {
        source::write(path, options.schema.as_deref(), network.southbound())?;
    }
    // The system takes back at once what they hold; to take it apart row by row takes a large part of a replay.
    std::mem::forget((network, fleet));
    Ok(whole)
}

/// The rows that a file ends with.
fn contents(path: &std::path::Path) -> Result<MemoryDatabase, Failure> {
    let mut existing = MemoryDatabase::default();
    for changes in Source::open(path)? {
        for change in changes?.changes {
            existing.apply(&change);
        }
    }
    Ok(existing)
}

/// A factor above zero.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("a number above 0 is wanted".to_owned()),
    }
}

/// When what happened at some time is to be followed.
struct Pace {
    factor: f64,
    /// When the first transaction was committed, and when it was followed.
    first: Option<(i64, Instant)>,
}

impl Pace {
    fn new(factor: f64) -> Pace {
        Pace { factor, first: None }
    }

    /// Sleeps until it is time for what happened at `date`; who is late does not wait.
    fn wait_for(&mut self, date: i64) {
        let (first, started) = *self.first.get_or_insert_with(|| (date, Instant::now()));
        std::thread::sleep(after(date.saturating_sub(first), self.factor).saturating_sub(started.elapsed()));
    }
}

/// How long after the first transaction one is followed that was committed `ms` milliseconds later: at once if clocks
/// went back.
fn after(ms: i64, factor: f64) -> Duration {
    Duration::try_from_secs_f64(ms.max(0) as f64 / 1e3 / factor).unwrap_or(Duration::MAX)
}

/// A bar on a terminal, and nothing elsewhere.
fn progress_bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_by_the_factor_and_never_backwards() {
        assert_eq!(after(1500, 1.0), Duration::from_millis(1500));
        assert_eq!(after(1500, 4.0), Duration::from_millis(375));
        assert_eq!(after(1500, 0.5), Duration::from_secs(3));
        assert_eq!(after(-20, 1.0), Duration::ZERO);
        assert_eq!(after(i64::MAX, 1e-300), Duration::MAX);
    }

    #[test]
    fn a_speed_is_above_zero() {
        assert_eq!(speed("2.5"), Ok(2.5));
        for wrong in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
