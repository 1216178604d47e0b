//! Neighbours to which replies have to go back (I18, ECMP_Nexthop): chassis watch whether they still have
//! the address that connections remember (ovn-nb(5), NB_Global options:ecmp_nexthop_monitor_enable).

use northflow_engine::Relation;

use super::static_route::{NextHop, Route};
use crate::northd::Southbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Table, key_uuid, nb, sb};
use crate::topology::datapath_uuid;
use crate::topology::router_port::RouterPortConfig;
use crate::value::ip;

/// What is written about watched neighbours.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The rows.
    pub rows: Relation<sb::EcmpNexthop>,
    /// Addresses that have been learned since.
    pub learned: Relation<sb::EcmpNexthopMac>,
}

/// A neighbour behind a port: the row of the port, the neighbour's address.
type Neighbor = (Uuid, Text);

/// The neighbour behind a route whose replies go back the way that requests came.
pub fn neighbor(route: &Route) -> Option<Neighbor> {
    let out = route.out.as_ref().filter(|_| route.symmetric)?;
    match route.next_hop {
        NextHop::Via(address) => Some((out.port.row, ip::text(address).into())),
        NextHop::Discard | NextHop::Direct => None,
    }
}

/// The neighbours to watch. An address that is learned is kept after the neighbour has been forgotten.
///
/// Cost: a route, a lookup of its port and of its neighbour; a learned neighbour, one probe.
pub fn next_hops(
    sb: &Southbound,
    options: &Relation<nb::NbGlobalOptions>,
    ports: &Relation<RouterPortConfig>,
    neighbors: &Relation<Neighbor>,
) -> Watched {
    let enabled =
        options.flat_map(|row| row.options.get_bool("ecmp_nexthop_monitor_enable", false).then_some(()));
    let wanted = neighbors.distinct().index_by(|_| ()).semijoin(&enabled.index_by(|_| ()));
    let ports = ports.map(|port| (port.port.row, port.port.name.clone(), port.binding, port.router.row));
    let wanted = wanted.index_by(|(port, _)| *port).join(
        &ports.index_by(|(port, ..): &(Uuid, Text, Uuid, Uuid)| *port),
        |(_, nexthop), (_, name, binding, router)| (name.clone(), row(nexthop, *binding, *router)),
    );
    let known = sb.mac_binding.map(|row| ((row.logical_port.clone(), row.ip.clone()), row.mac.clone()));
    let known = known.index_by(|(neighbor, _): &((Text, Text), Text)| neighbor.clone());
    let rows = wanted
        .index_by(|(name, row): &(Text, sb::EcmpNexthop)| (name.clone(), row.nexthop.clone()))
        .join_optional(&known, |(_, row), learned| {
            let mac = learned.map(|(_, mac)| mac.clone()).unwrap_or_default();
            Some(sb::EcmpNexthop { mac, ..row.clone() })
        });
    let learned = sb
        .ecmp_nexthop
        .index_by(|row| row.port)
        .join(&sb.port.index_by(Table::uuid), |row, binding| (row.clone(), binding.logical_port.clone()))
        .index_by(|(row, name): &(sb::EcmpNexthopState, Text)| (name.clone(), row.nexthop.clone()))
        .join_flat(&known, |(row, _), (_, mac)| {
            (row.mac != *mac).then(|| sb::EcmpNexthopMac { uuid: row.uuid, mac: mac.clone() })
        });
    Watched { rows, learned }
}

fn row(nexthop: &Text, port: Uuid, router: Uuid) -> sb::EcmpNexthop {
    sb::EcmpNexthop {
        uuid: key_uuid(sb::EcmpNexthop::NAME, &[nexthop, &port.to_string()]),
        nexthop: nexthop.clone(),
        port,
        datapath: datapath_uuid(router),
        mac: Text::default(),
    }
}
