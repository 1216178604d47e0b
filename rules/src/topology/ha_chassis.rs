//! HA_Chassis_Group rows (B17, ovn-sb(5)): the chassis of which one stands in for a port, the highest
//! priority first.
//!
//! ```text
//! wanted(name, member)   :-  port uses an HA_Chassis_Group of that name, member in it
//! wanted(name, member)   :-  router port of that name with members of its own, no such group in use
//! ha_chassis(name, member, chassis)  :-  wanted(name, member), chassis by the member's name, if any
//! ```

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Map, key_uuid, nb, sb};
use crate::switch::port::PortKind;

/// What has chassis stand in for a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// A northbound HA_Chassis_Group, by its row.
    Group(Uuid),
    /// A router port with `gateway_chassis` and no group.
    Gateways {
        /// Its name, which is that of the group made for it.
        name: Text,
        /// The Gateway_Chassis rows.
        members: Vec<Uuid>,
    },
}

/// The group of an external port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StandIn {
    /// The port.
    pub port: Uuid,
    /// The northbound group.
    pub source: Uuid,
    /// The southbound row of the group.
    pub group: Uuid,
}

/// The rows of groups in use.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The groups.
    pub groups: Relation<sb::HaChassisGroup>,
    /// Their members.
    pub members: Relation<sb::HaChassis>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    group: Text,
    row: Uuid,
    chassis: Text,
    priority: i64,
}

impl Member {
    fn uuid(&self) -> Uuid {
        Uuid::from_hash(key_hash(&("HA_Chassis", &self.group, self.row)))
    }
}

/// The HA_Chassis_Group row of that name.
pub fn group_uuid(name: &str) -> Uuid {
    key_uuid("HA_Chassis_Group", &[name])
}

/// The groups of external ports.
///
/// Cost: a port costs itself; the name of a group, the ports that use it.
pub fn external_ports(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    groups: &Relation<nb::HaChassisGroup>,
) -> Relation<StandIn> {
    let uses = rows.flat_map(|row| row.ha_chassis_group.map(|group| (row.uuid, group)));
    let bindings = ports.filter(|port| port.kind == PortKind::External);
    let uses = uses
        .index_by(|(port, _)| *port)
        .join(&bindings.index_by(SwitchPort::row), |(port, group), _| (*port, *group));
    let names = groups.map(|group| (group.uuid, group.name.clone()));
    uses.index_by(|(_, group)| *group).join(
        &names.index_by(|(group, _)| *group),
        |(port, source), (_, name)| StandIn { port: *port, source: *source, group: group_uuid(name) },
    )
}

/// The rows of the groups that `sources` name; a source may be there more than once.
///
/// Cost: a member costs itself and its group; a chassis, the members by its name.
pub fn groups(
    sources: &Relation<Source>,
    groups: &Relation<nb::HaChassisGroup>,
    ha_chassis: &Relation<nb::HaChassis>,
    gateway_chassis: &Relation<nb::GatewayChassis>,
    chassis: &Relation<sb::Chassis>,
) -> Groups {
    let sources = sources.distinct();
    let rows = sources.flat_map(|source| match source {
        Source::Group(row) => Some(*row),
        Source::Gateways { .. } => None,
    });
    let lists = groups.map(|group| (group.uuid, group.name.clone(), group.ha_chassis.clone()));
    let named = lists
        .index_by(|(row, _, _)| *row)
        .semijoin(&rows.index_by(|row| *row))
        .map(|(_, name, members)| (name.clone(), members.clone()));
    let own = sources.flat_map(|source| match source {
        Source::Gateways { name, members } => Some((name.clone(), members.clone())),
        Source::Group(_) => None,
    });
    // A router port may bear the name of a group; the group then counts.
    let own = own
        .index_by(|(name, _)| name.clone())
        .antijoin(&named.index_by(|(name, _): &(Text, Vec<Uuid>)| name.clone()));

    let ha_chassis = ha_chassis.map(|row| (row.uuid, row.chassis_name.clone(), row.priority));
    let gateways = gateway_chassis.map(|row| (row.uuid, row.chassis_name.clone(), row.priority));
    let members = members(&named, &ha_chassis).concat(&members(&own, &gateways));
    let names = named.concat(&own).map(|(name, _)| name.clone());

    let known = chassis.map(|row| (row.name.clone(), row.uuid));
    let rows = members.index_by(|member| member.chassis.clone()).join_optional(
        &known.index_by(|(name, _)| name.clone()),
        |member, chassis| {
            Some(sb::HaChassis {
                uuid: member.uuid(),
                chassis: chassis.map(|(_, chassis)| *chassis),
                priority: member.priority,
                external_ids: Map::from_iter([("chassis-name", member.chassis.clone())]),
            })
        },
    );
    let lists = members.index_by(|member| member.group.clone()).reduce(|group| {
        let mut members: Vec<Uuid> = group.rows().map(Member::uuid).collect();
        members.sort();
        Some((group.any().group.clone(), members))
    });
    let groups = names.index_by(|name| name.clone()).join_optional(
        &lists.index_by(|(name, _)| name.clone()),
        |name, list| {
            let ha_chassis = list.map(|(_, members)| members.clone()).unwrap_or_default();
            let (uuid, ref_chassis) = (group_uuid(name), Vec::new());
            Some(sb::HaChassisGroup { uuid, name: name.clone(), ha_chassis, ref_chassis })
        },
    );
    Groups { groups, members: rows }
}

/// The members of groups by name.
fn members(groups: &Relation<(Text, Vec<Uuid>)>, rows: &Relation<(Uuid, Text, i64)>) -> Relation<Member> {
    let links = groups.flat_map(|(name, members)| {
        let name = name.clone();
        members.clone().into_iter().map(move |member| (name.clone(), member))
    });
    links.index_by(|(_, member)| *member).join(
        &rows.index_by(|(row, _, _)| *row),
        |(group, row), (_, chassis, priority)| Member {
            group: group.clone(),
            row: *row,
            chassis: chassis.clone(),
            priority: *priority,
        },
    )
}
