//! What chassis have learned goes when its time has come.

use std::time::{SystemTime, UNIX_EPOCH};

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Reference};

use super::world::{Daemon, until};

/// Neighbours of a router and addresses behind a switch, those of long ago and those of now.
pub fn aging(reference: &'static Reference) -> Result<(), Failed> {
    let databases = reference.databases()?;
    let daemon = Daemon::ours(reference, &databases, "northd", &[])?;
    daemon.becomes("active")?;
    databases.nbctl(&[
        "--wait=sb",
        "lr-add",
        "r",
        "--",
        "lrp-add",
        "r",
        "p",
        "0a:00:00:00:01:01",
        "10.0.0.1/24",
    ])?;
    databases.nbctl(&["--wait=sb", "ls-add", "s", "--", "lsp-add", "s", "v"])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    for (ip, timestamp) in [("10.0.0.8", 1), ("10.0.0.9", now + 600_000), ("10.1.0.8", 1)] {
        bind(&databases, ip, timestamp)?;
    }
    databases.sbctl(&[
        "create",
        "FDB",
        "mac=\"0a:00:00:00:00:01\"",
        "dp_key=2",
        "port_key=1",
        "timestamp=1",
    ])?;
    let neighbours = || databases.sbctl(&["--bare", "--columns=ip", "list", "MAC_Binding"]);
    if neighbours()?.split_whitespace().count() != 3 {
        return Err(format!("rows went without a threshold: {}", neighbours()?).into());
    }
    databases.nbctl(&["set", "Logical_Router", "r", "options:mac_binding_age_threshold=10.1.0.0/16:0;20"])?;
    until("the neighbour of long ago is gone", || Ok(!neighbours()?.contains("10.0.0.8")))?;
    let left = neighbours()?;
    if !left.contains("10.0.0.9") || !left.contains("10.1.0.8") {
        return Err(format!("too many are gone: {left}").into());
    }
    let addresses = || databases.sbctl(&["--bare", "--columns=mac", "list", "FDB"]);
    if addresses()?.trim().is_empty() {
        return Err("the address went without a threshold".into());
    }
    databases.nbctl(&["set", "Logical_Switch", "s", "other_config:fdb_age_threshold=1"])?;
    until("the address of long ago is gone", || Ok(addresses()?.trim().is_empty()))?;
    Ok(())
}

/// A neighbour that a chassis learned at `timestamp`, in milliseconds since 1970.
fn bind(databases: &Databases, ip: &str, timestamp: u128) -> Result<(), String> {
    let ip = format!("ip=\"{ip}\"");
    let timestamp = format!("timestamp={timestamp}");
    let datapath =
        databases.sbctl(&["--bare", "--columns=_uuid", "find", "Datapath_Binding", "external_ids:name=r"])?;
    let datapath = format!("datapath={}", datapath.trim());
    let mac = "mac=\"0a:00:00:00:00:09\"";
    databases.sbctl(&["create", "MAC_Binding", "logical_port=p", &ip, mac, &datapath, &timestamp])?;
    Ok(())
}
