//! Zones of connection tracking that a chassis needs.

use northflow_engine::Relation;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use crate::inputs::Southbound;
use crate::locality::Locality;

/// A zone that a chassis needs a number for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// The chassis.
    pub chassis: Uuid,
    /// The port, or the name of the datapath and `_dnat` or `_snat`.
    pub name: Text,
    /// The number that the zone has to have (option `snat-ct-zone` of routers).
    pub number: Option<u16>,
    /// How many connections it may have (option `ct-zone-limit` of datapaths and ports).
    pub limit: Option<u32>,
}

const LIMIT: &str = "ct-zone-limit";

/// Zones of the ports that are on a chassis, and two of each of its datapaths. Ports between datapaths have one
/// if ACLs are to apply to them.
///
/// Cost: a change of a datapath or a port touches its own zones.
pub fn wanted(sb: &Southbound, locality: &Locality) -> Relation<Wanted> {
    let of_datapaths = sb.datapath.map(|datapath| (datapath.uuid, datapath_zones(datapath)));
    let of_datapaths =
        locality.by_datapath.join_flat(&of_datapaths.index_by(|(uuid, _)| *uuid), |reach, (_, zones)| {
            let chassis = reach.chassis;
            zones.clone().into_iter().map(move |zone| Wanted { chassis, ..zone })
        });
    let of_ports = locality.present.map(|at| (at.chassis, at.name.clone()));
    let of_patches = sb
        .port
        .filter(|port| &*port.type_ == "patch" && port.options.get_bool("enable_router_port_acl", false))
        .map(|port| (port.datapath, port.logical_port.clone()))
        .index_by(|(datapath, _)| *datapath)
        .join(&locality.by_datapath, |(_, name), reach| (reach.chassis, name.clone()));
    // An interface has its own limit, or that of its datapath.
    let limits = sb.datapath.flat_map(|datapath| {
        datapath.external_ids.get_number::<u32>(LIMIT).map(|limit| (datapath.uuid, limit))
    });
    let interfaces = sb.port.filter(|port| matches!(&*port.type_, "" | "virtual" | "localport"));
    let own_limits = interfaces.map(|port| {
        let own = port.options.get(LIMIT).map(|_| port.options.get_number::<u32>(LIMIT));
        (port.logical_port.clone(), port.datapath, own)
    });
    let limits = own_limits.index_by(|(_, datapath, _)| *datapath).join_optional(
        &limits.index_by(|(datapath, _)| *datapath),
        |(name, _, own), limit| {
            let limit = own.unwrap_or(limit.map(|(_, limit)| *limit))?;
            Some((name.clone(), limit))
        },
    );
    let of_ports = of_ports.concat(&of_patches).distinct().index_by(|(_, name)| name.clone()).join_optional(
        &limits.index_by(|(name, _)| name.clone()),
        |(chassis, name), limit| {
            let limit = limit.map(|(_, limit)| *limit);
            Some(Wanted { chassis: *chassis, name: name.clone(), number: None, limit })
        },
    );
    of_datapaths.concat(&of_ports).distinct()
}

/// The zones of a datapath, on no chassis yet.
fn datapath_zones(datapath: &seen::Datapath) -> Vec<Wanted> {
    let name = datapath_name(datapath);
    let snat = datapath.external_ids.get_number("snat-ct-zone");
    let limit = datapath.external_ids.get_number(LIMIT);
    [("dnat", None), ("snat", snat)]
        .map(|(kind, number)| Wanted {
            chassis: Uuid::ZERO,
            name: format!("{name}_{kind}").into(),
            number,
            limit,
        })
        .into()
}

/// How a datapath is called in names of zones.
pub(crate) fn datapath_name(datapath: &seen::Datapath) -> Text {
    datapath.external_ids.get("name").cloned().unwrap_or_else(|| datapath.uuid.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_a_datapath() {
        let mut datapath = seen::Datapath::default();
        datapath.external_ids.insert("name", "r1".into());
        datapath.external_ids.insert("snat-ct-zone", "7".into());
        datapath.external_ids.insert("ct-zone-limit", "9".into());
        let zones = datapath_zones(&datapath);
        let zones: Vec<_> = zones.iter().map(|zone| (&*zone.name, zone.number, zone.limit)).collect();
        assert_eq!(zones, [("r1_dnat", None, Some(9)), ("r1_snat", Some(7), Some(9))]);
    }
}
