//! One form for action lists that mean the same, for the same reason as for matches.
//!
//! Of the spellings that OpenFlow 1.5 leaves, those of the two actions that name fields are brought
//! together: `set_field` and `copy_field`, also where other actions hold them. All else a switch gives
//! back as it was sent.

use super::oxm::{self, Entry};
use super::wire::{Malformed, Put, Reader, padding};

const SET_FIELD: u16 = 25;
const COPY_FIELD: u16 = 28;
const EXPERIMENTER: u16 = 0xffff;

/// Open vSwitch's actions that hold actions, and how long they are before these.
const HOLDERS: &[(u16, usize)] = &[(CONNECTION_TRACKING, 24), (CLONE, 16)];
const CONNECTION_TRACKING: u16 = 35;
const CLONE: u16 = 42;

/// How deep actions may be nested; the matches and actions of OVN end at 32.
const DEPTH: usize = 64;

/// The list as everything here compares it.
///
/// # Errors
/// The bytes are not a list of actions.
pub fn canonical(bytes: &[u8]) -> Result<Box<[u8]>, Malformed> {
    let mut out = Vec::with_capacity(bytes.len());
    list(bytes, DEPTH, &mut out)?;
    Ok(out.into_boxed_slice())
}

fn list(bytes: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes, "action list");
    while !reader.is_empty() {
        let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
        let rest = length.checked_sub(4).ok_or(reader.malformed())?;
        if length % 8 != 0 {
            return Err(reader.malformed());
        }
        let body = reader.take(rest)?;
        action(kind, body, depth.checked_sub(1).ok_or(reader.malformed())?, out)?;
    }
    Ok(())
}

fn action(kind: u16, body: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let start = out.len();
    out.u16(kind);
    out.u16(0);
    let mut reader = Reader::new(body, "action");
    match kind {
        SET_FIELD => {
            let entry = Entry::read(&mut reader)?.shortened();
            let full = [0xff; 256];
            let mask = entry.mask.unwrap_or(&full[..entry.value.len()]);
            match entry.mask {
                // A mask of all ones is one all the same where the width is not known.
                Some(mask) if entry.field.is_tunnel_option() => {
                    entry.field.write(entry.value.len(), true, out);
                    out.bytes(entry.value);
                    out.bytes(mask);
                }
                _ => Entry::write(entry.field.preferred(), entry.value, mask, out),
            }
            out.zeros(padding(out.len() - start));
        }
        COPY_FIELD => {
            // How many bits, where from, where to, and padding.
            out.bytes(reader.take(8)?);
            for _ in 0..2 {
                let (field, masked, length) = oxm::read_header(&mut reader)?;
                let length = match masked {
                    _ if field.is_tunnel_option() => oxm::TUNNEL_OPTION,
                    true => length / 2,
                    false => length,
                };
                field.preferred().write(length, false, out);
            }
            out.zeros(padding(out.len() - start));
        }
        EXPERIMENTER => {
            let (experimenter, subtype) = (reader.u32()?, reader.u16()?);
            out.u32(experimenter);
            out.u16(subtype);
            let holder = HOLDERS.iter().find(|(holder, _)| *holder == subtype);
            match holder.filter(|_| experimenter == super::error::NICIRA) {
                Some((_, before)) => {
                    out.bytes(reader.take(before - 10)?);
                    list(reader.rest(), depth, out)?;
                }
                None => out.bytes(reader.rest()),
            }
        }
        _ => out.bytes(reader.rest()),
    }
    let length = u16::try_from(out.len() - start).map_err(|_| reader.malformed())?;
    out.patch_u16(start + 2, length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// set_field of register 10 to 1, all of it.
    const SET: &[u8] = &[0, 25, 0, 16, 0, 1, 20, 4, 0, 0, 0, 1, 0, 0, 0, 0];
    /// The same with a mask that says so.
    const SET_MASKED: &[u8] = &[0, 25, 0, 16, 0, 1, 21, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];

    fn clone_of(actions: &[u8]) -> Vec<u8> {
        let mut out = vec![0xff, 0xff, 0, 16 + actions.len() as u8, 0, 0, 0x23, 0x20, 0, 42];
        out.zeros(6);
        out.bytes(actions);
        out
    }

    #[test]
    fn a_full_mask_is_none() {
        assert_eq!(&*canonical(SET).unwrap(), SET);
        assert_eq!(&*canonical(SET_MASKED).unwrap(), SET);
        assert_eq!(&*canonical(&clone_of(SET_MASKED)).unwrap(), clone_of(SET));
    }

    #[test]
    fn fields_have_one_name() {
        // set_field of the Ethernet source, by Nicira's name and by OpenFlow's.
        let old = [0, 25, 0, 16, 0, 0, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0];
        let new = [0, 25, 0, 16, 0x80, 0, 8, 6, 1, 2, 3, 4, 5, 6, 0, 0];
        assert_eq!(&*canonical(&old).unwrap(), new);
        // Copying it into register 0.
        let old = [0, 28, 0, 24, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 4, 6, 0, 1, 0, 4, 0, 0, 0, 0];
        let new = [0, 28, 0, 24, 0, 32, 0, 0, 0, 0, 0, 0, 0x80, 0, 8, 6, 0, 1, 0, 4, 0, 0, 0, 0];
        assert_eq!(&*canonical(&old).unwrap(), new);
    }

    #[test]
    fn tunnel_options_have_one_width() {
        // Copied into register 14, with the width of the option and with that of the widest.
        let copy = |width| [0, 28, 0, 24, 0, 15, 0, 16, 0, 0, 0, 0, 0, 1, 80, width, 0, 1, 28, 4, 0, 0, 0, 0];
        assert_eq!(&*canonical(&copy(4)).unwrap(), copy(124));
        // Set to 5: zeros before it say nothing.
        let short = [0, 25, 0, 16, 0, 1, 80, 1, 5, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(&*canonical(&[0, 25, 0, 16, 0, 1, 80, 4, 0, 0, 0, 5, 0, 0, 0, 0]).unwrap(), short);
        // Its last two bytes only: the mask stays.
        let masked = [0, 25, 0, 16, 0, 1, 81, 4, 0, 5, 0xff, 0xff, 0, 0, 0, 0];
        let long = [0, 25, 0, 16, 0, 1, 81, 8, 0, 0, 0, 5, 0, 0, 0xff, 0xff];
        assert_eq!(&*canonical(&masked).unwrap(), masked);
        assert_eq!(&*canonical(&long).unwrap(), masked);
    }

    #[test]
    fn bad_lengths_are_told() {
        for bad in [&[0, 0][..], &[0, 0, 0, 0], &[0, 0, 0, 7, 0, 0, 0], &[0, 25, 0, 8, 0, 1, 20, 4]] {
            assert!(canonical(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let mut actions = Vec::new();
        for _ in 0..15 {
            actions = clone_of(&actions);
        }
        assert_eq!(&*canonical(&actions).unwrap(), actions);
        let mut deep = Vec::new();
        for _ in 0..DEPTH + 1 {
            let mut outer = vec![0xff, 0xff, 0, 0, 0, 0, 0x23, 0x20, 0, 42, 0, 0, 0, 0, 0, 0];
            outer.bytes(&deep);
            let length = outer.len() as u16;
            outer.patch_u16(2, length);
            deep = outer;
        }
        assert!(canonical(&deep).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0usize..4) {
            let _ = canonical(&bytes);
            // Whole actions of the kinds that are looked into.
            let head = [&[0, 25][..], &[0, 28], &[0xff, 0xff], &[0, 0]][kind];
            bytes.resize(bytes.len().next_multiple_of(8).max(8), 0);
            let length = bytes.len() as u16;
            bytes[..2].copy_from_slice(head);
            bytes.patch_u16(2, length);
            if let Ok(once) = canonical(&bytes) {
                prop_assert_eq!(&canonical(&once).unwrap(), &once);
            }
        }
    }
}
