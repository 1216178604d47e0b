//! Rows that make no sense, for the reference too: without those that break it, and without those whose outcome is
//! the order of its hash tables.

use std::collections::BTreeSet;

use northflow_connectors::change::{Edit, RowChange};
use northflow_rules::ovsdb::{Atom, Datum};

use super::{Garbage, change};
use crate::dump::Row;

/// Tables whose rows may crash it, or that a server takes with columns alone that rules do not read.
const LEFT_OUT: &[&str] = &[
    "BFD",
    "DHCP_Relay",
    "Forwarding_Group",
    "Load_Balancer_Health_Check",
    "NB_Global",
    "Network_Function_Health_Check",
];

/// Columns that refer to those.
const REFERRING: &[&str] = &["bfd", "bfd_sessions", "dhcp_relay", "forwarding_groups", "health_check"];

/// Settings that make it spin or crash with values that make no sense.
const SETTINGS: &[&str] =
    &["requested-tnl-key", "dynamic-routing-redistribute", "dynamic-routing-vni", "dhcp_relay_port"];

/// Inserts of all rows that `steps` transactions from `seed` leave, to be made at once.
pub fn contents(seed: u64, steps: usize) -> Vec<RowChange> {
    let mut garbage = Garbage::new(seed);
    (0..steps).for_each(|_| drop(garbage.step()));
    let (mut listed, mut dynamic) = (BTreeSet::new(), false);
    let mut changes = Vec::new();
    for (table, rows) in garbage.rows.iter().filter(|(table, _)| !LEFT_OUT.contains(table)) {
        for (uuid, row) in rows {
            let mut row = row.clone();
            soften(&mut row);
            match *table {
                "Network_Function_Group" => {
                    row.insert("mode".into(), Datum::scalar(Atom::text("inline")));
                }
                // Of several ports that want addresses, one goes first.
                "Logical_Switch_Port" if is_dynamic(&row) && std::mem::replace(&mut dynamic, true) => {
                    row.remove("addresses");
                }
                // A port belongs to one of those that list it.
                "Logical_Switch" | "Logical_Router" => {
                    if let Some(Datum::Set(ports)) = row.get_mut("ports") {
                        ports.retain(|port| listed.insert(port.clone()));
                    }
                }
                _ => {}
            }
            changes.push(change(table, *uuid, Edit::Insert(row.into_iter().collect())));
        }
    }
    changes
}

fn is_dynamic(port: &Row) -> bool {
    let dynamic = |atom: &Atom| matches!(atom, Atom::String(text) if text.contains("dynamic"));
    matches!(port.get("addresses"), Some(Datum::Set(entries)) if entries.iter().any(dynamic))
}

fn soften(row: &mut Row) {
    row.retain(|column, _| !REFERRING.contains(&&**column));
    for datum in row.values_mut() {
        if let Datum::Map(pairs) = datum {
            pairs.retain(|(key, _)| !matches!(key, Atom::String(key) if SETTINGS.contains(&&**key)));
        }
    }
}
