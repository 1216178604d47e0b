//! What a chassis has to do with: its datapaths, and the ports that matter to it (ovn-architecture(7)).
//!
//! A chassis has the datapaths of the ports that are on it, and the datapaths behind these as far as
//! packets are processed here and not sent to a gateway first.

use northflow_engine::{Index, Relation};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use crate::inputs::{Local, Southbound};

/// A chassis has a datapath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reach {
    /// The chassis.
    pub chassis: Uuid,
    /// The datapath.
    pub datapath: Uuid,
}

/// A port matters to a chassis, which has its datapath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Related {
    /// The chassis.
    pub chassis: Uuid,
    /// The datapath.
    pub datapath: Uuid,
    /// The number of the port in it.
    pub key: u32,
}

/// A port is on a chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Present {
    /// The chassis.
    pub chassis: Uuid,
    /// The port.
    pub name: Text,
    /// Its datapath.
    pub datapath: Uuid,
    /// Its number in it.
    pub key: u32,
}

/// What chassis have to do with.
#[derive(Debug)]
pub struct Locality {
    /// Their datapaths.
    pub reach: Relation<Reach>,
    /// These by datapath.
    pub by_datapath: Index<Uuid, Reach>,
    /// The ports that matter to them.
    pub related: Relation<Related>,
    /// The ports that are on them, those that others stand in for included, and those to physical networks.
    pub present: Relation<Present>,
    /// The ports of which `is_chassis_resident` is true.
    pub resident: Relation<Resident>,
    /// How datapaths lead to one another.
    pub(crate) passages: Relation<Passage>,
    /// The chassis of each group: (group, chassis).
    pub(crate) members: Relation<(Uuid, Uuid)>,
}

/// What `is_chassis_resident` asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resident {
    /// The chassis.
    pub chassis: Uuid,
    /// The port.
    pub port: Text,
}

/// From one datapath a chassis comes to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub from: Uuid,
    pub to: Uuid,
}

/// An edge that only some chassis take: one, or those of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct EdgeOf {
    pub edge: Edge,
    pub of: Uuid,
}

/// A port that leads to another datapath: the columns that decide who takes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Side {
    name: Text,
    peer: Text,
    datapath: Uuid,
    /// Of a gateway router: it is on one chassis.
    gateway: bool,
    chassis: Option<Uuid>,
    /// The port that stands for it at gateways.
    redirect: Option<Text>,
}

/// A port that stands for another one at gateways.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Redirect {
    group: Option<Uuid>,
    always: bool,
}

/// A side, and the port that stands for it if there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Gated {
    side: Side,
    redirect: Option<Redirect>,
}

/// An edge and who takes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Way {
    /// All chassis.
    All(Edge),
    /// Those of a group.
    Group(EdgeOf),
    /// One.
    One(EdgeOf),
}

/// A way through two ports that lead to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Passage {
    /// The port on the near side.
    pub near: Text,
    /// Its peer.
    pub far: Text,
    /// The edge, and who takes it.
    pub way: Way,
}

/// The port as seen here.
fn present(port: &seen::Port, chassis: Uuid) -> Present {
    let key = u32::try_from(port.tunnel_key).unwrap_or(0);
    Present { chassis, name: port.logical_port.clone(), datapath: port.datapath, key }
}

/// Whether a port of this type is on the chassis that has bound it.
fn is_bound(kind: &str) -> bool {
    matches!(kind, "" | "virtual" | "mirror" | "l2gateway" | "l3gateway")
}

/// What is on which chassis, and what follows from that.
///
/// Cost: a port that comes to a chassis costs the datapaths that the chassis gains by it; a change of
/// an edge costs the chassis that have its near end.
pub fn locality(sb: &Southbound, local: &Local) -> Locality {
    let here = local.chassis.map(|chassis| chassis.chassis).distinct().index_by(|chassis| *chassis);
    let members = ha_members(sb);
    let bound = sb
        .port
        .flat_map(|port| {
            let at = port.chassis.iter().chain(&port.additional_chassis);
            let at: Vec<Uuid> = if is_bound(&port.type_) { at.copied().collect() } else { Vec::new() };
            at.into_iter().map(|chassis| present(port, chassis)).collect::<Vec<_>>()
        })
        .distinct();
    let by_interface = sb
        .port
        .filter(|port| &*port.type_ == "localport")
        .index_by(|port| port.logical_port.clone())
        .join(&local.interface.index_by(|interface| interface.port.clone()), |port, interface| {
            present(port, interface.chassis)
        });
    let by_group = sb
        .port
        .filter(|port| matches!(&*port.type_, "chassisredirect" | "external"))
        .filter(|port| port.ha_chassis_group.is_some())
        .index_by(|port| port.ha_chassis_group)
        .join(&members.index_by(|member| Some(member.0)), |port, member| present(port, member.1));
    let on_here = |on: Relation<Present>| on.index_by(|present| present.chassis).semijoin(&here);
    // A local port is on many chassis, and is no reason to have its datapath.
    let seeds = on_here(bound.concat(&by_group).distinct());
    let by_interface = on_here(by_interface.distinct());

    let passages = passages(sb);
    let reach = reach(&passages, &seeds, &members);
    let by_datapath = reach.index_by(|reach| reach.datapath);
    let networks = sb.port.filter(|port| &*port.type_ == "localnet").index_by(|port| port.datapath);
    let networks = networks.join(&by_datapath, |port, reach| present(port, reach.chassis));
    let everywhere = sb
        .port
        .filter(|port| matches!(&*port.type_, "patch" | "vtep" | "remote"))
        .map(|port| present(port, Uuid::ZERO))
        .index_by(|port| port.datapath)
        .join(&by_datapath, |port, reach| Present { chassis: reach.chassis, ..port.clone() });
    let present = seeds.concat(&by_interface).concat(&networks).distinct();
    let reached = reach.index_by(|reach| (reach.chassis, reach.datapath));
    let by_interface = by_interface.index_by(|at| (at.chassis, at.datapath)).semijoin(&reached);
    let related = seeds
        .concat(&by_interface)
        .concat(&networks)
        .concat(&everywhere)
        .map(|at| Related { chassis: at.chassis, datapath: at.datapath, key: at.key })
        .distinct();
    let resident = sb
        .port
        .flat_map(|port| port.chassis.map(|chassis| Resident { chassis, port: port.logical_port.clone() }))
        .index_by(|resident| resident.chassis)
        .semijoin(&here);
    Locality { reach, by_datapath, related, present, resident, passages, members }
}

/// The chassis of each group: (group, chassis).
fn ha_members(sb: &Southbound) -> Relation<(Uuid, Uuid)> {
    let chassis = sb
        .ha_chassis
        .flat_map(|member| member.chassis.map(|chassis| (member.uuid, chassis)))
        .index_by(|at| at.0);
    sb.ha_group_members
        .index_by(|link| link.member)
        .join(&chassis, |link, (_, chassis)| (link.owner, *chassis))
        .distinct()
}

/// The datapaths of each chassis.
///
/// Cost: as [`locality`].
fn reach(
    passages: &Relation<Passage>,
    on: &Relation<Present>,
    members: &Relation<(Uuid, Uuid)>,
) -> Relation<Reach> {
    let ways = passages.map(|passage| passage.way.clone());
    let all = ways.flat_map(|way| if let Way::All(edge) = way { Some(*edge) } else { None }).distinct();
    let one = ways.flat_map(|way| if let Way::One(edge) = way { Some(*edge) } else { None });
    let grouped = ways
        .flat_map(|way| if let Way::Group(edge) = way { Some(*edge) } else { None })
        .index_by(|edge| edge.of)
        .join(&members.index_by(|member| member.0), |edge, member| EdgeOf { of: member.1, ..*edge });
    let of_chassis = one.concat(&grouped).distinct();
    let seeds = on.map(|present| Reach { chassis: present.chassis, datapath: present.datapath }).distinct();
    seeds.iterate(|scope, known| {
        let all = scope.enter(&all).index_by(|edge| edge.from);
        let of_chassis = scope.enter(&of_chassis).index_by(|edge| (edge.of, edge.edge.from));
        let plain = known
            .index_by(|reach| reach.datapath)
            .join(&all, |reach, edge| Reach { datapath: edge.to, ..*reach });
        let own = known
            .index_by(|reach| (reach.chassis, reach.datapath))
            .join(&of_chassis, |reach, edge| Reach { datapath: edge.edge.to, ..*reach });
        scope.union(&[scope.enter(&seeds), plain, own]).distinct()
    })
}

/// The edges between datapaths.
fn passages(sb: &Southbound) -> Relation<Passage> {
    let sides = sb.port.flat_map(side);
    let redirects = sb.port.filter(|port| &*port.type_ == "chassisredirect").map(|port| {
        let always = port.options.get_bool("always-redirect", false);
        (port.logical_port.clone(), Redirect { group: port.ha_chassis_group, always })
    });
    let gated = sides.index_by(|side| side.redirect.clone()).join_optional(
        &redirects.index_by(|(name, _)| Some(name.clone())),
        |side, redirect| {
            Some(Gated { side: side.clone(), redirect: redirect.map(|(_, redirect)| redirect.clone()) })
        },
    );
    let is_switch = sb.datapath.map(|datapath| (datapath.uuid, is_switch(datapath))).index_by(|at| at.0);
    let placed =
        gated.index_by(|gated| gated.side.datapath).join(&is_switch, |gated, at| (gated.clone(), at.1));
    placed.index_by(|(gated, _)| (gated.side.name.clone(), gated.side.peer.clone())).join_flat(
        &placed.index_by(|(gated, _)| (gated.side.peer.clone(), gated.side.name.clone())),
        |(near, near_is_switch), (far, far_is_switch)| {
            let way = way(near, *near_is_switch, far, *far_is_switch)?;
            Some(Passage { near: near.side.name.clone(), far: far.side.name.clone(), way })
        },
    )
}

/// A port that leads to another datapath.
fn side(port: &seen::Port) -> Option<Side> {
    let gateway = match &*port.type_ {
        "patch" => false,
        "l3gateway" => true,
        _ => return None,
    };
    Some(Side {
        name: port.logical_port.clone(),
        peer: port.options.get("peer")?.clone(),
        datapath: port.datapath,
        gateway,
        chassis: port.chassis,
        redirect: port.options.get("chassis-redirect-port").cloned(),
    })
}

/// Who comes from a port to its peer.
fn way(near: &Gated, near_is_switch: bool, far: &Gated, far_is_switch: bool) -> Option<Way> {
    let edge = Edge { from: near.side.datapath, to: far.side.datapath };
    let of = |of: Uuid| EdgeOf { edge, of };
    if near.side.gateway {
        let chassis = near.side.chassis.filter(|chassis| far.side.chassis == Some(*chassis));
        return chassis.map(|chassis| Way::One(of(chassis)));
    }
    if near.side.redirect.is_none() && far.side.redirect.is_none() {
        return Some(Way::All(edge));
    }
    match (&near.redirect, &far.redirect) {
        (_, Some(far)) if near_is_switch && !far_is_switch => far.group.map(|group| Way::Group(of(group))),
        (Some(near), _) if !near.always => Some(Way::All(edge)),
        (Some(near), _) => near.group.map(|group| Way::Group(of(group))),
        (None, _) => None,
    }
}

/// A port, and the numbers of itself and of its datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct KeyedPort {
    pub uuid: Uuid,
    pub name: Text,
    /// What is behind it.
    pub kind: Text,
    pub datapath: Uuid,
    pub datapath_key: u32,
    pub key: u32,
}

/// The ports with their numbers.
///
/// Cost: a datapath whose number changes costs its ports.
pub(crate) fn keyed_ports(sb: &Southbound) -> Relation<KeyedPort> {
    let ports = sb.port.flat_map(|port| {
        Some(KeyedPort {
            uuid: port.uuid,
            name: port.logical_port.clone(),
            kind: port.type_.clone(),
            datapath: port.datapath,
            datapath_key: 0,
            key: u32::try_from(port.tunnel_key).ok()?,
        })
    });
    let keys = sb.datapath.flat_map(|row| Some((row.uuid, u32::try_from(row.tunnel_key).ok()?)));
    ports.index_by(|port| port.datapath).join(&keys.index_by(|(uuid, _)| *uuid), |port, (_, key)| KeyedPort {
        datapath_key: *key,
        ..port.clone()
    })
}

/// Whether a datapath is a switch; else it is a router.
pub(crate) fn is_switch(datapath: &seen::Datapath) -> bool {
    match datapath.type_.as_deref() {
        Some(kind) => kind == "logical-switch",
        None => datapath.external_ids.contains("logical-switch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gated(name: &str, datapath: u128, redirect: Option<Redirect>) -> Gated {
        let side = Side {
            name: name.into(),
            peer: "peer".into(),
            datapath: Uuid(datapath),
            gateway: false,
            chassis: None,
            redirect: redirect.as_ref().map(|_| format!("cr-{name}").into()),
        };
        Gated { side, redirect }
    }

    #[test]
    fn plain_patches_are_for_all() {
        let (switch, router) = (gated("s", 1, None), gated("r", 2, None));
        let edge = Edge { from: Uuid(1), to: Uuid(2) };
        assert_eq!(way(&switch, true, &router, false), Some(Way::All(edge)));
    }

    #[test]
    fn only_gateways_come_in_through_a_gateway_port() {
        let group = Some(Uuid(9));
        let router = gated("r", 2, Some(Redirect { group, always: false }));
        let switch = gated("s", 1, None);
        let edge = |from, to| Edge { from: Uuid(from), to: Uuid(to) };
        let in_ = EdgeOf { edge: edge(1, 2), of: Uuid(9) };
        assert_eq!(way(&switch, true, &router, false), Some(Way::Group(in_)));
        assert_eq!(way(&router, false, &switch, true), Some(Way::All(edge(2, 1))));
        let router = gated("r", 2, Some(Redirect { group, always: true }));
        let out = EdgeOf { edge: edge(2, 1), of: Uuid(9) };
        assert_eq!(way(&router, false, &switch, true), Some(Way::Group(out)));
    }

    #[test]
    fn gateway_routers_are_on_one_chassis() {
        let at = |name, datapath, chassis| {
            let mut gated = gated(name, datapath, None);
            gated.side.gateway = true;
            gated.side.chassis = chassis;
            gated
        };
        let (near, far) = (at("a", 1, Some(Uuid(5))), at("b", 2, Some(Uuid(6))));
        assert_eq!(way(&near, true, &far, false), None);
        assert!(matches!(way(&near, true, &at("b", 2, Some(Uuid(5))), false), Some(Way::One(_))));
    }
}
