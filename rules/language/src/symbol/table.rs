//! The symbols of logical flows.

use std::sync::Arc;

use super::{Level, Place, Symbol, SymbolTable, Writable};
use crate::expression::parse;
use crate::openflow::Field;

/// Strings: name and register.
const STRINGS: [(&str, &str); 3] = [("inport", "reg14"), ("outport", "reg15"), ("remote_outport", "reg1")];

/// Fields of any comparison: name, field, prerequisite.
const ORDINAL: [(&str, &str, &str); 37] = [
    ("__inport", "reg14", ""),
    ("__outport", "reg15", ""),
    ("xxreg0", "xxreg0", ""),
    ("xxreg1", "xxreg1", ""),
    ("xreg4", "xreg4", ""),
    ("flags", "reg10", ""),
    ("ct_mark", "ct_mark", ""),
    ("ct_label", "ct_label", ""),
    ("ct_state", "ct_state", ""),
    ("eth.src", "eth_src", ""),
    ("eth.dst", "eth_dst", ""),
    ("vlan.tci", "vlan_tci", ""),
    ("ip4.src", "ip_src", "ip4"),
    ("ip4.dst", "ip_dst", "ip4"),
    ("ip6.src", "ipv6_src", "ip6"),
    ("ip6.dst", "ipv6_dst", "ip6"),
    ("ip6.label", "ipv6_label", "ip6"),
    ("ip.frag", "ip_frag", "ip"),
    ("arp.spa", "arp_spa", "arp"),
    ("arp.sha", "arp_sha", "arp"),
    ("arp.tpa", "arp_tpa", "arp"),
    ("arp.tha", "arp_tha", "arp"),
    ("rarp.spa", "arp_spa", "rarp"),
    ("rarp.sha", "arp_sha", "rarp"),
    ("rarp.tpa", "arp_tpa", "rarp"),
    ("rarp.tha", "arp_tha", "rarp"),
    ("nd.target", "nd_target", "nd"),
    ("nd.sll", "nd_sll", "nd_ns"),
    ("nd.tll", "nd_tll", "nd_na"),
    ("tcp.src", "tcp_src", "tcp"),
    ("tcp.dst", "tcp_dst", "tcp"),
    ("tcp.flags", "tcp_flags", "tcp"),
    ("udp.src", "udp_src", "udp"),
    ("udp.dst", "udp_dst", "udp"),
    ("sctp.src", "sctp_src", "sctp"),
    ("sctp.dst", "sctp_dst", "sctp"),
    ("pkt.mark", "pkt_mark", ""),
];

/// Fields that are equal or not: name, field, prerequisite, whether sets of values are multiplied out.
const NOMINAL: [(&str, &str, &str, bool); 11] = [
    ("eth.type", "eth_type", "", true),
    ("ip.proto", "nw_proto", "ip", true),
    ("ip.dscp", "ip_dscp", "ip", false),
    ("ip.ecn", "nw_ecn", "ip", false),
    ("ip.ttl", "nw_ttl", "ip", false),
    ("icmp4.type", "icmp_type", "icmp4", false),
    ("icmp4.code", "icmp_code", "icmp4", false),
    ("icmp6.type", "icmpv6_type", "icmp6", true),
    ("icmp6.code", "icmpv6_code", "icmp6", true),
    ("arp.op", "arp_op", "arp", false),
    ("rarp.op", "arp_op", "rarp", false),
];

/// Parts of other symbols: name, whole, first bit, bits, prerequisite.
const PARTS: [(&str, &str, u16, u16, &str); 56] = [
    ("xreg0", "xxreg0", 64, 64, ""),
    ("xreg1", "xxreg0", 0, 64, ""),
    ("xreg2", "xxreg1", 64, 64, ""),
    ("xreg3", "xxreg1", 0, 64, ""),
    ("reg0", "xxreg0", 96, 32, ""),
    ("reg1", "xxreg0", 64, 32, ""),
    ("reg2", "xxreg0", 32, 32, ""),
    ("reg3", "xxreg0", 0, 32, ""),
    ("reg4", "xxreg1", 96, 32, ""),
    ("reg5", "xxreg1", 64, 32, ""),
    ("reg6", "xxreg1", 32, 32, ""),
    ("reg7", "xxreg1", 0, 32, ""),
    ("reg8", "xreg4", 32, 32, ""),
    ("reg9", "xreg4", 0, 32, ""),
    ("flags.loopback", "flags", 0, 1, ""),
    ("flags.force_snat_for_dnat", "flags", 2, 1, ""),
    ("flags.force_snat_for_lb", "flags", 3, 1, ""),
    ("flags.skip_snat_for_lb", "flags", 9, 1, ""),
    ("flags.use_snat_zone", "flags", 11, 1, ""),
    ("flags.localnet", "flags", 15, 1, ""),
    ("flags.tunnel_rx", "flags", 16, 1, ""),
    ("flags.icmp_snat", "flags", 17, 1, ""),
    ("flags.from_ctrl", "flags", 19, 1, ""),
    ("flags.unsnat_new", "flags", 20, 1, ""),
    ("flags.unsnat_not_tracked", "flags", 21, 1, ""),
    ("flags.igmp_loopback", "flags", 22, 1, ""),
    ("flags.pkt_sampled", "flags", 23, 1, ""),
    ("flags.network_id", "flags", 28, 4, ""),
    ("ct_mark.blocked", "ct_mark", 0, 1, ""),
    ("ct_mark.natted", "ct_mark", 1, 1, ""),
    ("ct_mark.skip_snat", "ct_mark", 2, 1, ""),
    ("ct_mark.force_snat", "ct_mark", 3, 1, ""),
    ("ct_mark.obs_stage", "ct_mark", 4, 2, ""),
    ("ct_mark.allow_established", "ct_mark", 6, 1, ""),
    ("ct_mark.obs_collector_id", "ct_mark", 16, 8, ""),
    ("ct_mark.ecmp_reply_port", "ct_mark", 16, 16, ""),
    ("ct_label.nf", "ct_label", 7, 1, ""),
    ("ct_label.tun_if", "ct_label", 8, 1, ""),
    ("ct_label.nf_id", "ct_label", 17, 8, ""),
    ("ct_label.ecmp_reply_eth", "ct_label", 32, 48, ""),
    ("ct_label.acl_id", "ct_label", 80, 16, ""),
    ("ct_label.tun_if_id", "ct_label", 80, 16, ""),
    ("ct_label.label", "ct_label", 96, 32, ""),
    ("ct_label.obs_point_id", "ct_label", 96, 32, ""),
    ("ct_label.obs_unused", "ct_label", 0, 96, ""),
    ("ct.new", "ct_state", 0, 1, "ct.trk"),
    ("ct.est", "ct_state", 1, 1, "ct.trk"),
    ("ct.rel", "ct_state", 2, 1, "ct.trk"),
    ("ct.rpl", "ct_state", 3, 1, "ct.trk"),
    ("ct.inv", "ct_state", 4, 1, "ct.trk"),
    ("ct.trk", "ct_state", 5, 1, ""),
    ("ct.snat", "ct_state", 6, 1, "ct.trk"),
    ("ct.dnat", "ct_state", 7, 1, "ct.trk"),
    ("eth.mcast", "eth.dst", 40, 1, ""),
    ("vlan.pcp", "vlan.tci", 13, 3, "vlan.present"),
    ("vlan.vid", "vlan.tci", 0, 12, "vlan.present"),
];

/// Names for expressions.
const PREDICATES: [(&str, &str); 36] = [
    ("from_evpn_vtep", "__inport[31]"),
    ("to_evpn_vtep", "__outport[31]"),
    ("eth.bcast", "eth.dst == ff:ff:ff:ff:ff:ff"),
    ("eth.mcastv6", "eth.dst[32..47] == 0x3333"),
    ("vlan.present", "vlan.tci[12]"),
    ("ip4", "eth.type == 0x800"),
    ("ip6", "eth.type == 0x86dd"),
    ("ip", "ip4 || ip6"),
    ("ip4.src_mcast", "ip4.src[28..31] == 0xe"),
    ("ip4.mcast", "eth.mcast && ip4.dst[28..31] == 0xe"),
    ("icmp4", "ip4 && ip.proto == 1"),
    ("igmp", "ip4.mcast && ip.proto == 2"),
    (
        "ip6.mcast_rsvd",
        "ip6.dst == { ff00::0, ff01::0, ff02::0, ff03::0, ff04::0, ff05::0, ff06::0, ff07::0, \
         ff08::0, ff09::0, ff0a::0, ff0b::0, ff0c::0, ff0d::0, ff0e::0, ff0f::0 }",
    ),
    ("ip6.mcast_all_nodes", "ip6.dst == ff01::1 || ip6.dst == ff02::1"),
    ("ip6.mcast_all_rtrs", "ip6.dst == ff01::2 || ip6.dst == ff02::2 || ip6.dst == ff05::2"),
    ("ip6.mcast_sol_node", "ip6.dst == ff02::1:ff00:0000/104"),
    (
        "ip6.mcast_flood",
        "eth.mcastv6 && (ip6.mcast_rsvd || ip6.mcast_all_nodes || ip6.mcast_all_rtrs || ip6.mcast_sol_node)",
    ),
    ("ip6.mcast", "eth.mcastv6 && ip6.dst[120..127] == 0xff"),
    ("icmp6", "ip6 && ip.proto == 58"),
    ("icmp", "icmp4 || icmp6"),
    ("ip.is_frag", "ip.frag[0]"),
    ("ip.later_frag", "ip.frag[1]"),
    ("ip.first_frag", "ip.is_frag && !ip.later_frag"),
    ("arp", "eth.type == 0x806"),
    ("rarp", "eth.type == 0x8035"),
    ("nd", "icmp6.type == {135, 136} && icmp6.code == 0 && ip.ttl == 255"),
    ("nd_ns", "icmp6.type == 135 && icmp6.code == 0 && ip.ttl == 255"),
    ("nd_ns_mcast", "ip6.mcast && icmp6.type == 135 && icmp6.code == 0 && ip.ttl == 255"),
    ("nd_na", "icmp6.type == 136 && icmp6.code == 0 && ip.ttl == 255"),
    ("nd_rs", "icmp6.type == 133 && icmp6.code == 0 && ip.ttl == 255"),
    ("nd_ra", "icmp6.type == 134 && icmp6.code == 0 && ip.ttl == 255"),
    ("mldv1", "eth.mcastv6 && ip6.src == fe80::/10 && icmp6.type == {130, 131, 132}"),
    ("mldv2", "eth.mcastv6 && ip6.dst == ff02::16 && icmp6.type == 143"),
    ("tcp", "ip.proto == 6"),
    ("udp", "ip.proto == 17"),
    ("sctp", "ip.proto == 132"),
];

/// Protocols of connections: name, ports, what it is.
const CONNECTIONS: [(&str, &str, &str, &str); 3] = [
    ("tcp", "tcp.src", "tcp.dst", "ct.trk && !ct.inv && ct_proto == 6"),
    ("udp", "udp.src", "udp.dst", "ct.trk && !ct.inv && ct_proto == 17"),
    ("sctp", "sctp.src", "sctp.dst", "ct.trk && !ct.inv && ct_proto == 132"),
];

/// What only the controller sees: name and bits.
const NOTES: [(&str, u16); 2] = [("icmp4.frag_mtu", 16), ("icmp6.frag_mtu", 32)];

impl SymbolTable {
    /// The symbols of logical flows.
    pub fn logical() -> SymbolTable {
        let mut table = SymbolTable::default();
        for (name, field) in STRINGS {
            table.add(string(name, Field::named(field)));
        }
        let ordinal =
            ORDINAL.map(|(name, field, prerequisite)| (name, field, prerequisite, Level::Ordinal, false));
        let nominal = NOMINAL
            .map(|(name, field, prerequisite, cross)| (name, field, prerequisite, Level::Nominal, cross));
        for (name, field, prerequisite, level, cross_product) in ordinal.into_iter().chain(nominal) {
            let field = Field::named(field);
            let symbol = Symbol { level, cross_product, prerequisite, ..whole(name, field) };
            table.add(symbol);
        }
        for (name, of, offset, width, prerequisite) in PARTS {
            let Some(parent) = table.find(of).map(Arc::clone) else { continue };
            let writable = parent.writable;
            let place = Place::Part(parent, offset);
            let level = Level::Ordinal;
            table.add(Symbol { name, width, place, prerequisite, level, cross_product: false, writable });
        }
        for (name, expansion) in PREDICATES {
            let level = table.level_of(expansion);
            table.add(Symbol { width: 1, level, ..bare(name, Place::Predicate(expansion)) });
        }
        for (name, width) in NOTES {
            let level = Level::Nominal;
            table.add(Symbol { width, level, writable: Writable::Always, ..bare(name, Place::Note) });
        }
        table
    }
}

impl SymbolTable {
    /// The symbols of the matches of flows with the tag `acl_ct_translation`: protocols and ports are those of
    /// the connection's first packet, which all fragments have.
    pub fn of_connections() -> SymbolTable {
        let mut table = SymbolTable::logical();
        let protocol = Symbol {
            level: Level::Nominal,
            prerequisite: "ct.trk",
            ..whole("ct_proto", Field::named("ct_nw_proto"))
        };
        table.add(protocol);
        for (name, source, destination, expansion) in CONNECTIONS {
            table.add(Symbol { prerequisite: name, ..whole(source, Field::named("ct_tp_src")) });
            table.add(Symbol { prerequisite: name, ..whole(destination, Field::named("ct_tp_dst")) });
            let level = table.level_of(expansion);
            table.add(Symbol { width: 1, level, ..bare(name, Place::Predicate(expansion)) });
        }
        table
    }

    /// How a predicate may be tested; one that is no expression as one that is only ever true.
    fn level_of(&self, expansion: &str) -> Level {
        parse(expansion, self).map_or(Level::Nominal, |expression| expression.level())
    }
}

fn bare(name: &'static str, place: Place) -> Symbol {
    Symbol {
        name,
        width: 0,
        place,
        prerequisite: "",
        level: Level::Boolean,
        cross_product: false,
        writable: Writable::Never,
    }
}

/// A symbol for all of a field.
pub(crate) fn whole(name: &'static str, field: Field) -> Symbol {
    let writable = match field {
        Field::CT_MARK | Field::CT_LABEL => Writable::InCommit,
        field if field.writable() => Writable::Outside,
        _ => Writable::Never,
    };
    Symbol { width: field.bits(), level: Level::Ordinal, writable, ..bare(name, Place::Field(field)) }
}

fn string(name: &'static str, field: Field) -> Symbol {
    Symbol { width: 0, level: Level::Nominal, ..whole(name, field) }
}
