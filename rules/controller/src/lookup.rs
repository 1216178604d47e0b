//! Tables that actions look things up in: neighbours, learned Ethernet addresses, load balancing that leads back to
//! its origin, port security.

mod fdb;
mod hairpin;
mod neighbor;
mod port_security;

use std::net::IpAddr;

use northflow_engine::{Builder, Relation};
use northflow_language::expression::Match;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use crate::balancer::Balancers;
use crate::inputs::{Local, Southbound};
use crate::locality::Locality;
use crate::row::{Flow, Row};
use crate::shared::Shared;

/// A row that a database row asks for on chassis that have a datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Offer {
    datapath: Uuid,
    owner: Uuid,
    row: Row,
}

/// The same on one chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct OfferOn {
    chassis: Uuid,
    owner: Uuid,
    row: Row,
}

/// What identifies a row in a switch.
type Key = (u8, u16, Shared<Match>);

fn key(row: &Row) -> Key {
    (row.table, row.priority, row.fields.clone())
}

/// The rows of the tables that are looked up.
pub(crate) fn flows(
    program: &Builder,
    sb: &Southbound,
    local: &Local,
    locality: &Locality,
    balancers: &Balancers,
) -> Relation<Flow> {
    let shared = neighbor::offers(sb).concat(&fdb::offers(sb));
    let (hairpin, contested) = hairpin::rows(program, sb, balancers);
    let own = contested.concat(&fdb::behind_localnet(sb, locality));
    let rows = [placed(&shared, locality), hairpin, settled(&own), port_security::flows(sb, local)];
    program.union(&rows)
}

/// Offers on the chassis that have their datapaths. Where several database rows ask for one row, it is of the one
/// with the least identifier.
///
/// Cost: an offer costs the chassis that have its datapath.
fn placed(offers: &Relation<Offer>, locality: &Locality) -> Relation<Flow> {
    let settled = offers.index_by(|offer| (offer.datapath, key(&offer.row))).reduce(|group| {
        let first = group.rows().min_by_key(|offer| offer.owner)?;
        Some((first.datapath, first.row.clone()))
    });
    settled
        .index_by(|(datapath, _)| *datapath)
        .join(&locality.by_datapath, |(_, row), reach| Flow { chassis: reach.chassis, row: row.clone() })
}

/// The same of offers that are on chassis already.
///
/// Cost: an offer costs those for the same row.
fn settled(offers: &Relation<OfferOn>) -> Relation<Flow> {
    offers.index_by(|offer| (offer.chassis, key(&offer.row))).reduce(|group| {
        let first = group.rows().min_by_key(|offer| offer.owner)?;
        Some(Flow { chassis: first.chassis, row: first.row.clone() })
    })
}

/// Fields of packets.
mod packet {
    use northflow_language::openflow::Field;

    pub const ARP_OP: Field = Field::named("arp_op");
    pub const ARP_SHA: Field = Field::named("arp_sha");
    pub const ARP_SPA: Field = Field::named("arp_spa");
    pub const ICMPV6_CODE: Field = Field::named("icmpv6_code");
    pub const ICMPV6_TYPE: Field = Field::named("icmpv6_type");
    pub const ND_SLL: Field = Field::named("nd_sll");
    pub const ND_TARGET: Field = Field::named("nd_target");
    pub const ND_TLL: Field = Field::named("nd_tll");
    pub const NW_TTL: Field = Field::named("nw_ttl");
    pub const SCTP_DST: Field = Field::named("sctp_dst");
    pub const SCTP_SRC: Field = Field::named("sctp_src");
    pub const TCP_DST: Field = Field::named("tcp_dst");
    pub const TCP_SRC: Field = Field::named("tcp_src");
    pub const UDP_DST: Field = Field::named("udp_dst");
    pub const UDP_SRC: Field = Field::named("udp_src");
}

const ARP: u16 = 0x806;
const IP4: u16 = 0x800;
const IP6: u16 = 0x86dd;
const ICMP6: u8 = 58;

/// The number of an address.
fn address(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn ethernet(mac: Mac) -> u128 {
    mac.bits().into()
}
