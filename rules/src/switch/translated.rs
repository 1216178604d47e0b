//! What switches do for the translations of the routers behind their ports (J10, D06, D11, D12): requests
//! for outside addresses go to the router, and packets for their MAC addresses to where they are.

use std::net::IpAddr;

use northflow_engine::Relation;

use super::{facing, localnet, router_arp};
use crate::flow::On;
use crate::flow::row::{Placed, place};
use crate::ovsdb::{Text, Uuid};
use crate::router::nat::first::first;
use crate::router::nat::outside::Place;
use crate::router::nat::{Entries, Kind};
use crate::router::own_address::Shared;
use crate::topology::facing::Facing;
use crate::topology::routed::Routed;
use crate::topology::switch_port::PortConfig;
use crate::value::ip::text6;

/// What the flows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Ports of switches.
    pub ports: &'a Relation<PortConfig>,
    /// Routers and what leads where.
    pub routed: &'a Routed,
    /// Translations.
    pub nats: &'a Entries,
    /// Addresses of routers' services: requests for them are not forwarded on behalf of translations.
    pub services: &'a Relation<Shared>,
}

/// The flows of all switches.
///
/// ```text
/// request(port, address)  :-  router behind port translates address, which is none of its ports
///                             and none of its services
/// own(port, macs)         :-  all MAC addresses of the router's translations, in order
/// delivery(port, mac)     :-  gateway port behind port, place of a translation of its router
/// arp(switch, address)    :-  distributed translation of a router at a port of the switch, which
///                             keeps ARP from the physical network to gateways
/// ```
///
/// Cost: a translation costs a few flows for each switch port with its router behind it, if it is the first
/// of its address; the list of MAC addresses is one text.
pub fn flows(inputs: Inputs<'_>) -> Relation<Placed> {
    let facing = inputs.ports.flat_map(|port| port.facing.clone());
    let by_router = facing.index_by(|facing| facing.router).named("translated.facing");
    let requested = requested(inputs).index_by(|(router, _)| *router).join_flat(
        &by_router,
        |(_, address): &(Uuid, Text), facing| {
            let is_ip4 = !address.contains(':');
            let flows = match facing.enabled {
                true => router_arp::requests(facing, address, is_ip4),
                false => Vec::new(),
            };
            place(facing.switch, flows)
        },
    );

    let macs = inputs.nats.entries.filter(|entry| entry.nat.kind != Kind::Snat);
    let macs = macs.flat_map(|entry| {
        let mac = entry.nat.external_mac.as_ref()?.text.clone();
        Some((entry.router, mac))
    });
    let macs = macs.distinct().index_by(|(router, _)| *router).reduce(|group| {
        let mut macs: Vec<Text> = group.rows().map(|(_, mac)| mac.clone()).collect();
        macs.sort();
        Some((group.any().0, macs))
    });
    let own = by_router.join_optional(
        &macs.index_by(|(router, _): &(Uuid, Vec<Text>)| *router),
        |facing: &Facing, macs| {
            let macs = macs.map_or(&[][..], |(_, macs)| macs);
            place(facing.switch, Vec::from_iter(router_arp::self_originated(facing, macs)))
        },
    );

    let gateways =
        inputs.ports.filter(|port| port.facing.as_ref().is_some_and(|facing| facing.gateway.is_some()));
    let delivered = inputs.nats.places.index_by(|(router, _)| Some(*router)).join_flat(
        &gateways.index_by(|port| port.facing.as_ref().map(|facing| facing.router)),
        |(_, Place { mac, logical_port }), port| {
            let drop = port.config.drop.explicit();
            let flow = router_arp::translated(&port.port, port.enabled, *mac, logical_port, &drop);
            place(port.switch, vec![flow])
        },
    );
    inputs.ports.builder().union(&[requested, own, delivered, passed(inputs, &facing)])
}

/// The addresses that requests are forwarded for, as the CMS spells them, by router.
fn requested(inputs: Inputs<'_>) -> Relation<(Uuid, Text)> {
    let Inputs { routed, nats, services, .. } = inputs;
    let (sources, others) = (
        nats.entries.filter(|entry| entry.nat.kind == Kind::Snat),
        nats.entries.filter(|entry| entry.nat.kind != Kind::Snat),
    );
    let sources = first(&sources, |entry| (entry.router, entry.nat.external), |entry| entry.nat.row.0);
    let own = routed.ports.flat_map(|port| {
        let router = port.router;
        let ip4 = port.addresses.given.ips4().map(|ip| ip.to_string());
        let ip6 = port.addresses.given.ips6().filter(|ip| !ip.is_unicast_link_local());
        let ip6 = ip6.map(text6);
        let own: Vec<_> = ip4.chain(ip6).map(|address| (router, Text::from(address))).collect();
        own
    });
    let sources = sources
        .map(|entry| (entry.router, entry.nat.external_ip.clone()))
        .index_by(|(router, address): &(Uuid, Text)| (*router, address.clone()))
        .antijoin(&own.index_by(|(router, address)| (*router, address.clone())));
    let others = others.map(|entry| (entry.router, entry.nat.external_ip.clone()));
    sources
        .concat(&others)
        .distinct()
        .index_by(|(router, address): &(Uuid, Text)| (*router, address.clone()))
        .antijoin(&services.index_by(|shared| (shared.router, shared.address.clone())))
}

/// ARP from the physical network for distributed translations.
fn passed(inputs: Inputs<'_>, facing: &Relation<Facing>) -> Relation<Placed> {
    let entries = &inputs.nats.entries;
    // ovn-northd asks whether any translation of the router is at a port that leads somewhere.
    let leading = inputs.routed.peers.of_router_ports.index_by(|(port, _)| Some(*port));
    let leading = entries.index_by(|entry| entry.gate.as_ref().map(|gate| gate.port.row)).semijoin(&leading);
    let leading = leading.map(|entry| entry.router).distinct();
    let arp = entries.filter(|entry| entry.distributed).flat_map(|entry| match entry.nat.external {
        IpAddr::V4(address) => Some((entry.router, address, entry.nat.logical_port.clone()?)),
        IpAddr::V6(_) => None,
    });
    let arp = arp.distinct().index_by(|(router, ..)| *router).semijoin(&leading.index_by(|router| *router));
    let switches = facing.map(|facing| (facing.router, facing.switch)).distinct();
    let filtering = facing::arp_filtering(inputs.ports);
    let switches = switches.index_by(|(_, switch)| *switch).semijoin(&filtering.index_by(|switch| *switch));
    arp.index_by(|(router, ..)| *router).join(
        &switches.index_by(|(router, _)| *router),
        |(_, address, port), (_, switch)| Placed {
            on: On::Datapath(*switch),
            flow: localnet::pass_nat_arp(*address, port),
        },
    )
}
