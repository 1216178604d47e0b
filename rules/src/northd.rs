//! The program that takes ovn-northd's place: northbound and chassis rows in, southbound rows out.
//!
//! [`program`] is all of it; [`Northd`] is the same before it is finished, for those who want it otherwise.

mod balancing;
mod composition;
mod inputs;
mod tables;

use northflow_engine::{Builder, Relation};

use crate::acl;
use crate::acl::filtering::Filtering;
use crate::flow;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember};
use crate::global::address_set::Sets;
use crate::global::chassis::ChassisFeatures;
use crate::global::stale::{self, PortKey};
use crate::global::{
    address_set, chassis, config_seq, dhcp_catalog, drop_sampling, identity, rbac, settings, single, template,
};
use crate::lb;
use crate::meter::copp::DatapathMeter;
use crate::meter::{self, copp};
use crate::multicast;
use crate::network_function::{self, active, probe, redirect};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::bfd::Session;
use crate::router::forwarding::{self, Forwarding};
use crate::router::{self, aging, bfd, dynamic, nat, policy, routable, route};
use crate::schema::{SetElement, nb, sb};
use crate::service;
use crate::switch::forwarding_group::forwarding_groups;
use crate::switch::lport_mirror::Mirrors;
use crate::switch::{
    evpn, external_port, lport_mirror, mirror, placed, protocol_redirect, switch_link, translated,
};
use crate::topology::announcement::Beside;
use crate::topology::datapath::{self, Datapaths, KeyLimits};
use crate::topology::port_group::{PlacedMember, Reach};
use crate::topology::qos_queue::Queue;
use crate::topology::routed::{self, Routed};
use crate::topology::router_port::{self, RouterPortConfig};
use crate::topology::switch_port::{FlowConfig, PortConfig, SwitchPort};
use crate::topology::tunnel_key::Assigned;
use crate::topology::{bindings, container, ipam, port_check, port_group, port_key, qos_queue, switch_port};

pub use balancing::Balanced;
use balancing::Balancers;
pub use composition::Northd;
pub use config_seq::HvProgress;
pub use inputs::{Northbound, Southbound};
pub use tables::{EXPIRED, EXPIRIES, HELD, HV_PROGRESS, INPUTS, OUTPUTS, PROBLEMS};

/// Builds the whole program: every input of [`INPUTS`], every output of [`OUTPUTS`].
pub fn program(program: &Builder) {
    Northd::new(program).finish();
}

/// What several areas contribute to, put together at the end.
#[derive(Debug, Default)]
struct Parts {
    /// Rules whose flows are left out, by the file that they are written in.
    dropped: Vec<String>,
    placed: Vec<Relation<Placed>>,
    members: Vec<Relation<SetMember>>,
    dp_groups: Vec<Relation<sb::LogicalDpGroup>>,
    dp_group_datapaths: Vec<Relation<SetElement>>,
    problems: Vec<Relation<Problem>>,
}

impl Parts {
    /// Logical flows, the groups of datapaths that rows refer to, and all problems.
    fn output(mut self, program: &Builder, network: &Network) {
        let live = network.datapaths.keys.map(|assigned| assigned.owner);
        let mut placed = program.union(&self.placed).named("flows");
        if !self.dropped.is_empty() {
            let dropped = self.dropped;
            placed = placed.filter(move |placed| !dropped.iter().any(|rule| placed.flow.source() == rule));
        }
        let metered = copp::metered(&placed, &program.union(&self.members), &network.meters);
        let rows = flow::row::rows(&metered.placed, &metered.members, &live);
        program.output("sb.Logical_Flow", &rows.flows);
        self.dp_groups.push(rows.groups);
        self.dp_group_datapaths.push(rows.group_datapaths);
        program.output("sb.Logical_DP_Group", &program.union(&self.dp_groups));
        program.output("sb.Logical_DP_Group.datapaths", &program.union(&self.dp_group_datapaths));
        program.output(PROBLEMS, &program.union(&self.problems));
    }
}

/// Answers about the network as a whole.
#[derive(Clone, Debug)]
pub struct Global {
    /// NB_Global options, one row.
    pub options: Relation<nb::NbGlobalOptions>,
    /// What the tunnels can carry, one row.
    pub limits: Relation<KeyLimits>,
    /// Whether and how dropped packets are sampled, one row.
    pub drop: Relation<DropConfig>,
    /// What all chassis can do, one row.
    pub features: Relation<ChassisFeatures>,
    /// What flows of switches depend on, one row.
    pub flow_config: Relation<FlowConfig>,
}

/// Settings, catalogues, and how far the chassis have followed.
fn global(program: &Builder, nb: &Northbound, sb: &Southbound, parts: &mut Parts) -> Global {
    let options = settings::options(&nb.global);
    let vxlan = chassis::vxlan_mode(&options, &sb.chassis, &sb.encap);
    let highest = chassis::max_datapath_key(&vxlan, &nb.switch);
    let completed = settings::completed(&options, &highest);
    program.output("nb.NB_Global.options", &settings::write_back(&options, &completed));
    program.output("sb.Chassis_Template_Var", &template::variables(&nb.template_var));
    program.output("sb.SB_Global", &settings::southbound(&nb.global, &completed, &sb.global));

    let (role, permissions) = rbac::rbac(&nb.global);
    program.output("sb.RBAC_Role", &role);
    program.output("sb.RBAC_Permission", &permissions);
    let (dhcp, dhcpv6) = dhcp_catalog::catalogues(&nb.global);
    program.output("sb.DHCP_Options", &dhcp);
    program.output("sb.DHCPv6_Options", &dhcpv6);
    let progress = config_seq::hv_progress(&nb.global, &sb.chassis, &sb.chassis_private);
    program.output(HV_PROGRESS, &progress);

    let limits = single(&highest)
        .join(&single(&vxlan), |highest, vxlan| KeyLimits { datapath: highest.0, vxlan: vxlan.0 });
    let (drop, problems) = drop_sampling::drop_sampling(&options, &nb.sampling_app);
    parts.problems.push(problems);
    let features = chassis::features(&options, &sb.chassis);
    let ignore_down = options.map(|row| row.options.get_bool("ignore_lsp_down", true));
    let flow_config = single(&drop).join(&single(&ignore_down), |drop, ignore_down| FlowConfig {
        drop: *drop,
        ignore_down: *ignore_down,
    });
    Global { options, limits, drop, features, flow_config }
}

/// Datapaths and ports with their keys.
#[derive(Clone, Debug)]
pub struct Network {
    /// Switches and routers with their keys.
    pub datapaths: Datapaths,
    /// Ports of switches.
    pub ports: Relation<SwitchPort>,
    /// The keys of all ports.
    pub port_keys: Relation<Assigned>,
    /// Addresses that ports of switches were given, by port.
    pub dynamic_addresses: Relation<(Uuid, Text)>,
    /// Queues of ports.
    pub queues: Relation<Queue>,
    /// Mirrors that are ports of the network.
    pub mirrors: Mirrors,
    /// Meters of datapaths.
    pub meters: Relation<DatapathMeter>,
    /// Routers, their ports, and what leads where.
    pub routed: Routed,
    /// Ports of routers as rules for flows see them.
    pub router_ports: Relation<RouterPortConfig>,
    /// Translations of addresses.
    pub nats: nat::Entries,
    /// Network functions.
    pub functions: Relation<network_function::Function>,
}

/// Datapaths, ports, and what is written back about them.
fn topology(
    program: &Builder,
    nb: &Northbound,
    sb: &Southbound,
    global: &Global,
    balancers: &Balancers,
    parts: &mut Parts,
) -> Network {
    let datapaths = datapath::datapaths(&nb.switch, &nb.router, &sb.datapath, &global.limits);
    program.output("sb.Datapath_Binding", &datapaths.rows);
    program.output("sb.IP_Multicast", &multicast::config::ip_multicast(&nb.switch, &datapaths.rows));

    let router_ports = router_port::router_ports(&nb.router_ports, &nb.router, &nb.router_port);
    let taken = router_ports.ports.map(|port| port.port.name.clone());
    let switch_ports = switch_port::switch_ports(&nb.switch_ports, &nb.switch_port, &taken);
    let ports = switch_ports.ports;
    let routed = routed::routed(nb, &datapaths, router_ports, &ports);
    let claimants = switch_port::claimants(&ports, &nb.switch_port).concat(&routed.claimants(nb));
    let mirrors = lport_mirror::mirrors(nb, &ports, &claimants);
    parts.placed.push(mirrors.flows(&nb.mirror_rule));
    let claimants = claimants.concat(&mirrors.claimants);
    let keys = port_key::port_keys(&claimants, &datapaths.keys, &sb.port, &sb.datapath, &global.limits);
    let queues = qos_queue::queues(&ports, &nb.switch_port, &sb.port);
    let nats = nat::entries(nb, &routed);
    parts.problems.extend(bindings::output(
        program,
        nb,
        sb,
        &ports,
        &routed,
        &keys,
        &queues,
        &mirrors.bindings(&keys.keys),
        Beside { nats: &nats, fronts: &balancers.fronts, balancers: &balancers.on_routers },
    ));
    let router_ports = routed.configs(nb, &keys, &global.drop);
    program.output("sb.Mirror", &mirror::mirrors(&nb.mirror));

    program.output(
        "nb.Logical_Switch_Port.tag",
        &container::tags(&ports, &nb.switch_port, &nb.switch_port_state),
    );

    let mac_prefix = identity::mac_prefix(&global.options).map(|prefix| prefix.0);
    let inputs = ipam::Inputs {
        switches: &nb.switch,
        switch_ports: &nb.switch_port,
        states: &nb.switch_port_state,
        routers: &nb.router,
        router_ports: &nb.router_port,
        listed_router_ports: &nb.router_ports,
        mac_prefix: &mac_prefix,
    };
    let ipam = ipam::ipam(&ports, inputs);
    program.output("nb.Logical_Switch_Port.dynamic_addresses", &ipam.writes);
    parts.problems.extend([datapaths.problems.clone(), switch_ports.problems, routed.problems.clone()]);
    parts.problems.extend([keys.problems, ipam.problems, nats.problems.clone()]);
    Network {
        datapaths,
        ports,
        port_keys: keys.keys,
        dynamic_addresses: ipam.addresses,
        queues,
        mirrors,
        meters: meters(program, nb),
        routed,
        router_ports,
        nats,
        functions: network_function::functions(nb),
    }
}

/// What the parts that make flows build upon.
#[derive(Clone, Copy, Debug)]
struct Base<'a> {
    program: &'a Builder,
    nb: &'a Northbound,
    sb: &'a Southbound,
    global: &'a Global,
    network: &'a Network,
    balanced: &'a Balanced,
}

/// Meters, and which of them limit what datapaths send to controllers.
fn meters(program: &Builder, nb: &Northbound) -> Relation<DatapathMeter> {
    let rows = meter::row::rows(&nb.meter, &nb.meter_band, &nb.acl);
    program.output("sb.Meter", &rows.meters);
    program.output("sb.Meter_Band", &rows.bands);
    copp::datapath_meters(&nb.copp, &nb.meter, &nb.switch, &nb.router)
}

/// ACLs: their flows, and what each switch does with packets.
fn acls(base: Base<'_>, reach: &Relation<Reach>, parts: &mut Parts) -> Relation<Filtering> {
    let Base { program, nb, sb, global, balanced, .. } = base;
    let inputs = acl::placed::Inputs {
        reach: reach.clone(),
        balanced: balanced.switches.clone(),
        settings: acl::settings(&global.options, &global.drop),
        features: global.features.clone(),
    };
    let acls = acl::placed::acls(nb, sb, &inputs);
    program.output("sb.ACL_ID", &acls.numbers);
    parts.placed.push(acls.placed);
    parts.members.push(acls.members);
    parts.problems.push(acls.problems);
    acls.filtering
}

/// Which network functions are in use, and the ways through them.
fn network_functions(base: Base<'_>, reach: &Relation<Reach>, parts: &mut Parts) {
    let Base { program, nb, global, network, balanced, .. } = base;
    let address = probe::addresses(&global.options).flat_map(|addresses| addresses.destination.clone());
    let active = active::active(nb, &network.functions, &balanced.health, &address);
    program.output("nb.Network_Function_Group.network_function_active", &active.changed);
    let redirects = redirect::redirects(nb, &network.ports, reach, &network.functions, &active.groups);
    parts.placed.push(redirects.placed);
    parts.problems.extend([active.problems, redirects.problems]);
}

/// Ports of switches as the rules for flows see them.
fn port_configs(nb: &Northbound, global: &Global, network: &Network) -> Relation<PortConfig> {
    switch_port::port_configs(
        &network.ports,
        &nb.switch_port,
        &network.port_keys,
        &network.dynamic_addresses,
        &network.routed.facing,
        &network.queues,
        &nb.switch_port_state,
        &global.flow_config,
    )
}

/// Flows of switches, and the multicast groups that they name.
fn switches(
    base: Base<'_>,
    filtering: &Relation<Filtering>,
    ports: &Relation<PortConfig>,
    parts: &mut Parts,
) {
    let Base { program, nb, sb, global, network, balanced } = base;
    let by_switch = ports.index_by(PortConfig::switch).named("switch.port");
    parts.placed.push(placed::flows(ports, &by_switch, filtering, &global.flow_config));
    parts.members.push(placed::members(&nb.switch, ports));
    parts.placed.push(translated::flows(translated::Inputs {
        ports,
        routed: &network.routed,
        nats: &network.nats,
        services: &balanced.vips.shared,
    }));
    let facing = ports.flat_map(|port| port.facing.clone());
    parts.placed.push(lb::router::neighbor::requests(&balanced.vips, &facing));
    let services = service::services(nb, ports, &by_switch);
    parts.placed.push(services.placed);
    let names = service::dns::rows(&nb.switch_dns_records, &nb.dns, &sb.dns, &network.datapaths.keys);
    program.output("sb.Advertised_MAC_Binding", &evpn::neighbors(&nb.switch, ports));
    program.output("sb.DNS", &names.rows);
    program.output("sb.DNS.datapaths", &names.datapaths);
    program.output("sb.DNS.options", &names.options);
    let (shaping, problems) = meter::qos::shaping(&nb.switch_qos_rules, &nb.qos);
    parts.placed.push(shaping);
    parts.problems.push(problems);

    parts.placed.push(external_port::drops(ports));
    parts.placed.push(forwarding_groups(&nb.switch_forwarding_groups, &nb.forwarding_group));
    parts.problems.push(port_check::problems(&network.ports, &nb.switch_port, &sb.chassis));
    parts.problems.push(switch_link::problems(&network.ports, &nb.switch_port, &network.routed.ports));

    let inputs = multicast::Inputs {
        ports: &network.ports,
        further: &network.mirrors.multicast(ports, &network.port_keys),
        configs: ports,
        routed: &network.routed,
        router_ports: &network.router_ports,
        datapaths: &network.datapaths.keys,
        drop: &global.drop,
    };
    let multicast = multicast::multicast(nb, sb, inputs);
    parts.placed.push(multicast.placed);
    parts.members.push(multicast.members);
    parts.problems.push(multicast.problems);
    program.output("sb.Multicast_Group", &multicast.groups);
    program.output("sb.Multicast_Group.ports", &multicast.group_ports);
    program.output("sb.IGMP_Group.stale", &multicast.stale);
}

/// Flows of routers.
fn routers(base: Base<'_>, switch_configs: &Relation<PortConfig>, parts: &mut Parts) {
    let Base { nb, sb, global, network, balanced, .. } = base;
    let settings = nat::home::settings(&global.options, &global.features, &global.drop);
    let homes = nat::home::homes(&network.routed.routers, &settings);
    let inputs = router::placed::Inputs {
        routed: &network.routed,
        ports: &network.router_ports,
        port_keys: &network.port_keys,
        switch_ports: &network.ports,
        switch_configs,
        distributed: &network.routed.distributed,
        shared: &nat::shared(&network.nats, &homes).concat(&balanced.vips.shared).distinct(),
        drop: &global.drop,
        features: &global.features,
    };
    let pipeline = router::placed::pipeline(nb, sb, inputs);
    let inputs = nat::Inputs {
        nats: &network.nats,
        homes: &homes,
        ports: &pipeline.contexts,
        switch_ports: &network.ports,
        balanced: &balanced.routers,
    };
    let translated = nat::flows(nb, inputs);
    parts.placed.push(translated.placed);
    parts.members.push(translated.members);
    parts.problems.push(nat::home::problems(&network.routed.routers));
    let services = lb::router::placed::flows(lb::router::placed::Inputs {
        skipping: &nb
            .load_balancer
            .filter(|row| row.options.get_bool("skip_snat", false))
            .map(|row| row.uuid),
        services: &balanced.services,
        routers: &balanced.on_routers,
        balanced: &balanced.routers,
        homes: &homes,
        ports: &pipeline.contexts,
        external_ips: &network.nats.external_ips,
    });
    parts.placed.push(services.placed);
    parts.members.push(services.members);
    let keys = &network.datapaths.keys;
    parts.placed.push(lb::router::neighbor::answers(&balanced.vips, keys, &pipeline.contexts));
    parts.placed.push(pipeline.placed);
    parts.members.push(pipeline.members);
    parts.problems.push(pipeline.problems);
    let sessions = bfd::sessions(nb, sb);
    let routables = routable::translations(&network.nats.outsides).concat(&balanced.routables);
    parts.placed.push(routable::flows(routable::Inputs {
        ports: &pipeline.contexts,
        peers: &network.routed.peers,
        routables: &routables,
        sessions: &sessions,
    }));
    routes(base, switch_configs, &sessions, parts);
    let watched = nb.bfd.map(|row| row.logical_port.clone());
    let (placed, problems) = protocol_redirect::redirects(&network.router_ports, &network.ports, &watched);
    parts.placed.push(placed);
    parts.problems.push(problems);
}

/// Routes, policies, and the sessions that they depend on.
fn routes(
    base: Base<'_>,
    switch_configs: &Relation<PortConfig>,
    sessions: &Relation<Session>,
    parts: &mut Parts,
) {
    let Base { program, nb, sb, global, network, balanced } = base;
    let routers = &network.routed.routers;
    let exits = route::hop::exits(&network.router_ports, &network.port_keys);
    let forwarding = Forwarding {
        routers,
        names: &forwarding::names(nb, routers),
        exits: &exits,
        exit_names: &forwarding::exit_names(&exits),
        sessions,
        drop: &global.drop,
        held: &program.input(HELD),
    };
    let learned = dynamic::learned::learned(nb, sb, &network.routed);
    let inputs = route::Inputs {
        forwarding,
        ports: &network.router_ports,
        keys: &network.port_keys,
        learned: &learned.routes,
    };
    let routes = route::routes(nb, inputs);
    let advertised = dynamic::advertised(
        nb,
        sb,
        dynamic::Inputs {
            routed: &network.routed,
            ports: &network.router_ports,
            switch_ports: switch_configs,
            routes: &routes.alive,
            nats: &network.nats,
            services: &balanced.services,
            balancers: &balanced.on_routers,
        },
    );
    let policies = policy::policies(nb, forwarding);
    let watched = routes.watched.concat(&policies.watched);
    let bfd = bfd::bfd(nb, sb, &network.router_ports, &watched);
    program.output("sb.BFD", &bfd.rows);
    program.output("sb.BFD.status", &bfd.switched);
    let watched =
        route::next_hop_monitor::next_hops(sb, &global.options, &network.router_ports, &routes.symmetric);
    program.output("sb.ECMP_Nexthop", &watched.rows);
    program.output("sb.ECMP_Nexthop.mac", &watched.learned);
    program.output("nb.BFD.status", &bfd.status);
    program.output("sb.Advertised_Route", &advertised.rows);
    program.output("sb.Learned_Route.stale", &learned.stale);
    parts.problems.extend([learned.problems, advertised.problems]);
    parts.placed.extend([routes.placed, policies.placed, bfd.placed]);
    parts.problems.extend([routes.problems, policies.problems]);
}

/// Port groups and address sets, which matches refer to by name.
fn groups(base: Base<'_>, members: &Relation<PlacedMember>, parts: &mut Parts) {
    let Base { program, nb, global, network, balanced, .. } = base;
    let members = port_group::members(&nb.port_group, members);
    let (groups, ports) = port_group::port_groups(&members, &network.datapaths.keys);
    program.output("sb.Port_Group", &groups);
    program.output("sb.Port_Group.ports", &ports);

    let sources = [
        address_set::user_sets(&nb.address_set, &nb.address_set_addresses),
        address_set::monitor_set(&identity::monitor_macs(&global.options)),
        address_set::port_group_sets(
            &nb.port_group,
            &nb.port_group_ports,
            &nb.switch_port,
            &nb.switch_port_state,
        ),
        lb::router::neighbor::sets(&balanced.vips, &network.datapaths.keys),
    ];
    let sets = address_set::address_sets(&Sets::union(program, &sources));
    program.output("sb.Address_Set", &sets.rows);
    program.output("sb.Address_Set.addresses", &sets.addresses);
    parts.problems.push(sets.problems);
}

/// Learned rows whose port or datapath is gone, or whose time is over.
fn stale(base: Base<'_>) {
    let Base { program, nb, sb, global, network, .. } = base;
    let due = aging::mac_bindings(&sb.mac_binding, &nb.router, &sb.datapath, &global.features)
        .concat(&aging::fdb(&sb.fdb, &nb.switch, &network.datapaths.keys, &global.features));
    program.output(EXPIRIES, &due);
    let over = aging::over(&due, &program.input(EXPIRED)).index_by(|expiry| expiry.row).named("aging.over");
    let keys = network.port_keys.index_by(|port| port.space).join(
        &network.datapaths.keys.index_by(|datapath| datapath.owner),
        |port, datapath| PortKey {
            port: port.owner,
            datapath: datapath.owner,
            dp_key: datapath.key,
            port_key: port.key,
        },
    );
    let aged = sb.fdb.index_by(|row| row.uuid).semijoin(&over);
    program.output("sb.FDB.stale", &stale::fdb(&sb.fdb.concat(&aged.negate()), &keys).concat(&aged));

    let owners = sb.datapath.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let routers = owners
        .index_by(|(_, owner)| *owner)
        .semijoin(&nb.router.filter(|router| router.enabled != Some(false)).index_by(|router| router.uuid))
        .map(|(row, _)| *row);
    let names = network.routed.ports.flat_map(|port| {
        let redirect = port.redirect.as_ref().map(|redirect| redirect.name.clone());
        [Some(port.port.name.clone()), redirect].into_iter().flatten()
    });
    let aged = sb.mac_binding.index_by(|row| row.uuid).semijoin(&over);
    let rest = sb.mac_binding.concat(&aged.negate());
    program.output("sb.MAC_Binding.stale", &stale::mac_bindings(&rest, &routers, &names).concat(&aged));
}
