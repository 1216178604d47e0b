//! Nodes of a container platform, in the shape of ovn-heater's "cluster-density": many small namespaces, each with
//! four pods and a load balancer of three VIPs. While a namespace comes it has six more pods, which build what the
//! others run.

use clap::Args;
use serde_json::{Value, json};

use crate::cluster::change::{changes, pod_add, pod_bound, pod_delete};
use crate::cluster::namespace::{Place, address_set};
use crate::cluster::network::{Cluster, SERVICES, load_balancer, pod_ip, vip};
use crate::row::{Kind, delete, map, mutate, set, update_row, uuid};
use crate::workload::{self, Change, Operations, Workload};

/// Pods of a namespace that stay, and that are there while it comes.
const PODS: usize = 4;
const BUILD_PODS: usize = 6;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Namespaces for each node.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub namespaces: u16,
}

impl Shape {
    /// A network of so many nodes.
    pub fn workload(self, nodes: usize) -> Workload {
        let namespaces = nodes * usize::from(self.namespaces);
        let density = Density { cluster: Cluster { nodes, pods: namespaces * PODS }, namespaces };
        Workload {
            size: format!("{nodes}, {namespaces} namespaces"),
            northbound: Box::new(move || {
                let load_balancers = (0..namespaces).map(|n| density.load_balancer(n, &density.pods(n)));
                let rows = (0..namespaces).map(|n| vec![density.addresses(n, &density.pods(n))]);
                density.cluster.northbound(load_balancers.collect(), rows.collect())
            }),
            southbound: workload::southbound(nodes),
            changes: changes(density.cluster, density.of_namespaces()),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Density {
    cluster: Cluster,
    namespaces: usize,
}

impl Density {
    /// The pods of a namespace that is there from the start.
    fn pods(self, n: usize) -> Vec<Place> {
        (n * PODS..(n + 1) * PODS).map(|pod| self.cluster.place(pod)).collect()
    }

    fn addresses(self, n: usize, pods: &[Place]) -> Value {
        address_set(n, &format!("ns{n}_pods"), pods)
    }

    /// Three VIPs: one for the first two pods, and one for each of the others.
    fn load_balancer(self, n: usize, pods: &[Place]) -> Value {
        let backend = |(node, at): &Place| format!("{}:8080", pod_ip(*node, *at));
        let backends = [&pods[..2], &pods[2..3], &pods[3..4]];
        let vips = backends.iter().enumerate().map(|(at, pods)| {
            let backends: Vec<String> = pods.iter().map(backend).collect();
            (vip(3 * n + at), backends.join(","))
        });
        let vips: Vec<(String, String)> = vips.collect();
        let vips: Vec<(&str, &str)> = vips.iter().map(|(vip, to)| (vip.as_str(), to.as_str())).collect();
        load_balancer(n, &format!("ns{n}"), &vips)
    }

    /// The pods of a namespace that comes in this round: those that stay, and those that build.
    fn new_pods(self, round: usize) -> (Vec<Place>, Vec<Place>) {
        let mut stay = self.cluster.new_pods(round, PODS + BUILD_PODS);
        let build = stay.split_off(PODS);
        (stay, build)
    }

    /// A namespace comes as it does on such a platform, and goes.
    fn of_namespaces(self) -> [Change; 7] {
        let added = move |round: usize| self.namespaces + round;
        let services = || uuid(Kind::LoadBalancerGroup, SERVICES);
        let addresses = |n: usize, pods: &[Place], mutator: &str| {
            let ips = set(pods.iter().map(|(node, at)| json!(pod_ip(*node, *at))));
            mutate("Address_Set", uuid(Kind::AddressSet, n), "addresses", mutator, ips)
        };
        [
            Change::new("namespace add, six pods that build", move |round| {
                let (_, build) = self.new_pods(round);
                let row = self.addresses(added(round), &build);
                Operations::northbound(build.into_iter().flat_map(pod_add).chain([row]))
            }),
            Change::new("four pods, three VIPs add", move |round| {
                let (n, (pods, _)) = (added(round), self.new_pods(round));
                let member = uuid(Kind::LoadBalancer, n);
                let services = [
                    addresses(n, &pods, "insert"),
                    self.load_balancer(n, &pods),
                    mutate("Load_Balancer_Group", services(), "load_balancer", "insert", member),
                ];
                Operations::northbound(pods.into_iter().flat_map(pod_add).chain(services))
            }),
            Change::new("four pods bound", move |round| {
                Operations::southbound(self.new_pods(round).0.into_iter().map(pod_bound))
            }),
            Change::new("six pods gone", move |round| {
                let (_, build) = self.new_pods(round);
                let gone = addresses(added(round), &build, "delete");
                Operations::northbound(build.into_iter().map(pod_delete).chain([gone]))
            }),
            Change::new("VIP add", move |round| {
                let n = added(round);
                let (node, at) = self.new_pods(round).0[0];
                let more = map(&[(&vip(3 * n + 1_000_000), &format!("{}:9090", pod_ip(node, at)))]);
                let row = uuid(Kind::LoadBalancer, n);
                Operations::northbound([mutate("Load_Balancer", row, "vips", "insert", more)])
            }),
            Change::new("all VIPs cleared", move |round| {
                let row = uuid(Kind::LoadBalancer, added(round));
                Operations::northbound([update_row("Load_Balancer", row, json!({ "vips": map(&[]) }))])
            }),
            Change::new("namespace delete", move |round| {
                let (n, (pods, _)) = (added(round), self.new_pods(round));
                let member = uuid(Kind::LoadBalancer, n);
                let services = [
                    mutate("Load_Balancer_Group", services(), "load_balancer", "delete", member.clone()),
                    delete("Load_Balancer", member),
                    delete("Address_Set", uuid(Kind::AddressSet, n)),
                ];
                Operations::northbound(pods.into_iter().map(pod_delete).chain(services))
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { namespaces: 2 }.workload(3);
        let operations = identifiers_are_distinct(&workload);
        assert_eq!((count(&operations, "Load_Balancer"), count(&operations, "Address_Set")), (6, 6));
        assert_eq!(count(&operations, "Logical_Switch_Port"), 24 + 4 * 3 + 1);
        check_changes(&workload);
    }
}
