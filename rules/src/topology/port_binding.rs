//! Port_Binding rows of switch ports (B06-B09, ovn-sb(5)).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::datapath_uuid;
use super::ha_chassis::StandIn;
use super::qos_queue::{self, Shaped};
use super::switch_port::SwitchPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Map, nb, sb};
use crate::switch::port::PortKind;

/// What a port's row says that its binding repeats.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct PortRow {
    row: Uuid,
    type_: Text,
    options: Map,
    parent_name: Option<Text>,
    addresses: Vec<Text>,
    port_security: Vec<Text>,
    mirror_rules: Vec<Uuid>,
    external_ids: Map,
}

/// A port with its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct KeyedPort {
    port: SwitchPort,
    key: u32,
    tag: Option<i64>,
    vlan_passthru: bool,
    ha_chassis_group: Option<Uuid>,
    shaped: Option<Shaped>,
}

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
    bindings: &Relation<sb::PortBindingState>,
    stand_ins: &Relation<StandIn>,
    shaped: &Relation<Shaped>,
    states: &Relation<nb::SwitchPortState>,
) -> PortBindings {
    let passthru = switches.map(|row| (row.uuid, row.other_config.get_bool("vlan-passthru", false)));
    let keyed = ports
        .index_by(|port| port.port.row)
        .join(&keys.index_by(|assigned| assigned.owner), |port, assigned| KeyedPort {
            port: port.clone(),
            key: assigned.key,
            tag: None,
            vlan_passthru: false,
            ha_chassis_group: None,
            shaped: None,
        })
        .index_by(|keyed| keyed.port.switch)
        .join(&passthru.index_by(|(switch, _)| *switch), |keyed, (_, passthru)| KeyedPort {
            vlan_passthru: *passthru,
            ..keyed.clone()
        })
        .index_by(|keyed| keyed.port.binding)
        .join_optional(&stand_ins.index_by(|stand_in| stand_in.binding), |keyed, stand_in| {
            Some(KeyedPort { ha_chassis_group: stand_in.map(|stand_in| stand_in.group), ..keyed.clone() })
        })
        .index_by(|keyed| keyed.port.port.row)
        .join_optional(&shaped.index_by(|shaped| shaped.port), |keyed, shaped| {
            Some(KeyedPort { shaped: shaped.cloned(), ..keyed.clone() })
        });
    let tags = states.flat_map(|row| Some((row.uuid, row.tag?)));
    let keyed = keyed
        .index_by(|keyed| keyed.port.port.row)
        .join_optional(&tags.index_by(|(row, _): &(Uuid, i64)| *row), |keyed, tag| {
            Some(KeyedPort { tag: tag.map(|(_, tag)| *tag), ..keyed.clone() })
        });

    let requested = requested_chassis(nb_rows, chassis);
    let kept = bindings.map(|binding| Kept {
        logical_port: binding.logical_port.clone(),
        options: binding.options.iter().filter(|(key, _)| KEPT.contains(&&***key)).map(pair).collect(),
    });
    let kept = kept.filter(|kept| !kept.options.is_empty());
    let columns = nb_rows.map(|row| PortRow {
        row: row.uuid,
        type_: row.type_.clone(),
        options: row.options.clone(),
        parent_name: row.parent_name.clone(),
        addresses: row.addresses.clone(),
        port_security: row.port_security.clone(),
        mirror_rules: row.mirror_rules.clone(),
        external_ids: row.external_ids.clone(),
    });

    let chassis = remote_chassis(&keyed, &requested, chassis, bindings);
    let rows = keyed
        .index_by(|keyed| keyed.port.port.row)
        .join(&columns.index_by(|columns| columns.row), |keyed, columns| (keyed.clone(), columns.clone()))
        .index_by(|(keyed, _)| keyed.port.port.row)
        .join_optional(&requested.index_by(|requested| requested.row), |(keyed, columns), requested| {
            Some((keyed.clone(), columns.clone(), requested.cloned().unwrap_or_default()))
        })
        .index_by(|(keyed, _, _)| keyed.port.port.name.clone())
        .join_optional(
            &kept.index_by(|kept| kept.logical_port.clone()),
            |(keyed, columns, requested), kept| Some(binding(keyed, columns, requested, kept)),
        );
    PortBindings { rows, chassis }
}

/// The options that bindings ought to have and do not: chassis write there too.
///
/// Cost: a binding costs itself.
pub fn unlike(
    wanted: &Relation<sb::PortBinding>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<sb::PortBindingOptions> {
    let wanted = wanted.map(|row| (row.logical_port.clone(), row.options.clone()));
    let held = bindings.map(|row| (row.logical_port.clone(), row.uuid, row.options.clone()));
    wanted.index_by(|(port, _)| port.clone()).join_flat(
        &held.index_by(|(port, _, _)| port.clone()),
        |(_, wanted), (_, row, held)| {
            (wanted != held).then(|| sb::PortBindingOptions { uuid: *row, options: wanted.clone() })
        },
    )
}

/// Where a port is bound now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Bound {
    row: Uuid,
    logical_port: Text,
    chassis: Option<Uuid>,
    chassis_is_remote: bool,
    bound_by_us: bool,
}

/// Port_Binding `chassis`, where we write it (B19): a port that may be remote is bound to the remote
/// chassis that it requests, and given back when it requests another; any other port does not stay
/// on a remote chassis.
///
/// Cost: a port or its binding costs itself; a chassis that turns remote, the ports bound there.
fn remote_chassis(
    ports: &Relation<KeyedPort>,
    requested: &Relation<Requested>,
    chassis: &Relation<sb::Chassis>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<sb::PortBindingChassis> {
    let remote = chassis.filter(|row| row.other_config.get_bool("is-remote", false)).map(|row| row.uuid);
    let bound = bindings.map(|row| Bound {
        row: row.uuid,
        logical_port: row.logical_port.clone(),
        chassis: row.chassis,
        chassis_is_remote: false,
        bound_by_us: row.options.get_bool("is-remote-nb-bound", false),
    });
    let bound = bound
        .index_by(|bound| bound.chassis)
        .join_optional(&remote.index_by(|chassis| Some(*chassis)), |bound, remote| {
            Some(Bound { chassis_is_remote: remote.is_some(), ..bound.clone() })
        });
    ports
        .index_by(|keyed| keyed.port.port.row)
        .join_optional(&requested.index_by(|requested| requested.row), |keyed, requested| {
            let SwitchPort { port, kind, .. } = &keyed.port;
            Some((port.name.clone(), *kind, requested.cloned().unwrap_or_default()))
        })
        .index_by(|(name, _, _)| name.clone())
        .join_flat(&bound.index_by(|bound| bound.logical_port.clone()), |(_, kind, requested), bound| {
            let wanted = wanted_chassis(*kind, requested, bound)?;
            (wanted != bound.chassis).then_some(sb::PortBindingChassis { uuid: bound.row, chassis: wanted })
        })
}

/// Where a port is to be bound; `None` if that is not ours to say.
fn wanted_chassis(kind: PortKind, requested: &Requested, bound: &Bound) -> Option<Option<Uuid>> {
    if kind == PortKind::Remote || (kind != PortKind::Router && !requested.others.is_empty()) {
        return match (requested.first_is_remote, bound.bound_by_us) {
            (true, _) => Some(requested.first),
            (false, true) => Some(None),
            (false, false) => None,
        };
    }
    bound.chassis_is_remote.then_some(None)
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

fn binding(keyed: &KeyedPort, row: &PortRow, requested: &Requested, kept: Option<&Kept>) -> sb::PortBinding {
    let SwitchPort { port, switch, kind, .. } = &keyed.port;
    let (type_, options) = match kind {
        PortKind::Router => router_port(row),
        _ => (plain_type(*kind, &row.type_), plain_options(keyed, row, requested, kept)),
    };
    let asks = *kind != PortKind::Router;
    let mut external_ids = row.external_ids.clone();
    let name = row.external_ids.text("neutron:port_name");
    if !name.is_empty() {
        external_ids.insert_beside("name", Text::from(name));
    }
    sb::PortBinding {
        uuid: keyed.port.binding,
        logical_port: port.name.clone(),
        type_,
        options,
        datapath: datapath_uuid(*switch),
        tunnel_key: i64::from(keyed.key),
        parent_port: row.parent_name.clone(),
        tag: keyed.tag,
        mirror_rules: row.mirror_rules.clone(),
        mac: row.addresses.clone(),
        port_security: row.port_security.clone(),
        external_ids,
        requested_chassis: requested.first.filter(|_| asks),
        requested_additional_chassis: if asks { requested.others.clone() } else { Vec::new() },
        ha_chassis_group: keyed.ha_chassis_group,
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
fn plain_options(keyed: &KeyedPort, row: &PortRow, requested: &Requested, kept: Option<&Kept>) -> Map {
    let mut options = row.options.clone();
    if let Some(shaped) = &keyed.shaped {
        options.insert_beside(qos_queue::QUEUE, Text::from(shaped.queue.to_string()));
        if let Some(network) = &shaped.network {
            options.insert_beside(qos_queue::NETWORK, network.clone());
        }
    }
    if keyed.vlan_passthru {
        options.insert_beside("vlan-passthru", Text::from("true"));
    }
    let had = |key: &str| kept.and_then(|kept| kept.options.get(key)).cloned();
    let mut keep = |key: &'static str| {
        if let Some(value) = had(key) {
            options.insert_beside(key, value);
        }
    };
    if !requested.others.is_empty() {
        keep("additional-chassis-activated");
    }
    if keyed.port.kind == PortKind::Virtual {
        keep("vport-last-claim");
        keep("vport-backoff");
    }
    if keyed.port.kind == PortKind::Remote || !requested.others.is_empty() {
        if requested.first_is_remote {
            options.insert_beside("is-remote-nb-bound", Text::from("true"));
        } else if had("is-remote-nb-bound").as_deref() == Some("true") {
            options.insert_beside("is-remote-nb-bound", Text::from("false"));
        }
    }
    options
}

/// Type and options of the peer of a router port.
fn router_port(row: &PortRow) -> (Text, Map) {
    let peer = row.options.get("router-port").map(|name| ("peer", name.clone()));
    ("patch".into(), peer.into_iter().collect())
}
