//! The command line of ovn-northd(8): the same options, plus those of this program's own, under "northflow options".
//!
//! [`parse`] reads what was typed and gives what it means. Options may be shortened as with getopt_long(3), and errors
//! read as from there: `ovn-northd: unrecognized option '--foo'`.

mod cli;

use std::ffi::OsString;
use std::fmt;

use clap::error::{ContextKind, ErrorKind};

use crate::net::tls;
use crate::process::daemon;
use crate::process::dirs::Dirs;
use crate::process::vlog;
use cli::Cli;
pub(crate) use cli::{Process, Tls};

/// The release of OVN whose behaviour this program has.
pub const OVN_VERSION: &str = "26.03.1";
/// The release of Open vSwitch whose library that release uses.
pub const OVS_VERSION: &str = "3.7.1";
/// The most threads that `--n-threads` gives: ovn-northd(8).
const MAX_THREADS: usize = 256;

/// The reply to the `version` command: the two lines that monitoring parses.
pub fn version(program: &str) -> String {
    format!("{program} {OVN_VERSION}\nOpen vSwitch Library {OVS_VERSION}")
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// Run with these settings.
    Run(Box<Settings>),
    /// Print this to standard output and exit successfully.
    Print(String),
    /// Print the graph of the computation, or only what leads to the given node, and exit successfully.
    DumpGraph(Option<String>),
}

/// The settings of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the northbound database is: OVSDB connection methods, comma-separated.
    pub nb_db: String,
    /// Where the southbound database is.
    pub sb_db: String,
    /// Start paused.
    pub dry_run: bool,
    /// Threads as ovn-northd counts them, 1 to 256: what is reported, and no more.
    pub n_threads: usize,
    /// Workers of the dataflow in this process: `--workers`, else one.
    pub workers: usize,
    /// The cluster of processes that compute together, if there is more than this one.
    pub cluster: Option<Cluster>,
    /// The name of the control socket, if one was given; see [`Dirs::control_socket`].
    pub unixctl: Option<String>,
    /// How to run in the background.
    pub daemon: daemon::Options,
    /// How to log.
    pub log: LogSettings,
    /// How to connect to servers of `ssl:`.
    pub tls: tls::Settings,
    /// What to log at WARN once the log is set up: options that were not taken as written.
    pub warnings: Vec<String>,
}

/// This process among those of a distributed computation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// How many processes there are.
    pub processes: usize,
    /// Which of them this is, from 0.
    pub process: usize,
    /// A file with one `HOST:PORT` a line for each process; without it all run on this machine.
    pub hostfile: Option<std::path::PathBuf>,
}

/// Log options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// The arguments of `-v`, in order.
    pub levels: Vec<String>,
    /// `--syslog-method`.
    pub syslog_method: Option<String>,
    /// `--syslog-target`.
    pub syslog_target: Option<String>,
}

impl LogSettings {
    /// Puts the settings into effect, for the program called `program`. The log file is opened by [`daemon::start`].
    pub fn apply(&self, program: &str) -> Result<(), ArgsError> {
        vlog::set_program(program);
        for spec in &self.levels {
            vlog::set_levels(spec)
                .map_err(|error| ArgsError::Log(format!("processing \"{spec}\": {error}")))?;
        }
        if let Some(method) = &self.syslog_method {
            vlog::set_syslog_method(method).map_err(|error| ArgsError::Log(error.to_string()))?;
        }
        if let Some(target) = &self.syslog_target {
            vlog::set_syslog_target(target).map_err(|error| ArgsError::Log(error.to_string()))?;
        }
        Ok(())
    }
}

/// Why a command line was refused; whoever typed it is to correct it. Print it after `PROGRAM: ` to standard error and
/// exit with code 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgsError {
    /// No such option.
    Unrecognized(String),
    /// No such one-letter option.
    InvalidLetter(char),
    /// An option shortened so far that it could be several.
    Ambiguous(String, Vec<String>),
    /// An option that takes an argument stands without.
    MissingArgument(String),
    /// An option that takes no argument stands with one.
    UnexpectedArgument(String),
    /// An argument that is not of the kind the option takes: option, argument, what it takes.
    BadArgument(String, String, &'static str),
    /// Log options that make no sense.
    Log(String),
    /// Options that contradict each other, or anything else.
    Other(String),
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgsError::Unrecognized(option) => write!(f, "unrecognized option '{option}'"),
            ArgsError::InvalidLetter(letter) => write!(f, "invalid option -- '{letter}'"),
            ArgsError::Ambiguous(option, possible) => {
                write!(f, "option '{option}' is ambiguous; possibilities:")?;
                possible.iter().try_for_each(|name| write!(f, " '{name}'"))
            }
            ArgsError::MissingArgument(option) => write!(f, "option '{option}' requires an argument"),
            ArgsError::UnexpectedArgument(option) => write!(f, "option '{option}' doesn't allow an argument"),
            ArgsError::BadArgument(option, argument, kind) => {
                write!(f, "argument '{argument}' of option '{option}' is not {kind}")
            }
            ArgsError::Log(text) | ArgsError::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ArgsError {}

/// Reads `args`, without the program's own name, for the program called `program`.
pub fn parse(
    program: &str,
    dirs: &Dirs,
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Parsed, ArgsError> {
    let (cli, mut command) = typed::<Cli>(program, "[OPTIONS]", args)?;
    if cli.help {
        return Ok(Parsed::Print(help(&mut command, program, dirs)));
    }
    if cli.options {
        return Ok(Parsed::Print(options(&command)));
    }
    if cli.version {
        let own = env!("CARGO_PKG_VERSION");
        return Ok(Parsed::Print(format!("{}\nnorthflow {own}\n", version(program))));
    }
    if let Some(node) = cli.dump_inc_proc_graph {
        return Ok(Parsed::DumpGraph(node));
    }
    settings(cli, program, dirs).map(|settings| Parsed::Run(Box::new(settings)))
}

/// Reads `args` as options of the type `C`; `usage` says what may be typed behind the program's name. Gives them with
/// the command that they are of.
pub(crate) fn typed<C: clap::CommandFactory + clap::FromArgMatches>(
    program: &str,
    usage: &str,
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<(C, clap::Command), ArgsError> {
    let mut command =
        C::command().no_binary_name(true).bin_name(program).override_usage(format!("{program} {usage}"));
    let args: Vec<OsString> = args.into_iter().map(|arg| spell_out(arg.into())).collect();
    let cli = command
        .try_get_matches_from_mut(args)
        .and_then(|mut matches| C::from_arg_matches_mut(&mut matches))
        .map_err(|error| refusal(&error, &command))?;
    Ok((cli, command))
}

fn settings(cli: Cli, program: &str, dirs: &Dirs) -> Result<Settings, ArgsError> {
    let (daemon, log, tls) = cli.daemon.settings(program, dirs)?;
    let mut warnings = Vec::new();
    let n_threads = cli.n_threads.as_deref().map_or(1, |text| threads(text, &mut warnings));
    if !cli.ignored.is_empty() {
        warnings.push(format!("ignoring arguments that are no options: {}", cli.ignored.join(" ")));
    }
    let given = |db: Option<String>| db.filter(|db| !db.is_empty());
    let nb_db = given(cli.ovnnb_db).unwrap_or_else(|| dirs.nb_db.clone());
    let sb_db = given(cli.ovnsb_db).unwrap_or_else(|| dirs.sb_db.clone());
    Ok(Settings {
        nb_db,
        sb_db,
        dry_run: cli.dry_run,
        n_threads,
        workers: cli.workers.map_or(1, |workers| usize::from(workers.get())),
        cluster: cluster(cli.processes, cli.process, cli.hostfile)?,
        unixctl: cli.unixctl,
        daemon,
        log,
        tls,
        warnings,
    })
}

impl Process {
    /// How the daemon called `program` is to run, to log and to connect.
    ///
    /// # Errors
    /// TLS options of which nothing is known.
    pub(crate) fn settings(
        self,
        program: &str,
        dirs: &Dirs,
    ) -> Result<(daemon::Options, LogSettings, tls::Settings), ArgsError> {
        let daemon = daemon::Options {
            detach: self.detach,
            monitor: self.monitor,
            no_chdir: self.no_chdir,
            pidfile: self.pidfile.map(|name| dirs.pidfile(program, name.as_deref())),
            overwrite_pidfile: self.overwrite_pidfile,
            user: self.user,
            log_file: self.log_file.map(|name| dirs.log_file(program, name.as_deref())),
        };
        let log = LogSettings {
            levels: self.verbose,
            syslog_method: self.syslog_method,
            syslog_target: self.syslog_target,
        };
        Ok((daemon, log, self.tls.settings()?))
    }
}

/// A file as named where the daemon was started, wherever it goes.
pub(crate) fn from_here(path: std::path::PathBuf) -> std::path::PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The argument of `--n-threads`, brought into the range that ovn-northd(8) gives; what is no number counts as 0, as in
/// strtoul(3).
fn threads(text: &str, warnings: &mut Vec<String>) -> usize {
    let digits = text.trim_start().trim_start_matches('+');
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let asked = match &digits[..end] {
        "" => 0,
        number => number.parse().unwrap_or(usize::MAX),
    };
    let given = asked.clamp(1, MAX_THREADS);
    if given != asked {
        warnings.push(format!("--n-threads={text} is out of range: using {given}"));
    }
    given
}

fn cluster(
    processes: usize,
    process: usize,
    hostfile: Option<std::path::PathBuf>,
) -> Result<Option<Cluster>, ArgsError> {
    match processes {
        0 => Err(ArgsError::BadArgument("--processes".into(), "0".into(), "a number of processes")),
        _ if process >= processes => {
            Err(ArgsError::BadArgument("--process".into(), process.to_string(), "less than --processes"))
        }
        1 if hostfile.is_none() => Ok(None),
        _ => Ok(Some(Cluster { processes, process, hostfile })),
    }
}

/// Writes `-v` and `-vSPEC` out as `--verbose` and `--verbose=SPEC`: the argument of a letter is optional here, which the
/// parser knows of words only.
fn spell_out(arg: OsString) -> OsString {
    match arg.to_str().and_then(|text| text.strip_prefix("-v")) {
        Some("") => "--verbose".into(),
        Some(spec) => format!("--verbose={spec}").into(),
        None => arg,
    }
}

/// The text of `--help`.
fn help(command: &mut clap::Command, program: &str, dirs: &Dirs) -> String {
    let (nb_db, sb_db) = (&dirs.nb_db, &dirs.sb_db);
    let (pidfile, log_file) = (dirs.pidfile(program, None), dirs.log_file(program, None));
    format!(
        "{program}: {}\nDefaults:\n  --ovnnb-db={nb_db}\n  --ovnsb-db={sb_db}\n  \
         --pidfile={}\n  --log-file={}\n",
        command.render_help(),
        pidfile.display(),
        log_file.display()
    )
}

/// The text of `--options`, which the completion of shells reads: each option on a line, long and short.
pub(crate) fn options(command: &clap::Command) -> String {
    let mut out = String::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
        let values = arg.get_num_args().unwrap_or_default();
        let (long_value, short_value) = match (values.takes_values(), values.min_values()) {
            (false, _) => ("", ""),
            (true, 0) => ("=[ARG]", " [ARG]"),
            (true, _) => ("=ARG", " ARG"),
        };
        arg.get_long().into_iter().for_each(|long| out.push_str(&format!("--{long}{long_value}\n")));
        arg.get_short().into_iter().for_each(|short| out.push_str(&format!("-{short}{short_value}\n")));
    }
    out
}

/// The parser's error, in the words of getopt_long(3).
fn refusal(error: &clap::Error, command: &clap::Command) -> ArgsError {
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    // The parser names an option with its argument, as in "--n-threads <N>" or "-p, --private-key <FILE>".
    let full = text(ContextKind::InvalidArg);
    let long = full.split([' ', '=', '[']).find(|word| word.starts_with("--")).unwrap_or(&full).to_owned();
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(&full, command),
        ErrorKind::TooManyValues => ArgsError::UnexpectedArgument(long),
        ErrorKind::InvalidValue
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues
        | ErrorKind::NoEquals => ArgsError::MissingArgument(long),
        ErrorKind::ValueValidation => {
            ArgsError::BadArgument(long, text(ContextKind::InvalidValue), "a number in range")
        }
        ErrorKind::InvalidUtf8 => ArgsError::Other("arguments must be UTF-8".to_owned()),
        _ => ArgsError::Other(error.to_string().trim().replace('\n', " ")),
    }
}

fn unknown(option: &str, command: &clap::Command) -> ArgsError {
    let name = option.split('=').next().unwrap_or(option);
    let Some(start) = name.strip_prefix("--") else {
        return ArgsError::InvalidLetter(name.chars().nth(1).unwrap_or('-'));
    };
    let all = command.get_arguments().filter_map(clap::Arg::get_long);
    let possible: Vec<String> =
        all.filter(|long| long.starts_with(start)).map(|long| format!("--{long}")).collect();
    match possible.len() {
        0 | 1 => ArgsError::Unrecognized(name.to_owned()),
        _ => ArgsError::Ambiguous(name.to_owned(), possible),
    }
}

#[cfg(test)]
mod tests;
