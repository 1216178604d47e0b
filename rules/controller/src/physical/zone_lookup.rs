//! Zones of a port, for packets that come from a tunnel and are said to be from it: that a packet of its was
//! too large for a path.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::Action;
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};

use super::build::{Fields, row};
use super::port::{Kind, Port};
use super::site::{Site, Sites};
use crate::local;
use crate::row::{Flow, Row};

/// The zones of interfaces' ports, wherever they are.
///
/// Cost: a port costs a row on each chassis that has its datapath.
pub(super) fn flows(
    ports: &Relation<Arc<Port>>,
    sites: &Sites,
    zones: &Index<(Uuid, Text), local::Zone>,
) -> Relation<Flow> {
    let ports = ports.filter(|port| port.kind == Kind::Vif);
    let elsewhere = ports.index_by(|port| port.datapath).join_flat(
        &sites.sites.index_by(|site| site.datapath),
        |port, site| {
            let far = !port.is_on(site.chassis);
            far.then(|| lookup(port, site, 0)).flatten().map(|row| Flow { chassis: site.chassis, row })
        },
    );
    let here = ports
        .flat_map(|port| {
            let port = Arc::clone(port);
            let hosts: Vec<Uuid> = port.hosts().collect();
            hosts.into_iter().map(move |chassis| (chassis, Arc::clone(&port)))
        })
        .distinct()
        .index_by(|(chassis, port)| (*chassis, port.name.clone()))
        .join_optional(zones, |(chassis, port), zone| {
            Some((*chassis, Arc::clone(port), zone.map_or(0, |zone| zone.number)))
        })
        .index_by(|(chassis, port, _)| (*chassis, port.datapath))
        .join_flat(&sites.by_place, |(chassis, port, zone), site| {
            lookup(port, site, *zone).map(|row| Flow { chassis: *chassis, row })
        });
    elsewhere.concat(&here)
}

fn lookup(port: &Port, site: &Site, zone: u16) -> Option<Row> {
    let mut actions: Vec<Action> = site.zones.load(zone).collect();
    actions.push(Action::resubmit(table::INGRESS));
    row(table::CT_ZONE_LOOKUP, 100, Fields::from(port.datapath_key, port.key), port.uuid, &actions)
}
