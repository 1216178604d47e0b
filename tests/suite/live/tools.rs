//! The commands that look at databases in use: `verify` and `record`, and `replay` of what was recorded.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::Failed;
use northflow_connectors::ovsdb::file::{Reader, RowChange, Wanted};
use northflow_rules::ovsdb::{Atom, Datum};
use northflow_tests::dump::Dump;
use northflow_tests::normalize;
use northflow_tests::player;
use northflow_tests::reference::{Databases, Process, Reference};
use northflow_tests::trial::no_faults;
use rustix::process::{Pid, Signal, kill_process};

use super::world::{self, Daemon, until};

/// Scenarios that together have most of what there is.
const MIXED: &[&str] = &[
    "acl/port_groups",
    "dhcp/who_is_served",
    "lb_router/gateway_router",
    "nat/announced",
    "qos/queues",
    "route/ecmp",
    "router/peers",
];

/// Runs the commands of a scenario, all of them northbound.
fn play(databases: &Databases, scenario: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{scenario}.scenario"));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    for line in text.lines().filter_map(|line| line.strip_prefix("nbctl ")) {
        let words = player::split(line)?;
        databases.nbctl(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    databases.sync()
}

fn northflow(args: &[&str]) -> Result<Output, String> {
    Command::new(world::binary()?).args(args).output().map_err(|error| error.to_string())
}

fn verify(databases: &Databases, more: &[&str]) -> Result<(Option<i32>, String), String> {
    let (nb, sb) = (databases.remote("nb"), databases.remote("sb"));
    let output = northflow(&[&["verify", "--nb", &nb, "--sb", &sb][..], more].concat())?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// What the reference holds is equal to what the rules say, until somebody changes it.
pub fn verified(reference: &'static Reference) -> Result<(), Failed> {
    for scenario in MIXED {
        let databases = world::databases(reference)?;
        let theirs = Daemon::theirs(reference, &databases, "theirs")?;
        play(&databases, scenario)?;
        // Its incremental paths may leave another state than it computes from the start.
        theirs.appctl(&["inc-engine/recompute"])?;
        databases.sync()?;
        let (code, text) = verify(&databases, &["--details"])?;
        if code != Some(0) || !text.contains("equal: ") {
            return Err(format!("{scenario}: {code:?}\n{text}").into());
        }
        if *scenario != MIXED[0] {
            continue;
        }
        theirs.appctl(&["pause"])?;
        let find = ["--bare", "--columns=_uuid", "find", "Logical_Flow"];
        let stage = "external_ids:stage-name=ls_in_l2_lkup";
        let found = databases.sbctl(&[&find[..], &[stage]].concat())?;
        let flow = found.lines().next().ok_or("no flow to be changed")?;
        databases.sbctl(&["set", "Logical_Flow", flow, "priority=12345"])?;
        let (code, text) = verify(&databases, &["--wait=0", "--format=json"])?;
        let told = text.contains(
            r#"{"different":0,"missing":1,"stage":"ls_in_l2_lkup","table":"Logical_Flow","unexpected":1}"#,
        );
        if code != Some(1) || !told || !text.contains(r#""differences":2"#) {
            return Err(format!("a flow was changed: {code:?}\n{text}").into());
        }
    }
    let nowhere = ["verify", "--nb=unix:/nowhere/nb", "--sb=unix:/nowhere/sb", "--timeout=1"];
    if northflow(&nowhere)?.status.code() != Some(2) {
        return Err("there was nothing to compare, and the status is not 2".into());
    }
    Ok(())
}

fn stop(mut process: Process) -> Result<(), String> {
    let pid = Pid::from_raw(process.id().cast_signed()).ok_or("no process")?;
    kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
    until("it has ended", || Ok(process.ended()))
}

/// What was recorded of a network under the reference gives the same network again.
pub fn recorded(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let theirs = Daemon::theirs(reference, &databases, "theirs")?;
    play(&databases, "nat/announced")?;
    let file = databases.path("network.rec");
    let mut command = Command::new(world::binary()?);
    command.args(["record", "--nb", &databases.remote("nb"), "--sb", &databases.remote("sb"), &file]);
    let recorder = Process::spawn(&mut command, &databases.folder().join("record.err"))?;
    let whole = databases.path("whole.rec");
    let mut command = Command::new(world::binary()?);
    command.args([
        "record",
        "--everything",
        "--nb",
        &databases.remote("nb"),
        "--sb",
        &databases.remote("sb"),
        &whole,
    ]);
    let whole_recorder = Process::spawn(&mut command, &databases.folder().join("whole.err"))?;
    for file in [&file, &whole] {
        until("the recording has begun", || Ok(fs::metadata(file).is_ok_and(|file| file.len() > 0)))?;
    }

    for change in [
        "ls-add x -- lsp-add x x1 -- lsp-set-addresses x1 0a:00:00:00:09:01 -- lsp-add x x2",
        "pg-add g x1 x2 -- create Address_Set name=as1 addresses=10.0.0.1,10.0.0.2",
        "acl-add g to-lport 100 tcp allow-related",
        "set Address_Set as1 addresses=10.9.9.9 -- lsp-del x2",
        "lr-nat-del r2 snat 172.16.0.2 -- --policy=src-ip lr-route-add r1 192.0.2.0/24 10.0.1.7",
    ] {
        databases.nbctl(&change.split(' ').collect::<Vec<_>>())?;
        databases.sync()?;
    }
    databases.sbctl(&["chassis-add", "hv", "geneve", "127.0.0.1", "--", "lsp-bind", "x1", "hv"])?;
    // What the recorder has not seen while the server was away is found by comparing.
    let mut databases = databases;
    databases.kill("nb");
    databases.serve("nb")?;
    databases.nbctl(&["ls-add", "late", "--", "lsp-add", "late", "latep"])?;
    databases.sync()?;
    theirs.appctl(&["inc-engine/recompute"])?;
    databases.sync()?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    stop(recorder)?;
    stop(whole_recorder)?;
    let chassis = |file: &str| northflow(&["replay", "--quiet", "--chassis", "auto", file]);
    let output = chassis(&file)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() || !text.contains("--everything") {
        return Err(format!("chassis without logical flows: {text}").into());
    }
    let text = String::from_utf8_lossy(&chassis(&whole)?.stdout).into_owned();
    let count =
        text.lines().find_map(|line| line.trim().strip_prefix("chassis hv: ")?.strip_suffix(" flows"));
    if count.and_then(|count| count.parse().ok()).is_none_or(|count: usize| count < 100) {
        return Err(format!("flows of the chassis that has x1: {text}").into());
    }

    let log = reference.output("ovsdb-tool", &["show-log", &file])?;
    if log.matches("record ").count() < 10 {
        return Err(format!("ovsdb-tool says of the recording: {log}").into());
    }
    let (out, page) = (databases.path("replayed.db"), databases.path("report.html"));
    let schema = reference.schema("ovn-sb.ovsschema").ok_or("no southbound schema")?;
    let schema = schema.to_string_lossy();
    let args = ["replay", "--quiet", "--dump", "network.ports", "--report", &page, "--output", &out];
    let output = northflow(&[&args[..], &["--schema", &schema, &file]].concat())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || !text.contains("latep") {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let page = fs::read_to_string(page).map_err(|error| error.to_string())?;
    if !page.contains("Logical_Switch_Port latep inserted") || !page.contains(">ls_in_l2_lkup<") {
        return Err("the report does not say what was slow".into());
    }
    let theirs = flows(&world::raw(reference, &databases)?);
    let ours = flows(&contents(&out)?);
    if theirs.len() < 100 {
        return Err(format!("{} flows are too few", theirs.len()).into());
    }
    no_faults(normalize::difference(&theirs, &ours))
}

/// What the daemon says of relations that it does not keep is what the network is, also after changes and a restart.
pub fn dumped(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    let list = ours.appctl(&["relation/list"])?;
    for name in ["nb.Logical_Switch", "network.ports", "sb.Logical_Flow"] {
        if !list.lines().any(|line| line == name) {
            return Err(format!("{name} is not listed: {list}").into());
        }
    }
    let unknown = ours.appctl(&["relation/dump", "sb.Logical_Row"]);
    if !unknown.is_err_and(|error| error.contains("sb.Logical_Row")) {
        return Err("an unknown relation was dumped".into());
    }
    for scenario in ["acl/port_groups", "nat/announced"] {
        play(&databases, scenario)?;
    }
    // Groups of next hops have numbers that depend on what was there before: the second keeps its own.
    let route = |prefix: &str, hop: &str| format!("--ecmp lr-route-add multi {prefix} {hop}");
    let add = [
        "lr-add multi -- lrp-add multi multi-a 0a:00:00:00:08:01 10.8.1.1/24".to_owned(),
        route("192.0.2.0/24", "10.8.1.2"),
        route("192.0.2.0/24", "10.8.1.3"),
        route("198.51.100.0/24", "10.8.1.2"),
        route("198.51.100.0/24", "10.8.1.3"),
    ];
    for change in &add {
        databases.nbctl(&change.split(' ').collect::<Vec<_>>())?;
    }
    databases.nbctl(&["lr-route-del", "multi", "192.0.2.0/24"])?;
    databases.sync()?;
    dumps_agree(reference, &databases, &ours)?;
    drop(ours);
    let ours = Daemon::ours(reference, &databases, "anew", &[])?;
    databases.nbctl(&["ls-add", "later", "--", "lsp-add", "later", "laterp"])?;
    databases.sync()?;
    dumps_agree(reference, &databases, &ours)
}

/// The daemon's flows and ports, dumped, are those of the databases.
fn dumps_agree(reference: &'static Reference, databases: &Databases, ours: &Daemon) -> Result<(), Failed> {
    let dump = ours.appctl(&["relation/dump", "sb.Logical_Flow"])?;
    let theirs = world::raw(reference, databases)?;
    let mut held: Vec<String> = Vec::new();
    for row in theirs.get("Logical_Flow").into_iter().flat_map(|rows| rows.values()) {
        let texts = ["match", "actions"].map(|column| match &row[column] {
            Datum::Set(atoms) => atoms.iter().map(as_debugged).collect::<String>(),
            Datum::Map(_) => String::new(),
        });
        held.push(format!("matches: {}, actions: {},", texts[0], texts[1]));
    }
    if !held.iter().any(|flow| flow.contains("reg8[0..15] = 2;")) {
        return Err("no group of next hops has kept its number".into());
    }
    let of_dump = |line: &str| -> Option<String> {
        let from = line.find("matches: ")?;
        let to = line.find(" controller_meter: ")?;
        Some(line.get(from..to)?.to_owned())
    };
    let mut dumped: Vec<String> = dump.lines().filter_map(of_dump).collect();
    held.sort();
    dumped.sort();
    no_faults(normalize::difference(&held, &dumped))?;
    let ports = ours.appctl(&["relation/dump", "network.ports"])?;
    let names = databases.nbctl(&["--bare", "--columns=name", "list", "Logical_Switch_Port"])?;
    let missing = names.split_whitespace().find(|name| !ports.contains(&format!("{name:?}")));
    match missing {
        Some(name) => Err(format!("port {name} is not among {ports}").into()),
        None => Ok(()),
    }
}

fn as_debugged(atom: &Atom) -> String {
    match atom {
        Atom::String(text) => format!("{:?}", &**text),
        other => format!("{other:?}"),
    }
}

/// The rows of a database file that was written at once.
fn contents(path: &str) -> Result<Dump, String> {
    let reader = Reader::open(path, Wanted::All).map_err(|error| error.to_string())?;
    let mut dump = Dump::new();
    for transaction in reader {
        for (table, uuid, change) in transaction.map_err(|error| error.to_string())?.changes {
            if let RowChange::Insert(columns) = change {
                dump.entry(table).or_default().insert(uuid, columns.into_iter().collect());
            }
        }
    }
    Ok(dump)
}

/// The logical flows in comparable form.
fn flows(dump: &Dump) -> Vec<String> {
    let mut lines = normalize::southbound(dump).rows;
    lines.retain(|line| line.starts_with("Logical_Flow"));
    lines
}
