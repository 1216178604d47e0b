//! What was written back to the northbound database.

use std::collections::BTreeSet;

use northflow_rules::ovsdb::Datum;

use super::Names;
use crate::dump::Dump;

/// Columns that northflow writes back to the northbound database, in comparable form: one line for
/// each row that has any of them.
pub fn northbound(dump: &Dump) -> Vec<String> {
    let names = Names::default();
    let mut lines = Vec::new();
    for (table, columns) in [
        ("NB_Global", &["options"][..]),
        ("BFD", &["status"]),
        ("Network_Function_Group", &["network_function_active"]),
        ("Logical_Switch_Port_Health_Check", &["status"]),
        ("Logical_Switch_Port", &["dynamic_addresses", "tag", "up"]),
        ("Logical_Router_Port", &["ipv6_prefix", "status"]),
    ] {
        for (uuid, row) in dump.get(table).into_iter().flatten() {
            let wanted: BTreeSet<&str> = columns.iter().copied().collect();
            let held = row.iter().filter(|(name, datum)| wanted.contains(&***name) && !datum_is_empty(datum));
            let shown: Vec<String> =
                held.map(|(name, datum)| format!("{name}={}", names.show(name, datum))).collect();
            if !shown.is_empty() {
                lines.push(format!("{table} {uuid} {}", shown.join(" ")));
            }
        }
    }
    lines.sort();
    lines
}

fn datum_is_empty(datum: &Datum) -> bool {
    match datum {
        Datum::Set(atoms) => atoms.is_empty(),
        Datum::Map(pairs) => pairs.is_empty(),
    }
}
