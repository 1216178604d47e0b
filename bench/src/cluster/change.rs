//! Changes that any cluster may see, whatever is laid over its nodes.

use serde_json::{Value, json};

use super::network::{
    self, CLUSTER_ROUTER, Cluster, gateway_router, join_ip, node_switch, of_node, pod, pod_ip, pod_name,
    pod_port, route, take_in,
};
use crate::layer2::{chassis_column, global_option};
use crate::row::{ADDED, Kind, insert, mutate, update_row, uuid};
use crate::workload::{self, Change, Operations, bound, spread};

/// Pods of a node that is added.
const NEW_PODS: usize = 2;

/// All kinds, in the order of a run: those that any cluster may see, and between them `own`.
pub fn changes(cluster: Cluster, own: impl IntoIterator<Item = Change>) -> Vec<Change> {
    let first = [Change::nb_cfg_only()].into_iter().chain(of_pods(cluster));
    first.chain(own).chain(of_nodes(cluster)).collect()
}

/// The operations by which a pod comes.
pub fn pod_add((node, at): (usize, usize)) -> [Value; 2] {
    let switch = uuid(Kind::Switch, node_switch(node));
    [pod_port(node, at), mutate("Logical_Switch", switch, "ports", "insert", uuid(Kind::Port, pod(node, at)))]
}

/// The operation by which a pod goes.
pub fn pod_delete((node, at): (usize, usize)) -> Value {
    let switch = uuid(Kind::Switch, node_switch(node));
    mutate("Logical_Switch", switch, "ports", "delete", uuid(Kind::Port, pod(node, at)))
}

/// The operation by which a chassis says that a pod is there.
pub fn pod_bound((node, at): (usize, usize)) -> Value {
    bound(&pod_name(node, at), node)
}

/// A pod comes, is bound, and goes.
fn of_pods(cluster: Cluster) -> [Change; 3] {
    let place = move |round: usize| (spread(round, cluster.nodes), cluster.most() + round);
    [
        Change::new("port add", move |round| Operations::northbound(pod_add(place(round)))),
        Change::new("port bound", move |round| Operations::southbound([pod_bound(place(round))])),
        Change::new("port delete", move |round| Operations::northbound([pod_delete(place(round))])),
    ]
}

/// Translations, routes, policies, a router.
pub fn of_routing(cluster: Cluster) -> [Change; 4] {
    let router = |n| uuid(Kind::Router, n);
    [
        Change::new("NAT add", move |round| {
            let node = spread(round, cluster.nodes);
            let row = json!({ "type": "dnat_and_snat", "external_ip": format!("172.17.0.{round}"),
                "logical_ip": pod_ip(node, 0) });
            let nat = insert("NAT", Kind::Nat, ADDED + round, row);
            let taken = uuid(Kind::Nat, ADDED + round);
            let taken = mutate("Logical_Router", router(gateway_router(node)), "nat", "insert", taken);
            Operations::northbound([nat, taken])
        }),
        Change::new("static route add", move |round| {
            let prefix = format!("192.168.{round}.0/24");
            let row = route(ADDED + round, &prefix, &join_ip(spread(round, cluster.nodes)), "dst-ip");
            let taken = uuid(Kind::Route, ADDED + round);
            let taken = mutate("Logical_Router", router(CLUSTER_ROUTER), "static_routes", "insert", taken);
            Operations::northbound([row, taken])
        }),
        Change::new("routing policy add", move |round| {
            let row = json!({ "priority": 1000 + round, "action": "reroute",
                "match": format!("ip4.src == 10.255.3.{round}"),
                "nexthops": join_ip(spread(round, cluster.nodes)) });
            let policy = insert("Logical_Router_Policy", Kind::Policy, round, row);
            let taken = uuid(Kind::Policy, round);
            let taken = mutate("Logical_Router", router(CLUSTER_ROUTER), "policies", "insert", taken);
            Operations::northbound([policy, taken])
        }),
        Change::new("router add", move |round| {
            let row = json!({ "name": format!("lone-{round}") });
            Operations::northbound([insert("Logical_Router", Kind::Router, ADDED + round, row)])
        }),
    ]
}

/// Switches, chassis, gateways, whole nodes, global options.
fn of_nodes(cluster: Cluster) -> [Change; 7] {
    let added = move |round: usize| cluster.nodes + round;
    [
        Change::new("switch add", |round| {
            let row = json!({ "name": format!("lone-{round}") });
            Operations::northbound([insert("Logical_Switch", Kind::Switch, ADDED + round, row)])
        }),
        Change::new("chassis add", move |round| Operations::southbound(workload::chassis(added(round)))),
        Change::new("chassis column change", move |round| chassis_column(round % cluster.nodes, round)),
        Change::new("gateway chassis change", move |round| {
            let row = uuid(Kind::GatewayChassis, spread(round, cluster.nodes));
            Operations::northbound([update_row("Gateway_Chassis", row, json!({ "priority": 10 + round }))])
        }),
        Change::new("node add", move |round| {
            let node = cluster.node(added(round), NEW_PODS);
            let taken = take_in(&node, "insert");
            Operations::northbound(node.rows.into_iter().chain(taken))
        }),
        Change::new("node delete", move |round| {
            let node: network::Node = cluster.node(added(round), NEW_PODS);
            Operations::northbound(take_in(&node, "delete").into_iter().chain(of_node(added(round))))
        }),
        Change::new("NB_Global option change", global_option),
    ]
}
