//! Which meters limit what a router hands to controllers (F02; ovn-nb(5), Copp).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;
use crate::topology::router::Router;

/// A kind of packet that routers hand to controllers, as Copp `meters` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// ARP that tells of a neighbour.
    Arp,
    /// Packets whose next hop has to be asked for by ARP.
    ArpResolve,
    /// What a DHCP relay handles.
    Dhcpv4Relay,
    /// What ICMP errors are made of.
    Icmp4Error,
    /// What ICMPv6 errors are made of.
    Icmp6Error,
    /// Solicitations that are answered, and advertisements that tell of a neighbour.
    NdNa,
    /// Solicitations that tell of a neighbour.
    NdNs,
    /// Packets whose next hop has to be solicited.
    NdNsResolve,
    /// What router advertisements are made of.
    NdRaOpts,
    /// What resets of connections are made of.
    TcpReset,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 10] = [
        Protocol::Arp,
        Protocol::ArpResolve,
        Protocol::Dhcpv4Relay,
        Protocol::Icmp4Error,
        Protocol::Icmp6Error,
        Protocol::NdNa,
        Protocol::NdNs,
        Protocol::NdNsResolve,
        Protocol::NdRaOpts,
        Protocol::TcpReset,
    ];

    /// Its key in Copp `meters`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Arp => "arp",
            Protocol::ArpResolve => "arp-resolve",
            Protocol::Dhcpv4Relay => "dhcpv4-relay",
            Protocol::Icmp4Error => "icmp4-error",
            Protocol::Icmp6Error => "icmp6-error",
            Protocol::NdNa => "nd-na",
            Protocol::NdNs => "nd-ns",
            Protocol::NdNsResolve => "nd-ns-resolve",
            Protocol::NdRaOpts => "nd-ra-opts",
            Protocol::TcpReset => "tcp-reset",
        }
    }
}

/// The meters of a router, by kind of packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Meters(Vec<(Protocol, Text)>);

impl Meters {
    /// The meter of `protocol`, if there is one.
    pub fn of(&self, protocol: Protocol) -> Option<Text> {
        self.0.iter().find(|(own, _)| *own == protocol).map(|(_, meter)| meter.clone())
    }
}

/// A router and its meters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterMeters {
    /// The router.
    pub router: Uuid,
    /// Its meters.
    pub meters: Meters,
}

/// The meters of routers that have any. A name counts if there is a meter of that name.
///
/// Cost: a Copp row costs the routers that have it, a meter the Copp rows that name it.
pub fn meters(
    routers: &Relation<Router>,
    copp: &Relation<nb::Copp>,
    meters: &Relation<nb::Meter>,
) -> Relation<RouterMeters> {
    let named = copp.flat_map(|row| {
        let of = |protocol: Protocol| Some((row.uuid, protocol, row.meters.get(protocol.name())?.clone()));
        Protocol::ALL.into_iter().filter_map(of).collect::<Vec<_>>()
    });
    let names = meters.map(|meter| meter.name.clone());
    let of_copp = named
        .index_by(|(_, _, meter): &(Uuid, Protocol, Text)| meter.clone())
        .semijoin(&names.index_by(|name| name.clone()))
        .index_by(|(copp, _, _)| *copp)
        .reduce(|group| {
            let mut meters: Vec<(Protocol, Text)> =
                group.rows().map(|(_, protocol, meter)| (*protocol, meter.clone())).collect();
            meters.sort_unstable();
            Some((group.any().0, Meters(meters)))
        });
    let protected = routers.flat_map(|router| Some((router.row, router.options.copp?)));
    protected
        .index_by(|(_, copp): &(Uuid, Uuid)| *copp)
        .join(&of_copp.index_by(|(copp, _): &(Uuid, Meters)| *copp), |(router, _), (_, meters)| {
            RouterMeters { router: *router, meters: meters.clone() }
        })
}
