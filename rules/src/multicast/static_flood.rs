//! Ports that get multicast without asking for it (K05; ovn-nb(5), Logical_Switch_Port
//! options:mcast_flood, mcast_flood_reports, receive_multicast and Logical_Router_Port
//! options:mcast_flood), and the groups with fixed names that they are in.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::On;
use crate::flow::row::SetMember;
use crate::ovsdb::{Atom, Text, Uuid};
use crate::schema::{SetElement, sb};
use crate::switch::SwitchSet;
use crate::switch::flood_group::{Group, Membership, groups};
use crate::topology::datapath_uuid;
use crate::topology::facing::Facing;
use crate::topology::switch_port::PortConfig;
use crate::topology::tunnel_key::Assigned;

/// Where IP multicast of a switch goes beside those who asked for it; one row for each switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flooding {
    /// The switch.
    pub switch: Uuid,
    /// To routers that relay it.
    pub relay: bool,
    /// To ports that want all of it.
    pub flood: bool,
}

/// A member of a group with a fixed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FixedMember {
    /// The switch or router.
    pub datapath: Uuid,
    /// The group.
    pub group: Group,
    /// The Port_Binding.
    pub binding: Uuid,
}

/// What of a switch port decides its groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FloodPort {
    /// The switch.
    pub switch: Uuid,
    /// The Logical_Switch_Port.
    pub row: Uuid,
    /// Its name.
    pub name: Text,
    /// Its Port_Binding.
    pub binding: Uuid,
    /// What stands for it in groups with fixed names: its Port_Binding or that of its chassis-redirect
    /// port, or what is sent there would not travel.
    pub member: Uuid,
    /// What it is and asks for; whether it relays is another matter.
    pub asks: Membership,
}

/// The ports by what decides their groups.
///
/// Cost: a change of anything else of a port ends here.
pub fn flood_ports(ports: &Relation<PortConfig>) -> Relation<FloodPort> {
    ports.map(|port| FloodPort {
        switch: port.switch,
        row: port.port.row,
        name: port.port.name.clone(),
        binding: port.binding,
        member: port
            .facing
            .as_ref()
            .and_then(Facing::redirect)
            .map_or(port.binding, |redirect| redirect.binding),
        asks: Membership {
            kind: port.kind,
            enabled: port.enabled,
            receive: port.options.receive_multicast,
            unknown: port.unknown,
            flood: port.options.mcast_flood,
            flood_reports: port.options.mcast_flood_reports,
            relay: false,
        },
    })
}

/// The groups that ports are in; `relaying` are the rows of those behind which there is a router that
/// relays.
///
/// Cost: a port costs its own memberships.
pub fn members(ports: &Relation<FloodPort>, relaying: &Relation<Uuid>) -> Relation<FixedMember> {
    ports.index_by(|port| port.row).join_optional(&relaying.index_by(|row| *row), |port, relay| {
        let (datapath, binding) = (port.switch, port.member);
        let groups = groups(Membership { relay: relay.is_some(), ..port.asks });
        groups.into_iter().map(move |group| FixedMember { datapath, group, binding })
    })
}

/// Where multicast goes on each of `switches`; `relays` are the switches with a router that relays.
///
/// Cost: a port costs nothing unless it is the first or last of its kind on its switch.
pub fn flooding(
    switches: &Relation<Uuid>,
    ports: &Relation<FloodPort>,
    relays: &Relation<Uuid>,
) -> Relation<Flooding> {
    let floods = ports.filter(|port| groups(port.asks).contains(&Group::Static)).map(|port| port.switch);
    let floods = floods.distinct().index_by(|switch| *switch);
    switches
        .index_by(|switch| *switch)
        .join_optional(&floods, |switch, flood| Some((*switch, flood.is_some())))
        .index_by(|(switch, _)| *switch)
        .join_optional(&relays.index_by(|switch| *switch), |(switch, flood), relay| {
            Some(Flooding { switch: *switch, relay: relay.is_some(), flood: *flood })
        })
}

/// The class of each switch.
pub fn classes(flooding: &Relation<Flooding>) -> Relation<SetMember> {
    flooding.map(|row| SetMember {
        set: On::Switches(SwitchSet::Multicast { relay: row.relay, flood: row.flood }),
        datapath: row.switch,
    })
}

/// The rows of groups with fixed names, and their ports; `members` may name a port more than once.
///
/// Cost: a member costs itself.
pub fn rows(
    members: &Relation<FixedMember>,
    datapaths: &Relation<Assigned>,
) -> (Relation<sb::MulticastGroup>, Relation<SetElement>) {
    let live =
        members.distinct().index_by(|member| member.datapath).semijoin(&datapaths.index_by(Assigned::owner));
    let rows = live.map(|member| (member.datapath, member.group)).distinct();
    let rows = rows.map(|(datapath, group)| sb::MulticastGroup {
        uuid: group_uuid(*datapath, *group),
        datapath: datapath_uuid(*datapath),
        name: group.name().into(),
        tunnel_key: i64::from(group.tunnel_key()),
        ports: Vec::new(),
    });
    let ports = live.map(|member| SetElement {
        row: group_uuid(member.datapath, member.group),
        element: Atom::Uuid(member.binding),
    });
    (rows, ports)
}

fn group_uuid(datapath: Uuid, group: Group) -> Uuid {
    Uuid::from_hash(northflow_engine::key_hash(&("Multicast_Group", datapath, group)))
}
