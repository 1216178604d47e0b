//! Port_Binding rows of switch ports (B06-B09, ovn-sb(5)).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::datapath_uuid;
use super::ha_chassis::StandIn;
use super::qos_queue::{self, Shaped};
use super::switch_port::SwitchPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Text, Uuid};
use crate::schema::sb::PortBindingState;
use crate::schema::{Map, Table, nb, sb};
use crate::switch::port::PortKind;

/// The chassis that a port wants, in the order in which it names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wish {
    row: Uuid,
    place: usize,
    name: Text,
}

/// A chassis by one of the names that it may be requested by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChassisName {
    /// The name.
    pub name: Text,
    /// A chassis is known by its name first, by the name of its host second.
    pub by_host: bool,
    /// The chassis.
    pub chassis: Uuid,
    /// Whether it is in another availability zone (Chassis.other_config:is-remote).
    pub remote: bool,
}

/// The chassis found for a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Requested {
    row: Uuid,
    first: Option<Uuid>,
    others: Vec<Uuid>,
    first_is_remote: bool,
}

/// What a port has requested that requests nothing.
static NOTHING: Requested =
    Requested { row: Uuid::ZERO, first: None, others: Vec::new(), first_is_remote: false };

/// Options of a binding that others have set, or that we have set before, and that stay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Kept {
    logical_port: Text,
    options: Map,
}

/// The options that [`Kept`] keeps.
const KEPT: [&str; 4] =
    ["additional-chassis-activated", "vport-last-claim", "vport-backoff", "is-remote-nb-bound"];

/// What is written about the bindings of switch ports.
#[derive(Clone, Debug)]
pub struct PortBindings {
    /// The rows.
    pub rows: Relation<sb::PortBinding>,
    /// Where ports are bound, for those whose chassis is in another availability zone: such a
    /// chassis does not bind its ports itself.
    pub chassis: Relation<sb::PortBindingChassis>,
}

/// The bindings of all switch ports that have a key.
///
/// ```text
/// binding(port)  :-  port with key, its row, the chassis it requests,
///                    what its binding has of the options that are kept
/// ```
///
/// Cost: a port costs itself; a chassis costs the ports that request it.
pub fn port_bindings(
    ports: &Relation<SwitchPort>,
    nb_rows: &Relation<nb::LogicalSwitchPort>,
    switches: &Relation<nb::LogicalSwitch>,
    keys: &Relation<Assigned>,
    chassis: &Relation<sb::Chassis>,
    bindings: &Relation<PortBindingState>,
    stand_ins: &Relation<StandIn>,
    shaped: &Relation<Shaped>,
    states: &Relation<nb::SwitchPortState>,
) -> PortBindings {
    let passthru = switches.filter(|row| row.other_config.get_bool("vlan-passthru", false));
    let passthru =
        ports.index_by(SwitchPort::switch).join(&passthru.index_by(Table::uuid), |port, _| port.port.row);
    let requested = requested_chassis(nb_rows, chassis);
    let kept = bindings.map(|binding| Kept {
        logical_port: binding.logical_port.clone(),
        options: binding.options.iter().filter(|(key, _)| KEPT.contains(&&***key)).map(pair).collect(),
    });
    let kept = kept
        .filter(|kept| !kept.options.is_empty())
        .index_by(|kept| kept.logical_port.clone())
        .join(&ports.index_by(SwitchPort::name), |kept, port| (port.port.row, kept.options.clone()));

    let by_row = ports.index_by(SwitchPort::row);
    let rows = by_row.join_groups(
        (
            &keys.index_by(Assigned::owner),
            &nb_rows.index_by(Table::uuid),
            &states.index_by(Table::uuid),
            &passthru.index_by(|port| *port),
            &stand_ins.index_by(|stand_in| stand_in.port),
            &shaped.index_by(|shaped| shaped.port),
            &requested.index_by(|requested| requested.row),
            &kept.index_by(|(port, _): &(Uuid, Map)| *port),
        ),
        |port, (key, row, state, passthru, stand_in, shaped, requested, kept)| {
            let facts = Facts {
                key: key.first()?.key,
                tag: state.first().and_then(|state| state.tag),
                vlan_passthru: passthru.first().is_some(),
                ha_chassis_group: stand_in.first().map(|stand_in| stand_in.group),
                shaped: shaped.first(),
                requested: requested.first().unwrap_or(&NOTHING),
                kept: kept.first().map(|(_, options)| options),
            };
            Some(binding(port, row.first()?, &facts))
        },
    );
    let keyed = by_row.semijoin(&keys.index_by(Assigned::owner));
    let chassis = remote_chassis(&keyed, &requested, chassis, bindings);
    PortBindings { rows, chassis }
}

/// What a binding is made of beside the port and its row.
struct Facts<'a> {
    key: u32,
    tag: Option<i64>,
    vlan_passthru: bool,
    ha_chassis_group: Option<Uuid>,
    shaped: Option<&'a Shaped>,
    requested: &'a Requested,
    /// What its binding has of the options that stay.
    kept: Option<&'a Map>,
}

/// The options that bindings ought to have and do not: chassis write there too.
///
/// Cost: a binding costs itself.
pub fn unlike(
    wanted: &Relation<sb::PortBinding>,
    bindings: &Relation<PortBindingState>,
) -> Relation<sb::PortBindingOptions> {
    wanted.index_by(sb::PortBinding::logical_port).join_flat(
        &bindings.index_by(PortBindingState::logical_port),
        |wanted, held| {
            let options = &wanted.options;
            (*options != held.options)
                .then(|| sb::PortBindingOptions { uuid: held.uuid, options: options.clone() })
        },
    )
}

/// Port_Binding `chassis`, where we write it (B19): a port that may be remote is bound to the remote
/// chassis that it requests, and given back when it requests another; any other port does not stay
/// on a remote chassis.
///
/// Cost: a port or its binding costs itself; a chassis that turns remote, the ports bound there.
fn remote_chassis(
    ports: &Relation<SwitchPort>,
    requested: &Relation<Requested>,
    chassis: &Relation<sb::Chassis>,
    bindings: &Relation<PortBindingState>,
) -> Relation<sb::PortBindingChassis> {
    let remote = chassis.filter(|row| row.other_config.get_bool("is-remote", false)).map(|row| row.uuid);
    let there = bindings
        .index_by(PortBindingState::chassis)
        .join(&remote.index_by(|chassis| Some(*chassis)), |binding, _| binding.logical_port.clone())
        .index_by(Text::clone);
    // Few ports have to do with another zone.
    let by_name = ports.index_by(SwitchPort::name);
    let several = requested.filter(|requested| !requested.others.is_empty());
    let concerned = by_name
        .semijoin(&there)
        .concat(&ports.index_by(SwitchPort::row).semijoin(&several.index_by(|requested| requested.row)))
        .concat(&ports.filter(|port| port.kind == PortKind::Remote))
        .distinct();
    let asking = concerned
        .index_by(SwitchPort::row)
        .join_optional(&requested.index_by(|requested| requested.row), |port, requested| {
            Some((port.port.name.clone(), port.kind, requested.cloned().unwrap_or_default()))
        });
    asking.index_by(|(name, _, _): &(Text, PortKind, Requested)| name.clone()).join_groups(
        (&bindings.index_by(PortBindingState::logical_port), &there),
        |(_, kind, requested), (binding, there)| {
            let binding = binding.first()?;
            let wanted = wanted_chassis(*kind, requested, binding, there.first().is_some())?;
            let row = sb::PortBindingChassis { uuid: binding.uuid, chassis: wanted };
            (wanted != binding.chassis).then_some(row)
        },
    )
}

/// Where a port is to be bound; `None` if that is not ours to say.
fn wanted_chassis(
    kind: PortKind,
    requested: &Requested,
    binding: &PortBindingState,
    is_there: bool,
) -> Option<Option<Uuid>> {
    if kind == PortKind::Remote || (kind != PortKind::Router && !requested.others.is_empty()) {
        let bound_by_us = binding.options.get_bool("is-remote-nb-bound", false);
        return match (requested.first_is_remote, bound_by_us) {
            (true, _) => Some(requested.first),
            (false, true) => Some(None),
            (false, false) => None,
        };
    }
    is_there.then_some(None)
}

fn pair((key, value): (&Text, &Text)) -> (Text, Text) {
    (key.clone(), value.clone())
}

/// The chassis that each name stands for.
///
/// Cost: a chassis costs its two names.
pub fn chassis_names(chassis: &Relation<sb::Chassis>) -> Relation<ChassisName> {
    let names = chassis.flat_map(|row| {
        let remote = row.other_config.get_bool("is-remote", false);
        let named =
            |name: &Text, by_host| ChassisName { name: name.clone(), by_host, chassis: row.uuid, remote };
        [named(&row.name, false), named(&row.hostname, true)]
    });
    names
        .index_by(|named| named.name.clone())
        .reduce(|group| group.rows().min_by_key(|named| (named.by_host, named.chassis)).cloned())
}

/// The chassis that ports request by name or host name; names that no chassis has are left out.
fn requested_chassis(
    rows: &Relation<nb::LogicalSwitchPort>,
    chassis: &Relation<sb::Chassis>,
) -> Relation<Requested> {
    let wishes = rows.flat_map(|row| {
        let names = row.options.text("requested-chassis").split(',').filter(|name| !name.is_empty());
        let wish = |(place, name): (usize, &str)| Wish { row: row.uuid, place, name: name.into() };
        names.enumerate().map(wish).collect::<Vec<_>>()
    });
    let best = chassis_names(chassis);
    wishes
        .index_by(|wish| wish.name.clone())
        .join(&best.index_by(|named| named.name.clone()), |wish, named| {
            (wish.row, wish.place, named.chassis, named.remote)
        })
        .index_by(|found| found.0)
        .reduce(|group| {
            let mut found: Vec<_> = group.rows().copied().collect();
            found.sort_by_key(|(_, place, _, _)| *place);
            let (row, _, first, first_is_remote) = found[0];
            let mut others: Vec<Uuid> = found[1..].iter().map(|(_, _, chassis, _)| *chassis).collect();
            others.sort();
            others.dedup();
            Some(Requested { row, first: Some(first), others, first_is_remote })
        })
}

fn binding(port: &SwitchPort, row: &nb::LogicalSwitchPort, facts: &Facts<'_>) -> sb::PortBinding {
    let SwitchPort { port, switch, kind, binding } = port;
    let (type_, options) = match kind {
        PortKind::Router => router_port(row),
        _ => (plain_type(*kind, &row.type_), plain_options(*kind, row, facts)),
    };
    let asks = *kind != PortKind::Router;
    let mut external_ids = row.external_ids.clone();
    let name = row.external_ids.text("neutron:port_name");
    if !name.is_empty() {
        external_ids.insert_beside("name", Text::from(name));
    }
    sb::PortBinding {
        uuid: *binding,
        logical_port: port.name.clone(),
        type_,
        options,
        datapath: datapath_uuid(*switch),
        tunnel_key: i64::from(facts.key),
        parent_port: row.parent_name.clone(),
        tag: facts.tag,
        mirror_rules: row.mirror_rules.clone(),
        mac: row.addresses.clone(),
        port_security: row.port_security.clone(),
        external_ids,
        requested_chassis: facts.requested.first.filter(|_| asks),
        requested_additional_chassis: if asks { facts.requested.others.clone() } else { Vec::new() },
        ha_chassis_group: facts.ha_chassis_group,
        up: Some(false),
        ..sb::PortBinding::default()
    }
}

/// Port_Binding.type of a port that is not the peer of a router port.
fn plain_type(kind: PortKind, written: &Text) -> Text {
    match kind {
        PortKind::Switch => "patch".into(),
        PortKind::Other => "".into(),
        _ => written.clone(),
    }
}

/// The port's own options, those derived, and those kept.
fn plain_options(kind: PortKind, row: &nb::LogicalSwitchPort, facts: &Facts<'_>) -> Map {
    let requested = facts.requested;
    let mut options = row.options.clone();
    if let Some(shaped) = facts.shaped {
        options.insert_beside(qos_queue::QUEUE, Text::from(shaped.queue.to_string()));
        if let Some(network) = &shaped.network {
            options.insert_beside(qos_queue::NETWORK, network.clone());
        }
    }
    if facts.vlan_passthru {
        options.insert_beside("vlan-passthru", Text::from("true"));
    }
    let had = |key: &str| facts.kept.and_then(|kept| kept.get(key)).cloned();
    let mut keep = |key: &'static str| {
        if let Some(value) = had(key) {
            options.insert_beside(key, value);
        }
    };
    if !requested.others.is_empty() {
        keep("additional-chassis-activated");
    }
    if kind == PortKind::Virtual {
        keep("vport-last-claim");
        keep("vport-backoff");
    }
    if kind == PortKind::Remote || !requested.others.is_empty() {
        if requested.first_is_remote {
            options.insert_beside("is-remote-nb-bound", Text::from("true"));
        } else if had("is-remote-nb-bound").as_deref() == Some("true") {
            options.insert_beside("is-remote-nb-bound", Text::from("false"));
        }
    }
    options
}

/// Type and options of the peer of a router port.
fn router_port(row: &nb::LogicalSwitchPort) -> (Text, Map) {
    let peer = row.options.get("router-port").map(|name| ("peer", name.clone()));
    ("patch".into(), peer.into_iter().collect())
}
