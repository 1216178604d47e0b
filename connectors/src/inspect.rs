//! The commands that all daemons have: about the process, and about the dataflow. `inc-engine/*` says what each relation
//! has done, in the form of the reference's engine nodes; `relation/*` what is in it.

use crossbeam_channel::Sender;
use northflow_engine::{Builder, Engine, EngineError, NodeMetrics};

use crate::process::unixctl::{Commands, Request};
use crate::process::{args, coverage, memory, vlog};
use crate::relation;

/// The commands that all daemons have; those that concern a daemon's state go into `requests`.
pub(crate) fn commands(program: &str, requests: &Sender<Request>) -> Commands {
    let commands = Commands::new(args::version(program));
    coverage::register(&commands);
    vlog::register(&commands);
    memory::register(&commands, requests);
    for (name, usage, arity) in [
        ("sb-cluster-state-reset", "", 0..=0),
        ("inc-engine/show-stats", "", 0..=2),
        ("inc-engine/clear-stats", "", 0..=0),
        ("inc-engine/recompute", "", 0..=0),
        ("inc-engine/list-stopwatches", "", 0..=1),
        ("relation/list", "", 0..=0),
        ("relation/dump", "RELATION", 1..=1),
    ] {
        commands.forward(name, usage, arity, requests);
    }
    commands.add("inc-engine/compute-log-timeout", "", 1..=1, |args| match args[0].parse::<u64>() {
        // The log tells of no slow steps: inc-engine/show-stats has the time of all.
        Ok(_) => Ok(String::new()),
        Err(_) => Err("unsigned integer required".to_owned()),
    });
    commands
}

/// Answers what is asked about the dataflow of a daemon.
pub(crate) struct Inspector {
    program: fn(&Builder),
    stats: Stats,
}

impl Inspector {
    /// That of a daemon that runs `program`.
    pub fn new(program: fn(&Builder)) -> Inspector {
        Inspector { program, stats: Stats::default() }
    }

    /// The answer to a request, or the error; `None` if it is about something else. `dump` gives the rows of a relation.
    pub fn answer(
        &mut self,
        request: &Request,
        engine: &Engine,
        dump: impl FnOnce(&str) -> Result<Vec<String>, EngineError>,
    ) -> Option<Result<String, String>> {
        let answer = match request.name {
            "inc-engine/show-stats" => engine.metrics().map(|all| self.stats.show(&all, &request.args)),
            "inc-engine/clear-stats" => engine.metrics().map(|all| {
                self.stats.clear(&all);
                String::new()
            }),
            "inc-engine/list-stopwatches" => {
                engine.metrics().map(|all| Stats::list(&all, request.args.first()))
            }
            "relation/list" => Ok(relation::list(self.program)),
            "relation/dump" => {
                dump(&request.args[0]).map(|rows| rows.into_iter().map(|row| row + "\n").collect())
            }
            _ => return None,
        };
        Some(answer.map_err(|error| format!("{error}\n")))
    }
}

/// Counters since the last `inc-engine/clear-stats`.
#[derive(Debug, Default)]
struct Stats {
    /// Epochs in which each operator had run when the counters were cleared.
    cleared: Vec<u64>,
}

impl Stats {
    /// Counts from `metrics` on.
    fn clear(&mut self, metrics: &[NodeMetrics]) {
        self.cleared = metrics.iter().map(|metrics| metrics.runs).collect();
    }

    /// `inc-engine/show-stats [NODE [COUNTER]]`. Nothing is ever recomputed or cancelled.
    fn show(&self, metrics: &[NodeMetrics], args: &[String]) -> String {
        let runs = metrics.iter().enumerate().map(|(at, metrics)| {
            let before = self.cleared.get(at).copied().unwrap_or(0);
            (metrics.name, metrics.runs.saturating_sub(before))
        });
        let mut named = runs.filter(|(name, _)| args.first().is_none_or(|node| node == name));
        match args.get(1).map(String::as_str) {
            Some("compute") => named.map(|(_, runs)| runs).sum::<u64>().to_string(),
            Some("recompute" | "cancel") => "0".to_owned(),
            Some(other) if named.next().is_some() => format!("Invalid stat type : {other}"),
            Some(_) => String::new(),
            None => named
                .map(|(name, runs)| {
                    format!(
                        "Node: {name}\n- recompute: {:>12}\n- compute:   {runs:>12}\n- cancel:    {:>12}\n",
                        0, 0
                    )
                })
                .collect(),
        }
    }

    /// `inc-engine/list-stopwatches [NODE]`.
    fn list(metrics: &[NodeMetrics], node: Option<&String>) -> String {
        let named = metrics.iter().filter(|metrics| node.is_none_or(|node| node == metrics.name));
        named.map(|metrics| format!("{}\n", metrics.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_run_from_the_last_clearing() {
        let metrics = |runs| {
            let of = |name, runs| NodeMetrics { name, runs, ..NodeMetrics::default() };
            [of("ports", runs), of("flows", 1)]
        };
        let mut stats = Stats::default();
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        assert_eq!(stats.show(&metrics(3), &args(&["ports", "compute"])), "3");
        stats.clear(&metrics(3));
        assert_eq!(
            stats.show(&metrics(5), &args(&["ports"])),
            "Node: ports\n- recompute:            0\n- compute:              2\n- cancel:               0\n"
        );
        assert_eq!(stats.show(&metrics(5), &args(&["ports", "recompute"])), "0");
        assert_eq!(stats.show(&metrics(5), &args(&["ports", "x"])), "Invalid stat type : x");
        assert_eq!(stats.show(&metrics(5), &args(&["x", "x"])), "");
        assert_eq!(stats.show(&metrics(5), &[]).lines().count(), 8);
    }
}
