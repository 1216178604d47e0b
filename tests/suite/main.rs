//! End-to-end and differential tests, in one binary.
//!
//! - `scenario`: every file below `tests/scenarios`, against its recording, and the recording
//!   against the reference. `NORTHFLOW_UPDATE=1` records anew.
//!
//! - `bridge`: every file below `tests/bridge`, the same for the bridges of chassis.
//!
//! - `live`: the daemon on real servers, in ovn-northd's place.
//!
//! - `ovsdb_client`: the client against real servers.
//!
//! - `tls`: the client against servers that want certificates.
//!
//! - `openflow`: the connection to a switch against a real one.
//!
//! - `walk`: random walks, against the reference.
//!
//! - `large`: sets with many members, on northflow alone.
//!
//! - `garbage`: rows that make no sense, on northflow alone.
//!
//! Tests that need the reference are ignored where it cannot be had, and fail where
//! `NORTHFLOW_REQUIRE_REFERENCE=1`.

mod bridge;
mod garbage;
mod large;
mod live;
mod net;
mod openflow;
mod ovsdb_client;
mod scenario;
mod tls;
mod walk;

use libtest_mimic::Arguments;

fn main() {
    let mut args = Arguments::from_args();
    // Servers are cheap, but timings are not made better by many of them.
    args.test_threads = args.test_threads.or(Some(2));
    let modules = [
        bridge::trials(),
        garbage::trials(),
        large::trials(),
        live::trials(),
        openflow::trials(),
        ovsdb_client::trials(),
        scenario::trials(),
        tls::trials(),
        walk::trials(),
    ];
    let trials = modules.into_iter().flatten().collect();
    libtest_mimic::run(&args, trials).exit();
}
