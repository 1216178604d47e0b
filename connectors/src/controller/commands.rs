//! The commands of ovn-controller(8), "RUNTIME MANAGEMENT COMMANDS", over the control socket.

use crossbeam_channel::Sender;
use northflow_rules::schema::own;

use super::core::Core;
use super::flows::{group_list, meter_list};
use super::index::parent;
use crate::northd::stats::Stats;
use crate::ovsdb::client::Command;
use crate::process::args;
use crate::process::coverage;
use crate::process::memory;
use crate::process::unixctl::{Commands, Request};
use crate::process::vlog;
use crate::relation;

/// What a command leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The daemon goes on.
    GoOn,
    /// It ends, and takes away what it has made unless it comes back.
    Exit {
        /// Whether it comes back.
        restart: bool,
    },
}

/// Every command of the daemon; those that concern its state go into `requests`.
pub(super) fn register(program: &str, requests: &Sender<Request>) -> Commands {
    let commands = Commands::new(args::version(program));
    coverage::register(&commands);
    vlog::register(&commands);
    for (name, usage, arity) in [
        ("exit", "[--restart]", 0..=1),
        ("connection-status", "", 0..=0),
        ("ct-zone-list", "", 0..=0),
        ("group-table-list", "", 0..=0),
        ("meter-table-list", "", 0..=0),
        ("recompute", "[deprecated]", 0..=0),
        ("sb-cluster-state-reset", "", 0..=0),
        ("lflow-cache/flush", "", 0..=0),
        ("flush-lflow-cache", "[deprecated]", 0..=0),
        ("lflow-cache/show-stats", "", 0..=0),
        ("debug/pause", "", 0..=0),
        ("debug/resume", "", 0..=0),
        ("debug/status", "", 0..=0),
        ("debug/dump-local-bindings", "", 0..=0),
        ("debug/dump-local-datapaths", "", 0..=0),
        ("debug/dump-related-ports", "", 0..=0),
        ("inc-engine/show-stats", "", 0..=2),
        ("inc-engine/clear-stats", "", 0..=0),
        ("inc-engine/recompute", "", 0..=0),
        ("inc-engine/list-stopwatches", "", 0..=1),
        ("relation/list", "", 0..=0),
        ("relation/dump", "RELATION", 1..=1),
    ] {
        commands.forward(name, usage, arity, requests);
    }
    memory::register(&commands, requests);
    commands.add("inc-engine/compute-log-timeout", "", 1..=1, |args| match args[0].parse::<u64>() {
        // The log tells of no slow steps: inc-engine/show-stats has the time of all.
        Ok(_) => Ok(String::new()),
        Err(_) => Err("unsigned integer required".to_owned()),
    });
    commands
}

/// Answers a request.
pub(super) fn answer(request: Request, core: &mut Core, counters: &mut Stats) -> Then {
    let nothing = String::new();
    let reply = match request.name {
        "exit" => {
            let restart = request.args.iter().any(|arg| arg == "--restart");
            request.reply(nothing);
            return Then::Exit { restart };
        }
        "connection-status" => core.southbound.status().to_owned(),
        "ct-zone-list" => core.zones.iter().map(|(name, number)| format!("{name} {number}\n")).collect(),
        "group-table-list" => group_list(&core.flows.groups),
        "meter-table-list" => meter_list(&core.flows.meters),
        // Nothing is ever computed anew; what this is good for is to put right what others have changed.
        "recompute" | "inc-engine/recompute" => {
            core.compare();
            nothing
        }
        "sb-cluster-state-reset" => {
            core.southbound.tell(Command::ResetMinIndex);
            nothing
        }
        // Logical flows are read once and kept by the dataflow: there is nothing to forget.
        "lflow-cache/flush" | "flush-lflow-cache" => nothing,
        "lflow-cache/show-stats" => "Enabled: false\n".to_owned(),
        "debug/pause" => {
            core.paused = true;
            nothing
        }
        "debug/resume" => {
            core.paused = false;
            nothing
        }
        "debug/status" => if core.paused { "paused" } else { "running" }.to_owned(),
        "debug/dump-local-bindings" => local_bindings(core),
        "debug/dump-local-datapaths" => local_datapaths(core),
        "debug/dump-related-ports" => related_ports(core),
        "memory/show" => memory::compose(core.memory_usage()) + "\n",
        name @ ("inc-engine/show-stats" | "inc-engine/clear-stats" | "inc-engine/list-stopwatches") => {
            let metrics = match core.engine.metrics() {
                Ok(metrics) => metrics,
                Err(error) => return fail(request, &error),
            };
            match name {
                "inc-engine/show-stats" => counters.show(&metrics, &request.args),
                "inc-engine/clear-stats" => {
                    counters.clear(&metrics);
                    nothing
                }
                _ => Stats::list(&metrics, request.args.first()),
            }
        }
        "relation/list" => relation::list(northflow_controller::program),
        "relation/dump" => match core.engine.dump(&request.args[0]) {
            Ok(rows) => rows.into_iter().map(|row| row + "\n").collect(),
            Err(error) => return fail(request, &error),
        },
        other => {
            let text = format!("\"{other}\" is not handled\n");
            request.error(text);
            return Then::GoOn;
        }
    };
    request.reply(reply);
    Then::GoOn
}

fn fail(request: Request, error: &dyn std::error::Error) -> Then {
    request.error(format!("{error}\n"));
    Then::GoOn
}

/// Interfaces with the ports that are bound through them.
fn local_bindings(core: &Core) -> String {
    let rows = core.southbound.mirror.own();
    let port = |name: &str| core.index.ports.get(name).and_then(|uuid| rows.row::<own::Port>(*uuid));
    let mut text = "Local bindings:\n".to_owned();
    for (name, plug) in &core.plugs {
        let children: Vec<&own::Port> = core
            .index
            .children
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|child| port(child))
            .filter(|child| parent(child) == Some(name))
            .collect();
        let primary = port(name).filter(|port| matches!(&*port.type_, "" | "localport"));
        let count = children.len() + usize::from(primary.is_some());
        text += &format!(
            "name: [{name}], OVS interface name : [{}], num binding lports : [{count}]\n",
            plug.name
        );
        match primary {
            Some(port) if port.type_.is_empty() => text += &format!("primary lport : [{name}]\n"),
            Some(_) => text += &format!("localport lport : [{name}]\n"),
            None if count > 0 => text += "no primary lport\n",
            None => {}
        }
        for (nth, child) in children.iter().enumerate() {
            let kind = if child.type_.is_empty() { "CONTAINER" } else { &*child.type_ };
            let kind = kind.to_uppercase();
            text += &format!("child lport[{}] : [{}], type : [{kind}]\n", nth + 1, child.logical_port);
        }
        text += "----------------------------------------\n";
    }
    text
}

fn local_datapaths(core: &Core) -> String {
    let rows = core.southbound.mirror.own();
    let line = |uuid| {
        let row: &own::Datapath = rows.row(uuid)?;
        let is_router = match row.type_.as_deref() {
            Some(kind) => kind == "logical-router",
            None => row.external_ids.contains("logical-router"),
        };
        let kind = if is_router { "router" } else { "switch" };
        Some(format!("Datapath: {}, type: {kind}\n", row.external_ids.text("name")))
    };
    let mut lines: Vec<String> = core.local_datapaths.iter().filter_map(|uuid| line(*uuid)).collect();
    lines.sort();
    format!("Local datapaths:\n{}", lines.concat())
}

/// Ports that matter to the chassis, by name.
fn related_ports(core: &Core) -> String {
    let is_related = |port: &&own::Port| {
        u32::try_from(port.tunnel_key).is_ok_and(|key| core.related.contains(&(port.datapath, key)))
    };
    let rows = core.southbound.mirror.own().rows::<own::Port>().filter(is_related);
    let mut lines: Vec<String> = rows.map(|port| format!("{}\n", port.logical_port)).collect();
    lines.sort();
    lines.concat()
}

impl Core {
    /// Looks at everything that others might have changed.
    fn compare(&mut self) {
        self.index.touch_all();
        self.dirty.rows = true;
        self.dirty.southbound = true;
        self.dirty.switch = true;
        self.connection.reconnect();
    }

    /// Counts that go with memory use, by name.
    fn memory_usage(&self) -> Vec<(String, u64)> {
        let count = |name: &str, count: usize| (name.to_owned(), count as u64);
        vec![
            count("local_datapaths", self.local_datapaths.len()),
            count("related_ports", self.related.len()),
            count("ports", self.index.ports.len()),
            count("groups", self.flows.groups.iter().count()),
            count("meters", self.flows.meters.iter().count()),
            count("zones", self.zones.iter().count()),
        ]
    }
}
