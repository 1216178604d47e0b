//! What the `inc-engine/*` commands say: what each relation has done, in the form of the reference's engine nodes.

use northflow_engine::NodeMetrics;

/// Counters since the last `inc-engine/clear-stats`.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Epochs in which each operator had run when the counters were cleared.
    cleared: Vec<u64>,
}

impl Stats {
    /// Counts from `metrics` on.
    pub fn clear(&mut self, metrics: &[NodeMetrics]) {
        self.cleared = metrics.iter().map(|metrics| metrics.runs).collect();
    }

    /// `inc-engine/show-stats [NODE [COUNTER]]`. Nothing is ever recomputed or cancelled.
    pub fn show(&self, metrics: &[NodeMetrics], args: &[String]) -> String {
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
    pub fn list(metrics: &[NodeMetrics], node: Option<&String>) -> String {
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
