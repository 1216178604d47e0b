//! Nodes of a container platform, in the shape of ovn-heater's "density-heavy": every second pod has a service with
//! two backends. Namespaces are port groups with an address set and ACLs each.

mod change;

use clap::Args;
use serde_json::Value;

use crate::cluster::namespace::{acl, address_set, port_group};
use crate::cluster::network::{Cluster, load_balancer, pod_ip, vip};
use crate::workload::{self, Workload};

/// Pods of a namespace.
const NAMESPACE: usize = 20;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Pods of each node.
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=500))]
    pub pods: u16,
}

impl Shape {
    /// A network of so many nodes.
    pub fn workload(self, nodes: usize) -> Workload {
        let heavy = Heavy { cluster: Cluster { nodes, pods: nodes * usize::from(self.pods) } };
        Workload {
            size: format!("{nodes} x {}", self.pods),
            northbound: Box::new(move || {
                let services = (0..heavy.services()).map(|n| service(n, &heavy.backends(n)));
                let namespaces = (0..heavy.namespaces()).map(|n| heavy.namespace(n));
                heavy.cluster.northbound(services.collect(), namespaces.collect())
            }),
            southbound: workload::southbound(nodes),
            changes: change::changes(heavy),
        }
    }
}

/// A cluster with services and namespaces.
#[derive(Clone, Copy, Debug)]
struct Heavy {
    cluster: Cluster,
}

/// The operation that inserts a service.
fn service(number: usize, backends: &str) -> Value {
    load_balancer(number, &format!("service-{number}"), &[(&vip(number), backends)])
}

impl Heavy {
    /// How many services there are before any change.
    fn services(self) -> usize {
        self.cluster.pods / 2
    }

    /// The backends of service `n`: two pods of neighbouring nodes.
    fn backends(self, n: usize) -> String {
        let Cluster { nodes, .. } = self.cluster;
        let (node, at) = (n % nodes, n / nodes % self.cluster.most());
        let other = (node + 1) % nodes;
        format!("{}:8080,{}:8080", pod_ip(node, at), pod_ip(other, (at + 1) % self.cluster.most()))
    }

    /// How many namespaces there are.
    fn namespaces(self) -> usize {
        self.cluster.pods.div_ceil(NAMESPACE)
    }

    /// A namespace: pods of many nodes, which may speak to each other and to nobody else.
    fn namespace(self, n: usize) -> Vec<Value> {
        let pods = n * NAMESPACE..self.cluster.pods.min((n + 1) * NAMESPACE);
        let pods: Vec<(usize, usize)> = pods.map(|pod| self.cluster.place(pod)).collect();
        let (group, addresses) = (format!("ns{n}"), format!("ns{n}_pods"));
        let within = format!("outport == @{group} && ip4.src == ${addresses}");
        vec![
            acl(2 * n, "to-lport", 1001, &within, "allow-related"),
            acl(2 * n + 1, "to-lport", 1000, &format!("outport == @{group} && ip4"), "drop"),
            address_set(n, &addresses, &pods),
            port_group(n, &group, &pods, [2 * n, 2 * n + 1]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { pods: 10 }.workload(3);
        let operations = identifiers_are_distinct(&workload);
        assert_eq!(count(&operations, "Load_Balancer"), 15);
        assert_eq!((count(&operations, "Port_Group"), count(&operations, "ACL")), (2, 4));
        check_changes(&workload);
    }
}
