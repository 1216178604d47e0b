//! Packet fields and registers as Open vSwitch names, sizes and encodes them (ovs-fields(7)).

mod table;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::address::write_ipv6;
use super::port::Port;
use table::FIELDS;

/// A field of packets, metadata or a register.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub struct Field(u8);

/// What is known of a field.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    bytes: u8,
    bits: u16,
    format: Format,
    writable: bool,
    /// The header of the Nicira extended match, with which extension actions name the field.
    nxm: Option<Header>,
    /// The header of OpenFlow 1.2 and later.
    oxm: Option<Header>,
}

/// A match header without its mask bit and length.
#[derive(Debug)]
struct Header {
    name: &'static str,
    class: u16,
    number: u8,
}

/// How a value of a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A decimal number.
    Decimal,
    /// A hexadecimal number.
    Hexadecimal,
    /// An Ethernet address.
    Ethernet,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A 16-bit port.
    Port,
    /// A 32-bit port.
    PortOxm,
    /// Connection tracking state flags.
    ConntrackState,
    /// Fragment kind.
    Fragment,
    /// TCP flags.
    TcpFlags,
    /// Tunnel flags.
    TunnelFlags,
    /// Packet type: name space and type.
    PacketType,
}

impl Field {
    /// The logical flags of OVN, and scratch for results of lookups.
    pub const REG10: Field = Field::named("reg10");
    /// Logical datapath.
    pub const METADATA: Field = Field::named("metadata");
    /// OpenFlow 1.0 port that a packet came from.
    pub const IN_PORT: Field = Field::named("in_port");
    /// Ethernet source.
    pub const ETH_SRC: Field = Field::named("eth_src");
    /// Ethernet destination.
    pub const ETH_DST: Field = Field::named("eth_dst");
    /// Ethernet type.
    pub const ETH_TYPE: Field = Field::named("eth_type");
    /// IPv4 source.
    pub const IP_SRC: Field = Field::named("ip_src");
    /// IPv4 destination.
    pub const IP_DST: Field = Field::named("ip_dst");
    /// IPv6 source.
    pub const IPV6_SRC: Field = Field::named("ipv6_src");
    /// IPv6 destination.
    pub const IPV6_DST: Field = Field::named("ipv6_dst");
    /// Protocol in IPv4 or IPv6.
    pub const IP_PROTO: Field = Field::named("nw_proto");
    /// VLAN identifier.
    pub const VLAN_VID: Field = Field::named("vlan_vid");
    /// Mark that a connection carries.
    pub const CT_MARK: Field = Field::named("ct_mark");
    /// Label that a connection carries.
    pub const CT_LABEL: Field = Field::named("ct_label");
    /// Registers 0 to 3 as one.
    pub const XXREG0: Field = Field::named("xxreg0");
    /// Registers 4 to 7 as one.
    pub const XXREG1: Field = Field::named("xxreg1");

    /// The field of that name in the table; only for constants, where a wrong name fails the build.
    pub const fn named(name: &str) -> Field {
        let mut index = 0;
        while index < FIELDS.len() {
            if same(FIELDS[index].name.as_bytes(), name.as_bytes()) {
                return Field(index as u8);
            }
            index += 1;
        }
        panic!("no such field")
    }

    /// The 32-bit register of a number below 16.
    pub const fn register(number: u8) -> Field {
        assert!(number < 16, "there are 16 registers");
        Field(Field::named("reg0").0 + number)
    }

    /// The field that ovs-fields(7) names so, as in a match or after `->`.
    pub fn find(name: &str) -> Option<Field> {
        FIELDS.iter().position(|field| field.name == name).map(|index| Field(index as u8))
    }

    /// The field of that name or of one of the older names that Open vSwitch still takes.
    pub fn find_any(name: &str) -> Option<Field> {
        Field::find(match name {
            "dl_src" => "eth_src",
            "dl_dst" => "eth_dst",
            "dl_type" => "eth_type",
            "nw_src" => "ip_src",
            "nw_dst" => "ip_dst",
            "ip_proto" => "nw_proto",
            "ip_ecn" => "nw_ecn",
            "nw_frag" => "ip_frag",
            "tp_src" => "tcp_src",
            "tp_dst" => "tcp_dst",
            "tunnel_id" => "tun_id",
            name => name,
        })
    }

    /// The field that a match header names; either kind of header will do. Mask bit and length are ignored.
    pub fn from_header(header: u32) -> Option<Field> {
        let class = (header >> 16) as u16;
        let number = (header >> 9 & 0x7f) as u8;
        let is =
            |known: &Option<Header>| known.as_ref().is_some_and(|h| (h.class, h.number) == (class, number));
        FIELDS.iter().position(|field| is(&field.nxm) || is(&field.oxm)).map(|index| Field(index as u8))
    }

    fn definition(self) -> &'static Definition {
        &FIELDS[usize::from(self.0)]
    }

    /// Its name in matches and after `->`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Its name in subfields, such as `NXM_NX_REG0` and `OXM_OF_METADATA`.
    pub fn header_name(self) -> &'static str {
        let definition = self.definition();
        definition.nxm.as_ref().or(definition.oxm.as_ref()).map_or(definition.name, |header| header.name)
    }

    /// Bits of its value.
    pub fn bits(self) -> u16 {
        self.definition().bits
    }

    /// Bytes of its value on the wire.
    pub fn bytes(self) -> u8 {
        self.definition().bytes
    }

    /// How its values are written.
    pub fn format(self) -> Format {
        self.definition().format
    }

    /// The first of the 32-bit registers that a wide register consists of, high bits first, and how many.
    pub fn registers(self) -> Option<(u8, u8)> {
        let number = |prefix| self.name().strip_prefix(prefix)?.parse::<u8>().ok();
        match (number("xxreg"), number("xreg")) {
            (Some(wide), _) => Some((wide * 4, 4)),
            (_, Some(wide)) => Some((wide * 2, 2)),
            _ => None,
        }
    }

    /// Whether actions may write it.
    pub fn writable(self) -> bool {
        self.definition().writable
    }

    /// Whether a match may look at a part of its bits (ovs-fields(7), "Masking").
    pub fn maskable(self) -> bool {
        const WHOLE: [&str; 17] = [
            "arp_op",
            "conj_id",
            "ct_nw_proto",
            "ct_zone",
            "eth_type",
            "icmp_code",
            "icmp_type",
            "icmpv6_code",
            "icmpv6_type",
            "in_port",
            "in_port_oxm",
            "ip_dscp",
            "nw_ecn",
            "nw_proto",
            "nw_tos",
            "nw_ttl",
            "recirc_id",
        ];
        !WHOLE.contains(&self.name())
    }

    /// Whether its length on the wire follows from a table that the switch holds.
    pub fn is_variable(self) -> bool {
        self.bytes() > 16
    }

    /// All bits of the bytes of a value: the mask of a value that is set whole. Values of longer fields
    /// are held in their low 128 bits.
    pub fn full_mask(self) -> u128 {
        match self.bytes() {
            bytes @ 0..16 => (1 << (8 * u32::from(bytes))) - 1,
            _ => u128::MAX,
        }
    }

    /// The header by which standard actions name it: the newer, if it has one.
    pub fn standard_header(self) -> u32 {
        let definition = self.definition();
        self.header(definition.oxm.as_ref().or(definition.nxm.as_ref()))
    }

    /// The header by which extension actions name it: the older, if it has one.
    pub fn extension_header(self) -> u32 {
        let definition = self.definition();
        self.header(definition.nxm.as_ref().or(definition.oxm.as_ref()))
    }

    fn header(self, header: Option<&Header>) -> u32 {
        header.map_or(0, |header| {
            u32::from(header.class) << 16 | u32::from(header.number) << 9 | u32::from(self.bytes())
        })
    }

    /// Writes a value, and its mask unless that is [`Field::full_mask`], as in `set_field:` and matches.
    pub fn write_value(self, out: &mut impl fmt::Write, value: u128, mask: u128) -> fmt::Result {
        if mask == 0 {
            return out.write_str("ANY");
        }
        let masked = mask != self.full_mask() || self.is_variable();
        match self.format() {
            Format::Port if !masked => write!(out, "{}", Port(value as u16)),
            Format::PortOxm if !masked => match Port::from_wire(value as u32) {
                Some(port) => write!(out, "{port}"),
                None => write!(out, "{value}"),
            },
            Format::Hexadecimal => {
                write_hexadecimal(out, value)?;
                if masked { write_mask(out, mask) } else { Ok(()) }
            }
            Format::Decimal | Format::Port | Format::PortOxm => {
                write!(out, "{value}")?;
                if masked { write_mask(out, mask) } else { Ok(()) }
            }
            Format::Ethernet => {
                write_ethernet(out, value)?;
                if masked {
                    out.write_char('/')?;
                    write_ethernet(out, mask)?;
                }
                Ok(())
            }
            Format::Ipv4 => {
                let address = |value: u128| Ipv4Addr::from(value as u32);
                write!(out, "{}", address(value))?;
                match (masked, prefix(mask, 32)) {
                    (false, _) => Ok(()),
                    (true, Some(length)) => write!(out, "/{length}"),
                    (true, None) => write!(out, "/{}", address(mask)),
                }
            }
            Format::Ipv6 => {
                write_ipv6(out, Ipv6Addr::from(value))?;
                match (masked, prefix(mask, 128)) {
                    (false, _) => Ok(()),
                    (true, Some(length)) => write!(out, "/{length}"),
                    (true, None) => {
                        out.write_char('/')?;
                        write_ipv6(out, Ipv6Addr::from(mask))
                    }
                }
            }
            Format::ConntrackState => {
                const NAMES: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
                write_flags(out, value, mask, 0xffff, NAMES)
            }
            Format::TcpFlags => {
                const NAMES: &[&str] = &[
                    "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]",
                ];
                write_flags(out, value, mask & 0xfff, 0xfff, NAMES)
            }
            Format::TunnelFlags => write_flags(out, value, mask & 1, 1, &["oam"]),
            Format::Fragment => out.write_str(match (value & mask & 3, mask & 3) {
                (0, 1 | 3) => "no",
                (1, 1) => "yes",
                (1, 3) => "first",
                (2, 2) | (3, 3) => "later",
                (0, 2) => "not_later",
                _ => "<error>",
            }),
            Format::PacketType => write!(out, "({},{:#x})", value as u32 >> 16, value as u16),
        }
    }
}

impl From<Field> for &'static str {
    fn from(field: Field) -> &'static str {
        field.name()
    }
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(name: String) -> Result<Field, String> {
        Field::find(&name).ok_or_else(|| format!("no field {name}"))
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some neighbouring bits of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subfield {
    /// The field.
    pub field: Field,
    /// Its lowest bit taken; 0 is the least significant.
    pub offset: u16,
    /// How many bits.
    pub bits: u16,
}

impl Subfield {
    /// All of a field.
    pub fn whole(field: Field) -> Subfield {
        Subfield { field, offset: 0, bits: field.bits() }
    }

    /// `bits` bits from `offset` on.
    pub fn new(field: Field, offset: u16, bits: u16) -> Subfield {
        Subfield { field, offset, bits }
    }

    /// Ones in its bits, zeroes in the others of the field (as far as they fit in 128 bits).
    pub fn mask(self) -> u128 {
        let ones = u128::MAX.checked_shr(128 - u32::from(self.bits.min(128))).unwrap_or(0);
        ones.checked_shl(self.offset.into()).unwrap_or(0)
    }

    /// A value of the subfield, moved to its place in the field.
    pub fn place(self, value: u128) -> u128 {
        value.checked_shl(self.offset.into()).unwrap_or(0) & self.mask()
    }

    /// Its place and size as extension actions pack them; places and sizes that do not fit are cut.
    pub(super) fn packed(self) -> u16 {
        self.offset << 6 | self.bits.wrapping_sub(1) & 0x3f
    }

    pub(super) fn unpacked(field: Field, packed: u16) -> Subfield {
        Subfield { field, offset: packed >> 6, bits: (packed & 0x3f) + 1 }
    }
}

impl fmt::Display for Subfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.header_name())?;
        match self.bits {
            bits if self.offset == 0 && bits == self.field.bits() => f.write_str("[]"),
            1 => write!(f, "[{}]", self.offset),
            bits => write!(f, "[{}..{}]", self.offset, i32::from(self.offset) + i32::from(bits) - 1),
        }
    }
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A hexadecimal number with `0x`, except that zero is `0`.
pub(crate) fn write_hexadecimal(out: &mut impl fmt::Write, value: u128) -> fmt::Result {
    match value {
        0 => out.write_char('0'),
        _ => write!(out, "{value:#x}"),
    }
}

fn write_mask(out: &mut impl fmt::Write, mask: u128) -> fmt::Result {
    out.write_char('/')?;
    write_hexadecimal(out, mask)
}

fn write_ethernet(out: &mut impl fmt::Write, value: u128) -> fmt::Result {
    let [_, _, a, b, c, d, e, f] = (value as u64).to_be_bytes();
    write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// The length of the prefix that a mask is, if it is one.
fn prefix(mask: u128, width: u32) -> Option<u32> {
    let mask = mask << (128 - width);
    let length = mask.leading_ones();
    (length == mask.count_ones()).then_some(length)
}

/// Flags that are one by one known to be set (`+`) or clear (`-`), or all of them joined by `|`.
fn write_flags(out: &mut impl fmt::Write, value: u128, mask: u128, all: u128, names: &[&str]) -> fmt::Result {
    let name = |bit: usize| names.get(bit).copied().unwrap_or("[Unknown]");
    let bits = |set: u128| (0..32).filter(move |bit| set >> bit & 1 == 1);
    if mask & all == all {
        if value == 0 {
            return out.write_char('0');
        }
        for (nth, bit) in bits(value).enumerate() {
            write!(out, "{}{}", if nth == 0 { "" } else { "|" }, name(bit))?;
        }
        return Ok(());
    }
    for bit in bits(mask) {
        write!(out, "{}{}", if value >> bit & 1 == 1 { '+' } else { '-' }, name(bit))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: u128, mask: u128) -> String {
        let mut out = String::new();
        let field = Field::find(name).expect("a field of the table");
        field.write_value(&mut out, value, mask).expect("strings take all");
        out
    }

    #[test]
    fn headers() {
        assert_eq!(Field::ETH_DST.standard_header(), 0x8000_0606);
        assert_eq!(Field::ETH_DST.extension_header(), 0x0000_0206);
        assert_eq!(Field::XXREG0.standard_header(), 0x0001_de10);
        assert_eq!(Field::register(14).standard_header(), 0x0001_1c04);
        for (index, field) in FIELDS.iter().enumerate() {
            let field_of = |header: u32| Field::from_header(header).map(|field| usize::from(field.0));
            assert_eq!(field_of(Field(index as u8).standard_header()), Some(index), "{}", field.name);
            assert_eq!(field_of(Field(index as u8).extension_header()), Some(index), "{}", field.name);
        }
    }

    #[test]
    fn values() {
        assert_eq!(written("reg10", 0, 0x40), "0/0x40");
        assert_eq!(written("reg15", 0xfffe, 0xffff_ffff), "0xfffe");
        assert_eq!(written("eth_dst", 1 << 40, 1 << 40), "01:00:00:00:00:00/01:00:00:00:00:00");
        assert_eq!(written("ip_dst", 0x0a00_0000, 0xff00_0000), "10.0.0.0/8");
        assert_eq!(written("ip_dst", 1, 0x0000_00ff), "0.0.0.1/0.0.0.255");
        assert_eq!(written("ipv6_dst", 1, u128::MAX), "::1");
        assert_eq!(written("in_port", 0xffff, 0xffff), "ANY");
        assert_eq!(written("nw_ttl", 4, 0xff), "4");
        assert_eq!(written("ct_state", 0x21, 0x23), "+new-est+trk");
        assert_eq!(written("ip_frag", 3, 3), "later");
    }

    #[test]
    fn subfields() {
        assert_eq!(Subfield::whole(Field::XXREG0).to_string(), "NXM_NX_XXREG0[]");
        assert_eq!(Subfield::new(Field::XXREG0, 96, 1).to_string(), "NXM_NX_XXREG0[96]");
        assert_eq!(Subfield::new(Field::register(13), 0, 16).to_string(), "NXM_NX_REG13[0..15]");
        assert_eq!(Subfield::new(Field::register(1), 8, 4).place(0x1f), 0xf00);
    }
}
