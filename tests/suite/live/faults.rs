//! What goes wrong: daemons and servers that die, rows that somebody else meddles with.

use std::time::Duration;

use libtest_mimic::Failed;
use northflow_tests::random::{self, Random};
use northflow_tests::reference::{Databases, Reference};
use northflow_tests::trial::no_faults;

use super::world::{self, Daemon, until};

/// One random edit of the northbound database.
fn edit(databases: &Databases, random: &mut Random) -> Result<(), String> {
    let s = format!("r{}", random.below(6));
    let p = format!("{s}p{}", random.below(3));
    let address = format!("00:00:00:00:01:{:02x} 10.1.1.{}", random.below(200), random.below(200));
    let args: Vec<&str> = match random.below(6) {
        0 => vec!["--may-exist", "ls-add", &s],
        1 => vec!["--if-exists", "ls-del", &s],
        2 | 3 => vec!["--may-exist", "ls-add", &s, "--", "--may-exist", "lsp-add", &s, &p],
        4 => vec!["--if-exists", "lsp-del", &p],
        _ => vec![
            "--may-exist",
            "ls-add",
            &s,
            "--",
            "--may-exist",
            "lsp-add",
            &s,
            &p,
            "--",
            "lsp-set-addresses",
            &p,
            &address,
        ],
    };
    databases.nbctl(&args).map(drop)
}

/// The southbound rows of `table` that meet `condition`.
fn rows(databases: &Databases, table: &str, condition: &str) -> Result<Vec<String>, String> {
    let found = databases.sbctl(&["--bare", "--columns=_uuid", "find", table, condition])?;
    Ok(found.split_whitespace().map(str::to_owned).collect())
}

/// Killed at any moment and started again, it comes to what it would have come to in one go.
pub fn killed(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    world::fill(&databases, 5)?;
    let seed = random::seed(7);
    let mut random = Random::new(seed);
    for round in 0..18 {
        let daemon = Daemon::ours(reference, &databases, &format!("ours{round}"), &[])?;
        for _ in 0..random.below(5) {
            edit(&databases, &mut random)?;
        }
        std::thread::sleep(Duration::from_millis(random.below(150) as u64));
        drop(daemon);
    }
    let _last = Daemon::ours(reference, &databases, "last", &[])?;
    databases.sync()?;
    let faults = world::unlike_fresh(reference, &databases)?;
    no_faults(faults.into_iter().map(|fault| format!("seed {seed}: {fault}")).collect())
}

/// Servers come and go under a daemon that stays.
pub fn servers_restart(reference: &'static Reference) -> Result<(), Failed> {
    let mut databases = world::databases(reference)?;
    let mut ours = Daemon::ours(reference, &databases, "ours", &[])?;
    world::fill(&databases, 3)?;
    databases.sync()?;
    for (round, which) in ["sb", "nb", "sb", "sb", "nb"].into_iter().enumerate() {
        databases.kill(which);
        until("it notices", || {
            Ok(ours.appctl(&[&format!("{which}-connection-status")])? == "not connected\n")
        })?;
        if which == "sb" {
            databases.nbctl(&["ls-add", &format!("while-gone{round}")])?;
        }
        databases.serve(which)?;
        databases.nbctl(&["--wait=sb", "ls-add", &format!("after{round}")])?;
        ours.becomes("active")?;
    }
    assert!(!ours.process.ended(), "{}", ours.log());
    no_faults(world::unlike_fresh(reference, &databases)?)
}

/// Somebody else's rows with our keys do not stop the daemon for good.
pub fn conflicts(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    world::fill(&databases, 2)?;
    databases.sync()?;
    // The next key that ours will give out.
    databases.sbctl(&["create", "Datapath_Binding", "tunnel_key=3", "external_ids:name=foreign"])?;
    databases.nbctl(&["--wait=sb", "ls-add", "third"])?;
    let datapath =
        format!("datapath={}", rows(&databases, "Datapath_Binding", "external_ids:name=third")?.concat());
    databases.sbctl(&["create", "Port_Binding", "logical_port=same", "tunnel_key=9", &datapath])?;
    databases.nbctl(&["--wait=sb", "lsp-add", "third", "same"])?;
    databases.sbctl(&["create", "Port_Binding", "logical_port=stray", "tunnel_key=1", &datapath]).or_else(
        |_| databases.sbctl(&["create", "Port_Binding", "logical_port=stray", "tunnel_key=12", &datapath]),
    )?;
    databases.nbctl(&["--wait=sb", "lsp-add", "third", "other"])?;
    until("rows that nobody asked for are gone", || {
        let stray = rows(&databases, "Port_Binding", "logical_port=stray")?;
        let foreign = rows(&databases, "Datapath_Binding", "external_ids:name=foreign")?;
        Ok(stray.is_empty() && foreign.is_empty())
    })?;
    databases.sync()?;
    ours.becomes("active")?;
    no_faults(world::unlike_fresh(reference, &databases)?)
}

/// Rows that somebody deletes come back, in those tables in which the reference looks after them.
pub fn destroyed_rows(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    world::fill(&databases, 2)?;
    databases.nbctl(&["create", "Chassis_Template_Var", "chassis=hv1", "variables:a=b"])?;
    databases.sync()?;
    let right = world::southbound(reference, &databases)?;
    for (table, condition) in [
        ("Port_Binding", "logical_port=s0p1"),
        ("Datapath_Binding", "external_ids:name=s1"),
        ("RBAC_Permission", "table=Chassis"),
        ("RBAC_Role", "name=ovn-controller"),
        ("DHCP_Options", "name=router"),
        ("DHCPv6_Options", "name=server_id"),
        ("Chassis_Template_Var", "chassis=hv1"),
    ] {
        let row = rows(&databases, table, condition)?.swap_remove(0);
        if table == "Datapath_Binding" {
            // Strong references to it have to go first.
            let mut words = Vec::new();
            for (table, column) in [
                ("Port_Binding", "datapath"),
                ("Multicast_Group", "datapath"),
                ("Logical_Flow", "logical_datapath"),
                ("IP_Multicast", "datapath"),
            ] {
                for row in rows(&databases, table, &format!("{column}={row}"))? {
                    words.extend(["--".to_owned(), "destroy".to_owned(), table.to_owned(), row]);
                }
            }
            let mut args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            args.extend(["--", "destroy", "Datapath_Binding", &row]);
            databases.sbctl(&args)?;
        } else {
            databases.sbctl(&["destroy", table, &row])?;
        }
        until(&format!("{table} is whole again"), || {
            Ok(world::faults(&right, &world::southbound(reference, &databases)?).is_empty())
        })?;
    }
    Ok(())
}

/// Flows whose group somebody has cleared have it again as soon as there is something to write.
pub fn cleared_groups(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    world::fill(&databases, 2)?;
    databases.sync()?;
    let right = world::southbound(reference, &databases)?;
    let groups = || databases.sbctl(&["--bare", "--columns=_uuid", "list", "Logical_DP_Group"]);
    assert!(!groups()?.trim().is_empty());
    let flows = databases.sbctl(&["--bare", "--columns=_uuid", "list", "Logical_Flow"])?;
    let flows: Vec<&str> = flows.split_whitespace().collect();
    for flows in flows.chunks(50) {
        let clear = flows.iter().flat_map(|flow| ["--", "clear", "Logical_Flow", flow, "logical_dp_group"]);
        databases.sbctl(&clear.skip(1).collect::<Vec<_>>())?;
    }
    assert_eq!(groups()?.trim(), "");
    databases.sync()?;
    no_faults(world::faults(&right, &world::southbound(reference, &databases)?))
}

/// Probes that another availability zone asks for stay as they are and are answered for, until a load balancer
/// asks for the same; then they are ours.
pub fn interconnected(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.nbctl(&["--wait=sb", "ls-add", "s", "--", "lsp-add", "s", "p"])?;
    let row = "0000000a-0000-4000-8000-000000000000";
    let (id, target) = (format!("--id={row}"), ["ip=10.0.0.2", "port=80", "protocol=tcp", "logical_port=p"]);
    let create = [&id, "create", "Service_Monitor", "type=load-balancer", "src_ip=10.0.0.100"];
    databases.sbctl(&[&create[..], &target[..], &["ic_learned=true"]].concat())?;
    let answered = || {
        let find = ["--bare", "--columns=_uuid", "find", "Logical_Flow"];
        let matches = ["priority=110", "match=\"arp.tpa == 10.0.0.100 && arp.op == 1\""];
        Ok(!databases.sbctl(&[&find[..], &matches[..]].concat())?.trim().is_empty())
    };
    until("the address is answered for", answered)?;
    drop(ours);
    let _ours = Daemon::ours(reference, &databases, "ours-again", &[])?;
    databases.sync()?;
    let learned = || databases.sbctl(&["get", "Service_Monitor", row, "ic_learned"]);
    assert_eq!(learned()?.trim(), "true");
    databases.nbctl(&["lb-add", "lb", "10.9.0.1:80", "10.0.0.2:80", "--", "ls-lb-add", "s", "lb"])?;
    databases.nbctl(&["set", "Load_Balancer", "lb", "ip_port_mappings:10.0.0.2=p:10.0.0.100"])?;
    let create = ["--id=@h", "create", "Load_Balancer_Health_Check", "vip=\"10.9.0.1:80\"", "--"];
    databases.nbctl(&[&create[..], &["add", "Load_Balancer", "lb", "health_check", "@h"]].concat())?;
    until("the row is ours", || Ok(learned()?.trim() == "false"))?;
    databases.nbctl(&["clear", "Load_Balancer", "lb", "health_check"])?;
    until("nobody asks for it", || {
        let rows = databases.sbctl(&["--bare", "--columns=_uuid", "list", "Service_Monitor"])?;
        Ok(rows.trim().is_empty())
    })?;
    Ok(())
}

/// Roles and permissions that others add stay; what they add to the role of ovn-controller does not.
pub fn roles_of_others(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.sync()?;
    let permissions = || databases.sbctl(&["get", "RBAC_Role", "ovn-controller", "permissions"]);
    let right = permissions()?;
    let added = databases.sbctl(&[
        "--id=@p",
        "create",
        "RBAC_Permission",
        "table=Load_Balancer",
        "--",
        "set",
        "RBAC_Role",
        "ovn-controller",
        "permissions:Load_Balancer=@p",
    ])?;
    until("the role is as it was", || Ok(permissions()? == right))?;
    let permission = added.split_whitespace().next().unwrap_or_default();
    let link = format!("permissions:Load_Balancer={permission}");
    databases.sbctl(&["create", "RBAC_Role", "name=other", &link])?;
    databases.sbctl(&["create", "RBAC_Role", "name=ovn-controller"])?;
    until("the role is there once", || {
        let roles = databases.sbctl(&["--bare", "--columns=name", "list", "RBAC_Role"])?;
        let mut roles: Vec<&str> = roles.split_whitespace().collect();
        roles.sort_unstable();
        Ok(roles == ["other", "ovn-controller"])
    })?;
    assert_eq!(permissions()?, right);
    databases.sbctl(&["get", "RBAC_Permission", permission, "table"])?;
    Ok(())
}

/// Nonsense in the northbound database is reported once, and the rest is as with the reference.
pub fn malformed(reference: &'static Reference) -> Result<(), Failed> {
    let theirs_on = world::databases(reference)?;
    world::fill(&theirs_on, 1)?;
    for args in [
        &["lsp-add", "s0", "odd", "--", "set", "Logical_Switch_Port", "odd", "type=nonsense"][..],
        &[
            "set",
            "Logical_Switch_Port",
            "s0p1",
            "addresses=\"not an address\"",
            "options:requested-tnl-key=x",
        ],
        &["set", "Logical_Switch_Port", "s0p0", "port_security=\"zz:zz\"", "tag_request=77"],
        &[
            "set",
            "NB_Global",
            ".",
            "options:northd_probe_interval=never",
            "options:mac_prefix=0a:0b:0c",
            "options:svc_monitor_mac=0a:00:00:00:00:01",
            "options:svc_monitor_mac_dst=0a:00:00:00:00:02",
        ],
        &["ls-add", "s1"],
    ] {
        theirs_on.nbctl(args)?;
    }
    let mut ours_on = world::databases(reference)?;
    world::copy_northbound(&theirs_on, &mut ours_on)?;
    let theirs = Daemon::theirs(reference, &theirs_on, "theirs")?;
    let mut ours = Daemon::ours(reference, &ours_on, "ours", &[])?;
    theirs_on.sync()?;
    ours_on.sync()?;
    let right = world::southbound(reference, &theirs_on)?;
    drop(theirs);
    let mut faults = world::faults(&right, &world::southbound(reference, &ours_on)?);

    // To which of two switches a port belongs is not said anywhere; it is one of them.
    let port = ours_on.nbctl(&["get", "Logical_Switch_Port", "s0p1", "_uuid"])?;
    ours_on.nbctl(&["--wait=sb", "add", "Logical_Switch", "s1", "ports", port.trim()])?;
    let bindings = rows(&ours_on, "Port_Binding", "logical_port=s0p1")?;
    assert_eq!(bindings.len(), 1, "{bindings:?}");
    ours_on.nbctl(&["--wait=sb", "remove", "Logical_Switch", "s1", "ports", port.trim()])?;
    faults.extend(world::faults(&right, &world::southbound(reference, &ours_on)?));
    for name in ["odd", "s0p0", "s0p1"] {
        let warnings =
            ours.log().lines().filter(|line| line.contains("|WARN|") && line.contains(name)).count();
        if warnings > 1 {
            faults.push(format!("{name} is reported {warnings} times"));
        }
    }
    if ours.process.ended() {
        faults.push("ours has ended".to_owned());
    }
    no_faults(faults)
}
