//! Addresses that chassis announce with gratuitous ARP on behalf of routers (B22; ovn-nb(5),
//! Logical_Switch_Port options:nat-addresses; ovn-sb(5), Port_Binding `nat_addresses`).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::facing::Facing;
use super::router::{GatewayPort, Gateways};
use super::router_port::RouterPort;
use crate::flow::text::quote;
use crate::lb::attach::Attachment;
use crate::lb::router::reach::{self, Front};
use crate::lb::vip::Family;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::nat::Entries;
use crate::router::nat::outside::Place;
use crate::schema::{Table, nb};
use crate::switch::port::Port;
use crate::value::addresses::Addresses;

/// What a port is to announce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Announcement {
    /// The name of the switch port.
    pub port: Text,
    /// `MAC IP...`, and where that is one port's chassis, which.
    pub addresses: Vec<Text>,
}

/// What is announced, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Announcements {
    /// By port; ports without any have no row.
    pub announcements: Relation<Announcement>,
    /// Options that cannot be followed.
    pub problems: Relation<Problem>,
}

/// The options of a switch port that say what it announces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wanted {
    nat_addresses: Option<Text>,
    no_router_ips: bool,
    no_vips: bool,
}

/// What routers have beside their own addresses, which is announced by ports whose option is `router`.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Translations.
    pub nats: &'a Entries,
    /// Addresses of VIPs.
    pub fronts: &'a Relation<Front>,
    /// Which routers have which load balancers.
    pub balancers: &'a Attachment,
}

/// The announcements of ports that face routers.
///
/// ```text
/// announced(port, list)   :-  options:nat-addresses, a list, on a port that faces a gateway
/// announced(port, nat)    :-  options:nat-addresses `router`, outside addresses of the router: those
///                             with a place of their own one by one, the others together and with the
///                             VIPs of the router
/// announced(port, own)    :-  the router port's own addresses, if it is a gateway port, resides with
///                             the gateway, or is a gateway router's on a switch with a localnet port
/// ```
///
/// Cost: a port costs itself and what faces it.
pub fn announcements(
    facing: &Relation<Facing>,
    rows: &Relation<nb::LogicalSwitchPort>,
    router_ports: &Relation<RouterPort>,
    routers: &Relation<nb::LogicalRouter>,
    beside: Beside<'_>,
) -> Announcements {
    let asked = facing.index_by(|facing| facing.port.row).join(&rows.index_by(Table::uuid), |facing, row| {
        let wanted = Wanted {
            nat_addresses: row.options.get("nat-addresses").cloned(),
            no_router_ips: row.options.get_bool("exclude-router-ips-from-garp", false),
            no_vips: row.options.get_bool("exclude-lb-vips-from-garp", false),
        };
        (facing.clone(), wanted)
    });
    // With several gateways one speaks for the ports that are none.
    let first = router_ports
        .flat_map(|port| Some((port.router, port.gateway_port()?)))
        .least_by(|(router, _)| *router, |(_, gateway)| gateway.port.name.clone());
    let asked = asked.index_by(|(facing, _)| facing.router).join_optional(
        &first.index_by(|(router, _)| *router),
        |(facing, wanted), first| {
            Some((facing.clone(), wanted.clone(), first.map(|(_, gateway)| gateway.clone())))
        },
    );

    let listed = asked.flat_map(|(facing, wanted, first)| {
        Some((facing.port.clone(), listed(facing, wanted, first.as_ref())?))
    });
    let own = asked.flat_map(|(facing, wanted, first)| {
        let own = announces_itself(facing, wanted).then(|| own(facing, first.as_ref()));
        own.map(|text| (facing.port.clone(), text))
    });
    let translated = translated(
        &asked.filter(|(facing, wanted, _)| of_router(facing, wanted.nat_addresses.as_deref())),
        beside,
    );
    let all = rows.builder().union(&[listed, own, translated]);
    let announcements = all.index_by(|(port, _)| port.row).reduce(|group| {
        let mut addresses: Vec<Text> = group.rows().map(|(_, text)| text.clone()).collect();
        addresses.sort();
        Some(Announcement { port: group.any().0.name.clone(), addresses })
    });

    let unread = asked.filter(|(facing, wanted, _)| {
        let list = wanted.nat_addresses.as_deref().filter(|_| faces_gateway(facing));
        list.is_some_and(|list| list != "router" && Addresses::read(list).is_none())
    });
    let unread = unread.map(|_| Problem::new("Error extracting nat-addresses."));
    let names = routers.map(|row| (row.uuid, row.name.clone()));
    let undecided = asked
        .filter(|(facing, wanted, _)| {
            !wanted.no_router_ips
                && facing.resides
                && facing.gateway.is_none()
                && facing.gateways == Gateways::Several
        })
        .index_by(|(facing, _, _)| facing.router)
        .join(&names.index_by(|(router, _)| *router), |(facing, _, _), (_, name)| {
            let port = &facing.router_port.name;
            Problem::new(format!(
                "\"reside-on-redirect-chassis\" is set on logical router port {port}, which is on \
                 logical router {name}, which has several distributed gateway ports. This option can \
                 only be used when there is a single distributed gateway port."
            ))
        });
    Announcements { announcements, problems: unread.concat(&undecided) }
}

/// A switch port, and what of its router it announces.
type Asked = (Facing, Wanted, Option<GatewayPort>);

/// Where an address stands among those that are announced together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Rank {
    Translation(Uuid),
    Vip(Family),
}

/// What ports announce of the addresses that their routers translate and balance.
///
/// Cost: an address costs the text of all that its router has at the gateway, for each such port.
fn translated(asked: &Relation<Asked>, beside: Beside<'_>) -> Relation<(Port, Text)> {
    let announced = asked.index_by(|(facing, ..): &Asked| facing.router).join_flat(
        &beside.nats.outsides.index_by(|outside| outside.router),
        |(facing, ..), outside| {
            let nets = &facing.addresses.given.ip4;
            let here = outside.by.reaches(outside.address, facing.router_port.row, nets);
            here.then(|| (facing.clone(), outside.clone()))
        },
    );
    let placed = announced.flat_map(|(facing, outside)| {
        let Place { mac, logical_port } = outside.place.as_ref()?;
        let text = format!("{mac} {} is_chassis_resident(\"{logical_port}\")", outside.text);
        Some((facing.port.clone(), Text::from(text)))
    });
    let central = announced.flat_map(|(facing, outside)| {
        let own = facing.addresses.given.ips4().any(|address| *address.to_string() == *outside.text);
        let central = outside.place.is_none() && !own;
        central.then(|| (facing.clone(), Rank::Translation(outside.row), outside.text.clone()))
    });
    let wanting = asked.filter(|(_, wanted, _)| !wanted.no_vips).map(|(facing, ..)| facing.clone());
    let routers = wanting.map(|facing| facing.router).distinct();
    let vips = reach::announced(beside.fronts, beside.balancers, &routers);
    let balanced =
        wanting.index_by(|facing| facing.router).join(&vips.index_by(|vip| vip.router), |facing, vip| {
            // ovn-northd takes any variable for one of IPv6 here.
            let ip4 = vip.address.is_some_and(|address| address.is_ipv4());
            let family = if ip4 { Family::Ip4 } else { Family::Ip6 };
            (facing.clone(), Rank::Vip(family), vip.text.clone())
        });
    let together = central.concat(&balanced).index_by(|(facing, ..)| facing.port.row).reduce(|group| {
        let facing = &group.any().0;
        let mut rows: Vec<(Rank, &Text)> = group.rows().map(|(_, rank, text)| (*rank, text)).collect();
        rows.sort_unstable();
        let mut text = facing.addresses.given.mac.to_string();
        rows.iter().for_each(|(_, address)| text.push_str(&format!(" {address}")));
        Some((facing.port.clone(), Text::from(text + &resident(facing, None))))
    });
    placed.concat(&together)
}

/// Whether what the router translates and balances is announced at all: options:nat-addresses is
/// `router`, and the router has a place of its own.
pub fn of_router(facing: &Facing, nat_addresses: Option<&str>) -> bool {
    nat_addresses == Some("router") && faces_gateway(facing)
}

fn faces_gateway(facing: &Facing) -> bool {
    facing.chassis.is_some() || facing.gateways.any()
}

/// The list that the CMS wrote itself.
fn listed(facing: &Facing, wanted: &Wanted, first: Option<&GatewayPort>) -> Option<Text> {
    let list = wanted.nat_addresses.as_deref().filter(|list| *list != "router" && faces_gateway(facing))?;
    Addresses::read(list)?;
    Some(format!("{list}{}", resident(facing, first)).into())
}

/// The addresses of the router port.
fn own(facing: &Facing, first: Option<&GatewayPort>) -> Text {
    let mut text = facing.addresses.given.mac.to_string();
    for net in &facing.addresses.given.ip4 {
        text.push_str(&format!(" {}", net.address));
    }
    (text + &resident(facing, first)).into()
}

fn announces_itself(facing: &Facing, wanted: &Wanted) -> bool {
    if wanted.no_router_ips {
        return false;
    }
    match &facing.gateways {
        Gateways::None => facing.chassis.is_some() && facing.localnet,
        gateways => facing.gateway.is_some() || (facing.resides && gateways.only().is_some()),
    }
}

/// Where the announcement is made: on the chassis of the gateway.
fn resident(facing: &Facing, first: Option<&GatewayPort>) -> String {
    let gateway = facing.gateway.as_ref().or(first.map(|gateway| &gateway.redirect));
    gateway.map_or_else(String::new, |name| format!(" is_chassis_resident({})", quote(name)))
}
