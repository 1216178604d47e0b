//! The changes that are made to such a cluster (DESIGN: the rows of the table of targets).

use serde_json::json;

use super::{Heavy, service};
use crate::cluster::change::{self, of_routing};
use crate::cluster::network::{SERVICES, node_switch, pod, pod_ip, vip};
use crate::row::{ADDED, Kind, delete, insert, map, mutate, update_row, uuid};
use crate::workload::{Change, Operations, spread};

/// All kinds, in the order of a run.
pub(super) fn changes(heavy: Heavy) -> Vec<Change> {
    let own = of_services(heavy).into_iter().chain(of_policy(heavy)).chain(of_routing(heavy.cluster));
    change::changes(heavy.cluster, own)
}

fn of_services(heavy: Heavy) -> [Change; 4] {
    let added = move |round: usize| heavy.services() + round;
    let group = || uuid(Kind::LoadBalancerGroup, SERVICES);
    let member = |n| uuid(Kind::LoadBalancer, n);
    [
        Change::new("service add", move |round| {
            let n = added(round);
            let taken = mutate("Load_Balancer_Group", group(), "load_balancer", "insert", member(n));
            Operations::northbound([service(n, &heavy.backends(n)), taken])
        }),
        Change::new("service backend change", move |round| {
            let n = added(round);
            let backends = map(&[(&vip(n), &format!("{}:8080", pod_ip(round % heavy.cluster.nodes, 0)))]);
            Operations::northbound([update_row("Load_Balancer", member(n), json!({ "vips": backends }))])
        }),
        Change::new("service VIP add", move |round| {
            let n = added(round);
            let more = map(&[(&vip(n + 10_000), &heavy.backends(n))]);
            Operations::northbound([mutate("Load_Balancer", member(n), "vips", "insert", more)])
        }),
        Change::new("service delete", move |round| {
            let n = added(round);
            let out = mutate("Load_Balancer_Group", group(), "load_balancer", "delete", member(n));
            Operations::northbound([out, delete("Load_Balancer", member(n))])
        }),
    ]
}

fn of_policy(heavy: Heavy) -> [Change; 4] {
    let namespace = move |round: usize| round % heavy.namespaces();
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
            let port = uuid(Kind::Port, pod(spread(round, heavy.cluster.nodes), heavy.cluster.most() - 1));
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
            let switch = uuid(Kind::Switch, node_switch(spread(round, heavy.cluster.nodes)));
            let taken = mutate("Logical_Switch", switch, "qos_rules", "insert", uuid(Kind::Qos, round));
            Operations::northbound([qos, taken])
        }),
    ]
}
