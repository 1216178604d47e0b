//! Where the flows of load balancers are on routers.
//!
//! ```text
//! manner(router)                :-  whether it has gateway ports, and whether it forces sources
//! alike(holder, manner)         =   the routers of the holder with that manner
//! flow(holder)                  :-  everywhere(service), holder of its load balancer
//! flow(holder, manner)          :-  balancing(service, manner), some router of the holder has the manner
//! flow(router)                  :-  gateway flows(service, port), port of a router of a holder
//! flow(router)                  :-  service whose VIP is an outside address of the router's translations
//! ```
//!
//! Cost: a service costs its flows once for each holder and manner, and those for each gateway port of its
//! routers. A router that comes to a holder is a member more, unless it is the first of its manner there or
//! has gateway ports, for which it gets flows of its own.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::{Source, balancing, everywhere, gateway, keeping, skipping, translated_too};
use crate::flow::row::{Placed, SetMember, place};
use crate::flow::{Flow, On};
use crate::lb::Service;
use crate::lb::attach::{Attachment, Held, Holder, Referred};
use crate::ovsdb::{Text, Uuid};
use crate::router::RouterSet;
use crate::router::nat::home::Home;
use crate::router::port::PortContext;
use crate::topology::router::GatewayPort;

/// What routers that balance alike have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Manner {
    /// There are distributed gateway ports.
    pub gateways: bool,
    /// The sources of balanced connections are translated.
    pub forces: bool,
}

impl Manner {
    fn of(home: &Home) -> Manner {
        Manner { gateways: home.gateways, forces: home.force_lb.any() || home.force_lb_router_ip }
    }
}

/// A load balancer, a holder of it, and the manner of some router of the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct HeldAlike {
    held: Held,
    manner: Manner,
}

/// A gateway port of a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Gate {
    router: Uuid,
    port: GatewayPort,
    several: bool,
    forces: bool,
    common_zone: bool,
}

/// What the flows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Load balancers that leave sources alone.
    pub skipping: &'a Relation<Uuid>,
    /// Every VIP.
    pub services: &'a Relation<Service>,
    /// Which routers have which load balancers.
    pub routers: &'a Attachment,
    /// Routers that have a load balancer with a VIP.
    pub balanced: &'a Relation<Uuid>,
    /// Routers.
    pub homes: &'a Relation<Home>,
    /// Ports of routers.
    pub ports: &'a Relation<PortContext>,
    /// Routers and the outside addresses of their translations.
    pub external_ips: &'a Relation<(Uuid, Text)>,
}

/// What load balancing on routers contributes.
#[derive(Clone, Debug)]
pub struct Balanced {
    /// Flows.
    pub placed: Relation<Placed>,
    /// Which sets each router is in.
    pub members: Relation<SetMember>,
}

/// Every flow of load balancers on routers.
pub fn flows(inputs: Inputs<'_>) -> Balanced {
    let Inputs { services, routers, balanced, homes, .. } = inputs;
    let manners = homes.map(|home| (home.router, Manner::of(home)));
    let alike = routers
        .referred
        .index_by(|referred| referred.datapath)
        .join(&manners.index_by(|(router, _)| *router), |referred, (_, manner)| (*referred, *manner));
    let members = alike.map(|(referred, manner): &(Referred, Manner)| SetMember {
        set: On::BalancedAlike(referred.holder, *manner),
        datapath: referred.datapath,
    });
    let balancing_routers =
        balanced.map(|router| SetMember { set: On::Routers(RouterSet::Balanced), datapath: *router });

    let shared = shared(services, routers, &alike);
    let own = at_gateways(inputs, &alike);
    let alone = routers.place(&inputs.skipping.map(|lb| skipping(*lb)));
    let parts = [routers.place(&services.flat_map(everywhere)), alone, shared, own, outside(inputs)];
    Balanced {
        placed: services.builder().union(&parts),
        members: services.builder().union(&[routers.members.clone(), members, balancing_routers]),
    }
}

/// Flows on routers that balance alike.
fn shared(
    services: &Relation<Service>,
    routers: &Attachment,
    alike: &Relation<(Referred, Manner)>,
) -> Relation<Placed> {
    let manners = alike.map(|(referred, manner)| (referred.holder, *manner)).distinct();
    let held =
        routers
            .held
            .index_by(|held| held.holder)
            .join(&manners.index_by(|(holder, _): &(Holder, Manner)| *holder), |held, (_, manner)| {
                HeldAlike { held: *held, manner: *manner }
            });
    services.index_by(|service| service.lb.row).named("lb.router.service").join_flat(
        &held.index_by(|alike| alike.held.lb),
        |service, alike| {
            let on = On::BalancedAlike(alike.held.holder, alike.manner);
            let source = Source::of(&service.lb, alike.manner.forces);
            let balancing = (!alike.manner.gateways).then(|| balancing(service, source));
            let flows = balancing.into_iter().chain(keeping(service, source));
            flows.map(|flow| Placed { on, flow: flow.flow }).collect::<Vec<_>>()
        },
    )
}

/// Flows at gateway ports.
fn at_gateways(inputs: Inputs<'_>, alike: &Relation<(Referred, Manner)>) -> Relation<Placed> {
    let Inputs { services, routers, homes, ports, .. } = inputs;
    let gateways = ports.flat_map(|port| {
        let redirect = port.config.redirect.as_ref()?.name.clone();
        Some((port.config.router.row, GatewayPort { port: port.config.port.clone(), redirect }))
    });
    // One more of several is of no matter to the others.
    let several = gateways.tally_by(|(router, _)| *router, |_| 0).filter(|tally| tally.count > 1);
    let several = several.map(|tally| tally.key);
    let zones = homes.map(|home| (home.router, home.common_zone(), Manner::of(home).forces));
    let gates = gateways.index_by(|(router, _)| *router).join_optional(
        &several.index_by(|router| *router),
        |(router, port), several| {
            Some(Gate {
                router: *router,
                port: port.clone(),
                several: several.is_some(),
                forces: false,
                common_zone: false,
            })
        },
    );
    let gates = gates.index_by(|gate| gate.router).join(
        &zones.index_by(|(router, ..)| *router),
        |gate, (_, common_zone, forces)| Gate { forces: *forces, common_zone: *common_zone, ..gate.clone() },
    );
    let gated = alike.filter(|(_, manner)| manner.gateways).map(|(referred, _)| *referred);
    let gates = gated
        .index_by(|referred| referred.datapath)
        .join(&gates.index_by(|gate| gate.router), |referred, gate| (referred.holder, gate.clone()));
    let holders = gated.map(|referred| referred.holder).distinct();
    let held = routers.held.index_by(|held| held.holder).semijoin(&holders.index_by(|holder| *holder));
    let of_holder = services
        .index_by(|service| service.lb.row)
        .join(&held.index_by(|held| held.lb), |service, held| (held.holder, service.clone()));
    of_holder.index_by(|(holder, _): &(Holder, Service)| *holder).join_flat(
        &gates.index_by(|(holder, _): &(Holder, Gate)| *holder),
        |(_, service), (_, gate)| {
            let router = gateway::Router {
                source: Source::of(&service.lb, gate.forces),
                common_zone: gate.common_zone,
                several: gate.several,
            };
            place(gate.router, gateway::flows(service, router, &gate.port))
        },
    )
}

/// Flows of VIPs that are outside addresses of translations too.
fn outside(inputs: Inputs<'_>) -> Relation<Placed> {
    let Inputs { services, routers, external_ips, .. } = inputs;
    let flows =
        services.map(|service| (service.vip.front.ip.clone(), service.lb.row, translated_too(service)));
    let on_routers = flows
        .index_by(|(ip, ..)| ip.clone())
        .join(&external_ips.index_by(|(_, ip)| ip.clone()), |(_, lb, flow), (router, _)| {
            (*lb, *router, flow.clone())
        });
    let referred = routers.referred.index_by(|referred| (referred.holder, referred.datapath));
    on_routers
        .index_by(|(lb, ..)| *lb)
        .join(&routers.held.index_by(|held| held.lb), |(_, router, flow), held| {
            (held.holder, *router, flow.clone())
        })
        .index_by(|(holder, router, _): &(Holder, Uuid, Flow)| (*holder, *router))
        .semijoin(&referred)
        .map(|(_, router, flow)| Placed { on: On::Datapath(*router), flow: flow.clone() })
}
