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
}

/// Zones of the ports that are on a chassis, and two of each of its datapaths. Ports between datapaths have one
/// if ACLs are to apply to them.
///
/// Cost: a change of a datapath or a port touches its own zones.
pub fn wanted(sb: &Southbound, locality: &Locality) -> Relation<Wanted> {
    let names = sb.datapath.map(|datapath| (datapath.uuid, datapath_zones(datapath)));
    let of_datapaths =
        locality.by_datapath.join_flat(&names.index_by(|(uuid, _)| *uuid), |reach, (_, zones)| {
            let chassis = reach.chassis;
            zones.clone().into_iter().map(move |(name, number)| Wanted { chassis, name, number })
        });
    let of_ports =
        locality.present.map(|at| Wanted { chassis: at.chassis, name: at.name.clone(), number: None });
    let of_patches = sb
        .port
        .filter(|port| &*port.type_ == "patch" && port.options.get_bool("enable_router_port_acl", false))
        .map(|port| (port.datapath, port.logical_port.clone()))
        .index_by(|(datapath, _)| *datapath)
        .join(&locality.by_datapath, |(_, name), reach| Wanted {
            chassis: reach.chassis,
            name: name.clone(),
            number: None,
        });
    of_datapaths.concat(&of_ports).concat(&of_patches).distinct()
}

/// The zones of a datapath, by name.
fn datapath_zones(datapath: &seen::Datapath) -> Vec<(Text, Option<u16>)> {
    let name = datapath_name(datapath);
    let snat = datapath.external_ids.get_number("snat-ct-zone");
    vec![(format!("{name}_dnat").into(), None), (format!("{name}_snat").into(), snat)]
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
        assert_eq!(
            datapath_zones(&datapath),
            [(Text::from("r1_dnat"), None), (Text::from("r1_snat"), Some(7))]
        );
    }
}
