//! Ports that are on several chassis while they move (live migration): packets between these and others go
//! through tunnels, even where a physical network would lead there, and a port is not in use on its new
//! chassis before it has been heard of there.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::action::{FragmentMtu, Opcode};
use northflow_language::openflow::{self, Action, Controller, Field, Subfield};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::value::addresses::Addresses;
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use super::build::{Fields, forget_in_port, load, output, row};
use super::port::{Kind, Port};
use super::remote::best;
use super::seat::Seat;
use super::site::Sites;
use super::tunnel::{Tunnel, Ways};
use crate::inputs::{Local, Southbound};
use crate::row::{Flow, Row};

/// A tunnel that packets between a port that moves and another one take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Between {
    chassis: Uuid,
    moving: Arc<Port>,
    other: Arc<Port>,
    tunnel: Tunnel,
}

/// Rows of ports that move.
///
/// Cost: a port that moves costs the ports of its datapath on the chassis that have a physical network there.
pub(super) fn flows(
    sb: &Southbound,
    local: &Local,
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    sites: &Sites,
    ways: &Index<(Uuid, Uuid), Arc<Ways>>,
) -> Relation<Flow> {
    let between = between(ports, sites, ways);
    let tunneled =
        between.flat_map(|between| tunnel_row(between).map(|row| Flow { chassis: between.chassis, row }));
    // A packet that is too large for the tunnel is answered, whatever port it is for or from.
    let limited = between
        .index_by(|between| (between.chassis, between.moving.name.clone()))
        .join(&local.mtu.index_by(|mtu| (mtu.chassis, mtu.port.clone())), |between, mtu| {
            (between.clone(), mtu.mtu)
        })
        .index_by(|(between, _)| (between.chassis, between.moving.uuid))
        .reduce(|group| {
            let (between, mtu) = group.rows().min_by(|a, b| a.0.other.uuid.cmp(&b.0.other.uuid))?;
            Some((between.clone(), *mtu))
        })
        .flat_map(|(between, mtu)| {
            let chassis = between.chassis;
            large_rows(between, *mtu).into_iter().map(move |row| Flow { chassis, row })
        });
    tunneled.concat(&limited).concat(&waiting(sb, seats))
}

/// The tunnels between ports that move and others that a physical network would lead to.
fn between(
    ports: &Relation<Arc<Port>>,
    sites: &Sites,
    ways: &Index<(Uuid, Uuid), Arc<Ways>>,
) -> Relation<Between> {
    let moving = ports.filter(|port| port.kind == Kind::Vif && !port.additional.is_empty());
    let others = ports.filter(|port| port.additional.is_empty() && port.kind != Kind::Patch);
    moving
        .index_by(|port| port.datapath)
        .join(&others.index_by(|port| port.datapath), |moving, other| (Arc::clone(moving), Arc::clone(other)))
        .index_by(|(moving, _)| moving.datapath)
        .join_flat(&sites.exits_by_datapath, |(moving, other), exit| {
            let host = other.chassis.filter(|_| exit.bridges(other) && !exit.always_tunnel)?;
            Some((exit.chassis, host, Arc::clone(moving), Arc::clone(other)))
        })
        .index_by(|(chassis, host, ..)| (*chassis, *host))
        .join_flat(ways, |(chassis, _, moving, other), ways| {
            let tunnel = best(other, ways, 0).filter(|tunnel| tunnel.ends.is_none())?.clone();
            let (moving, other) = (Arc::clone(moving), Arc::clone(other));
            Some(Between { chassis: *chassis, moving, other, tunnel })
        })
}

/// Sends what the port that moves has for another one through a tunnel.
fn tunnel_row(between: &Between) -> Option<Row> {
    let Between { moving, other, tunnel, .. } = between;
    let ramp = other.kind == Kind::Vtep;
    let mut actions: Vec<Action> = ramp.then(forget_in_port).into_iter().collect();
    actions.extend(tunnel.kept.write_for(other.datapath_key, other.key, ramp));
    actions.push(output(tunnel.ofport));
    let fields = Fields::to(other.datapath_key, other.key).is(register::INPORT, moving.key);
    row(table::REMOTE_OUTPUT, 110, fields, other.uuid, &actions)
}

/// Where northd's flows say that a packet is too large.
const LARGER: Subfield = Subfield { field: Field::register(9), offset: 1, bits: 1 };

/// Finds packets of the port that moves and to it that are too large, and answers them.
fn large_rows(between: &Between, interface_mtu: u16) -> Vec<Row> {
    /// Bytes of an Ethernet header and its check sum.
    const ETHERNET: u16 = 18;
    let Between { moving, other, tunnel, .. } = between;
    let Some(mtu) = interface_mtu.checked_sub(tunnel.overhead()).filter(|mtu| *mtu > ETHERNET) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for ipv6 in [false, true] {
        for direction in [register::INPORT, register::OUTPORT] {
            let fields =
                Fields::default().ip(ipv6).is(Field::METADATA, moving.datapath_key).is(direction, moving.key);
            let detect =
                [Action::CheckPacketLarger(mtu, LARGER), Action::resubmit(table::OUTPUT_LARGE_PROCESS)];
            rows.push(row(table::OUTPUT_LARGE_DETECT, 100, fields.clone(), other.uuid, &detect));
            let large = fields.bits(LARGER.field, LARGER.mask(), LARGER.mask());
            if let Some(answer) = too_large(ipv6, mtu - ETHERNET) {
                rows.push(row(table::OUTPUT_LARGE_PROCESS, 100, large, other.uuid, &[answer]));
            }
        }
    }
    rows.into_iter().flatten().collect()
}

/// An ICMP error that turns back: it is made by the controller and begins anew.
fn too_large(ipv6: bool, mtu: u16) -> Option<Action> {
    let (source, destination) =
        if ipv6 { (Field::IPV6_SRC, Field::IPV6_DST) } else { (Field::IP_SRC, Field::IP_DST) };
    let swap = |one: Field, other: Field| {
        let (one, other) = (Subfield::whole(one), Subfield::whole(other));
        [Action::Push(one), Action::Push(other), Action::Pop(one), Action::Pop(other)]
    };
    let mut inner = vec![Action::load(0, LARGER), Action::load(1, Flag::LOOPBACK.bit())];
    inner.extend(swap(register::INPORT, register::OUTPORT));
    inner.extend(swap(Field::ETH_DST, Field::ETH_SRC));
    inner.extend(swap(destination, source));
    inner.push(Action::SetTtl(255));
    let (kind, code) = if ipv6 { (2u8, 0u8) } else { (3, 4) };
    let names = if ipv6 { ["icmpv6_type", "icmpv6_code"] } else { ["icmp_type", "icmp_code"] };
    for (name, value) in names.into_iter().zip([kind, code]) {
        inner.push(Action::set(Field::find(name)?, value.into()));
    }
    inner.push(FragmentMtu { ipv6, mtu: mtu.into() }.note());
    inner.push(Action::resubmit(table::INGRESS));
    Some(controller(Opcode::Icmp, true, &openflow::encode(&inner).ok()?))
}

/// Sends the packet to the controller, for an operation.
fn controller(opcode: Opcode, pause: bool, payload: &[u8]) -> Action {
    let mut userdata = opcode.number().to_be_bytes().to_vec();
    userdata.extend([0; 4]);
    userdata.extend(payload);
    Action::Controller(Controller { userdata, pause, ..Controller::default() })
}

/// How a port that moves is known to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It asks for its address.
    Rarp,
    /// It says its IPv4 address to all.
    Garp,
    /// It says its IPv6 address to all.
    Na,
}

/// Ports that are additionally here and have not been heard of yet: nothing goes in or out but what says that
/// they have arrived.
///
/// Cost: such a port costs its rows.
fn waiting(sb: &Southbound, seats: &Relation<Arc<Seat>>) -> Relation<Flow> {
    let names = sb.chassis.map(|chassis| (chassis.uuid, chassis.name.clone()));
    seats
        .filter(|seat| {
            seat.port.additional.contains(&seat.site.chassis) && seat.port.options.activation.is_some()
        })
        .index_by(|seat| seat.site.chassis)
        .join_flat(&names.index_by(|(uuid, _)| *uuid), |seat, (_, name)| {
            let activated = seat.port.options.activated.as_deref().unwrap_or_default();
            let arrived = activated.split(',').any(|chassis| *chassis == **name);
            if arrived { Vec::new() } else { seat.flows(wait(seat)) }
        })
        .distinct()
}

fn signs(text: &str) -> Vec<Sign> {
    let known = [("rarp", Sign::Rarp), ("garp", Sign::Garp), ("na", Sign::Na)];
    let wanted: Vec<&str> = text.split(',').collect();
    known.into_iter().filter(|(name, _)| wanted.contains(name)).map(|(_, sign)| sign).collect()
}

fn wait(seat: &Seat) -> Vec<Option<Row>> {
    let signs = signs(seat.port.options.activation.as_deref().unwrap_or_default());
    let addresses: Vec<Addresses> =
        seat.port.addresses.iter().filter_map(|text| Addresses::scan(text)).map(|(it, _)| it).collect();
    if signs.is_empty() || addresses.is_empty() {
        return Vec::new();
    }
    let mut actions = seat.enter();
    // It has the first end of tunnels until it has arrived.
    if let Some(last) = actions.last_mut() {
        *last = load(register::CT_ZONE, 16, 16, 0u8);
    }
    actions.push(controller(Opcode::ActivationStrategy, false, &[]));
    actions.push(Action::resubmit(table::INGRESS));
    let from = || Fields::in_port(seat.ofport);
    let mut heard = Vec::new();
    for sign in signs {
        match sign {
            Sign::Rarp => heard.push(from().is(Field::ETH_TYPE, 0x8035u16)),
            Sign::Garp => heard.extend(addresses.iter().flat_map(|addresses| {
                addresses.ips4().map(|ip| announced_arp(from(), addresses.mac, ip.to_bits()))
            })),
            Sign::Na => heard.extend(addresses.iter().flat_map(|addresses| {
                let own = addresses.ips6().next().map(|_| addresses.mac.link_local());
                let ips = own.into_iter().chain(addresses.ips6());
                ips.map(|ip| announced_nd(from(), addresses.mac, ip.to_bits()))
            })),
        }
    }
    let mut rows: Vec<Option<Row>> = heard
        .into_iter()
        .map(|fields| seat.row(table::PHYSICAL_TO_LOGICAL, 1010, fields, &actions))
        .collect();
    rows.push(seat.row(table::PHYSICAL_TO_LOGICAL, 1000, from(), &[]));
    rows.push(seat.row(table::LOGICAL_TO_PHYSICAL, 1000, seat.to(), &[]));
    rows
}

fn announced_arp(from: Fields, mac: Mac, ip: u32) -> Fields {
    from.is(Field::ETH_TYPE, 0x0806u16)
        .is(Field::ETH_SRC, mac.bits())
        .is(Field::named("arp_sha"), mac.bits())
        .is(Field::named("arp_spa"), ip)
        .is(Field::named("arp_tpa"), ip)
}

fn announced_nd(from: Fields, mac: Mac, ip: u128) -> Fields {
    from.icmp(true, 136, 0)
        .is(Field::IPV6_SRC, ip)
        .is(Field::named("nd_target"), ip)
        .is(Field::named("nd_tll"), mac.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_signs() {
        assert_eq!(signs("na,rarp,smoke"), [Sign::Rarp, Sign::Na]);
        assert_eq!(signs(""), []);
    }

    #[test]
    fn the_error_begins_anew() {
        let Some(Action::Controller(controller)) = too_large(false, 1400) else { panic!("an action") };
        assert!(controller.pause);
        let inner = openflow::decode(&controller.userdata[8..]).expect("actions");
        assert_eq!(inner.last(), Some(&Action::resubmit(table::INGRESS)));
    }
}
