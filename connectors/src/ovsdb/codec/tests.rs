use std::collections::BTreeMap;

use northflow_rules::ovsdb::{Atom, Real, Uuid};
use proptest::prelude::*;
use serde::de::DeserializeSeed;

use super::*;
use crate::ovsdb::schema::{AtomType, BaseType, ColumnSchema, ColumnType, UNLIMITED};

const UUID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

fn set_of(atom: AtomType) -> ColumnType {
    ColumnType { min: 0, max: UNLIMITED, ..ColumnType::scalar(atom) }
}

fn map_of(key: AtomType, value: AtomType) -> ColumnType {
    ColumnType { value: Some(BaseType::any(value)), ..set_of(key) }
}

fn read(json: &str, ty: &ColumnType) -> Result<Datum, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    DatumSeed(ty).deserialize(&mut deserializer).map_err(|e| e.to_string())
}

fn written(datum: &Datum, ty: &ColumnType) -> String {
    let mut out = Vec::new();
    write_datum(&mut out, datum, ty);
    String::from_utf8(out).unwrap()
}

fn texts<const N: usize>(texts: [&str; N]) -> Datum {
    Datum::set(texts.map(Atom::text))
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Datum {
    Datum::map(pairs.map(|(key, value)| (Atom::text(key), Atom::text(value))))
}

#[test]
fn every_form_is_read() {
    let uuid = Datum::scalar(Atom::Uuid(Uuid::parse(UUID).unwrap()));
    let strings = set_of(AtomType::String);
    assert_eq!(read("7", &ColumnType::scalar(AtomType::Integer)), Ok(Datum::scalar(Atom::Integer(7))));
    assert_eq!(read("1e3", &ColumnType::scalar(AtomType::Integer)), Ok(Datum::scalar(Atom::Integer(1000))));
    assert_eq!(read("-2", &ColumnType::scalar(AtomType::Real)), Ok(Datum::scalar(Atom::Real(Real(-2.0)))));
    assert_eq!(read("true", &set_of(AtomType::Boolean)), Ok(Datum::scalar(Atom::Boolean(true))));
    assert_eq!(read(r#""é\n""#, &strings), Ok(texts(["é\n"])));
    assert_eq!(read(r#"["set",["b","a","b"]]"#, &strings), Ok(texts(["a", "b"])));
    assert_eq!(read(r#"["set",[]]"#, &strings), Ok(Datum::none()));
    assert_eq!(read(&format!(r#"["uuid","{UUID}"]"#), &set_of(AtomType::Uuid)), Ok(uuid.clone()));
    assert_eq!(read(&format!(r#"["set",[["uuid","{UUID}"]]]"#), &set_of(AtomType::Uuid)), Ok(uuid));
    assert_eq!(
        read(r#"["map",[["b","2"],["a","1"]]]"#, &map_of(AtomType::String, AtomType::String)),
        Ok(pairs([("a", "1"), ("b", "2")]))
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let integer = ColumnType::scalar(AtomType::Integer);
    let strings = set_of(AtomType::String);
    let map = map_of(AtomType::String, AtomType::Integer);
    let uuids = set_of(AtomType::Uuid);
    for (json, ty, reason) in [
        (r#""x""#, &integer, "a value of type integer"),
        ("1.5", &integer, "a value of type integer"),
        ("9223372036854775808", &integer, "a value of type integer"),
        ("null", &integer, "a value of type integer"),
        ("7", &strings, "a value of type string"),
        (r#""a\u0000b""#, &strings, "NUL"),
        ("7", &map, "the type is a map"),
        (r#"["set",[]]"#, &map, "a map from string to integer"),
        (r#"["map",[["a"]]]"#, &map, "fewer elements"),
        (r#"["map",[["a",1,2]]]"#, &map, "more elements"),
        (r#"["set",["a"],1]"#, &strings, "more elements"),
        (r#"["set"]"#, &strings, "fewer elements"),
        ("[]", &strings, "a value or set of type string"),
        (r#"["bag",[]]"#, &strings, "\"set\", \"map\" or \"uuid\""),
        (r#"["uuid","0a1b"]"#, &uuids, "a UUID"),
        (r#"["named-uuid","row1"]"#, &uuids, "outside its transaction"),
        (r#"["set",[["named-uuid","row1"]]]"#, &uuids, "outside its transaction"),
        (&format!(r#"["uuid","{UUID}"]"#), &strings, "the type is string"),
        (r#"["set",[["set",[]]]]"#, &strings, "a value of type string"),
    ] {
        let error = read(json, ty).expect_err(json);
        assert!(error.contains(reason), "{json}: {error}");
    }
}

#[test]
fn a_row_skips_other_columns_and_names_the_bad_one() {
    let column = |atom| ColumnSchema { ty: ColumnType::scalar(atom), ephemeral: false, mutable: true };
    let columns = BTreeMap::from([
        (Text::from("name"), column(AtomType::String)),
        (Text::from("tag"), column(AtomType::Integer)),
    ]);
    let read = |json: &str| {
        RowSeed(&columns)
            .deserialize(&mut serde_json::Deserializer::from_str(json))
            .map_err(|e| e.to_string())
    };
    assert_eq!(
        read(r#"{"other":["set",[1,{"a":2}]],"tag":3,"name":"x"}"#),
        Ok(vec![("tag".into(), Datum::scalar(Atom::Integer(3))), ("name".into(), texts(["x"]))])
    );
    let error = read(r#"{"tag":"x"}"#).unwrap_err();
    assert!(error.starts_with("column tag: invalid type: string \"x\""), "{error}");
}

#[test]
fn every_form_is_written() {
    let strings = set_of(AtomType::String);
    assert_eq!(written(&texts(["q\"\\\n\u{1}é"]), &strings), r#""q\"\\\n\u0001é""#);
    assert_eq!(written(&texts(["a", "b"]), &strings), r#"["set",["a","b"]]"#);
    assert_eq!(written(&texts([]), &strings), r#"["set",[]]"#);
    let map = map_of(AtomType::String, AtomType::String);
    assert_eq!(written(&pairs([("a", "1"), ("b", "2")]), &map), r#"["map",[["a","1"],["b","2"]]]"#);
    assert_eq!(written(&texts([]), &map), r#"["map",[]]"#);
    let real = ColumnType::scalar(AtomType::Real);
    assert_eq!(written(&Datum::scalar(Atom::Real(Real(f64::INFINITY))), &real), "1.7976931348623157e308");
    assert_eq!(written(&Datum::scalar(Atom::Real(Real(f64::NAN))), &real), "0");
}

#[test]
fn differences_of_small_columns_replace() {
    let optional = ColumnType { min: 0, ..ColumnType::scalar(AtomType::String) };
    let mut datum = texts(["a"]);
    apply_diff(&mut datum, &texts(["b"]), &optional);
    assert_eq!(datum, texts(["b"]));
    // The same value again is the value, not a removal.
    apply_diff(&mut datum, &texts(["b"]), &optional);
    assert_eq!(datum, texts(["b"]));
    apply_diff(&mut datum, &texts([]), &optional);
    assert_eq!(datum, texts([]));
}

#[test]
fn differences_of_sets_and_maps_toggle() {
    let mut datum = texts(["a", "b"]);
    apply_diff(&mut datum, &texts(["b", "c"]), &set_of(AtomType::String));
    assert_eq!(datum, texts(["a", "c"]));
    let mut datum = pairs([("a", "1"), ("b", "2")]);
    apply_diff(
        &mut datum,
        &pairs([("a", "1"), ("b", "3"), ("c", "4")]),
        &map_of(AtomType::String, AtomType::String),
    );
    assert_eq!(datum, pairs([("b", "3"), ("c", "4")]));
}

fn atom(kind: AtomType) -> BoxedStrategy<Atom> {
    match kind {
        AtomType::Integer => any::<i64>().prop_map(Atom::Integer).boxed(),
        AtomType::Real => {
            use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
            (NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE).prop_map(|v| Atom::Real(Real(v))).boxed()
        }
        AtomType::Boolean => any::<bool>().prop_map(Atom::Boolean).boxed(),
        AtomType::String => "[^\\x00]{0,12}".prop_map(Atom::text).boxed(),
        AtomType::Uuid => any::<u128>().prop_map(|v| Atom::Uuid(Uuid(v))).boxed(),
    }
}

fn kind() -> impl Strategy<Value = AtomType> {
    proptest::sample::select(vec![
        AtomType::Integer,
        AtomType::Real,
        AtomType::Boolean,
        AtomType::String,
        AtomType::Uuid,
    ])
}

fn typed_datum() -> impl Strategy<Value = (ColumnType, Datum)> {
    let set = kind()
        .prop_flat_map(|k| (Just(set_of(k)), proptest::collection::vec(atom(k), 0..12).prop_map(Datum::set)));
    let map = (kind(), kind()).prop_flat_map(|(k, v)| {
        (Just(map_of(k, v)), proptest::collection::vec((atom(k), atom(v)), 0..12).prop_map(Datum::map))
    });
    prop_oneof![set, map]
}

/// Small key spaces, so that differences meet what is there.
fn small_map() -> impl Strategy<Value = BTreeMap<i64, i64>> {
    proptest::collection::btree_map(0i64..30, 0i64..3, 0..30)
}

fn as_datum(map: &BTreeMap<i64, i64>) -> Datum {
    Datum::map(map.iter().map(|(k, v)| (Atom::Integer(*k), Atom::Integer(*v))))
}

fn keys(map: &BTreeMap<i64, i64>) -> Datum {
    Datum::set(map.keys().map(|k| Atom::Integer(*k)))
}

proptest! {
    #[test]
    fn json_round_trips((ty, datum) in typed_datum()) {
        prop_assert_eq!(read(&written(&datum, &ty), &ty), Ok(datum));
    }

    #[test]
    fn arbitrary_text_never_panics(json in "\\PC{0,40}|[\\[\\]{}\",:0-9a-z\\-. ]{0,60}", (ty, _) in typed_datum()) {
        let _ = read(&json, &ty);
    }

    #[test]
    fn other_types_are_read_or_refused((ty, datum) in typed_datum(), (other, _) in typed_datum()) {
        let _ = read(&written(&datum, &ty), &other);
    }

    /// The difference of two values, worked out by the book, leads from one to the other.
    #[test]
    fn a_difference_leads_to_the_new_value(old in small_map(), new in small_map()) {
        let diff: BTreeMap<i64, i64> = old
            .iter()
            .filter(|(k, _)| !new.contains_key(k))
            .chain(new.iter().filter(|(k, v)| old.get(k) != Some(v)))
            .map(|(k, v)| (*k, *v))
            .collect();
        let ty = map_of(AtomType::Integer, AtomType::Integer);
        prop_assert_eq!(difference(&as_datum(&old), &as_datum(&new), &ty), as_datum(&diff));
        let mut datum = as_datum(&old);
        apply_diff(&mut datum, &as_datum(&diff), &ty);
        prop_assert_eq!(datum, as_datum(&new));

        let toggled = old.keys().filter(|k| !new.contains_key(k)).chain(new.keys().filter(|k| !old.contains_key(k)));
        let (toggled, ty) = (Datum::set(toggled.map(|k| Atom::Integer(*k))), set_of(AtomType::Integer));
        prop_assert_eq!(&difference(&keys(&old), &keys(&new), &ty), &toggled);
        let mut datum = keys(&old);
        apply_diff(&mut datum, &toggled, &ty);
        prop_assert_eq!(datum, keys(&new));
    }
}
