//! The options, as typed.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use super::{ArgsError, from_here};
use crate::net::tls;

/// Everything that can be typed. `Option<Option<T>>` is an option whose argument may be left out.
#[derive(Debug, Parser)]
#[command(
    about = "OVN northbound daemon (northflow)",
    infer_long_args = true,
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(super) struct Cli {
    /// Where the southbound database is
    #[arg(short = 'd', long, value_name = "DATABASE")]
    pub ovnsb_db: Option<String>,
    /// Where the northbound database is
    #[arg(short = 'D', long, value_name = "DATABASE")]
    pub ovnnb_db: Option<String>,
    /// Name of the control socket; "none" for none
    #[arg(short = 'u', long, value_name = "SOCKET")]
    pub unixctl: Option<String>,
    /// Print this help
    #[arg(short = 'h', long)]
    pub help: bool,
    /// Print a bare list of options
    #[arg(short = 'o', long)]
    pub options: bool,
    /// Print versions
    #[arg(short = 'V', long)]
    pub version: bool,
    /// Start paused: compute, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Threads that ovn-northd would compute with: reported, and no more
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub n_threads: Option<String>,
    /// Print the graph of the computation in DOT, up to NODE
    #[arg(long, value_name = "NODE", num_args = 0..=1, require_equals = true)]
    pub dump_inc_proc_graph: Option<Option<String>>,

    #[command(flatten)]
    pub daemon: Process,

    /// Workers of the dataflow [default: 1]
    #[arg(long, value_name = "N", help_heading = "northflow options")]
    pub workers: Option<NonZeroU16>,
    /// Processes that compute together
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "northflow options")]
    pub processes: usize,
    /// Which of them this is, from 0
    #[arg(long, value_name = "I", default_value_t = 0, help_heading = "northflow options")]
    pub process: usize,
    /// HOST:PORT of each process, one a line
    #[arg(long, value_name = "FILE", help_heading = "northflow options")]
    pub hostfile: Option<PathBuf>,

    /// Arguments that are no options. ovn-northd ignores them.
    #[arg(hide = true)]
    pub ignored: Vec<String>,
}

/// The options of every daemon.
#[derive(Debug, Args)]
pub(crate) struct Process {
    /// Run in the background
    #[arg(long, help_heading = "Daemon options")]
    pub detach: bool,
    /// Accepted and without effect
    #[arg(long, help_heading = "Daemon options")]
    pub no_self_confinement: bool,
    /// Stay in the current directory
    #[arg(long, help_heading = "Daemon options")]
    pub no_chdir: bool,
    /// Write the process id to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, help_heading = "Daemon options")]
    pub pidfile: Option<Option<PathBuf>>,
    /// With --pidfile, start even if already running
    #[arg(long, help_heading = "Daemon options")]
    pub overwrite_pidfile: bool,
    /// Restart the daemon when it crashes
    #[arg(long, help_heading = "Daemon options")]
    pub monitor: bool,
    /// Run as USER[:GROUP]
    #[arg(long, value_name = "USER[:GROUP]", help_heading = "Daemon options")]
    pub user: Option<String>,

    /// Set log levels; without SPEC, log everything
    #[arg(
        short = 'v',
        long,
        value_name = "SPEC",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "dbg",
        action = ArgAction::Append,
        help_heading = "Logging options"
    )]
    pub verbose: Vec<String>,
    /// Log to FILE too
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, help_heading = "Logging options")]
    pub log_file: Option<Option<PathBuf>>,
    /// How to reach the system log: libc, null, unix:FILE, udp:IP:PORT
    #[arg(long, value_name = "METHOD", help_heading = "Logging options")]
    pub syslog_method: Option<String>,
    /// Send the system log to a UDP port too
    #[arg(long, value_name = "IP:PORT", help_heading = "Logging options")]
    pub syslog_target: Option<String>,

    #[command(flatten)]
    pub tls: Tls,
}

/// How to connect to servers of `ssl:`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "PKI and SSL/TLS options")]
pub(crate) struct Tls {
    /// Private key
    #[arg(short = 'p', long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Certificate of the private key
    #[arg(short = 'c', long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Certificate of the authority that signs those of peers; "none" accepts all peers
    #[arg(short = 'C', long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// Range of protocols
    #[arg(long, value_name = "PROTOS")]
    ssl_protocols: Option<String>,
    /// Ciphers of TLSv1.2
    #[arg(long, value_name = "CIPHERS")]
    ssl_ciphers: Option<String>,
    /// Cipher suites of TLSv1.3
    #[arg(long, value_name = "SUITES")]
    ssl_ciphersuites: Option<String>,
    /// Server name to ask for
    #[arg(long, value_name = "NAME")]
    ssl_server_name: Option<String>,
}

impl Tls {
    /// What the options come to. Files are named as seen from here, wherever the daemon goes.
    ///
    /// # Errors
    /// Protocols or ciphers of which none is known.
    pub(crate) fn settings(&self) -> Result<tls::Settings, ArgsError> {
        let file = |path: &Option<PathBuf>| path.clone().map(from_here);
        let refused = |option: &'static str| move |error| ArgsError::Other(format!("{option}: {error}"));
        let mut ciphers = tls::Ciphers::default();
        if let Some(list) = &self.ssl_ciphers {
            ciphers.restrict_tls12(list).map_err(refused("--ssl-ciphers"))?;
        }
        if let Some(list) = &self.ssl_ciphersuites {
            ciphers.restrict_tls13(list).map_err(refused("--ssl-ciphersuites"))?;
        }
        Ok(tls::Settings {
            private_key: file(&self.private_key),
            certificate: file(&self.certificate),
            authority: match &self.ca_cert {
                Some(path) if path.as_os_str() == "none" => tls::Authority::Anyone,
                path => file(path).map_or(tls::Authority::Unknown, tls::Authority::File),
            },
            peer_authority: None,
            protocols: match &self.ssl_protocols {
                Some(range) => range.parse().map_err(refused("--ssl-protocols"))?,
                None => tls::Protocols::default(),
            },
            ciphers,
            server_name: self.ssl_server_name.clone(),
        })
    }
}
