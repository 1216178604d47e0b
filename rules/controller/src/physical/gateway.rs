//! Ports that stand for others at gateways (type `chassisredirect`), and groups of chassis of which one is
//! the gateway.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::{self, Action, BundleAlgorithm, Field, HashFields};
use northflow_language::register;
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::build::{Fields, forget_in_port, load_register, row};
use super::port::{Kind, Port};
use super::site::{Site, Sites};
use super::tunnel::Tunnel;
use crate::inputs::{Local, Southbound};
use crate::local;
use crate::row::{Flow, Row};

/// A group of chassis, in the order in which they are preferred. Only chassis that are there are in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Bundle {
    pub group: Uuid,
    pub members: Vec<Member>,
    /// How many it would have if all were there.
    wanted: u32,
}

/// A chassis of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Member {
    pub chassis: Uuid,
    name: Text,
    priority: i64,
}

/// At a chassis a port stands for another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Stand {
    pub chassis: Uuid,
    pub port: Arc<Port>,
}

/// What a chassis knows about another one and a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Known {
    /// It is in the group.
    Group(Arc<Bundle>),
    /// This member answers.
    Member(Uuid),
    /// Some chassis answers that watches the group.
    Watcher,
}

/// What a chassis knows about a group that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Knows {
    chassis: Uuid,
    group: Uuid,
    known: Known,
}

/// The groups, by themselves.
///
/// Cost: a chassis of a group costs the group.
pub(super) fn bundles(sb: &Southbound) -> Index<Option<Uuid>, Arc<Bundle>> {
    let names = sb.chassis.map(|chassis| (chassis.uuid, chassis.name.clone()));
    let wanted = sb
        .ha_group_members
        .index_by(|link| link.member)
        .join(&sb.ha_chassis.index_by(|member| member.uuid), |link, member| {
            (link.owner, member.uuid, member.chassis, member.priority)
        });
    wanted
        .index_by(|(_, _, chassis, _)| *chassis)
        .join_optional(&names.index_by(|(uuid, _)| Some(*uuid)), |(group, uuid, _, priority), chassis| {
            let member = chassis.map(|(chassis, name)| Member {
                chassis: *chassis,
                name: name.clone(),
                priority: *priority,
            });
            Some((*group, *uuid, member))
        })
        .index_by(|(group, ..)| *group)
        .reduce(|group| {
            let mut members: Vec<Member> = group.rows().filter_map(|(_, _, member)| member.clone()).collect();
            members.sort_by(|a, b| (b.priority, &b.name).cmp(&(a.priority, &a.name)));
            let wanted = group.rows().count() as u32;
            Some(Arc::new(Bundle { group: group.any().0, members, wanted }))
        })
        .index_by(|bundle| Some(bundle.group))
}

/// The chassis that take themselves for the gateway of a group: (chassis, group).
///
/// Cost: a chassis that answers or no longer does costs the groups that both are in.
fn active(
    sb: &Southbound,
    local: &Local,
    bundles: &Index<Option<Uuid>, Arc<Bundle>>,
    grouped: &Relation<Arc<Port>>,
) -> Relation<(Uuid, Uuid)> {
    let here = local.chassis.map(|chassis| chassis.chassis).distinct().index_by(|chassis| *chassis);
    let used = grouped.flat_map(|port| port.group).distinct().index_by(|group| Some(*group));
    let groups = used.join(bundles, |_, bundle| Arc::clone(bundle));
    let members = groups.flat_map(|bundle| {
        let bundle = Arc::clone(bundle);
        let members: Vec<Uuid> = bundle.members.iter().map(|member| member.chassis).collect();
        members.into_iter().map(move |chassis| (chassis, Arc::clone(&bundle)))
    });
    let of_chassis = members.index_by(|(chassis, _)| *chassis).semijoin(&here);
    let base = of_chassis.map(|(chassis, bundle)| Knows {
        chassis: *chassis,
        group: bundle.group,
        known: Known::Group(Arc::clone(bundle)),
    });
    let alive = of_chassis
        .index_by(|(chassis, _)| *chassis)
        .join(&local.alive.index_by(|alive| alive.chassis), |(chassis, bundle), alive| {
            (*chassis, bundle.group, alive.remote)
        });
    let members = members.map(|(chassis, bundle)| (bundle.group, *chassis));
    let watchers = sb.ha_group_watchers.map(|link| (link.owner, link.member));
    let alive = alive.index_by(|(_, group, remote)| (*group, *remote));
    let alive_members = alive.join(&members.index_by(Clone::clone), |(chassis, group, remote), _| Knows {
        chassis: *chassis,
        group: *group,
        known: Known::Member(*remote),
    });
    let alive_watchers = alive.join(&watchers.index_by(Clone::clone), |(chassis, group, _), _| Knows {
        chassis: *chassis,
        group: *group,
        known: Known::Watcher,
    });
    base.concat(&alive_members)
        .concat(&alive_watchers)
        .distinct()
        .index_by(|knows| (knows.chassis, knows.group))
        .reduce(|group| {
            let Knows { chassis, group: id, .. } = *group.any();
            is_active(chassis, group.rows().map(|knows| &knows.known)).then_some((chassis, id))
        })
}

/// Whether a chassis takes itself for the gateway: it is the first of those that answer. If no other one does,
/// somebody who watches must, lest it is itself that is cut off.
fn is_active<'a>(chassis: Uuid, known: impl Iterator<Item = &'a Known>) -> bool {
    let (mut bundle, mut alive, mut watched) = (None, Vec::new(), false);
    for known in known {
        match known {
            Known::Group(group) => bundle = Some(group),
            Known::Member(member) => alive.push(*member),
            Known::Watcher => watched = true,
        }
    }
    let Some(bundle) = bundle else { return false };
    if bundle.wanted == 1 || bundle.members.len() == 1 {
        return true;
    }
    let mut answering =
        bundle.members.iter().filter(|member| member.chassis == chassis || alive.contains(&member.chassis));
    let first = answering.next().is_some_and(|member| member.chassis == chassis);
    first && (answering.next().is_some() || watched)
}

/// Where ports stand for others.
///
/// Cost: as [`active`]; a port that is bound costs itself.
pub(super) fn stands(
    sb: &Southbound,
    local: &Local,
    ports: &Relation<Arc<Port>>,
    bundles: &Index<Option<Uuid>, Arc<Bundle>>,
) -> Relation<Stand> {
    let redirects = ports.filter(|port| port.kind == Kind::Redirect);
    let bound = redirects.flat_map(|port| {
        let port = Arc::clone(port);
        port.chassis.map(|chassis| Stand { chassis, port })
    });
    let grouped = redirects.filter(|port| port.group.is_some());
    let by_group = active(sb, local, bundles, &grouped).index_by(|(_, group)| Some(*group)).join(
        &grouped.index_by(|port| port.group),
        |(chassis, _), port| Stand { chassis: *chassis, port: Arc::clone(port) },
    );
    bound.concat(&by_group).distinct()
}

/// Packets to ports that stand for others, where they do, and packets to them that go over the physical
/// network.
///
/// Cost: such a port costs a row on each chassis that has its datapath.
pub(super) fn flows(
    ports: &Relation<Arc<Port>>,
    sites: &Sites,
    zones: &Index<(Uuid, Text), local::Zone>,
    stands: &Relation<Stand>,
) -> Relation<Flow> {
    let by_name = ports.index_by(|port| port.name.clone());
    let at_gateways = stands
        .index_by(|stand| (stand.chassis, stand.port.datapath))
        .join(&sites.by_place, |stand, site| (stand.clone(), Arc::clone(site)))
        .index_by(|(stand, _)| stand.port.options.distributed.clone().unwrap_or_default())
        .join_optional(&by_name, |(stand, site), distributed| {
            let distributed = distributed.filter(|port| port.datapath == stand.port.datapath);
            Some((stand.clone(), Arc::clone(site), distributed.cloned()))
        })
        .index_by(|(stand, _, distributed)| {
            (stand.chassis, distributed.as_ref().map(|port| port.name.clone()).unwrap_or_default())
        })
        .join_optional(zones, |(stand, site, distributed), zone| {
            let zone = zone.map_or(0, |zone| zone.number);
            let row = stand_row(site, &stand.port, distributed.as_deref(), zone);
            row.map(|row| Flow { chassis: stand.chassis, row })
        });
    at_gateways.concat(&bridged(ports, sites, stands))
}

/// Packets to the gateway go to the port that it stands for; they may leave by the tunnel that they came from.
fn stand_row(site: &Site, port: &Port, distributed: Option<&Port>, zone: u16) -> Option<Row> {
    let mut actions = Vec::new();
    if let Some(distributed) = distributed {
        actions.push(load_register(register::OUTPORT, distributed.key));
        actions.extend(site.zones.load(zone));
        actions.push(forget_in_port());
        actions.push(Action::resubmit(table::CHECK_LOOPBACK));
    }
    row(table::LOCAL_OUTPUT, 100, Fields::to(port.datapath_key, port.key), port.uuid, &actions)
}

/// Packets to gateways that are to go over the physical network of the switch behind the port.
///
/// Cost: such a port costs the chassis that have its datapath.
fn bridged(ports: &Relation<Arc<Port>>, sites: &Sites, stands: &Relation<Stand>) -> Relation<Flow> {
    let peers = ports.filter(|port| port.kind == Kind::Patch && port.options.peer.is_some());
    let redirects = ports.filter(|port| port.kind == Kind::Redirect && port.options.bridged);
    redirects
        .index_by(|port| port.options.distributed.clone())
        .join(&peers.index_by(|port| port.options.peer.clone()), |port, peer| {
            (Arc::clone(port), peer.datapath, peer.datapath_key)
        })
        .index_by(|(port, ..)| port.datapath)
        .join(&sites.exits_by_datapath, |(port, switch, key), exit| {
            (exit.chassis, Arc::clone(port), *switch, *key)
        })
        .index_by(|(chassis, port, ..)| (*chassis, port.uuid))
        .antijoin(&stands.index_by(|stand| (stand.chassis, stand.port.uuid)))
        .index_by(|(chassis, _, switch, _)| (*chassis, *switch))
        .join_flat(
            &sites.exits.index_by(|exit| (exit.chassis, exit.datapath)),
            |(chassis, port, _, switch), exit| {
                let network = exit.network.as_ref()?;
                let row = bridged_row(port, *switch, network.key)?;
                Some(Flow { chassis: *chassis, row })
            },
        )
}

/// The packet goes on in the switch, to the port that leads to the physical network.
fn bridged_row(port: &Port, switch: u32, network: u32) -> Option<Row> {
    let actions = [
        Action::set(Field::ETH_SRC, port.mac()?.bits().into()),
        Action::set(Field::METADATA, switch.into()),
        load_register(register::OUTPORT, network),
        Action::resubmit(table::LOGICAL_TO_PHYSICAL),
    ];
    row(table::LOCAL_OUTPUT, 100, Fields::to(port.datapath_key, port.key), port.uuid, &actions)
}

/// Packets to a port for which several chassis stand go to the first of them that answers. Tunnels to all of
/// them have to be of one kind.
pub(super) fn bundle_row(port: &Port, tunnels: &[&Tunnel]) -> Option<Row> {
    /// More do not fit in one action (BUNDLE_MAX_MEMBERS of Open vSwitch).
    const MOST: usize = 2048;
    let kept = tunnels.first()?.kept;
    if tunnels.iter().any(|tunnel| tunnel.kept != kept) {
        return None;
    }
    let mut actions = kept.write(port.datapath_key, port.key);
    actions.push(Action::Bundle(openflow::Bundle {
        fields: HashFields::EthSrc,
        basis: 0,
        algorithm: BundleAlgorithm::ActiveBackup,
        members: tunnels.iter().take(MOST).map(|tunnel| openflow::Port(tunnel.ofport)).collect(),
    }));
    row(table::REMOTE_OUTPUT, 100, Fields::to(port.datapath_key, port.key), port.uuid, &actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(chassis: &[u128]) -> Known {
        let member = |(priority, chassis): (usize, &u128)| Member {
            chassis: Uuid(*chassis),
            name: chassis.to_string().into(),
            priority: -(priority as i64),
        };
        let members: Vec<Member> = chassis.iter().enumerate().map(member).collect();
        Known::Group(Arc::new(Bundle { group: Uuid(9), wanted: members.len() as u32, members }))
    }

    #[test]
    fn who_is_the_gateway() {
        let is = |chassis, known: &[Known]| is_active(Uuid(chassis), known.iter());
        assert!(is(1, &[bundle(&[1])]));
        // Without any answer nobody knows whether others answer each other.
        assert!(!is(1, &[bundle(&[1, 2])]));
        assert!(is(1, &[bundle(&[1, 2]), Known::Member(Uuid(2))]));
        assert!(!is(2, &[bundle(&[1, 2]), Known::Member(Uuid(1))]));
        assert!(is(2, &[bundle(&[1, 2]), Known::Watcher]));
        assert!(!is(3, &[bundle(&[1, 2, 3]), Known::Member(Uuid(2)), Known::Watcher]));
    }
}
