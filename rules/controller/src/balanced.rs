//! Connections through load balancers that want them forgotten when their backend goes (ovn-nb(5), Load_Balancer
//! `options:ct_flush`).

use std::net::IpAddr;

use northflow_engine::{Builder, Relation};
use northflow_rules::lb::vip::Vip;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{MapEntry, seen};
use serde::{Deserialize, Serialize};

use crate::balancer::{Balancers, Protocol};
use crate::inputs::Southbound;

/// Connections from a VIP to a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Connections {
    /// The protocol's number in IP; 0 is any.
    pub protocol: u8,
    /// Where clients send to.
    pub vip: IpAddr,
    /// The port there; 0 is any.
    pub port: u16,
    /// Where it goes.
    pub backend: IpAddr,
    /// The port there; 0 is any.
    pub backend_port: u16,
}

/// A load balancer on a chassis makes such connections, and wants them forgotten when it makes them no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Balanced {
    /// The chassis: its row of Chassis.
    pub chassis: Uuid,
    /// The load balancer: its row of Load_Balancer.
    pub balancer: Uuid,
    /// The connections.
    pub connections: Connections,
}

/// What load balancers with the option make on the chassis that have them.
///
/// Cost: a VIP costs a row for each backend on the chassis that have its load balancer.
pub(crate) fn balanced(
    program: &Builder,
    sb: &Southbound,
    Balancers { places, services }: &Balancers,
) -> Relation<Balanced> {
    let protocol = |row: &seen::LoadBalancer| {
        let forgets = row.options.get_bool("ct_flush", false);
        forgets.then(|| (row.uuid, Protocol::of(row.protocol.as_deref())))
    };
    let protocols = sb.load_balancer.flat_map(protocol).index_by(|(balancer, _)| *balancer);
    let made = protocols.join_flat(services, |(balancer, protocol), service| {
        let (balancer, only) = (*balancer, service.only);
        connections(*protocol, &service.entry).into_iter().map(move |all| (balancer, only, all))
    });
    let own = made.flat_map(|(balancer, only, connections)| {
        only.map(|chassis| Balanced { chassis, balancer: *balancer, connections: connections.clone() })
    });
    let everywhere = made
        .filter(|(_, only, _)| only.is_none())
        .index_by(|(balancer, ..)| *balancer)
        .join(&places.of_balancers, |made, (_, place)| (made.clone(), place.clone()))
        .index_by(|(_, place)| place.clone())
        .join(&places.chassis, |((balancer, _, connections), _), (_, chassis)| Balanced {
            chassis: *chassis,
            balancer: *balancer,
            connections: connections.clone(),
        });
    // Two VIPs of one load balancer may be the same in other words.
    program.union(&[own, everywhere]).distinct()
}

/// The connections of a VIP.
fn connections(protocol: Protocol, entry: &MapEntry) -> Vec<Connections> {
    let Ok(vip) = Vip::read(&entry.key, &entry.value, None) else { return Vec::new() };
    let Some(front) = vip.front.address else { return Vec::new() };
    let port = vip.front.number;
    let protocol = if port == 0 { 0 } else { protocol.number() };
    let made =
        |backend: IpAddr, backend_port| Connections { protocol, vip: front, port, backend, backend_port };
    vip.backends.iter().filter_map(|backend| Some(made(backend.address?, backend.number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, value: &str) -> Vec<(u8, String, String)> {
        let entry = MapEntry { row: Uuid(1), key: key.into(), value: value.into() };
        let text = |made: Connections| {
            (
                made.protocol,
                format!("{} {}", made.vip, made.port),
                format!("{} {}", made.backend, made.backend_port),
            )
        };
        connections(Protocol::Udp, &entry).into_iter().map(text).collect()
    }

    #[test]
    fn a_backend_is_a_kind_of_connections() {
        let made = |protocol, vip: &str, backend: &str| (protocol, vip.to_owned(), backend.to_owned());
        assert_eq!(
            of("10.0.0.1:80", "10.1.0.1:8080,10.1.0.2:8081"),
            [made(17, "10.0.0.1 80", "10.1.0.1 8080"), made(17, "10.0.0.1 80", "10.1.0.2 8081")]
        );
        // Without a port it is any protocol.
        assert_eq!(of("fd00::1", "fd01::1"), [made(0, "fd00::1 0", "fd01::1 0")]);
        assert_eq!(of("10.0.0.1:80", ""), []);
        assert_eq!(of("nonsense", "10.0.0.1"), []);
    }
}
