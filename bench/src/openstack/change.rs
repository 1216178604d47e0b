//! The changes that are made to such a cloud.

use serde_json::{Value, json};

use super::network::{Cloud, GATEWAYS, fixed_ip, instance_name, rule};
use crate::layer2::chassis_column;
use crate::routers::network::{INSIDE, behind_provider, inside, port};
use crate::row::{ADDED, Kind, delete, map, mutate, update_row, uuid};
use crate::workload::{self, Change, Operations, bound, chassis_name, spread};

/// Instances of a project that is added.
const NEW_INSTANCES: usize = 3;

/// All kinds, in the order of a run: what is deleted was added before.
pub(super) fn changes(cloud: Cloud) -> Vec<Change> {
    let mut all = vec![Change::nb_cfg_only()];
    all.extend(of_instances(cloud));
    all.extend(of_floating_addresses(cloud));
    all.extend(of_networks(cloud));
    all.extend(of_gateways(cloud));
    all.extend(of_projects(cloud));
    all
}

/// Which project the n-th change is about: spread over the cloud.
fn place(cloud: Cloud, round: usize) -> usize {
    spread(round, cloud.projects)
}

fn of_instances(cloud: Cloud) -> [Change; 4] {
    let added = move |round: usize| (place(cloud, round), cloud.instances + round);
    [
        Change::new("instance add", move |round| {
            let (project, at) = added(round);
            let row = cloud.instance(project, at, true);
            Operations::northbound([row].into_iter().chain(cloud.take_in(project, at, "insert")))
        }),
        Change::new("instance bound", move |round| {
            let (project, at) = added(round);
            let chassis = cloud.chassis_of(project, at);
            Operations::southbound([bound(&instance_name(project, at), chassis)])
        }),
        Change::new("instance of any address add", move |round| {
            let (project, at) = (place(cloud, round), cloud.instances + 200 + round);
            let row = cloud.instance(project, at, false);
            Operations::northbound([row].into_iter().chain(cloud.take_in(project, at, "insert")))
        }),
        Change::new("instance of any address delete", move |round| {
            Operations::northbound(cloud.take_in(
                place(cloud, round),
                cloud.instances + 200 + round,
                "delete",
            ))
        }),
    ]
}

/// On the instances that were added, and gone with the last of these changes.
fn of_floating_addresses(cloud: Cloud) -> [Change; 6] {
    let added = move |round: usize| (place(cloud, round), cloud.instances + round);
    let taken = |project: usize, at: usize, mutator: &str| {
        let row = uuid(Kind::Nat, port(project, at));
        mutate("Logical_Router", uuid(Kind::Router, project), "nat", mutator, row)
    };
    let columns = |project: usize, at: usize, columns: Value| {
        update_row("NAT", uuid(Kind::Nat, port(project, at)), columns)
    };
    [
        Change::new("floating address add", move |round| {
            let (project, at) = added(round);
            Operations::northbound([cloud.floating(project, at), taken(project, at, "insert")])
        }),
        Change::new("floating address moved", move |round| {
            let (project, at) = added(round);
            let row =
                json!({ "logical_ip": fixed_ip(project, 0), "logical_port": instance_name(project, 0) });
            Operations::northbound([columns(project, at, row)])
        }),
        Change::new("floating address delete", move |round| {
            let (project, at) = added(round);
            Operations::northbound([taken(project, at, "delete")])
        }),
        Change::new("central floating address add", move |round| {
            let (project, at) = added(round);
            Operations::northbound([cloud.central_floating(project, at), taken(project, at, "insert")])
        }),
        Change::new("central floating address delete", move |round| {
            let (project, at) = added(round);
            Operations::northbound([taken(project, at, "delete")])
        }),
        Change::new("instance delete", move |round| {
            let (project, at) = added(round);
            Operations::northbound(cloud.take_in(project, at, "delete"))
        }),
    ]
}

fn of_networks(cloud: Cloud) -> [Change; 5] {
    let switch = move |round: usize| uuid(Kind::Switch, place(cloud, round));
    let group = move |round: usize| uuid(Kind::PortGroup, place(cloud, round));
    [
        Change::new("security rule add", move |round| {
            let (project, number) = (place(cloud, round), ADDED + round);
            let row = rule(project, number, "to-lport", &format!("tcp.dst == {}", 1000 + round));
            let taken = mutate("Port_Group", group(round), "acls", "insert", uuid(Kind::Acl, number));
            Operations::northbound([row, taken])
        }),
        Change::new("security rule delete", move |round| {
            let row = uuid(Kind::Acl, ADDED + round);
            Operations::northbound([mutate("Port_Group", group(round), "acls", "delete", row)])
        }),
        Change::new("addresses reserved", move |round| {
            // The first that would be given, so that who has one of them gets another.
            let project = place(cloud, round);
            let (from, to) = (inside(project, 3), inside(project, 5));
            let more = format!("{from}..{to} {}..{}", inside(project, 2000), inside(project, 3999));
            let config = map(&[("exclude_ips", &more)]);
            let row = switch(round);
            let none = json!(["set", ["exclude_ips"]]);
            Operations::northbound([
                mutate("Logical_Switch", row.clone(), "other_config", "delete", none),
                mutate("Logical_Switch", row, "other_config", "insert", config),
            ])
        }),
        Change::new("DHCP lease time change", move |round| {
            let options = json!(["set", ["lease_time"]]);
            let row = uuid(Kind::DhcpOptions, place(cloud, round));
            let time = map(&[("lease_time", &format!("{}", 3600 + round))]);
            Operations::northbound([
                mutate("DHCP_Options", row.clone(), "options", "delete", options),
                mutate("DHCP_Options", row, "options", "insert", time),
            ])
        }),
        Change::new("router port disabled", move |round| {
            let row = uuid(Kind::RouterPort, port(place(cloud, round), INSIDE));
            let disabled = json!({ "enabled": false });
            Operations::northbound([update_row("Logical_Router_Port", row, disabled)])
        }),
    ]
}

fn of_gateways(cloud: Cloud) -> [Change; 4] {
    let gateway =
        move |round: usize, n: usize| uuid(Kind::GatewayChassis, GATEWAYS * place(cloud, round) + n);
    [
        Change::new("gateway priority change", move |round| {
            let row = gateway(round, 0);
            Operations::northbound([update_row("Gateway_Chassis", row, json!({ "priority": 10 + round }))])
        }),
        Change::new("gateway moved", move |round| {
            // One that is no gateway of the router yet.
            let others = cloud.chassis - GATEWAYS;
            let chassis = cloud.chassis_of(place(cloud, round), GATEWAYS + round % others);
            let row = json!({ "chassis_name": chassis_name(chassis) });
            Operations::northbound([update_row("Gateway_Chassis", gateway(round, 1), row)])
        }),
        Change::new("chassis add", move |round| {
            Operations::southbound(workload::chassis(cloud.chassis + round))
        }),
        Change::new("chassis column change", move |round| chassis_column(round % cloud.chassis, round)),
    ]
}

fn of_projects(cloud: Cloud) -> [Change; 2] {
    let added = move |round: usize| cloud.projects + round;
    [
        Change::new("project add", move |round| {
            let project = added(round);
            let rows = cloud.project(project, NEW_INSTANCES);
            Operations::northbound(rows.into_iter().chain([behind_provider(project, "insert")]))
        }),
        Change::new("project delete", move |round| {
            let project = added(round);
            let rows = [
                ("Logical_Router", Kind::Router),
                ("Logical_Switch", Kind::Switch),
                ("Port_Group", Kind::PortGroup),
                ("DHCP_Options", Kind::DhcpOptions),
            ];
            let rows = rows.map(|(table, kind)| delete(table, uuid(kind, project)));
            Operations::northbound(rows.into_iter().chain([behind_provider(project, "delete")]))
        }),
    ]
}
