//! Next hops to which replies go back the way that requests came: connections are labelled with their Ethernet address,
//! and forgotten when they go (ovn-sb(5), ECMP_Nexthop).

use northflow_engine::Relation;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use crate::inputs::{Local, Southbound};
use crate::locality::Locality;
use crate::zone::datapath_name;

/// A chassis may have connections from a next hop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// The chassis.
    pub chassis: Uuid,
    /// The number of the zone that these are in.
    pub zone: u16,
    /// Its IP address.
    pub address: Text,
    /// Its Ethernet address, which is in their labels.
    pub mac: Mac,
}

/// Next hops of routers that chassis have. Those whose Ethernet address is not known have left no connections.
///
/// Cost: a next hop costs the chassis that have its router; so does the number of the router's zone on its chassis.
pub(crate) fn next_hops(sb: &Southbound, local: &Local, locality: &Locality) -> Relation<NextHop> {
    let known =
        sb.ecmp_nexthop.flat_map(|row| Some((row.datapath, row.nexthop.clone(), Mac::parse(&row.mac)?)));
    let zones = sb.datapath.map(|row| (row.uuid, Text::from(format!("{}_dnat", datapath_name(row)))));
    known
        .index_by(|(router, ..)| *router)
        .join(&zones.index_by(|(router, _)| *router), |hop, (_, zone)| (hop.clone(), zone.clone()))
        .index_by(|((router, ..), _)| *router)
        .join(&locality.by_datapath, |((_, address, mac), zone), reach| {
            (reach.chassis, zone.clone(), address.clone(), *mac)
        })
        .index_by(|(chassis, zone, ..)| (*chassis, zone.clone()))
        .join(
            &local.zone.index_by(|zone| (zone.chassis, zone.name.clone())),
            |(chassis, _, address, mac), zone| NextHop {
                chassis: *chassis,
                zone: zone.number,
                address: address.clone(),
                mac: *mac,
            },
        )
        .distinct()
}
