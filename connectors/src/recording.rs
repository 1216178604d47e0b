//! Recordings: what happened in both databases of a network, in one file.
//!
//! A recording is a standalone database file (ovsdb(5)) of a database `OVN_Recording`, so `ovsdb-tool` can list and
//! query it. Its tables are those of the two databases under names with the prefix `nb_` or `sb_`; references are plain
//! identifiers, because a recording is no database to be kept whole, and all rows are roots. The first transaction has
//! the contents of both databases when the recording began. Each later one is what one message of a server told: whole
//! transactions of one database, differences where a column is a set or a map, and as `_date` the time at which it came.
//!
//! A recording that ends in the middle of a record is whole up to there.

use std::collections::BTreeMap;

use northflow_rules::ovsdb::Text;
use northflow_rules::schema::Database;

use crate::ovsdb::client::Layout;
use crate::ovsdb::schema::{BaseType, ColumnSchema, ColumnType, DatabaseSchema, TableSchema};

/// The name of the database.
pub const NAME: &str = "OVN_Recording";

/// The version of the format.
const VERSION: &str = "1.0.0";

const PREFIXES: [(Database, &str); 2] = [(Database::Northbound, "nb_"), (Database::Southbound, "sb_")];

/// What `table` of `database` is called in a recording.
pub fn table_name(database: Database, table: &str) -> Text {
    let prefix = PREFIXES.iter().find(|(known, _)| *known == database).map_or("", |(_, prefix)| prefix);
    format!("{prefix}{table}").into()
}

/// The database and table that a recording calls `name`.
pub fn table_of(name: &str) -> Option<(Database, &str)> {
    PREFIXES.iter().find_map(|(database, prefix)| Some((*database, name.strip_prefix(prefix)?)))
}

/// The schema of a recording of databases that look like this.
pub fn schema(layouts: [(Database, &Layout); 2]) -> DatabaseSchema {
    let mut tables = BTreeMap::new();
    for (database, layout) in layouts {
        for table in &layout.tables {
            let columns = table.columns.iter().filter_map(|(name, ty)| {
                let ty = plain(ty.as_ref()?);
                Some((name.clone(), ColumnSchema { ty, ephemeral: false, mutable: true }))
            });
            let table_schema = TableSchema {
                columns: columns.collect(),
                max_rows: None,
                is_root: true,
                indexes: Vec::new(),
            };
            tables.insert(table_name(database, &table.name), table_schema);
        }
    }
    DatabaseSchema { name: NAME.into(), version: VERSION.into(), cksum: None, tables }
}

/// The type without its limits, references among them.
fn plain(ty: &ColumnType) -> ColumnType {
    let base = |base: &BaseType| BaseType::any(base.atom);
    ColumnType { key: base(&ty.key), value: ty.value.as_ref().map(base), ..*ty }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_tables() {
        for (database, table) in [(Database::Northbound, "NB_Global"), (Database::Southbound, "SB_Global")] {
            assert_eq!(table_of(&table_name(database, table)), Some((database, table)));
        }
        assert_eq!(table_of("Open_vSwitch"), None);
    }
}
