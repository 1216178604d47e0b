//! `northflow controller`: the daemon that takes ovn-controller's place on a chassis (ovn-controller(8)).
//!
//! It computes flows and has the switch hold them; it registers the chassis, binds ports, and makes
//! tunnels and patch ports. Packets that a switch sends to its controller it does not take.

mod bridge;
mod claims;
mod commands;
mod conjunctions;
mod connection;
mod core;
mod flows;
mod forgotten;
mod ha;
mod index;
mod inject;
mod installed;
mod leave;
mod local;
mod mirror;
mod mirrors;
mod monitor;
mod numbers;
mod options;
mod packet;
mod patches;
mod queues;
mod registration;
mod settle;
mod side;
pub(crate) mod tables;
mod told;
mod tunnels;
mod turn;
mod writes;
mod zones;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{after, bounded, never, select};
use northflow_engine::{Config, Engine};
use northflow_rules::ovsdb::Text;

use self::commands::Then;
use self::core::Core;
pub(crate) use self::index::{Index, parent};
use self::options::{Options, Parsed};
pub(crate) use self::zones::Zones;
use crate::inspect::Inspector;
use crate::process;
use crate::process::daemon::{self, Role};
use crate::process::dirs::Dirs;
use crate::process::signals::Termination;
use crate::process::unixctl::Server;
use crate::process::vlog::modules::MAIN;

/// Events that one turn of the loop takes in before it looks at what they amount to.
const BATCH: usize = 4096;

/// What needs packets that the switch sends to its controller.
const MISSING: &str = "packets sent to the controller are not taken: there are no learned neighbours and MAC \
                       addresses, no DHCP, DNS and router advertisements, no ICMP errors and resets, no \
                       multicast snooping, virtual ports, health checks, logging of ACLs, logical BFD and \
                       announcements of addresses";

/// Runs the daemon as `program`, the name by which it was started, to its end.
pub fn run(program: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = options::parse(program, &Dirs::from_env(), args, |name| std::env::var(name).ok());
    let options = match parsed {
        Ok(Parsed::Run(options)) => *options,
        Ok(Parsed::Print(text)) => {
            process::print(&text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{program}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = options.log.apply(program) {
        eprintln!("{program}: {error}");
        return ExitCode::FAILURE;
    }
    let daemon = match daemon::start(&options.daemon) {
        Ok(Role::Daemon(daemon)) => daemon,
        Ok(Role::Done(code)) => return ExitCode::from(code),
        Err(error) => return MAIN.fatal(error),
    };
    daemon::abort_on_panic();
    match serve(program, options, daemon) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => MAIN.fatal(error),
    }
}

type Failure = Box<dyn std::error::Error>;

/// Everything after the process is where it is to be.
fn serve(program: &str, options: Options, mut daemon: daemon::Daemon) -> Result<(), Failure> {
    let (requests, waiting) = bounded(64);
    let (stop, stopped) = bounded(1);
    let commands = commands::register(program, &requests);
    let socket = Dirs::from_env().control_socket(program, std::process::id(), options.unixctl.as_deref());
    let _server = socket.map(|path| Server::start(&path, &commands)).transpose()?;
    let _signals = Termination::watch(move |_| {
        // A second signal finds the channel full, and the program ending.
        let _ = stop.try_send(());
    })?;
    let engine = Engine::start(Config::default(), northflow_controller::program)?;
    let results = engine.results().clone();
    let mut core = Core::new(engine, options.chassis, hostname(), options.switch_run, options.tls);
    core.switch.connect(options.database, None)?;
    let mut inspector = Inspector::new(northflow_controller::program);
    MAIN.warn(MISSING);
    daemon.ready()?;

    loop {
        let wake = core.pause_left().map_or_else(never, after);
        let (switch, southbound) = (core.switch.events(), core.southbound.events());
        let connection = core.connection.events();
        select! {
            recv(switch) -> event => {
                core.switch_event(event?);
                switch.try_iter().take(BATCH).for_each(|event| core.switch_event(event));
            }
            recv(southbound) -> event => {
                core.southbound_event(event?);
                southbound.try_iter().take(BATCH).for_each(|event| core.southbound_event(event));
            }
            recv(connection) -> event => {
                core.connection_event(event?);
                connection.try_iter().for_each(|event| core.connection_event(event));
            }
            recv(results) -> result => core.result(&result?),
            recv(waiting) -> request => {
                if let Then::Exit { restart } = commands::answer(request?, &mut core, &mut inspector) {
                    leave::leave(&mut core, restart);
                    break;
                }
            }
            recv(stopped) -> _ => break,
            recv(wake) -> _ => {}
        }
        core.advance()?;
        while core.is_restless() {
            core.advance()?;
        }
    }
    core.switch.disconnect();
    core.southbound.disconnect();
    Ok(())
}

/// The name of this machine.
fn hostname() -> Text {
    rustix::system::uname().nodename().to_string_lossy().into_owned().into()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
