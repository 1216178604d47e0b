//! The command line of ovn-controller(8).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use crate::net::{Remote, RemoteError, tls};
use crate::process::args::{self, ArgsError, LogSettings};
use crate::process::daemon;
use crate::process::dirs::Dirs;

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(
    about = "OVN controller of a chassis (northflow)",
    infer_long_args = true,
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
struct Cli {
    /// Where the chassis' own database is
    #[arg(value_name = "OVS-DATABASE")]
    database: Option<String>,
    /// Name of the chassis, in place of external_ids:system-id
    #[arg(short = 'n', long, value_name = "NAME")]
    chassis: Option<String>,
    /// Name of the control socket; "none" for none
    #[arg(short = 'u', long, value_name = "SOCKET")]
    unixctl: Option<String>,
    /// Print this help
    #[arg(short = 'h', long)]
    help: bool,
    /// Print a bare list of options
    #[arg(short = 'o', long)]
    options: bool,
    /// Print versions
    #[arg(short = 'V', long)]
    version: bool,
    /// Accepted and without effect
    #[arg(long)]
    enable_dummy_vif_plug: bool,
    /// More certificates to show to the peer
    #[arg(long, value_name = "FILE", help_heading = "PKI and SSL/TLS options")]
    peer_ca_cert: Option<PathBuf>,
    /// Where to put the certificate of the authority that the peer shows
    #[arg(long, value_name = "FILE", help_heading = "PKI and SSL/TLS options")]
    bootstrap_ca_cert: Option<PathBuf>,

    #[command(flatten)]
    process: args::Process,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Run with these settings.
    Run(Box<Options>),
    /// Print this to standard output and exit successfully.
    Print(String),
}

/// The settings of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// The chassis' own database.
    pub database: Vec<Remote>,
    /// The name of the chassis, if it is not to be looked for in its database.
    pub chassis: Option<String>,
    /// Where the switch has its sockets.
    pub switch_run: PathBuf,
    /// The name of the control socket, if one was given.
    pub unixctl: Option<String>,
    /// How to run in the background.
    pub daemon: daemon::Options,
    /// How to log.
    pub log: LogSettings,
    /// How to connect to servers of `ssl:`, unless the chassis' own database says it.
    pub tls: tls::Settings,
}

/// Where Open vSwitch has its sockets, by `var`, which gives the value of an environment variable.
fn switch_run(var: impl Fn(&str) -> Option<String>) -> PathBuf {
    let set = var("OVS_RUNDIR").filter(|value| !value.is_empty());
    set.unwrap_or_else(|| "/var/run/openvswitch".to_owned()).into()
}

/// Reads `args`, without the program's own name, for the program called `program`.
pub(super) fn parse(
    program: &str,
    dirs: &Dirs,
    args: impl IntoIterator<Item = impl Into<OsString>>,
    var: impl Fn(&str) -> Option<String>,
) -> Result<Parsed, ArgsError> {
    let (cli, mut command) = args::typed::<Cli>(program, "[OPTIONS] [OVS-DATABASE]", args)?;
    if cli.help {
        return Ok(Parsed::Print(format!("{program}: {}", command.render_help())));
    }
    if cli.options {
        return Ok(Parsed::Print(args::options(&command)));
    }
    if cli.version {
        let (versions, own) = (args::version(program), env!("CARGO_PKG_VERSION"));
        return Ok(Parsed::Print(format!("{versions}\nOpenFlow versions 0x6:0x6\nnorthflow {own}\n")));
    }
    let switch_run = switch_run(&var);
    let database = match cli.database {
        Some(text) => remotes(&text, &switch_run)
            .map_err(|error| ArgsError::Other(format!("OVS-DATABASE \"{text}\": {error}")))?,
        None => vec![Remote::Unix(switch_run.join("db.sock"))],
    };
    let (daemon, log, mut tls) = cli.process.settings(program, dirs)?;
    tls.peer_authority = cli.peer_ca_cert.map(args::from_here);
    if let Some(path) = cli.bootstrap_ca_cert {
        tls.authority = tls::Authority::Bootstrap(args::from_here(path));
    }
    let unixctl = cli.unixctl;
    Ok(Parsed::Run(Box::new(Options {
        database,
        chassis: cli.chassis,
        switch_run,
        unixctl,
        daemon,
        log,
        tls,
    })))
}

/// Connection methods with commas between; paths of sockets are relative to `run`, wherever the daemon goes.
pub(super) fn remotes(text: &str, run: &std::path::Path) -> Result<Vec<Remote>, RemoteError> {
    let located = |remote| match remote {
        Remote::Unix(path) => Remote::Unix(run.join(path)),
        other => other,
    };
    text.split(',').map(|remote| remote.trim().parse().map(located)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Parsed, ArgsError> {
        let dirs = Dirs::from_vars(|_| None);
        let var = |name: &str| (name == "OVS_RUNDIR").then(|| "/ovs".to_owned());
        parse("ovn-controller", &dirs, args.iter().copied(), var)
    }

    fn run(args: &[&str]) -> Options {
        match read(args) {
            Ok(Parsed::Run(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_database_is_that_of_the_switch_unless_said() {
        assert_eq!(run(&[]).database, [Remote::Unix("/ovs/db.sock".into())]);
        assert_eq!(run(&["unix:x.sock"]).database, [Remote::Unix("/ovs/x.sock".into())]);
        let named = run(&["-n", "c1", "--pidfile", "unix:/x"]);
        assert_eq!((named.chassis.as_deref(), named.daemon.pidfile.is_some()), (Some("c1"), true));
    }

    #[test]
    fn an_authority_can_be_learned() {
        let tls = run(&["--ca-cert=a", "--bootstrap-ca-cert=/b"]).tls;
        assert_eq!(tls.authority, tls::Authority::Bootstrap("/b".into()));
        let here = std::env::current_dir().unwrap();
        assert_eq!(run(&["--bootstrap-ca-cert=b"]).tls.authority, tls::Authority::Bootstrap(here.join("b")));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(matches!(read(&["nowhere"]), Err(ArgsError::Other(_))));
        assert!(matches!(read(&["-V"]), Ok(Parsed::Print(text)) if text.starts_with("ovn-controller 26.03")));
    }
}
