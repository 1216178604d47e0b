//! From a database client's events to transactions of the program.

use std::collections::HashSet;

use northflow_engine::Transaction;
use northflow_rules::binding::{OutputTable, Role};
use northflow_rules::northd::OUTPUTS;
use northflow_rules::ovsdb::{Datum, Uuid};
use northflow_rules::schema::Database;

use crate::ovsdb::client::{Kind, Layout, RowUpdate, TableRequest, Update};
use crate::ovsdb::schema::ColumnType;
use crate::replica::{Cell, Replica, ReplicaError};

/// Tables that no rule reads but whose change by somebody else calls for repair. They are those of ovn-northd; it
/// hears nothing of Logical_Flow, Multicast_Group, Port_Group, Address_Set and Meter either.
const WATCHED: &[&str] = &[
    "RBAC_Role",
    "RBAC_Permission",
    "DHCP_Options",
    "DHCPv6_Options",
    "HA_Chassis",
    "HA_Chassis_Group",
    "Chassis_Template_Var",
    "Load_Balancer",
    "Logical_DP_Group",
    "Mirror",
];

/// Watched tables in which a changed row waits until there is something to write, as it does for ovn-northd; a row
/// that comes or goes does not.
const PATIENT: &[&str] = &["Load_Balancer"];

/// Watched tables whose rows the server deletes when nothing refers to them. That one is gone says that somebody has
/// changed what referred to it, perhaps row by row, so it waits until there is something to write.
const REFERRED: &[&str] = &["Logical_DP_Group"];

/// Columns of watched tables that are not watched: they are large, and our own writes come back too.
const UNWATCHED: &[&str] = &["vips", "datapaths"];

/// What one database's client is asked for, and where it goes.
#[derive(Debug)]
pub(super) struct Feed {
    tables: Vec<FeedTable>,
}

#[derive(Debug)]
struct FeedTable {
    request: TableRequest,
    /// The place among the replica's tables; `None` for a table that is only watched.
    replica: Option<usize>,
    /// Whether nobody but the program is to add rows to it.
    owned: bool,
    /// Whether a changed row of a watched table may wait.
    patient: bool,
    /// Whether a row that is gone from a watched table may wait.
    referred: bool,
}

/// What an update was about, beside the program's input.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Rows that could not be taken over.
    pub rejected: Vec<ReplicaError>,
    /// Rows that have come to tables that the program owns.
    pub inserted: Vec<Uuid>,
    /// Rows that are gone.
    pub deleted: Vec<Uuid>,
    /// Whether a watched table changed so that it is to be put right.
    pub watched: bool,
    /// Whether one changed so that it may wait.
    pub waits: bool,
}

impl Feed {
    /// What the program reads of `database`.
    pub fn new(database: Database, replica: &Replica) -> Feed {
        let read = replica.tables(database).map(|(at, name)| FeedTable {
            request: request(name, replica.columns(at)),
            replica: Some(at),
            owned: OUTPUTS.iter().any(|output| {
                output.role == Role::Own && (output.info.database, output.info.name) == (database, name)
            }),
            patient: false,
            referred: false,
        });
        let watched = WATCHED.iter().filter(|_| database == Database::Southbound).map(|name| FeedTable {
            request: request(name, &watched_columns(name)),
            replica: None,
            owned: false,
            patient: PATIENT.contains(name),
            referred: REFERRED.contains(name),
        });
        Feed { tables: read.chain(watched).collect() }
    }

    /// The tables to ask the client for.
    pub fn requests(&self) -> Vec<TableRequest> {
        self.tables.iter().map(|table| table.request.clone()).collect()
    }

    /// Makes the replica equal to a snapshot.
    pub fn snapshot(
        &self,
        update: Update,
        layout: &Layout,
        replica: &mut Replica,
        transaction: &mut Transaction,
    ) -> Seen {
        let mut seen = Seen { watched: true, ..Seen::default() };
        let mut there: Vec<HashSet<Uuid>> = self.tables.iter().map(|_| HashSet::new()).collect();
        for changes in update.tables {
            let Some(at) = self.tables[changes.table].replica else { continue };
            for (uuid, row) in changes.rows {
                let RowUpdate::Insert(columns) = row else { continue };
                there[changes.table].insert(uuid);
                let types = &layout.tables[changes.table].columns;
                let mut cells: Vec<Option<Datum>> =
                    types.iter().map(|(_, ty)| ty.as_ref().map(ColumnType::default_datum)).collect();
                for (column, datum) in columns {
                    cells[column] = Some(datum);
                }
                // The engine cancels a row that comes back as it was.
                let _ = replica.remove(at, uuid, transaction);
                seen.reject(replica.insert(at, uuid, &cells, transaction));
            }
        }
        for (table, there) in self.tables.iter().zip(&there) {
            let Some(at) = table.replica else { continue };
            for uuid in replica.uuids(at).into_iter().filter(|uuid| !there.contains(uuid)) {
                seen.reject(replica.remove(at, uuid, transaction));
            }
        }
        seen
    }

    /// Follows a change.
    pub fn update(&self, update: Update, replica: &mut Replica, transaction: &mut Transaction) -> Seen {
        let mut seen = Seen::default();
        for changes in update.tables {
            let table = &self.tables[changes.table];
            let Some(at) = table.replica else {
                for (_, row) in &changes.rows {
                    match row {
                        RowUpdate::Modify { .. } if table.patient => seen.waits = true,
                        RowUpdate::Delete if table.referred => seen.waits = true,
                        _ => seen.watched = true,
                    }
                }
                continue;
            };
            for (uuid, row) in changes.rows {
                let result = match row {
                    RowUpdate::Insert(columns) => {
                        if table.owned {
                            seen.inserted.push(uuid);
                        }
                        let mut cells = vec![None; replica.columns(at).len()];
                        for (column, datum) in columns {
                            cells[column] = Some(datum);
                        }
                        replica.insert(at, uuid, &cells, transaction)
                    }
                    RowUpdate::Modify { columns, is_diff } => {
                        let cell = if is_diff { Cell::Difference } else { Cell::Value };
                        let cells = columns.into_iter().map(|(at, datum)| (at, cell(datum))).collect();
                        replica.update(at, uuid, cells, transaction)
                    }
                    RowUpdate::Delete => {
                        seen.deleted.push(uuid);
                        replica.remove(at, uuid, transaction)
                    }
                };
                seen.reject(result);
            }
        }
        seen
    }
}

impl Seen {
    fn reject(&mut self, result: Result<(), ReplicaError>) {
        self.rejected.extend(result.err());
    }
}

/// The columns that the program writes to a table of the southbound database.
fn watched_columns(table: &str) -> Vec<&'static str> {
    let of_table = |output: &&OutputTable| {
        output.role == Role::Own && (output.info.database, output.info.name) == (Database::Southbound, table)
    };
    let columns = OUTPUTS.iter().filter(of_table).flat_map(|output| output.info.columns);
    columns.copied().filter(|column| !UNWATCHED.contains(column)).collect()
}

fn request(table: &str, columns: &[&str]) -> TableRequest {
    let columns = columns.iter().map(|name| (*name).into()).collect();
    TableRequest { table: table.into(), columns, kind: Kind::Full }
}
