//! Column types as a schema's JSON has them (RFC 7047 section 3.2, `<type>` and `<base-type>`).

use std::fmt;

use northflow_rules::ovsdb::{Datum, Text};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::{AtomType, BaseType, ColumnType, Limit, UNLIMITED};
use crate::ovsdb::codec::{DatumSeed, write_datum};

/// `"max"`: a number or the word `unlimited`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Max {
    Number(u32),
    Word(String),
}

#[derive(Deserialize)]
struct TypeObject {
    key: BaseType,
    value: Option<BaseType>,
    min: Option<u32>,
    max: Option<Max>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BaseObject {
    #[serde(rename = "type")]
    atom: AtomType,
    #[serde(rename = "enum")]
    values: Option<serde_json::Value>,
    min_integer: Option<i64>,
    max_integer: Option<i64>,
    min_real: Option<f64>,
    max_real: Option<f64>,
    min_length: Option<u32>,
    max_length: Option<u32>,
    ref_table: Option<Text>,
    ref_type: Option<String>,
}

impl TypeObject {
    fn check<E: de::Error>(self) -> Result<ColumnType, E> {
        let max = match self.max {
            None => 1,
            Some(Max::Number(n)) => n,
            Some(Max::Word(word)) if word == "unlimited" => UNLIMITED,
            Some(Max::Word(word)) => {
                return Err(E::custom(format!("\"max\" is a number or \"unlimited\", not \"{word}\"")));
            }
        };
        let min = self.min.unwrap_or(1);
        if min > 1 || max < 1 {
            return Err(E::custom("\"min\" must be 0 or 1 and \"max\" at least 1"));
        }
        Ok(ColumnType { key: self.key, value: self.value, min, max })
    }
}

impl BaseObject {
    fn check<E: de::Error>(self) -> Result<BaseType, E> {
        let limit = if let Some(values) = self.values {
            let ty = ColumnType { min: 0, max: UNLIMITED, ..ColumnType::scalar(self.atom) };
            match DatumSeed(&ty).deserialize(values).map_err(E::custom)? {
                Datum::Set(atoms) => Limit::Enum(atoms.into_vec()),
                Datum::Map(_) => return Err(E::custom("\"enum\" must be a set")),
            }
        } else {
            match self.atom {
                AtomType::Integer if self.min_integer.is_some() || self.max_integer.is_some() => {
                    Limit::Integer {
                        min: self.min_integer.unwrap_or(i64::MIN),
                        max: self.max_integer.unwrap_or(i64::MAX),
                    }
                }
                AtomType::Real if self.min_real.is_some() || self.max_real.is_some() => Limit::Real {
                    min: self.min_real.unwrap_or(-f64::MAX),
                    max: self.max_real.unwrap_or(f64::MAX),
                },
                AtomType::String if self.min_length.is_some() || self.max_length.is_some() => Limit::Length {
                    min: self.min_length.unwrap_or(0),
                    max: self.max_length.unwrap_or(u32::MAX),
                },
                AtomType::Uuid => match self.ref_table {
                    None => Limit::None,
                    Some(table) => Limit::Reference {
                        table,
                        strong: match self.ref_type.as_deref() {
                            None | Some("strong") => true,
                            Some("weak") => false,
                            Some(other) => {
                                return Err(E::custom(format!(
                                    "\"refType\" is \"strong\" or \"weak\", not \"{other}\""
                                )));
                            }
                        },
                    },
                },
                _ => Limit::None,
            }
        };
        Ok(BaseType { atom: self.atom, limit })
    }
}

struct BaseVisitor;

impl<'de> Visitor<'de> for BaseVisitor {
    type Value = BaseType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a base type: a kind of atom or an object with \"type\"")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<BaseType, E> {
        AtomType::deserialize(de::value::StrDeserializer::new(name)).map(BaseType::any)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BaseType, A::Error> {
        BaseObject::deserialize(MapAccessDeserializer::new(map))?.check()
    }
}

impl<'de> Deserialize<'de> for BaseType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BaseType, D::Error> {
        deserializer.deserialize_any(BaseVisitor)
    }
}

struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = ColumnType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column type: a kind of atom or an object with \"key\"")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<ColumnType, E> {
        Ok(ColumnType::scalar(BaseVisitor.visit_str::<E>(name)?.atom))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnType, A::Error> {
        TypeObject::deserialize(MapAccessDeserializer::new(map))?.check()
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ColumnType, D::Error> {
        deserializer.deserialize_any(TypeVisitor)
    }
}

impl Serialize for BaseType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.limit == Limit::None {
            return self.atom.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.atom)?;
        match &self.limit {
            Limit::None => {}
            Limit::Enum(atoms) => {
                let ty = ColumnType { min: 0, max: UNLIMITED, ..ColumnType::scalar(self.atom) };
                let mut json = Vec::new();
                write_datum(&mut json, &Datum::Set(atoms.as_slice().into()), &ty);
                let value: serde_json::Value =
                    serde_json::from_slice(&json).map_err(serde::ser::Error::custom)?;
                map.serialize_entry("enum", &value)?;
            }
            Limit::Integer { min, max } => {
                if *min != i64::MIN {
                    map.serialize_entry("minInteger", min)?;
                }
                if *max != i64::MAX {
                    map.serialize_entry("maxInteger", max)?;
                }
            }
            Limit::Real { min, max } => {
                if *min != -f64::MAX {
                    map.serialize_entry("minReal", min)?;
                }
                if *max != f64::MAX {
                    map.serialize_entry("maxReal", max)?;
                }
            }
            Limit::Length { min, max } => {
                if *min != 0 {
                    map.serialize_entry("minLength", min)?;
                }
                if *max != u32::MAX {
                    map.serialize_entry("maxLength", max)?;
                }
            }
            Limit::Reference { table, strong } => {
                map.serialize_entry("refTable", table)?;
                if !strong {
                    map.serialize_entry("refType", "weak")?;
                }
            }
        }
        map.end()
    }
}

impl Serialize for ColumnType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_scalar() && self.key.limit == Limit::None {
            return self.key.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &self.key)?;
        if let Some(value) = &self.value {
            map.serialize_entry("value", value)?;
        }
        if self.min != 1 {
            map.serialize_entry("min", &self.min)?;
        }
        match self.max {
            1 => {}
            UNLIMITED => map.serialize_entry("max", "unlimited")?,
            max => map.serialize_entry("max", &max)?,
        }
        map.end()
    }
}
