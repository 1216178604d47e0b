//! Which translations each router has, and at which of its ports (J01).

use std::net::{Ipv4Addr, Ipv6Addr};

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::entry::{Fault, Filter, Gate, NatEntry, Translation};
use super::outside::{self, Outside, Place};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::Link;
use crate::topology::routed::Routed;
use crate::topology::router::Gateways;
use crate::value::addresses::RouterAddresses;

/// The translations of all routers; what load balancers, switches and bindings ask of them is here.
#[derive(Clone, Debug)]
pub struct Entries {
    /// The translations that count, one row for each router that has one.
    pub entries: Relation<NatEntry>,
    /// Routers with a row in Logical_Router.nat, whether it counts or not; each once.
    pub routers: Relation<Uuid>,
    /// Routers with a translation that names a logical port and a MAC address for it, so that not all
    /// traffic has to pass the gateway; each once.
    pub distributed: Relation<Uuid>,
    /// Routers and the outside addresses in their NAT rows, as these spell them, whether they count or
    /// not; each once.
    pub external_ips: Relation<(Uuid, Text)>,
    /// Outside addresses as neighbours hear of them.
    pub outsides: Relation<Outside>,
    /// Where distributed translations happen, by router; each once.
    pub places: Relation<(Uuid, Place)>,
    /// Why rows count for nothing.
    pub problems: Relation<Problem>,
}

/// What of a router decides where its translations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Exits {
    None,
    One,
    Several,
}

/// A gateway port and its networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Candidate {
    router: Uuid,
    gate: Gate,
    addresses: RouterAddresses,
}

/// A translation of a router, before its gateway port is chosen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Listed {
    router: Uuid,
    nat: Translation,
}

/// Reads the translations of all routers.
///
/// ```text
/// entry(router, nat)  :-  router lists nat, which can be read;
///                         the gateway port that it names, or the only one of the router, or
///                         the one with the least name of those that have the outside address in
///                         their networks; or the router has none
/// ```
///
/// Cost: a row costs itself, once for each gateway port of its router; a gateway port the translations of
/// its router.
pub fn entries(nb: &Northbound, routed: &Routed) -> Entries {
    let read = nb.nat.map(|row| (row.uuid, Translation::read(row)));
    let of_router = nb
        .router_nat
        .index_by(Link::member)
        .join(&read.index_by(|(row, _)| *row), |link, (_, read)| (link.owner, read.clone()));
    let listed = filtered(
        nb,
        &of_router.flat_map(|(router, read)| {
            let (router, nat) = (*router, read.clone().ok()?);
            Some(Listed { router, nat })
        }),
    );

    let exits = routed.routers.map(|router| match router.gateways {
        Gateways::None => (router.row, Exits::None),
        Gateways::One(_) => (router.row, Exits::One),
        Gateways::Several => (router.row, Exits::Several),
    });
    let exits = exits.index_by(|(router, _)| *router).named("nat.exits");
    let candidates = candidates(routed);
    let by_router = candidates.index_by(|candidate| candidate.router).named("nat.candidate");

    let named = listed.filter(|listed| listed.nat.gateway_port.is_some());
    let by_port = candidates.index_by(|candidate| (candidate.router, Some(candidate.gate.port.row)));
    let named = named
        .index_by(|listed| listed.router)
        .semijoin(&exits)
        .index_by(|listed| (listed.router, listed.nat.gateway_port));
    let at_named = named.join(&by_port, |listed, candidate| entry(listed, Some(&candidate.gate)));
    let misnamed = named
        .antijoin(&by_port)
        .index_by(|listed| listed.nat.gateway_port)
        .join(&nb.router_port.map(|row| (row.uuid, row.name.clone())).index_by(|(row, _)| Some(*row)), {
            |listed, (_, name)| (listed.router, Fault::GatewayPort(name.clone()))
        });

    let free = listed
        .filter(|listed| listed.nat.gateway_port.is_none())
        .index_by(|listed| listed.router)
        .join(&exits, |listed, (_, exits)| (listed.clone(), *exits));
    let without = free.filter(|(_, exits)| *exits == Exits::None).map(|(listed, _)| entry(listed, None));
    let choices = free
        .filter(|(_, exits)| *exits != Exits::None)
        .index_by(|(listed, _)| listed.router)
        .join_flat(&by_router, |(listed, exits), candidate| {
            let fits = *exits == Exits::One || has(&candidate.addresses, &listed.nat.external_ip);
            fits.then(|| entry(listed, Some(&candidate.gate)))
        });
    let chosen = choices.index_by(|entry| (entry.router, entry.nat.row)).reduce(|group| {
        let name = |entry: &&NatEntry| entry.gate.as_ref().map(|gate| gate.port.name.clone());
        group.rows().min_by_key(name).cloned()
    });
    let several = free.filter(|(_, exits)| *exits == Exits::Several);
    let undetermined = several
        .index_by(|(listed, _)| (listed.router, listed.nat.row))
        .antijoin(&chosen.index_by(|entry| (entry.router, entry.nat.row)))
        .map(|(listed, _)| (listed.router, Fault::Undetermined(listed.nat.external_ip.clone())));

    let entries = nb.nat.builder().union(&[at_named, without, chosen]);
    let unread = of_router.flat_map(|(router, read)| Some((*router, read.clone().err()?)));
    let faults = nb.nat.builder().union(&[unread, misnamed, undetermined]);
    let names = nb.router.map(|row| (row.uuid, row.name.clone()));
    let problems = faults
        .index_by(|(router, _): &(Uuid, Fault)| *router)
        .join(&names.index_by(|(router, _)| *router), |(router, fault), (_, name)| {
            Problem::new(fault.complaint(*router, name))
        });
    let bad = several.flat_map(|(listed, _)| Some(Problem::new(unlike_an_address(&listed.nat.external_ip)?)));

    let external_ips = nb.nat.map(|row| (row.uuid, row.external_ip.clone()));
    let external_ips = nb
        .router_nat
        .index_by(Link::member)
        .join(&external_ips.index_by(|(row, _)| *row), |link, (_, address)| (link.owner, address.clone()));
    Entries {
        distributed: entries
            .filter(|entry| entry.nat.wants_distribution())
            .map(|entry| entry.router)
            .distinct(),
        routers: external_ips.map(|(router, _)| *router).distinct(),
        external_ips: external_ips.distinct(),
        outsides: outside::outsides(nb, &routed.routers),
        places: outside::places(nb),
        entries,
        problems: problems.concat(&bad),
    }
}

/// Puts the names of sets of addresses in.
///
/// Cost: a translation costs itself; the name of a set, the translations that it limits.
fn filtered(nb: &Northbound, listed: &Relation<Listed>) -> Relation<Listed> {
    let limits = nb.nat.flat_map(|row| {
        let allowed = row.allowed_ext_ips.map(|set| (row.uuid, set, true));
        allowed.or(row.exempted_ext_ips.map(|set| (row.uuid, set, false)))
    });
    let names = nb.address_set.map(|row| (row.uuid, row.name.clone()));
    let limits = limits.index_by(|(_, set, _)| *set).join(
        &names.index_by(|(set, _)| *set),
        |(row, _, allowed), (_, name)| {
            let filter = if *allowed { Filter::Allowed } else { Filter::Exempted };
            (*row, filter(name.clone()))
        },
    );
    listed.index_by(|listed| listed.nat.row).join_optional(
        &limits.index_by(|(row, _): &(Uuid, Filter)| *row),
        |listed, limit| {
            let filter = limit.map(|(_, filter)| filter.clone());
            Some(Listed { nat: Translation { filter, ..listed.nat.clone() }, ..listed.clone() })
        },
    )
}

/// The gateway ports of all routers.
///
/// Cost: a gateway port costs itself.
fn candidates(routed: &Routed) -> Relation<Candidate> {
    let inner =
        routed.facing.filter(|facing| facing.redirect().is_some()).map(|facing| facing.router_port.row);
    let gateways = routed.ports.filter(|port| port.redirect.is_some());
    gateways.index_by(|port| port.port.row).join_optional(
        &inner.distinct().index_by(|port| *port),
        |port, inner| {
            let gate = Gate {
                port: port.port.clone(),
                redirect: port.redirect.as_ref()?.name.clone(),
                mac: port.addresses.given.mac,
                inner: inner.is_some(),
            };
            Some(Candidate { router: port.router, gate, addresses: port.addresses.clone() })
        },
    )
}

fn entry(listed: &Listed, gate: Option<&Gate>) -> NatEntry {
    let distributed = gate.is_some_and(|gate| !gate.inner) && listed.nat.wants_distribution();
    NatEntry { nat: listed.nat.clone(), router: listed.router, gate: gate.cloned(), distributed }
}

/// Whether `address`, as the CMS spells it, is in a network of a port.
fn has(addresses: &RouterAddresses, address: &str) -> bool {
    if address.contains('.') {
        let Ok(address) = address.parse() else { return false };
        addresses.given.ip4.iter().any(|net| net.contains(address))
    } else {
        let Ok(address) = address.parse() else { return false };
        addresses.ip6().any(|net| net.contains(address))
    }
}

/// What ovn-northd says of an outside address that it looks for in networks and that is none.
fn unlike_an_address(address: &str) -> Option<String> {
    if address.contains('.') {
        address.parse::<Ipv4Addr>().is_err().then(|| format!("bad ip address {address}"))
    } else {
        address.parse::<Ipv6Addr>().is_err().then(|| format!("bad ipv6 address {address}"))
    }
}
