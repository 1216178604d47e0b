//! What the network answers itself, so that a question need not travel.

pub mod arp_nd;
pub mod dhcp;
pub mod dhcp_relay;
pub mod dhcpv4;
pub mod dhcpv6;
pub mod dns;
pub mod monitor;
pub mod port_health;
pub mod proxy_arp;
pub mod virtual_port;

use northflow_engine::{Index, Relation};

use crate::flow::row::Placed;
use crate::northd::Northbound;
use crate::ovsdb::Uuid;
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

/// The services that ports of switches are given; `by_switch` are `ports` by switch.
pub fn services(
    nb: &Northbound,
    ports: &Relation<PortConfig>,
    by_switch: &Index<Uuid, PortConfig>,
) -> Services {
    let (dhcp, dhcp_problems) = dhcp::dhcp(&nb.switch, ports, &nb.dhcp_options);
    let proxies = proxy_arp::proxies(&nb.switch, ports);
    let manners = arp_nd::manners(&nb.switch, &proxies.switches);
    let answers = arp_nd::answers(by_switch, &manners);
    let virtual_ports = virtual_port::virtual_ports(ports);
    let builder = ports.builder();
    Services {
        placed: builder.union(&[dhcp, proxies.placed, answers, virtual_ports]),
        problems: dhcp_problems.concat(&proxies.problems),
    }
}
