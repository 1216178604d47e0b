//! Reading values: one serde seed per form.

use std::collections::BTreeMap;
use std::fmt;

use northflow_rules::ovsdb::{Atom, Datum, Real, Text, Uuid};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Columns;
use crate::ovsdb::schema::{AtomType, ColumnSchema, ColumnType};

/// Reads one column's value.
///
/// A bare atom, `["set", ..]`, `["map", ..]` and `["uuid", ..]` are understood. The number of
/// elements is not held against the type, because a difference may have any number. Errors name
/// what was found and what the type asks for.
#[derive(Clone, Copy, Debug)]
pub struct DatumSeed<'a>(pub &'a ColumnType);

/// Reads one atom of the given kind.
#[derive(Clone, Copy, Debug)]
pub struct AtomSeed(pub AtomType);

/// Reads one row, a JSON object of columns; columns that are not in the given table are skipped
/// (so a table with some columns taken out serves as a filter). Errors name the column.
#[derive(Clone, Copy, Debug)]
pub struct RowSeed<'a>(pub &'a BTreeMap<Text, ColumnSchema>);

/// Reads a row identifier in its bare text form, as the keys of table updates have it.
#[derive(Clone, Copy, Debug)]
pub struct UuidSeed;

/// Reads a name, giving the one that `names` holds, or `None` when it is not there.
#[derive(Debug)]
pub struct NameSeed<'a, V>(pub &'a BTreeMap<Text, V>);

/// The first element of a JSON array that stands for a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tag {
    Set,
    Map,
    Uuid,
}

struct TagSeed;

impl<'de> DeserializeSeed<'de> for TagSeed {
    type Value = Tag;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tag, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TagSeed {
    type Value = Tag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"set\", \"map\" or \"uuid\"")
    }

    fn visit_str<E: de::Error>(self, tag: &str) -> Result<Tag, E> {
        match tag {
            "set" => Ok(Tag::Set),
            "map" => Ok(Tag::Map),
            "uuid" => Ok(Tag::Uuid),
            "named-uuid" => Err(E::custom("a \"named-uuid\" means nothing outside its transaction")),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for UuidSeed {
    type Value = Uuid;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Uuid, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for UuidSeed {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        Uuid::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de, 'a, V> DeserializeSeed<'de> for NameSeed<'a, V> {
    type Value = Option<(&'a Text, &'a V)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a, V> Visitor<'_> for NameSeed<'a, V> {
    type Value = Option<(&'a Text, &'a V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get_key_value(name))
    }
}

impl AtomSeed {
    fn text<E: de::Error>(self, text: &str) -> Result<Text, E> {
        if self.0 != AtomType::String {
            return Err(E::invalid_type(de::Unexpected::Str(text), &self));
        }
        if text.contains('\0') {
            return Err(E::custom("text must not contain NUL"));
        }
        Ok(text.into())
    }

    /// The rest of `["uuid", text]`.
    fn uuid<'de, A: SeqAccess<'de>>(self, mut seq: A) -> Result<Atom, A::Error> {
        if self.0 != AtomType::Uuid {
            return Err(de::Error::custom(format!("a UUID, but the type is {}", self.0.name())));
        }
        let uuid = seq
            .next_element_seed(UuidSeed)?
            .ok_or_else(|| de::Error::invalid_length(1, &"[\"uuid\", text]"))?;
        end(seq, "[\"uuid\", text]")?;
        Ok(Atom::Uuid(uuid))
    }
}

/// Fails unless `seq` is at its end.
fn end<'de, A: SeqAccess<'de>>(mut seq: A, form: &str) -> Result<(), A::Error> {
    match seq.next_element::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(de::Error::custom(format!("more elements than {form}"))),
    }
}

impl<'de> DeserializeSeed<'de> for AtomSeed {
    type Value = Atom;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Atom, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtomSeed {
    type Value = Atom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of type {}", self.0.name())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Atom, E> {
        match self.0 {
            AtomType::Boolean => Ok(Atom::Boolean(value)),
            _ => Err(E::invalid_type(de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Atom, E> {
        match self.0 {
            AtomType::Integer => Ok(Atom::Integer(value)),
            AtomType::Real => Ok(Atom::Real(Real(value as f64))),
            _ => Err(E::invalid_type(de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Atom, E> {
        match (self.0, i64::try_from(value)) {
            (AtomType::Integer, Ok(value)) => Ok(Atom::Integer(value)),
            (AtomType::Real, _) => Ok(Atom::Real(Real(value as f64))),
            _ => Err(E::invalid_type(de::Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Atom, E> {
        // OVSDB writes some integers with an exponent; those beyond 2^53 would not be exact.
        const EXACT: f64 = (1u64 << 53) as f64;
        match self.0 {
            AtomType::Real => Ok(Atom::Real(Real(value))),
            AtomType::Integer if value.fract() == 0.0 && value.abs() <= EXACT => {
                Ok(Atom::Integer(value as i64))
            }
            _ => Err(E::invalid_type(de::Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Atom, E> {
        Ok(Atom::String(self.text(value)?))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Atom, A::Error> {
        match seq.next_element_seed(TagSeed)? {
            Some(Tag::Uuid) => self.uuid(seq),
            _ => Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }
}

/// Gives back the room that a large value has to spare; for a small one it is not worth a copy.
fn trim<T>(mut elements: Vec<T>) -> Vec<T> {
    const SPARE: usize = 8;
    if elements.capacity() - elements.len() > SPARE {
        elements.shrink_to_fit();
    }
    elements
}

struct SetSeed(AtomType);

impl<'de> DeserializeSeed<'de> for SetSeed {
    type Value = Datum;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Datum, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SetSeed {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {} values", self.0.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let mut atoms = Vec::new();
        while let Some(atom) = seq.next_element_seed(AtomSeed(self.0))? {
            atoms.push(atom);
        }
        Ok(Datum::set(trim(atoms)))
    }
}

struct MapSeed(AtomType, AtomType);

impl<'de> DeserializeSeed<'de> for MapSeed {
    type Value = Datum;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Datum, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for MapSeed {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of pairs of {} and {}", self.0.name(), self.1.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = seq.next_element_seed(PairSeed(self.0, self.1))? {
            pairs.push(pair);
        }
        Ok(Datum::map(trim(pairs)))
    }
}

struct PairSeed(AtomType, AtomType);

impl<'de> DeserializeSeed<'de> for PairSeed {
    type Value = (Atom, Atom);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(Atom, Atom), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PairSeed {
    type Value = (Atom, Atom);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair of key and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(Atom, Atom), A::Error> {
        let key = seq.next_element_seed(AtomSeed(self.0))?;
        let value = seq.next_element_seed(AtomSeed(self.1))?;
        match (key, value) {
            (Some(key), Some(value)) => {
                end(seq, "a pair of key and value")?;
                Ok((key, value))
            }
            _ => Err(de::Error::custom("fewer elements than a pair of key and value")),
        }
    }
}

impl DatumSeed<'_> {
    /// Reads a bare atom.
    fn bare<E: de::Error>(self, read: impl FnOnce(AtomSeed) -> Result<Atom, E>) -> Result<Datum, E> {
        if self.0.is_map() {
            return Err(E::custom("a single value, but the type is a map"));
        }
        Ok(Datum::scalar(read(AtomSeed(self.0.key.atom))?))
    }
}

impl<'de> DeserializeSeed<'de> for DatumSeed<'_> {
    type Value = Datum;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Datum, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DatumSeed<'_> {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0.key.atom.name();
        match &self.0.value {
            Some(value) => write!(f, "a map from {key} to {}", value.atom.name()),
            None if self.0.is_scalar() => write!(f, "a value of type {key}"),
            None => write!(f, "a value or set of type {key}"),
        }
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Datum, E> {
        self.bare(|atom| atom.visit_bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Datum, E> {
        self.bare(|atom| atom.visit_i64(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Datum, E> {
        self.bare(|atom| atom.visit_u64(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Datum, E> {
        self.bare(|atom| atom.visit_f64(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Datum, E> {
        self.bare(|atom| atom.visit_str(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let key = self.0.key.atom;
        let (read, form) = match (seq.next_element_seed(TagSeed)?, &self.0.value) {
            (Some(Tag::Uuid), None) => return Ok(Datum::scalar(AtomSeed(key).uuid(seq)?)),
            (Some(Tag::Set), None) => (seq.next_element_seed(SetSeed(key))?, "[\"set\", array]"),
            (Some(Tag::Map), Some(value)) => {
                (seq.next_element_seed(MapSeed(key, value.atom))?, "[\"map\", array]")
            }
            _ => return Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        };
        let datum = read.ok_or_else(|| de::Error::custom(format!("fewer elements than {form}")))?;
        end(seq, form)?;
        Ok(datum)
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Columns;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Columns, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
        let mut columns = Vec::with_capacity(self.0.len());
        while let Some(column) = map.next_key_seed(NameSeed(self.0))? {
            match column {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((name, column)) => {
                    let datum = map
                        .next_value_seed(DatumSeed(&column.ty))
                        .map_err(|e| de::Error::custom(format!("column {name}: {e}")))?;
                    columns.push((name.clone(), datum));
                }
            }
        }
        Ok(columns)
    }
}
