//! Datapaths on chassis: their zones, and the physical network that the chassis plugs in.

use std::sync::Arc;

use northflow_engine::{Index, Relation};
use northflow_language::openflow::{Action, Field};
use northflow_language::register;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use super::build::{load, load_register};
use super::port::{Kind, Port};
use super::setting::Settings;
use crate::inputs::{Local, Southbound};
use crate::local;
use crate::locality::Locality;
use crate::zone::datapath_name;

/// A datapath on a chassis, as the ports that are there need it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Site {
    pub chassis: Uuid,
    pub datapath: Uuid,
    pub zones: Zones,
    pub network: Option<Network>,
    pub settings: Settings,
}

/// The zones of a datapath; 0: there is none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Zones {
    pub dnat: u16,
    pub snat: u16,
}

/// What ports elsewhere need to know of a datapath on a chassis. It is apart from [`Site`], so that a zone
/// that changes is none of their business.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Exit {
    pub chassis: Uuid,
    pub datapath: Uuid,
    pub network: Option<Network>,
    pub always_tunnel: bool,
}

/// The physical network of a datapath, which the chassis plugs in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Network {
    /// The port that leads there.
    pub port: Text,
    /// Its number in the datapath.
    pub key: u32,
    /// The Ethernet type of VLAN headers.
    pub ethertype: u16,
}

impl Zones {
    /// Loads the zones, that of the port first. There is none with the number 0.
    pub fn load(self, port: u16) -> impl Iterator<Item = Action> {
        let port = (port != 0).then(|| load(register::CT_ZONE, 0, 16, port));
        let of_datapath = [(register::DNAT_ZONE, self.dnat), (register::SNAT_ZONE, self.snat)];
        let of_datapath = of_datapath.into_iter().filter(|(_, zone)| *zone != 0);
        port.into_iter().chain(of_datapath.map(|(register, zone)| load_register(register, zone.into())))
    }
}

/// The packet comes from a port: its zones, its datapath and itself.
pub(super) fn enter(zones: Zones, zone: u16, port: &Port) -> Vec<Action> {
    let mut actions: Vec<Action> = zones.load(zone).collect();
    actions.push(Action::set(Field::METADATA, port.datapath_key.into()));
    actions.push(load_register(register::INPORT, port.key));
    actions
}

impl Exit {
    /// Whether a port elsewhere is reached over the physical network.
    pub fn bridges(&self, port: &Port) -> bool {
        self.network.is_some() && port.additional.is_empty() && !port.options.network_function
    }
}

/// Datapaths on chassis.
#[derive(Debug)]
pub(super) struct Sites {
    pub sites: Relation<Arc<Site>>,
    pub by_place: Index<(Uuid, Uuid), Arc<Site>>,
    pub exits: Relation<Arc<Exit>>,
    pub exits_by_datapath: Index<Uuid, Arc<Exit>>,
}

/// Zone numbers by chassis and name.
pub(super) fn zones(local: &Local) -> Index<(Uuid, Text), local::Zone> {
    local.zone.index_by(|zone| (zone.chassis, zone.name.clone()))
}

/// The datapaths of chassis.
///
/// Cost: a number of a zone costs its datapath on its chassis; so does a network that is plugged in.
pub(super) fn sites(
    sb: &Southbound,
    local: &Local,
    locality: &Locality,
    ports: &Relation<Arc<Port>>,
    settings: &Relation<Settings>,
    zones: &Index<(Uuid, Text), local::Zone>,
) -> Sites {
    let networks = networks(local, ports);
    let placed = locality
        .reach
        .index_by(|_| ())
        .join(&settings.index_by(|_| ()), |reach, settings| (*reach, *settings))
        .index_by(|(reach, _)| (reach.chassis, reach.datapath))
        .join_optional(
            &networks.index_by(|(chassis, datapath, _)| (*chassis, *datapath)),
            |(reach, settings), network| {
                let network = network.map(|(_, _, network)| network.clone());
                let (chassis, datapath) = (reach.chassis, reach.datapath);
                Some(Site { chassis, datapath, zones: Zones::default(), network, settings: *settings })
            },
        );
    let exits = placed.map(|site| {
        Arc::new(Exit {
            chassis: site.chassis,
            datapath: site.datapath,
            network: site.network.clone(),
            always_tunnel: site.settings.always_tunnel,
        })
    });
    let names = sb.datapath.map(|datapath: &seen::Datapath| (datapath.uuid, datapath_name(datapath)));
    let sites = placed
        .index_by(|site| site.datapath)
        .join(&names.index_by(|(uuid, _)| *uuid), |site, (_, name)| (site.clone(), name.clone()))
        .index_by(|(site, name)| (site.chassis, Text::from(format!("{name}_dnat"))))
        .join_optional(zones, |(site, name), zone| {
            let zones = Zones { dnat: zone.map_or(0, |zone| zone.number), snat: 0 };
            Some((Site { zones, ..site.clone() }, name.clone()))
        })
        .index_by(|(site, name)| (site.chassis, Text::from(format!("{name}_snat"))))
        .join_optional(zones, |(site, _), zone| {
            let zones = Zones { snat: zone.map_or(0, |zone| zone.number), ..site.zones };
            Some(Arc::new(Site { zones, ..site.clone() }))
        });
    Sites {
        by_place: sites.index_by(|site| (site.chassis, site.datapath)),
        exits_by_datapath: exits.index_by(|exit| exit.datapath),
        sites,
        exits,
    }
}

/// The physical networks that chassis plug in: (chassis, datapath, network). A datapath has one; if several
/// could be it, it is the one with the least name.
///
/// Cost: a port to a physical network costs the chassis that plug it in.
fn networks(local: &Local, ports: &Relation<Arc<Port>>) -> Relation<(Uuid, Uuid, Network)> {
    ports
        .filter(|port| port.kind == Kind::Localnet)
        .index_by(|port| port.name.clone())
        .join(&local.patch.index_by(|patch| patch.port.clone()), |port, patch| {
            let (name, ethertype) = (port.name.clone(), port.options.ethertype);
            (patch.chassis, port.datapath, Network { port: name, key: port.key, ethertype })
        })
        .index_by(|(chassis, datapath, _)| (*chassis, *datapath))
        .reduce(|group| group.rows().min().cloned())
}

#[cfg(test)]
mod tests {
    use northflow_language::openflow::List;

    use super::*;

    #[test]
    fn only_zones_that_are_there_are_loaded() {
        let loaded = |zones: Zones, port| {
            let actions: Vec<Action> = zones.load(port).collect();
            List(&actions).to_string()
        };
        assert_eq!(loaded(Zones::default(), 0), "drop");
        assert_eq!(
            loaded(Zones { dnat: 1, snat: 2 }, 3),
            "set_field:0x3/0xffff->reg13,set_field:0x1->reg11,set_field:0x2->reg12"
        );
    }
}
