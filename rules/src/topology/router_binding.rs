//! Port_Binding rows of router ports and of their chassis-redirect ports (B12, B15, B20, B21, B24,
//! L05; ovn-sb(5), Port_Binding).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::port_binding::ChassisName;
use super::router_port::RouterPort;
use super::tunnel_key::Assigned;
use super::{datapath_uuid, periodic_advertisement as advertisement};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;

use crate::schema::{Map, nb, sb};

/// What of its router the bindings of a port repeat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Home {
    router: Uuid,
    chassis: Option<Text>,
    dynamic_routing: bool,
    vrf_name: Option<Text>,
    redistribute_local_only: bool,
    no_learning: bool,
}

impl Home {
    fn read(row: &nb::LogicalRouter) -> Home {
        let options = &row.options;
        Home {
            router: row.uuid,
            chassis: options.get("chassis").cloned(),
            dynamic_routing: options.get_bool("dynamic-routing", false),
            vrf_name: options.get("dynamic-routing-vrf-name").cloned(),
            redistribute_local_only: options.get_bool(LOCAL_ONLY, false),
            no_learning: options.get_bool(NO_LEARNING, false),
        }
    }
}

const LOCAL_ONLY: &str = "dynamic-routing-redistribute-local-only";
const NO_LEARNING: &str = "dynamic-routing-no-learning";

/// The option in which a chassis reports the prefixes that were delegated to it.
pub const DELEGATED: &str = "ipv6_ra_pd_list";

/// What a port's row says that its bindings repeat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct PortRow {
    row: Uuid,
    options: Map,
    ipv6_ra_configs: Map,
    ipv6_prefix: Vec<Text>,
    external_ids: Map,
}

/// A port with all that its bindings are made of, but for what its chassis reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Known {
    port: RouterPort,
    columns: PortRow,
    home: Home,
    peer: Option<Peer>,
    /// Whether a hardware VTEP is on the switch that it leads to.
    vtep: bool,
    /// The remote chassis that the port requests.
    remote: Option<Uuid>,
}

/// A gateway port as the binding of its chassis-redirect port says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Gateway {
    port: Uuid,
    /// Whose key the chassis-redirect port has.
    owner: Uuid,
    /// Whether some traffic of the router need not pass the gateway's chassis.
    distributed: bool,
    /// The chassis that may be the gateway.
    group: Option<Uuid>,
}

/// What decides whether a chassis-redirect port takes all traffic to its chassis.
#[derive(Clone, Debug)]
pub struct Distributed {
    /// Routers that translate addresses on the chassis of a virtual machine, or balance there.
    pub routers: Relation<Uuid>,
    /// Switches with a hardware VTEP.
    pub vtep_switches: Relation<Uuid>,
}

/// What is known of the bindings of router ports.
#[derive(Clone, Debug)]
pub struct RouterBindings {
    /// The rows.
    pub rows: Relation<sb::PortBinding>,
    /// Where ports are to be bound that are on a chassis of another availability zone.
    pub chassis: Relation<sb::PortBindingChassis>,
    /// What is wrong with router advertisements.
    pub problems: Relation<Problem>,
}

/// What the bindings are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The ports.
    pub ports: &'a Relation<RouterPort>,
    /// Their rows.
    pub rows: &'a Relation<nb::LogicalRouterPort>,
    /// The routers' rows.
    pub routers: &'a Relation<nb::LogicalRouter>,
    /// Where the ports lead.
    pub peers: &'a Relation<(Uuid, Peer)>,
    /// The keys of ports.
    pub keys: &'a Relation<Assigned>,
    /// The chassis by the names that they may be requested by.
    pub chassis: &'a Relation<ChassisName>,
    /// What distributes routers.
    pub distributed: &'a Distributed,
    /// The HA_Chassis_Group of each gateway port, by Logical_Router_Port.
    pub groups: &'a Relation<(Uuid, Uuid)>,
    /// What the southbound database has.
    pub bindings: &'a Relation<sb::PortBindingState>,
}

/// The bindings of router ports that have a key.
///
/// ```text
/// binding(port)      :-  port with key, its row, its router, its peer, the remote chassis it requests,
///                        the prefixes delegated as its binding has them
/// binding(redirect)  :-  the same of a gateway port, with the key of its chassis-redirect port
/// ```
///
/// Cost: a port costs its one or two rows; a router whose options change, its ports'.
pub fn router_bindings(inputs: Inputs<'_>) -> RouterBindings {
    let Inputs { ports, rows, routers, peers, keys, chassis, distributed, groups, bindings } = inputs;
    let requests = remote_requests(rows, chassis);
    let columns = rows.map(|row| PortRow {
        row: row.uuid,
        options: row.options.clone(),
        ipv6_ra_configs: row.ipv6_ra_configs.clone(),
        ipv6_prefix: row.ipv6_prefix.clone(),
        external_ids: row.external_ids.clone(),
    });
    let known = ports
        .index_by(|port| port.port.row)
        .join(&columns.index_by(|columns| columns.row), |port, columns| (port.clone(), columns.clone()))
        .index_by(|(port, _): &(RouterPort, PortRow)| port.router)
        .join(&routers.map(Home::read).index_by(|home| home.router), |(port, columns), home| Known {
            port: port.clone(),
            columns: columns.clone(),
            home: home.clone(),
            peer: None,
            vtep: false,
            remote: None,
        });
    let known = known
        .index_by(|known| known.port.port.row)
        .join_optional(&peers.index_by(|(port, _)| *port), |known, peer| {
            Some(Known { peer: peer.map(|(_, peer)| peer.clone()), ..known.clone() })
        });
    let known = known
        .index_by(|known| known.peer.as_ref().and_then(Peer::switch))
        .join_optional(&distributed.vtep_switches.index_by(|switch| Some(*switch)), |known, vtep| {
            Some(Known { vtep: vtep.is_some(), ..known.clone() })
        })
        .index_by(|known: &Known| known.port.port.row)
        .join_optional(&requests.index_by(|(port, _)| *port), |known, request| {
            let remote = request.map(|(_, chassis)| *chassis).filter(|_| known.home.chassis.is_none());
            Some(Known { remote, ..known.clone() })
        })
        .index_by(|known: &Known| known.port.port.row);

    let keys = keys.index_by(Assigned::owner);
    let plain = known.join(&keys, |known, key| port_binding(known, key.key));
    let gateways = ports.filter(|port| port.redirect.is_some()).index_by(|port| port.router);
    let gateways = gateways
        .join_optional(&distributed.routers.index_by(|router| *router), |port, distributed| {
            let owner = port.redirect.as_ref()?.owner;
            Some(Gateway { port: port.port.row, owner, distributed: distributed.is_some(), group: None })
        })
        .index_by(|gateway| gateway.port)
        .join_optional(&groups.index_by(|(port, _)| *port), |gateway, group| {
            Some(Gateway { group: group.map(|(_, group)| *group), ..*gateway })
        });
    let redirects = known
        .join(&gateways.index_by(|gateway| gateway.port), |known, gateway| (known.clone(), *gateway))
        .index_by(|(_, gateway): &(Known, Gateway)| gateway.owner)
        .join_flat(&keys, |(known, gateway), key| redirect_binding(known, *gateway, key.key));

    let delegated = bindings
        .flat_map(|row| Some((row.logical_port.clone(), row.options.get(DELEGATED).cloned()?)))
        .index_by(|(port, _): &(Text, Text)| port.clone());
    let rows = plain.concat(&redirects).index_by(sb::PortBinding::logical_port);
    let delegating = rows.join(&delegated, |row, (_, prefixes)| {
        let mut row = row.clone();
        row.options.insert(DELEGATED, prefixes.clone());
        row
    });
    let rows = rows.antijoin(&delegated).concat(&delegating);
    let problems = known.join_flat(&keys, |known, _| {
        let advertises = leads_to_switch(known);
        advertises
            .then(|| advertisement::complaint(&known.columns.ipv6_ra_configs))
            .flatten()
            .map(Problem::new)
    });
    let chassis = plain.index_by(sb::PortBinding::logical_port).join_flat(
        &bindings.index_by(sb::PortBindingState::logical_port),
        |row, held| {
            let wanted = row.requested_chassis?;
            (held.chassis != Some(wanted))
                .then_some(sb::PortBindingChassis { uuid: held.uuid, chassis: Some(wanted) })
        },
    );
    RouterBindings { rows, chassis, problems }
}

/// The chassis of other availability zones that ports request (B20): the port is there.
fn remote_requests(
    rows: &Relation<nb::LogicalRouterPort>,
    chassis: &Relation<ChassisName>,
) -> Relation<(Uuid, Uuid)> {
    let wishes = rows.flat_map(|row| Some((row.uuid, row.options.get("requested-chassis").cloned()?)));
    wishes
        .index_by(|(_, name): &(Uuid, Text)| name.clone())
        .join_flat(&chassis.index_by(|named| named.name.clone()), |(port, _), named| {
            named.remote.then_some((*port, named.chassis))
        })
}

fn leads_to_switch(known: &Known) -> bool {
    matches!(known.peer, Some(Peer::Switch { .. }))
}

/// The row of the port itself.
fn port_binding(known: &Known, key: u32) -> sb::PortBinding {
    let Known { port, columns, home, peer, .. } = known;
    let kind = match (&home.chassis, known.remote) {
        (Some(_), _) => "l3gateway",
        (None, Some(_)) => "remote",
        (None, None) => "patch",
    };
    let mut options = Map::new();
    if let Some(peer) = peer {
        options.insert("peer", peer.port().name.clone());
        if let Some(redirect) = &port.redirect {
            options.insert("chassis-redirect-port", redirect.name.clone());
        }
    }
    if let Some(chassis) = &home.chassis {
        options.insert("l3gateway-chassis", chassis.clone());
    }
    dynamic_routing(known, home.chassis.is_some(), &mut options);
    if leads_to_switch(known) {
        for (option, written) in [("prefix_delegation", "ipv6_prefix_delegation"), ("prefix", "ipv6_prefix")]
        {
            if port.enabled && columns.options.get_bool(option, false) {
                options.insert(written, "true".into());
            }
        }
        advertisement::options(&port.addresses, &columns.ipv6_prefix, &columns.ipv6_ra_configs, &mut options);
    }
    sb::PortBinding {
        uuid: port.binding,
        logical_port: port.port.name.clone(),
        type_: kind.into(),
        options,
        tunnel_key: i64::from(key),
        requested_chassis: known.remote,
        ..common(known)
    }
}

/// The row of the chassis-redirect port.
fn redirect_binding(known: &Known, gateway: Gateway, key: u32) -> Option<sb::PortBinding> {
    let Known { port, columns, .. } = known;
    let redirect = port.redirect.as_ref()?;
    let mut options = Map::new();
    options.insert("distributed-port", port.port.name.clone());
    let redirect_type = columns.options.get("redirect-type");
    if let Some(redirect_type) = redirect_type {
        options.insert("redirect-type", redirect_type.clone());
    }
    let bridged = redirect_type.is_some_and(|kind| &**kind == "bridged");
    if !gateway.distributed && !known.vtep && !bridged {
        options.insert("always-redirect", "true".into());
    }
    dynamic_routing(known, true, &mut options);
    Some(sb::PortBinding {
        uuid: redirect.binding,
        logical_port: redirect.name.clone(),
        type_: "chassisredirect".into(),
        options,
        tunnel_key: i64::from(key),
        ha_chassis_group: gateway.group,
        ..common(known)
    })
}

fn common(known: &Known) -> sb::PortBinding {
    sb::PortBinding {
        datapath: datapath_uuid(known.port.router),
        mac: vec![known.port.addresses.given.to_string().into()],
        external_ids: known.columns.external_ids.clone(),
        up: Some(false),
        ..sb::PortBinding::default()
    }
}

/// What the chassis that exchanges routes for the port is told (ovn-nb(5), `dynamic-routing` and the
/// options that begin so). `exchanges`: the port is bound to one chassis.
fn dynamic_routing(known: &Known, exchanges: bool, options: &mut Map) {
    let (home, own) = (&known.home, &known.columns.options);
    if !home.dynamic_routing {
        return;
    }
    if exchanges {
        options.insert("dynamic-routing", "true".into());
        if own.get_bool("dynamic-routing-maintain-vrf", false) {
            options.insert("dynamic-routing-maintain-vrf", "true".into());
        }
        if let Some(name) = &home.vrf_name {
            options.insert("dynamic-routing-vrf-name", name.clone());
        }
        if let Some(name) = own.get("dynamic-routing-port-name") {
            options.insert("dynamic-routing-port-name", name.clone());
        }
    }
    for (key, default) in [(LOCAL_ONLY, home.redistribute_local_only), (NO_LEARNING, home.no_learning)] {
        if own.get_bool(key, default) {
            options.insert(key, "true".into());
        }
    }
}
