//! The program in parts: what its rules have made, to be read, added to and left out.

use northflow_engine::{Builder, Relation};

use super::balancing;
use super::{Balanced, Base, Global, Network, Northbound, Parts, Southbound};
use crate::acl::filtering::Filtering;
use crate::flow::row::{Placed, SetMember};
use crate::problem::Problem;
use crate::topology::port_group;
use crate::topology::switch_port::PortConfig;

/// The program before it is finished. Everything that is public is a relation that rules have made, on which others
/// can be built.
///
/// ```
/// use northflow_engine::{Config, Engine};
/// use northflow_rules::flow::row::Placed;
/// use northflow_rules::flow::{Flow, On, Stage};
/// use northflow_rules::northd::Northd;
///
/// let engine = Engine::start(Config::default(), |builder| {
///     let mut northd = Northd::new(builder);
///     let quiet = northd.northbound.switch.map(|switch| Placed {
///         on: On::Datapath(switch.uuid),
///         flow: Flow::new(Stage::LsInL2Lkup, 120, "eth.type == 0x88cc", "drop;"),
///     });
///     northd.add_flows(&quiet);
///     northd.drop_flows_of("switch/port_security.rs");
///     northd.finish();
/// })?;
/// # Ok::<(), northflow_engine::EngineError>(())
/// ```
#[derive(Debug)]
pub struct Northd {
    /// The northbound tables.
    pub northbound: Northbound,
    /// What the southbound database holds that others write.
    pub southbound: Southbound,
    /// Answers about the network as a whole.
    pub global: Global,
    /// Datapaths and ports.
    pub network: Network,
    /// Load balancing.
    pub balanced: Balanced,
    /// What each switch does with packets because of its ACLs.
    pub filtering: Relation<Filtering>,
    /// Ports of switches as rules for flows see them.
    pub switch_ports: Relation<PortConfig>,
    builder: Builder,
    parts: Parts,
}

/// Gives what rules build upon names, for dumps.
fn name(
    global: &Global,
    network: &Network,
    balanced: &Balanced,
    filtering: &Relation<Filtering>,
    switch_ports: &Relation<PortConfig>,
) {
    global.options.clone().named("global.options");
    global.limits.clone().named("global.limits");
    global.drop.clone().named("global.drop");
    global.features.clone().named("global.features");
    network.datapaths.keys.clone().named("network.datapath_keys");
    network.ports.clone().named("network.ports");
    network.port_keys.clone().named("network.port_keys");
    network.dynamic_addresses.clone().named("network.dynamic_addresses");
    network.queues.clone().named("network.queues");
    network.meters.clone().named("network.meters");
    network.routed.routers.clone().named("network.routers");
    network.routed.ports.clone().named("network.routed_ports");
    network.routed.peers.attachments.clone().named("network.attachments");
    network.routed.peers.of_router_ports.clone().named("network.peers");
    network.routed.facing.clone().named("network.facing");
    network.router_ports.clone().named("network.router_ports");
    network.nats.entries.clone().named("network.nats");
    network.functions.clone().named("network.functions");
    balanced.services.clone().named("balanced.services");
    balanced.switches.clone().named("balanced.switches");
    balanced.routers.clone().named("balanced.routers");
    balanced.health.clone().named("balanced.health");
    filtering.clone().named("filtering");
    switch_ports.clone().named("switch_ports");
}

impl Northd {
    /// Every rule of the program, each output but the flows and problems, which wait for [`Northd::finish`].
    pub fn new(builder: &Builder) -> Northd {
        let nb = Northbound::new(builder);
        let sb = Southbound::new(builder);
        let mut parts = Parts::default();
        let global = super::global(builder, &nb, &sb, &mut parts);
        let balancers = balancing::balancers(&nb, &global, &mut parts);
        let network = super::topology(builder, &nb, &sb, &global, &balancers, &mut parts);
        let switch_ports = super::port_configs(&nb, &global, &network);
        let balanced =
            balancing::balanced(builder, &nb, &sb, &global, &network, &balancers, &switch_ports, &mut parts);
        let members = port_group::placed(&nb.port_group_ports, &network.ports);
        let reach = port_group::reach(&members);
        let base = Base {
            program: builder,
            nb: &nb,
            sb: &sb,
            global: &global,
            network: &network,
            balanced: &balanced,
        };
        let filtering = super::acls(base, &reach, &mut parts);
        super::network_functions(base, &reach, &mut parts);
        super::switches(base, &filtering, &switch_ports, &mut parts);
        super::routers(base, &switch_ports, &mut parts);
        super::groups(base, &members, &mut parts);
        super::stale(base);
        name(&global, &network, &balanced, &filtering, &switch_ports);
        Northd {
            northbound: nb,
            southbound: sb,
            global,
            network,
            balanced,
            filtering,
            switch_ports,
            builder: builder.clone(),
            parts,
        }
    }

    /// Adds a rule: `flows` become rows of Logical_Flow beside those of the program.
    pub fn add_flows(&mut self, flows: &Relation<Placed>) {
        self.parts.placed.push(flows.clone());
    }

    /// Says which datapaths the sets have on which added flows are placed.
    pub fn add_members(&mut self, members: &Relation<SetMember>) {
        self.parts.members.push(members.clone());
    }

    /// Adds complaints about configuration.
    pub fn add_problems(&mut self, problems: &Relation<Problem>) {
        self.parts.problems.push(problems.clone());
    }

    /// Drops a rule: of the flows of `file` none become rows. The file is the one below `rules/src` that
    /// [`Flow::source`](crate::flow::Flow::source) names and, in the database, external_ids:source. Its flows are
    /// computed still, because what else follows from them stays as it is.
    pub fn drop_flows_of(&mut self, file: &str) {
        self.parts.dropped.push(file.to_owned());
    }

    /// Makes the outputs that all rules have a share in: the flows and the problems.
    pub fn finish(self) {
        self.parts.output(&self.builder, &self.network);
    }
}
