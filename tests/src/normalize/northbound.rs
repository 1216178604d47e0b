//! What was written back to the northbound database.

use northflow_connectors::change::{Edit, RowChange};

use super::{Names, datum_is_empty};
use crate::dump::Dump;

/// The columns that are written back, by table.
const WRITTEN: &[(&str, &[&str])] = &[
    ("NB_Global", &["options"]),
    ("BFD", &["status"]),
    ("Network_Function_Group", &["network_function_active"]),
    ("Logical_Switch_Port_Health_Check", &["status"]),
    ("Logical_Switch_Port", &["dynamic_addresses", "tag", "up"]),
    ("Logical_Router_Port", &["ipv6_prefix", "status"]),
];

/// Columns of NB_Global that say how far the daemon is, which tests of the daemon watch.
const PROGRESS: &[&str] =
    &["nb_cfg", "nb_cfg_timestamp", "sb_cfg", "sb_cfg_timestamp", "hv_cfg", "hv_cfg_timestamp"];

/// The columns that are written back, in comparable form: one line for each row that has any of them.
pub fn northbound(dump: &Dump) -> Vec<String> {
    let names = Names::default();
    let mut lines = Vec::new();
    for (table, columns) in WRITTEN {
        for (uuid, row) in dump.get(*table).into_iter().flatten() {
            let held =
                row.iter().filter(|(name, datum)| columns.contains(&&***name) && !datum_is_empty(datum));
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

/// Something in a change of the northbound database by a northd that [`northbound`] does not see.
pub fn unseen(change: &RowChange) -> Option<String> {
    let table = &*change.table;
    let columns = match &change.edit {
        Edit::Update(columns) => columns,
        Edit::Insert(_) | Edit::Delete | Edit::Elements { .. } => {
            return Some(format!("{table} {}: {:?}", change.uuid, change.edit));
        }
    };
    let seen = |column: &str| {
        let written = WRITTEN.iter().any(|(name, columns)| *name == table && columns.contains(&column));
        written || (table == "NB_Global" && PROGRESS.contains(&column))
    };
    let unseen = columns.iter().find(|(name, _)| !seen(name))?;
    Some(format!("{table} {}: {} became {:?}", change.uuid, unseen.0, unseen.1))
}

#[cfg(test)]
mod tests {
    use northflow_rules::northd::OUTPUTS;
    use northflow_rules::schema::Database;

    use super::WRITTEN;

    #[test]
    fn every_northbound_column_that_northflow_writes_is_compared() {
        for output in OUTPUTS.iter().filter(|output| output.info.database == Database::Northbound) {
            let compared = WRITTEN.iter().find(|(table, _)| *table == output.info.name);
            for column in output.info.columns {
                assert!(compared.is_some_and(|(_, columns)| columns.contains(column)), "{}", output.name);
            }
        }
    }
}
