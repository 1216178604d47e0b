//! Multicast groups: on each chassis that has the datapath, one row leads packets to the members that are
//! there, and one to the other chassis that have members.
//!
//! Ports that lead to other datapaths are in the latter, so that a packet crosses on the chassis that it is
//! from and on no other.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::Action;
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use super::build::{Fields, load, load_register, output, row, to_port};
use super::gateway::Stand;
use super::port::{Kind, Port};
use super::seat::Seat;
use super::site::Sites;
use super::tunnel::{Ends, Tunnel, Ways};
use crate::inputs::Southbound;
use crate::local;
use crate::row::{Flow, Row};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Group {
    uuid: Uuid,
    key: u32,
    datapath: Uuid,
    datapath_key: u32,
    /// It is of a switch between networks of chassis.
    transit: bool,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    group: Arc<Group>,
    port: Arc<Port>,
}

/// A group on a chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct At<T> {
    chassis: Uuid,
    group: Arc<Group>,
    what: T,
}

/// A member that is on the chassis: in the order of identifiers, its number and its zone.
type Near = (Uuid, u32, u16);

/// Where packets leave the chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Leave {
    /// Through members that are the same on all chassis, by their numbers.
    Cross(Arc<Vec<(Uuid, u32)>>),
    /// To a member on a chassis of another network, which gets a copy of its own.
    Member(Uuid, u32, Tunnel),
    /// To a chassis, or a gateway without logical ports.
    Chassis { ramp: bool, tunnel: Tunnel },
}

impl<T> At<T> {
    fn row(&self, table: u8, priority: u16, flags: (u128, u128), actions: &[Action]) -> Option<Flow> {
        let group = &self.group;
        let fields = Fields::to(group.datapath_key, group.key).flags(flags.0, flags.1);
        let row: Row = row(table, priority, fields, group.uuid, actions)?;
        Some(Flow { chassis: self.chassis, row })
    }
}

/// Rows of multicast groups.
///
/// Cost: a member costs its group's row on its chassis, and if it is the first or last there, or leads
/// to another datapath, the group's rows on all chassis that have the datapath.
pub(super) fn flows(
    sb: &Southbound,
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    sites: &Sites,
    ways: &Index<(Uuid, Uuid), Arc<Ways>>,
    zones: &Index<(Uuid, Text), local::Zone>,
    stands: &Relation<Stand>,
) -> Relation<Flow> {
    let members = members(sb, ports);
    let crossing = crossing(&members);
    let near = near(&members, ports, seats, sites, zones, stands).concat(&crossing_near(&crossing, sites));
    let arriving = near.index_by(|at| (at.chassis, at.group.uuid)).reduce(|group| {
        let at = group.any();
        let mut members: Vec<Near> = group.rows().map(|at| at.what).collect();
        members.sort();
        let mut actions: Vec<Action> = Vec::new();
        for (_, key, zone) in members {
            actions.extend((zone != 0).then(|| load(register::CT_ZONE, 0, 16, zone)));
            actions.extend(to_port(key));
        }
        actions.push(load_register(register::OUTPORT, at.group.key));
        at.row(table::LOCAL_OUTPUT, 100, (0, 0), &actions)
    });

    let outward = crossing.filter(|(group, ..)| !group.transit).index_by(|(group, ..)| group.datapath);
    let outward = outward.join(&sites.exits_by_datapath, |(group, keys, from_ramp), exit| At {
        chassis: exit.chassis,
        group: Arc::clone(group),
        what: (Arc::clone(keys), Arc::clone(from_ramp)),
    });
    let crossing = outward.map(|at| At {
        chassis: at.chassis,
        group: Arc::clone(&at.group),
        what: Leave::Cross(Arc::clone(&at.what.0)),
    });
    let leaving = crossing
        .concat(&to_members(&members, sites, ways))
        .concat(&to_chassis(sb, &members, sites, ways))
        .distinct()
        .index_by(|at| (at.chassis, at.group.uuid))
        .reduce(|group| {
            let mut all: Vec<&At<Leave>> = group.rows().collect();
            all.sort_by(|a, b| a.what.cmp(&b.what));
            let actions = leave(&all[0].group, all.iter().map(|at| &at.what));
            all[0].row(table::REMOTE_OUTPUT, 100, (0, Flag::FROM_RAMP.mask()), &actions)
        });
    // What a gateway without logical ports floods it has flooded to the other chassis itself.
    let from_ramps = outward.flat_map(|at| {
        let both = Flag::FROM_RAMP.mask() | Flag::LOOPBACK.mask();
        if at.what.1.is_empty() {
            return None;
        }
        let mut actions: Vec<Action> = at.what.1.iter().flat_map(|(_, key)| to_port(*key)).collect();
        actions.push(load_register(register::OUTPORT, at.group.key));
        actions.push(Action::resubmit(table::REMOTE_VTEP_OUTPUT));
        at.row(table::REMOTE_OUTPUT, 120, (both, both), &actions)
    });
    arriving.concat(&leaving).concat(&from_ramps)
}

/// The members of groups. Ports of other datapaths are none.
fn members(sb: &Southbound, ports: &Relation<Arc<Port>>) -> Relation<Member> {
    let datapaths = sb.datapath.flat_map(|datapath: &seen::Datapath| {
        let key = u32::try_from(datapath.tunnel_key).ok()?;
        Some((datapath.uuid, key, datapath.external_ids.contains("interconn-ts")))
    });
    let groups = sb.multicast.index_by(|group| group.datapath).join_flat(
        &datapaths.index_by(|(uuid, ..)| *uuid),
        |group, (datapath, datapath_key, transit)| {
            let key = u32::try_from(group.tunnel_key).ok()?;
            let (datapath, datapath_key, transit) = (*datapath, *datapath_key, *transit);
            Some(Arc::new(Group { uuid: group.uuid, key, datapath, datapath_key, transit }))
        },
    );
    sb.multicast_ports
        .index_by(|link| link.owner)
        .join(&groups.index_by(|group| group.uuid), |link, group| (link.member, Arc::clone(group)))
        .index_by(|(port, _)| *port)
        .join_flat(&ports.index_by(|port| port.uuid), |(_, group), port| {
            let fits = group.datapath == port.datapath;
            fits.then(|| Member { group: Arc::clone(group), port: Arc::clone(port) })
        })
}

/// The numbers of ports.
type Keys = Arc<Vec<(Uuid, u32)>>;

/// The members that are the same on all chassis, and those of them to which packets of gateways without
/// logical ports go.
fn crossing(members: &Relation<Member>) -> Relation<(Arc<Group>, Keys, Keys)> {
    members
        .filter(|member| matches!(member.port.kind, Kind::Patch | Kind::Localport))
        .index_by(|member| member.group.uuid)
        .reduce(|group| {
            let keys = |wanted: &dyn Fn(Kind) -> bool| {
                let wanted = group.rows().filter(|member| wanted(member.port.kind));
                let mut keys: Vec<(Uuid, u32)> =
                    wanted.map(|member| (member.port.uuid, member.port.key)).collect();
                keys.sort();
                Arc::new(keys)
            };
            let (all, patches) = (keys(&|_| true), keys(&|kind| kind == Kind::Patch));
            Some((Arc::clone(&group.any().group), all, patches))
        })
}

/// On a switch between networks packets cross where they arrive.
fn crossing_near(crossing: &Relation<(Arc<Group>, Keys, Keys)>, sites: &Sites) -> Relation<At<Near>> {
    crossing.filter(|(group, ..)| group.transit).index_by(|(group, ..)| group.datapath).join_flat(
        &sites.exits_by_datapath,
        |(group, _, patches), exit| {
            let near = patches.iter().map(|(uuid, key)| At {
                chassis: exit.chassis,
                group: Arc::clone(group),
                what: (*uuid, *key, 0),
            });
            near.collect::<Vec<_>>()
        },
    )
}

/// The members that are on chassis.
///
/// Cost: a port costs its groups on its chassis.
fn near(
    members: &Relation<Member>,
    ports: &Relation<Arc<Port>>,
    seats: &Relation<Arc<Seat>>,
    sites: &Sites,
    zones: &Index<(Uuid, Text), local::Zone>,
    stands: &Relation<Stand>,
) -> Relation<At<Near>> {
    let by_port = members.index_by(|member| member.port.uuid);
    let seated = seats
        .filter(|seat| !matches!(seat.port.kind, Kind::Localport | Kind::Mirror))
        .index_by(|seat| seat.port.uuid)
        .join(&by_port, |seat, member| At {
            chassis: seat.site.chassis,
            group: Arc::clone(&member.group),
            what: (seat.port.uuid, seat.port.key, seat.zone),
        });
    let gateways = members
        .filter(|member| member.port.kind == Kind::L3Gateway)
        .flat_map(|member| member.port.chassis.map(|chassis| (chassis, member.clone(), member.port.key)))
        .index_by(|(chassis, member, _)| (*chassis, member.group.datapath))
        .semijoin(&sites.exits.index_by(|exit| (exit.chassis, exit.datapath)));
    let standing = stands
        .filter(|stand| stand.port.chassis == Some(stand.chassis))
        .index_by(|stand| stand.port.uuid)
        .join(&by_port, |stand, member| (stand.chassis, member.clone()))
        .index_by(|(_, member)| member.port.options.distributed.clone())
        .join_flat(&ports.index_by(|port| Some(port.name.clone())), |(chassis, member), distributed| {
            let fits = distributed.datapath == member.port.datapath;
            fits.then(|| (*chassis, member.clone(), distributed.key))
        });
    let zoned = gateways
        .concat(&standing)
        .index_by(|(chassis, member, _)| (*chassis, member.port.name.clone()))
        .join_optional(zones, |(chassis, member, key), zone| {
            let what = (member.port.uuid, *key, zone.map_or(0, |zone| zone.number));
            Some(At { chassis: *chassis, group: Arc::clone(&member.group), what })
        });
    seated.concat(&zoned)
}

/// Members on chassis of other networks.
fn to_members(
    members: &Relation<Member>,
    sites: &Sites,
    ways: &Index<(Uuid, Uuid), Arc<Ways>>,
) -> Relation<At<Leave>> {
    members
        .filter(|member| member.port.kind == Kind::Remote && member.port.chassis.is_some())
        .index_by(|member| member.group.datapath)
        .join(&sites.exits_by_datapath, |member, exit| (exit.chassis, member.clone()))
        .index_by(|(chassis, member)| (*chassis, member.port.chassis.unwrap_or(Uuid::ZERO)))
        .join_flat(ways, |(chassis, member), ways| {
            let tunnel = ways.first()?.clone();
            let what = Leave::Member(member.port.uuid, member.port.key, tunnel);
            Some(At { chassis: *chassis, group: Arc::clone(&member.group), what })
        })
}

/// The chassis that have members, as seen from those that have the datapath and no physical network that
/// leads to them.
fn to_chassis(
    sb: &Southbound,
    members: &Relation<Member>,
    sites: &Sites,
    ways: &Index<(Uuid, Uuid), Arc<Ways>>,
) -> Relation<At<Leave>> {
    let placed = members.filter(|member| {
        let is_all_over = matches!(member.port.kind, Kind::Patch | Kind::Localport | Kind::Remote);
        !is_all_over && member.port.chassis.is_some()
    });
    let unplugged = sites.exits.filter(|exit| exit.network.is_none()).index_by(|exit| exit.datapath);
    let hosts = placed
        .filter(|member| member.port.additional.is_empty())
        .flat_map(|member| member.port.chassis.map(|chassis| (Arc::clone(&member.group), chassis)))
        .distinct()
        .index_by(|(group, _)| group.datapath)
        .join(&unplugged, |(group, host), exit| (exit.chassis, Arc::clone(group), *host));
    // A chassis on which such a member is counts on it for itself alone.
    let hosts_of_several = placed
        .filter(|member| !member.port.additional.is_empty())
        .index_by(|member| member.group.datapath)
        .join_flat(&unplugged, |member, exit| {
            let (chassis, group) = (exit.chassis, Arc::clone(&member.group));
            let far = !member.port.is_on(chassis);
            let hosts: Vec<Uuid> = if far { member.port.hosts().collect() } else { Vec::new() };
            hosts.into_iter().map(move |host| (chassis, Arc::clone(&group), host))
        });
    let ramps = sb
        .chassis
        .filter(|chassis| chassis.other_config.get_bool("is-vtep", false))
        .map(|chassis| chassis.uuid);
    hosts
        .concat(&hosts_of_several)
        .distinct()
        .index_by(|(chassis, _, host)| (*chassis, *host))
        .join_flat(ways, |(_, group, _), ways| {
            Some((ways.chassis, Arc::clone(group), ways.remote, ways.common()?.clone()))
        })
        .index_by(|(_, _, remote, _)| *remote)
        .join_optional(&ramps.index_by(|chassis| *chassis), |(chassis, group, _, tunnel), ramp| {
            let what = Leave::Chassis { ramp: ramp.is_some(), tunnel: tunnel.clone() };
            Some(At { chassis: *chassis, group: Arc::clone(group), what })
        })
}

/// What sends packets of a group away. Those who leave are in order; what packets carry is written when it
/// is not what they carry already.
fn leave<'a>(group: &Group, leaving: impl Iterator<Item = &'a Leave>) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut written = None;
    let mut is_restored = true;
    let restore = |actions: &mut Vec<Action>, is_restored: &mut bool| {
        if !std::mem::replace(is_restored, true) {
            actions.push(load_register(register::OUTPORT, group.key));
        }
    };
    for each in leaving {
        match each {
            Leave::Cross(keys) => {
                actions.extend(keys.iter().flat_map(|(_, key)| to_port(*key)));
                is_restored = false;
            }
            Leave::Member(_, key, tunnel) => {
                actions.push(load_register(register::OUTPORT, *key));
                actions.extend(tunnel.kept.write(group.datapath_key, *key));
                actions.push(output(tunnel.ofport));
                is_restored = false;
            }
            Leave::Chassis { ramp, tunnel, .. } => {
                restore(&mut actions, &mut is_restored);
                if written != Some((*ramp, tunnel.kept)) {
                    actions.extend(tunnel.kept.write_for(group.datapath_key, group.key, *ramp));
                    written = Some((*ramp, tunnel.kept));
                }
                actions.extend(tunnel.ends.iter().flat_map(Ends::write));
                actions.push(output(tunnel.ofport));
            }
        }
    }
    restore(&mut actions, &mut is_restored);
    actions.push(Action::resubmit(table::REMOTE_VTEP_OUTPUT));
    actions
}
