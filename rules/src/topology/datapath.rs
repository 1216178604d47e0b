//! Logical switches and routers as datapaths (B01, B02): their keys and their Datapath_Binding rows.

use std::str::FromStr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::datapath_uuid;
use super::tunnel_key::{self, Assigned, Candidate, KeySpace, Next, Range, Unmet, Why};
use crate::flow::stage::DatapathType;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::aging::{MAC_BINDING_THRESHOLDS, Thresholds};
use crate::schema::{Map, nb, sb};
use crate::switch::evpn;

/// What the tunnels of the network can carry (B04; ovn-architecture(7), "Tunnel Encapsulations").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyLimits {
    /// The highest key that is given to a datapath.
    pub datapath: u32,
    /// Whether some speak VXLAN, which has 12 bits for a datapath and as many for a port.
    pub vxlan: bool,
}

/// The highest key of a datapath.
const DATAPATH_KEYS: u32 = (1 << 24) - 1;
/// The highest that can be requested for a switch where VXLAN has to carry it.
const VXLAN_DATAPATH_KEYS: u32 = (1 << 12) - 1;
/// The highest key of a port; those above are of multicast groups.
pub const PORT_KEYS: u32 = (1 << 15) - 1;
/// The highest key of a port where VXLAN has to carry it.
const VXLAN_PORT_KEYS: u32 = (1 << 11) - 1;

impl KeyLimits {
    /// The keys of ports.
    pub fn ports(&self) -> Range {
        let highest = if self.vxlan { VXLAN_PORT_KEYS } else { PORT_KEYS };
        Range { given: highest, requested: highest, stored: PORT_KEYS }
    }

    /// The keys of datapaths. Who asks for a router or a transit switch is taken at their word.
    fn datapaths(&self, bound: bool) -> Range {
        let requested = if self.vxlan && bound { VXLAN_DATAPATH_KEYS } else { DATAPATH_KEYS };
        Range { given: self.datapath, requested, stored: DATAPATH_KEYS }
    }
}

/// A logical switch or an enabled logical router, as its Datapath_Binding tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Datapath {
    row: Uuid,
    kind: DatapathType,
    requested: Option<i32>,
    external_ids: Map,
}

/// What is known of the datapaths.
#[derive(Clone, Debug)]
pub struct Datapaths {
    /// Those that have a key, and so a Datapath_Binding.
    pub keys: Relation<Assigned>,
    /// Their rows.
    pub rows: Relation<sb::DatapathBinding>,
    /// Keys that could not be had.
    pub problems: Relation<Problem>,
}

/// Gives keys to datapaths and makes their rows.
///
/// ```text
/// datapath(row)       :-  every Logical_Switch; every Logical_Router that is not disabled
/// candidate(row)      :-  datapath(row), its requested-tnl-key, the key of the Datapath_Binding
///                         whose nb_uuid is the row
/// row(datapath, key)  :-  datapath(row), allocated(row, key)
/// ```
///
/// Cost: a datapath costs itself.
pub fn datapaths(
    switches: &Relation<nb::LogicalSwitch>,
    routers: &Relation<nb::LogicalRouter>,
    bindings: &Relation<sb::DatapathBindingState>,
    limits: &Relation<KeyLimits>,
) -> Datapaths {
    let routers = routers.filter(|router| router.enabled != Some(false));
    let all =
        switches.map(switch).concat(&routers.map(router)).index_by(|datapath| datapath.row).named("datapath");
    let kept = bindings
        .flat_map(|binding| Some((owner(binding)?, binding.tunnel_key as u32)))
        .index_by(|(row, _)| *row)
        // A datapath with two rows keeps the lower key; the other row goes.
        .reduce(|group| group.rows().min().copied());
    let candidates = all.join_optional(&kept.index_by(|(row, _)| *row), |datapath, kept| {
        let bound = datapath.kind == DatapathType::Switch && !datapath.external_ids.contains("interconn-ts");
        Some((datapath.row, datapath.requested, kept.map(|(_, key)| *key), bound))
    });
    let candidates =
        candidates.index_by(|_| ()).join(&limits.index_by(|_| ()), |candidate, limits| Candidate {
            owner: candidate.0,
            space: Uuid::ZERO,
            requested: candidate.1.filter(|key| *key != 0),
            kept: candidate.2,
            range: limits.datapaths(candidate.3),
        });
    let keys = candidates.allocate_by(|_| (), || KeySpace::new(Next::Lowest));
    let rows = all.join(&keys.index_by(Assigned::owner), |datapath, assigned| sb::DatapathBinding {
        uuid: datapath_uuid(datapath.row),
        tunnel_key: i64::from(assigned.key),
        type_: Some(kind_name(datapath.kind).into()),
        nb_uuid: Some(datapath.row),
        external_ids: datapath.external_ids.clone(),
    });
    let unmet = tunnel_key::unmet(&candidates, &keys);
    let problems = unmet
        .index_by(|unmet| unmet.owner)
        .join(&all, |unmet, datapath| Problem::new(complaint(unmet, datapath.external_ids.text("name"))));
    let devices = switches.flat_map(|row| evpn::problems(&row.other_config, &row.name));
    Datapaths { keys, rows, problems: problems.concat(&devices) }
}

fn complaint(unmet: &Unmet, name: &str) -> String {
    match unmet.why {
        Why::Taken(key) => {
            let owner = unmet.owner;
            format!("Logical datapath {owner} requests same tunnel key {key} as another logical datapath")
        }
        Why::Vxlan(key) => format!("Tunnel key {key} for datapath {name} is incompatible with VXLAN"),
        Why::OutOfRange(key) => {
            format!("Tunnel key {key} for datapath {name} is not between 1 and {DATAPATH_KEYS}")
        }
        Why::Exhausted => format!("all datapath tunnel ids exhausted: datapath {name} gets none"),
    }
}

/// The northbound row that a Datapath_Binding is for; rows of older versions name it only among
/// their external identifiers.
pub fn owner(binding: &sb::DatapathBindingState) -> Option<Uuid> {
    let named = |key| binding.external_ids.get(key).and_then(|text| Uuid::parse(text));
    binding.nb_uuid.or_else(|| named("logical-switch")).or_else(|| named("logical-router"))
}

fn kind_name(kind: DatapathType) -> &'static str {
    match kind {
        DatapathType::Switch => "logical-switch",
        DatapathType::Router => "logical-router",
    }
}

/// What external_ids say of every datapath: its row, its name and, if it is not empty, what OpenStack calls it.
fn names(kind: DatapathType, row: Uuid, name: &Text, name2: &str) -> Map {
    let mut ids = Map::new();
    ids.insert(kind_name(kind), row.to_string().into());
    ids.insert("name", name.clone());
    if !name2.is_empty() {
        ids.insert("name2", name2.into());
    }
    ids
}

fn switch(row: &nb::LogicalSwitch) -> Datapath {
    let config = &row.other_config;
    let name2 = row.external_ids.text("neutron:network_name");
    let mut ids = names(DatapathType::Switch, row.uuid, &row.name, name2);
    positive::<i64>(&mut ids, config, "ct-zone-limit");
    if let Some(transit) = config.get("interconn-ts") {
        ids.insert("interconn-ts", transit.clone());
    }
    positive::<u32>(&mut ids, config, "fdb_age_threshold");
    evpn::describe(config, &mut ids);
    Datapath {
        row: row.uuid,
        kind: DatapathType::Switch,
        requested: config.get_number("requested-tnl-key"),
        external_ids: ids,
    }
}

fn router(row: &nb::LogicalRouter) -> Datapath {
    let options = &row.options;
    let name2 = row.external_ids.text("neutron:router_name");
    let mut ids = names(DatapathType::Router, row.uuid, &row.name, name2);
    positive::<i64>(&mut ids, options, "ct-zone-limit");
    if let Some(zone) = options.get_number::<i32>("snat-ct-zone").filter(|zone| *zone >= 0) {
        ids.insert("snat-ct-zone", zone.to_string().into());
    }
    if !options.get_bool("always_learn_from_arp_request", true) {
        ids.insert("always_learn_from_arp_request", "false".into());
    }
    if let Some(least) =
        Thresholds::read(options.text(MAC_BINDING_THRESHOLDS)).ok().and_then(|all| all.least())
    {
        ids.insert("mac_binding_age_threshold", least.to_string().into());
    }
    let quiet = options.get_bool("disable_garp_rarp", false);
    ids.insert("disable_garp_rarp", quiet.to_string().into());
    positive::<i64>(&mut ids, options, "dynamic-routing-vrf-id");
    for key in ["dynamic-routing-v4-prefix-nexthop", "dynamic-routing-v6-prefix-nexthop"] {
        if !options.text(key).is_empty() {
            ids.insert(key, options.text(key).into());
        }
    }
    Datapath {
        row: row.uuid,
        kind: DatapathType::Router,
        requested: options.get_number("requested-tnl-key"),
        external_ids: ids,
    }
}

/// Copies a number of type `N` that is above zero.
fn positive<N: FromStr + Into<i64>>(ids: &mut Map, from: &Map, key: &'static str) {
    if let Some(number) = from.get_number::<N>(key).map(N::into).filter(|number| *number > 0) {
        ids.insert(key, number.to_string().into());
    }
}
