//! Load balancing as part of the program.

use northflow_engine::{Builder, Relation};

use super::{Global, Network, Northbound, Parts, Southbound};
use crate::flow::On;
use crate::global::{identity, single};
use crate::lb::attach::{Attachment, References};
use crate::lb::router::{neighbor, reach};
use crate::lb::{self, probe_source};
use crate::network_function::probe;
use crate::ovsdb::Uuid;
use crate::router::routable::Routable;
use crate::schema::Link;
use crate::service::{monitor, port_health};
use crate::topology::switch_port::PortConfig;

/// Load balancers as configured, and which routers have which.
pub(super) struct Balancers {
    services: Relation<lb::Service>,
    /// The addresses of VIPs.
    pub fronts: Relation<reach::Front>,
    /// Which routers have which.
    pub on_routers: Attachment,
    of_routers: References,
}

/// What load balancing tells the rules for switches and routers.
#[derive(Clone, Debug)]
pub struct Balanced {
    /// Every VIP.
    pub services: Relation<lb::Service>,
    /// Which routers have which load balancers.
    pub on_routers: Attachment,
    /// What routers answer for.
    pub vips: neighbor::Vips,
    /// VIPs that other routers get routes to.
    pub routables: Relation<Routable>,
    /// Switches that have a load balancer with a VIP.
    pub switches: Relation<Uuid>,
    /// Routers that do.
    pub routers: Relation<Uuid>,
    /// What came of all probes.
    pub health: Relation<monitor::Health>,
}

/// The references of datapaths to load balancers and groups that are there: the server may keep one to a
/// row that went in the transaction that changed the referrer.
fn references(nb: &Northbound, direct: &Relation<Link>, grouped: &Relation<Link>) -> References {
    let lbs = nb.load_balancer.map(|row| row.uuid).index_by(|lb| *lb);
    let groups = nb.load_balancer_group.map(|row| row.uuid).index_by(|group| *group);
    let existing = |links: &Relation<Link>, rows| links.index_by(Link::member).semijoin(rows);
    References {
        direct: existing(direct, &lbs),
        grouped: existing(grouped, &groups),
        group_members: existing(&nb.load_balancer_group_members, &lbs),
    }
}

/// Load balancers, before anything is known of ports.
pub(super) fn balancers(nb: &Northbound, global: &Global, parts: &mut Parts) -> Balancers {
    let controller_event = global.options.map(|row| row.options.get_bool("controller_event", false));
    let settings = single(&global.drop).join(&single(&controller_event), |drop, controller_event| {
        lb::Settings { controller_event: *controller_event, drop: *drop }
    });
    let balancers = lb::balancers(&nb.load_balancer, &nb.load_balancer_vips, &settings);
    parts.problems.push(balancers.problems);
    let of_routers = references(nb, &nb.router_load_balancers, &nb.router_load_balancer_groups);
    Balancers {
        fronts: reach::fronts(&balancers.services),
        services: balancers.services,
        on_routers: of_routers.attach(On::BalancedRouters),
        of_routers,
    }
}

/// Load balancers: their flows on switches, their rows, and the probes of all.
pub(super) fn balanced(
    program: &Builder,
    nb: &Northbound,
    sb: &Southbound,
    global: &Global,
    network: &Network,
    balancers: &Balancers,
    switch_ports: &Relation<PortConfig>,
    parts: &mut Parts,
) -> Balanced {
    let Balancers { on_routers, of_routers, .. } = balancers;
    let (routed, fronts) = (&network.routed, &balancers.fronts);
    let own = references(nb, &nb.switch_load_balancers, &nb.switch_load_balancer_groups);
    let inherits = global.options.map(|row| row.options.get_bool("install_ls_lb_from_router", false));
    let switches =
        own.inheriting(of_routers, &routed.peers.attachments, &inherits).attach(On::BalancedSwitches);

    let ports = monitor::port_states(&network.ports, &nb.switch_port, &sb.port, &sb.chassis);
    let mac = identity::monitor_macs(&global.options).map(|macs| macs.source.clone());
    let inputs = lb::health::Inputs {
        load_balancers: &nb.load_balancer,
        checks: &nb.health_check,
        mappings: &nb.load_balancer_ip_port_mappings,
        ports: &ports,
        mac: &mac,
        points: &probe_source::points(&routed.facing, &routed.peers.of_router_ports),
        routers: on_routers,
    };
    let checked = lb::health::checked(&balancers.services, inputs);
    let addresses = probe::addresses(&global.options);
    let functions = probe::probes(nb, &network.functions, &addresses, &ports);
    parts.problems.push(functions.problems);
    let checks = port_health::checks(nb, switch_ports);
    let probes =
        program.union(&[checked.probes.clone(), functions.probes, port_health::probes(&checks, &mac)]);
    let monitors = monitor::monitors(&probes, &sb.service_monitor, &ports);
    program.output("sb.Service_Monitor", &monitors.rows);
    program.output("sb.Service_Monitor.chassis_name", &monitors.chassis);
    program.output("sb.Service_Monitor.status", &monitors.offline);
    let statuses = port_health::statuses(&checks, &sb.service_monitor, &nb.switch_port_health_status);
    program.output("nb.Logical_Switch_Port_Health_Check.status", &statuses);
    let services = checked.services(&balancers.services, &monitors.health);
    parts.placed.extend([checked.answers, port_health::answers(&checks, &mac)]);
    parts.placed.push(monitor::interconnected(&sb.service_monitor, &ports, &mac));
    parts.problems.push(checked.problems);

    parts.placed.push(switches.place(&services.flat_map(lb::switch::flows)));
    parts.members.push(switches.members.clone());
    let stateless = nb.switch.filter(lb::stateless::wanted).map(|row| row.uuid);
    let (placed, members) = lb::stateless::placed(&services, &own.direct, &stateless);
    parts.placed.push(placed);
    parts.members.push(members);

    let live = network.datapaths.keys.map(|assigned| assigned.owner);
    let own_column = global.features.map(|features| features.ls_dpg_column);
    let rows =
        lb::row::rows(&nb.load_balancer, &nb.load_balancer_vips, &switches, on_routers, &live, &own_column);
    program.output("sb.Load_Balancer", &rows.load_balancers);
    parts.dp_groups.push(rows.groups);
    parts.dp_group_datapaths.push(rows.group_datapaths);
    let vips = neighbor::vips(&services, on_routers, &routed.ports, &network.nats.external_ips);
    Balanced {
        services,
        on_routers: on_routers.clone(),
        vips,
        routables: reach::routables(fronts, on_routers),
        switches: own.with_vip(&nb.load_balancer_vips),
        routers: of_routers.with_vip(&nb.load_balancer_vips),
        health: monitors.health,
    }
}
