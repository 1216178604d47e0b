//! Actions into bytes.

use std::fmt;
use std::net::IpAddr;

use super::action::{
    Action, Bundle, BundleAlgorithm, Controller, HashFields, Sample, SampleDirection, Source,
};
use super::conntrack::{Conntrack, Nat, NatKind, Zone};
use super::field::{Field, Subfield};
use super::learn::{Learn, LearnDestination, LearnSource, LearnSpec};
use super::port::Port;
use super::wire::Put;

/// An action that needs more bytes than its length can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong(
    /// Bytes needed.
    pub usize,
);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an action of {} bytes does not fit in a message", self.0)
    }
}

impl std::error::Error for TooLong {}

/// The wire form of actions, each padded to 8 bytes.
pub fn encode(actions: &[Action]) -> Result<Vec<u8>, TooLong> {
    let mut out = Vec::new();
    put_all(&mut out, actions)?;
    Ok(out)
}

fn put_all(out: &mut Vec<u8>, actions: &[Action]) -> Result<(), TooLong> {
    actions.iter().try_for_each(|action| put(out, action))
}

pub(super) const VENDOR: u16 = 0xffff;
pub(super) const NICIRA: u32 = 0x2320;

fn put(out: &mut Vec<u8>, action: &Action) -> Result<(), TooLong> {
    match action {
        Action::Output(port, max_len) => standard(out, 0, |out| {
            out.u32(port.to_wire());
            out.u16(*max_len);
            out.zeros(6);
        }),
        Action::PushVlan(eth_type) => standard(out, 17, |out| out.u16(*eth_type)),
        Action::PopVlan => standard(out, 18, |out| out.zeros(4)),
        Action::SetQueue(queue) => standard(out, 21, |out| out.u32(*queue)),
        Action::Group(group) => standard(out, 22, |out| out.u32(*group)),
        Action::SetTtl(ttl) => standard(out, 23, |out| out.u8(*ttl)),
        Action::DecrementTtl => standard(out, 24, |out| out.zeros(4)),
        Action::SetField(field, value, mask) => {
            standard(out, 25, |out| put_value(out, *field, *value, *mask))
        }
        Action::Move(source, destination) => standard(out, 28, |out| {
            out.u16(destination.bits);
            out.u16(source.offset);
            out.u16(destination.offset);
            out.zeros(2);
            out.u32(source.field.standard_header());
            out.u32(destination.field.standard_header());
        }),
        Action::Meter(meter) => standard(out, 29, |out| out.u32(*meter)),
        Action::Note(bytes) => nicira(out, 8, 16, |out| out.extend(bytes)),
        Action::Bundle(bundle) => nicira(out, 12, 32, |out| put_bundle(out, bundle)),
        Action::Resubmit(port, table) => nicira(out, 14, 16, |out| {
            out.u16(port.0);
            out.u8(*table);
        }),
        Action::Learn(learn) => nicira(out, 16, 32, |out| put_learn(out, learn)),
        Action::Controller(controller) => put_controller(out, controller),
        // How many controllers hear of it.
        Action::DecrementTtlQuietly => nicira(out, 21, 16, |out| out.u16(0)),
        Action::Push(subfield) => nicira(out, 27, 24, |out| put_stack(out, *subfield)),
        Action::Pop(subfield) => nicira(out, 28, 24, |out| put_stack(out, *subfield)),
        Action::Sample(sample) => put_sample(out, sample),
        Action::Conjunction(id, clause, clauses) => nicira(out, 34, 16, |out| {
            out.u8(*clause);
            out.u8(*clauses);
            out.u32(*id);
        }),
        Action::Conntrack(conntrack) => {
            let inner = encode(&conntrack.actions)?;
            nicira(out, 35, 24, |out| put_conntrack(out, conntrack, &inner))
        }
        Action::Nat(nat) => nicira(out, 36, 16, |out| put_nat(out, nat)),
        Action::Clone(actions) => {
            let inner = encode(actions)?;
            nicira(out, 42, 16, |out| {
                out.zeros(6);
                out.extend(&inner);
            })
        }
        Action::ConntrackClear => nicira(out, 43, 16, |_| {}),
        Action::CheckPacketLarger(length, bit) => nicira(out, 49, 24, |out| {
            out.u16(*length);
            out.u16(bit.offset);
            out.u32(bit.field.extension_header());
        }),
        Action::DeleteField(field) => nicira(out, 50, 24, |out| out.u32(field.extension_header())),
    }
}

/// An action of the standard: type, length, body, zeroes up to a multiple of 8.
fn standard(out: &mut Vec<u8>, kind: u16, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLong> {
    let start = out.len();
    out.u16(kind);
    out.u16(0);
    body(out);
    finish(out, start, 8)
}

/// An action of Open vSwitch, at least `least` bytes long.
fn nicira(
    out: &mut Vec<u8>,
    subtype: u16,
    least: usize,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = out.len();
    out.u16(VENDOR);
    out.u16(0);
    out.u32(NICIRA);
    out.u16(subtype);
    body(out);
    finish(out, start, least)
}

/// Pads what begins at `start` and writes its length there.
fn finish(out: &mut Vec<u8>, start: usize, least: usize) -> Result<(), TooLong> {
    let length = (out.len() - start).max(least).next_multiple_of(8);
    out.resize(start + length, 0);
    let short = u16::try_from(length).map_err(|_| TooLong(length))?;
    out[start + 2..start + 4].copy_from_slice(&short.to_be_bytes());
    Ok(())
}

/// Header, value and, unless all is written, mask. Of fields of variable length only the bytes that
/// matter are sent.
/// A field with a value, and its mask unless that is [`Field::full_mask`], as in a match.
pub(crate) fn put_value(out: &mut Vec<u8>, field: Field, value: u128, mask: u128) {
    const MASKED: u32 = 1 << 8;
    let variable = field.is_variable();
    let masked = variable || mask != field.full_mask();
    let bytes = match variable {
        true => ((128 - (value | mask).leading_zeros()) as usize).div_ceil(8).max(1),
        false => usize::from(field.bytes()),
    };
    let sent = if masked { 2 * bytes } else { bytes };
    let header = field.standard_header() & !0xff | sent as u32;
    out.u32(if masked { header | MASKED } else { header });
    out.number(value, bytes);
    if masked {
        out.number(mask, bytes);
    }
}

fn put_stack(out: &mut Vec<u8>, subfield: Subfield) {
    out.u16(subfield.offset);
    out.u32(subfield.field.extension_header());
    out.u16(subfield.bits);
}

pub(super) mod property {
    pub const MAX_LEN: u16 = 0;
    pub const CONTROLLER: u16 = 1;
    pub const REASON: u16 = 2;
    pub const USERDATA: u16 = 3;
    pub const PAUSE: u16 = 4;
    pub const METER: u16 = 5;
}

/// With userdata, a pause or a meter the newer of two actions; it has properties.
fn put_controller(out: &mut Vec<u8>, controller: &Controller) -> Result<(), TooLong> {
    if controller.userdata.is_empty() && !controller.pause && controller.meter.is_none() {
        return nicira(out, 20, 16, |out| {
            out.u16(controller.max_len);
            out.u16(controller.id);
            out.u8(controller.reason);
        });
    }
    let userdata = u16::try_from(controller.userdata.len() + 4);
    let userdata = userdata.map_err(|_| TooLong(controller.userdata.len()))?;
    nicira(out, 37, 16, |out| {
        out.zeros(6);
        if controller.max_len != u16::MAX {
            put_property(out, property::MAX_LEN, 6, &controller.max_len.to_be_bytes());
        }
        if controller.id != 0 {
            put_property(out, property::CONTROLLER, 6, &controller.id.to_be_bytes());
        }
        if controller.reason != Controller::REASON_ACTION {
            put_property(out, property::REASON, 5, &[controller.reason]);
        }
        if !controller.userdata.is_empty() {
            put_property(out, property::USERDATA, userdata, &controller.userdata);
        }
        if controller.pause {
            put_property(out, property::PAUSE, 4, &[]);
        }
        if let Some(meter) = controller.meter {
            put_property(out, property::METER, 8, &meter.to_be_bytes());
        }
    })
}

fn put_property(out: &mut Vec<u8>, kind: u16, length: u16, value: &[u8]) {
    out.u16(kind);
    out.u16(length);
    out.extend(value);
    out.zeros(usize::from(length).next_multiple_of(8) - usize::from(length));
}

fn put_conntrack(out: &mut Vec<u8>, conntrack: &Conntrack, inner: &[u8]) {
    let Conntrack { commit, force, zone, table, helper, actions: _ } = conntrack;
    out.u16(u16::from(*commit) | u16::from(*force) << 1);
    match zone {
        Zone::Immediate(zone) => {
            out.u32(0);
            out.u16(*zone);
        }
        Zone::Field(subfield) => {
            out.u32(subfield.field.extension_header());
            out.u16(subfield.packed());
        }
    }
    out.u8(table.unwrap_or(u8::MAX));
    out.zeros(3);
    out.u16(*helper);
    out.extend(inner);
}

fn put_nat(out: &mut Vec<u8>, nat: &Nat) {
    let kind = match nat.kind {
        NatKind::Existing => 0,
        NatKind::Source => 1,
        NatKind::Destination => 2,
    };
    let flags = [nat.persistent, nat.hash, nat.random].into_iter().zip([4, 8, 16]);
    out.zeros(2);
    out.u16(kind | flags.filter(|(set, _)| *set).map(|(_, flag)| flag).sum::<u16>());
    let mut present = 0;
    let mut range = Vec::new();
    if let Some(nat) = nat.range {
        for (address, flag) in [(Some(nat.first), 1), (nat.last, 2)] {
            match address {
                Some(address) if address.is_unspecified() => {}
                Some(IpAddr::V4(address)) => {
                    present |= flag;
                    range.extend(address.octets());
                }
                Some(IpAddr::V6(address)) => {
                    present |= flag << 2;
                    range.extend(address.octets());
                }
                None => {}
            }
        }
        for (port, flag) in [(nat.first_port, 16), (nat.last_port, 32)] {
            if port != 0 {
                present |= flag;
                range.u16(port);
            }
        }
    }
    out.u16(present);
    out.extend(range);
}

fn put_learn(out: &mut Vec<u8>, learn: &Learn) {
    out.u16(learn.idle_timeout);
    out.u16(learn.hard_timeout);
    out.u16(learn.priority);
    out.u64(learn.cookie);
    out.u16(u16::from(learn.send_removed) | u16::from(learn.delete_learned) << 1);
    out.u8(learn.table);
    out.zeros(1);
    out.u16(learn.fin_idle_timeout);
    out.u16(learn.fin_hard_timeout);
    for LearnSpec { bits, source, destination } in &learn.specs {
        let source_kind = u16::from(matches!(source, LearnSource::Immediate(_))) << 13;
        let destination_kind = match destination {
            LearnDestination::Match(..) => 0,
            LearnDestination::Load(..) => 1 << 11,
            LearnDestination::Output => 2 << 11,
        };
        out.u16(source_kind | destination_kind | bits & 0x7ff);
        match source {
            LearnSource::Field(field, offset) => {
                out.u32(field.extension_header());
                out.u16(*offset);
            }
            LearnSource::Immediate(value) => out.number(*value, 2 * usize::from(*bits).div_ceil(16)),
        }
        match destination {
            LearnDestination::Match(field, offset) | LearnDestination::Load(field, offset) => {
                out.u32(field.extension_header());
                out.u16(*offset);
            }
            LearnDestination::Output => {}
        }
    }
}

/// The oldest of the actions for it that can say it.
fn put_sample(out: &mut Vec<u8>, sample: &Sample) -> Result<(), TooLong> {
    let direction = match sample.direction {
        SampleDirection::Default => 0,
        SampleDirection::Ingress => 1,
        SampleDirection::Egress => 2,
    };
    let (Source::Immediate(domain), Source::Immediate(point)) = (sample.domain, sample.point) else {
        return nicira(out, 51, 40, |out| {
            out.u16(sample.probability);
            out.u32(sample.collector_set);
            put_source(out, sample.domain);
            put_source(out, sample.point);
            out.u16(sample.port.0);
            out.u8(direction);
        });
    };
    let subtype = match (sample.direction, sample.port) {
        (SampleDirection::Default, Port::ANY) => 29,
        (SampleDirection::Default, _) => 38,
        _ => 41,
    };
    nicira(out, subtype, if subtype == 29 { 24 } else { 32 }, |out| {
        out.u16(sample.probability);
        out.u32(sample.collector_set);
        out.u32(domain);
        out.u32(point);
        if subtype != 29 {
            out.u16(sample.port.0);
            out.u8(direction);
        }
    })
}

fn put_source(out: &mut Vec<u8>, source: Source) {
    match source {
        Source::Immediate(number) => {
            out.u32(0);
            out.u32(number);
        }
        Source::Field(subfield) => {
            out.u32(subfield.field.extension_header());
            out.u16(subfield.packed());
            out.zeros(2);
        }
    }
}

fn put_bundle(out: &mut Vec<u8>, bundle: &Bundle) {
    out.u16(match bundle.algorithm {
        BundleAlgorithm::ActiveBackup => 0,
        BundleAlgorithm::HighestRandomWeight => 1,
    });
    let fields = HashFields::ALL.iter().position(|fields| *fields == bundle.fields);
    out.u16(fields.unwrap_or(0) as u16);
    out.u16(bundle.basis);
    out.u32(Field::IN_PORT.extension_header());
    out.u16(bundle.members.len() as u16);
    out.zeros(10);
    bundle.members.iter().for_each(|member| out.u16(member.0));
}
