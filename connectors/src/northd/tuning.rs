//! Settings of the network that are for the daemon itself (ovn-nb(5), NB_Global `options`).

use std::time::Duration;

use northflow_rules::schema::nb;

/// How the daemon is to behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tuning {
    /// `northd_probe_interval`: after how long a silence a server is probed; `None` is the client's own choice.
    pub probe_interval: Option<Duration>,
    /// `northd-backoff-interval-ms`: the most time between two computations, so that several changes become one.
    pub backoff: Duration,
    /// `northd_trim_timeout`: after how long a time without work memory is given back to the system.
    pub trim_timeout: Duration,
}

/// The least `northd_trim_timeout`.
const LEAST_TRIM_TIMEOUT: Duration = Duration::from_secs(1);

impl Tuning {
    /// What the row asks for; numbers that are none count as not set.
    pub fn of(row: &nb::NbGlobal) -> Tuning {
        let milliseconds = |name: &str| row.options.get_number(name).map(Duration::from_millis);
        Tuning {
            probe_interval: milliseconds("northd_probe_interval").map(|interval| {
                // Less than a second is taken for a second; zero is never.
                if interval.is_zero() { interval } else { interval.max(Duration::from_secs(1)) }
            }),
            backoff: milliseconds("northd-backoff-interval-ms").unwrap_or_default(),
            trim_timeout: milliseconds("northd_trim_timeout")
                .map_or(Duration::from_secs(30), |timeout| timeout.max(LEAST_TRIM_TIMEOUT)),
        }
    }
}
