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
    assert_eq!(default("label"), Datum::none());
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
