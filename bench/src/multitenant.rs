//! Nodes of a container platform, in the shape of ovn-heater's "np-multitenant": 500 namespaces, most of them small
//! and some large, each kept apart by policies. It is the policies that there are many of: three port groups and
//! eight ACLs for each namespace.

use clap::Args;
use serde_json::{Value, json};

use crate::cluster::change::{changes, pod_add, pod_bound, pod_delete};
use crate::cluster::namespace::{Place, acl, address_set, port_group};
use crate::cluster::network::{Cluster, pod, pod_ip};
use crate::row::{ADDED, Kind, delete, mutate, set, update_row, uuid};
use crate::workload::{self, Change, Operations, Workload, spread};

/// Of 100 namespaces so many have so many pods each.
const PODS: [(usize, usize); 4] = [(40, 1), (56, 5), (3, 20), (1, 100)];

/// Pods of a namespace that a change adds.
const NEW_PODS: usize = 5;

/// ACLs and port groups of a namespace.
const ACLS: usize = 8;
const GROUPS: usize = 3;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Namespaces, however many nodes there are.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub namespaces: u16,
}

impl Shape {
    /// A network of so many nodes.
    pub fn workload(self, nodes: usize) -> Workload {
        let sizes: Vec<usize> = (0..usize::from(self.namespaces)).map(size).collect();
        let pods = sizes.iter().sum();
        let tenants = Tenants { cluster: Cluster { nodes, pods }, namespaces: sizes.len() };
        Workload {
            size: format!("{nodes}, {} namespaces", self.namespaces),
            northbound: Box::new(move || {
                let mut next = 0;
                let namespaces = sizes.iter().enumerate().map(|(n, size)| {
                    let pods: Vec<Place> =
                        (next..next + size).map(|pod| tenants.cluster.place(pod)).collect();
                    next += size;
                    namespace(n, &pods)
                });
                tenants.cluster.northbound(Vec::new(), namespaces.collect())
            }),
            southbound: workload::southbound(nodes),
            changes: changes(tenants.cluster, tenants.of_namespaces()),
        }
    }
}

/// How many pods namespace `n` has.
fn size(n: usize) -> usize {
    let mut place = n % 100;
    for (share, pods) in PODS {
        if place < share {
            return pods;
        }
        place -= share;
    }
    1
}

/// The names of a namespace's groups: all pods, those that nobody may reach, those that may reach nobody.
fn groups(n: usize) -> [String; GROUPS] {
    [format!("ns{n}"), format!("ns{n}_no_ingress"), format!("ns{n}_no_egress")]
}

/// A namespace: nothing comes in and nothing goes out, but between its pods and from addresses outside.
fn namespace(n: usize, pods: &[Place]) -> Vec<Value> {
    let [all, ingress, egress] = groups(n);
    let set = format!("ns{n}_pods");
    let outside = |net: usize, count: usize| -> String {
        let addresses: Vec<String> = (1..=count).map(|host| format!("{net}.{net}.{net}.{host}")).collect();
        format!("ip4.src == {{{}}} && outport == @{all}", addresses.join(","))
    };
    let acls = [
        ("to-lport", 1, format!("ip4.src == ${set} && outport == @{ingress}"), "drop"),
        ("to-lport", 2, format!("outport == @{ingress} && arp"), "allow"),
        ("from-lport", 1, format!("ip4.dst == ${set} && inport == @{egress}"), "drop"),
        ("from-lport", 2, format!("inport == @{egress} && arp"), "allow"),
        ("to-lport", 3, format!("ip4.src == ${set} && outport == @{all}"), "allow-related"),
        ("from-lport", 3, format!("ip4.dst == ${set} && inport == @{all}"), "allow-related"),
        ("to-lport", 3, outside(42, 3), "allow-related"),
        ("to-lport", 3, outside(43, 20), "allow-related"),
    ];
    let first = n * ACLS;
    let mut rows: Vec<Value> = (first..)
        .zip(acls)
        .map(|(number, (direction, priority, matches, action))| {
            acl(number, direction, priority, &matches, action)
        })
        .collect();
    rows.push(address_set(n, &set, pods));
    let of_groups = [first + 4..first + 8, first..first + 2, first + 2..first + 4];
    for ((at, name), acls) in groups(n).iter().enumerate().zip(of_groups) {
        rows.push(port_group(n * GROUPS + at, name, pods, acls));
    }
    rows
}

#[derive(Clone, Copy, Debug)]
struct Tenants {
    cluster: Cluster,
    namespaces: usize,
}

impl Tenants {
    /// The pods of a namespace that comes in this round, and one that an old namespace gets.
    fn new_pods(self, round: usize) -> (Vec<Place>, Place) {
        let pods = self.cluster.new_pods(round, NEW_PODS + 1);
        (pods[..NEW_PODS].to_vec(), pods[NEW_PODS])
    }

    fn of_namespaces(self) -> [Change; 8] {
        let added = move |round: usize| self.namespaces + round;
        let old = move |round: usize| spread(round, self.namespaces);
        // What a namespace is told of a pod.
        let known = |n: usize, (node, at): Place, mutator: &'static str| {
            let port = uuid(Kind::Port, pod(node, at));
            let groups = (0..GROUPS).map(move |group| {
                let row = uuid(Kind::PortGroup, n * GROUPS + group);
                mutate("Port_Group", row, "ports", mutator, port.clone())
            });
            let address = json!(pod_ip(node, at));
            let row = uuid(Kind::AddressSet, n);
            groups.chain([mutate("Address_Set", row, "addresses", mutator, address)])
        };
        let acl_of = |n: usize, mutator: &str, number: usize| {
            mutate("Port_Group", uuid(Kind::PortGroup, n * GROUPS), "acls", mutator, uuid(Kind::Acl, number))
        };
        [
            Change::new("namespace add", move |round| {
                let pods = self.new_pods(round).0;
                let rows = namespace(added(round), &pods);
                Operations::northbound(pods.into_iter().flat_map(pod_add).chain(rows))
            }),
            Change::new("five pods bound", move |round| {
                Operations::southbound(self.new_pods(round).0.into_iter().map(pod_bound))
            }),
            Change::new("pod of a namespace add", move |round| {
                let pod = self.new_pods(round).1;
                Operations::northbound(pod_add(pod).into_iter().chain(known(old(round), pod, "insert")))
            }),
            Change::new("pod of a namespace delete", move |round| {
                let pod = self.new_pods(round).1;
                Operations::northbound(known(old(round), pod, "delete").chain([pod_delete(pod)]))
            }),
            Change::new("policy add", move |round| {
                let (n, number) = (old(round), ADDED + round);
                let matches = format!(
                    "ip4.src == 44.44.44.0/24 && outport == @{} && tcp.dst == {}",
                    groups(n)[0],
                    1000 + round
                );
                let row = acl(number, "to-lport", 3, &matches, "allow-related");
                Operations::northbound([row, acl_of(n, "insert", number)])
            }),
            Change::new("policy delete", move |round| {
                Operations::northbound([acl_of(old(round), "delete", ADDED + round)])
            }),
            Change::new("group emptied", move |round| {
                let row = uuid(Kind::PortGroup, added(round) * GROUPS + 1);
                let none = json!({ "ports": set([]) });
                Operations::northbound([update_row("Port_Group", row, none)])
            }),
            Change::new("namespace delete", move |round| {
                let n = added(round);
                let groups = (0..GROUPS)
                    .map(move |group| delete("Port_Group", uuid(Kind::PortGroup, n * GROUPS + group)));
                let rows = groups.chain([delete("Address_Set", uuid(Kind::AddressSet, n))]);
                Operations::northbound(self.new_pods(round).0.into_iter().map(pod_delete).chain(rows))
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn the_whole_is_that_of_the_scenario() {
        assert_eq!((0..500).map(size).sum::<usize>(), 2400);
    }

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { namespaces: 50 }.workload(3);
        let operations = identifiers_are_distinct(&workload);
        let of = |table| count(&operations, table);
        assert_eq!((of("Port_Group"), of("Address_Set"), of("ACL")), (150, 50, 400));
        check_changes(&workload);
    }
}
