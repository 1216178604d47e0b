//! One form for matches that mean the same.
//!
//! A match is a list of fields with values and masks (OpenFlow 1.5.1 section 7.2.3; fields in
//! ovs-fields(7)). A switch gives back another list than it was given: in its own order, registers in
//! pairs, a field under its other name. Flows are compared with what the switch holds, so both go
//! through [`canonical`] first. Its result is also what is sent: fields stand behind those that they
//! require.

use std::collections::BTreeMap;

use super::wire::{Malformed, Put, Reader};

const NXM_OF: u16 = 0x0000;
const NXM_NX: u16 = 0x0001;
const BASIC: u16 = 0x8000;
const PACKET_REGISTERS: u16 = 0x8001;
const EXPERIMENTER: u16 = 0xffff;
const ONF: u32 = 0x4f4e_4600;

/// A field. The basic class is first: its numbers are such that a field comes after those that it
/// requires, and other classes require only fields of it or smaller ones of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Field {
    not_basic: bool,
    class: u16,
    number: u8,
    /// Zero unless the class is that of experimenters.
    experimenter: u32,
}

impl Field {
    const fn new(class: u16, number: u8) -> Field {
        Field { not_basic: class != BASIC, class, number, experimenter: 0 }
    }

    /// The name that the switch itself uses where there are two of the same width.
    pub(super) fn preferred(self) -> Field {
        let basic = match (self.class, self.number) {
            (NXM_OF, number) => RENAMED_OF.iter().find(|(from, _)| *from == number),
            (NXM_NX, number) => RENAMED_NX.iter().find(|(from, _)| *from == number),
            (EXPERIMENTER, 42 | 43) if self.experimenter == ONF => {
                return Field::new(BASIC, self.number);
            }
            _ => None,
        };
        basic.map_or(self, |(_, to)| Field::new(BASIC, *to))
    }

    /// Whether its width is that of the option that the switch maps to it.
    pub(super) fn is_tunnel_option(self) -> bool {
        self.class == NXM_NX && TUNNEL_OPTIONS.contains(&self.number)
    }

    /// Writes the header of an entry with `length` bytes of value, and of mask if it has one.
    pub(super) fn write(self, length: usize, masked: bool, out: &mut Vec<u8>) {
        let experimenter = if self.class == EXPERIMENTER { 4 } else { 0 };
        out.u16(self.class);
        out.u8(self.number << 1 | u8::from(masked));
        out.u8((experimenter + length * (1 + usize::from(masked))) as u8);
        if self.class == EXPERIMENTER {
            out.u32(self.experimenter);
        }
    }
}

/// Names of Nicira's first class that the basic class has too.
const RENAMED_OF: &[(u8, u8)] = &[
    (1, 3),
    (2, 4),
    (3, 5),
    (6, 10),
    (7, 11),
    (8, 12),
    (9, 13),
    (10, 14),
    (11, 15),
    (12, 16),
    (13, 19),
    (14, 20),
    (15, 21),
    (16, 22),
    (17, 23),
];
/// The same of its second class.
const RENAMED_NX: &[(u8, u8)] = &[
    (16, 38),
    (17, 24),
    (18, 25),
    (19, 26),
    (20, 27),
    (21, 29),
    (22, 30),
    (23, 31),
    (24, 32),
    (25, 33),
    (27, 28),
    (28, 9),
    (34, 42),
];

const OF_IN_PORT: Field = Field::new(NXM_OF, 0);
const OF_VLAN_TCI: Field = Field::new(NXM_OF, 4);
const OF_IP_TOS: Field = Field::new(NXM_OF, 5);
const NX_IP_FRAGMENT: Field = Field::new(NXM_NX, 26);
const IN_PORT: Field = Field::new(BASIC, 0);
const VLAN_ID: Field = Field::new(BASIC, 6);
const VLAN_PRIORITY: Field = Field::new(BASIC, 7);
const IP_DSCP: Field = Field::new(BASIC, 8);
const PACKET_TYPE: Field = Field::new(BASIC, 44);
/// Nicira's registers of 32 bits are fields 0 to 15 of its second class; four of them make one of
/// 128 bits.
const REGISTERS: u8 = 16;
const WIDE_REGISTERS: std::ops::Range<u8> = 111..115;
/// Fields for the options of Geneve tunnels, `tun_metadata0` and on.
const TUNNEL_OPTIONS: std::ops::Range<u8> = 40..104;
/// The widest of them.
pub(super) const TUNNEL_OPTION: usize = 124;

/// One entry of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) field: Field,
    pub(super) value: &'a [u8],
    pub(super) mask: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// Reads one entry off the front of a match or of an action.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Entry<'a>, Malformed> {
        let (field, masked, length) = read_header(reader)?;
        let mut payload = Reader::new(reader.take(length)?, "match field");
        let length = if masked { length / 2 } else { length };
        let value = payload.take(length)?;
        let mask = if masked { Some(payload.take(length)?) } else { None };
        match payload.is_empty() && length > 0 {
            true => Ok(Entry { field, value, mask }),
            false => Err(payload.malformed()),
        }
    }

    /// Without zeros before the value and mask of a tunnel option, the least that says the same.
    pub(super) fn shortened(self) -> Entry<'a> {
        if !self.field.is_tunnel_option() {
            return self;
        }
        let zeros = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == 0).count();
        let most = self.value.len() - 1;
        let zeros = zeros(self.value).min(self.mask.map_or(most, zeros)).min(most);
        Entry { field: self.field, value: &self.value[zeros..], mask: self.mask.map(|mask| &mask[zeros..]) }
    }

    /// Writes value and mask, the latter only if it leaves bits out.
    pub(super) fn write(field: Field, value: &[u8], mask: &[u8], out: &mut Vec<u8>) {
        let masked = mask.iter().any(|byte| *byte != 0xff);
        field.write(value.len(), masked, out);
        out.extend(value.iter().zip(mask).map(|(value, mask)| value & mask));
        if masked {
            out.bytes(mask);
        }
    }
}

/// Reads the header of an entry: its field, whether it has a mask, and the length of what follows.
pub(super) fn read_header(reader: &mut Reader<'_>) -> Result<(Field, bool, usize), Malformed> {
    let (class, number, length) = (reader.u16()?, reader.u8()?, usize::from(reader.u8()?));
    let mut field = Field::new(class, number >> 1);
    let mut rest = length;
    if class == EXPERIMENTER {
        field.experimenter = reader.u32()?;
        rest = length.checked_sub(4).ok_or(reader.malformed())?;
    }
    Ok((field, number & 1 == 1, rest))
}

/// Values and masks by field.
#[derive(Default)]
struct Fields(BTreeMap<Field, (Vec<u8>, Vec<u8>)>);

impl Fields {
    /// Adds what an entry asks for, beside what others ask of the same field.
    fn add(&mut self, field: Field, value: &[u8], mask: &[u8]) -> Result<(), Malformed> {
        if mask.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let nothing = || (vec![0; value.len()], vec![0; value.len()]);
        let (values, masks) = self.0.entry(field).or_insert_with(nothing);
        if values.len() != value.len() {
            return Err(Malformed { what: "match field" });
        }
        for (at, (value, mask)) in value.iter().zip(mask).enumerate() {
            values[at] |= value & mask;
            masks[at] |= mask;
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &Entry<'_>) -> Result<(), Malformed> {
        let full = [0xff; 256];
        let mask = entry.mask.unwrap_or(&full[..entry.value.len()]);
        let (field, value) = (entry.field.preferred(), entry.value);
        let bad = Malformed { what: "match field" };
        let pair = || match (value, mask) {
            (&[v0, v1], &[m0, m1]) => Ok((u16::from_be_bytes([v0, v1]), u16::from_be_bytes([m0, m1]))),
            _ => Err(bad),
        };
        let byte = || match (value, mask) {
            (&[value], &[mask]) => Ok((value, mask)),
            _ => Err(bad),
        };
        match field {
            PACKET_TYPE if value == [0; 4] => Ok(()),
            OF_IN_PORT => {
                let (port, _) = pair()?;
                // The reserved ports are the last of either width.
                let port = if port >= 0xff00 { 0xffff_0000 | u32::from(port) } else { u32::from(port) };
                self.add(IN_PORT, &port.to_be_bytes(), &[0xff; 4])
            }
            OF_IP_TOS => {
                let (tos, _) = byte()?;
                self.add(IP_DSCP, &[tos >> 2], &[0xff])
            }
            NX_IP_FRAGMENT => {
                let (value, mask) = byte()?;
                let mask = if mask & 3 == 3 { 0xff } else { mask & 3 };
                self.add(field, &[value & 3], &[mask])
            }
            VLAN_ID => {
                let (id, mask) = pair()?;
                self.add(OF_VLAN_TCI, &(id & 0x1fff).to_be_bytes(), &(mask & 0x1fff).to_be_bytes())
            }
            VLAN_PRIORITY => {
                let (priority, _) = byte()?;
                let tci = u16::from(priority & 7) << 13 | 0x1000;
                self.add(OF_VLAN_TCI, &tci.to_be_bytes(), &0xf000_u16.to_be_bytes())
            }
            Field { class: PACKET_REGISTERS, number, .. } if value.len() == 8 => {
                self.add_registers(number.saturating_mul(2), value, mask)
            }
            Field { class: NXM_NX, number, .. } if WIDE_REGISTERS.contains(&number) && value.len() == 16 => {
                self.add_registers((number - WIDE_REGISTERS.start) * 4, value, mask)
            }
            field => self.add(field, value, mask),
        }
    }

    /// Splits a wide register, the first of which is `first`; those beyond Nicira's sixteen stay pairs.
    fn add_registers(&mut self, first: u8, value: &[u8], mask: &[u8]) -> Result<(), Malformed> {
        if first >= REGISTERS {
            return self.add(Field::new(PACKET_REGISTERS, first / 2), value, mask);
        }
        for (register, (value, mask)) in (first..).zip(value.chunks(4).zip(mask.chunks(4))) {
            self.add(Field::new(NXM_NX, register), value, mask)?;
        }
        Ok(())
    }
}

/// The match as everything here compares it: each field once, under one name, in one order, without
/// bits that do not matter.
///
/// # Errors
/// The bytes are not a list of fields, or two entries for a field differ in width.
pub fn canonical(bytes: &[u8]) -> Result<Box<[u8]>, Malformed> {
    let mut reader = Reader::new(bytes, "match");
    let mut fields = Fields::default();
    while !reader.is_empty() {
        fields.add_entry(&Entry::read(&mut reader)?)?;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for (field, (value, mask)) in &fields.0 {
        Entry::write(*field, value, mask, &mut out);
    }
    Ok(out.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(class: u16, number: u8, value: &[u8], mask: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        Field::new(class, number).write(value.len(), mask.is_some(), &mut out);
        out.bytes(value);
        out.bytes(mask.unwrap_or_default());
        out
    }

    fn same(one: &[Vec<u8>], other: &[Vec<u8>]) {
        assert_eq!(canonical(&one.concat()).unwrap(), canonical(&other.concat()).unwrap());
    }

    #[test]
    fn registers_are_the_same_in_any_width() {
        // reg14=5 and reg15=0x1/0x3, as two registers, as one pair and as one of four.
        let two =
            [entry(NXM_NX, 14, &[0, 0, 0, 5], None), entry(NXM_NX, 15, &[0, 0, 0, 1], Some(&[0, 0, 0, 3]))];
        let pair = entry(
            PACKET_REGISTERS,
            7,
            &[0, 0, 0, 5, 0, 0, 0, 1],
            Some(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3]),
        );
        let (mut value, mut mask) = (vec![0; 16], vec![0; 16]);
        value[8..].copy_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1]);
        mask[8..].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3]);
        same(&two, &[pair]);
        same(&two, &[entry(NXM_NX, 114, &value, Some(&mask))]);
    }

    #[test]
    fn vlan_fields_are_one() {
        let tci = entry(NXM_OF, 4, &[0x70, 5], Some(&[0xff, 0xff]));
        let two = [entry(BASIC, 6, &[0x10, 5], None), entry(BASIC, 7, &[3], None)];
        same(&[tci], &two);
    }

    #[test]
    fn names_masks_and_order_do_not_matter() {
        let one = [
            entry(BASIC, 5, &[8, 0], None),
            entry(BASIC, 10, &[6], None),
            entry(BASIC, 13, &[0, 80], None),
            entry(BASIC, 11, &[10, 0, 0, 0], Some(&[255, 0, 0, 0])),
            entry(BASIC, 0, &[0xff, 0xff, 0xff, 0xfe], None),
        ];
        let other = [
            entry(NXM_OF, 0, &[0xff, 0xfe], None),
            entry(BASIC, 44, &[0; 4], None),
            entry(NXM_OF, 7, &[10, 1, 2, 3], Some(&[255, 0, 0, 0])),
            entry(NXM_OF, 3, &[8, 0], Some(&[0xff, 0xff])),
            entry(NXM_OF, 6, &[6], None),
            entry(NXM_OF, 9, &[0, 80], None),
            entry(NXM_NX, 33, &[0; 4], Some(&[0; 4])),
        ];
        same(&one, &other);
    }

    #[test]
    fn bad_lengths_are_told() {
        assert!(canonical(&[0x80, 0]).is_err());
        assert!(canonical(&[0x80, 0, 11, 3, 1, 2, 3]).is_err());
        assert!(canonical(&[0xff, 0xff, 0, 2, 0, 0, 0, 0]).is_err());
        assert!(canonical(&[0, 0, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = canonical(&bytes);
        }

        #[test]
        fn the_result_is_its_own_form(
            entries in proptest::collection::vec((0usize..5, 0u8..128, any::<[u8; 32]>(), 0usize..6, any::<bool>()), 0..8),
        ) {
            let entries: Vec<Vec<u8>> = entries
                .into_iter()
                .map(|(class, number, bytes, width, masked)| {
                    let class = [NXM_OF, NXM_NX, BASIC, PACKET_REGISTERS, EXPERIMENTER][class];
                    let width = [1, 2, 4, 6, 8, 16][width];
                    entry(class, number, &bytes[..width], masked.then_some(&bytes[16..16 + width]))
                })
                .collect();
            if let Ok(once) = canonical(&entries.concat()) {
                prop_assert_eq!(&canonical(&once).unwrap(), &once);
                let reversed: Vec<u8> = entries.into_iter().rev().flatten().collect();
                prop_assert_eq!(canonical(&reversed).unwrap(), once);
            }
        }
    }
}
