//! Whether a server will do, by its `_Server` database (ovsdb-server(5)).

use std::sync::Arc;

use northflow_rules::ovsdb::{Atom, Datum, Text};

use super::{Pending, SERVER, Session, protocol};
use crate::ovsdb::client::decode::{self, Version};
use crate::ovsdb::client::event::{Event, SessionError, Update};
use crate::ovsdb::client::layout::{Kind, Layout, TableRequest};
use crate::ovsdb::client::replica::Replica;
use crate::ovsdb::codec::write_string;
use crate::ovsdb::schema::DatabaseSchema;

/// The columns of the table `Database`, in the order of the constants below.
const COLUMNS: [&str; 6] = ["name", "model", "connected", "leader", "schema", "index"];
const NAME: usize = 0;
const MODEL: usize = 1;
const CONNECTED: usize = 2;
const LEADER: usize = 3;
const SCHEMA: usize = 4;
const INDEX: usize = 5;

/// The row of our database.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) layout: Arc<Layout>,
    replica: Replica,
}

impl Session {
    /// The schema of `_Server` is known: asks for the row of our database.
    pub(super) fn request_server(&mut self, schema: &str) -> Result<(), SessionError> {
        let schema = DatabaseSchema::parse(schema).map_err(protocol("_Server schema"))?;
        let request = TableRequest {
            table: "Database".into(),
            columns: COLUMNS.iter().map(|&name| name.into()).collect(),
            kind: Kind::Full,
        };
        let layout = Arc::new(Layout::new(&[request], &schema));
        let mut condition = b"[\"name\",\"==\",".to_vec();
        write_string(&mut condition, &self.database);
        condition.push(b']');
        let condition = String::from_utf8(condition).map_err(protocol("database name"))?;
        self.server = Some(Server { layout: layout.clone(), replica: Replica::default() });
        self.request(Pending::ServerMonitor, Version::MonitorCond.request(), |out| {
            write_string(out, "_Server");
            out.push(b',');
            write_string(out, SERVER);
            out.push(b',');
            layout.write_requests(out, Kind::Full, |_| Some(condition.clone()));
        });
        Ok(())
    }

    /// Takes the rows, and asks for the data if the server will do.
    pub(super) fn server_reply(&mut self, rows: &str) -> Result<(), SessionError> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let (_, update) = decode::monitor_reply(&server.layout, Version::MonitorCond, rows)
            .map_err(protocol("_Server reply"))?;
        let layout = server.layout.clone();
        server
            .replica
            .apply(Event::Snapshot { update, layout }, |_| {})
            .map_err(protocol("_Server reply"))?;
        self.check_server()?;
        // From here on the server tells of a conversion instead of closing the connection.
        self.request(Pending::Whatever, "set_db_change_aware", |out| out.extend_from_slice(b"true"));
        // The row has a schema too, but after a conversion it may be the one of before.
        self.request_schema();
        Ok(())
    }

    /// The row has changed.
    pub(super) fn server_update(&mut self, update: Update) -> Result<(), SessionError> {
        let Some(server) = &mut self.server else { return Ok(()) };
        server.replica.apply(Event::Update(update), |_| {}).map_err(protocol("_Server update"))?;
        self.check_server()
    }

    /// Fails if this server will not do.
    fn check_server(&mut self) -> Result<(), SessionError> {
        let unknown = || SessionError::UnknownDatabase(self.database.clone());
        let row = self
            .server
            .as_ref()
            .and_then(|server| {
                let mut rows = server.replica.rows(0).map(|(_, row)| row);
                rows.find(|row| text(&row[NAME]).is_some_and(|name| *name == self.database))
            })
            .ok_or_else(unknown)?;
        let has_schema = text(&row[SCHEMA]).is_some();
        let model = text(&row[MODEL]).map_or("standalone", |model| &**model);
        if model != "clustered" && model != "relay" {
            return if has_schema { Ok(()) } else { Err(unknown()) };
        }
        if !has_schema {
            return Err(SessionError::NotJoined);
        }
        if !is_true(&row[CONNECTED]) {
            return Err(SessionError::Isolated);
        }
        // A relay never is the leader, whatever its row says.
        if self.leader_only && !(model == "clustered" && is_true(&row[LEADER])) {
            return Err(SessionError::NotLeader);
        }
        if model == "clustered" {
            let index = integer(&row[INDEX]).unwrap_or(0);
            if index < self.min_index {
                return Err(SessionError::Stale { index, seen: self.min_index });
            }
            self.min_index = index;
        }
        Ok(())
    }
}

fn only(datum: &Datum) -> Option<&Atom> {
    match datum {
        Datum::Set(atoms) => atoms.first(),
        Datum::Map(_) => None,
    }
}

fn text(datum: &Datum) -> Option<&Text> {
    match only(datum) {
        Some(Atom::String(text)) => Some(text),
        _ => None,
    }
}

fn is_true(datum: &Datum) -> bool {
    only(datum) == Some(&Atom::Boolean(true))
}

fn integer(datum: &Datum) -> Option<i64> {
    match only(datum) {
        Some(Atom::Integer(number)) => Some(*number),
        _ => None,
    }
}
