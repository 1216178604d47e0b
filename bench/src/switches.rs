//! Switches with everything that a switch can have but routers and load balancers: tenants of two switches each
//! with a port group and ACLs, one port group and one address set for all, DHCP, DNS, meters, QoS, snooping.

mod change;
mod network;

use clap::Args;

use crate::workload::{self, Workload};

/// Chassis that are there from the start.
const CHASSIS: usize = 4;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Ports of each switch.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub ports: u16,
    /// ACLs of each port group of a tenant.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub acls: u16,
}

impl Shape {
    /// A network of so many switches.
    pub fn workload(self, switches: usize) -> Workload {
        let network =
            network::Network { switches, ports: usize::from(self.ports), acls: usize::from(self.acls) };
        Workload {
            size: format!("{switches} x {}", self.ports),
            northbound: Box::new(move || network.northbound()),
            southbound: workload::southbound(CHASSIS),
            changes: change::changes(network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { ports: 3, acls: 4 }.workload(21);
        let operations = identifiers_are_distinct(&workload);
        let of = |table| count(&operations, table);
        assert_eq!((of("Logical_Switch"), of("Logical_Switch_Port")), (21, 63));
        assert_eq!((of("Port_Group"), of("ACL"), of("DNS"), of("DHCP_Options")), (12, 44, 3, 3));
        check_changes(&workload);
    }
}
