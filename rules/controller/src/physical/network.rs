//! Physical networks (ports of type `localnet`): what local ports may send there, and MAC addresses of
//! chassis in place of those of routers, which would otherwise be seen to move from chassis to chassis.

use std::sync::Arc;

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use super::build::{Fields, clear_registers, load, output, push_vlan, row};
use super::peer::Pair;
use super::port::{Kind, Port, mac_of};
use super::seat::Seat;
use super::site::enter;
use crate::inputs::{Local, Southbound};
use crate::locality::{Locality, Way};
use crate::row::{Flow, Row};

/// The setting that gives a chassis MAC addresses.
const MAC_MAPPINGS: &str = "ovn-chassis-mac-mappings";
/// The number of the conjunctive match of packets that have a chassis' address.
const CHASSIS_MAC: u32 = 100;

/// The address of a chassis in a physical network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ChassisMac {
    chassis: Uuid,
    network: Text,
    mac: Mac,
}

/// A port to a physical network and a router's port that its switch leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Routed {
    seat: Arc<Seat>,
    router_port: Arc<Port>,
    mac: Mac,
}

/// Rows of physical networks.
///
/// Cost: an address of a chassis costs a row on each other one; a router's port costs three rows on the
/// chassis that plug the network in.
pub(super) fn flows(
    sb: &Southbound,
    local: &Local,
    locality: &Locality,
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    pairs: &Relation<Pair>,
) -> Relation<Flow> {
    let seats = seats.filter(|seat| seat.port.kind == Kind::Localnet);
    let kept_back = seats.flat_map(|seat| seat.flows(keep_back(seat)));
    let external = ports.filter(|port| port.kind == Kind::External && port.chassis.is_some());
    let let_out = seats.index_by(|seat| (seat.port.datapath, Some(seat.site.chassis))).join_flat(
        &external.index_by(|port| (port.datapath, port.chassis)),
        |seat, external| {
            let macs = external.addresses.iter().filter_map(|address| mac_of(address));
            seat.flows(macs.map(|mac| let_out(seat, mac)))
        },
    );
    let macs = sb.chassis.flat_map(macs_of);
    let routed = routed(locality, ports, &seats, pairs);
    kept_back
        .concat(&let_out.distinct())
        .concat(&from_chassis(local, &macs))
        .concat(&restored(&routed))
        .concat(&replaced(locality, &macs, &routed))
}

/// What a local port sends, and what is not to leave the chassis, does not go to the physical network.
fn keep_back(seat: &Seat) -> [Option<Row>; 2] {
    let dropping = seat.site.settings.dropping(table::CHECK_LOOPBACK);
    let only = Flag::LOCAL_ONLY.mask();
    let kept =
        [seat.to().with(Flag::LOCALPORT), seat.to().flags(only, only | Flag::OVERRIDE_LOCAL_ONLY.mask())];
    kept.map(|fields| seat.row(table::CHECK_LOOPBACK, 160, fields, &dropping))
}

/// Except to external ports for which the chassis answers.
fn let_out(seat: &Seat, mac: Mac) -> Option<Row> {
    let fields = seat.to().with(Flag::LOCALPORT).is(Field::ETH_DST, mac.bits());
    let mut actions: Vec<Action> = clear_registers().collect();
    actions.push(Action::resubmit(table::EGRESS));
    seat.row(table::CHECK_LOOPBACK, 170, fields, &actions)
}

/// The addresses of a chassis: `NETWORK:MAC` with commas between. A setting for this chassis alone goes before
/// the common one.
fn macs_of(chassis: &seen::Chassis) -> Vec<ChassisMac> {
    let own = chassis.other_config.get(&format!("{MAC_MAPPINGS}-{}", chassis.name));
    let mappings = own.or_else(|| chassis.other_config.get(MAC_MAPPINGS));
    let mapping = |text: &str| {
        let (network, mac) = text.split_once(':')?;
        Some(ChassisMac { chassis: chassis.uuid, network: network.into(), mac: mac_of(mac)? })
    };
    mappings.map(|text| text.split(',').filter_map(mapping).collect()).unwrap_or_default()
}

/// Packets with the address of another chassis: one part of a conjunctive match.
///
/// Cost: an address of a chassis costs a row on each other one.
fn from_chassis(local: &Local, macs: &Relation<ChassisMac>) -> Relation<Flow> {
    let here = local.chassis.map(|chassis| chassis.chassis).distinct();
    here.index_by(|_| ())
        .join_flat(&macs.index_by(|_| ()), |here, mac| {
            (mac.chassis != *here).then_some((*here, mac.mac, mac.chassis))
        })
        .index_by(|(here, mac, _)| (*here, *mac))
        .reduce(|group| {
            let (here, mac, owner) = *group.rows().min()?;
            let fields = Fields::default().is(Field::ETH_SRC, mac.bits());
            let row = row(
                table::PHYSICAL_TO_LOGICAL,
                180,
                fields,
                owner,
                &[Action::Conjunction(CHASSIS_MAC, 0, 2)],
            );
            row.map(|row| Flow { chassis: here, row })
        })
}

/// Ports to physical networks and the routers' ports that their switches lead to, as far as the chassis comes
/// from one to the other.
///
/// Cost: a port of a router costs the chassis that plug in the network of its switch.
fn routed(
    locality: &Locality,
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    pairs: &Relation<Pair>,
) -> Relation<Routed> {
    let switches = ports
        .filter(|port| port.kind == Kind::Localnet)
        .map(|port| port.datapath)
        .distinct()
        .index_by(|datapath| *datapath);
    let pairs = pairs.index_by(|pair| pair.near.datapath).semijoin(&switches);
    // Seen from the switch, a chassis takes the way there or the way back.
    let there =
        locality.passages.map(|passage| (passage.near.clone(), passage.far.clone(), passage.way.clone()));
    let back =
        locality.passages.map(|passage| (passage.far.clone(), passage.near.clone(), passage.way.clone()));
    let ways = there.concat(&back);
    let taken = pairs
        .index_by(|pair| (pair.near.name.clone(), pair.far.name.clone()))
        .join(&ways.index_by(|(near, far, _)| (near.clone(), far.clone())), |pair, (.., way)| {
            (pair.clone(), way.clone())
        });
    let by_all = taken
        .flat_map(|(pair, way)| if let Way::All(edge) = way { Some((pair.clone(), edge.from)) } else { None })
        .index_by(|(_, from)| *from)
        .join(&locality.by_datapath, |(pair, _), reach| (reach.chassis, pair.clone()));
    let by_one = taken.flat_map(|(pair, way)| match way {
        Way::One(edge) => Some((pair.clone(), edge.edge.from, edge.of)),
        _ => None,
    });
    let by_group = taken
        .flat_map(|(pair, way)| match way {
            Way::Group(edge) => Some((pair.clone(), edge.edge.from, edge.of)),
            _ => None,
        })
        .index_by(|(.., group)| *group)
        .join(&locality.members.index_by(|(group, _)| *group), |(pair, from, _), (_, chassis)| {
            (pair.clone(), *from, *chassis)
        });
    let by_some = by_one
        .concat(&by_group)
        .index_by(|(_, from, chassis)| (*chassis, *from))
        .join(&locality.reach.index_by(|reach| (reach.chassis, reach.datapath)), |(pair, ..), reach| {
            (reach.chassis, pair.clone())
        });
    by_all.concat(&by_some).distinct().index_by(|(chassis, pair)| (*chassis, pair.near.datapath)).join_flat(
        &seats.index_by(|seat| (seat.site.chassis, seat.port.datapath)),
        |(_, pair), seat| {
            let mac = pair.far.mac()?;
            Some(Routed { seat: Arc::clone(seat), router_port: Arc::clone(&pair.far), mac })
        },
    )
}

/// Packets from a physical network with the address of another chassis get back that of the router's port.
/// Of several such ports the one with the least name counts.
fn restored(routed: &Relation<Routed>) -> Relation<Flow> {
    routed.index_by(|routed| (routed.seat.site.chassis, routed.seat.port.uuid)).reduce(|group| {
        let routed = group.rows().min_by(|a, b| a.router_port.name.cmp(&b.router_port.name));
        routed.map(|routed| routed.seat.flows(restore(routed))).unwrap_or_default()
    })
}

fn restore(routed: &Routed) -> [Option<Row>; 2] {
    let Routed { seat, router_port, mac } = routed;
    let tag = seat.port.tag;
    let from = Fields::in_port(seat.ofport);
    let from = if tag == 0 { from.no_vlan() } else { from.vlan(tag) };
    let mut actions = Vec::new();
    if tag != 0 {
        actions.push(Action::PopVlan);
    }
    actions.extend(enter(seat.site.zones, seat.zone, &seat.port));
    actions.push(load(register::CT_ZONE, 16, 16, 0u8));
    actions.push(Action::set(Field::ETH_SRC, mac.bits().into()));
    actions.push(Action::resubmit(table::INGRESS));
    let whole = from.clone().is(northflow_language::expression::Match::CONJUNCTION, CHASSIS_MAC);
    let part = [Action::Conjunction(CHASSIS_MAC, 1, 2)];
    [
        row(table::PHYSICAL_TO_LOGICAL, 180, whole, router_port.uuid, &actions),
        row(table::PHYSICAL_TO_LOGICAL, 180, from, router_port.uuid, &part),
    ]
}

/// Packets of a router's port leave with the address of the chassis, unless the chassis is the port's gateway.
fn replaced(locality: &Locality, macs: &Relation<ChassisMac>, routed: &Relation<Routed>) -> Relation<Flow> {
    let macs = macs
        .index_by(|mac| (mac.chassis, Some(mac.network.clone())))
        .reduce(|group| group.rows().min().cloned());
    routed
        .index_by(|routed| (routed.seat.site.chassis, Text::from(format!("cr-{}", routed.router_port.name))))
        .antijoin(&locality.resident.index_by(|resident| (resident.chassis, resident.port.clone())))
        .index_by(|routed| (routed.seat.site.chassis, routed.seat.port.options.network.clone()))
        .join_flat(&macs.index_by(|mac| (mac.chassis, Some(mac.network.clone()))), |routed, chassis_mac| {
            routed.seat.flows([replace(routed, chassis_mac.mac)])
        })
}

fn replace(routed: &Routed, chassis_mac: Mac) -> Option<Row> {
    let Routed { seat, mac, .. } = routed;
    let tag = seat.port.tag;
    let fields = seat.to().is(Field::ETH_SRC, mac.bits());
    let mut actions = vec![Action::set(Field::ETH_SRC, chassis_mac.bits().into())];
    if tag != 0 {
        actions.extend(push_vlan(seat.port.options.ethertype, tag));
    }
    actions.push(output(seat.ofport));
    // The packet may go to further ports.
    actions.push(Action::set(Field::ETH_SRC, mac.bits().into()));
    if tag != 0 {
        actions.push(Action::PopVlan);
    }
    seat.row(table::LOGICAL_TO_PHYSICAL, 150, fields, &actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_chassis() {
        let mut chassis = seen::Chassis { name: "hv1".into(), ..seen::Chassis::default() };
        chassis.other_config.insert(MAC_MAPPINGS, "a:00:00:00:00:00:01,b:,c:00:00:00:00:00:03".into());
        let networks = |chassis: &seen::Chassis| -> Vec<Text> {
            macs_of(chassis).into_iter().map(|mac| mac.network).collect()
        };
        assert_eq!(networks(&chassis), [Text::from("a"), Text::from("c")]);
        chassis.other_config.insert(format!("{MAC_MAPPINGS}-hv1"), "d:00:00:00:00:00:04".into());
        assert_eq!(networks(&chassis), [Text::from("d")]);
    }
}
