//! Control plane protection (F02; ovn-nb(5), Copp): a datapath may limit the packets that its flows send
//! to controllers, each kind by a meter of its own.
//!
//! Rules only say what kind of packet a flow sends ([`Flow::punts`](crate::flow::Flow::punts)). Here, in
//! one place, the flow gets the meter of each datapath:
//!
//! ```text
//! meter(datapath, kind, name)  :-  the datapath's Copp row names a Meter that there is
//! part(set, kind, meter)       :-  the datapaths of the set whose meter for kind is meter, or none
//! flow(datapath, meter)        :-  flow(datapath, kind), meter(datapath, kind)
//! flow(part, meter)            :-  flow(set, kind), part(set, kind, meter)
//! ```
//!
//! Cost: a datapath that gets a meter moves from one part of each set to another; flows on sets stay,
//! but for those that are new with a meter's name.

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use crate::flow::On;
use crate::flow::row::{Placed, SetMember};
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;

/// A kind of packet that is sent to controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Punt {
    /// ARP packets that are learned from.
    Arp,
    /// Packets to an address that is asked for by ARP.
    ArpResolve,
    /// DHCPv4 requests.
    Dhcpv4Options,
    /// Relayed DHCPv4 packets.
    Dhcpv4Relay,
    /// DHCPv6 requests.
    Dhcpv6Options,
    /// DNS queries.
    Dns,
    /// Packets to a VIP without backends.
    EmptyLb,
    /// Packets that cause an ICMPv4 error.
    Icmp4Error,
    /// Packets that cause an ICMPv6 error.
    Icmp6Error,
    /// IGMP and MLD packets.
    Igmp,
    /// Neighbour advertisements, received or to be sent.
    NdNa,
    /// Neighbour solicitations that are learned from.
    NdNs,
    /// Packets to an address that is asked for by neighbour solicitation.
    NdNsResolve,
    /// Router solicitations.
    NdRaOptions,
    /// Packets that cause a TCP reset.
    TcpReset,
    /// Packets that an ACL or load balancer rejects.
    Reject,
    /// Answers to probes of services.
    ServiceMonitor,
    /// BFD packets.
    Bfd,
}

impl Punt {
    /// All of them.
    pub const ALL: [Punt; 18] = [
        Punt::Arp,
        Punt::ArpResolve,
        Punt::Dhcpv4Options,
        Punt::Dhcpv4Relay,
        Punt::Dhcpv6Options,
        Punt::Dns,
        Punt::EmptyLb,
        Punt::Icmp4Error,
        Punt::Icmp6Error,
        Punt::Igmp,
        Punt::NdNa,
        Punt::NdNs,
        Punt::NdNsResolve,
        Punt::NdRaOptions,
        Punt::TcpReset,
        Punt::Reject,
        Punt::ServiceMonitor,
        Punt::Bfd,
    ];

    /// Its key in Copp.meters.
    pub fn key(self) -> &'static str {
        match self {
            Punt::Arp => "arp",
            Punt::ArpResolve => "arp-resolve",
            Punt::Dhcpv4Options => "dhcpv4-opts",
            Punt::Dhcpv4Relay => "dhcpv4-relay",
            Punt::Dhcpv6Options => "dhcpv6-opts",
            Punt::Dns => "dns",
            Punt::EmptyLb => "event-elb",
            Punt::Icmp4Error => "icmp4-error",
            Punt::Icmp6Error => "icmp6-error",
            Punt::Igmp => "igmp",
            Punt::NdNa => "nd-na",
            Punt::NdNs => "nd-ns",
            Punt::NdNsResolve => "nd-ns-resolve",
            Punt::NdRaOptions => "nd-ra-opts",
            Punt::TcpReset => "tcp-reset",
            Punt::Reject => "reject",
            Punt::ServiceMonitor => "svc-monitor",
            Punt::Bfd => "bfd",
        }
    }
}

/// The meter of a datapath for one kind of packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DatapathMeter {
    /// The northbound row of the datapath.
    pub datapath: Uuid,
    /// The kind of packet.
    pub punt: Punt,
    /// The name of the meter.
    pub meter: Text,
}

/// The meters of all datapaths. A name counts if there is a meter of that name.
///
/// Cost: a Copp row costs the datapaths that have it; a meter, the Copp rows that name it.
pub fn datapath_meters(
    copp: &Relation<nb::Copp>,
    meters: &Relation<nb::Meter>,
    switches: &Relation<nb::LogicalSwitch>,
    routers: &Relation<nb::LogicalRouter>,
) -> Relation<DatapathMeter> {
    let named = copp.flat_map(|row| {
        let meter = |punt: Punt| Some((row.uuid, punt, row.meters.get(punt.key())?.clone()));
        Punt::ALL.into_iter().filter_map(meter).collect::<Vec<_>>()
    });
    let names = meters.map(|meter| meter.name.clone()).distinct();
    let known =
        named.index_by(|(_, _, meter)| meter.clone()).semijoin(&names.index_by(|name: &Text| name.clone()));
    let datapaths = switches
        .flat_map(|row| Some((row.uuid, row.copp?)))
        .concat(&routers.flat_map(|row| Some((row.uuid, row.copp?))));
    datapaths.index_by(|(_, copp)| *copp).join(
        &known.index_by(|(copp, _, _)| *copp),
        |(datapath, _), (_, punt, meter)| DatapathMeter {
            datapath: *datapath,
            punt: *punt,
            meter: meter.clone(),
        },
    )
}

/// A part of a set of datapaths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Part {
    set: On,
    punt: Punt,
    meter: Option<Text>,
}

impl Part {
    fn on(&self) -> On {
        On::Part(key_hash(self))
    }
}

/// Flows and the sets that they are on.
#[derive(Clone, Debug)]
pub struct Metered {
    /// The flows, those that punt with their meters.
    pub placed: Relation<Placed>,
    /// The datapaths of the sets, parts among them.
    pub members: Relation<SetMember>,
}

/// Gives flows their meters.
pub fn metered(
    placed: &Relation<Placed>,
    members: &Relation<SetMember>,
    meters: &Relation<DatapathMeter>,
) -> Metered {
    let quiet = placed.filter(|placed| placed.flow.punt.is_none());
    let lone = placed.flat_map(|placed| match (placed.on, placed.flow.punt) {
        (On::Datapath(datapath), Some(punt)) => Some((datapath, punt, placed.clone())),
        _ => None,
    });
    let by_meter = meters.index_by(|meter| (meter.datapath, meter.punt));
    let lone = lone.index_by(|(datapath, punt, _)| (*datapath, *punt)).join_optional(
        &by_meter,
        |(_, _, placed), meter| {
            let flow = placed.flow.clone().metered(meter.map(|meter| meter.meter.clone()));
            Some(Placed { on: placed.on, flow })
        },
    );

    let on_sets = placed.flat_map(|placed| match (placed.on, placed.flow.punt) {
        (On::Datapath(_), _) | (_, None) => None,
        (set, Some(punt)) => Some((set, punt, placed.clone())),
    });
    let asked = on_sets.map(|(set, punt, _)| (*set, *punt)).distinct();
    let each = asked
        .index_by(|(set, _)| *set)
        .join(&members.index_by(|member| member.set), |(set, punt), member| (*set, *punt, member.datapath));
    let parts = each.index_by(|(_, punt, datapath)| (*datapath, *punt)).join_optional(
        &by_meter,
        |(set, punt, datapath), meter| {
            let meter = meter.map(|meter| meter.meter.clone());
            Some((Part { set: *set, punt: *punt, meter }, *datapath))
        },
    );
    let part_members = parts.map(|(part, datapath)| SetMember { set: part.on(), datapath: *datapath });
    let parts = parts.map(|(part, _)| part.clone()).distinct();
    let on_parts = on_sets.index_by(|(set, punt, _)| (*set, *punt)).join(
        &parts.index_by(|part| (part.set, part.punt)),
        |(_, _, placed), part| Placed {
            on: part.on(),
            flow: placed.flow.clone().metered(part.meter.clone()),
        },
    );
    let placed = placed.builder().union(&[quiet, lone, on_parts]);
    Metered { placed, members: members.concat(&part_members) }
}
