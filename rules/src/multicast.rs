//! IP multicast on logical switches and routers (ovn-nb(5), Logical_Switch other_config:mcast_*,
//! Logical_Router options:mcast_relay).

pub mod config;
pub mod learned;
pub mod relay;
pub mod snoop;
pub mod static_flood;

use northflow_engine::Relation;

use crate::flow::On;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember};
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::Uuid;
use crate::problem::Problem;
use crate::schema::{SetElement, sb};
use crate::switch::flood_group::Group;
use crate::switch::port::PortKind;
use crate::switch::switch_link;
use crate::topology::routed::Routed;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::{PortConfig, SwitchPort};
use crate::topology::tunnel_key::Assigned;
use learned::Told;
use static_flood::{FixedMember, FloodPort};

/// What multicast starts from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Switch ports.
    pub ports: &'a Relation<SwitchPort>,
    /// Bindings of ports that have no row, with the switch and a group of each.
    pub further: &'a Relation<(Uuid, Group, Uuid)>,
    /// Switch ports as rules for flows see them.
    pub configs: &'a Relation<PortConfig>,
    /// Routers and what leads to them.
    pub routed: &'a Routed,
    /// Router ports as rules for flows see them.
    pub router_ports: &'a Relation<RouterPortConfig>,
    /// The datapaths that have a key.
    pub datapaths: &'a Relation<Assigned>,
    /// Whether dropped packets are sampled.
    pub drop: &'a Relation<DropConfig>,
}

/// What becomes of multicast.
#[derive(Clone, Debug)]
pub struct Multicast {
    /// Flows.
    pub placed: Relation<Placed>,
    /// Who has them.
    pub members: Relation<SetMember>,
    /// Multicast_Group.
    pub groups: Relation<sb::MulticastGroup>,
    /// Multicast_Group.ports.
    pub group_ports: Relation<SetElement>,
    /// IGMP_Group rows to delete.
    pub stale: Relation<sb::IgmpGroup>,
    /// What is wrong.
    pub problems: Relation<Problem>,
}

/// Groups of all kinds, and the flows of snooping switches and relaying routers.
///
/// Cost: a port costs its own memberships; a learned group its row and its flow, and one more port of
/// it one element.
pub fn multicast(nb: &Northbound, sb: &Southbound, inputs: Inputs<'_>) -> Multicast {
    let ports = static_flood::flood_ports(inputs.configs);
    let switches = nb.switch.map(|row| row.uuid);
    let snooping = nb.switch.map(snoop::Snooping::read);
    let floods = relay::floods(inputs.router_ports);
    let relaying = relay::relaying(&inputs.routed.routers, &floods);
    let relays = relaying.filter(|row| row.relay).map(|row| row.router);
    let attached = inputs
        .routed
        .peers
        .attachments
        .index_by(|attached| attached.router)
        .semijoin(&relays.index_by(|router| *router));
    let relayed = attached.map(|attached| attached.switch).distinct();
    let snoopers = snooping.filter(|row| row.enabled).map(|row| row.switch);
    let joined = joined_to(&snoopers, nb, inputs.ports);
    let routers = attached.map(|attached| attached.port.row);

    // A port of type switch counts as one behind which there is a router, if the other switch snoops.
    let relaying_joints = joined
        .index_by(SwitchPort::switch)
        .semijoin(&relayed.index_by(|switch| *switch))
        .map(|port| port.port.row);
    let covered = routers.concat(&joined.map(|port| port.port.row)).distinct();
    let own = static_flood::members(&ports, &routers.concat(&relaying_joints).distinct());
    let flooding = static_flood::flooding(&switches, &ports, &relayed);

    let told = Told {
        entries: &sb.igmp_group,
        ports: &sb.igmp_group_ports,
        datapaths: &sb.datapath,
        bindings: &sb.port,
    };
    let receiving = receiving(&ports, &covered);
    let heard = learned::heard(&told, &switches, &receiving);
    let behind_routers = relay::receivers(&heard.receivers, &attached, inputs.router_ports);
    let localnets =
        ports.filter(|port| port.asks.kind == PortKind::Localnet).map(|port| (port.switch, port.binding));
    let receivers = heard.receivers.concat(&behind_routers);
    let learned =
        learned::groups(&receivers, &localnets, inputs.datapaths, &sb.datapath, &sb.multicast_group);
    let sizes = nb.switch.map(|row| (row.uuid, config::table_size(&row.other_config)));
    let (learned_flows, full) = learned::flows(&learned.groups, &sizes, &flooding);

    let routers_heard = heard.routers.map(|(switch, binding)| FixedMember {
        datapath: *switch,
        group: Group::RouterFlood,
        binding: *binding,
    });
    let further = inputs.further.map(|(datapath, group, binding)| FixedMember {
        datapath: *datapath,
        group: *group,
        binding: *binding,
    });
    let fixed_members = nb.switch.builder().union(&[own, floods, routers_heard, further]);
    let (groups, group_ports) = static_flood::rows(&fixed_members, inputs.datapaths);

    let fixed = inputs.drop.flat_map(|drop| {
        snoop::fixed(*drop).into_iter().map(|(set, flow)| Placed { on: On::Switches(set), flow })
    });
    let remote = snoop::remote_ports(&snooping, inputs.ports);
    let relay_flows = relay::flows(&relaying, &learned.groups, inputs.router_ports, inputs.drop);
    let builder = nb.switch.builder();
    Multicast {
        placed: builder.union(&[fixed, remote, learned_flows, relay_flows]),
        members: builder.union(&[
            static_flood::classes(&flooding),
            snoop::members(&snooping, &flooding),
            relay::members(&relaying),
        ]),
        groups: groups.concat(&learned.rows),
        group_ports: group_ports.concat(&learned.ports),
        stale: heard.stale,
        problems: heard.problems.concat(&full),
    }
}

/// The ports of type switch whose peer is on one of `switches`.
///
/// Cost: a port costs itself and its peer; a switch that starts or stops to snoop the ports that lead
/// to it.
fn joined_to(
    switches: &Relation<Uuid>,
    nb: &Northbound,
    ports: &Relation<SwitchPort>,
) -> Relation<SwitchPort> {
    let joints = switch_link::joined(ports, &nb.switch_port);
    let led = ports
        .filter(|port| port.kind == PortKind::Switch)
        .index_by(SwitchPort::switch)
        .semijoin(&switches.index_by(|switch| *switch));
    let leading = joints.index_by(|joint| joint.peer.clone()).semijoin(&led.index_by(SwitchPort::name));
    ports.index_by(SwitchPort::name).semijoin(&leading.index_by(|joint| joint.port.clone()))
}

/// The ports that get a group because they asked for it, and not because they get all groups or because
/// there is a router behind them (`covered`).
fn receiving(ports: &Relation<FloodPort>, covered: &Relation<Uuid>) -> Relation<FloodPort> {
    ports
        .filter(|port| !port.asks.flood && !port.asks.flood_reports)
        .index_by(|port| port.row)
        .antijoin(&covered.index_by(|row| *row))
}
