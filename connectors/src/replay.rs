//! `northflow replay`: a database file or log, transaction by transaction, without a server.

mod chassis;
mod placement;
mod report;
mod source;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use northflow_engine::Config;

use crate::memory::MemoryDatabase;
use crate::offline::Offline;
use chassis::Fleet;
use placement::Placement;
use report::Report;
use source::{Recorded, Source};

/// Follows a recorded network from change to change and says what each amounts to.
#[derive(Debug, Parser)]
#[command(name = "northflow replay", version, max_term_width = 100)]
struct Options {
    /// The northbound database: a file of ovsdb-server, standalone or clustered.
    file: PathBuf,

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
    let config = Config { workers: options.workers, cluster: None };
    let placement = options.chassis.as_deref().map(Placement::read).transpose()?;
    let mut fleet = placement.map(|placement| Fleet::new(config.clone(), placement)).transpose()?;
    let mut network = match &options.southbound {
        None => Offline::new(config)?,
        Some(path) => {
            let mut existing = MemoryDatabase::default();
            for changes in Source::open(path)? {
                for change in changes?.changes {
                    existing.apply(&change);
                }
            }
            Offline::resume(config, &existing)?
        }
    };
    if let Some(fleet) = &mut fleet {
        fleet.settle(&mut network)?;
    }
    let size = std::fs::metadata(&options.file).map_or(0, |metadata| metadata.len());
    let mut source = Source::open(&options.file)?;
    let bar = progress_bar(size);
    let mut report = Report::new(options.format, options.quiet);
    let mut whole = true;
    let started = Instant::now();
    while let Some(changes) = source.next() {
        let Recorded { comment, changes } = match changes {
            Ok(recorded) => recorded,
            Err(error) => {
                eprintln!("northflow replay: {error}");
                whole = false;
                break;
            }
        };
        bar.set_position(source.offset());
        let mut outcome = network.apply(&changes)?;
        let follows = match &mut fleet {
            Some(fleet) => Some(fleet.join(&mut network, &mut outcome)?),
            None => None,
        };
        let (rows, comment) = (changes.len(), comment.as_deref());
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
    if let Some(path) = &options.output {
        source::write(path, options.schema.as_deref(), network.southbound())?;
    }
    Ok(whole)
}

/// A bar on a terminal, and nothing elsewhere.
fn progress_bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
