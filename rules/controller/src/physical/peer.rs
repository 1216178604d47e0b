//! Ports that lead to another datapath: packets to them begin anew in that one.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::Action;
use northflow_language::register;
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::build::{Fields, clear_registers, load, load_register, row};
use super::port::{Kind, Port};
use super::seat::deliver;
use super::site::{Site, Sites, Zones, enter};
use crate::local;
use crate::row::Flow;

/// Two ports that lead to each other, seen from the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Pair {
    pub near: Arc<Port>,
    pub far: Arc<Port>,
}

/// A pair on a chassis that has the first one's datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Crossing {
    pair: Pair,
    site: Arc<Site>,
    far_zones: Zones,
    /// The zones of the ports, which only some have; 0: none.
    near_zone: u16,
    far_zone: u16,
}

/// The pairs, each from both sides.
///
/// Cost: a port costs its pair.
pub(super) fn pairs(ports: &Relation<Arc<Port>>) -> Relation<Pair> {
    let leading = ports
        .filter(|port| matches!(port.kind, Kind::Patch | Kind::L3Gateway) && port.options.peer.is_some());
    leading
        .index_by(|port| (Some(port.name.clone()), port.options.peer.clone()))
        .join(&leading.index_by(|port| (port.options.peer.clone(), Some(port.name.clone()))), |near, far| {
            Pair { near: Arc::clone(near), far: Arc::clone(far) }
        })
}

/// Packets that cross to other datapaths.
///
/// Cost: a pair costs its rows on the chassis that have the first one's datapath; a number of a zone the
/// crossings that show it.
pub(super) fn flows(
    pairs: &Relation<Pair>,
    sites: &Sites,
    zones: &Index<(Uuid, Text), local::Zone>,
) -> Relation<Flow> {
    let by_datapath = sites.sites.index_by(|site| site.datapath);
    let crossings = pairs
        .index_by(|pair| pair.near.datapath)
        .join_flat(&by_datapath, |pair, site| {
            let crosses = pair.near.kind == Kind::Patch || pair.near.chassis == Some(site.chassis);
            crosses.then(|| (pair.clone(), Arc::clone(site)))
        })
        .index_by(|(pair, site)| (site.chassis, pair.far.datapath))
        .join_optional(&sites.by_place, |(pair, site), far| {
            let far_zones = far.map_or(Zones::default(), |far| far.zones);
            let (pair, site) = (pair.clone(), Arc::clone(site));
            Some(Crossing { pair, site, far_zones, near_zone: 0, far_zone: 0 })
        });
    let is_zoned =
        |crossing: &Crossing| may_have_zone(&crossing.pair.near) || may_have_zone(&crossing.pair.far);
    let zoned = crossings
        .filter(is_zoned)
        .index_by(|crossing| (crossing.site.chassis, crossing.pair.near.name.clone()))
        .join_optional(zones, |crossing, zone| {
            Some(Crossing { near_zone: zone.map_or(0, |zone| zone.number), ..crossing.clone() })
        })
        .index_by(|crossing| (crossing.site.chassis, crossing.pair.far.name.clone()))
        .join_optional(zones, |crossing, zone| {
            Some(Crossing { far_zone: zone.map_or(0, |zone| zone.number), ..crossing.clone() })
        });
    crossings.filter(move |crossing| !is_zoned(crossing)).concat(&zoned).flat_map(rows)
}

/// Whether a port may have a zone of its own.
fn may_have_zone(port: &Port) -> bool {
    port.kind == Kind::L3Gateway || port.options.zoned
}

fn rows(crossing: &Crossing) -> Vec<Flow> {
    let Crossing { pair: Pair { near, far }, site, .. } = crossing;
    let mut rows = deliver(site, near, crossing.near_zone);
    let mut inner = vec![
        Action::ConntrackClear,
        load_register(register::DNAT_ZONE, 0),
        load_register(register::SNAT_ZONE, 0),
        load(register::CT_ZONE, 0, 16, 0u8),
    ];
    inner.extend(enter(crossing.far_zones, crossing.far_zone, far));
    inner.push(load_register(register::FLAGS, 0));
    inner.push(load_register(register::OUTPORT, 0));
    inner.extend(clear_registers());
    inner.push(Action::resubmit(table::INGRESS));
    let to = Fields::to(near.datapath_key, near.key);
    rows.push(row(table::LOGICAL_TO_PHYSICAL, 100, to, near.uuid, &[Action::Clone(inner)]));
    let chassis = site.chassis;
    rows.into_iter().flatten().map(|row| Flow { chassis, row }).collect()
}
