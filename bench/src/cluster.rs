//! What the shapes of a container platform have in common, those of ovn-heater's scenarios for OVN-Kubernetes:
//!
//! ```text
//!   pods ── node switch ── cluster router ── join switch ── gateway router ── outside switch ── localnet
//!           (one a node)   (one; its port     (one)          (one a node)      (one a node)
//!                           to a node is a
//!                           gateway port)
//! ```
//!
//! Every node switch and every gateway router refers to one group of load balancers. What is in it, and
//! which namespaces the pods are in, is what the shapes differ in: [`heavy`](crate::heavy),
//! [`density_light`](crate::density_light), [`cluster_density`](crate::cluster_density) and
//! [`multitenant`](crate::multitenant).

pub(crate) mod change;
pub(crate) mod namespace;
pub(crate) mod network;
