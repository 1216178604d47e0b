//! Where the flows of routers are: the functions of this folder over the relations of the network.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::class::{self, RouterSet};
use super::own_address::{self, Shared};
use super::packet_length::{self, Features};
use super::port::PortContext;
use super::surroundings;
use super::{aging, fixed_flows, port_flows, port_problems, request, resolve};
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember, place};
use crate::flow::text::quote;
use crate::flow::{Flow, On};
use crate::global::chassis::ChassisFeatures;
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::Link;
use crate::schema::sb::PortBindingState;
use crate::service::dhcp_relay;
use crate::topology::routed::Routed;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::{PortConfig, SwitchPort};
use crate::topology::tunnel_key::Assigned;

/// What the flows of routers are made of, beside the northbound rows.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Routers, and what leads where.
    pub routed: &'a Routed,
    /// Ports of routers.
    pub ports: &'a Relation<RouterPortConfig>,
    /// Tunnel keys of ports.
    pub port_keys: &'a Relation<Assigned>,
    /// Ports of switches.
    pub switch_ports: &'a Relation<SwitchPort>,
    /// The same, as rules for flows see them.
    pub switch_configs: &'a Relation<PortConfig>,
    /// Routers with a load balancer that works on every chassis.
    pub distributed: &'a Relation<Uuid>,
    /// Addresses that translations and services share with ports.
    pub shared: &'a Relation<Shared>,
    /// Whether dropped packets are sampled.
    pub drop: &'a Relation<DropConfig>,
    /// What the chassis can do.
    pub features: &'a Relation<ChassisFeatures>,
}

/// What routers contribute.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Router ports with what lies around them.
    pub contexts: Relation<PortContext>,
    /// Flows.
    pub placed: Relation<Placed>,
    /// Which classes each router is in.
    pub members: Relation<SetMember>,
    /// What is wrong.
    pub problems: Relation<Problem>,
}

/// Every flow of every router, but for routes, policies, translations and services.
///
/// Cost: a port costs its own flows, and those of its router or switch that name it; fixed flows cost
/// nothing after start, but for a change of drop sampling.
pub fn pipeline(nb: &Northbound, sb: &Southbound, inputs: Inputs<'_>) -> Pipeline {
    let around = surroundings::Inputs {
        switch_ports: inputs.switch_ports,
        switch_rows: &nb.switch_port,
        distributed: inputs.distributed,
    };
    let contexts = surroundings::contexts(inputs.ports, around);
    let fixed = inputs.drop.flat_map(|drop| {
        fixed_flows(*drop).into_iter().map(|(set, flow)| Placed { on: On::Routers(set), flow })
    });
    let own = contexts.flat_map(|port| place(port.config.router.row, port_flows(port)));
    let attachments = &inputs.routed.peers.attachments;
    let routed = attachments.map(|attachment| attachment.switch).distinct();
    let parts = [
        fixed,
        own,
        own_address::flows(&contexts, inputs.shared),
        resolve::peer_flows(&contexts),
        resolve::switch_flows(&contexts, &inputs.routed.peers, inputs.switch_configs),
        too_large(&contexts, inputs.features),
        static_routes(nb),
        dhcp_relay::flows(&contexts, &nb.dhcp_relay, &nb.switch, inputs.switch_configs, &routed),
    ];
    let placed = contexts.builder().union(&parts);
    let members = members(sb, inputs, &contexts);
    let problems = contexts
        .flat_map(port_problems)
        .concat(&dhcp_relay::problems(&nb.dhcp_relay))
        .concat(&aging::problems(&nb.router));
    Pipeline { contexts, placed, members, problems }
}

/// A port with a limit for the length of packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Limit {
    router: Uuid,
    port: Uuid,
    name: Text,
    mtu: i32,
    features: (bool, bool),
}

/// Flows about packets that are too large.
///
/// Cost: a port costs a few flows for each port with a limit on its router.
fn too_large(ports: &Relation<PortContext>, features: &Relation<ChassisFeatures>) -> Relation<Placed> {
    let features = features.map(|features| (features.ct_state_save, features.ct_commit_nat_v2));
    let known = |(ct_state_save, ct_commit_nat_v2)| Features { ct_state_save, ct_commit_nat_v2 };
    let limited = ports.filter(|port| port.config.options.gateway_mtu.is_some());
    let own = limited.index_by(|_| ()).join_flat(&features.index_by(|_| ()), move |port, features| {
        place(port.config.router.row, packet_length::port(port, known(*features)))
    });
    let limits = limited
        .flat_map(|port| {
            let (name, mtu) = (port.config.port.name.clone(), port.config.options.gateway_mtu?);
            Some((port.config.router.row, port.config.port.row, name, mtu))
        })
        .index_by(|_| ())
        .join(&features.index_by(|_| ()), |(router, port, name, mtu), features| Limit {
            router: *router,
            port: *port,
            name: name.clone(),
            mtu: *mtu,
            features: *features,
        });
    let pairs = ports.index_by(|port| port.config.router.row).named("router.port.by_router").join_flat(
        &limits.index_by(|limit| limit.router),
        move |port, limit| {
            let flows = match port.config.port.row == limit.port {
                true => Vec::new(),
                false => packet_length::pair(port, &quote(&limit.name), limit.mtu, known(limit.features)),
            };
            place(limit.router, flows)
        },
    );
    own.concat(&pairs)
}

/// Flows that solicit the next hops of static routes.
///
/// Cost: a route costs its own flow.
fn static_routes(nb: &Northbound) -> Relation<Placed> {
    let asked = nb.static_route.flat_map(|row| {
        let flow = request::static_route(&row.nexthop)?;
        Some((row.uuid, flow.hint(row.uuid)))
    });
    nb.router_static_routes.index_by(Link::member).join(
        &asked.index_by(|(route, _): &(Uuid, Flow)| *route),
        |link, (_, flow)| Placed { on: On::Datapath(link.owner), flow: flow.clone() },
    )
}

/// Which classes each router is in.
///
/// Cost: a router costs its own memberships; a port costs nothing unless it is the first or last of
/// its router to have a trait that decides a class.
fn members(sb: &Southbound, inputs: Inputs<'_>, ports: &Relation<PortContext>) -> Relation<SetMember> {
    let routers = &inputs.routed.routers;
    let member = |datapath| move |set| SetMember { set: On::Routers(set), datapath };
    let own = routers
        .flat_map(move |router| class::sets(router).into_iter().map(member(router.row)).collect::<Vec<_>>());
    let rows = routers.map(|router| (router.row, router.options.always_learn_from_arp_request));
    let rows = rows.index_by(|(router, _)| *router);
    let hearing = rows.join_optional(
        &transit(sb, inputs).index_by(|router| *router),
        move |(router, always), transit| {
            Some(member(*router)(RouterSet::Hearing { always: *always, transit: transit.is_some() }))
        },
    );
    let flooded = ports.filter(|port| port.config.enabled && port.config.options.mcast_flood);
    let flooding = flooded
        .map(|port| port.config.router.row)
        .distinct()
        .map(move |router| member(*router)(RouterSet::Flooding));
    routers.builder().union(&[own, hearing, flooding])
}

/// Routers with a port that is bound in another availability zone.
///
/// Cost: a binding costs itself; a chassis of another zone the ports bound there.
fn transit(sb: &Southbound, inputs: Inputs<'_>) -> Relation<Uuid> {
    let remote = sb.chassis.filter(|chassis| chassis.other_config.get_bool("is-remote", false));
    let away = sb
        .port
        .index_by(PortBindingState::chassis)
        .semijoin(&remote.map(|chassis| chassis.uuid).index_by(|chassis| Some(*chassis)));
    let names = inputs.routed.ports.flat_map(|port| {
        let redirect = port.redirect.as_ref().map(|redirect| (redirect.name.clone(), port.router));
        [Some((port.port.name.clone(), port.router)), redirect].into_iter().flatten()
    });
    let routers = names
        .index_by(|(name, _): &(Text, Uuid)| name.clone())
        .semijoin(&away.index_by(PortBindingState::logical_port));
    routers.map(|(_, router)| *router).distinct()
}
