//! What ports are to advertise, and the rows that come of it (L01).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::advertiser::Advertiser;
use crate::flow::text::ip6;
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::router::route::static_route::{Origin, Route};
use crate::schema::{Table, key_uuid, sb};
use crate::topology::datapath_uuid;
use crate::value::ip::IpNet;

/// Why a prefix is advertised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A route of the router leads there, or the host is behind one of its ports.
    Route,
    /// The router or one beside it translates it.
    Service,
}

/// A prefix that a port is to advertise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wish {
    /// The router.
    pub router: Uuid,
    /// The Port_Binding of the port.
    pub binding: Uuid,
    /// The prefix, or address.
    pub prefix: Text,
    /// The Port_Binding whose chassis advertises it before others do.
    pub tracked: Option<Uuid>,
    /// Why.
    pub cause: Cause,
}

/// What `advertiser` is to say of `prefix`.
pub fn wish(advertiser: &Advertiser, prefix: Text, tracked: Option<Uuid>, cause: Cause) -> Wish {
    Wish { router: advertiser.router, binding: advertiser.binding, prefix, tracked, cause }
}

/// Whether a network is of addresses that no router forwards; such are not advertised.
fn is_link_local(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.length >= 16 && net.address.is_link_local(),
        IpNet::V6(net) => net.length >= 10 && net.address.is_unicast_link_local(),
    }
}

fn text(net: IpNet) -> Text {
    let (network, whole) = match net {
        IpNet::V4(net) => (net.network().to_string(), net.length == 32),
        IpNet::V6(net) => (ip6(net.network()), net.length == 128),
    };
    let length = match net {
        IpNet::V4(net) => net.length,
        IpNet::V6(net) => net.length,
    };
    if whole { network.into() } else { format!("{network}/{length}").into() }
}

/// The networks of ports, where they are not advertised host by host.
///
/// Cost: a port costs its networks.
pub fn connected(dynamic: &Relation<Advertiser>) -> Relation<Wish> {
    dynamic.filter(|port| port.mode.connected && !port.mode.hosts).flat_map(|port| {
        let ip4 = port.addresses.given.ip4.iter().map(|net| IpNet::V4(*net));
        let networks = ip4.chain(port.addresses.ip6().map(|net| IpNet::V6(*net)));
        let networks = networks.filter(|net| !is_link_local(*net));
        networks.map(|net| wish(port, text(net), None, Cause::Route)).collect::<Vec<_>>()
    })
}

/// The configured routes of routers with dynamic routing.
///
/// Cost: a route costs itself; a port the routes by it that it advertises.
pub fn static_routes(
    nb: &Northbound,
    advertisers: &Relation<Advertiser>,
    routes: &Relation<Route>,
) -> Relation<Wish> {
    let dynamic = nb.router.filter(|row| row.options.get_bool("dynamic-routing", false)).map(|row| row.uuid);
    let wanted = advertisers.flat_map(|port| {
        let of_connected = (port.mode.connected && !port.mode.hosts).then_some(Origin::Connected);
        let origins = port.mode.routes.then_some(Origin::Static).into_iter().chain(of_connected);
        let (port, binding) = (port.port, port.binding);
        origins.map(move |origin| (Some(port), origin, binding)).collect::<Vec<_>>()
    });
    routes
        .filter(|route| !is_link_local(route.to.prefix))
        .index_by(|route| (route.out.as_ref().map(|out| out.port.row), route.to.origin))
        .join(&wanted.index_by(|(port, origin, _)| (*port, *origin)), |route, (.., binding)| {
            let (router, prefix) = (route.to.router, text(route.to.prefix));
            Wish { router, binding: *binding, prefix, tracked: None, cause: Cause::Route }
        })
        .index_by(|wish| wish.router)
        .semijoin(&dynamic.index_by(|router| *router))
}

/// The rows. What no port is tracked for is left out where a tracked one says it too, but for a route
/// beside a translation.
///
/// Cost: a wish costs those of its port for the same prefix.
pub fn rows(wishes: &Relation<Wish>) -> Relation<sb::AdvertisedRoute> {
    wishes.index_by(|wish| (wish.binding, wish.router, wish.prefix.clone())).named("dynamic.wish").reduce(
        |group| {
            let wishes: Vec<&Wish> = group.rows().collect();
            let has = |cause: Option<Cause>, tracked: bool| {
                let of = |wish: &&&Wish| cause.is_none_or(|cause| wish.cause == cause);
                wishes.iter().filter(of).any(|wish| wish.tracked.is_some() == tracked)
            };
            let route = has(Some(Cause::Route), false) && !has(Some(Cause::Route), true);
            let untracked = route || (has(Some(Cause::Service), false) && !has(None, true));
            let mut places: Vec<Option<Uuid>> = wishes.iter().map(|wish| wish.tracked).collect();
            places.retain(|tracked| tracked.is_some() || untracked);
            places.sort_unstable();
            places.dedup();
            let first = wishes.first().copied().cloned();
            places
                .into_iter()
                .filter_map(move |tracked| Some(row(first.as_ref()?, tracked)))
                .collect::<Vec<_>>()
        },
    )
}

fn row(wish: &Wish, tracked: Option<Uuid>) -> sb::AdvertisedRoute {
    let datapath = datapath_uuid(wish.router);
    let place = tracked.map(|port| port.to_string()).unwrap_or_default();
    let key = [&*datapath.to_string(), &*wish.binding.to_string(), &*wish.prefix, &*place];
    sb::AdvertisedRoute {
        uuid: key_uuid(sb::AdvertisedRoute::NAME, &key),
        datapath,
        logical_port: wish.binding,
        ip_prefix: wish.prefix.clone(),
        tracked_port: tracked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_written_without_their_hosts() {
        let written = |net: &str| IpNet::parse(net).ok().map(|net| text(net).to_string());
        assert_eq!(written("10.0.1.7/24").as_deref(), Some("10.0.1.0/24"));
        assert_eq!(written("10.0.1.7/32").as_deref(), Some("10.0.1.7"));
        assert_eq!(written("fd01::7/64").as_deref(), Some("fd01::/64"));
        assert_eq!(written("fd01::7").as_deref(), Some("fd01::7"));
    }

    #[test]
    fn networks_that_nobody_forwards_to_are_told() {
        let local = |net: &str| IpNet::parse(net).map(is_link_local);
        assert_eq!(local("169.254.3.0/24"), Ok(true));
        assert_eq!(local("169.254.0.0/15"), Ok(false));
        assert_eq!(local("fe80::1/64"), Ok(true));
        assert_eq!(local("fd80::1/64"), Ok(false));
    }
}
