//! The commands of ovn-northd(8), "RUNTIME MANAGEMENT COMMANDS", over the control socket.

use super::Requests;
use super::core::{Core, Status};
use crate::inspect::{self, Inspector};
use crate::ovsdb::client::Command;
use crate::process::memory;
use crate::process::stopwatch::{Stopwatch, Stopwatches, Unit};
use crate::process::unixctl::{Commands, Request};

/// Every command of the daemon; those that concern its state go into `requests`.
pub(super) fn register(program: &str, threads: usize, requests: &Requests) -> Commands {
    let commands = inspect::commands(program, requests);
    for (name, usage, arity) in [
        ("exit", "", 0..=0),
        ("pause", "", 0..=0),
        ("resume", "", 0..=0),
        ("is-paused", "", 0..=0),
        ("status", "", 0..=0),
        ("nb-connection-status", "", 0..=0),
        ("sb-connection-status", "", 0..=0),
        ("nb-cluster-state-reset", "", 0..=0),
        ("debug/chassis-features-list", "", 0..=0),
    ] {
        commands.forward(name, usage, arity, requests);
    }
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(threads));
    let read = count.clone();
    commands.add("parallel-build/get-n-threads", "", 0..=0, move |_| {
        Ok(format!("{}\n", read.load(std::sync::atomic::Ordering::Relaxed)))
    });
    commands.add("parallel-build/set-n-threads", "N_THREADS", 1..=1, move |args| {
        match args[0].parse::<usize>() {
            Ok(threads @ 1..=256) => {
                // Workers are chosen at the start; the number is kept for whoever asks.
                count.store(threads, std::sync::atomic::Ordering::Relaxed);
                Ok(String::new())
            }
            _ => Err(format!("invalid n_threads: {}", args[0])),
        }
    });
    commands
}

/// Makes the stopwatches of the reference, which dashboards read. Gives the one of a whole loop; the others time steps
/// of a computation from scratch, which there is none of here, and stay at zero.
pub(super) fn stopwatches(all: &Stopwatches) -> Stopwatch {
    let whole = all.create("ovn-northd-loop", Unit::Milliseconds);
    for name in [
        "build_flows_ctx",
        "clear_lflows_ctx",
        "lflows_datapaths",
        "lflows_ports",
        "lflows_lbs",
        "lflows_lr_stateful",
        "lflows_ls_stateful",
        "lflows_igmp",
        "lflows_dp_groups",
        "lflows_to_sb",
    ] {
        all.create(name, Unit::Milliseconds);
    }
    whole
}

/// Answers a request; true when the daemon is to end.
pub(super) fn answer(request: Request, core: &mut Core, inspector: &mut Inspector) -> bool {
    if let Some(answer) = inspector.answer(&request, core.engine(), |relation| core.dump(relation)) {
        request.finish(answer);
        return false;
    }
    let nothing = String::new();
    let reply = match request.name {
        "exit" => {
            request.reply(nothing);
            return true;
        }
        "pause" => {
            core.pause();
            nothing
        }
        "resume" => {
            core.resume();
            nothing
        }
        "is-paused" => (core.status() == Status::Paused).to_string(),
        "status" => {
            let status = match core.status() {
                Status::Active => "active",
                Status::Standby => "standby",
                Status::Paused => "paused",
            };
            format!("Status: {status}\n")
        }
        "nb-connection-status" => core.northbound.connection().to_owned(),
        "sb-connection-status" => core.southbound.connection().to_owned(),
        "nb-cluster-state-reset" => {
            // It fails only when the client has ended, and the daemon with it.
            let _ = core.northbound.handle.send(Command::ResetMinIndex);
            nothing
        }
        "sb-cluster-state-reset" => {
            let _ = core.southbound.handle.send(Command::ResetMinIndex);
            nothing
        }
        "memory/show" => memory::compose(core.memory_usage()) + "\n",
        "debug/chassis-features-list" => core.chassis_features(),
        // Nothing is ever computed anew; what this is good for is to put right what others have changed.
        "inc-engine/recompute" => {
            core.compare();
            nothing
        }
        other => {
            let text = format!("\"{other}\" is not handled\n");
            request.error(text);
            return false;
        }
    };
    request.reply(reply);
    false
}

/// The dataflow as a graph in the language of dot(1); with `only`, what leads to the operators of
/// that name. `None` if there is none.
pub(super) fn graph(only: Option<&str>) -> Option<String> {
    let operators = northflow_engine::outline(northflow_rules::northd::program);
    let mut shown: Vec<bool> =
        operators.iter().map(|operator| only.is_none_or(|only| operator.name == only)).collect();
    if !shown.contains(&true) {
        return None;
    }
    // Readers come later: one walk back finds all that leads to what is shown.
    for at in (0..operators.len()).rev() {
        shown[at] |= operators[at].readers.iter().any(|reader| shown[*reader]);
    }
    let mut text = "digraph \"Incremental-Processing-Engine\" {\n\trankdir=LR;\n".to_owned();
    for (at, operator) in operators.iter().enumerate().filter(|(at, _)| shown[*at]) {
        text += &format!("\tn{at} [shape=box, label=\"{}\"];\n", operator.name);
        for reader in operator.readers.iter().filter(|reader| shown[**reader]) {
            text += &format!("\tn{at} -> n{reader};\n");
        }
    }
    Some(text + "}\n")
}

#[cfg(test)]
mod tests {
    use super::graph;

    #[test]
    fn the_graph_can_be_cut_down_to_what_leads_to_a_relation() {
        let whole = graph(None).unwrap();
        let part = graph(Some("sb.Datapath_Binding")).unwrap();
        assert!(part.contains("nb.Logical_Switch") && !part.contains("nb.Address_Set"));
        assert!(part.lines().count() < whole.lines().count() / 2);
        assert_eq!(graph(Some("unheard of")), None);
    }
}
