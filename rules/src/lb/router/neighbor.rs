//! For which VIPs routers answer ARP and neighbour solicitations (H20, H22; ovn-nb(5), Load_Balancer
//! options:neighbor_responder).
//!
//! ```text
//! answered(router, vip)  :-  router has the load balancer; it is to answer for all, or the VIP is in a
//!                            network of one of the router's ports
//! set(router, family)    =   the VIPs answered, as an address set `_rtr_lb_<key>_ip4` or `_ip6`
//! ip_input 90            on each port of the router: an answer for the set
//! ls_in_l2_lkup 80       on each switch port before the router: requests for VIPs in the network there
//! ```
//!
//! A VIP finds the routers with its network by the network: the lengths of prefixes are few, so that
//! neither the routers of a group nor the VIPs of a router are gone through.
//!
//! Cost: a VIP costs the lengths of prefixes, and itself for each router that answers; a router port the VIPs
//! in its networks.

use std::net::IpAddr;

use northflow_engine::{Index, Record, Relation};
use serde::{Deserialize, Serialize};

use crate::flow::register::INPORT_ETH_ADDR;
use crate::flow::row::{Placed, place};
use crate::flow::{On, Stage};
use crate::global::address_set::{NamedMember, NamedSet, Origin, Sets};
use crate::lb::attach::{Attachment, Held, Holder, Referred};
use crate::lb::vip::Family;
use crate::lb::{Neighbors as Mode, Service};
use crate::meter::copp::Punt;
use crate::ovsdb::{Text, Uuid};
use crate::router::arp_nd::{arp_reply, nd_reply};
use crate::router::own_address::Shared;
use crate::router::port::PortContext;
use crate::topology::facing::Facing;
use crate::topology::router_port::RouterPort;
use crate::topology::tunnel_key::Assigned;
use crate::value::ip::network;

const FILE: &str = "lb/router/neighbor.rs";

/// The address of a VIP that routers may answer for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Front {
    lb: Uuid,
    /// As it is printed; of a template it may be a variable.
    text: Text,
    address: Option<IpAddr>,
    family: Family,
    mode: Mode,
}

/// A VIP that a router answers for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Answered {
    /// The router.
    pub router: Uuid,
    /// The address as it is printed, or a variable of a template.
    pub text: Text,
    /// The address.
    pub address: Option<IpAddr>,
    /// Its version.
    pub family: Family,
}

/// A network of a router port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Net {
    router: Uuid,
    port: Uuid,
    address: IpAddr,
    length: u8,
}

/// What is made of the VIPs of routers.
#[derive(Clone, Debug)]
pub struct Vips {
    /// Those that routers answer for.
    pub answered: Relation<Answered>,
    /// Own and outside addresses of routers that are VIPs there, whether these are answered for or not.
    pub shared: Relation<Shared>,
    nets: Relation<Net>,
}

/// Finds the VIPs. `addresses` are those that routers have or translate to, as they are printed.
pub fn vips(
    services: &Relation<Service>,
    routers: &Attachment,
    ports: &Relation<RouterPort>,
    addresses: &Relation<(Uuid, Text)>,
) -> Vips {
    let fronts = services.map(|service| Front {
        lb: service.lb.row,
        text: service.vip.front.ip.clone(),
        address: service.vip.front.address,
        // ovn-northd takes whatever a template has for an address of IPv6 here.
        family: service.vip.front.address.map_or(Family::Ip6, |_| service.vip.family),
        mode: service.lb.neighbors,
    });
    let fronts = fronts.distinct();
    let nets = ports.flat_map(|port| {
        let of = |address, length| Net { router: port.router, port: port.port.row, address, length };
        let ip4 = port.addresses.given.ip4.iter().map(|net| of(net.network().into(), net.length));
        let ip6 = port.addresses.ip6().map(|net| of(net.network().into(), net.length));
        ip4.chain(ip6).collect::<Vec<_>>()
    });
    let held = routers.held.index_by(|held| held.lb);
    let referred = routers.referred.index_by(|referred| (referred.holder, referred.datapath));

    let all = fronts
        .filter(|front| front.mode == Mode::All)
        .index_by(|front| front.lb)
        .join(&held, |front, held| (held.holder, front.clone()))
        .index_by(|(holder, _): &(Holder, Front)| *holder)
        .join(&routers.referred.index_by(|referred| referred.holder), |(_, front), referred| {
            answer(referred.datapath, front)
        });
    let reachable = fronts.filter(|front| front.mode == Mode::Reachable);
    let near = in_networks(&reachable, |front| (None, front.address), &nets, |_| None);
    let near = having(&near.map(|(front, net)| (front.lb, answer(net.router, front))), &held, &referred);

    let own = ports.flat_map(|port| {
        let ip4 = port.addresses.given.ips4().map(|ip| (port.router, Text::from(ip.to_string())));
        let ip6 = port.addresses.ip6().map(|net| net.address);
        let ip6 = ip6.map(|ip| (port.router, Text::from(crate::value::ip::text6(ip))));
        ip4.chain(ip6).collect::<Vec<_>>()
    });
    let known = fronts.filter(|front| front.address.is_some());
    let shared = own
        .concat(addresses)
        .distinct()
        .index_by(|(_, address)| address.clone())
        .join(&known.index_by(|front| front.text.clone()), |(router, _), front| {
            (front.lb, answer(*router, front))
        });
    let shared = having(&shared, &held, &referred)
        .map(|answered| Shared { router: answered.router, address: answered.text.clone() });
    Vips { answered: all.concat(&near).distinct(), shared: shared.distinct(), nets }
}

fn answer(router: Uuid, front: &Front) -> Answered {
    let Front { text, address, family, .. } = front.clone();
    Answered { router, text, address, family }
}

/// Pairs of what has an address and a network that it is in, of the same router where both name one.
fn in_networks<T: Record + Clone>(
    rows: &Relation<T>,
    place: fn(&T) -> (Option<Uuid>, Option<IpAddr>),
    nets: &Relation<Net>,
    router: fn(&Net) -> Option<Uuid>,
) -> Relation<(T, Net)> {
    let lengths = nets.map(|net| (net.address.is_ipv4(), net.length)).distinct();
    rows.index_by(move |row| place(row).1.map(|address| address.is_ipv4()))
        .join_flat(&lengths.index_by(|(ip4, _)| Some(*ip4)), move |row, (_, length)| {
            let (router, address) = place(row);
            Some((router, network(address?, *length), *length, row.clone()))
        })
        .index_by(|(router, network, length, _): &(Option<Uuid>, IpAddr, u8, T)| (*router, *network, *length))
        .join(&nets.index_by(move |net| (router(net), net.address, net.length)), |(.., row), net| {
            (row.clone(), net.clone())
        })
}

/// Of VIPs and routers, those that belong together.
fn having(
    pairs: &Relation<(Uuid, Answered)>,
    held: &Index<Uuid, Held>,
    referred: &Index<(Holder, Uuid), Referred>,
) -> Relation<Answered> {
    pairs
        .index_by(|(lb, _)| *lb)
        .join(held, |(_, answered), held| (held.holder, answered.clone()))
        .index_by(|(holder, answered): &(Holder, Answered)| (*holder, answered.router))
        .semijoin(referred)
        .map(|(_, answered)| answered.clone())
}

/// The name of the set of a router.
fn set_name(key: i64, family: Family) -> Text {
    format!("_rtr_lb_{key}_{}", family.name()).into()
}

/// The address sets; `keys` are those of datapaths.
///
/// Cost: a VIP costs itself, and its router's set if it is the first there.
pub fn sets(vips: &Vips, keys: &Relation<Assigned>) -> Sets {
    let members = vips.answered.index_by(|answered| answered.router).join(
        &keys.index_by(Assigned::owner),
        |answered, assigned| NamedMember {
            set: NamedSet { name: set_name(i64::from(assigned.key), answered.family), origin: Origin::Flows },
            address: answered.text.clone(),
        },
    );
    Sets { sets: members.map(|member| member.set.clone()).distinct(), members }
}

/// The answers of all ports of routers.
///
/// Cost: a port costs its own flows; a VIP nothing, unless it is the first or last of its router.
pub fn answers(vips: &Vips, keys: &Relation<Assigned>, ports: &Relation<PortContext>) -> Relation<Placed> {
    let families = vips.answered.map(|answered| (answered.router, answered.family)).distinct();
    let families = families
        .index_by(|(router, _)| *router)
        .join(&keys.index_by(Assigned::owner), |(router, family), assigned| {
            (*router, *family, i64::from(assigned.key))
        });
    ports.index_by(|port| port.config.router.row).join(
        &families.index_by(|(router, ..): &(Uuid, Family, i64)| *router),
        |port, (router, family, key)| {
            let (asks, reply) = match family {
                Family::Ip4 => ("arp.op == 1 && arp.tpa", arp_reply(INPORT_ETH_ADDR)),
                Family::Ip6 => ("nd_ns && nd.target", nd_reply("nd_na", INPORT_ETH_ADDR)),
            };
            let mut matches = format!("{} && {asks} == ${}", port.is_inport(), set_name(*key, *family));
            if let Some(redirect) = port.redirect() {
                matches += &format!(" && is_chassis_resident({redirect})");
            }
            let mut flow = crate::flow::Flow::new(Stage::LrInIpInput, 90, matches, reply).written_in(FILE);
            flow.punt = (*family == Family::Ip6).then_some(Punt::NdNa);
            Placed { on: On::Datapath(*router), flow }
        },
    )
}

/// Requests for VIPs, forwarded to the router alone.
///
/// Cost: a VIP costs a few flows for each switch port in whose network it is.
pub fn requests(vips: &Vips, facing: &Relation<Facing>) -> Relation<Placed> {
    let near = in_networks(
        &vips.answered,
        |answered| (Some(answered.router), answered.address),
        &vips.nets,
        |net| Some(net.router),
    );
    let near = near.map(|(answered, net)| (net.port, answered.text.clone(), answered.family)).distinct();
    near.index_by(|(port, ..)| *port).join_flat(
        &facing.index_by(|facing| facing.router_port.row),
        |(_, text, family), facing| {
            let flows = match facing.enabled {
                true => crate::switch::router_arp::requests(facing, text, *family == Family::Ip4),
                false => Vec::new(),
            };
            place(facing.switch, flows)
        },
    )
}
