//! Nodes of a container platform, in the shape of ovn-heater's "density-light": many pods on each node, all of one
//! namespace, which has an address set and no policy; no services.

use clap::Args;
use serde_json::json;

use crate::cluster::change::{changes, pod_add, pod_delete};
use crate::cluster::namespace::{Place, address_set, port_group};
use crate::cluster::network::{Cluster, pod_ip};
use crate::row::{Kind, mutate, uuid};
use crate::workload::{self, Change, Operations, Workload, spread};

/// The number of the only namespace.
const NAMESPACE: usize = 0;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Pods of each node.
    #[arg(long, default_value_t = 245, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=500))]
    pub pods: u16,
}

impl Shape {
    /// A network of so many nodes.
    pub fn workload(self, nodes: usize) -> Workload {
        let cluster = Cluster { nodes, pods: nodes * usize::from(self.pods) };
        Workload {
            size: format!("{nodes} x {}", self.pods),
            northbound: Box::new(move || {
                let pods: Vec<Place> = (0..cluster.pods).map(|pod| cluster.place(pod)).collect();
                // Port groups are filled when the first policy comes.
                let groups = ["all", "no_ingress", "no_egress"];
                let groups = groups.iter().enumerate().map(|(n, name)| port_group(n, name, &[], []));
                let rows = groups.chain([address_set(NAMESPACE, "all_pods", &pods)]);
                cluster.northbound(Vec::new(), vec![rows.collect()])
            }),
            southbound: workload::southbound(nodes),
            changes: changes(cluster, of_namespace(cluster)),
        }
    }
}

fn of_namespace(cluster: Cluster) -> [Change; 2] {
    // Where no other change puts one.
    let place = move |round: usize| (spread(round, cluster.nodes), cluster.most() + 1000 + round);
    let address = |(node, at), mutator| {
        let row = uuid(Kind::AddressSet, NAMESPACE);
        mutate("Address_Set", row, "addresses", mutator, json!(pod_ip(node, at)))
    };
    [
        Change::new("pod of a namespace add", move |round| {
            let pod = place(round);
            Operations::northbound(pod_add(pod).into_iter().chain([address(pod, "insert")]))
        }),
        Change::new("pod of a namespace delete", move |round| {
            let pod = place(round);
            Operations::northbound([address(pod, "delete"), pod_delete(pod)])
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { pods: 10 }.workload(3);
        let operations = identifiers_are_distinct(&workload);
        assert_eq!((count(&operations, "Load_Balancer"), count(&operations, "ACL")), (0, 0));
        let addresses = operations.iter().find(|op| op["table"] == "Address_Set").unwrap();
        assert_eq!(addresses["row"]["addresses"][1].as_array().map(Vec::len), Some(30));
        check_changes(&workload);
    }
}
