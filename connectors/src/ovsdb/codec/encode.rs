//! Writing values, appended to a byte buffer.

use std::fmt;
use std::io::Write as _;

use northflow_rules::ovsdb::{Atom, Datum, Real, Uuid};

use crate::ovsdb::schema::ColumnType;

/// Appends `text` as a JSON string.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut copied = 0;
    for (i, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\t' => b"\\t",
            b'\r' => b"\\r",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..i]);
        copied = i + 1;
        if escape.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Appends `["uuid", ..]`.
pub fn write_uuid(out: &mut Vec<u8>, uuid: Uuid) {
    append(out, format_args!("[\"uuid\",\"{uuid}\"]"));
}

/// Appends one atom. A real that is not finite, which OVSDB cannot hold, becomes the nearest that is.
pub fn write_atom(out: &mut Vec<u8>, atom: &Atom) {
    match atom {
        Atom::Integer(value) => append(out, format_args!("{value}")),
        Atom::Real(Real(value)) if value.is_nan() => out.push(b'0'),
        Atom::Real(Real(value)) => append(out, format_args!("{:?}", value.clamp(-f64::MAX, f64::MAX))),
        Atom::Boolean(value) => append(out, format_args!("{value}")),
        Atom::String(text) => write_string(out, text),
        Atom::Uuid(uuid) => write_uuid(out, *uuid),
    }
}

/// Appends a column's value: a set of one as the bare atom, other sets as `["set", ..]`, a map as
/// `["map", ..]`. An empty set in a map column is written as the empty map.
pub fn write_datum(out: &mut Vec<u8>, datum: &Datum, ty: &ColumnType) {
    match datum {
        Datum::Set(atoms) if atoms.is_empty() && ty.is_map() => out.extend_from_slice(b"[\"map\",[]]"),
        Datum::Set(atoms) if atoms.len() == 1 => write_atom(out, &atoms[0]),
        Datum::Set(atoms) => {
            out.extend_from_slice(b"[\"set\",[");
            for (i, atom) in atoms.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_atom(out, atom);
            }
            out.extend_from_slice(b"]]");
        }
        Datum::Map(pairs) => {
            out.extend_from_slice(b"[\"map\",[");
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.extend_from_slice(if i > 0 { b",[" } else { b"[" });
                write_atom(out, key);
                out.push(b',');
                write_atom(out, value);
                out.push(b']');
            }
            out.extend_from_slice(b"]]");
        }
    }
}

fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a byte vector cannot fail.
    let _ = out.write_fmt(text);
}
