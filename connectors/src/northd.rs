//! `northflow northd`: the daemon that takes ovn-northd's place (ovn-northd(8)).

mod aging;
mod commands;
mod commit;
mod core;
mod features;
mod feed;
mod held;
mod outgoing;
mod progress;
mod side;
mod tuning;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use northflow_engine::{Cluster, Config, Engine};
use northflow_rules::northd::{self, INPUTS};
use northflow_rules::schema::Database;

use self::core::Core;
use self::feed::Feed;
use self::side::Side;
use crate::inspect::Inspector;
use crate::net::tls::Tls;
use crate::ovsdb::client::{self, Event, Remote, RemoteError};
use crate::process;
use crate::process::args::{self, Parsed, Settings};
use crate::process::daemon::{self, Role};
use crate::process::dirs::Dirs;
use crate::process::signals::Termination;
use crate::process::stopwatch::Stopwatches;
use crate::process::unixctl::{Request, Server};
use crate::process::vlog::modules::OVN_NORTHD;
use crate::replica::Replica;

/// Events that one turn of the loop takes in before it looks at what they amount to.
const BATCH: usize = 4096;

/// Runs the daemon as `program`, the name by which it was started, to its end.
pub fn run(program: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let settings = match args::parse(program, &Dirs::from_env(), args) {
        Ok(Parsed::Run(settings)) => *settings,
        Ok(Parsed::Print(text)) => {
            process::print(&text);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::DumpGraph(node)) => match commands::graph(node.as_deref()) {
            Some(graph) => {
                process::print(&graph);
                return ExitCode::SUCCESS;
            }
            None => {
                eprintln!("{program}: no relation is named \"{}\"", node.unwrap_or_default());
                return ExitCode::FAILURE;
            }
        },
        Err(error) => {
            eprintln!("{program}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = settings.log.apply(program) {
        eprintln!("{program}: {error}");
        return ExitCode::FAILURE;
    }
    let daemon = match daemon::start(&settings.daemon) {
        Ok(Role::Daemon(daemon)) => daemon,
        Ok(Role::Done(code)) => return ExitCode::from(code),
        Err(error) => return OVN_NORTHD.fatal(error),
    };
    daemon::abort_on_panic();
    for warning in &settings.warnings {
        OVN_NORTHD.warn(warning);
    }
    match serve(program, &settings, daemon) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => OVN_NORTHD.fatal(error),
    }
}

/// The workers that the settings ask for.
fn engine_config(settings: &Settings) -> Result<Config, String> {
    let cluster = match &settings.cluster {
        None => None,
        Some(cluster) => {
            let addresses = match &cluster.hostfile {
                Some(path) => std::fs::read_to_string(path)
                    .map_err(|error| format!("{}: {error}", path.display()))?
                    .lines()
                    .map(|line| line.trim().to_owned())
                    .filter(|line| !line.is_empty())
                    .collect(),
                None => (0..cluster.processes).map(|at| format!("localhost:{}", 2101 + at)).collect(),
            };
            Some(Cluster { process: cluster.process, addresses })
        }
    };
    Ok(Config { workers: settings.workers, cluster })
}

type Failure = Box<dyn std::error::Error>;

/// Everything after the process is where it is to be.
fn serve(program: &str, settings: &Settings, mut daemon: daemon::Daemon) -> Result<(), Failure> {
    let config = engine_config(settings)?;
    if config.cluster.as_ref().is_some_and(|cluster| cluster.process > 0) {
        daemon.ready()?;
        return Ok(northflow_engine::follow(config, northd::program)?);
    }
    let (requests, waiting) = bounded(64);
    let (stop, stopped) = bounded(1);
    let commands = commands::register(program, settings.n_threads, &requests);
    let stopwatches = Stopwatches::default();
    stopwatches.register(&commands);
    let stopwatch = commands::stopwatches(&stopwatches);
    let dirs = Dirs::from_env();
    let socket = dirs.control_socket(program, std::process::id(), settings.unixctl.as_deref());
    let _server = socket.map(|path| Server::start(&path, &commands)).transpose()?;
    let _signals = Termination::watch(move |_| {
        // A second signal finds the channel full, and the program ending.
        let _ = stop.try_send(());
    })?;

    let replica = Replica::new(INPUTS);
    let tls = Tls::new(settings.tls.clone());
    let (northbound, nb_events) = connect(Database::Northbound, &settings.nb_db, &dirs, &tls, &replica)?;
    let (southbound, sb_events) = connect(Database::Southbound, &settings.sb_db, &dirs, &tls, &replica)?;
    let engine = Engine::start(config, northd::program)?;
    let results = engine.results().clone();
    let helped = settings.workers > 1;
    let mut core = Core::new(engine, northbound, southbound, replica, settings.dry_run, stopwatch, helped);
    let mut inspector = Inspector::new(northd::program);
    core.want_lock();
    daemon.ready()?;

    loop {
        let wake = core.pause_left().map_or_else(never, after);
        select! {
            recv(nb_events) -> event => take(&mut core, Database::Northbound, event?, &nb_events),
            recv(sb_events) -> event => take(&mut core, Database::Southbound, event?, &sb_events),
            recv(results) -> result => core.result(&result?),
            recv(waiting) -> request => {
                if commands::answer(request?, &mut core, &mut inspector) {
                    break;
                }
            }
            recv(stopped) -> _ => break,
            recv(wake) -> _ => {}
        }
        core.advance()?;
    }
    core.northbound.handle.stop();
    core.southbound.handle.stop();
    Ok(())
}

/// Takes in an event and those that wait behind it, so that they become one epoch.
fn take(core: &mut Core, database: Database, event: Event, more: &Receiver<Event>) {
    core.event(database, event);
    for event in more.try_iter().take(BATCH) {
        core.event(database, event);
    }
}

fn connect(
    database: Database,
    remotes: &str,
    dirs: &Dirs,
    tls: &Tls,
    replica: &Replica,
) -> Result<(Side, Receiver<Event>), Failure> {
    let feed = Feed::new(database, replica);
    let config = client::Config {
        name: if database == Database::Northbound { "northbound".into() } else { "southbound".into() },
        remotes: remotes
            .split(',')
            .map(|remote| Ok(located(remote.trim().parse()?, dirs)))
            .collect::<Result<Vec<Remote>, RemoteError>>()?,
        shuffle: true,
        database: database.name().into(),
        tables: feed.requests().into(),
        conditions: client::Conditions::default(),
        leader_only: true,
        probe_interval: None,
        queue: 256,
        tls: tls.clone(),
    };
    let (handle, events) = client::spawn(config)?;
    Ok((Side::new(database, handle, feed), events))
}

/// A socket's path is relative to the run directory (ovsdb(7)), wherever the daemon goes.
fn located(remote: Remote, dirs: &Dirs) -> Remote {
    match remote {
        Remote::Unix(path) => Remote::Unix(dirs.run.join(path)),
        other => other,
    }
}

type Requests = Sender<Request>;
