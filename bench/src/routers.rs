//! Tenants with a router each, behind one provider network, and one router with many static routes:
//!
//! ```text
//!   ports ── tenant switch ── tenant router ── provider switch ── localnet
//!                             (its port outside is   (one)
//!                              a gateway port)
//! ```

mod change;
pub(crate) mod network;

use clap::Args;

use crate::workload::{self, Workload};

/// Chassis that are there from the start.
const CHASSIS: usize = 4;

/// Routers of a network that is counted in routes, and ports of each tenant's switch there.
const FEW: usize = 10;
const PORTS: usize = 2;

/// The shape of such a network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Ports of each tenant's switch.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub ports: u16,
    /// Static routes of the first router, for each router that there is.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub routes: u16,
}

impl Shape {
    /// A network of so many tenants.
    pub fn workload(self, routers: usize) -> Workload {
        let routes = routers * usize::from(self.routes);
        let network = network::Network { routers, ports: usize::from(self.ports), routes };
        Workload {
            size: format!("{routers}, {routes} routes"),
            northbound: Box::new(move || network.northbound()),
            southbound: workload::southbound(CHASSIS),
            changes: change::changes(network),
        }
    }
}

/// A few tenants, of which the first has so many static routes.
pub fn routes(routes: usize) -> Workload {
    let network = network::Network { routers: FEW, ports: PORTS, routes };
    Workload {
        size: format!("{routes} routes"),
        northbound: Box::new(move || network.northbound()),
        southbound: workload::southbound(CHASSIS),
        changes: change::routing(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_its_rows_once() {
        let workload = Shape { ports: 3, routes: 20 }.workload(20);
        let operations = identifiers_are_distinct(&workload);
        let of = |table| count(&operations, table);
        assert_eq!((of("Logical_Switch"), of("Logical_Router")), (21, 20));
        assert_eq!((of("Logical_Switch_Port"), of("Logical_Router_Port")), (101, 40));
        assert_eq!(of("Logical_Router_Static_Route"), 419);
        check_changes(&workload);
    }
}
