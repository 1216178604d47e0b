//! Logical routers: which flows there are, and what each depends on.
//!
//! As for switches ([`crate::switch`]), fixed flows come with the class of routers that has them, from
//! [`fixed_flows`]; those of a port from one function a family, fed one port at a time
//! ([`port::PortContext`]). Flows of several ports are joins of their own.
//!
//! | family | stages and priorities | on | depends on |
//! |---|---|---|---|
//! | `admission::fixed` | admission 0, 100, 110 | All | drop sampling |
//! | `admission::port` | admission 50, 55, 120 | the port's router | port, `arp_proxy` and VTEPs of its switch, distributed services |
//! | `neighbor::fixed` | lookup_neighbor 0, 100, 110; learn_neighbor 0, 90, 95, 100 | All, Learning, Hearing | drop sampling |
//! | `neighbor::port` | lookup_neighbor 100, 110, 120 | the port's router | port, what its router learns from |
//! | `ip_input::fixed` | ip_input 0, 29, 32, 50, 82-85, 100, 120 | All, Relaying, Flooding | drop sampling |
//! | `ip_input::port` | ip_input 30, 31, 70, 80, 90, 100 | the port's router | port, gateways of its router |
//! | `arp_nd::port` | ip_input 90 | the port's router | port, gateways of its router, localnet ports of its switch |
//! | `own_address::flows` | ip_input 60; arp_resolve 2 | the port's router | port, addresses shared with translations and services |
//! | `service::dhcp_relay` | ip_input 110; dhcp_relay_* 1, 100; ls l2_lkup 100 | the port's router and switch | port, its relay, clients on the switch |
//! | `advertisement::port` | nd_ra_options, nd_ra_response 50; ip_input 100 | the port's router | port |
//! | `route::connected::port` | ip_routing, by the length of the prefix | the port's router | port |
//! | `route::symmetric_reply::commits` | ecmp_stateful_egr 100 | the port's router | port, its tunnel key |
//! | `resolve::fixed` | arp_resolve 0, 1, 500 | All | drop sampling |
//! | `resolve::peer_flows` | arp_resolve 100 | the other router | port, its peer |
//! | `resolve::switch_flows` | arp_resolve 100 | the port's router | port, addresses of switch ports and router ports on its switch |
//! | `packet_length::*` | chk_pkt_len 0, 50, 55; larger_pkts 0, 150, 160; ip_input 150; out post_snat 100 | All; the port's router | port, other ports of its router, chassis features |
//! | `redirect::*` | gw_redirect 0, 50; arp_resolve 50 | All; the port's router | port |
//! | `network_id::*` | network_id 0, 105, 110 | All; the port's router | port |
//! | `route::routes` | ip_routing_pre 100; ip_routing 10300 and by prefix; ip_routing_ecmp 100; defrag, ecmp_stateful, ecmp_stateful_egr 100; policy 65535; arp_resolve 200 | one router | route, its port, session and table; routes of the same prefix |
//! | `policy::policies` | policy 0-32767; policy_ecmp 100 | one router | policy, its ports and sessions; whether the router has chains |
//! | `bfd::bfd` | ip_input 110 | the port's router | port, sessions |
//! | `request::*` | arp_request 0, 100, 200 | All; one router | static routes |
//! | `delivery::*` | out delivery 0, 100, 110 | All; the port's router | port, whether its router relays multicast |
//! | `routable::flows` | ip_routing 262, 263; arp_resolve 100 | other routers on the switch | translations and services that ask for routes |
//! | [`force_snat`] | unsnat 110; out snat 105, 110 | the port's router | port, its router's options |
//! | [`nat`] | its own table | one router; classes of its own | translations, the gateway port, the router's options |
//! | `defaults::fixed` | every other stage: pass | All | drop sampling |

pub mod admission;
pub mod advertisement;
pub mod aging;
pub mod arp_nd;
pub mod bfd;
pub mod class;
pub mod defaults;
pub mod delivery;
pub mod dynamic;
pub mod forwarding;
pub mod ip_input;
pub mod nat;
pub mod neighbor;
pub mod network_id;
pub mod own_address;
pub mod packet_length;
pub mod placed;
pub mod policy;
pub mod port;
pub mod redirect;
pub mod request;
pub mod resolve;
pub mod routable;
pub mod route;
pub mod surroundings;

use crate::flow::Flow;
use crate::flow::drop::DropConfig;
use crate::lb::router::force_snat;
use crate::problem::Problem;
pub use class::RouterSet;
use port::PortContext;

/// Every flow that names no port and no other value of its router, with the class that has it.
pub fn fixed_flows(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let parts = [
        admission::fixed(drop),
        neighbor::fixed(drop),
        ip_input::fixed(drop),
        advertisement::fixed(),
        resolve::fixed(drop),
        packet_length::fixed(),
        redirect::fixed(),
        network_id::fixed(),
        request::fixed(),
        delivery::fixed(drop),
        defaults::fixed(drop),
        nat::fixed_flows(),
        crate::lb::router::fixed(),
    ];
    parts.into_iter().flatten().collect()
}

/// Every flow that one port decides.
pub fn port_flows(port: &PortContext) -> Vec<Flow> {
    let parts = [
        admission::port(port),
        neighbor::port(port),
        ip_input::port(port),
        arp_nd::port(port),
        advertisement::port(port),
        redirect::port(port),
        network_id::port(port),
        force_snat::port(port),
        delivery::port(port),
    ];
    parts.into_iter().flatten().collect()
}

/// What is wrong with one port.
pub fn port_problems(port: &PortContext) -> Vec<Problem> {
    let mut problems = network_id::problems(port);
    problems.extend(advertisement::problem(port));
    problems.extend(force_snat::problems(port));
    problems
}
