//! Translation of addresses at routers (J01-J19, I09; ovn-nb(5), NAT): gateway routers and routers with
//! distributed gateway ports do it.
//!
//! [`entries()`] says which translations there are and where they happen; it is what load balancers,
//! switches and bindings ask. The flows of one translation are plain functions of it ([`NatEntry`]) and of
//! its router ([`home::Home`]), so one more costs its own flows. What a router has because it translates at
//! all is on a [`Set`] of routers.
//!
//! | family | stages and priorities | on |
//! |---|---|---|
//! | `snat::ingress` | unsnat 90, 100 | the router |
//! | `dnat::ingress` | dnat 100, 300-; exempted 2 above | the router |
//! | `dnat::egress` | out undnat 100 | the router |
//! | `snat::egress` | out snat 1-, 129-, 300-; exempted 2 above; post_undnat 70, 75; post_snat | the router |
//! | `loopback::*` | out egr_loop 100; out chk_dnat_local 50 | the router |
//! | `resolve::flows` | arp_resolve 90, 100, 150 | the router |
//! | `admission::*` | admission 50, 55; ip_input 120, 160 | the router |
//! | `redirect::*` | gw_redirect 80, 100 | the router |
//! | `restricted::flows` | gw_redirect 70, 75 | the router |
//! | `arp_nd::*` | ip_input 90, 91, 92 | the router |
//! | `gateway_router::fixed` | out undnat 50, 100; out post_undnat 50 | [`Set::Undoing`], [`Set::CommittingNew`] |
//! | `gateway_router::forced` | unsnat 110; out snat 100 | the router |
//! | `commit_all::*` | defrag, post_unsnat, dnat, out post_undnat, out snat 10 | [`Set::CommittingAll`]; the router |
//! | `loopback::marked` | out chk_dnat_local 50 | the router |

pub mod admission;
pub mod arp_nd;
pub mod commit_all;
pub mod dnat;
pub mod entries;
pub mod entry;
pub mod filter;
pub mod first;
pub mod gateway_router;
pub mod home;
pub mod loopback;
pub mod outside;
pub mod redirect;
pub mod resolve;
pub mod restricted;
pub mod snat;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::RouterSet;
use super::own_address::Shared;
use super::port::PortContext;
use crate::flow::row::{Placed, SetMember, place};
use crate::flow::{Flow, On};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::switch::port::PortKind;
use crate::topology::router::GatewayPort;
use crate::topology::switch_port::SwitchPort;
pub use entries::{Entries, entries};
pub use entry::{Kind, NatEntry};
use first::first;
use home::Home;

/// The classes of routers on which flows about translation in general sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Set {
    /// Gateway routers with a translation, good or bad, or a service.
    Undoing,
    /// Those of them that do not commit every connection.
    CommittingNew,
    /// Gateway routers that commit every connection, where the chassis can do that.
    CommittingAll,
}

/// What the flows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The translations.
    pub nats: &'a Entries,
    /// Their routers.
    pub homes: &'a Relation<Home>,
    /// Ports of routers.
    pub ports: &'a Relation<PortContext>,
    /// Ports of switches.
    pub switch_ports: &'a Relation<SwitchPort>,
    /// Routers that have a load balancer with a VIP.
    pub balanced: &'a Relation<Uuid>,
}

/// What translation contributes.
#[derive(Clone, Debug)]
pub struct Translated {
    /// Flows.
    pub placed: Relation<Placed>,
    /// Which classes each router is in.
    pub members: Relation<SetMember>,
}

/// The addresses that sources are translated to, which packets for the router itself may have.
///
/// Cost: a translation costs itself; a router whose options change, its own addresses.
pub fn shared(nats: &Entries, homes: &Relation<Home>) -> Relation<Shared> {
    let sources = nats.entries.filter(|entry| entry.nat.kind == Kind::Snat);
    let sources = sources.map(|entry| Shared { router: entry.router, address: entry.nat.external_text() });
    let forced = homes.flat_map(|home| {
        let forced = [&home.force_dnat, &home.force_lb].into_iter().flat_map(|forced| forced.addresses());
        let shared = forced.map(|(_, address)| Shared { router: home.router, address: address.clone() });
        shared.collect::<Vec<_>>()
    });
    sources.concat(&forced).distinct()
}

/// Every flow about translation.
///
/// Cost: a translation costs its own flows, and those of its outside address if it is the first there; a
/// router's options, or a setting of the network, those of its translations.
pub fn flows(nb: &Northbound, inputs: Inputs<'_>) -> Translated {
    let Inputs { nats, homes, ports, switch_ports, balanced } = inputs;
    let home = homes.index_by(|home| home.router).named("nat.home");
    let by_router = nats.entries.index_by(|entry| entry.router).named("nat.entry");
    let own = by_router.join_flat(&home, |entry, home| place(entry.router, entry_flows(entry, home)));
    let alike = first(&nats.entries, outside_key, |entry| entry.nat.row.0);
    let outside = alike
        .index_by(|entry| entry.router)
        .join_flat(&home, |entry, home| place(entry.router, outside_flows(entry, home)));

    let stateful = nats.entries.filter(|entry| !entry.nat.stateless).map(|entry| entry.router);
    let stateful = stateful.concat(balanced).distinct();
    let committing = homes
        .filter(|home| home.translates() && home.commit_all)
        .index_by(|home| home.router)
        .join_optional(&stateful.index_by(|router| *router), |home, stateful| {
            (stateful.is_some() || home.forces()).then(|| home.clone())
        });
    let everything = committing.filter(|home| home.settings.zones).map(|home| home.router);
    let gateways = ports.flat_map(|port| {
        let redirect = port.config.redirect.as_ref()?.name.clone();
        let gateway = GatewayPort { port: port.config.port.clone(), redirect };
        Some((port.config.router.row, gateway, port.leads_to_vtep()))
    });
    let committed = gateways
        .index_by(|(router, ..)| *router)
        .join_flat(&everything.index_by(|router| *router), |(router, gateway, _), _| {
            place(*router, commit_all::port(gateway).collect())
        });
    let without_vtep =
        gateways.filter(|(_, _, vtep)| !vtep).map(|(router, gateway, _)| (*router, gateway.clone()));
    let restricted = restricted::flows(
        nb,
        restricted::Inputs {
            entries: &nats.entries,
            homes,
            committing: &everything,
            gateways: &without_vtep,
        },
    );

    let translating = nats.routers.index_by(|router| *router);
    let one_zone = homes
        .filter(|home| home.translates() && home.settings.common_zone)
        .index_by(|home| home.router)
        .semijoin(&translating)
        .flat_map(|home| place(home.router, vec![loopback::marked(home.router)]));
    let parts = [
        own,
        outside,
        distributed(nats, ports, homes, switch_ports),
        addresses(nats, homes, ports),
        homes.flat_map(|home| place(home.router, gateway_router::forced(home))),
        one_zone,
        committed,
        restricted,
    ];
    let members = members(nats, homes, balanced, &committing);
    Translated { placed: homes.builder().union(&parts), members }
}

/// The flows that sit on classes of routers.
pub fn fixed_flows() -> Vec<(RouterSet, Flow)> {
    let mut flows = gateway_router::fixed();
    flows.extend(commit_all::fixed());
    flows.into_iter().map(|(set, flow)| (RouterSet::Nat(set), flow)).collect()
}

/// Every flow that one translation decides with its router, but for those of its outside address.
fn entry_flows(entry: &NatEntry, home: &Home) -> Vec<Flow> {
    if !home.translates() {
        return Vec::new();
    }
    let mut flows = dnat::ingress(entry, home);
    flows.extend(dnat::egress(entry, home));
    flows.extend(snat::egress(entry, home));
    flows.extend(redirect::here(entry));
    flows
}

/// What of a translation [`outside_flows`] depend on: many networks may be behind one address.
fn outside_key(entry: &NatEntry) -> (Uuid, Text, Kind, bool, Option<Uuid>, Option<String>) {
    let NatEntry { nat, router, gate, .. } = entry;
    let gate = gate.as_ref().map(|gate| gate.port.row);
    (*router, nat.external_ip.clone(), nat.kind, nat.stateless, gate, entry.resident())
}

/// The flows of an outside address, which are the same for all translations of one kind at one place.
fn outside_flows(entry: &NatEntry, home: &Home) -> Vec<Flow> {
    let mut flows = vec![arp_nd::anywhere(entry)];
    if home.translates() {
        flows.extend(snat::ingress(entry, home));
        flows.extend(loopback::egress(entry, home));
        flows.extend(loopback::translated_here(entry, home));
        flows.extend(admission::source(entry));
    }
    flows
}

/// Flows of distributed translations that depend on ports.
///
/// Cost: a translation costs its own flows; a gateway port those of its translations; a virtual port those
/// of its own.
fn distributed(
    nats: &Entries,
    ports: &Relation<PortContext>,
    homes: &Relation<Home>,
    switch_ports: &Relation<SwitchPort>,
) -> Relation<Placed> {
    let distributed = nats.entries.filter(|entry| entry.distributed);
    let at_gate = distributed.index_by(|entry| entry.gate.as_ref().map(|gate| gate.port.row));
    let gateways = ports.filter(|port| port.config.redirect.is_some());
    let admitted = at_gate.join_flat(&gateways.index_by(|port| Some(port.config.port.row)), |entry, port| {
        place(entry.router, admission::distributed(entry, port))
    });
    let virtual_ports = switch_ports.filter(|port| port.kind == PortKind::Virtual);
    let unclaimed = distributed
        .index_by(|entry| entry.nat.logical_port.clone())
        .semijoin(&virtual_ports.index_by(|port| Some(port.port.name.clone())))
        .index_by(|entry| entry.router)
        .join_flat(&homes.index_by(|home| home.router), |entry, home| {
            place(entry.router, Vec::from_iter(redirect::unclaimed(entry, home.settings.drop)))
        });
    admitted.concat(&unclaimed)
}

/// Flows of outside addresses, which several translations may have: the first decides, by its identifier.
///
/// Cost: a translation costs its own flows if it is the first of its address, and else next to nothing.
fn addresses(nats: &Entries, homes: &Relation<Home>, ports: &Relation<PortContext>) -> Relation<Placed> {
    let home = homes.index_by(|home| home.router);
    let sources = nats.entries.filter(|entry| entry.nat.kind == Kind::Snat);
    let of_source = first(&sources, |entry| (entry.router, entry.nat.external), |entry| entry.nat.row.0);
    let answering = nats.entries.filter(|entry| entry.nat.kind != Kind::Snat).concat(&of_source);
    let answers = answering
        .filter(|entry| entry.gate.is_some())
        .index_by(|entry| entry.router)
        .join_flat(&home, |entry, home| place(entry.router, arp_nd::at_gateway(entry, home.settings.drop)));

    let gated = nats.entries.filter(|entry| entry.gate.is_some());
    let of_address =
        first(&gated, |entry| (entry.router, entry.nat.external_ip.clone()), |entry| entry.nat.row.0);
    let bridging = homes.filter(|home| home.bridged).map(|home| home.router);
    let firsts = ports
        .filter(|port| port.config.redirect.is_some())
        .map(|port| (port.config.router.row, port.config.port.clone()))
        .index_by(|(router, _)| *router)
        .semijoin(&bridging.index_by(|router| *router))
        .index_by(|(router, _)| *router)
        .reduce(|group| group.rows().min_by(|(_, a), (_, b)| a.name.cmp(&b.name)).cloned());
    let resolved = of_address
        .index_by(|entry| entry.router)
        .join(&home, |entry, home| (entry.clone(), home.clone()))
        .index_by(|(entry, _): &(NatEntry, Home)| entry.router)
        .join_optional(&firsts.index_by(|(router, _)| *router), |(entry, home), first| {
            let first = first.map(|(_, port)| port.quoted());
            place(entry.router, resolve::flows(entry, home, first.as_deref()))
        });
    answers.concat(&resolved)
}

/// Which classes each router is in.
///
/// Cost: a router costs itself; a translation nothing, unless it is the first or last of its router.
fn members(
    nats: &Entries,
    homes: &Relation<Home>,
    balanced: &Relation<Uuid>,
    committing: &Relation<Home>,
) -> Relation<SetMember> {
    let member =
        |set| move |router: &Uuid| SetMember { set: On::Routers(RouterSet::Nat(set)), datapath: *router };
    let gateway_routers = homes.filter(|home| home.gateway_router).map(|home| home.router);
    let having = nats.routers.concat(balanced).distinct();
    let undoing = gateway_routers.index_by(|router| *router).semijoin(&having.index_by(|router| *router));
    let on_one = committing.filter(|home| home.gateway_router);
    let new = undoing
        .index_by(|router| *router)
        .antijoin(&on_one.map(|home| home.router).index_by(|router| *router));
    let all = on_one.filter(|home| home.settings.zones).map(|home| home.router);
    homes.builder().union(&[
        undoing.map(member(Set::Undoing)),
        new.map(member(Set::CommittingNew)),
        all.map(member(Set::CommittingAll)),
    ])
}
