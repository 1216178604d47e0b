//! Projects of an OpenStack cloud, in the shape of ovn-heater's "openstack": each has a network, a router with gateways
//! on three chassis, a default security group and instances, of which some are reached from outside:
//!
//! ```text
//!   instances ── project network ── project router ── external network ── localnet
//!   metadata ─┘                     (translates for    (one)
//!                                    the network, and
//!                                    floating addresses)
//! ```
//!
//! Instances with a floating address have addresses of their own, and the others are given one of the network's.

mod change;
mod network;

use clap::Args;

use crate::workload::{self, Workload};

/// The least chassis that there are; otherwise there is one for each project.
const CHASSIS: usize = 6;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Instances of each project.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=500))]
    pub instances: u16,
    /// Instances of each project that have a floating address.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub floating: u16,
}

impl Shape {
    /// A network of so many projects.
    pub fn workload(self, projects: usize) -> Workload {
        let chassis = CHASSIS.max(projects);
        let cloud = network::Cloud {
            projects,
            instances: usize::from(self.instances),
            floating: usize::from(self.floating.min(self.instances)),
            chassis,
        };
        Workload {
            size: format!("{projects} x {}", self.instances),
            northbound: Box::new(move || cloud.northbound()),
            southbound: workload::southbound(chassis),
            changes: change::changes(cloud),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { instances: 10, floating: 4 }.workload(20);
        let operations = identifiers_are_distinct(&workload);
        let of = |table| count(&operations, table);
        assert_eq!((of("Logical_Switch"), of("Logical_Router"), of("NAT")), (21, 20, 20 * 5));
        assert_eq!(of("Logical_Switch_Port"), 20 * 13 + 2);
        assert_eq!((of("Gateway_Chassis"), of("ACL"), of("DHCP_Options")), (60, 80, 20));
        check_changes(&workload);
    }
}
