//! The changes that are made to a cluster (DESIGN: the rows of the table of targets).

use serde_json::json;

use super::network::{
    self, CLUSTER_ROUTER, Cluster, SERVICES, gateway_router, join_ip, node_switch, of_node, pod, pod_ip,
    pod_name, pod_port, route, service, take_in, vip,
};
use crate::layer2::{chassis_column, global_option};
use crate::row::{Kind, delete, insert, map, mutate, update, uuid};
use crate::workload::{self, Change, Operations};

/// Numbers of rows that changes add begin here.
const ADDED: usize = 1 << 30;

/// Pods of a node that is added.
const NEW_PODS: usize = 2;

/// All kinds, in the order of a run.
pub(super) fn changes(cluster: Cluster) -> Vec<Change> {
    let mut all = vec![Change::new("nb_cfg only", |_| Operations::default())];
    all.extend(of_pods(cluster));
    all.extend(of_services(cluster));
    all.extend(of_policy(cluster));
    all.extend(of_routing(cluster));
    all.extend(of_nodes(cluster));
    all
}

fn of_pods(cluster: Cluster) -> [Change; 3] {
    let place = move |round: usize| (round * 37 % cluster.nodes, cluster.pods + round);
    let switch = |node| uuid(Kind::Switch, node_switch(node));
    [
        Change::new("port add", move |round| {
            let (node, at) = place(round);
            let row = uuid(Kind::Port, pod(node, at));
            let taken = mutate("Logical_Switch", switch(node), "ports", "insert", row);
            Operations::northbound([pod_port(node, at), taken])
        }),
        Change::new("port bound", move |round| {
            let (node, at) = place(round);
            let columns = json!({ "chassis": uuid(Kind::Chassis, node), "up": true });
            let condition = json!([["logical_port", "==", pod_name(node, at)]]);
            Operations::southbound([update("Port_Binding", condition, columns)])
        }),
        Change::new("port delete", move |round| {
            let (node, at) = place(round);
            let row = uuid(Kind::Port, pod(node, at));
            Operations::northbound([mutate("Logical_Switch", switch(node), "ports", "delete", row)])
        }),
    ]
}

fn of_services(cluster: Cluster) -> [Change; 4] {
    let added = move |round: usize| cluster.services() + round;
    let group = || uuid(Kind::LoadBalancerGroup, SERVICES);
    let member = |n| uuid(Kind::LoadBalancer, n);
    [
        Change::new("service add", move |round| {
            let n = added(round);
            let taken = mutate("Load_Balancer_Group", group(), "load_balancer", "insert", member(n));
            Operations::northbound([service(n, &cluster.backends(n)), taken])
        }),
        Change::new("service backend change", move |round| {
            let n = added(round);
            let backends = map(&[(&vip(n), &format!("{}:8080", pod_ip(round % cluster.nodes, 0)))]);
            let condition = json!([["_uuid", "==", member(n)]]);
            Operations::northbound([update("Load_Balancer", condition, json!({ "vips": backends }))])
        }),
        Change::new("service VIP add", move |round| {
            let n = added(round);
            let more = map(&[(&vip(n + 10_000), &cluster.backends(n))]);
            Operations::northbound([mutate("Load_Balancer", member(n), "vips", "insert", more)])
        }),
        Change::new("service delete", move |round| {
            let n = added(round);
            let out = mutate("Load_Balancer_Group", group(), "load_balancer", "delete", member(n));
            Operations::northbound([out, delete("Load_Balancer", member(n))])
        }),
    ]
}

fn of_policy(cluster: Cluster) -> [Change; 4] {
    let namespace = move |round: usize| round % cluster.namespaces();
    [
        Change::new("ACL add", move |round| {
            let n = namespace(round);
            let matches = format!("outport == @ns{n} && tcp.dst == {}", 1000 + round);
            let row = json!({ "direction": "to-lport", "priority": 1002, "match": matches, "action": "allow-related" });
            let acl = insert("ACL", Kind::Acl, ADDED + round, row);
            let group = uuid(Kind::PortGroup, n);
            let taken = mutate("Port_Group", group, "acls", "insert", uuid(Kind::Acl, ADDED + round));
            Operations::northbound([acl, taken])
        }),
        Change::new("port-group member add", move |round| {
            let port = uuid(Kind::Port, pod(round * 37 % cluster.nodes, cluster.pods - 1));
            let group = uuid(Kind::PortGroup, namespace(round));
            Operations::northbound([mutate("Port_Group", group, "ports", "insert", port)])
        }),
        Change::new("address-set member add", move |round| {
            let row = uuid(Kind::AddressSet, namespace(round));
            let address = json!(format!("10.255.1.{round}"));
            Operations::northbound([mutate("Address_Set", row, "addresses", "insert", address)])
        }),
        Change::new("QoS add", move |round| {
            let row = json!({ "direction": "from-lport", "priority": 100, "action": ["map", [["dscp", 10]]],
                "match": format!("ip4.src == 10.255.2.{round}") });
            let qos = insert("QoS", Kind::Qos, round, row);
            let switch = uuid(Kind::Switch, node_switch(round * 37 % cluster.nodes));
            let taken = mutate("Logical_Switch", switch, "qos_rules", "insert", uuid(Kind::Qos, round));
            Operations::northbound([qos, taken])
        }),
    ]
}

fn of_routing(cluster: Cluster) -> [Change; 4] {
    let router = |n| uuid(Kind::Router, n);
    [
        Change::new("NAT add", move |round| {
            let node = round * 37 % cluster.nodes;
            let row = json!({ "type": "dnat_and_snat", "external_ip": format!("172.17.0.{round}"),
                "logical_ip": pod_ip(node, 0) });
            let nat = insert("NAT", Kind::Nat, ADDED + round, row);
            let taken = uuid(Kind::Nat, ADDED + round);
            let taken = mutate("Logical_Router", router(gateway_router(node)), "nat", "insert", taken);
            Operations::northbound([nat, taken])
        }),
        Change::new("static route add", move |round| {
            let prefix = format!("192.168.{round}.0/24");
            let row = route(ADDED + round, &prefix, &join_ip(round * 37 % cluster.nodes), "dst-ip");
            let taken = uuid(Kind::Route, ADDED + round);
            let taken = mutate("Logical_Router", router(CLUSTER_ROUTER), "static_routes", "insert", taken);
            Operations::northbound([row, taken])
        }),
        Change::new("routing policy add", move |round| {
            let row = json!({ "priority": 1000 + round, "action": "reroute",
                "match": format!("ip4.src == 10.255.3.{round}"),
                "nexthops": join_ip(round * 37 % cluster.nodes) });
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
            let row = uuid(Kind::GatewayChassis, round * 37 % cluster.nodes);
            let condition = json!([["_uuid", "==", row]]);
            Operations::northbound([update("Gateway_Chassis", condition, json!({ "priority": 10 + round }))])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_but_the_bare_sync_does_something() {
        let cluster = Cluster { nodes: 3, pods: 10 };
        for change in changes(cluster) {
            let nothing = (change.make)(3) == Operations::default();
            assert_eq!(nothing, change.name == "nb_cfg only", "{change:?}");
        }
    }
}
