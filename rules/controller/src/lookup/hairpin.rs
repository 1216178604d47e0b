//! Load balancing that leads a connection back to where it came from: such connections are recognised, their
//! replies too, and they get another source, so that the backend answers through the load balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use northflow_engine::{Builder, Group, Relation};
use northflow_language::expression::Match;
use northflow_language::openflow::{
    Action, Conntrack, Field, Learn, LearnSpec, Nat, NatKind, NatRange, Subfield, Zone,
};
use northflow_language::register::{AFFINITY_IPV4, AFFINITY_IPV6, AFFINITY_PORT, Flag, SNAT_ZONE};
use northflow_language::table::{CT_SNAT_HAIRPIN, LB_HAIRPIN, LB_HAIRPIN_REPLY};
use northflow_rules::lb::vip::{Endpoint, Family, Vip};
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::seen;
use northflow_rules::value::addresses::scan_ips;
use serde::{Deserialize, Serialize};

use super::{IP4, IP6, OfferOn, address, key, packet};
use crate::balancer::{Balancers, Keyed, Place, Protocol, Service};
use crate::inputs::Southbound;
use crate::physical::build::{Fields, row, set_flag};
use crate::row::{Flow, Row};
use crate::shared::Shared;

/// The mark of connections that were load balanced.
const NATTED: u8 = 2;
/// The old place of the address that a connection was for.
const OLD_ADDRESS: Field = Field::register(1);

/// What the rows of a VIP depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Balancer {
    uuid: Uuid,
    protocol: Protocol,
    /// Sources instead of VIPs.
    snat4: Option<Ipv4Addr>,
    snat6: Option<Ipv6Addr>,
    /// Where northd leaves the address that a connection was for.
    address: Field,
}

impl Balancer {
    fn new(row: &seen::LoadBalancer, consolidated: bool) -> Balancer {
        let sources = row.options.get("hairpin_snat_ip").map(|text| scan_ips(text.trim_start()));
        let (ip4, ip6) = match &sources {
            Some((ip4, ip6, "")) => (ip4.first(), ip6.first()),
            _ => (None, None),
        };
        Balancer {
            uuid: row.uuid,
            protocol: Protocol::of(row.protocol.as_deref()),
            snat4: ip4.map(|net| net.address),
            snat6: ip6.map(|net| net.address),
            address: if consolidated { AFFINITY_IPV4 } else { OLD_ADDRESS },
        }
    }

    /// The source of connections in place of a VIP of this kind.
    fn snat(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::Ip4 => self.snat4.map(IpAddr::V4),
            Family::Ip6 => self.snat6.map(IpAddr::V6),
        }
    }
}

/// Rows of one VIP: on chassis that have any datapath of the load balancer, and those for one datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wanted {
    owner: Uuid,
    place: Place,
    /// On this chassis alone, whose template variables are in it.
    only: Option<Uuid>,
    /// In this table and with this priority for each of the load balancer's switches; else as it is.
    each_switch: bool,
    row: Row,
}

/// Rows of load balancers on the chassis that have to do with them: those for which there is one load balancer, and
/// offers of the others.
///
/// Cost: a VIP costs its rows (one, and one for each backend) on the chassis that have the load balancer; a datapath
/// that joins a load balancer those of the chassis that have it.
pub(super) fn rows(
    program: &Builder,
    sb: &Southbound,
    Balancers { places, services }: &Balancers,
) -> (Relation<Flow>, Relation<OfferOn>) {
    let consolidated =
        sb.global.map(|global| global.options.get_bool("register_consolidation", false)).index_by(|_| ());
    let balancers = sb
        .load_balancer
        .index_by(|_| ())
        .join(&consolidated, |row, consolidated| Balancer::new(row, *consolidated));
    let balancers = balancers
        .index_by(|balancer| balancer.uuid)
        .join(&places.of_balancers, |balancer, (_, place)| (balancer.clone(), place.clone()));
    let wanted = balancers
        .index_by(|(balancer, _)| balancer.uuid)
        .join_flat(services, |(balancer, place), service| wanted(balancer, place, service));

    // Few rows are asked for by several: only these are looked at on each chassis.
    let plain = wanted.filter(|wanted| !wanted.each_switch).index_by(|wanted| key(&wanted.row));
    let is_alone = |group: &Group<'_, Wanted>| group.count() == 1 && group.any().only.is_none();
    let alone = plain.reduce(move |group| is_alone(&group).then(|| group.any().clone()));
    let flows = alone
        .index_by(|wanted| wanted.place.clone())
        .join(&places.chassis, |wanted, (_, chassis)| Flow { chassis: *chassis, row: wanted.row.clone() });
    let plain = plain.reduce(move |group| match is_alone(&group) {
        true => Vec::new(),
        false => group.rows().cloned().collect(),
    });
    let own = plain.flat_map(|wanted| {
        wanted.only.map(|chassis| OfferOn { chassis, owner: wanted.owner, row: wanted.row.clone() })
    });
    let plain = plain.filter(|wanted| wanted.only.is_none()).index_by(|wanted| wanted.place.clone()).join(
        &places.chassis,
        |wanted, (_, chassis)| OfferOn { chassis: *chassis, owner: wanted.owner, row: wanted.row.clone() },
    );
    let each = wanted.filter(|wanted| wanted.each_switch);
    let own_each = each
        .filter(|wanted| wanted.only.is_some())
        .index_by(|wanted| (wanted.place.clone(), wanted.only))
        .join(&places.switches.index_by(|at| (at.place.clone(), Some(at.chassis))), on_switch);
    let each = each
        .filter(|wanted| wanted.only.is_none())
        .index_by(|wanted| wanted.place.clone())
        .join(&places.switches.index_by(|at| at.place.clone()), on_switch);
    (flows, program.union(&[own, plain, own_each, each]))
}

/// A row for one of the load balancer's switches.
fn on_switch(wanted: &Wanted, at: &Keyed) -> OfferOn {
    let mut fields = Match::clone(&wanted.row.fields);
    fields.set(Field::METADATA, at.key.into(), Field::METADATA.full_mask());
    let row = Row { fields: Shared::new(fields), ..wanted.row.clone() };
    OfferOn { chassis: at.chassis, owner: wanted.owner, row }
}

fn wanted(balancer: &Balancer, place: &Place, service: &Service) -> Vec<Wanted> {
    let Ok(vip) = Vip::read(&service.entry.key, &service.entry.value, None) else { return Vec::new() };
    let Some(front) = vip.front.address else { return Vec::new() };
    let (owner, only) = (balancer.uuid, service.only);
    let mut wanted: Vec<Wanted> = vip
        .backends
        .iter()
        .filter_map(|backend| recognised(balancer, &vip, front, backend, backend.address?))
        .map(|row| Wanted { owner, place: place.clone(), only, each_switch: false, row })
        .collect();
    let (own, row) = (balancer.snat(vip.family), translated(balancer, &vip, front));
    wanted.extend(row.map(|row| Wanted {
        owner,
        place: place.clone(),
        only,
        each_switch: own.is_some(),
        row,
    }));
    wanted
}

/// The type of packets, and the address that a connection was for.
fn was_for(balancer: &Balancer, front: IpAddr) -> Fields {
    let (eth_type, register) = match front {
        IpAddr::V4(_) => (IP4, balancer.address),
        IpAddr::V6(_) => (IP6, AFFINITY_IPV6),
    };
    Fields::default().is(Field::ETH_TYPE, eth_type).is(register, address(front))
}

/// The port that a connection was for.
fn port_was(fields: Fields, port: u16) -> Fields {
    fields.bits(AFFINITY_PORT, port, 0xffff)
}

/// The fields of a protocol's ports: source and destination.
fn ports(protocol: Protocol) -> (Field, Field) {
    match protocol {
        Protocol::Tcp => (packet::TCP_SRC, packet::TCP_DST),
        Protocol::Udp => (packet::UDP_SRC, packet::UDP_DST),
        Protocol::Sctp => (packet::SCTP_SRC, packet::SCTP_DST),
    }
}

/// A packet from a backend that the load balancer has sent to the same one. Its replies are recognised from then on.
fn recognised(balancer: &Balancer, vip: &Vip, front: IpAddr, backend: &Endpoint, ip: IpAddr) -> Option<Row> {
    let (source, destination) = match ip {
        IpAddr::V4(_) => (Field::IP_SRC, Field::IP_DST),
        IpAddr::V6(_) => (Field::IPV6_SRC, Field::IPV6_DST),
    };
    let mut fields = was_for(balancer, front).is(source, address(ip)).is(destination, address(ip)).bits(
        Field::CT_MARK,
        NATTED,
        NATTED.into(),
    );
    let reply_to = balancer.snat(vip.family).unwrap_or(front);
    let flag = Flag::LB_HAIRPIN.bit();
    let mut specs = vec![
        LearnSpec::same(Field::METADATA),
        LearnSpec::equals(Field::ETH_TYPE, if front.is_ipv4() { IP4 } else { IP6 }.into()),
        LearnSpec::same(source),
        LearnSpec::equals(destination, address(reply_to)),
    ];
    if backend.number == 0 {
        specs.push(LearnSpec::same(Field::IP_PROTO));
    } else {
        let (from, to) = ports(balancer.protocol);
        fields = fields.is(Field::IP_PROTO, balancer.protocol.number()).is(to, backend.number);
        fields = port_was(fields, vip.front.number);
        specs.push(LearnSpec::equals(Field::IP_PROTO, balancer.protocol.number().into()));
        specs.push(LearnSpec::copy(to, from));
    }
    specs.push(LearnSpec::load(1, flag));
    let cookie = (balancer.uuid.0 >> 96) as u64;
    let learn = Learn { cookie, delete_learned: true, specs, ..Learn::new(LB_HAIRPIN_REPLY) };
    let actions = [set_flag(Flag::LB_HAIRPIN), Action::Learn(Box::new(learn))];
    row(LB_HAIRPIN, 100, fields, balancer.uuid, &actions)
}

/// The source that such connections get: the VIP, or what the load balancer has for it, which is said for each
/// switch, as another one may have the same VIP.
fn translated(balancer: &Balancer, vip: &Vip, front: IpAddr) -> Option<Row> {
    let mut fields = was_for(balancer, front);
    if vip.front.number != 0 {
        fields = port_was(fields.is(Field::IP_PROTO, balancer.protocol.number()), vip.front.number);
    }
    let own = balancer.snat(vip.family);
    let range = NatRange { first: own.unwrap_or(front), last: None, first_port: 0, last_port: 0 };
    let nat = Nat { range: Some(range), ..Nat::new(NatKind::Source) };
    let commit = Conntrack {
        commit: true,
        force: false,
        zone: Zone::Field(Subfield::new(SNAT_ZONE, 0, 16)),
        table: None,
        helper: 0,
        actions: vec![Action::Nat(nat)],
    };
    let priority = if own.is_some() { 200 } else { 100 } - if vip.front.number == 0 { 10 } else { 0 };
    let actions = [Action::Conntrack(Box::new(commit))];
    row(CT_SNAT_HAIRPIN, priority, fields, balancer.uuid, &actions)
}
