//! Rows in the making: matches, and actions that many rows have.

use northflow_language::expression::Match;
use northflow_language::openflow::{Action, Field, Port, Subfield};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::Uuid;

use crate::row::{Actions, Row};
use crate::shared::Shared;

/// Number of the tunnel's network.
pub(super) const TUNNEL_ID: Field = Field::named("tun_id");
/// Tag control information of the VLAN header.
const VLAN_TCI: Field = Field::named("vlan_tci");
/// Of [`VLAN_TCI`], that there is a header.
const VLAN_PRESENT: u128 = 0x1000;
/// Of [`VLAN_TCI`], that there is a header and which VLAN it is.
const VLAN: u128 = 0x1fff;

/// A match in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Match);

impl Fields {
    /// Packets to a port or a multicast group of a datapath.
    pub fn to(datapath: u32, port: u32) -> Fields {
        Fields::default().is(Field::METADATA, datapath).is(register::OUTPORT, port)
    }

    /// Packets of a port of a datapath.
    pub fn from(datapath: u32, port: u32) -> Fields {
        Fields::default().is(Field::METADATA, datapath).is(register::INPORT, port)
    }

    /// Packets that come in from a port of the switch.
    pub fn in_port(ofport: u16) -> Fields {
        Fields::default().is(Field::IN_PORT, ofport)
    }

    /// All of a field is `value`.
    pub fn is(self, field: Field, value: impl Into<u128>) -> Fields {
        self.bits(field, value, field.full_mask())
    }

    /// The bits of a field that `mask` has are those of `value`.
    pub fn bits(mut self, field: Field, value: impl Into<u128>, mask: u128) -> Fields {
        self.0.set(field, value.into(), mask);
        self
    }

    /// A flag is set.
    pub fn with(self, flag: Flag) -> Fields {
        self.flags(flag.mask(), flag.mask())
    }

    /// A flag is not set.
    pub fn without(self, flag: Flag) -> Fields {
        self.flags(0, flag.mask())
    }

    /// Of the flags in `mask` those in `set` are set, and no others.
    pub fn flags(self, set: u128, mask: u128) -> Fields {
        self.bits(register::FLAGS, set, mask)
    }

    /// Packets that use an own end of tunnels, by its number.
    pub fn encap(self, number: u16) -> Fields {
        self.bits(register::CT_ZONE, u128::from(number) << 16, 0xffff_0000)
    }

    /// Packets with the header of this VLAN.
    pub fn vlan(self, tag: u16) -> Fields {
        self.bits(VLAN_TCI, VLAN_PRESENT | u128::from(tag), VLAN)
    }

    /// Packets without VLAN header.
    pub fn no_vlan(self) -> Fields {
        self.bits(VLAN_TCI, 0u8, VLAN_PRESENT)
    }

    /// ICMP over IPv4 or IPv6 of a type and code.
    pub fn icmp(self, ipv6: bool, kind: u8, code: u8) -> Fields {
        const NAMES: [[Field; 2]; 2] = [
            [Field::named("icmp_type"), Field::named("icmp_code")],
            [Field::named("icmpv6_type"), Field::named("icmpv6_code")],
        ];
        let [type_field, code_field] = NAMES[usize::from(ipv6)];
        let protocol = if ipv6 { 58u8 } else { 1 };
        self.ip(ipv6).is(Field::IP_PROTO, protocol).is(type_field, kind).is(code_field, code)
    }

    /// IPv4 or IPv6.
    pub fn ip(self, ipv6: bool) -> Fields {
        self.is(Field::ETH_TYPE, if ipv6 { 0x86ddu16 } else { 0x0800 })
    }
}

/// The row that a database row asks for; `None` if its actions do not fit in a message.
pub(crate) fn row(table: u8, priority: u16, fields: Fields, owner: Uuid, actions: &[Action]) -> Option<Row> {
    let actions = Shared::new(Actions::new(actions).ok()?);
    Some(Row { table, priority, fields: Shared::new(fields.0), cookie: (owner.0 >> 96) as u32, actions })
}

/// Writes bits of a field.
pub(super) fn load(field: Field, offset: u16, bits: u16, value: impl Into<u128>) -> Action {
    Action::load(value.into(), Subfield::new(field, offset, bits))
}

/// Writes a 32-bit register.
pub(super) fn load_register(register: Field, value: u32) -> Action {
    Action::set(register, value.into())
}

/// Sets a flag.
pub(crate) fn set_flag(flag: Flag) -> Action {
    Action::load(1, flag.bit())
}

/// Copies bits of a field to another one.
pub(super) fn copy(from: Field, offset: u16, to: Field, to_offset: u16, bits: u16) -> Action {
    Action::Move(Subfield::new(from, offset, bits), Subfield::new(to, to_offset, bits))
}

/// Forgets where the packet came in, so that it may go out there.
pub(super) fn forget_in_port() -> Action {
    Action::set(Field::IN_PORT, Port::ANY.0.into())
}

/// Sends the packet out of a port of the switch.
pub(super) fn output(ofport: u16) -> Action {
    Action::Output(Port(ofport), 0)
}

/// Leads the packet to its port in the logical network.
pub(super) fn to_port(key: u32) -> [Action; 2] {
    [load_register(register::OUTPORT, key), Action::resubmit(table::CHECK_LOOPBACK)]
}

/// Clears all logical registers.
pub(super) fn clear_registers() -> impl Iterator<Item = Action> {
    (0..10).map(|number| load_register(Field::register(number), 0))
}

/// A VLAN header around the packet.
pub(super) fn push_vlan(ethertype: u16, tag: u16) -> [Action; 2] {
    [Action::PushVlan(ethertype), Action::set(Field::VLAN_VID, VLAN_PRESENT | u128::from(tag))]
}

/// Does something as if the packet had come from no port.
pub(super) fn without_in_port(inner: impl IntoIterator<Item = Action>) -> Vec<Action> {
    let in_port = Subfield::whole(Field::IN_PORT);
    let mut actions = vec![Action::Push(in_port), forget_in_port()];
    actions.extend(inner);
    actions.push(Action::Pop(in_port));
    actions
}
