//! Addresses that a router or one beside it answers for: outside addresses of translations, and VIPs (L03).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::Inputs;
use super::advertiser::Advertiser;
use super::wish::{Cause, Wish, wish};
use crate::lb::attach::{Held, Holder, Referred};
use crate::ovsdb::{Text, Uuid};
use crate::topology::routed::Routed;
use crate::topology::router_port::RouterPortConfig;

/// A router whose addresses a port advertises: another one, which the port leads to, itself or by a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Beside {
    /// The port.
    pub advertiser: Advertiser,
    /// The other router.
    pub router: Uuid,
    /// The Port_Binding of the other router's port.
    pub at: Uuid,
}

/// The routers beside those with dynamic routing. A router that has two ports to a switch is beside itself.
///
/// Cost: a port costs the ports of routers on its switch that advertise.
pub fn beside(
    dynamic: &Relation<Advertiser>,
    routed: &Routed,
    ports: &Relation<RouterPortConfig>,
) -> Relation<Beside> {
    let wanting = dynamic.filter(|port| port.mode.nat || port.mode.lb);
    let direct = wanting.flat_map(|port| {
        let peer = port.peer.as_ref().filter(|peer| peer.router().is_some())?;
        Some((peer.port().row, port.clone()))
    });
    let on_switch = wanting
        .flat_map(|port| Some((port.peer.as_ref()?.switch()?, port.clone())))
        .index_by(|(switch, _): &(Uuid, Advertiser)| *switch)
        .join_flat(
            &routed.peers.attachments.index_by(|attachment| attachment.switch),
            |(_, port), attachment| {
                let other = attachment.router_port.row;
                (other != port.port).then(|| (other, port.clone()))
            },
        );
    let places = ports.map(|port| (port.port.row, port.router.row, port.binding));
    direct.concat(&on_switch).index_by(|(other, _): &(Uuid, Advertiser)| *other).join(
        &places.index_by(|(port, ..): &(Uuid, Uuid, Uuid)| *port),
        |(_, advertiser), (_, router, at)| Beside {
            advertiser: advertiser.clone(),
            router: *router,
            at: *at,
        },
    )
}

/// Where a translation happens, if at one port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Place {
    /// At the switch port of this name.
    Inside(Text),
    /// At this Logical_Router_Port.
    Gateway(Uuid),
    /// On the chassis of the router.
    Router,
}

/// The outside addresses of translations.
///
/// Cost: a translation costs itself once for each port that advertises it.
pub fn translations(
    dynamic: &Relation<Advertiser>,
    beside: &Relation<Beside>,
    inputs: Inputs<'_>,
) -> Relation<Wish> {
    let own = dynamic.filter(|port| port.mode.nat).map(|port| (port.router, port.clone()));
    let others = beside
        .filter(|beside| beside.advertiser.mode.nat)
        .map(|beside| (beside.router, beside.advertiser.clone()));
    let sources = own.concat(&others).distinct();
    let entries = inputs.nats.entries.map(|entry| {
        let inside = entry.nat.logical_port.clone().filter(|_| entry.distributed);
        let place = match (inside, &entry.gate) {
            (Some(port), _) => Place::Inside(port),
            (None, Some(gate)) => Place::Gateway(gate.port.row),
            (None, None) => Place::Router,
        };
        (entry.router, entry.nat.external_ip.clone(), place)
    });
    let told = entries.index_by(|(router, ..): &(Uuid, Text, Place)| *router).named("dynamic.nat").join(
        &sources.index_by(|(router, _): &(Uuid, Advertiser)| *router),
        |(_, address, place), (_, advertiser)| (place.clone(), address.clone(), advertiser.clone()),
    );
    let inside = inputs.switch_ports.map(|port| (Place::Inside(port.port.name.clone()), port.binding));
    let gateways = inputs.ports.filter(|port| port.redirect.is_some());
    let gateways = gateways.map(|port| (Place::Gateway(port.port.row), port.binding));
    told.index_by(|(place, ..): &(Place, Text, Advertiser)| place.clone()).join_optional(
        &inside.concat(&gateways).index_by(|(place, _): &(Place, Uuid)| place.clone()),
        |(_, address, advertiser), found| {
            let at = found.map(|(_, binding)| *binding);
            Some(wish(advertiser, address.clone(), at, Cause::Service))
        },
    )
}

/// A port that advertises the VIPs of a router, and at which port they are.
type Source = (Uuid, Advertiser, Option<Uuid>);

/// VIPs. A router that is not on one chassis serves its own at its gateway ports, if it has any.
///
/// Cost: a VIP costs itself once for each port that advertises it.
pub fn services(
    dynamic: &Relation<Advertiser>,
    beside: &Relation<Beside>,
    inputs: Inputs<'_>,
) -> Relation<Wish> {
    let wanting = dynamic.filter(|port| port.mode.lb);
    let on_chassis =
        wanting.filter(|port| port.on_chassis).map(|port| -> Source { (port.router, port.clone(), None) });
    let gateways = inputs.ports.filter(|port| port.redirect.is_some());
    let gateways = gateways.map(|port| (port.router.row, port.binding));
    let at_gateways = wanting
        .filter(|port| !port.on_chassis)
        .index_by(|port| port.router)
        .join(&gateways.index_by(|(router, _)| *router), |port, (router, at)| -> Source {
            (*router, port.clone(), Some(*at))
        });
    let others = beside.filter(|beside| beside.advertiser.mode.lb);
    let others =
        others.map(|beside| -> Source { (beside.router, beside.advertiser.clone(), Some(beside.at)) });
    let sources = dynamic.builder().union(&[on_chassis, at_gateways, others]);

    let held = inputs.balancers.held.index_by(|held: &Held| held.holder);
    let lbs = inputs
        .balancers
        .referred
        .index_by(|referred: &Referred| referred.datapath)
        .named("dynamic.lb")
        .join(&sources.index_by(|(router, ..): &Source| *router), |referred, source| {
            (referred.holder, source.clone())
        })
        .index_by(|(holder, _): &(Holder, Source)| *holder)
        .join(&held, |(_, source), held| (held.lb, source.clone()));
    let fronts = inputs.services.map(|service| (service.lb.row, service.vip.front.ip.clone())).distinct();
    lbs.index_by(|(lb, _): &(Uuid, Source)| *lb)
        .join(&fronts.index_by(|(lb, _): &(Uuid, Text)| *lb), |(_, (_, advertiser, at)), (_, address)| {
            wish(advertiser, address.clone(), *at, Cause::Service)
        })
}
