//! What the network answers itself, so that a question need not travel.

pub mod arp_nd;
pub mod dhcp;
pub mod dhcp_relay;
pub mod dhcpv4;
pub mod dhcpv6;
pub mod monitor;
pub mod virtual_port;

use northflow_engine::Relation;

use crate::flow::row::Placed;
use crate::northd::Northbound;
use crate::problem::Problem;
use crate::topology::switch_port::PortConfig;

/// The services of switches.
#[derive(Clone, Debug)]
pub struct Services {
    /// Their flows.
    pub placed: Relation<Placed>,
    /// What is wrong with their configuration.
    pub problems: Relation<Problem>,
}

/// The services that ports of switches are given.
pub fn services(nb: &Northbound, ports: &Relation<PortConfig>) -> Services {
    let (placed, problems) = dhcp::dhcp(&nb.switch, ports, &nb.dhcp_options);
    Services { placed, problems }
}
