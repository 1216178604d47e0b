//! Meters (OpenFlow 1.5.1 sections 7.3.4.4 and 7.3.5.14).

use super::message::{kind, put};
use super::wire::{Malformed, Put, Reader};

/// A meter that drops what exceeds a rate, apart from its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// What rates count.
    pub unit: MeterUnit,
    /// The bands; the one with the highest rate that is exceeded drops.
    pub bands: Vec<Band>,
}

/// What a meter's rates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeterUnit {
    /// Kilobits a second.
    Kilobits,
    /// Packets a second.
    Packets,
}

/// A rate that is not to be exceeded for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Band {
    /// Kilobits or packets a second.
    pub rate: u32,
    /// How many kilobits or packets may exceed it at once; zero leaves it to the switch.
    pub burst: u32,
}

/// Commands of meter messages.
const ADD: u16 = 0;
const MODIFY: u16 = 1;
const DELETE: u16 = 2;
/// Flags.
const KILOBITS: u16 = 1;
const PACKETS: u16 = 2;
const BURST: u16 = 4;
const STATISTICS: u16 = 8;
/// The band that drops, and its length.
const DROP: u16 = 1;
const BAND: u16 = 16;
/// All meters.
const ALL: u32 = 0xffff_ffff;

/// Writes what makes the meter `id` be `new`, which `exists` or not; `None` deletes it and the flows
/// that use it.
pub(super) fn put_meter(id: u32, exists: bool, new: Option<&Meter>, xid: u32, out: &mut Vec<u8>) {
    let command = match new {
        None => DELETE,
        Some(_) if exists => MODIFY,
        Some(_) => ADD,
    };
    put(kind::METER_MOD, xid, out, |out| {
        out.u16(command);
        match new {
            Some(meter) => {
                out.u16(meter.flags());
                out.u32(id);
                meter.write_bands(out);
            }
            None => {
                out.u16(0);
                out.u32(id);
            }
        }
    });
}

impl Meter {
    fn flags(&self) -> u16 {
        let unit = match self.unit {
            MeterUnit::Kilobits => KILOBITS,
            MeterUnit::Packets => PACKETS,
        };
        let burst = if self.bands.iter().any(|band| band.burst > 0) { BURST } else { 0 };
        unit | burst | STATISTICS
    }

    fn write_bands(&self, out: &mut Vec<u8>) {
        for band in &self.bands {
            out.u16(DROP);
            out.u16(BAND);
            out.u32(band.rate);
            out.u32(band.burst);
            out.zeros(4);
        }
    }
}

/// Asks for all meters.
pub(super) fn all() -> Vec<u8> {
    let mut body = Vec::new();
    body.u32(ALL);
    body.zeros(4);
    body
}

/// A meter that a switch holds: `None` if it has what no meter from here has.
pub(super) type Held = (u32, Option<Meter>);

/// Reads the meters in one part of the answer to [`all`].
pub(super) fn read_meters(body: &[u8], mut each: impl FnMut(Held)) -> Result<(), Malformed> {
    let mut reader = Reader::new(body, "meter description");
    while !reader.is_empty() {
        let length = usize::from(reader.u16()?);
        let rest = length.checked_sub(2).ok_or(reader.malformed())?;
        let mut meter = Reader::new(reader.take(rest)?, "meter description");
        let (flags, id) = (meter.u16()?, meter.u32()?);
        each((id, read_meter(flags, &mut meter)?));
    }
    Ok(())
}

fn read_meter(flags: u16, reader: &mut Reader<'_>) -> Result<Option<Meter>, Malformed> {
    let unit = match flags & (KILOBITS | PACKETS) {
        KILOBITS => MeterUnit::Kilobits,
        PACKETS => MeterUnit::Packets,
        _ => return Ok(None),
    };
    let mut meter = Meter { unit, bands: Vec::new() };
    while !reader.is_empty() {
        let (kind, length) = (reader.u16()?, reader.u16()?);
        let (rate, burst) = (reader.u32()?, reader.u32()?);
        reader.skip(usize::from(length).checked_sub(12).ok_or(reader.malformed())?)?;
        if kind != DROP {
            return Ok(None);
        }
        // Without the flag the number is the switch's own.
        meter.bands.push(Band { rate, burst: if flags & BURST > 0 { burst } else { 0 } });
    }
    Ok((meter.flags() == flags).then_some(meter))
}

/// How many meters a switch can have, from the answer to the question for its features.
pub(super) fn read_features(body: &[u8]) -> Result<u32, Malformed> {
    Reader::new(body, "meter features").u32()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What a switch does with a meter message.
    pub(in super::super) fn apply(
        message: &[u8],
        meters: &mut BTreeMap<u32, Meter>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(message, "meter message");
        reader.skip(8)?;
        let (command, flags, id) = (reader.u16()?, reader.u16()?, reader.u32()?);
        match command {
            DELETE => drop(meters.remove(&id)),
            ADD if meters.contains_key(&id) => return Err(reader.malformed()),
            MODIFY if !meters.contains_key(&id) => return Err(reader.malformed()),
            _ => {
                let meter = read_meter(flags, &mut reader)?.ok_or(reader.malformed())?;
                meters.insert(id, meter);
            }
        }
        Ok(())
    }

    /// What a switch says of a meter.
    pub(in super::super) fn put_description(id: u32, meter: &Meter, out: &mut Vec<u8>) {
        let start = out.len();
        out.u16(0);
        out.u16(meter.flags());
        out.u32(id);
        meter.write_bands(out);
        let length = out.len() - start;
        out.patch_u16(start, length as u16);
    }

    /// Any meter of one band or two.
    pub(in super::super) fn any_meter() -> impl Strategy<Value = Meter> {
        let band = (1u32..4, 0u32..3).prop_map(|(rate, burst)| Band { rate, burst });
        let unit = prop_oneof![Just(MeterUnit::Kilobits), Just(MeterUnit::Packets)];
        (unit, proptest::collection::vec(band, 1..3)).prop_map(|(unit, bands)| Meter { unit, bands })
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_is_read(old in any_meter(), new in any_meter(), id: u32) {
            let mut meters = BTreeMap::new();
            for (exists, meter) in [(false, Some(&old)), (true, Some(&new)), (true, None)] {
                let mut out = Vec::new();
                put_meter(id, exists, meter, 1, &mut out);
                apply(&out, &mut meters).unwrap();
                prop_assert_eq!(meters.get(&id), meter);
            }
            let mut body = Vec::new();
            put_description(id, &new, &mut body);
            let mut found = Vec::new();
            read_meters(&body, |meter| found.push(meter)).unwrap();
            prop_assert_eq!(found, [(id, Some(new))]);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_meters(&bytes, |_| {});
        }
    }
}
