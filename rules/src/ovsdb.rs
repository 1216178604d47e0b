//! The OVSDB data model (RFC 7047 section 5.1): atoms, and the sets and maps a column holds.
//!
//! Pure values: reading and writing them as JSON is the connectors' business. A column always
//! holds a [`Datum`]; a scalar is a set of one, an absent optional value a set of none.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

/// Immutable text that is cheap to clone.
pub type Text = Arc<str>;

/// A row identifier.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uuid(pub u128);

impl Uuid {
    /// The identifier that no row has.
    pub const ZERO: Uuid = Uuid(0);

    /// Reads the 36-character form, `None` unless it is exactly that.
    pub fn parse(text: &str) -> Option<Uuid> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut value = 0u128;
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            value = value << 4 | u128::from(char::from(*byte).to_digit(16)?);
        }
        Some(Uuid(value))
    }

    /// The identifier of the row whose natural key hashes to `hash`: the same bits with the
    /// version and variant of RFC 9562 section 5.8 (version 8, custom).
    pub fn from_hash(hash: u128) -> Uuid {
        let version = 8u128 << 76;
        let variant = 2u128 << 62;
        Uuid(hash & !(0xf << 76) & !(0x3 << 62) | version | variant)
    }

    /// The first eight hexadecimal digits, as a stage hint shows them.
    pub fn short(self) -> String {
        format!("{:08x}", (self.0 >> 96) as u32)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (v >> 96) as u32,
            (v >> 80) as u16,
            (v >> 64) as u16,
            (v >> 48) as u16,
            v & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A real number with the total order of [`f64::total_cmp`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Real(pub f64);

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Real {}
impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Atom {
    /// A 64-bit integer.
    Integer(i64),
    /// A real number.
    Real(Real),
    /// A boolean.
    Boolean(bool),
    /// Text, any UTF-8 without NUL.
    String(Text),
    /// A reference to a row.
    Uuid(Uuid),
}

impl Atom {
    /// A text atom.
    pub fn text(text: impl Into<Text>) -> Atom {
        Atom::String(text.into())
    }
}

/// The elements of a set. Most columns are scalars: a single element is in place, without memory of its own.
pub type Atoms = SmallVec<[Atom; 1]>;

/// What one column of one row holds.
///
/// Sets are sorted and hold no duplicates; maps are sorted by key and hold each key once. Build
/// them with [`Datum::set`] and [`Datum::map`], which see to that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Datum {
    /// A set; a scalar is a set of one.
    Set(Atoms),
    /// A map.
    Map(Vec<(Atom, Atom)>),
}

impl Datum {
    /// The set of `atoms`.
    pub fn set(atoms: impl IntoIterator<Item = Atom>) -> Datum {
        let mut atoms: Atoms = atoms.into_iter().collect();
        atoms.sort();
        atoms.dedup();
        Datum::Set(atoms)
    }

    /// The map of `pairs`; of two pairs with one key, the last stays.
    pub fn map(pairs: impl IntoIterator<Item = (Atom, Atom)>) -> Datum {
        let mut pairs: Vec<(Atom, Atom)> = pairs.into_iter().collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        Datum::Map(pairs)
    }

    /// A scalar.
    pub fn scalar(atom: Atom) -> Datum {
        Datum::Set(smallvec![atom])
    }

    /// The set of nothing: an optional value that is absent.
    pub fn none() -> Datum {
        Datum::Set(Atoms::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_text_round_trips() {
        let text = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
        let uuid = Uuid::parse(text).unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(uuid.short(), "0a1b2c3d");
        assert_eq!(Uuid::parse("0a1b2c3d"), None);
        assert_eq!(Uuid::parse("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg"), None);
    }

    #[test]
    fn sets_and_maps_are_canonical() {
        let atom = |n| Atom::Integer(n);
        assert_eq!(Datum::set([atom(2), atom(1), atom(2)]), Datum::Set(smallvec![atom(1), atom(2)]));
        assert_eq!(
            Datum::map([(atom(1), atom(5)), (atom(1), atom(6))]),
            Datum::Map(vec![(atom(1), atom(6))])
        );
    }
}
