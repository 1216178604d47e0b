//! Database schemas (RFC 7047 section 3.2): what an `.ovsschema` file and a `get_schema` reply hold.
//!
//! A parsed schema writes back as JSON that OVSDB reads as the same schema; defaults are left out.
//! Members that this module does not know are ignored, so that a newer server's schema is usable.

use std::collections::BTreeMap;
use std::fmt;

use northflow_rules::ovsdb::{Atom, Datum, Text};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::codec::{DatumSeed, write_datum};

/// The `max` of a column that may hold any number of elements.
pub const UNLIMITED: u32 = u32::MAX;

/// A database: its name, version and tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseSchema {
    /// Name, such as `OVN_Northbound`.
    pub name: Text,
    /// Version as `x.y.z`; empty when the schema has none.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub version: Text,
    /// Checksum, used by OVN's build alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cksum: Option<Text>,
    /// Tables by name.
    pub tables: BTreeMap<Text, TableSchema>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSchema {
    /// Columns by name, without `_uuid` and `_version`.
    pub columns: BTreeMap<Text, ColumnSchema>,
    /// The most rows the table may hold, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// Whether a row lives without being referred to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_root: bool,
    /// Sets of columns whose values together differ in every row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<Text>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// What it holds.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Whether its values are lost when the server stops.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ephemeral: bool,
    /// Whether a row's value may change after the row was inserted.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub mutable: bool,
}

/// The type of a column: a set of keys or, with `value`, a map.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnType {
    /// Elements of a set, keys of a map.
    pub key: BaseType,
    /// Values of a map.
    pub value: Option<BaseType>,
    /// Fewest elements: 0 or 1.
    pub min: u32,
    /// Most elements, at least 1; [`UNLIMITED`] for any number.
    pub max: u32,
}

/// The type of one element, and the limits on it.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseType {
    /// Its kind.
    pub atom: AtomType,
    /// What limits it.
    pub limit: Limit,
}

/// The kinds of atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomType {
    /// 64-bit signed integers.
    Integer,
    /// Double-precision numbers.
    Real,
    /// Booleans.
    Boolean,
    /// Text.
    String,
    /// Row identifiers.
    Uuid,
}

/// Limits on an element; a schema gives at most one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// Anything of its kind.
    None,
    /// One of these values.
    Enum(Vec<Atom>),
    /// An integer from `min` to `max`, both included.
    Integer {
        /// `i64::MIN` when not given.
        min: i64,
        /// `i64::MAX` when not given.
        max: i64,
    },
    /// A real from `min` to `max`, both included.
    Real {
        /// `-f64::MAX` when not given.
        min: f64,
        /// `f64::MAX` when not given.
        max: f64,
    },
    /// Text of so many characters.
    Length {
        /// 0 when not given.
        min: u32,
        /// `u32::MAX` when not given.
        max: u32,
    },
    /// A row of a table.
    Reference {
        /// The table.
        table: Text,
        /// Whether the row must exist; a weak reference disappears with its row instead.
        strong: bool,
    },
}

/// A schema that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// What is wrong, with line and column.
    pub reason: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a database schema: {}; give an .ovsschema file or a get_schema reply", self.reason)
    }
}

impl std::error::Error for SchemaError {}

impl DatabaseSchema {
    /// Reads a schema from its JSON text.
    pub fn parse(json: &str) -> Result<DatabaseSchema, SchemaError> {
        DatabaseSchema::from_slice(json.as_bytes())
    }

    /// Reads a schema from its JSON text as bytes.
    pub fn from_slice(json: &[u8]) -> Result<DatabaseSchema, SchemaError> {
        let mut schema: DatabaseSchema =
            serde_json::from_slice(json).map_err(|e| SchemaError { reason: e.to_string() })?;
        schema.assume_roots();
        Ok(schema)
    }

    /// A schema without name and tables.
    pub(super) fn empty() -> DatabaseSchema {
        DatabaseSchema { name: "".into(), version: "".into(), cksum: None, tables: BTreeMap::new() }
    }

    /// The schema as JSON on one line.
    pub fn to_json(&self) -> String {
        // Text keys and finite numbers only: serialising cannot fail, and an empty text would be refused.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The type of `column` of `table`.
    pub fn column(&self, table: &str, column: &str) -> Option<&ColumnType> {
        Some(&self.tables.get(table)?.columns.get(column)?.ty)
    }

    /// Schemas older than `isRoot` name no root; every table is one then (RFC 7047 section 3.2).
    fn assume_roots(&mut self) {
        if self.tables.values().all(|table| !table.is_root) {
            self.tables.values_mut().for_each(|table| table.is_root = true);
        }
    }
}

impl ColumnType {
    /// A column that always holds exactly one `atom`.
    pub fn scalar(atom: AtomType) -> ColumnType {
        ColumnType { key: BaseType::any(atom), value: None, min: 1, max: 1 }
    }

    /// Whether it is a map.
    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// Whether it holds exactly one element.
    pub fn is_scalar(&self) -> bool {
        self.min == 1 && self.max == 1 && self.value.is_none()
    }

    /// Whether it may hold more than one element. Changes of such a column travel as differences,
    /// of the others as the new value.
    pub fn is_composite(&self) -> bool {
        self.max > 1
    }

    /// What the column holds when an insertion does not name it (RFC 7047 section 5.2.1).
    pub fn default_datum(&self) -> Datum {
        let count = self.min.min(1) as usize;
        match &self.value {
            Some(value) => Datum::Map(vec![(self.key.atom.default_atom(), value.atom.default_atom()); count]),
            None => Datum::Set(vec![self.key.atom.default_atom(); count]),
        }
    }
}

impl BaseType {
    /// Any `atom`.
    pub fn any(atom: AtomType) -> BaseType {
        BaseType { atom, limit: Limit::None }
    }
}

impl AtomType {
    /// The kind's name in a schema.
    pub fn name(self) -> &'static str {
        match self {
            AtomType::Integer => "integer",
            AtomType::Real => "real",
            AtomType::Boolean => "boolean",
            AtomType::String => "string",
            AtomType::Uuid => "uuid",
        }
    }

    /// Zero, false, the empty text or the zero identifier.
    pub fn default_atom(self) -> Atom {
        use northflow_rules::ovsdb::{Real, Uuid};
        match self {
            AtomType::Integer => Atom::Integer(0),
            AtomType::Real => Atom::Real(Real(0.0)),
            AtomType::Boolean => Atom::Boolean(false),
            AtomType::String => Atom::text(""),
            AtomType::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }
}

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
                Datum::Set(atoms) => Limit::Enum(atoms),
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
                write_datum(&mut json, &Datum::Set(atoms.clone()), &ty);
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

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_empty(text: &Text) -> bool {
    text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"name": "N", "version": "1.2.3", "cksum": "1 2", "later": 7, "tables": {
        "Switch": {"isRoot": true, "maxRows": 3, "indexes": [["name"], ["name", "key"]], "columns": {
            "name": {"type": "string", "mutable": false},
            "key": {"type": {"key": {"type": "integer", "minInteger": 1, "maxInteger": 9}}},
            "weight": {"type": {"key": {"type": "real", "minReal": 0.5}, "min": 0}},
            "label": {"type": {"key": {"type": "string", "maxLength": 63}, "min": 0, "max": 1}},
            "kind": {"type": {"key": {"type": "string", "enum": ["set", ["b", "a"]]}}},
            "one": {"type": {"key": {"type": "integer", "enum": 5}}},
            "ports": {"type": {"key": {"type": "uuid", "refTable": "Port"}, "min": 0, "max": "unlimited"}},
            "by_id": {"ephemeral": true, "type": {"key": "integer", "min": 0, "max": 4,
                "value": {"type": "uuid", "refTable": "Port", "refType": "weak"}}}}},
        "Port": {"columns": {"up": {"type": "boolean"}}}}}"#;

    #[test]
    fn everything_a_schema_says_is_kept() {
        let schema = DatabaseSchema::parse(SCHEMA).unwrap();
        assert_eq!((&*schema.name, &*schema.version), ("N", "1.2.3"));
        let table = &schema.tables["Switch"];
        assert!(table.is_root && !schema.tables["Port"].is_root);
        assert_eq!((table.max_rows, table.indexes.len()), (Some(3), 2));
        assert!(!table.columns["name"].mutable);
        assert!(table.columns["by_id"].ephemeral);
        let ty = |name: &str| schema.column("Switch", name).unwrap();
        assert_eq!(ty("key").key.limit, Limit::Integer { min: 1, max: 9 });
        assert_eq!(ty("weight").key.limit, Limit::Real { min: 0.5, max: f64::MAX });
        assert_eq!(ty("label").key.limit, Limit::Length { min: 0, max: 63 });
        assert_eq!(ty("kind").key.limit, Limit::Enum(vec![Atom::text("a"), Atom::text("b")]));
        assert_eq!(ty("one").key.limit, Limit::Enum(vec![Atom::Integer(5)]));
        assert_eq!((ty("ports").min, ty("ports").max), (0, UNLIMITED));
        let weak = Limit::Reference { table: "Port".into(), strong: false };
        assert_eq!(ty("by_id").value.as_ref().unwrap().limit, weak);
        assert!(schema.column("Switch", "none").is_none());
    }

    #[test]
    fn a_schema_round_trips() {
        let schema = DatabaseSchema::parse(SCHEMA).unwrap();
        let json = schema.to_json();
        assert!(json.contains(r#""up":{"type":"boolean"}"#), "{json}");
        assert_eq!(DatabaseSchema::parse(&json).unwrap(), schema);
    }

    #[test]
    fn without_roots_every_table_is_one() {
        let text = r#"{"name":"N","tables":{"T":{"columns":{"a":{"type":"integer"}}}}}"#;
        assert!(DatabaseSchema::parse(text).unwrap().tables["T"].is_root);
    }

    #[test]
    fn defaults_follow_the_type() {
        let schema = DatabaseSchema::parse(SCHEMA).unwrap();
        let default = |name: &str| schema.column("Switch", name).unwrap().default_datum();
        assert_eq!(default("name"), Datum::scalar(Atom::text("")));
        assert_eq!(default("label"), Datum::Set(vec![]));
        assert_eq!(default("by_id"), Datum::Map(vec![]));
    }

    #[test]
    fn bad_schemas_say_what_is_wrong() {
        let with = |ty: &str| {
            let text = format!(r#"{{"name":"N","tables":{{"T":{{"columns":{{"a":{{"type":{ty}}}}}}}}}}}"#);
            DatabaseSchema::parse(&text).unwrap_err().to_string()
        };
        assert!(with("\"number\"").contains("unknown variant `number`"));
        assert!(with(r#"{"key":"string","max":"many"}"#).contains("not \"many\""));
        assert!(with(r#"{"key":"string","min":2}"#).contains("\"min\" must be 0 or 1"));
        assert!(with(r#"{"key":{"type":"uuid","refTable":"T","refType":"soft"}}"#).contains("not \"soft\""));
        assert!(with("7").contains("a column type"));
    }
}
