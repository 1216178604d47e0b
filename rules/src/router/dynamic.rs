//! Routes that are exchanged with routers outside (L01-L04; ovn-nb(5), `dynamic-routing` and the options
//! beside it): what chassis advertise, and what they have learned.
//!
//! ```text
//! advertiser(port, mode)      :-  the port's own dynamic-routing-redistribute, or else its router's
//! wish(port, prefix)          :-  connected: a network of the port
//! wish(port, host, at)        :-  connected-as-host: an address behind the port, and the port that has it
//! wish(port, prefix)          :-  static: a route by the port
//! wish(port, outside, at)     :-  nat: a translation of the router, or of a router beside it
//! wish(port, vip, at)         :-  lb: a VIP of the router, or of a router beside it
//! Advertised_Route            :-  wish
//! route(router, prefix, hop)  :-  Learned_Route on a port that learns
//! ```

pub mod advertiser;
pub mod behind;
pub mod host;
pub mod learned;
pub mod mode;
pub mod wish;

use northflow_engine::Relation;

use self::advertiser::Advertiser;
use super::nat::Entries;
use super::route::static_route::Route;
use crate::lb::Service;
use crate::lb::attach::Attachment;
use crate::northd::{Northbound, Southbound};
use crate::problem::Problem;
use crate::schema::sb;
use crate::topology::routed::Routed;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::PortConfig;

/// What is advertised is made of this, beside the northbound rows.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Routers, and what leads where.
    pub routed: &'a Routed,
    /// Ports of routers.
    pub ports: &'a Relation<RouterPortConfig>,
    /// Ports of switches.
    pub switch_ports: &'a Relation<PortConfig>,
    /// Configured routes that are in use and lead somewhere.
    pub routes: &'a Relation<Route>,
    /// Translations.
    pub nats: &'a Entries,
    /// Every VIP.
    pub services: &'a Relation<Service>,
    /// Which routers have which load balancers.
    pub balancers: &'a Attachment,
}

/// What chassis are to advertise.
#[derive(Clone, Debug)]
pub struct Advertised {
    /// The rows.
    pub rows: Relation<sb::AdvertisedRoute>,
    /// Words that mean nothing.
    pub problems: Relation<Problem>,
}

/// What all routers advertise. Routers without dynamic routing cost nothing beside their ports.
///
/// Cost: a route, translation, VIP or address costs itself once for each port that advertises it; a port
/// costs what it advertises.
pub fn advertised(nb: &Northbound, sb: &Southbound, inputs: Inputs<'_>) -> Advertised {
    let (advertisers, problems) = advertiser::advertisers(nb, inputs.ports);
    let dynamic = advertisers.filter(|advertiser: &Advertiser| advertiser.dynamic);
    let beside = behind::beside(&dynamic, inputs.routed, inputs.ports);
    let wishes = [
        wish::connected(&dynamic),
        wish::static_routes(nb, &advertisers, inputs.routes),
        host::hosts(sb, &dynamic, inputs.ports, inputs.switch_ports),
        behind::translations(&dynamic, &beside, inputs),
        behind::services(&dynamic, &beside, inputs),
    ];
    Advertised { rows: wish::rows(&nb.router.builder().union(&wishes)), problems }
}
