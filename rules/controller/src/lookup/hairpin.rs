//! Load balancing that leads a connection back to where it came from: such connections are recognised, their
//! replies too, and they get another source, so that the backend answers through the load balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use northflow_engine::{Builder, Group, Index, Relation};
use northflow_language::expression::Match;
use northflow_language::openflow::{
    Action, Conntrack, Field, Learn, LearnSpec, Nat, NatKind, NatRange, Subfield, Zone,
};
use northflow_language::register::{AFFINITY_IPV4, AFFINITY_IPV6, AFFINITY_PORT, Flag, SNAT_ZONE};
use northflow_language::table::{CT_SNAT_HAIRPIN, LB_HAIRPIN, LB_HAIRPIN_REPLY};
use northflow_language::template::variables;
use northflow_rules::lb::vip::{Endpoint, Family, Vip};
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{MapEntry, seen};
use northflow_rules::value::addresses::scan_ips;
use serde::{Deserialize, Serialize};

use super::{IP4, IP6, OfferOn, address, key, packet};
use crate::inputs::Southbound;
use crate::locality::Locality;
use crate::physical::build::{Fields, row, set_flag};
use crate::row::{Flow, Row};
use crate::shared::Shared;
use crate::template::{Use, values};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    fn of(name: Option<&str>) -> Protocol {
        match name {
            Some("udp") => Protocol::Udp,
            Some("sctp") => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }

    fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }

    /// The fields of its ports: source and destination.
    fn ports(self) -> (Field, Field) {
        match self {
            Protocol::Tcp => (packet::TCP_SRC, packet::TCP_DST),
            Protocol::Udp => (packet::UDP_SRC, packet::UDP_DST),
            Protocol::Sctp => (packet::SCTP_SRC, packet::SCTP_DST),
        }
    }
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

/// A VIP and its backends; with template variables it is the version of one chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Service {
    entry: MapEntry,
    only: Option<Uuid>,
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
    locality: &Locality,
) -> (Relation<Flow>, Relation<OfferOn>) {
    let consolidated =
        sb.global.map(|global| global.options.get_bool("register_consolidation", false)).index_by(|_| ());
    let balancers = sb
        .load_balancer
        .index_by(|_| ())
        .join(&consolidated, |row, consolidated| Balancer::new(row, *consolidated));
    let places = places(program, sb, locality);
    let balancers = balancers
        .index_by(|balancer| balancer.uuid)
        .join(&places.of_balancers, |balancer, (_, place)| (balancer.clone(), place.clone()));
    let wanted = balancers.index_by(|(balancer, _)| balancer.uuid).join_flat(
        &services(sb, &places).index_by(|service| service.entry.row),
        |(balancer, place), service| wanted(balancer, place, service),
    );

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

/// A datapath that has a load balancer, or a group of them that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Holder {
    /// The datapath or the group.
    at: Uuid,
    /// Whether these are switches.
    is_switch: bool,
}

/// All that has a load balancer. There are few of these: services of a network are often in the same places.
type Place = Shared<Vec<Holder>>;

/// A switch of a place on a chassis that has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Keyed {
    place: Place,
    chassis: Uuid,
    key: u32,
}

/// Where load balancers are that some chassis has.
struct Places {
    /// The place of each: (load balancer, place).
    of_balancers: Index<Uuid, (Uuid, Place)>,
    /// The chassis that have any datapath of a place.
    chassis: Index<Place, (Place, Uuid)>,
    switches: Relation<Keyed>,
}

/// The places of load balancers.
///
/// Cost: a datapath that joins a group costs the places with the group.
fn places(program: &Builder, sb: &Southbound, locality: &Locality) -> Places {
    let of_group = |group: fn(&seen::LoadBalancer) -> Option<Uuid>, is_switch| {
        sb.load_balancer.flat_map(move |row| group(row).map(|at| (row.uuid, Holder { at, is_switch })))
    };
    let direct =
        sb.load_balancer_datapaths.map(|link| (link.owner, Holder { at: link.member, is_switch: true }));
    let holders = [
        direct,
        of_group(|row| row.datapath_group, true),
        of_group(|row| row.ls_datapath_group, true),
        of_group(|row| row.lr_datapath_group, false),
    ];
    let of_balancers = program.union(&holders).index_by(|(balancer, _)| *balancer).reduce(|group| {
        let mut holders: Vec<Holder> = group.rows().map(|(_, holder)| *holder).collect();
        holders.sort();
        Some((group.any().0, Shared::new(holders)))
    });

    // The datapaths of groups that chassis have, and these by themselves.
    let of_groups = sb
        .dp_group_datapaths
        .index_by(|link| link.member)
        .join(&locality.by_datapath, |link, reach| (link.owner, *reach));
    let reached = of_groups.concat(&locality.reach.map(|reach| (reach.datapath, *reach)));
    let on = of_balancers
        .map(|(_, place)| place.clone())
        .distinct()
        .flat_map(|place: &Place| {
            let place = place.clone();
            let holders = place.to_vec();
            holders.into_iter().map(move |holder| (place.clone(), holder))
        })
        .index_by(|(_, holder)| holder.at)
        .join(&reached.index_by(|(at, _)| *at), |(place, holder), (_, reach)| {
            (place.clone(), holder.is_switch, *reach)
        });
    let chassis = on.map(|(place, _, reach)| (place.clone(), reach.chassis)).distinct();
    let chassis = chassis.index_by(|(place, _)| place.clone());
    let keys = sb
        .datapath
        .flat_map(|datapath| Some((datapath.uuid, u32::try_from(datapath.tunnel_key).ok()?)))
        .index_by(|(uuid, _)| *uuid);
    let switches = on
        .flat_map(|(place, is_switch, reach)| is_switch.then(|| (place.clone(), *reach)))
        .distinct()
        .index_by(|(_, reach)| reach.datapath)
        .join(&keys, |(place, reach), (_, key)| Keyed {
            place: place.clone(),
            chassis: reach.chassis,
            key: *key,
        });
    let of_balancers = of_balancers.index_by(|(_, place)| place.clone()).semijoin(&chassis);
    Places { of_balancers: of_balancers.index_by(|(balancer, _)| *balancer), chassis, switches }
}

/// The VIPs of all chassis, and of each chassis those that have template variables.
///
/// Cost: a variable costs the VIPs with it on its chassis.
fn services(sb: &Southbound, places: &Places) -> Relation<Service> {
    let has_variables =
        |entry: &MapEntry| !(variables(&entry.key).is_empty() && variables(&entry.value).is_empty());
    let uses = sb
        .vips
        .filter(has_variables)
        .index_by(|entry| entry.row)
        .join(&places.of_balancers, |entry, (_, place)| (entry.clone(), place.clone()))
        .index_by(|(_, place)| place.clone())
        .join_flat(&places.chassis, |(entry, _), (_, chassis)| {
            let (by, chassis) = (entry.clone(), *chassis);
            let mut names = variables(&entry.key);
            names.extend(variables(&entry.value));
            names.into_iter().map(move |name| Use { by: by.clone(), chassis, variable: name.into() })
        });
    let own = values(sb, &uses).flat_map(|values| {
        let MapEntry { row, key, value } = &values.of;
        let entry = MapEntry { row: *row, key: values.expand(key)?, value: values.expand(value)? };
        Some(Service { entry, only: Some(values.chassis) })
    });
    let shared = sb.vips.filter(move |entry| !has_variables(entry));
    shared.map(|entry| Service { entry: entry.clone(), only: None }).concat(&own)
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
        let (from, to) = balancer.protocol.ports();
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
