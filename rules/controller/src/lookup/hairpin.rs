//! Load balancing that leads a connection back to where it came from: such connections are recognised, their
//! replies too, and they get another source, so that the backend answers through the load balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use northflow_engine::{Builder, Relation};
use northflow_language::expression::Match;
use northflow_language::openflow::{
    Action, Conntrack, Field, Learn, LearnSpec, Nat, NatKind, NatRange, Subfield, Zone,
};
use northflow_language::register::{AFFINITY_IPV4, AFFINITY_IPV6, AFFINITY_PORT, Flag, SNAT_ZONE};
use northflow_language::table::{CT_SNAT_HAIRPIN, LB_HAIRPIN, LB_HAIRPIN_REPLY};
use northflow_rules::lb::vip::{Endpoint, Family, Vip};
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{MapEntry, seen};
use northflow_rules::value::addresses::scan_ips;
use serde::{Deserialize, Serialize};

use super::{IP4, IP6, OfferOn, address, packet};
use crate::inputs::Southbound;
use crate::locality::{Locality, Reach};
use crate::physical::build::{Fields, row, set_flag};
use crate::row::Row;

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

/// Rows of one VIP: on chassis that have any datapath of the load balancer, and those for one datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wanted {
    owner: Uuid,
    /// In this table and with this priority for each of the load balancer's switches; else as it is.
    each_switch: bool,
    row: Row,
}

/// Rows of load balancers on the chassis that have to do with them.
///
/// Cost: a VIP costs its rows (one, and one for each backend) on the chassis that have the load balancer; a datapath
/// that joins a load balancer those of the chassis that have it.
pub(super) fn offers(program: &Builder, sb: &Southbound, locality: &Locality) -> Relation<OfferOn> {
    let consolidated =
        sb.global.map(|global| global.options.get_bool("register_consolidation", false)).index_by(|_| ());
    let balancers = sb
        .load_balancer
        .index_by(|_| ())
        .join(&consolidated, |row, consolidated| Balancer::new(row, *consolidated));
    let wanted =
        balancers.index_by(|balancer| balancer.uuid).join_flat(&sb.vips.index_by(|entry| entry.row), rows);

    // Where load balancers are: (load balancer, datapath), and which of these are switches.
    let of_group = |group: fn(&seen::LoadBalancer) -> Option<Uuid>| {
        sb.load_balancer
            .flat_map(move |row| group(row).map(|group| (row.uuid, group)))
            .index_by(|(_, group)| *group)
            .join(&sb.dp_group_datapaths.index_by(|link| link.owner), |(uuid, _), link| (*uuid, link.member))
    };
    let direct = sb.load_balancer_datapaths.map(|link| (link.owner, link.member));
    let switches = program
        .union(&[direct, of_group(|row| row.datapath_group), of_group(|row| row.ls_datapath_group)])
        .distinct();
    let all = switches.concat(&of_group(|row| row.lr_datapath_group));
    let chassis = |places: &Relation<(Uuid, Uuid)>| {
        places
            .index_by(|(_, datapath)| *datapath)
            .join(&locality.by_datapath, |(balancer, _), reach| (*balancer, *reach))
    };
    let anywhere = chassis(&all).map(|(balancer, reach)| (*balancer, reach.chassis)).distinct();

    let plain = wanted.filter(|wanted| !wanted.each_switch).index_by(|wanted| wanted.owner).join(
        &anywhere.index_by(|(balancer, _)| *balancer),
        |wanted, (_, chassis)| OfferOn { chassis: *chassis, owner: wanted.owner, row: wanted.row.clone() },
    );
    let keys = sb
        .datapath
        .flat_map(|datapath| Some((datapath.uuid, u32::try_from(datapath.tunnel_key).ok()?)))
        .index_by(|(uuid, _)| *uuid);
    let keyed = chassis(&switches)
        .index_by(|(_, reach): &(Uuid, Reach)| reach.datapath)
        .join(&keys, |(balancer, reach), (_, key)| (*balancer, reach.chassis, *key));
    let each = wanted.filter(|wanted| wanted.each_switch).index_by(|wanted| wanted.owner).join(
        &keyed.index_by(|(balancer, ..)| *balancer),
        |wanted, (_, chassis, key)| {
            let mut fields = Match::clone(&wanted.row.fields);
            fields.set(Field::METADATA, (*key).into(), Field::METADATA.full_mask());
            let row = Row { fields: fields.into(), ..wanted.row.clone() };
            OfferOn { chassis: *chassis, owner: wanted.owner, row }
        },
    );
    plain.concat(&each)
}

fn rows(balancer: &Balancer, entry: &MapEntry) -> Vec<Wanted> {
    let Ok(vip) = Vip::read(&entry.key, &entry.value, None) else { return Vec::new() };
    let Some(front) = vip.front.address else { return Vec::new() };
    let owner = balancer.uuid;
    let mut wanted: Vec<Wanted> = vip
        .backends
        .iter()
        .filter_map(|backend| recognised(balancer, &vip, front, backend, backend.address?))
        .map(|row| Wanted { owner, each_switch: false, row })
        .collect();
    wanted.extend(translated(balancer, &vip, front));
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
fn translated(balancer: &Balancer, vip: &Vip, front: IpAddr) -> Option<Wanted> {
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
    let row = row(CT_SNAT_HAIRPIN, priority, fields, balancer.uuid, &actions)?;
    Some(Wanted { owner: balancer.uuid, each_switch: own.is_some(), row })
}
