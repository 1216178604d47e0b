//! Domain names in options, as labels with their lengths (RFC 1035).

use std::collections::HashMap;

const LONGEST: usize = 255;

/// Names as option 119 of DHCPv4 has them (RFC 3397): separated by commas, and where the rest of a name
/// stood before, a pointer to there. Empty if a name is too long.
///
/// Rests are compared without their last byte, as the reference does, so that names that differ in it
/// alone get a pointer to the wrong one.
pub(super) fn compressed(names: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut offsets: HashMap<&[u8], u16> = HashMap::new();
    for name in names.split(',').filter(|name| !name.is_empty()) {
        if name.len() > LONGEST {
            return Vec::new();
        }
        let mut rest = name.as_bytes();
        let mut key: &[u8] = &[];
        let pointer = loop {
            if let Some((_, most)) = rest.split_last() {
                key = most;
            }
            let Some(start) = rest.iter().position(|byte| *byte != b'.') else { break None };
            rest = &rest[start..];
            let end = rest.iter().position(|byte| *byte == b'.').unwrap_or(rest.len());
            if let Some(offset) = offsets.get(key) {
                break Some(0xc000 | offset);
            }
            offsets.insert(key, out.len() as u16);
            out.push(end as u8);
            out.extend(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or(&[]);
        };
        match pointer {
            Some(pointer) => out.extend(pointer.to_be_bytes()),
            None => out.push(0),
        }
    }
    out
}

/// A name as option 39 of DHCPv6 has it (RFC 4704): each label after its length, with a zero at the end.
pub(super) fn labels(name: &str) -> Vec<u8> {
    let mut out = vec![0; name.len() + 2];
    let mut length: u8 = 0;
    for (at, byte) in name.bytes().enumerate() {
        if byte == b'.' {
            out[at - usize::from(length)] = length;
            length = 0;
        } else {
            out[at + 1] = byte;
            length = length.wrapping_add(1);
        }
    }
    if length != 0 {
        out[name.len() - usize::from(length)] = length;
    }
    out
}

/// Names of a search list as router advertisements have it (RFC 8106): separated by commas, each of its
/// labels after their lengths, with a zero at the end. `None` if they do not fit in 255 bytes.
pub(super) fn search_list(names: &str) -> Option<Vec<u8>> {
    const HEADER: usize = 8;
    let mut out = Vec::new();
    let mut size = HEADER;
    for name in names.split(',').filter(|name| !name.is_empty()) {
        size += name.len() + 2;
        if size > LONGEST {
            return None;
        }
        for label in name.split('.').filter(|label| !label.is_empty()) {
            out.push(label.len() as u8);
            out.extend(label.bytes());
        }
        out.push(0);
    }
    out.resize(size.next_multiple_of(8) - HEADER, 0);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(compressed("ovn.org,abc.ovn.org"), b"\x03ovn\x03org\x00\x03abc\xc0\x00");
        assert_eq!(compressed("a.b,,b"), b"\x01a\x01b\x00\xc0\x02");
        assert_eq!(compressed(&"x".repeat(256)), b"");
        assert_eq!(labels("ovn.org"), b"\x03ovn\x03org\x00");
        assert_eq!(labels(""), b"\x00\x00");
        assert_eq!(search_list("a.b,c").as_deref(), Some(&b"\x01a\x01b\x00\x01c\x00"[..]));
        assert_eq!(search_list(&"x".repeat(250)), None);
    }
}
