//! A database changes hands: from the reference to ours and back.

use std::time::Duration;

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Reference};
use northflow_tests::trial::no_faults;

use super::world::{self, Daemon};

/// Tables whose rows must stay what they are, identifiers included.
const KEPT: &[&str] = &[
    "Address_Set",
    "Datapath_Binding",
    "DHCP_Options",
    "DHCPv6_Options",
    "HA_Chassis",
    "HA_Chassis_Group",
    "Load_Balancer",
    "Logical_DP_Group",
    "Logical_Flow",
    "Multicast_Group",
    "Port_Binding",
    "Port_Group",
    "RBAC_Permission",
    "RBAC_Role",
];

fn changed(before: &northflow_tests::dump::Dump, after: &northflow_tests::dump::Dump) -> Vec<String> {
    let mut faults = Vec::new();
    for table in KEPT {
        let (old, new) = (before.get(*table), after.get(*table));
        let rows =
            |dump: Option<&_>| -> std::collections::BTreeMap<_, _> { dump.cloned().unwrap_or_default() };
        let (old, new) = (rows(old), rows(new));
        faults.extend(
            old.iter()
                .filter(|(uuid, row)| new.get(*uuid) != Some(row))
                .map(|(uuid, row)| format!("{table} {uuid} {row:?}\n  became {:?}", new.get(uuid))),
        );
        faults.extend(
            new.iter()
                .filter(|(uuid, _)| !old.contains_key(*uuid))
                .map(|(uuid, row)| format!("{table} {uuid} is new: {row:?}")),
        );
    }
    faults
}

/// Routers with what has numbers in flows: route tables, groups of next hops, chains of policies.
fn numbered(databases: &Databases) -> Result<(), String> {
    for (router, third) in [("n1", 1), ("n2", 2), ("n3", 3)] {
        let port = format!("{router}p");
        let (mac, net) = (format!("0a:00:00:00:0{third}:01"), format!("10.0.{third}.1/24"));
        databases.nbctl(&["lr-add", router, "--", "lrp-add", router, &port, &mac, &net])?;
        for (prefix, hosts) in [("0.0.0.0/0", 7..9), ("192.0.2.0/24", 7..10), ("198.51.100.0/24", 8..10)] {
            for host in hosts {
                let hop = format!("10.0.{third}.{host}");
                let table = format!("--route-table=t{}", host % 2 * third);
                databases.nbctl(&["--ecmp", "lr-route-add", router, prefix, &hop])?;
                databases.nbctl(&["--ecmp", &table, "lr-route-add", router, prefix, &hop])?;
            }
        }
        databases.nbctl(&["set", "Logical_Router_Port", &port, &format!("options:route_table=t{third}")])?;
    }
    for (priority, matches) in [("10", "ip4.src == 10.0.9.0/24"), ("20", "tcp"), ("30", "udp")] {
        databases.nbctl(&["lr-policy-add", "n2", priority, matches, "reroute", "10.0.2.7,10.0.2.8"])?;
    }
    for (priority, chain) in [(40, "x"), (50, "y"), (60, "z")] {
        let (priority, chain) = (format!("priority={priority}"), format!("chain={chain}"));
        let create =
            ["--id=@p", "create", "Logical_Router_Policy", &priority, &chain, "match=\"tcp\"", "action=drop"];
        let add = ["--", "add", "Logical_Router", "n2", "policies", "@p"];
        databases.nbctl(&[&create[..], &add[..]].concat())?;
    }
    Ok(())
}

/// Load balancers, given to switches and routers one after the other, as the reference follows each: groups of
/// datapaths with equal members for flows and for load balancers, and two of one name.
fn balanced(databases: &Databases) -> Result<(), String> {
    for (lb, vip) in [("twin", "30.0.0.1"), ("twin", "30.0.0.2"), ("a", "30.0.0.3"), ("b", "30.0.0.3")] {
        let row = format!("0000000{}-0000-4000-8000-00000000000{}", &vip[7..], lb.len());
        let vips = format!("vips:\"{vip}:80\"=\"10.0.0.2:80\"");
        let name = format!("name={lb}");
        let row = if lb == "b" { row.replacen('0', "1", 1) } else { row };
        databases.nbctl(&["--wait=sb", &format!("--id={row}"), "create", "Load_Balancer", &name, &vips])?;
        for switch in ["s1", "s2", "s3"] {
            if (vip, switch) != ("30.0.0.2", "s1") {
                databases.nbctl(&["--wait=sb", "add", "Logical_Switch", switch, "load_balancer", &row])?;
            }
        }
    }
    databases.nbctl(&["lb-add", "grouped", "30.0.0.4:80", "10.0.0.3:80"])?;
    let create = ["--id=@l", "get", "Load_Balancer", "grouped", "--", "create", "Load_Balancer_Group"];
    let group = databases.nbctl(&[&create[..], &["name=g", "load_balancer=@l"]].concat())?;
    for router in ["b1", "b2", "b3"] {
        databases.nbctl(&["lr-add", router, "--", "set", "Logical_Router", router, "options:chassis=ch1"])?;
        let add = ["--wait=sb", "add", "Logical_Router", router, "load_balancer_group", group.trim()];
        databases.nbctl(&add)?;
        databases.nbctl(&["--wait=sb", "lr-lb-add", router, "a"])?;
    }
    databases.nbctl(&["--wait=sb", "ls-lb-del", "s3", "b"])?;
    databases.nbctl(&["--wait=sb", "set", "Load_Balancer", "a", "options:skip_snat=true"])?;
    Ok(())
}

/// Ours takes over what the reference has made, changes nothing, goes on from there, and hands back.
pub fn takeover(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let theirs = Daemon::theirs(reference, &databases, "theirs")?;
    world::fill(&databases, 20)?;
    balanced(&databases)?;
    databases.sync()?;
    let filled = world::raw(reference, &databases)?;
    drop(theirs);

    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.sync()?;
    std::thread::sleep(Duration::from_millis(300));
    no_faults(changed(&filled, &world::raw(reference, &databases)?))?;

    databases.nbctl(&["--wait=sb", "ls-add", "new", "--", "lsp-add", "new", "newp", "--", "ls-del", "s3"])?;
    databases.nbctl(&[
        "--wait=sb",
        "lsp-del",
        "s4p1",
        "--",
        "set",
        "Address_Set",
        "as5",
        "addresses=10.9.9.9",
    ])?;
    no_faults(world::unlike_fresh(reference, &databases)?)?;
    let handed = world::raw(reference, &databases)?;
    drop(ours);

    let theirs = Daemon::theirs(reference, &databases, "theirs-again")?;
    databases.sync()?;
    no_faults(changed(&handed, &world::raw(reference, &databases)?))?;

    // Numbers that depend on what was there before outlive their daemon. (Those of the reference do not outlive
    // its own restart, so there is no handing back from here.)
    numbered(&databases)?;
    databases.sync()?;
    let filled = world::raw(reference, &databases)?;
    drop(theirs);
    let ours = Daemon::ours(reference, &databases, "ours-again", &[])?;
    databases.sync()?;
    std::thread::sleep(Duration::from_millis(300));
    no_faults(changed(&filled, &world::raw(reference, &databases)?))?;
    databases.nbctl(&["--wait=sb", "lr-route-del", "n1", "0.0.0.0/0", "--", "lr-policy-del", "n2", "10"])?;
    for table in ["t0", "t3"] {
        let table = format!("--route-table={table}");
        databases.nbctl(&["--wait=sb", &table, "lr-route-del", "n3"])?;
    }
    databases.nbctl(&["--ecmp", "lr-route-add", "n1", "203.0.113.0/24", "10.0.1.7"])?;
    databases.nbctl(&["--wait=sb", "--ecmp", "lr-route-add", "n1", "203.0.113.0/24", "10.0.1.8"])?;
    databases.sync()?;
    let left = world::raw(reference, &databases)?;
    drop(ours);
    let ours = Daemon::ours(reference, &databases, "ours-at-last", &[])?;
    databases.sync()?;
    std::thread::sleep(Duration::from_millis(300));
    no_faults(changed(&left, &world::raw(reference, &databases)?))?;
    drop(ours);

    // What older versions said in columns of their own is emptied.
    let port = ["--", "set", "Port_Binding", "s1p0", "gateway_chassis=@g"];
    databases.sbctl(&[&["--id=@g", "create", "Gateway_Chassis", "name=old"][..], &port].concat())?;
    let datapath = ["--id=@d", "get", "Datapath_Binding", "s1", "--"];
    databases.sbctl(&[&datapath[..], &["set", "Load_Balancer", "grouped", "datapaths=@d"]].concat())?;
    let ours = Daemon::ours(reference, &databases, "ours-after-old", &[])?;
    databases.sync()?;
    std::thread::sleep(Duration::from_millis(300));
    no_faults(changed(&left, &world::raw(reference, &databases)?))?;
    drop(ours);
    Ok(())
}
