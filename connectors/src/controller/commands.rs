//! The commands of ovn-controller(8), "RUNTIME MANAGEMENT COMMANDS", over the control socket.

use std::time::Duration;

use crossbeam_channel::Sender;
use northflow_rules::schema::{own, seen};

use super::core::Core;
use super::flows::{group_list, meter_list};
use super::index::parent;
use crate::inspect::{self, Inspector};
use crate::ovsdb::client::Command;
use crate::process::memory;
use crate::process::unixctl::{Commands, Request};

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

/// What is learned from the kernel's EVPN. Nothing is, so that the lists are empty.
const EVPN: [&str; 5] = [
    "evpn/remote-vtep-list",
    "evpn/vtep-binding-list",
    "evpn/vtep-multicast-group-list",
    "evpn/vtep-fdb-list",
    "evpn/vtep-arp-list",
];

/// Every command of the daemon; those that concern its state go into `requests`.
pub(super) fn register(program: &str, requests: &Sender<Request>) -> Commands {
    let commands = inspect::commands(program, requests);
    for (name, usage, arity) in [
        ("exit", "[--restart]", 0..=1),
        ("connection-status", "", 0..=0),
        ("ct-zone-list", "", 0..=0),
        ("group-table-list", "", 0..=0),
        ("meter-table-list", "", 0..=0),
        ("inject-pkt", "MICROFLOW", 1..=1),
        ("recompute", "[deprecated]", 0..=0),
        ("lflow-cache/flush", "", 0..=0),
        ("flush-lflow-cache", "[deprecated]", 0..=0),
        ("lflow-cache/show-stats", "", 0..=0),
        ("debug/pause", "", 0..=0),
        ("debug/resume", "", 0..=0),
        ("debug/status", "", 0..=0),
        ("debug/dump-local-bindings", "", 0..=0),
        ("debug/dump-local-datapaths", "", 0..=0),
        ("debug/dump-related-ports", "", 0..=0),
        ("debug/dump-peer-ports", "", 0..=0),
        ("debug/dump-local-template-vars", "", 0..=0),
        ("debug/dump-mac-bindings", "", 0..=0),
        ("debug/dump-lflow-conj-ids", "", 0..=0),
        ("debug/delay-nb-cfg-report", "SECONDS", 1..=1),
    ] {
        commands.forward(name, usage, arity, requests);
    }
    for name in EVPN {
        commands.add(name, "", 0..=0, |_| Ok(String::new()));
    }
    commands
}

/// Answers a request.
pub(super) fn answer(request: Request, core: &mut Core, inspector: &mut Inspector) -> Then {
    if let Some(answer) = inspector.answer(&request, &core.engine, |relation| core.engine.dump(relation)) {
        request.finish(answer);
        return Then::GoOn;
    }
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
        "inject-pkt" => {
            let done = core.inject(&request.args[0]);
            request.finish(done.map(|()| nothing));
            return Then::GoOn;
        }
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
        "lflow-cache/show-stats" => no_cache(),
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
        "debug/dump-peer-ports" => peer_ports(core),
        "debug/dump-local-template-vars" => template_variables(core),
        "debug/dump-mac-bindings" => mac_bindings(core),
        "debug/dump-lflow-conj-ids" => conjunctions(core),
        "debug/delay-nb-cfg-report" => match request.args[0].parse::<u32>() {
            Ok(seconds) => {
                core.report_delay = Duration::from_secs(seconds.into());
                match seconds {
                    0 => "no delay for nb_cfg report.".to_owned(),
                    _ => format!("delay nb_cfg report for {seconds} seconds."),
                }
            }
            Err(_) => {
                request.error("unsigned integer required");
                return Then::GoOn;
            }
        },
        "memory/show" => memory::compose(core.memory_usage()) + "\n",
        other => {
            let text = format!("\"{other}\" is not handled\n");
            request.error(text);
            return Then::GoOn;
        }
    };
    request.reply(reply);
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

/// The statistics of a cache that there is none of: logical flows are read once and kept by the dataflow.
fn no_cache() -> String {
    let counts = ["high-watermark", "total", "cache-expr", "cache-matches", "trim count", "Mem usage (KB)"];
    let lines = counts.map(|name| format!("{name:<16}: 0\n"));
    format!("Enabled: false\n{}", lines.concat())
}

/// Pairs of ports that lead from one local datapath to another.
fn peer_ports(core: &Core) -> String {
    let rows = core.southbound.mirror.own();
    let line = |port: &own::Port| {
        let peer = core.index.ports.get(port.options.get("peer")?)?;
        let peer = rows.row::<own::Port>(*peer)?;
        let is_mutual = peer.options.text("peer") == &*port.logical_port;
        let are_local = [port.datapath, peer.datapath].iter().all(|at| core.local_datapaths.contains(at));
        let name =
            rows.row::<own::Datapath>(port.datapath)?.external_ids.get("name").map_or("unknown", |it| it);
        let (local, remote) = (&port.logical_port, &peer.logical_port);
        (is_mutual && are_local).then(|| format!("dp {name} : local = {local}, remote = {remote}\n"))
    };
    let mut lines: Vec<String> = rows.rows::<own::Port>().filter_map(line).collect();
    lines.sort();
    lines.concat()
}

fn template_variables(core: &Core) -> String {
    let name = core.registration.as_ref().map(|own| &own.name);
    let rows = core.southbound.mirror.own().rows::<own::TemplateVariables>();
    let own = rows.filter(|row| Some(&row.chassis) == name).flat_map(|row| row.variables.iter());
    let lines: String = own.map(|(name, value)| format!("name: '{name}' value: '{value}'\n")).collect();
    format!("Local template vars:\n{lines}")
}

/// Neighbours that were learned in local datapaths that forget them.
fn mac_bindings(core: &Core) -> String {
    let rows = core.southbound.mirror.own();
    let line = |neighbor: &seen::MacBinding| {
        let port = rows.row::<own::Port>(*core.index.ports.get(&neighbor.logical_port)?)?;
        let datapath = rows.row::<own::Datapath>(port.datapath)?;
        let forgets = datapath.external_ids.contains("mac_binding_age_threshold");
        let seen::MacBinding { uuid, ip, mac, .. } = neighbor;
        (forgets && core.local_datapaths.contains(&port.datapath)).then(|| {
            format!(
                "cookie: {:#010x}, datapath-key: {}, port-key: {}, ip: {ip}, mac: {mac}\n",
                (uuid.0 >> 96) as u32,
                datapath.tunnel_key,
                port.tunnel_key
            )
        })
    };
    let mut lines: Vec<String> =
        core.southbound.mirror.program().rows::<seen::MacBinding>().filter_map(line).collect();
    lines.sort();
    format!("Local MAC bindings:\n{}", lines.concat())
}

/// Numbers of conjunctive matches.
fn conjunctions(core: &Core) -> String {
    let flows = core.southbound.mirror.program().rows::<seen::LogicalFlow>().map(|flow| flow.uuid);
    let datapaths = core.southbound.mirror.own().rows::<own::Datapath>();
    let datapaths = datapaths.map(|datapath| (datapath.tunnel_key as u32, datapath.uuid));
    core.flows.conjunctions.dump(flows, datapaths)
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
