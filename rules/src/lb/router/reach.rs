//! VIPs of routers as the neighbours of these hear of them: announced by chassis (B22), and with routes to
//! them (H19; ovn-nb(5), Load_Balancer options:add_route).
//!
//! ```text
//! vip(router, address)       :-  router has a load balancer with the VIP
//! routable(router, address)  :-  vip(router, address) of one with options:add_route
//! ```

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::lb::Service;
use crate::lb::attach::{Attachment, Holder, Referred};
use crate::ovsdb::{Text, Uuid};
use crate::router::nat::outside::By;
use crate::router::routable::{Order, Routable};

/// The address of a VIP, whatever its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Front {
    lb: Uuid,
    address: Option<IpAddr>,
    text: Text,
    routable: bool,
}

/// The address of a VIP of a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterVip {
    /// The router.
    pub router: Uuid,
    /// The address; `None` if it is a variable of a template.
    pub address: Option<IpAddr>,
    /// As it is printed.
    pub text: Text,
}

/// The addresses of all VIPs.
///
/// Cost: a VIP costs itself.
pub fn fronts(services: &Relation<Service>) -> Relation<Front> {
    let front = |service: &Service| Front {
        lb: service.lb.row,
        address: service.vip.front.address,
        text: service.vip.front.ip.clone(),
        routable: service.lb.routable,
    };
    services.map(front).distinct()
}

/// The addresses that routers have by these references.
///
/// Cost: a VIP costs itself once for each router; a router, the VIPs that it has.
fn on_routers(
    fronts: &Relation<Front>,
    attachment: &Attachment,
    referred: &Relation<Referred>,
) -> Relation<RouterVip> {
    let vips = fronts
        .index_by(|front| front.lb)
        .join(&attachment.held.index_by(|held| held.lb), |front, held| (held.holder, front.clone()))
        .index_by(|(holder, _): &(Holder, Front)| *holder)
        .join(&referred.index_by(|referred| referred.holder), |(_, front), referred| RouterVip {
            router: referred.datapath,
            address: front.address,
            text: front.text.clone(),
        });
    vips.distinct()
}

/// The addresses of those of the routers in `wanted`, which names each once.
pub fn announced(
    fronts: &Relation<Front>,
    routers: &Attachment,
    wanted: &Relation<Uuid>,
) -> Relation<RouterVip> {
    let referred = routers.referred.index_by(|referred| referred.datapath);
    on_routers(fronts, routers, &referred.semijoin(&wanted.index_by(|router| *router)))
}

/// The addresses that ask for routes.
pub fn routables(fronts: &Relation<Front>, routers: &Attachment) -> Relation<Routable> {
    let wanting = fronts.filter(|front| front.routable);
    on_routers(&wanting, routers, &routers.referred).flat_map(|vip| {
        let (router, address) = (vip.router, vip.address?);
        Some(Routable { router, order: Order::Service, address, mac: None, by: By::Any })
    })
}
