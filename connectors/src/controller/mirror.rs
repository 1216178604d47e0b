//! A database as its client tells of it: the inputs of the program, and rows that the controller itself
//! goes by.

use std::collections::HashSet;
use std::sync::Arc;

use northflow_engine::{Rec, Transaction, Weight};
use northflow_rules::binding::InputTable;
use northflow_rules::ovsdb::{Datum, Uuid};
use northflow_rules::schema::Database;

use crate::ovsdb::client::{Kind, Layout, RowUpdate, TableRequest, Update};
use crate::ovsdb::schema::ColumnType;
use crate::replica::{Cell, Replica, ReplicaError};

/// A change of a row that the controller goes by: the input's name, the row, and whether it came or went.
pub(crate) type OwnChange = (&'static str, Rec, Weight);

/// What is known of one database.
#[derive(Debug)]
pub(super) struct Mirror {
    program: Replica,
    own: Replica,
    tables: Vec<MirrorTable>,
    /// What the server has of the tables, once it has been told.
    layout: Option<Arc<Layout>>,
}

/// A table that is asked for.
#[derive(Debug)]
struct MirrorTable {
    request: TableRequest,
    program: Option<Reader>,
    own: Option<Reader>,
}

/// Who reads a table.
#[derive(Debug)]
struct Reader {
    /// The place of the table in its replica.
    table: usize,
    /// Where among the columns asked for the replica's are.
    columns: Vec<usize>,
}

/// What an event was about.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Changes of the controller's own rows.
    pub own: Vec<OwnChange>,
    /// Rows that could not be taken over.
    pub rejected: Vec<ReplicaError>,
}

impl Reader {
    /// Reads `columns`, and asks for those of them that nobody has asked for.
    fn new(table: usize, columns: &[&str], request: &mut TableRequest) -> Reader {
        let place = |name: &&str| {
            let known = request.columns.iter().position(|column| **column == **name);
            known.unwrap_or_else(|| {
                request.columns.push((*name).into());
                request.columns.len() - 1
            })
        };
        Reader { table, columns: columns.iter().map(place).collect() }
    }

    fn snapshot(
        &self,
        replica: &mut Replica,
        uuid: Uuid,
        cells: &[Option<Datum>],
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        // The engine cancels a row that comes back as it was.
        let _ = replica.remove(self.table, uuid, transaction);
        let cells: Vec<Option<Datum>> = self.columns.iter().map(|at| cells[*at].clone()).collect();
        replica.insert(self.table, uuid, &cells, transaction)
    }

    fn update(
        &self,
        replica: &mut Replica,
        uuid: Uuid,
        row: &RowUpdate,
        transaction: &mut Transaction,
    ) -> Result<(), ReplicaError> {
        let place = |at: &usize| self.columns.iter().position(|column| column == at);
        match row {
            RowUpdate::Insert(columns) => {
                let mut cells = vec![None; self.columns.len()];
                for (at, datum) in columns {
                    if let Some(place) = place(at) {
                        cells[place] = Some(datum.clone());
                    }
                }
                replica.insert(self.table, uuid, &cells, transaction)
            }
            RowUpdate::Modify { columns, is_diff } => {
                let cell = if *is_diff { Cell::Difference } else { Cell::Value };
                let cells: Vec<(usize, Cell)> = columns
                    .iter()
                    .filter_map(|(at, datum)| Some((place(at)?, cell(datum.clone()))))
                    .collect();
                if cells.is_empty() {
                    return Ok(());
                }
                replica.update(self.table, uuid, cells, transaction)
            }
            RowUpdate::Delete => replica.remove(self.table, uuid, transaction),
        }
    }
}

impl Mirror {
    /// A mirror of `database` that holds nothing yet.
    pub fn new(database: Database, program: &'static [InputTable], own: &'static [InputTable]) -> Mirror {
        let (program, own) = (Replica::new(program), Replica::new(own));
        let mut tables: Vec<MirrorTable> = Vec::new();
        for (replica, is_program) in [(&program, true), (&own, false)] {
            for (at, name) in replica.tables(database) {
                let place = tables.iter().position(|table| *table.request.table == *name);
                let place = place.unwrap_or_else(|| {
                    let request = TableRequest { table: name.into(), columns: Vec::new(), kind: Kind::Full };
                    tables.push(MirrorTable { request, program: None, own: None });
                    tables.len() - 1
                });
                let table = &mut tables[place];
                let reader = Reader::new(at, replica.columns(at), &mut table.request);
                *(if is_program { &mut table.program } else { &mut table.own }) = Some(reader);
            }
        }
        Mirror { program, own, tables, layout: None }
    }

    /// The tables to ask the client for.
    pub fn requests(&self) -> Vec<TableRequest> {
        self.tables.iter().map(|table| table.request.clone()).collect()
    }

    /// How many elements the server takes in a column; 0 if it has no such column, or is not known yet.
    pub fn capacity(&self, table: &str, column: &str) -> usize {
        let tables = self.layout.iter().flat_map(|layout| &layout.tables);
        let columns = tables.filter(|has| *has.name == *table).flat_map(|has| &has.columns);
        let types = columns.filter(|(name, _)| **name == *column).filter_map(|(_, ty)| ty.as_ref());
        types.map(|ty| ty.max as usize).next().unwrap_or(0)
    }

    /// The rows that the program reads.
    pub fn program(&self) -> &Replica {
        &self.program
    }

    /// The rows that the controller goes by.
    pub fn own(&self) -> &Replica {
        &self.own
    }

    /// Becomes equal to a snapshot; what that means to the program is added to `transaction`.
    pub fn snapshot(&mut self, update: Update, layout: &Arc<Layout>, transaction: &mut Transaction) -> Taken {
        self.layout = Some(Arc::clone(layout));
        let mut taken = Taken::default();
        let mut own = Transaction::new();
        let mut there: Vec<HashSet<Uuid>> = self.tables.iter().map(|_| HashSet::new()).collect();
        for changes in update.tables {
            let table = &self.tables[changes.table];
            let types = &layout.tables[changes.table].columns;
            for (uuid, row) in changes.rows {
                let RowUpdate::Insert(columns) = row else { continue };
                there[changes.table].insert(uuid);
                let mut cells: Vec<Option<Datum>> =
                    types.iter().map(|(_, ty)| ty.as_ref().map(ColumnType::default_datum)).collect();
                for (column, datum) in columns {
                    cells[column] = Some(datum);
                }
                for (reader, replica, transaction) in [
                    (&table.program, &mut self.program, &mut *transaction),
                    (&table.own, &mut self.own, &mut own),
                ] {
                    if let Some(reader) = reader {
                        taken.rejected.extend(reader.snapshot(replica, uuid, &cells, transaction).err());
                    }
                }
            }
        }
        for (table, there) in self.tables.iter().zip(&there) {
            for (reader, replica, transaction) in [
                (&table.program, &mut self.program, &mut *transaction),
                (&table.own, &mut self.own, &mut own),
            ] {
                let Some(Reader { table, .. }) = reader else { continue };
                for uuid in replica.uuids(*table).into_iter().filter(|uuid| !there.contains(uuid)) {
                    taken.rejected.extend(replica.remove(*table, uuid, transaction).err());
                }
            }
        }
        taken.own = own.into_changes().collect();
        taken
    }

    /// Follows a change; what that means to the program is added to `transaction`.
    pub fn update(&mut self, update: Update, transaction: &mut Transaction) -> Taken {
        let mut taken = Taken::default();
        let mut own = Transaction::new();
        for changes in update.tables {
            let table = &self.tables[changes.table];
            for (uuid, row) in changes.rows {
                for (reader, replica, transaction) in [
                    (&table.program, &mut self.program, &mut *transaction),
                    (&table.own, &mut self.own, &mut own),
                ] {
                    if let Some(reader) = reader {
                        taken.rejected.extend(reader.update(replica, uuid, &row, transaction).err());
                    }
                }
            }
        }
        taken.own = own.into_changes().collect();
        taken
    }
}
