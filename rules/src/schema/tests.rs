//! The declarations against the database schemas, and the derived encoding.

use std::collections::HashMap;

use super::*;
use crate::ovsdb::{Atom, Text};

/// What OVN 26.03.1 says of a column: type, least elements, whether more than one.
type Fact = (String, bool, bool);

fn facts() -> HashMap<(&'static str, &'static str, &'static str), Fact> {
    let mut database = "";
    let mut facts = HashMap::new();
    for line in include_str!("testdata/columns.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [name, _version] => database = name,
            [table, column, kind, least, most] => {
                let fact = (kind.to_owned(), least == "0", most != "1");
                assert_eq!(facts.insert((database, table, column), fact), None, "{table}.{column} twice");
            }
            _ => panic!("odd line {line:?}"),
        }
    }
    facts
}

/// What is wrong with the declared columns of a table.
pub(crate) fn faults(info: TableInfo) -> Vec<String> {
    let facts = facts();
    let mut faults = Vec::new();
    for (column, kind) in info.columns.iter().zip(info.kinds) {
        let name = format!("{}.{column}", info.name);
        let Some((kind_text, optional, many)) = facts.get(&(info.database.name(), info.name, *column)) else {
            faults.push(format!("{name} is not in the schema"));
            continue;
        };
        let declared = match kind.value {
            Some(value) => format!("{}:{value}", kind.key),
            None => kind.key.to_owned(),
        };
        // A set that has to hold one element at least is a set all the same.
        if declared != *kind_text || kind.many != *many || (!many && kind.optional != *optional) {
            faults.push(format!("{name} is declared as {kind}"));
        }
    }
    faults
}

table! {
    /// Every way of getting a column wrong.
    pub struct Wrong in Northbound "Mirror" {
        /// Text in the schema.
        name: i64 = "name",
        /// Not optional in the schema.
        filter: Option<Text> = "filter",
        /// Not a set in the schema.
        sink: Vec<Text> = "sink",
        /// A map of text to text in the schema.
        external_ids: IntMap = "external_ids",
        /// Not in the schema.
        colour: Text = "colour",
    }
}

#[test]
fn a_wrong_declaration_is_noticed() {
    assert_eq!(
        faults(TableInfo::of::<Wrong>()),
        [
            "Mirror.name is declared as one integer",
            "Mirror.filter is declared as an optional string",
            "Mirror.sink is declared as a set of string",
            "Mirror.external_ids is declared as a map of string to integer",
            "Mirror.colour is not in the schema",
        ]
    );
}

fn mirror() -> sb::Mirror {
    sb::Mirror {
        uuid: Uuid(7),
        name: "m".into(),
        filter: "both".into(),
        sink: "192.0.2.1".into(),
        type_: "gre".into(),
        index: 3,
    }
}

#[test]
fn rows_round_trip() {
    let row = mirror();
    let columns = row.encode();
    assert_eq!(columns[4], ("index", Datum::scalar(Atom::Integer(3))));
    assert_eq!(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), sb::Mirror::COLUMNS);
    let data: Vec<Option<Datum>> = columns.into_iter().map(|(_, datum)| Some(datum)).collect();
    assert_eq!(sb::Mirror::decode(row.uuid(), &data), Ok(row));
}

#[test]
fn a_column_that_the_server_lacks_takes_its_default() {
    let port = nb::LogicalSwitchPort::decode(Uuid(1), &[Some(Datum::scalar(Atom::text("p"))), None]).unwrap();
    assert_eq!(port.name.as_ref(), "p");
    assert_eq!(port.type_.as_ref(), "");
    assert_eq!(port.enabled, None);
    assert!(port.options.is_empty() && port.addresses.is_empty());
}

#[test]
fn a_column_of_the_wrong_type_names_itself() {
    let error = sb::Mirror::decode(Uuid(0xab << 120), &[Some(Datum::scalar(Atom::Integer(1)))]).unwrap_err();
    assert_eq!((error.table, error.column), ("Mirror", "name"));
    assert_eq!(
        error.to_string(),
        "table \"Mirror\" row ab000000-0000-0000-0000-000000000000 column \"name\": \
         expected one string, found integer; compare the server's schema with OVN's"
    );
}

#[test]
fn keys_give_stable_identifiers_that_keep_parts_apart() {
    assert_eq!(key_uuid("T", &["a", "b"]), key_uuid("T", &["a", "b"]));
    assert_ne!(key_uuid("T", &["ab", "c"]), key_uuid("T", &["a", "bc"]));
    assert_ne!(key_uuid("T", &["a"]), key_uuid("Ta", &[]));
    // Databases in use hold these identifiers: they stay as they are.
    assert_eq!(key_uuid("Mirror", &["m"]).to_string(), "33439cb6-0524-8795-b4cb-63dbe5128c5c");
}
