//! The modules that log. Each is one line of the table below: a constant, the name in log lines, and what it is about.
//!
//! The names are those of ovn-northd and its library wherever the subject is the same, so that `-v` options, `vlog/set`
//! scripts and log searches made for it go on working.

use super::Module;

macro_rules! modules {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub static $constant: Module = Module::new($name);)+

        /// Every module, in the order of `vlog/list`.
        pub static ALL: &[&Module] = &[$(&$constant),+];
    };
}

modules! {
    /// Whether tunnels are alive.
    BFD = "bfd";
    /// Ports that this chassis binds.
    BINDING = "binding";
    /// What this chassis says of itself.
    CHASSIS = "chassis";
    /// Counters of events.
    COVERAGE = "coverage";
    /// Zones of connection tracking.
    CT_ZONE = "ct_zone";
    /// Going to the background, pidfile, monitor.
    DAEMON_UNIX = "daemon_unix";
    /// Ids of datapaths and ports.
    DATAPATH_SYNC = "datapath_sync";
    /// Tunnels to other chassis.
    ENCAPS = "encaps";
    /// The dataflow engine.
    ENGINE = "engine";
    /// Signals that end the program.
    FATAL_SIGNAL = "fatal_signal";
    /// Ports whose flows are installed.
    IF_STATUS = "if_status";
    /// Incremental computation, as `inc-engine/*` commands show it.
    INC_PROC_ENG = "inc_proc_eng";
    /// When the northbound computation runs.
    INC_PROC_NORTHD = "inc_proc_northd";
    /// Addresses given out.
    IPAM = "ipam";
    /// JSON-RPC messages.
    JSONRPC = "jsonrpc";
    /// Load balancers.
    LB = "lb";
    /// Logical flows that cannot be read.
    LFLOW = "lflow";
    /// Start and main loop of a chassis' daemon.
    MAIN = "main";
    /// Memory use.
    MEMORY = "memory";
    /// Memory given back when idle.
    MEMORY_TRIM = "memory_trim";
    /// Configuration that the rules cannot use as written.
    NORTHD = "northd";
    /// The connection to the switch.
    OFCTRL = "ofctrl";
    /// Start, lock, main loop.
    OVN_NORTHD = "ovn_northd";
    /// Addresses and names in database columns.
    OVN_UTIL = "ovn_util";
    /// OVSDB sessions.
    OVSDB_CS = "ovsdb_cs";
    /// Replicas of database tables.
    OVSDB_IDL = "ovsdb_idl";
    /// Ports to physical networks.
    PATCH = "patch";
    /// Rows between the logical and the physical network.
    PHYSICAL = "physical";
    /// Waiting for events.
    POLL_LOOP = "poll_loop";
    /// Connection attempts and probes.
    RECONNECT = "reconnect";
    /// Replay of recorded changes.
    REPLAY = "replay";
    /// Timing.
    STOPWATCH = "stopwatch";
    /// Byte streams of any kind.
    STREAM = "stream";
    /// TCP connections.
    STREAM_TCP = "stream_tcp";
    /// Unix domain sockets.
    STREAM_UNIX = "stream_unix";
    /// The control socket.
    UNIXCTL = "unixctl";
    /// The log itself.
    VLOG = "vlog";
}

/// The module called `name`, in any case.
pub(super) fn find(name: &str) -> Option<&'static Module> {
    ALL.iter().copied().find(|module| module.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        assert!(find("OVN_northd").is_some());
    }
}
