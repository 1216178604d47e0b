//! Bytes into actions.

use std::net::IpAddr;

use super::action::{
    Action, Bundle, BundleAlgorithm, Controller, HashFields, Sample, SampleDirection, Source,
};
use super::conntrack::{Conntrack, Nat, NatKind, NatRange, Zone};
use super::encode::{NICIRA, VENDOR, property};
use super::field::{Field, Subfield};
use super::learn::{Learn, LearnDestination, LearnSource, LearnSpec};
use super::port::Port;
use super::wire::{DecodeError, Reader};

/// How deep actions may stand in actions; Open vSwitch has no limit of its own.
const MAX_DEPTH: u32 = 64;

/// The actions that bytes are.
pub fn decode(bytes: &[u8]) -> Result<Vec<Action>, DecodeError> {
    all(Reader(bytes), 0)
}

fn all(mut reader: Reader<'_>, depth: u32) -> Result<Vec<Action>, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::Depth);
    }
    let mut actions = Vec::new();
    while !reader.is_empty() {
        actions.push(one(&mut reader, depth)?);
    }
    Ok(actions)
}

fn one(reader: &mut Reader<'_>, depth: u32) -> Result<Action, DecodeError> {
    let kind = reader.u16()?;
    let length = reader.u16()?;
    if length < 8 || length % 8 != 0 {
        return Err(DecodeError::Length(length));
    }
    let body = Reader(reader.bytes(usize::from(length) - 4)?);
    match kind {
        VENDOR => vendor(body, depth),
        kind => standard(kind, body),
    }
}

fn standard(kind: u16, mut body: Reader<'_>) -> Result<Action, DecodeError> {
    let action = match kind {
        0 => Action::Output(Port::from_wire(body.u32()?).ok_or(DecodeError::Argument("port"))?, body.u16()?),
        17 => Action::PushVlan(body.u16()?),
        18 => Action::PopVlan,
        21 => Action::SetQueue(body.u32()?),
        22 => Action::Group(body.u32()?),
        23 => Action::SetTtl(body.u8()?),
        24 => Action::DecrementTtl,
        25 => set_field(&mut body)?,
        28 => {
            let (bits, from, to) = (body.u16()?, body.u16()?, body.u16()?);
            body.zeros(2)?;
            let source = subfield(field(&mut body)?, from, bits)?;
            Action::Move(source, subfield(field(&mut body)?, to, bits)?)
        }
        29 => Action::Meter(body.u32()?),
        _ => return Err(DecodeError::Unknown(kind, 0, 0)),
    };
    body.end()?;
    Ok(action)
}

fn vendor(mut body: Reader<'_>, depth: u32) -> Result<Action, DecodeError> {
    let (vendor, subtype) = (body.u32()?, body.u16()?);
    if vendor != NICIRA {
        return Err(DecodeError::Unknown(VENDOR, vendor, subtype));
    }
    let action = match subtype {
        8 => return Ok(Action::Note(body.0.to_vec())),
        12 => bundle(&mut body)?,
        14 => Action::Resubmit(Port(body.u16()?), body.u8()?),
        16 => learn(&mut body)?,
        20 => Action::Controller(Controller {
            max_len: body.u16()?,
            id: body.u16()?,
            reason: body.u8()?,
            ..Controller::default()
        }),
        21 if body.u16()? == 0 => Action::DecrementTtlQuietly,
        27 => Action::Push(stack(&mut body)?),
        28 => Action::Pop(stack(&mut body)?),
        29 | 38 | 41 => sample(&mut body, subtype)?,
        34 => {
            let (clause, clauses) = (body.u8()?, body.u8()?);
            if !(2..=64).contains(&clauses) || clause >= clauses {
                return Err(DecodeError::Argument("clause"));
            }
            Action::Conjunction(body.u32()?, clause, clauses)
        }
        35 => return conntrack(body, depth),
        36 => nat(&mut body)?,
        37 => return controller(body),
        42 => {
            body.zeros(6)?;
            return Ok(Action::Clone(all(body, depth + 1)?));
        }
        43 => Action::ConntrackClear,
        49 => {
            let (length, offset) = (body.u16()?, body.u16()?);
            Action::CheckPacketLarger(length, subfield(field(&mut body)?, offset, 1)?)
        }
        50 => Action::DeleteField(field(&mut body)?),
        51 => {
            let (probability, collector_set) = (probability(&mut body)?, body.u32()?);
            let (domain, point) = (source(&mut body)?, source(&mut body)?);
            let (port, direction) = (Port(body.u16()?), direction(body.u8()?)?);
            Action::Sample(Sample { probability, collector_set, domain, point, port, direction })
        }
        _ => return Err(DecodeError::Unknown(VENDOR, vendor, subtype)),
    };
    body.end()?;
    Ok(action)
}

fn field(body: &mut Reader<'_>) -> Result<Field, DecodeError> {
    let header = body.u32()?;
    known(header)
}

fn known(header: u32) -> Result<Field, DecodeError> {
    Field::from_header(header).ok_or(DecodeError::Field(header))
}

fn subfield(field: Field, offset: u16, bits: u16) -> Result<Subfield, DecodeError> {
    if bits == 0 || u32::from(offset) + u32::from(bits) > u32::from(field.bits()) {
        return Err(DecodeError::Argument("bits of a field"));
    }
    Ok(Subfield { field, offset, bits })
}

/// A subfield whose place and size are packed, if the header is not zero.
fn packed(header: u32, packed: u16) -> Result<Option<Subfield>, DecodeError> {
    if header == 0 {
        return Ok(None);
    }
    let Subfield { field, offset, bits } = Subfield::unpacked(known(header)?, packed);
    subfield(field, offset, bits).map(Some)
}

fn set_field(body: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let header = body.u32()?;
    let field = known(header)?;
    let masked = header >> 8 & 1 == 1;
    let sent = (header & 0xff) as usize;
    let bytes = if masked { sent / 2 } else { sent };
    if !field.is_variable() && bytes != usize::from(field.bytes()) || masked && sent % 2 == 1 {
        return Err(DecodeError::Field(header));
    }
    let value = body.number(bytes)?;
    let mask = if masked { body.number(bytes)? } else { field.full_mask() };
    if value & !mask != 0 {
        return Err(DecodeError::Argument("value outside its mask"));
    }
    Ok(Action::SetField(field, value, mask))
}

fn stack(body: &mut Reader<'_>) -> Result<Subfield, DecodeError> {
    let offset = body.u16()?;
    let field = field(body)?;
    subfield(field, offset, body.u16()?)
}

fn controller(mut body: Reader<'_>) -> Result<Action, DecodeError> {
    body.zeros(6)?;
    let mut controller = Controller::default();
    while !body.is_empty() {
        let (kind, length) = (body.u16()?, body.u16()?);
        let size = usize::from(length).checked_sub(4).ok_or(DecodeError::Length(length))?;
        let mut value = Reader(body.bytes(size)?);
        body.zeros(usize::from(length).next_multiple_of(8) - usize::from(length))?;
        match kind {
            property::MAX_LEN => controller.max_len = value.u16()?,
            property::CONTROLLER => controller.id = value.u16()?,
            property::REASON => controller.reason = value.u8()?,
            property::USERDATA => controller.userdata = value.bytes(size)?.to_vec(),
            property::PAUSE => controller.pause = true,
            property::METER => controller.meter = Some(value.u32()?),
            _ => return Err(DecodeError::Argument("property")),
        }
        value.end()?;
    }
    Ok(Action::Controller(controller))
}

fn conntrack(mut body: Reader<'_>, depth: u32) -> Result<Action, DecodeError> {
    let flags = body.u16()?;
    let (header, zone) = (body.u32()?, body.u16()?);
    let zone = match packed(header, zone)? {
        None => Zone::Immediate(zone),
        Some(subfield) if subfield.bits == 16 => Zone::Field(subfield),
        Some(_) => return Err(DecodeError::Argument("zone")),
    };
    let table = Some(body.u8()?).filter(|table| *table != u8::MAX);
    body.zeros(3)?;
    let helper = body.u16()?;
    let actions = all(body, depth + 1)?;
    let (commit, force) = (flags & 1 != 0, flags & 2 != 0);
    if force && !commit {
        return Err(DecodeError::Argument("force without commit"));
    }
    Ok(Action::Conntrack(Box::new(Conntrack { commit, force, zone, table, helper, actions })))
}

fn nat(body: &mut Reader<'_>) -> Result<Action, DecodeError> {
    body.zeros(2)?;
    let (flags, present) = (body.u16()?, body.u16()?);
    let flag = |bit: u16| flags & bit != 0;
    let kind = match flags & 3 {
        0 => NatKind::Existing,
        1 => NatKind::Source,
        2 => NatKind::Destination,
        _ => return Err(DecodeError::Argument("direction of translation")),
    };
    let mut address = |v4: u16, v6: u16| match (present & v4 != 0, present & v6 != 0) {
        (true, true) => Err(DecodeError::Argument("address range")),
        (true, false) => Ok(Some(IpAddr::V4(body.u32()?.into()))),
        (false, true) => Ok(Some(IpAddr::V6(body.u128()?.into()))),
        (false, false) => Ok(None),
    };
    let (first, last) = (address(1, 4)?, address(2, 8)?);
    let mut port = |bit: u16| if present & bit != 0 { body.u16() } else { Ok(0) };
    let (first_port, last_port) = (port(16)?, port(32)?);
    let range = match (first, last) {
        (Some(first), last) if last.is_none_or(|last| last.is_ipv4() == first.is_ipv4()) => {
            Some(NatRange { first, last, first_port, last_port })
        }
        (None, None) if present == 0 => None,
        _ => return Err(DecodeError::Argument("address range")),
    };
    Ok(Action::Nat(Nat { kind, range, persistent: flag(4), hash: flag(8), random: flag(16) }))
}

fn learn(body: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let mut learn = Learn::new(0);
    learn.idle_timeout = body.u16()?;
    learn.hard_timeout = body.u16()?;
    learn.priority = body.u16()?;
    learn.cookie = body.u64()?;
    let flags = body.u16()?;
    if flags > 3 {
        return Err(DecodeError::Argument("flags of learning"));
    }
    learn.send_removed = flags & 1 != 0;
    learn.delete_learned = flags & 2 != 0;
    learn.table = body.u8()?;
    body.zeros(1)?;
    learn.fin_idle_timeout = body.u16()?;
    learn.fin_hard_timeout = body.u16()?;
    while body.0.len() >= 2 {
        match body.u16()? {
            0 => break,
            header => learn.specs.push(learn_spec(header, body)?),
        }
    }
    Ok(Action::Learn(Box::new(learn)))
}

fn learn_spec(header: u16, body: &mut Reader<'_>) -> Result<LearnSpec, DecodeError> {
    let bits = header & 0x7ff;
    let part = |body: &mut Reader<'_>| {
        let field = field(body)?;
        subfield(field, body.u16()?, bits).map(|part| (part.field, part.offset))
    };
    let source = match header >> 13 {
        0 => part(body).map(|(field, offset)| LearnSource::Field(field, offset))?,
        1 => LearnSource::Immediate(body.number(2 * usize::from(bits).div_ceil(16))?),
        _ => return Err(DecodeError::Argument("source of learning")),
    };
    let destination = match header >> 11 & 3 {
        0 => part(body).map(|(field, offset)| LearnDestination::Match(field, offset))?,
        1 => part(body).map(|(field, offset)| LearnDestination::Load(field, offset))?,
        2 if matches!(source, LearnSource::Field(..)) => LearnDestination::Output,
        _ => return Err(DecodeError::Argument("destination of learning")),
    };
    Ok(LearnSpec { bits, source, destination })
}

fn probability(body: &mut Reader<'_>) -> Result<u16, DecodeError> {
    match body.u16()? {
        0 => Err(DecodeError::Argument("probability")),
        probability => Ok(probability),
    }
}

fn direction(number: u8) -> Result<SampleDirection, DecodeError> {
    match number {
        0 => Ok(SampleDirection::Default),
        1 => Ok(SampleDirection::Ingress),
        2 => Ok(SampleDirection::Egress),
        _ => Err(DecodeError::Argument("direction")),
    }
}

fn source(body: &mut Reader<'_>) -> Result<Source, DecodeError> {
    let (header, number) = (body.u32()?, body.u32()?);
    match packed(header, (number >> 16) as u16)? {
        None => Ok(Source::Immediate(number)),
        Some(subfield) if subfield.bits <= 32 => Ok(Source::Field(subfield)),
        Some(_) => Err(DecodeError::Argument("observation")),
    }
}

fn sample(body: &mut Reader<'_>, subtype: u16) -> Result<Action, DecodeError> {
    let (probability, collector_set) = (probability(body)?, body.u32()?);
    let (domain, point) = (Source::Immediate(body.u32()?), Source::Immediate(body.u32()?));
    let port = if subtype == 29 { Port::ANY } else { Port(body.u16()?) };
    let direction = if subtype == 41 { direction(body.u8()?)? } else { SampleDirection::Default };
    Ok(Action::Sample(Sample { probability, collector_set, domain, point, port, direction }))
}

fn bundle(body: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let algorithm = match body.u16()? {
        0 => BundleAlgorithm::ActiveBackup,
        1 => BundleAlgorithm::HighestRandomWeight,
        _ => return Err(DecodeError::Argument("algorithm")),
    };
    let fields = HashFields::ALL.get(usize::from(body.u16()?)).copied();
    let fields = fields.ok_or(DecodeError::Argument("hash fields"))?;
    let basis = body.u16()?;
    if body.u32()? != Field::IN_PORT.extension_header() {
        return Err(DecodeError::Argument("member type"));
    }
    let count = body.u16()?;
    body.zeros(10)?;
    let members = (0..count).map(|_| body.u16().map(Port)).collect::<Result<_, _>>()?;
    Ok(Action::Bundle(Bundle { fields, basis, algorithm, members }))
}
