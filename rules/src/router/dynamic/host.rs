//! Addresses behind ports that are advertised one by one, `connected-as-host` (L02).

use std::net::Ipv6Addr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::advertiser::Advertiser;
use super::wish::{Cause, Wish, wish};
use crate::northd::Southbound;
use crate::ovsdb::{Text, Uuid};
use crate::switch::port::PortKind;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::{Addresses, RouterAddresses};
use crate::value::ip::text6;

/// Who has addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Holder {
    /// The port with this Port_Binding.
    Port(Uuid),
    /// The Logical_Router_Port behind a switch port.
    Router(Uuid),
    /// The port that has taken over the addresses of this virtual one.
    Parent(Text),
}

/// The addresses of the ports of a switch, or of a router port.
fn of_addresses<'a>(addresses: impl IntoIterator<Item = &'a Addresses>) -> Vec<Text> {
    let mut hosts = Vec::new();
    for addresses in addresses {
        hosts.extend(addresses.ips4().map(|address| Text::from(address.to_string())));
        let ip6 = addresses.ip6.iter().filter(|net| !net.network().is_unicast_link_local());
        hosts.extend(ip6.map(|net| address6(net.address)));
    }
    hosts
}

fn address6(address: Ipv6Addr) -> Text {
    text6(address).into()
}

/// The addresses behind ports with the ports that have them: those of the other router's port, or of all
/// ports of the switch.
///
/// Cost: a port of a switch costs its addresses, once for each port that advertises them.
pub fn hosts(
    sb: &Southbound,
    dynamic: &Relation<Advertiser>,
    ports: &Relation<RouterPortConfig>,
    switch_ports: &Relation<PortConfig>,
) -> Relation<Wish> {
    let wanting = dynamic.filter(|port| port.mode.hosts && port.peer.is_some());
    let of_ports = ports.map(|port| (port.port.row, port.binding, port.addresses.clone()));
    let of_ports =
        of_ports.index_by(|(port, ..): &(Uuid, Uuid, RouterAddresses)| *port).named("dynamic.host");
    let of_routers = wanting
        .flat_map(|port| {
            let peer = port.peer.as_ref().filter(|peer| peer.router().is_some())?;
            Some((peer.port().row, port.clone()))
        })
        .index_by(|(peer, _): &(Uuid, Advertiser)| *peer)
        .join_flat(&of_ports, |(_, port), (_, binding, addresses)| {
            let (port, binding) = (port.clone(), *binding);
            let hosts = of_addresses([&addresses.given]).into_iter();
            hosts.map(move |host| wish(&port, host, Some(binding), Cause::Route)).collect::<Vec<_>>()
        });

    let switches = wanting.flat_map(|port| Some((port.peer.as_ref()?.switch()?, port.clone())));
    let behind = switch_ports.index_by(PortConfig::switch).join_flat(
        &switches.index_by(|(switch, _): &(Uuid, Advertiser)| *switch),
        |port, (_, advertiser)| {
            let (holder, hosts) = match (&port.facing, port.kind) {
                (Some(facing), _) => {
                    (Holder::Router(facing.router_port.row), of_addresses([&facing.addresses.given]))
                }
                (None, PortKind::Virtual) => {
                    (Holder::Parent(port.port.name.clone()), of_addresses(&port.addresses))
                }
                (None, _) => (Holder::Port(port.binding), of_addresses(&port.addresses)),
            };
            let advertiser = advertiser.clone();
            hosts.into_iter().map(move |host| (holder.clone(), host, advertiser.clone())).collect::<Vec<_>>()
        },
    );
    let parents = sb.port.flat_map(|row| Some((row.logical_port.clone(), row.virtual_parent.clone()?)));
    let parents = parents
        .index_by(|(_, parent): &(Text, Text)| parent.clone())
        .join(&switch_ports.index_by(PortConfig::name), |(port, _), parent| {
            (Holder::Parent(port.clone()), parent.binding)
        });
    let router_ports = ports.map(|port| (Holder::Router(port.port.row), port.binding));
    let derived = parents.concat(&router_ports);
    let found = behind.index_by(|(holder, ..): &(Holder, Text, Advertiser)| holder.clone()).join(
        &derived.index_by(|(holder, _): &(Holder, Uuid)| holder.clone()),
        |(_, host, port), (_, at)| wish(port, host.clone(), Some(*at), Cause::Route),
    );
    let own = behind.flat_map(|(holder, host, port)| match holder {
        Holder::Port(at) => Some(wish(port, host.clone(), Some(*at), Cause::Route)),
        _ => None,
    });
    dynamic.builder().union(&[of_routers, own, found])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_stay_behind_the_port() {
        let addresses = Addresses::read("0a:00:00:00:00:01 10.0.0.3/24 fe80::1 fd01::3");
        let hosts = of_addresses(&addresses);
        assert_eq!(hosts.iter().map(|host| &**host).collect::<Vec<_>>(), ["10.0.0.3", "fd01::3"]);
    }
}
