//! The rows of a cluster's nodes, and of what lies between them.

use serde_json::{Value, json};

use crate::row::{Kind, delete, insert, map, mutate, set, uuid};
use crate::workload::{self, Transactions, chassis_name, in_batches};

/// Pods that a node's numbers leave room for, and addresses that its network has.
const ROOM: usize = 1 << 12;

/// The router in the middle, the switch that joins it to the gateway routers, the group of all services.
pub const CLUSTER_ROUTER: usize = 0;
const JOIN_SWITCH: usize = 0;
pub const SERVICES: usize = 0;

/// A cluster.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Its nodes; at most 4,096.
    pub nodes: usize,
    /// The pods of all nodes together; they are dealt out in turn.
    pub pods: usize,
}

/// Number of a pod; its port has the same.
pub fn pod(node: usize, at: usize) -> usize {
    node * ROOM + at
}

pub fn pod_name(node: usize, at: usize) -> String {
    format!("pod-{node}-{at}")
}

/// Numbers of the other switch ports are above those of pods.
fn port(role: usize, node: usize) -> usize {
    (role << 40) + node
}

pub fn node_switch(node: usize) -> usize {
    1 + 2 * node
}

fn outside_switch(node: usize) -> usize {
    2 + 2 * node
}

pub fn gateway_router(node: usize) -> usize {
    1 + node
}

/// The networks: pods in 10.0.0.0/8, the join switch in 100.64.0.0/16, outside in 172.16.0.0/16 and services in
/// 172.128.0.0/9.
fn node_ip(node: usize, host: usize) -> String {
    let n = node * ROOM + host;
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn subnet(node: usize) -> String {
    node_ip(node, 0) + "/20"
}

pub fn pod_ip(node: usize, at: usize) -> String {
    node_ip(node, at + 10)
}

pub fn join_ip(node: usize) -> String {
    let n = node + 2;
    format!("100.64.{}.{}", n >> 8 & 255, n & 255)
}

pub fn outside_ip(node: usize) -> String {
    let n = node + 2;
    format!("172.16.{}.{}", n >> 8 & 255, n & 255)
}

pub fn vip(service: usize) -> String {
    format!("172.{}.{}.{}:80", 128 + (service >> 16), service >> 8 & 255, service & 255)
}

fn mac(role: usize, n: usize) -> String {
    format!("0a:{role:02x}:{:02x}:{:02x}:{:02x}:{:02x}", n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// The operation that inserts a pod's port; its node's switch has to take it in.
pub fn pod_port(node: usize, at: usize) -> Value {
    let n = pod(node, at);
    let addresses = format!("{} {}", mac(1, n), pod_ip(node, at));
    let row = json!({ "name": pod_name(node, at), "addresses": addresses, "port_security": addresses });
    insert("Logical_Switch_Port", Kind::Port, n, row)
}

fn router_port_of_switch(number: usize, name: String, peer: String) -> Value {
    let options = map(&[("router-port", &peer)]);
    let row = json!({ "name": name, "type": "router", "addresses": "router", "options": options });
    insert("Logical_Switch_Port", Kind::Port, number, row)
}

fn router_port(number: usize, name: String, mac: String, network: String, more: Value) -> Value {
    let mut row = json!({ "name": name, "mac": mac, "networks": network });
    if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
        row.extend(more.clone());
    }
    insert("Logical_Router_Port", Kind::RouterPort, number, row)
}

pub fn route(number: usize, prefix: &str, nexthop: &str, policy: &str) -> Value {
    let row = json!({ "ip_prefix": prefix, "nexthop": nexthop, "policy": policy });
    insert("Logical_Router_Static_Route", Kind::Route, number, row)
}

/// The operation that inserts a load balancer with pairs of a VIP and its backends.
pub fn load_balancer(number: usize, name: &str, vips: &[(&str, &str)]) -> Value {
    let options =
        map(&[("reject", "true"), ("neighbor_responder", "none"), ("hairpin_snat_ip", "169.254.0.5")]);
    let row = json!({ "name": name, "protocol": "tcp", "options": options, "vips": map(vips) });
    insert("Load_Balancer", Kind::LoadBalancer, number, row)
}

/// What a node consists of: its rows, and the elements that others take in.
pub struct Node {
    pub rows: Vec<Value>,
    /// Ports and routes for the cluster router, ports for the join switch.
    pub cluster_ports: Vec<Value>,
    pub cluster_routes: Vec<Value>,
    pub join_ports: Vec<Value>,
}

impl Cluster {
    /// Where the n-th pod is: a node, and its place there.
    pub fn place(self, n: usize) -> (usize, usize) {
        (n % self.nodes, n / self.nodes)
    }

    /// Where so many pods are that come in a round, as many as in every other.
    pub fn new_pods(self, round: usize, count: usize) -> Vec<(usize, usize)> {
        let first = self.most() * self.nodes + round * count;
        (first..first + count).map(|pod| self.place(pod)).collect()
    }

    /// How many pods the fullest node has.
    pub fn most(self) -> usize {
        self.pods.div_ceil(self.nodes)
    }

    fn pods_of(self, node: usize) -> usize {
        (self.pods + self.nodes - 1 - node) / self.nodes
    }

    /// A node with `pods` pods.
    pub fn node(self, node: usize, pods: usize) -> Node {
        let group = uuid(Kind::LoadBalancerGroup, SERVICES);
        let mut rows: Vec<Value> = (0..pods).map(|at| pod_port(node, at)).collect();
        // The node's switch and the cluster router.
        rows.push(router_port_of_switch(port(1, node), format!("stor-{node}"), format!("rtos-{node}")));
        let ports = (0..pods).map(|at| pod(node, at)).chain([port(1, node)]);
        let ports = set(ports.map(|n| uuid(Kind::Port, n)));
        let row = json!({ "name": format!("node-{node}"), "ports": ports, "load_balancer_group": group });
        rows.push(insert("Logical_Switch", Kind::Switch, node_switch(node), row));
        let gateway = json!({ "name": format!("rtos-{node}-{}", chassis_name(node)), "priority": 1,
            "chassis_name": chassis_name(node) });
        rows.push(insert("Gateway_Chassis", Kind::GatewayChassis, node, gateway));
        let gateway = json!({ "gateway_chassis": uuid(Kind::GatewayChassis, node) });
        let network = node_ip(node, 1) + "/20";
        rows.push(router_port(port(1, node), format!("rtos-{node}"), mac(2, node), network, gateway));
        // The gateway router and the join switch.
        rows.push(router_port_of_switch(port(2, node), format!("jtor-{node}"), format!("rtoj-{node}")));
        let network = format!("{}/16", join_ip(node));
        rows.push(router_port(port(2, node), format!("rtoj-{node}"), mac(3, node), network, json!({})));
        // The gateway router and the outside.
        rows.push(router_port_of_switch(port(3, node), format!("etor-{node}"), format!("rtoe-{node}")));
        let network = format!("{}/16", outside_ip(node));
        rows.push(router_port(port(3, node), format!("rtoe-{node}"), mac(4, node), network, json!({})));
        let row = json!({ "name": format!("localnet-{node}"), "type": "localnet", "addresses": "unknown",
            "options": map(&[("network_name", "physnet")]) });
        rows.push(insert("Logical_Switch_Port", Kind::Port, port(4, node), row));
        let ports = set([3, 4].map(|role| uuid(Kind::Port, port(role, node))));
        let row = json!({ "name": format!("ext-{node}"), "ports": ports });
        rows.push(insert("Logical_Switch", Kind::Switch, outside_switch(node), row));
        rows.extend(self.gateway_router(node, &group));
        rows.push(route(3 * node + 2, &subnet(node), &join_ip(node), "src-ip"));
        Node {
            rows,
            cluster_ports: vec![uuid(Kind::RouterPort, port(1, node))],
            cluster_routes: vec![uuid(Kind::Route, 3 * node + 2)],
            join_ports: vec![uuid(Kind::Port, port(2, node))],
        }
    }

    fn gateway_router(self, node: usize, services: &Value) -> Vec<Value> {
        let nat = json!({ "type": "snat", "external_ip": outside_ip(node), "logical_ip": subnet(node) });
        let options = map(&[
            ("chassis", &chassis_name(node)),
            ("always_learn_from_arp_request", "false"),
            ("dynamic_neigh_routers", "true"),
            ("lb_force_snat_ip", "router_ip"),
        ]);
        let row = json!({
            "name": format!("gr-{node}"),
            "ports": set([2, 3].map(|role| uuid(Kind::RouterPort, port(role, node)))),
            "static_routes": set([0, 1].map(|at| uuid(Kind::Route, 3 * node + at))),
            "nat": uuid(Kind::Nat, node),
            "load_balancer_group": services,
            "options": options,
        });
        vec![
            insert("NAT", Kind::Nat, node, nat),
            route(3 * node, "10.0.0.0/8", "100.64.0.1", "dst-ip"),
            route(3 * node + 1, "0.0.0.0/0", "172.16.0.1", "dst-ip"),
            insert("Logical_Router", Kind::Router, gateway_router(node), row),
        ]
    }

    /// The transactions that make the cluster with these load balancers, numbered from 0 and all in the one group,
    /// and with its namespaces, of each its rows.
    pub fn northbound(self, load_balancers: Vec<Value>, namespaces: Vec<Vec<Value>>) -> Transactions {
        let services = in_batches(load_balancers.into_iter().enumerate(), |(n, row)| {
            let group = uuid(Kind::LoadBalancerGroup, SERVICES);
            let member = uuid(Kind::LoadBalancer, n);
            vec![row, mutate("Load_Balancer_Group", group, "load_balancer", "insert", member)]
        });
        let nodes = in_batches(0..self.nodes, move |node| {
            let node = self.node(node, self.pods_of(node));
            let taken = take_in(&node, "insert");
            node.rows.into_iter().chain(taken).collect()
        });
        let namespaces = in_batches(namespaces.into_iter(), |rows| rows);
        Box::new(std::iter::once(middle()).chain(services).chain(nodes).chain(namespaces))
    }
}

/// What is there without any node.
fn middle() -> Vec<Value> {
    let number = port(5, 0);
    let join = json!({ "name": "join", "ports": uuid(Kind::Port, number) });
    let router = json!({ "name": "cluster", "ports": uuid(Kind::RouterPort, number) });
    vec![
        workload::global(),
        insert("Load_Balancer_Group", Kind::LoadBalancerGroup, SERVICES, json!({ "name": "services" })),
        router_port_of_switch(number, "jtor".into(), "rtoj".into()),
        router_port(number, "rtoj".into(), mac(5, 0), "100.64.0.1/16".into(), json!({})),
        insert("Logical_Switch", Kind::Switch, JOIN_SWITCH, join),
        insert("Logical_Router", Kind::Router, CLUSTER_ROUTER, router),
    ]
}

/// Where what a node brings is taken in by the cluster router and the join switch.
pub fn take_in(node: &Node, mutator: &str) -> Vec<Value> {
    let router = uuid(Kind::Router, CLUSTER_ROUTER);
    let switch = uuid(Kind::Switch, JOIN_SWITCH);
    vec![
        mutate("Logical_Router", router.clone(), "ports", mutator, set(node.cluster_ports.clone())),
        mutate("Logical_Router", router, "static_routes", mutator, set(node.cluster_routes.clone())),
        mutate("Logical_Switch", switch, "ports", mutator, set(node.join_ports.clone())),
    ]
}

/// What a node's going takes away besides [`take_in`]'s undoing.
pub fn of_node(node: usize) -> Vec<Value> {
    vec![
        delete("Logical_Switch", uuid(Kind::Switch, node_switch(node))),
        delete("Logical_Switch", uuid(Kind::Switch, outside_switch(node))),
        delete("Logical_Router", uuid(Kind::Router, gateway_router(node))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::count;

    #[test]
    fn pods_are_dealt_out_in_turn() {
        let cluster = Cluster { nodes: 3, pods: 10 };
        let operations: Vec<Value> = cluster.northbound(Vec::new(), Vec::new()).flatten().collect();
        let of = |table| count(&operations, table);
        assert_eq!((of("Logical_Switch"), of("Logical_Router")), (7, 4));
        assert_eq!(of("Logical_Switch_Port"), 10 + 4 * 3 + 1);
        let names: Vec<&str> = operations.iter().filter_map(|op| op["row"]["name"].as_str()).collect();
        for n in 0..10 {
            let (node, at) = cluster.place(n);
            assert!(names.contains(&&*pod_name(node, at)));
        }
    }

    #[test]
    fn addresses_are_distinct() {
        let mut addresses: Vec<String> =
            (0..1000).flat_map(|n| [join_ip(n), outside_ip(n), pod_ip(n, 0), pod_ip(n, 1000)]).collect();
        addresses.extend((0..20_000).map(vip));
        let count = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), count);
    }
}
