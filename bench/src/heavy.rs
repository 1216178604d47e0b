//! Nodes of a container platform, in the shape of ovn-heater's "density-heavy" for OVN-Kubernetes:
//!
//! ```text
//!   pods ── node switch ── cluster router ── join switch ── gateway router ── outside switch ── localnet
//!           (one a node)   (one; its port     (one)          (one a node)      (one a node)
//!                           to a node is a
//!                           gateway port)
//! ```
//!
//! Every second pod has a service with two backends. All services are in one group of load
//! balancers, which every node switch and every gateway router refers to. Namespaces are port
//! groups with an address set and ACLs each.

mod change;
mod network;

use clap::Args;

use crate::workload::{self, Workload};

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Pods of each node.
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=200))]
    pub pods: u16,
}

impl Shape {
    /// A network of so many nodes.
    pub fn workload(self, nodes: usize) -> Workload {
        let cluster = network::Cluster { nodes, pods: usize::from(self.pods) };
        Workload {
            size: format!("{nodes} x {}", self.pods),
            northbound: Box::new(move || cluster.northbound()),
            southbound: workload::southbound(nodes),
            changes: change::changes(cluster),
        }
    }
}
