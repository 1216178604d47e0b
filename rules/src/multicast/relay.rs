//! Routers that relay multicast (K06; ovn-nb(5), Logical_Router options:mcast_relay and
//! Logical_Router_Port options:mcast_flood).
//!
//! A router that relays has the groups that its switches have: what it gets for one goes to the ports
//! behind which somebody asked, and to those that want all of it.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::learned::{Group, Receiver};
use super::static_flood::FixedMember;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember, place, place_on};
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::Uuid;
use crate::router::RouterSet;
use crate::switch::flood_group::Group as Fixed;
use crate::topology::peer::Attachment;
use crate::topology::router::Router;
use crate::topology::router_port::RouterPortConfig;
use crate::value::mac::Mac;

const ROUTING: Stage = Stage::LrInIpRouting;

/// What of a router decides where multicast goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relaying {
    /// The router.
    pub router: Uuid,
    /// options:mcast_relay.
    pub relay: bool,
    /// Some port that is not disabled wants all multicast.
    pub flood: bool,
}

/// A router port as a member of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    port: Uuid,
    router: Uuid,
    /// The Port_Binding of the port, or of its chassis-redirect port if it has one.
    binding: Uuid,
    enabled: bool,
    flood: bool,
    mac: Mac,
    drop: DropConfig,
}

fn group_ports(ports: &Relation<RouterPortConfig>) -> Relation<Member> {
    ports.map(|port| Member {
        port: port.port.row,
        router: port.router.row,
        binding: port.redirect.as_ref().map_or(port.binding, |redirect| redirect.binding),
        enabled: port.enabled,
        flood: port.options.mcast_flood,
        mac: port.addresses.given.mac,
        drop: port.drop,
    })
}

/// Ports that want all multicast.
///
/// Cost: a port costs itself.
pub fn floods(ports: &Relation<RouterPortConfig>) -> Relation<FixedMember> {
    group_ports(ports).filter(|port| port.enabled && port.flood).map(|port| FixedMember {
        datapath: port.router,
        group: Fixed::Static,
        binding: port.binding,
    })
}

/// What decides where multicast goes, for each router.
///
/// Cost: a router costs itself; a port nothing, unless it is the first or last that wants all.
pub fn relaying(routers: &Relation<Router>, floods: &Relation<FixedMember>) -> Relation<Relaying> {
    let floods = floods.map(|member| member.datapath).distinct();
    let relays = routers.map(|router| (router.row, router.options.mcast_relay));
    relays
        .index_by(|(router, _)| *router)
        .join_optional(&floods.index_by(|router| *router), |(router, relay), flood| {
            Some(Relaying { router: *router, relay: *relay, flood: flood.is_some() })
        })
}

/// The ports of relaying routers that get a group, because on the switch behind them somebody asked for
/// it. `attached` are the switch ports behind which such a router is.
///
/// Cost: the first port of a switch that asks for a group costs the routers there.
pub fn receivers(
    heard: &Relation<Receiver>,
    attached: &Relation<Attachment>,
    ports: &Relation<RouterPortConfig>,
) -> Relation<Receiver> {
    let wanted = heard.filter(|receiver| is_routable(receiver.address));
    let wanted = wanted.map(|receiver| Receiver { binding: Uuid::ZERO, ..receiver.clone() }).distinct();
    let behind = attached.map(|attached| (attached.switch, attached.router_port.row));
    let members = group_ports(ports).filter(|port| !port.flood);
    let behind = behind
        .index_by(|(_, port)| *port)
        .join(&members.index_by(|member| member.port), |(switch, _), member| (*switch, *member));
    wanted.index_by(|receiver| receiver.datapath).join(
        &behind.index_by(|(switch, _)| *switch),
        |receiver, (_, member)| Receiver {
            datapath: member.router,
            router: true,
            binding: member.binding,
            ..receiver.clone()
        },
    )
}

/// IPv6 groups of an interface, link, realm or unknown scope do not leave their switch (RFC 4291 section
/// 2.7).
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => {
            let scope = address.octets()[1] & 15;
            address.is_multicast() && !matches!(scope, 0..=3 | 15)
        }
    }
}

/// The flows of routers that relay.
///
/// Cost: a group costs its own flow.
pub fn flows(
    relaying: &Relation<Relaying>,
    groups: &Relation<Group>,
    ports: &Relation<RouterPortConfig>,
    drop: &Relation<DropConfig>,
) -> Relation<Placed> {
    let relays = relaying.filter(|row| row.relay);
    let by_router = relays.index_by(|row| row.router);
    let learned = groups.filter(|group| group.router).index_by(|group| group.datapath).join(
        &by_router,
        |group, relaying| Placed {
            on: On::Datapath(group.datapath),
            flow: group_flow(group, relaying.flood),
        },
    );
    let others = drop.flat_map(|drop| {
        let drop = *drop;
        [false, true].into_iter().flat_map(move |flood| {
            let on = On::Routers(RouterSet::RelayingMulticast { flood });
            place_on(on, others(flood, drop))
        })
    });
    let flooded = relays.filter(|row| row.flood).map(|row| row.router);
    let own = group_ports(ports)
        .index_by(|port| port.router)
        .semijoin(&flooded.index_by(|router| *router))
        .flat_map(|port| place(port.router, own_reports(port.mac, port.drop)));
    learned.concat(&others).concat(&own)
}

/// The class of each router that relays.
///
/// Cost: a router costs its own membership.
pub fn members(relaying: &Relation<Relaying>) -> Relation<SetMember> {
    relaying.filter(|row| row.relay).map(|row| SetMember {
        set: On::Routers(RouterSet::RelayingMulticast { flood: row.flood }),
        datapath: row.router,
    })
}

/// A group goes to the ports behind which somebody asked for it. Spaced as the reference has it.
fn group_flow(group: &Group, flood: bool) -> Flow {
    let ip = if group.address.is_ipv4() { "ip4" } else { "ip6" };
    let copy = if flood { format!("clone {{ {} }};", flooded("ip.ttl--; ")) } else { String::new() };
    let actions = format!("{copy}outport = \"{}\"; ip.ttl--; next;", group.name);
    Flow::new(ROUTING, 10500, format!("{ip} && {ip}.dst == {} ", group.name), actions)
}

fn flooded(ttl: &str) -> String {
    format!("outport = \"{}\"; {ttl}next;", Fixed::Static.name())
}

/// Groups that nobody asked for, and reports, where they go to ports that want all.
fn others(flood: bool, drop: DropConfig) -> Vec<Flow> {
    let unregistered = |actions: String| Flow::new(ROUTING, 10450, "ip4.mcast || ip6.mcast", actions);
    if !flood {
        return vec![unregistered(drop.explicit().to_string())];
    }
    // The time to live of a report is always 1.
    let report = |matches: &str| Flow::new(ROUTING, 10460, matches, format!("clone {{ {} }};", flooded("")));
    vec![
        report("igmp"),
        report("mldv1 || mldv2"),
        unregistered(format!("clone {{ {} }};", flooded("ip.ttl--; "))),
    ]
}

/// Reports that the router has sent itself stop here, so that they do not go in circles.
fn own_reports(mac: Mac, drop: DropConfig) -> Vec<Flow> {
    ["igmp", "(mldv1 || mldv2)"]
        .map(|reports| Flow::new(ROUTING, 10550, format!("eth.src == {mac} && {reports}"), drop.explicit()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn what_goes_everywhere_is_copied_with_its_time_to_live_taken_down() {
        let group = Group {
            datapath: Uuid(1),
            router: true,
            address: "ff0e::1".parse().unwrap(),
            name: "ff0e::1".into(),
        };
        assert_eq!(
            lines(&[group_flow(&group, true), group_flow(&group, false)]),
            [
                "lr_in_ip_routing 10500 | ip6 && ip6.dst == ff0e::1  | clone { outport = \"_MC_static\"; ip.ttl--; next; };outport = \"ff0e::1\"; ip.ttl--; next;",
                "lr_in_ip_routing 10500 | ip6 && ip6.dst == ff0e::1  | outport = \"ff0e::1\"; ip.ttl--; next;",
            ]
        );
        assert_eq!(
            lines(&others(true, DropConfig::default())),
            [
                "lr_in_ip_routing 10460 | igmp | clone { outport = \"_MC_static\"; next; };",
                "lr_in_ip_routing 10460 | mldv1 || mldv2 | clone { outport = \"_MC_static\"; next; };",
                "lr_in_ip_routing 10450 | ip4.mcast || ip6.mcast | clone { outport = \"_MC_static\"; ip.ttl--; next; };",
            ]
        );
        assert_eq!(lines(&others(false, DropConfig::default())).len(), 1);
    }

    #[test]
    fn groups_of_a_link_or_a_realm_are_not_routed() {
        let routable = |text: &str| is_routable(text.parse().unwrap());
        assert!(routable("224.0.0.9") && routable("ff05::2") && routable("ff0e::1"));
        assert!(!routable("ff01::1") && !routable("ff02::1") && !routable("ff03::1"));
        assert!(!routable("ff0f::1") && !routable("ff00::1") && !routable("fe05::1"));
    }
}
