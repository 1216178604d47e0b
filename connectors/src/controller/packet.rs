//! The packet that a microflow describes, byte for byte the one that Open vSwitch makes of such fields: headers as far as
//! the fields go, with right lengths and checksums, and 64 bytes of data where a protocol carries some.

use northflow_language::expression::Match;
use northflow_language::openflow::Field;

/// Bytes of data behind the last header.
const DATA: u8 = 64;

/// A tag's bit without which there is no tag.
const VLAN_PRESENT: u16 = 0x1000;

/// Bits of `ip.frag`: a fragment, and not the first one.
const FRAGMENT: u8 = 1;
const LATER_FRAGMENT: u8 = 2;

/// Ethernet types, and the number of Open vSwitch for frames that have a length there.
mod ethernet {
    pub const WITHOUT_TYPE: u16 = 0x5ff;
    pub const IPV4: u16 = 0x800;
    pub const ARP: u16 = 0x806;
    pub const RARP: u16 = 0x8035;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const NSH: u16 = 0x894f;
}

/// Protocols in IP.
mod protocol {
    pub const ICMPV4: u8 = 1;
    pub const IGMP: u8 = 2;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// What a protocol's checksum is taken of besides its own bytes.
#[derive(Clone, Copy)]
enum Coverage {
    /// Nothing.
    Alone,
    /// The addresses, the protocol and the length of what IP carries.
    WithAddresses,
}

/// Values of fields; what a microflow does not say is 0.
struct Fields<'a>(&'a Match);

impl Fields<'_> {
    fn get(&self, name: &str) -> u128 {
        let value = |field| self.0.get(field).map(|constraint| constraint.value);
        Field::find(name).and_then(value).unwrap_or(0)
    }

    fn u8(&self, name: &str) -> u8 {
        self.get(name) as u8
    }

    fn u16(&self, name: &str) -> u16 {
        self.get(name) as u16
    }

    /// The lowest `N` bytes of a value.
    fn bytes<const N: usize>(&self, name: &str) -> [u8; N] {
        let all = self.get(name).to_be_bytes();
        std::array::from_fn(|at| all[all.len() - N + at])
    }

    fn kind_of_service(&self) -> u8 {
        self.u8("ip_dscp") << 2 | self.u8("nw_ecn") & 3
    }
}

/// The packet with these fields.
pub(super) fn compose(fields: &Match) -> Vec<u8> {
    let fields = Fields(fields);
    let mut out = Vec::with_capacity(192);
    out.extend(fields.bytes::<6>("eth_dst"));
    out.extend(fields.bytes::<6>("eth_src"));
    let kind = fields.u16("eth_type");
    if kind == ethernet::WITHOUT_TYPE {
        out.extend([0, 14]);
        return out;
    }
    let tag = fields.u16("vlan_tci");
    if tag & VLAN_PRESENT != 0 {
        put(&mut out, &[ethernet::VLAN, tag & !VLAN_PRESENT]);
    }
    put(&mut out, &[kind]);
    match kind {
        ethernet::IPV4 => ipv4(&fields, &mut out),
        ethernet::IPV6 => ipv6(&fields, &mut out),
        ethernet::ARP | ethernet::RARP => arp(&fields, &mut out),
        // Three labels that are 0.
        ethernet::MPLS | ethernet::MPLS_MULTICAST => out.extend([0; 12]),
        // A header of a length of 2 and, beyond it, room for contexts.
        ethernet::NSH => {
            out.extend([0, 2]);
            out.extend([0; 22]);
        }
        _ => {}
    }
    out
}

fn put(out: &mut Vec<u8>, words: &[u16]) {
    words.iter().for_each(|word| out.extend(word.to_be_bytes()));
}

fn arp(fields: &Fields<'_>, out: &mut Vec<u8>) {
    // Open vSwitch keeps eight bits of the operation.
    let operation = u16::from(fields.u8("arp_op"));
    put(out, &[1, ethernet::IPV4, 0x0604, operation]);
    let known = matches!(operation, 1 | 2);
    let start = out.len();
    out.extend(fields.bytes::<6>("arp_sha"));
    out.extend(fields.bytes::<4>("arp_spa"));
    out.extend(fields.bytes::<6>("arp_tha"));
    out.extend(fields.bytes::<4>("arp_tpa"));
    if !known {
        out[start..].fill(0);
    }
}

fn ipv4(fields: &Fields<'_>, out: &mut Vec<u8>) {
    let (source, destination) = (fields.bytes::<4>("ip_src"), fields.bytes::<4>("ip_dst"));
    let carried = carried(fields, &[source, destination].concat());
    let fragment = match fields.u8("ip_frag") {
        bits if bits & FRAGMENT == 0 => 0,
        bits if bits & LATER_FRAGMENT == 0 => 0x2000,
        _ => 0x2000 | 100,
    };
    let start = out.len();
    out.extend([0x45, fields.kind_of_service()]);
    put(out, &[20 + carried.len() as u16, 0, fragment]);
    out.extend([fields.u8("nw_ttl"), fields.u8("nw_proto"), 0, 0]);
    out.extend(source);
    out.extend(destination);
    let sum = checksum([&out[start..]]);
    out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
    out.extend(carried);
}

fn ipv6(fields: &Fields<'_>, out: &mut Vec<u8>) {
    let (source, destination) = (fields.bytes::<16>("ipv6_src"), fields.bytes::<16>("ipv6_dst"));
    let carried = carried(fields, &[source, destination].concat());
    let label = fields.get("ipv6_label") as u32 & 0xf_ffff;
    out.extend((6 << 28 | u32::from(fields.kind_of_service()) << 20 | label).to_be_bytes());
    put(out, &[carried.len() as u16]);
    out.extend([fields.u8("nw_proto"), fields.u8("nw_ttl")]);
    out.extend(source);
    out.extend(destination);
    out.extend(carried);
}

/// What IP carries, whose addresses are these.
fn carried(fields: &Fields<'_>, addresses: &[u8]) -> Vec<u8> {
    let protocol = fields.u8("nw_proto");
    let mut out = Vec::new();
    if fields.u8("ip_frag") & (FRAGMENT | LATER_FRAGMENT) == FRAGMENT | LATER_FRAGMENT {
        return out;
    }
    // Where the checksum is, and what it covers.
    let (at, coverage) = match protocol {
        protocol::TCP => (tcp(fields, &mut out), Coverage::WithAddresses),
        protocol::UDP => {
            let length = 8 + u16::from(DATA);
            put(&mut out, &[fields.u16("udp_src"), fields.u16("udp_dst"), length, 0]);
            out.extend(0..DATA);
            (6, Coverage::WithAddresses)
        }
        protocol::ICMPV4 => (icmpv4(fields, &mut out), Coverage::Alone),
        protocol::IGMP => {
            out.extend([0; 8]);
            (2, Coverage::Alone)
        }
        protocol::ICMPV6 => (icmpv6(fields, &mut out), Coverage::WithAddresses),
        protocol::SCTP => {
            put(&mut out, &[fields.u16("sctp_src"), fields.u16("sctp_dst")]);
            // Of SCTP there is no checksum.
            out.extend([0; 8]);
            return out;
        }
        _ => return out,
    };
    let length = out.len() as u16;
    let sum = match coverage {
        Coverage::Alone => checksum([&out]),
        Coverage::WithAddresses => {
            let [high, low] = length.to_be_bytes();
            checksum([addresses, &[0, protocol, high, low], &out])
        }
    };
    // In UDP nothing says that there is no checksum.
    let sum = if sum == 0 && protocol == protocol::UDP { 0xffff } else { sum };
    out[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    out
}

fn tcp(fields: &Fields<'_>, out: &mut Vec<u8>) -> usize {
    const OPENS_OR_CLOSES: u16 = 0x007;
    let flags = fields.u16("tcp_flags") & 0xfff;
    put(out, &[fields.u16("tcp_src"), fields.u16("tcp_dst"), 0, 0, 0, 0]);
    put(out, &[5 << 12 | flags, 0, 0, 0]);
    if flags & OPENS_OR_CLOSES == 0 {
        out.extend(0..DATA);
    }
    16
}

fn icmpv4(fields: &Fields<'_>, out: &mut Vec<u8>) -> usize {
    let (kind, code) = (fields.u8("icmp_type"), fields.u8("icmp_code"));
    out.extend([kind, code, 0, 0, 0, 0, 0, 0]);
    let is_echo = matches!(kind, 0 | 8) && code == 0;
    if is_echo {
        out.extend(0..DATA);
    }
    2
}

fn icmpv6(fields: &Fields<'_>, out: &mut Vec<u8>) -> usize {
    let (kind, code) = (fields.u8("icmpv6_type"), fields.u8("icmpv6_code"));
    out.extend([kind, code, 0, 0, 0, 0, 0, 0]);
    match (kind, code) {
        (128 | 129, 0) => out.extend(0..DATA),
        // Neighbour discovery: options with link-layer addresses, of which a packet has those that are not 0.
        (135 | 136, 0) => {
            out.extend(fields.bytes::<16>("nd_target"));
            for (number, address) in [(1, fields.bytes::<6>("nd_sll")), (2, fields.bytes::<6>("nd_tll"))] {
                if address != [0; 6] {
                    out.extend([number, 1]);
                    out.extend(address);
                }
            }
        }
        _ => {}
    }
    2
}

/// The Internet checksum of parts, each of an even length but the last.
fn checksum<'a>(parts: impl IntoIterator<Item = &'a (impl AsRef<[u8]> + ?Sized + 'a)>) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    let sums = parts.into_iter().map(|part| part.as_ref().chunks(2).map(word).sum::<u32>());
    let mut sum: u32 = sums.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use northflow_language::expression::{Sets, microflow};
    use northflow_language::lexer::Number;
    use northflow_language::symbol::SymbolTable;

    use super::*;

    struct NoSets;

    impl Sets for NoSets {
        fn address_set(&self, _: &str) -> Option<&[Number]> {
            None
        }

        fn port_group(&self, _: &str) -> Option<&[Arc<str>]> {
            None
        }
    }

    /// Microflows, and what `ovs-ofctl compose-packet --bare` of 3.7 makes of their fields; DATA is the bytes 0 to 63.
    const PACKETS: &[(&str, &str)] = &[
        ("1", "0000000000000000000000000000"),
        ("eth.type == 0x5ff", "000000000000000000000000000e"),
        (
            "eth.src == 00:00:00:00:00:01 && eth.dst == 00:00:00:00:00:02 && vlan.vid == 5 && \
             vlan.pcp == 1 && ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2 && ip.ttl == 64 && ip.dscp \
             == 3 && ip.ecn == 2 && udp.src == 1 && udp.dst == 2",
            "000000000002000000000001810020050800450e005c00000000401166810a0000010a000002000100020048\
             0755DATA",
        ),
        (
            "ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2 && tcp.src == 80 && tcp.dst == 1024 && \
             tcp.flags == 0x10",
            "000000000000000000000000080045000068000000000006a68e0a0000010a00000200500400000000000000\
             000050100000b33e0000DATA",
        ),
        (
            "ip6.src == fd00::1 && ip6.dst == fd00::2 && tcp.dst == 80 && tcp.flags == 2",
            "00000000000000000000000086dd6000000000140600fd000000000000000000000000000001fd0000000000\
             0000000000000000000200000050000000000000000050020000b58e0000",
        ),
        (
            "ip6.src == fe80::1 && ip6.dst == fe80::2 && ip6.label == 0x12345 && ip.dscp == 1 && \
             nd_ns && nd.target == fe80::2 && nd.sll == 00:00:00:00:00:01",
            "00000000000000000000000086dd6041234500203afffe800000000000000000000000000001fe8000000000\
             0000000000000000000287007c1b00000000fe8000000000000000000000000000020101000000000001",
        ),
        (
            "icmp6.type == 128 && icmp6.code == 0",
            "00000000000000000000000086dd6000000000483a0000000000000000000000000000000000000000000000\
             0000000000000000000080009b7900000000DATA",
        ),
        (
            "icmp6.type == 1 && icmp6.code == 3",
            "00000000000000000000000086dd6000000000083a0000000000000000000000000000000000000000000000\
             000000000000000000000103feba00000000",
        ),
        (
            "arp.op == 1 && arp.spa == 1.2.3.4 && arp.tpa == 1.2.3.5 && arp.sha == 00:00:00:00:00:01 \
             && arp.tha == 00:00:00:00:00:02",
            "000000000000000000000000080600010800060400010000000000010102030400000000000201020305",
        ),
        (
            "rarp.op == 3 && rarp.spa == 1.2.3.4",
            "000000000000000000000000803500010800060400030000000000000000000000000000000000000000",
        ),
        (
            "ip4 && icmp4.type == 8 && ip.frag == 1",
            "00000000000000000000000008004500005c0000200000019aa20000000000000000080013fc00000000DATA",
        ),
        (
            "icmp4.type == 3 && icmp4.code == 4",
            "00000000000000000000000008004500001c000000000001bae200000000000000000304fcfb00000000",
        ),
        (
            "ip4 && udp && ip.frag == 3",
            "0000000000000000000000000800450000140000206400119a760000000000000000",
        ),
        (
            "ip4 && sctp.src == 7 && sctp.dst == 8",
            "000000000000000000000000080045000020000000000084ba5b000000000000000000070008000000000000\
             0000",
        ),
        (
            "ip4 && ip.proto == 2",
            "00000000000000000000000008004500001c000000000002bae100000000000000000000ffff00000000",
        ),
        ("ip4 && ip.proto == 47", "00000000000000000000000008004500001400000000002fbabc0000000000000000"),
        ("eth.type == 0x8847", "0000000000000000000000008847000000000000000000000000"),
        (
            "eth.type == 0x894f",
            "000000000000000000000000894f000200000000000000000000000000000000000000000000",
        ),
        ("eth.type == 0x88cc && eth.dst == 01:80:c2:00:00:0e", "0180c200000e00000000000088cc"),
    ];

    fn packet(text: &str) -> String {
        let fields = microflow(text, &NoSets, &|_| None, &SymbolTable::logical()).unwrap();
        compose(&fields).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn packets_are_those_of_the_reference() {
        let data: String = (0..DATA).map(|byte| format!("{byte:02x}")).collect();
        for (text, wanted) in PACKETS {
            assert_eq!(packet(text), wanted.replace("DATA", &data), "{text}");
        }
    }

    #[test]
    fn a_checksum_of_udp_is_not_zero() {
        // The sum of all else is all ones.
        let text = packet("ip6 && udp.src == 7003");
        assert_eq!(text[2 * 54..2 * 62], *"1b5b00000048ffff");
    }
}
