//! Ports on other chassis: over a tunnel, or over the physical network that the chassis plugs in.
//!
//! Most ports are on one chassis, and for these there is nothing to remember of pairs of a port and a chassis
//! from which it is far: the chassis that have the datapath meet the chassis that have ports in it, and
//! tunnels between these meet ports. Ports that may be in several places are worked out for each chassis.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::{Action, Field, Subfield};
use northflow_language::register;
use northflow_language::table;
use northflow_rules::ovsdb::Uuid;
use serde::{Deserialize, Serialize};

use super::build::{Fields, forget_in_port, load_register, output, row};
use super::gateway::{Bundle, Stand, bundle_row};
use super::port::{Kind, Port};
use super::seat::Seat;
use super::site::{Exit, Sites};
use super::tunnel::{Tunnel, Ways};
use crate::row::{Flow, Row};

/// What these rows are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a> {
    /// Ports.
    pub ports: &'a Relation<Arc<Port>>,
    /// Those that are reached through a port of a switch.
    pub seats: &'a Relation<Arc<Seat>>,
    /// Datapaths on chassis.
    pub sites: &'a Sites,
    /// Tunnels, by the chassis at both ends.
    pub ways: &'a Index<(Uuid, Uuid), Arc<Ways>>,
    /// Groups of chassis, by the groups' rows.
    pub bundles: &'a Index<Option<Uuid>, Arc<Bundle>>,
    /// Where a port stands for another one.
    pub stands: &'a Relation<Stand>,
}

/// From a chassis that has a datapath there are tunnels to a chassis that has ports in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Link {
    exit: Arc<Exit>,
    ways: Arc<Ways>,
}

/// A port that may be in several places, seen from a chassis that has its datapath and is none of them, or not
/// the only one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Far {
    exit: Arc<Exit>,
    port: Arc<Port>,
    /// Whether the chassis is one of its places.
    here: bool,
}

/// Whether a port has at most one place, which its row names.
fn is_single(port: &Port) -> bool {
    port.additional.is_empty() && !matches!(port.kind, Kind::Patch | Kind::Redirect | Kind::External)
}

/// Rows of ports that are elsewhere.
///
/// Cost: a port costs its row on the chassis that have its datapath.
pub(super) fn flows(inputs: Inputs<'_>) -> Relation<Flow> {
    let Inputs { ports, sites, ways, .. } = inputs;
    let single = ports.filter(|port| is_single(port));
    let hosts = single.flat_map(|port| port.chassis.map(|chassis| (port.datapath, chassis))).distinct();
    let links = hosts
        .index_by(|(datapath, _)| *datapath)
        .join(&sites.exits_by_datapath, |(_, host), exit| (Arc::clone(exit), *host))
        .index_by(|(exit, host)| (exit.chassis, *host))
        .join(ways, |(exit, _), ways| Link { exit: Arc::clone(exit), ways: Arc::clone(ways) });
    let over_tunnels = links.index_by(|link| (link.exit.datapath, Some(link.ways.remote))).join_flat(
        &single.index_by(|port| (port.datapath, port.chassis)),
        |link, port| {
            let bridged = link.exit.bridges(port) && !link.exit.always_tunnel;
            let rows = if bridged { Vec::new() } else { tunnel_rows(port, &[&link.ways]) };
            let chassis = link.exit.chassis;
            rows.into_iter().map(move |row| Flow { chassis, row })
        },
    );
    let plugged = sites.exits.filter(|exit| exit.network.is_some() && !exit.always_tunnel);
    let over_networks = ports
        .filter(|port| is_single(port) && !is_anywhere(port))
        .index_by(|port| port.datapath)
        .join_flat(&plugged.index_by(|exit| exit.datapath), |port, exit| {
            let far = !is_there(port, exit.chassis);
            far.then(|| network_row(port, exit)).flatten().map(|row| Flow { chassis: exit.chassis, row })
        });
    over_tunnels.concat(&over_networks).concat(&several(inputs))
}

/// Whether its row does not say whether a chassis has it.
fn is_anywhere(port: &Port) -> bool {
    matches!(port.kind, Kind::Localnet | Kind::Localport | Kind::L2Gateway)
}

/// Whether a port that has one place is on a chassis, where other rows are its own.
fn is_there(port: &Port, chassis: Uuid) -> bool {
    (port.has_interface() || port.kind == Kind::L3Gateway) && port.chassis == Some(chassis)
}

/// Ports that may be in several places.
///
/// Cost: such a port costs the chassis that have its datapath.
fn several(inputs: Inputs<'_>) -> Relation<Flow> {
    let Inputs { ports, seats, sites, ways, bundles, stands } = inputs;
    let scattered = ports.filter(|port| port.kind != Kind::Patch && (!is_single(port) || is_anywhere(port)));
    let seen = scattered
        .index_by(|port| port.datapath)
        .join(&sites.exits_by_datapath, |port, exit| (Arc::clone(exit), Arc::clone(port)))
        .index_by(|(exit, port)| (exit.chassis, port.uuid));
    let seated = seats.index_by(|seat| (seat.site.chassis, seat.port.uuid));
    // Where a port stands for another one, its rows lead to that.
    let far = seen.antijoin(&stands.index_by(|stand| (stand.chassis, stand.port.uuid)));
    let far = far.index_by(|(exit, port)| (exit.chassis, port.uuid)).join_optional(
        &seated,
        |(exit, port), seat| {
            Some(Far { exit: Arc::clone(exit), port: Arc::clone(port), here: seat.is_some() })
        },
    );
    let bridged = far.flat_map(|far| {
        let is_bridged = !far.here && far.exit.bridges(&far.port) && !far.exit.always_tunnel;
        let row = is_bridged.then(|| network_row(&far.port, &far.exit)).flatten();
        row.map(|row| Flow { chassis: far.exit.chassis, row })
    });
    let tunneled = far.filter(|far| {
        let over_tunnels = far.here || far.exit.always_tunnel || !far.exit.bridges(&far.port);
        !is_single(&far.port) && !far.port.options.bridged && over_tunnels
    });
    // A group of several chassis is a bundle, of which the first that answers is taken.
    let grouped = tunneled
        .filter(|far| !far.here && !far.exit.bridges(&far.port))
        .index_by(|far| far.port.group)
        .join(bundles, |far, bundle| (far.clone(), Arc::clone(bundle)))
        .filter(|(_, bundle)| bundle.members.len() > 1);
    let plain = tunneled
        .index_by(|far| (far.exit.chassis, far.port.uuid))
        .antijoin(&grouped.index_by(|(far, _)| (far.exit.chassis, far.port.uuid)));
    let by_tunnel = plain
        .flat_map(|far| {
            let far = far.clone();
            let hosts: Vec<Uuid> = far.port.hosts().collect();
            hosts.into_iter().enumerate().map(move |(nth, host)| (far.clone(), nth as u32, host))
        })
        .index_by(|(far, _, host)| (far.exit.chassis, *host))
        .join(ways, |(far, nth, _), ways| (far.clone(), *nth, Arc::clone(ways)))
        .index_by(|(far, ..)| (far.exit.chassis, far.port.uuid))
        .reduce(|group| {
            let mut ways: Vec<(u32, &Ways)> = group.rows().map(|(_, nth, ways)| (*nth, &**ways)).collect();
            ways.sort();
            let ways: Vec<&Ways> = ways.into_iter().map(|(_, ways)| ways).collect();
            let far = &group.any().0;
            let chassis = far.exit.chassis;
            tunnel_rows(&far.port, &ways).into_iter().map(move |row| Flow { chassis, row })
        });
    let by_bundle = grouped
        .flat_map(|(far, bundle)| {
            let far = far.clone();
            let members: Vec<Uuid> = bundle.members.iter().map(|member| member.chassis).collect();
            members.into_iter().enumerate().map(move |(nth, member)| (far.clone(), nth as u32, member))
        })
        .index_by(|(far, _, member)| (far.exit.chassis, *member))
        .join_flat(ways, |(far, nth, _), ways| Some((far.clone(), *nth, ways.first()?.clone())))
        .index_by(|(far, ..)| (far.exit.chassis, far.port.uuid))
        .reduce(|group| {
            let mut tunnels: Vec<(u32, &Tunnel)> =
                group.rows().map(|(_, nth, tunnel)| (*nth, tunnel)).collect();
            tunnels.sort();
            let tunnels: Vec<&Tunnel> = tunnels.into_iter().map(|(_, tunnel)| tunnel).collect();
            let far = &group.any().0;
            let row = bundle_row(&far.port, &tunnels);
            row.map(|row| Flow { chassis: far.exit.chassis, row })
        });
    bridged.concat(&by_tunnel).concat(&by_bundle)
}

/// Sends packets to a port through tunnels to the chassis where it is; for each own end of tunnels that
/// they may have to use, through those that begin there.
fn tunnel_rows(port: &Port, ways: &[&Ways]) -> Vec<Row> {
    let encaps = ways.iter().map(|ways| ways.encaps).max().unwrap_or(0);
    let rows = (0..encaps).map(|encap| {
        let mut actions = Vec::new();
        let tunnels: Vec<&Tunnel> = ways.iter().filter_map(|ways| best(port, ways, encap)).collect();
        let shared = tunnels.iter().any(|tunnel| tunnel.ends.is_some());
        // Packets may have to go back through the tunnel that they came from.
        let restored = port.options.network_function && !shared;
        if restored {
            actions.push(Action::Push(Subfield::whole(Field::IN_PORT)));
        }
        let ramp = port.kind == Kind::Vtep;
        if restored || ramp {
            actions.push(forget_in_port());
        }
        for tunnel in tunnels {
            actions.extend(tunnel.write(port.datapath_key, port.key, ramp));
            actions.push(output(tunnel.ofport));
        }
        actions.push(Action::resubmit(if shared { table::LOCAL_OUTPUT } else { table::REMOTE_VTEP_OUTPUT }));
        if restored {
            actions.push(Action::Pop(Subfield::whole(Field::IN_PORT)));
        }
        let fields = Fields::to(port.datapath_key, port.key).encap(encap);
        row(table::REMOTE_OUTPUT, 100, fields, port.uuid, &actions)
    });
    rows.flatten().collect()
}

/// The tunnel to a port's chassis. At its first place the port may want an end of tunnels of its own; where ports
/// of tunnels lead to all chassis, that is the only place.
pub(super) fn best<'a>(port: &Port, ways: &'a Ways, encap: u16) -> Option<&'a Tunnel> {
    let is_first = port.chassis == Some(ways.remote);
    let wanted = port.encap.as_deref().filter(|_| is_first);
    ways.best(wanted, encap).filter(|tunnel| is_first || tunnel.ends.is_none())
}

/// Sends packets to a port out to the physical network.
fn network_row(port: &Port, exit: &Exit) -> Option<Row> {
    let network = exit.network.as_ref().filter(|_| exit.bridges(port))?;
    let actions = [load_register(register::OUTPORT, network.key), Action::resubmit(table::LOCAL_OUTPUT)];
    row(table::LOCAL_OUTPUT, 100, Fields::to(port.datapath_key, port.key), port.uuid, &actions)
}
