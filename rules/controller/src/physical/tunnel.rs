//! Tunnels: which one leads to a chassis, what a packet carries in them, and packets that come out of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::build::{Fields, TUNNEL_ID, copy, load, row, set_flag};
use super::port::{Kind, Port};
use crate::inputs::{Local, Southbound};
use crate::local;
use crate::row::{Flow, Row};

const TUNNEL_SOURCE: Field = Field::named("tun_src");
const TUNNEL_SOURCE_6: Field = Field::named("tun_ipv6_src");
const TUNNEL_TARGET: Field = Field::named("tun_dst");
const TUNNEL_TARGET_6: Field = Field::named("tun_ipv6_dst");
/// The first number of multicast groups.
const FIRST_MULTICAST: u32 = 0x8000;
/// The same in the 12 bits that VXLAN has.
const FIRST_MULTICAST_VXLAN: u32 = 0x800;

/// How a tunnel carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Kept {
    /// Geneve: the datapath is the network's number, and a field has both ports.
    Geneve(Field),
    /// VXLAN: the network's number is made of the datapath and the output port.
    Vxlan,
}

/// A tunnel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Tunnel {
    pub kept: Kept,
    /// Its port leads to all chassis: where a packet goes is written into it.
    pub ends: Option<Ends>,
    pub ofport: u16,
    pub remote_ip: Text,
    /// The own end, by its number.
    pub encap: u16,
}

/// The ends of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Ends {
    /// It is not the one that the other chassis prefers.
    spare: bool,
    own: IpAddr,
    remote: IpAddr,
}

/// The tunnels from a chassis to another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Ways {
    pub chassis: Uuid,
    pub remote: Uuid,
    /// How many own ends of tunnels the chassis has.
    pub encaps: u16,
    /// By their numbers.
    tunnels: Vec<Tunnel>,
}

impl Ways {
    /// Some tunnel with a port of its own: the first.
    pub fn first(&self) -> Option<&Tunnel> {
        self.tunnels().next()
    }

    /// All tunnels with ports of their own.
    pub fn tunnels(&self) -> impl Iterator<Item = &Tunnel> {
        self.tunnels.iter().filter(|tunnel| tunnel.ends.is_none())
    }

    /// The tunnel for packets to several ports.
    pub fn common(&self) -> Option<&Tunnel> {
        self.tunnels.first()
    }

    /// The tunnel to an end of the other chassis, from an own end; some other if there is none.
    pub fn best(&self, remote_ip: Option<&str>, encap: u16) -> Option<&Tunnel> {
        let from = |tunnel: &&Tunnel| tunnel.encap == encap;
        let to = |tunnel: &&Tunnel| remote_ip.is_none_or(|remote_ip| *tunnel.remote_ip == *remote_ip);
        let fits = self.tunnels.iter().find(|tunnel| from(tunnel) && to(tunnel));
        // Where the ends are written the own one is that of the packet in any case.
        let other = || self.tunnels.iter().find(|tunnel| tunnel.ends.is_some() && from(tunnel));
        fits.or_else(other).or_else(|| self.common())
    }
}

impl Ends {
    /// Writes the ends.
    pub fn write(&self) -> [Action; 2] {
        [(self.own, [TUNNEL_SOURCE, TUNNEL_SOURCE_6]), (self.remote, [TUNNEL_TARGET, TUNNEL_TARGET_6])].map(
            |(address, [four, six])| match address {
                IpAddr::V4(address) => Action::set(four, address.to_bits().into()),
                IpAddr::V6(address) => Action::set(six, address.to_bits()),
            },
        )
    }
}

impl Tunnel {
    fn new(tunnel: &local::Tunnel, option: Option<Field>) -> Option<Tunnel> {
        let kept = Kept::new(&tunnel.kind, option)?;
        let (ofport, encap) = (tunnel.ofport, tunnel.encap);
        Some(Tunnel { ofport, kept, ends: None, remote_ip: tunnel.remote_ip.clone(), encap })
    }

    /// Writes what a packet to a port or group of a datapath carries, and where it goes if that is not settled.
    pub fn write(&self, datapath: u32, port: u32, ramp: bool) -> Vec<Action> {
        let mut actions = self.kept.write_for(datapath, port, ramp);
        actions.extend(self.ends.iter().flat_map(Ends::write));
        actions
    }

    /// How many bytes a packet gains in it.
    pub fn overhead(&self) -> u16 {
        let header = match self.kept {
            Kept::Geneve(_) => 38,
            Kept::Vxlan => 30,
        };
        header + if self.remote_ip.contains(':') { 40 } else { 20 }
    }
}

impl Kept {
    fn new(kind: &str, option: Option<Field>) -> Option<Kept> {
        match kind {
            "geneve" => Some(Kept::Geneve(option?)),
            "vxlan" => Some(Kept::Vxlan),
            _ => None,
        }
    }

    /// Writes what a packet to a port or group of a datapath carries.
    pub fn write(self, datapath: u32, port: u32) -> Vec<Action> {
        match self {
            Kept::Geneve(option) => vec![
                load(TUNNEL_ID, 0, 24, datapath),
                load(option, 0, 32, port),
                copy(register::INPORT, 0, option, 16, 15),
            ],
            Kept::Vxlan => {
                let port = match port {
                    FIRST_MULTICAST.. => FIRST_MULTICAST_VXLAN | port & (FIRST_MULTICAST_VXLAN - 1),
                    port => port,
                };
                vec![load(TUNNEL_ID, 0, 24, datapath | port << 12)]
            }
        }
    }

    /// Writes what a packet to a gateway carries that knows no logical ports.
    pub fn write_for(self, datapath: u32, port: u32, ramp: bool) -> Vec<Action> {
        match self {
            Kept::Vxlan if ramp => vec![load(TUNNEL_ID, 0, 24, datapath)],
            kept => kept.write(datapath, port),
        }
    }

    /// Reads what a packet carries.
    pub fn read(self, ofport: u16) -> Vec<Action> {
        match self {
            Kept::Geneve(option) => vec![
                copy(TUNNEL_ID, 0, Field::METADATA, 0, 24),
                copy(option, 16, register::INPORT, 0, 15),
                copy(option, 0, register::OUTPORT, 0, 16),
                load(register::TUNNEL, 16, 16, ofport),
            ],
            Kept::Vxlan => vec![
                copy(TUNNEL_ID, 12, register::OUTPORT, 0, 12),
                copy(TUNNEL_ID, 0, Field::METADATA, 0, 12),
            ],
        }
    }
}

/// The field with the option of Geneve.
fn option_field(option: Option<&local::TunnelOption>) -> Option<Field> {
    Field::find(&format!("tun_metadata{}", option.map_or(0, |option| option.field)))
}

/// The tunnels with ports of their own, as they are used: (chassis, remote chassis, tunnel).
fn tunnels(local: &Local) -> Relation<(Uuid, Uuid, Tunnel)> {
    let options = local.tunnel_option.index_by(|option| option.chassis);
    local.tunnel.index_by(|tunnel| tunnel.chassis).join_optional(&options, |tunnel, option| {
        Tunnel::new(tunnel, option_field(option)).map(|kept| (tunnel.chassis, tunnel.remote, kept))
    })
}

/// The ports that lead to all chassis: (chassis, OpenFlow port, what packets carry).
fn shared(local: &Local) -> Relation<(Uuid, u16, Kept)> {
    let options = local.tunnel_option.index_by(|option| option.chassis);
    local.shared_tunnel.index_by(|tunnel| tunnel.chassis).join_optional(&options, |tunnel, option| {
        Kept::new(&tunnel.kind, option_field(option)).map(|kept| (tunnel.chassis, tunnel.ofport, kept))
    })
}

/// An end of tunnels: (its chassis, type, address, whether packets go there if nothing else is said).
type End = (Uuid, Text, Text, bool);

/// The ends of the tunnels of all chassis, each by its identifier.
fn ends(sb: &Southbound) -> Relation<(Uuid, End)> {
    let chassis = sb.chassis.map(|chassis| (chassis.uuid, chassis.name.clone()));
    sb.encap.index_by(|encap| encap.chassis_name.clone()).join(
        &chassis.index_by(|(_, name)| name.clone()),
        |encap, (chassis, _)| {
            let preferred = encap.options.get_bool("default-encap-ip", false);
            (encap.uuid, (*chassis, encap.type_.clone(), encap.ip.clone(), preferred))
        },
    )
}

/// The tunnels through ports that lead to all chassis.
///
/// Cost: an end of tunnels costs the chassis that have such ports.
fn shared_ways(sb: &Southbound, local: &Local) -> Relation<Arc<Ways>> {
    let own = shared(local)
        .index_by(|(chassis, ..)| *chassis)
        .join(&local.chassis.index_by(|chassis| chassis.chassis), |(_, ofport, kept), chassis| {
            (chassis.clone(), *ofport, *kept)
        });
    let kind = |kept: Kept| Text::from(if matches!(kept, Kept::Geneve(_)) { "geneve" } else { "vxlan" });
    own.index_by(move |(.., kept)| kind(*kept))
        .join_flat(
            &ends(sb).index_by(|(_, (_, kind, ..))| kind.clone()),
            |(own, ofport, kept), (uuid, end)| {
                (own.chassis != end.0).then(|| (own.clone(), *ofport, *kept, *uuid, end.clone()))
            },
        )
        .index_by(|(own, .., (remote, ..))| (own.chassis, *remote))
        .reduce(|group| {
            // Geneve before VXLAN; of the ends the preferred one first, else that of the least identifier.
            let kept = group.rows().map(|(_, _, kept, ..)| *kept).min()?;
            let found = group.rows().filter(|(_, _, known, ..)| *known == kept);
            let by_rank: BTreeMap<_, _> = found.map(|row| ((!row.4.3, row.3), (row.1, &row.4.2))).collect();
            let (own, .., (remote, ..)) = group.any();
            let ends = by_rank.values().enumerate().flat_map(|(rank, (ofport, remote_ip))| {
                own.encap_ips.iter().enumerate().filter_map(move |(encap, own_ip)| {
                    let ends =
                        Ends { spare: rank > 0, own: own_ip.parse().ok()?, remote: remote_ip.parse().ok()? };
                    let (encap, remote_ip) = (u16::try_from(encap).ok()?, Text::clone(remote_ip));
                    Some(Tunnel { kept, ends: Some(ends), ofport: *ofport, remote_ip, encap })
                })
            });
            let mut tunnels: Vec<Tunnel> = ends.collect();
            tunnels.sort_by_key(|tunnel| (tunnel.ends.map(|ends| ends.spare), tunnel.encap));
            let encaps = own.encap_ips.len() as u16;
            Some(Arc::new(Ways { chassis: own.chassis, remote: *remote, encaps, tunnels }))
        })
}

/// From which chassis to which there are tunnels.
///
/// Cost: a tunnel costs those between its two chassis.
pub(super) fn ways(sb: &Southbound, local: &Local) -> Relation<Arc<Ways>> {
    let encaps = local.chassis.map(|chassis| (chassis.chassis, chassis.encap_ips.len() as u16));
    // A chassis has tunnels of one kind or the other.
    let others = tunnels(local)
        .index_by(|(chassis, ..)| *chassis)
        .antijoin(&shared(local).index_by(|(chassis, ..)| *chassis));
    let others = others
        .index_by(|(chassis, ..)| *chassis)
        .join(&encaps.index_by(|(chassis, _)| *chassis), |tunnel, (_, encaps)| (tunnel.clone(), *encaps))
        .index_by(|((chassis, remote, _), _)| (*chassis, *remote))
        .reduce(|group| {
            let ((chassis, remote, _), encaps) = group.any().clone();
            let mut tunnels: Vec<Tunnel> = group.rows().map(|((.., tunnel), _)| tunnel.clone()).collect();
            tunnels.sort();
            Some(Arc::new(Ways { chassis, remote, encaps, tunnels }))
        });
    others.concat(&shared_ways(sb, local))
}

/// Packets that come out of tunnels; those of gateways without logical ports by the port that stands for
/// these.
///
/// Cost: a tunnel costs its rows.
pub(super) fn flows(local: &Local, ports: &Relation<Arc<Port>>) -> Relation<Flow> {
    let tunnels = tunnels(local);
    let coming = tunnels.flat_map(|(chassis, _, tunnel)| {
        let chassis = *chassis;
        rows(tunnel.kept, tunnel.ofport, true).into_iter().map(move |row| Flow { chassis, row })
    });
    let from_anywhere = shared(local).flat_map(|(chassis, ofport, kept)| {
        let chassis = *chassis;
        rows(*kept, *ofport, false).into_iter().map(move |row| Flow { chassis, row })
    });
    let gateways = ports.filter(|port| port.kind == Kind::Vtep && port.chassis.is_some());
    let from_gateways = gateways.index_by(|port| port.chassis).join_flat(
        &tunnels.filter(|(.., tunnel)| tunnel.kept == Kept::Vxlan).index_by(|(_, remote, _)| Some(*remote)),
        |port, (chassis, _, tunnel)| {
            gateway_row(port, tunnel.ofport).map(|row| Flow { chassis: *chassis, row })
        },
    );
    coming.concat(&from_anywhere).concat(&from_gateways)
}

/// Rows for packets from a port; whether those to multicast groups over VXLAN are told from others.
fn rows(kept: Kept, ofport: u16, multicast: bool) -> Vec<Row> {
    let from = || Fields::in_port(ofport);
    let mut actions = kept.read(ofport);
    actions.push(Action::resubmit(table::LOCAL_OUTPUT));
    let mut rows = vec![row(table::PHYSICAL_TO_LOGICAL, 100, from(), Uuid::ZERO, &actions)];
    // That a packet is too large for a path may be said to a port here, or to the datapath that sent it.
    actions.extend([set_flag(Flag::FROM_TUNNEL), Action::resubmit(table::CT_ZONE_LOOKUP)]);
    for fields in [from().icmp(false, 3, 4), from().icmp(true, 2, 0)] {
        rows.push(row(table::PHYSICAL_TO_LOGICAL, 120, fields, Uuid::ZERO, &actions));
    }
    if multicast && kept == Kept::Vxlan {
        // Multicast groups have other numbers in the 12 bits of VXLAN.
        let multicast = u128::from(FIRST_MULTICAST_VXLAN) << 12;
        let actions = [
            load(register::OUTPORT, 15, 1, 1u8),
            copy(TUNNEL_ID, 12, register::OUTPORT, 0, 11),
            copy(TUNNEL_ID, 0, Field::METADATA, 0, 12),
            Action::resubmit(table::LOCAL_OUTPUT),
        ];
        let fields = from().bits(TUNNEL_ID, multicast, multicast);
        rows.push(row(table::PHYSICAL_TO_LOGICAL, 105, fields, Uuid::ZERO, &actions));
    }
    rows.into_iter().flatten().collect()
}

/// Packets of a gateway without logical ports are those of the port that stands for it.
fn gateway_row(port: &Port, ofport: u16) -> Option<Row> {
    let fields = Fields::in_port(ofport).is(TUNNEL_ID, port.datapath_key);
    let actions = [
        copy(TUNNEL_ID, 0, Field::METADATA, 0, 24),
        load(register::INPORT, 0, 15, port.key),
        set_flag(Flag::FROM_RAMP),
        Action::resubmit(table::INGRESS),
    ];
    row(table::PHYSICAL_TO_LOGICAL, 110, fields, port.uuid, &actions)
}

#[cfg(test)]
mod tests {
    use northflow_language::openflow::List;

    use super::*;

    #[test]
    fn what_packets_carry() {
        let option = Field::named("tun_metadata0");
        let geneve = List(&Kept::Geneve(option).write(3, 0x8000)).to_string();
        assert_eq!(
            geneve,
            "set_field:0x3/0xffffff->tun_id,set_field:0x8000/0xffffffff->tun_metadata0,\
             move:NXM_NX_REG14[0..14]->NXM_NX_TUN_METADATA0[16..30]"
        );
        let vxlan = |port, ramp| List(&Kept::Vxlan.write_for(3, port, ramp)).to_string();
        assert_eq!(vxlan(5, false), "set_field:0x5003/0xffffff->tun_id");
        assert_eq!(vxlan(0x8001, false), "set_field:0x801003/0xffffff->tun_id");
        assert_eq!(vxlan(5, true), "set_field:0x3/0xffffff->tun_id");
    }

    #[test]
    fn the_best_tunnel() {
        let tunnel = |ofport, remote_ip: &str, encap| Tunnel {
            ofport,
            kept: Kept::Vxlan,
            ends: None,
            remote_ip: remote_ip.into(),
            encap,
        };
        let tunnels = vec![tunnel(1, "a", 0), tunnel(2, "a", 1), tunnel(3, "b", 1)];
        let ways = Ways { chassis: Uuid(1), remote: Uuid(2), encaps: 2, tunnels };
        let best = |remote_ip, encap| ways.best(remote_ip, encap).map(|tunnel| tunnel.ofport);
        assert_eq!(best(Some("b"), 1), Some(3));
        assert_eq!(best(None, 1), Some(2));
        assert_eq!(best(Some("c"), 1), Some(1));
        let ends =
            Ends { spare: false, own: "10.0.0.1".parse().unwrap(), remote: "fd00::2".parse().unwrap() };
        let shared = Tunnel { ends: Some(ends), ..tunnel(4, "d", 2) };
        let ways = Ways { tunnels: vec![shared.clone()], ..ways };
        assert_eq!((ways.first(), ways.best(Some("c"), 2)), (None, Some(&shared)));
        assert_eq!(
            List(&shared.write(3, 5, false)).to_string(),
            "set_field:0x5003/0xffffff->tun_id,set_field:10.0.0.1->tun_src,set_field:fd00::2->tun_ipv6_dst"
        );
    }
}
