//! The protocol of one client without its sockets and clocks: messages go in, bytes to send and
//! events come out.
//!
//! A session asks in turn for the schema of `_Server`, for its `Database` row, which tells
//! whether this server will do, for the schema of the database, and for its data; a server
//! without `_Server` is taken as it is. Replies are told apart by the number of their request.

mod lock;
mod restriction;
mod server;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use northflow_rules::ovsdb::{Text, Uuid};

use self::lock::Lock;
use self::restriction::Restriction;
use self::server::Server;
use super::condition::Conditions;
use super::decode::{self, Version};
use super::event::{Event, SessionError, Update, Warning};
use super::layout::{Kind, Layout, Tables};
use super::message::{Message, write_refusal, write_reply, write_request};
use super::ops::Operations;
use super::transact::{self, Outcome, UNKNOWN_DATABASE};
use crate::net::Remote;
use crate::ovsdb::codec::write_string;
use crate::ovsdb::schema::DatabaseSchema;

/// The monitor of the user's tables.
const DATA: &str = "data";
/// The monitor of `_Server`.
const SERVER: &str = "server";

/// A request whose reply is awaited.
#[derive(Debug)]
enum Pending {
    ServerSchema,
    ServerMonitor,
    Schema,
    Data(Version),
    /// The contents of the tables monitored initially only.
    Initial {
        monitor: String,
        version: Version,
    },
    Conditions,
    Lock,
    Transaction {
        id: u64,
        operations: usize,
    },
    /// Nothing depends on the reply.
    Whatever,
}

/// How far the monitor of the data has come.
#[derive(Debug)]
enum Data {
    /// Not asked for, or the reply is awaited.
    Unknown,
    /// The snapshot awaits its other half, and updates wait behind it.
    Half { version: Version, snapshot: Update, later: Vec<Update> },
    /// Events are flowing.
    Flowing(Version),
}

/// Events on their way to the user.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    events: VecDeque<Event>,
    rows: usize,
}

impl Outbox {
    fn push(&mut self, event: Event) {
        self.rows += rows(&event);
        self.events.push_back(event);
    }

    /// The oldest event.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.rows -= rows(&event);
        Some(event)
    }

    /// Takes an event back that could not be delivered.
    pub(super) fn unpop(&mut self, event: Event) {
        self.rows += rows(&event);
        self.events.push_front(event);
    }

    /// How many events wait, and how many rows they hold.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.events.len(), self.rows)
    }
}

fn rows(event: &Event) -> usize {
    match event {
        Event::Snapshot { update, .. } | Event::Update(update) | Event::Refetched(update) => update.len(),
        _ => 0,
    }
}

/// What a client is at one time, and what it remembers from session to session.
#[derive(Debug)]
pub(super) struct Session {
    database: Text,
    tables: Tables,
    leader_only: bool,
    /// What is to be sent.
    pub(super) out: Vec<u8>,
    /// What is to be told.
    pub(super) outbox: Outbox,
    /// The server at the other end of the connection or of the attempt to make one.
    remote: Option<Remote>,
    /// Whether the connection stands.
    open: bool,
    next_id: u64,
    pending: BTreeMap<u64, Pending>,
    server: Option<Server>,
    data: Data,
    lock: Lock,
    restriction: Restriction,
    /// The layout of what was told to the user, and the last transaction in it.
    layout: Option<Arc<Layout>>,
    last_id: Uuid,
    min_index: i64,
    warned: HashSet<Warning>,
    /// Whether the user waits for the tables monitored initially only.
    refetch: bool,
}

impl Session {
    pub(super) fn new(database: Text, tables: Tables, conditions: Conditions, leader_only: bool) -> Session {
        Session {
            database,
            tables,
            leader_only,
            out: Vec::new(),
            outbox: Outbox::default(),
            remote: None,
            open: false,
            next_id: 0,
            pending: BTreeMap::new(),
            server: None,
            data: Data::Unknown,
            lock: Lock::default(),
            restriction: Restriction::new(conditions),
            layout: None,
            last_id: Uuid::ZERO,
            min_index: 0,
            warned: HashSet::new(),
            refetch: false,
        }
    }

    /// Whether the database's contents have arrived in this session.
    pub(super) fn is_flowing(&self) -> bool {
        matches!(self.data, Data::Flowing(_))
    }

    /// Whether the lock is held.
    pub(super) fn has_lock(&self) -> bool {
        self.lock.held
    }

    /// The server at the other end.
    pub(super) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// An attempt to connect has begun.
    pub(super) fn connecting(&mut self, remote: Remote) {
        self.remote = Some(remote);
    }

    /// The connection stands.
    pub(super) fn opened(&mut self) {
        self.open = true;
        self.request_lock();
        self.request(Pending::ServerSchema, "get_schema", |out| write_string(out, "_Server"));
    }

    /// The connection, or the attempt to make one, has ended.
    pub(super) fn closed(&mut self, reason: SessionError) {
        self.open = false;
        self.out = Vec::new();
        self.server = None;
        self.data = Data::Unknown;
        for pending in mem::take(&mut self.pending).into_values() {
            if let Pending::Transaction { id, .. } = pending {
                let outcome = Outcome::Unknown(reason.to_string());
                self.outbox.push(Event::Transacted { id, outcome });
            }
        }
        self.lose_lock();
        // Whether the server has changed them is not known, nor then what it told.
        let is_changing = self.restriction.asked.take().is_some();
        if is_changing || matches!(reason, SessionError::MonitorCanceled | SessionError::Protocol(_)) {
            self.forget();
        }
        if let Some(remote) = self.remote.take() {
            self.outbox.push(Event::Disconnected { remote, reason });
        }
    }

    /// The next session is to begin with a snapshot.
    pub(super) fn forget(&mut self) {
        self.last_id = Uuid::ZERO;
    }

    /// Sends a request to which only the fact of a reply matters.
    pub(super) fn probe(&mut self) {
        self.request(Pending::Whatever, "echo", |_| {});
    }

    /// Sends a transaction if there is a session.
    pub(super) fn transact(&mut self, id: u64, operations: &Operations) {
        if !self.is_flowing() {
            self.outbox.push(Event::Transacted { id, outcome: Outcome::NotSent });
            return;
        }
        let database = self.database.clone();
        let pending = Pending::Transaction { id, operations: operations.len() };
        // Growing by doubling would take twice the room of a large transaction.
        self.out.reserve_exact(operations.bytes() + 128);
        self.request(pending, "transact", |out| {
            write_string(out, &database);
            if !operations.is_empty() {
                out.push(b',');
                out.extend_from_slice(operations.members());
            }
        });
    }

    /// Fetches the tables monitored initially only, now or once there is a session.
    pub(super) fn refetch(&mut self) {
        self.refetch = true;
        if let Data::Flowing(version) = self.data {
            self.request_initial(version);
        }
    }

    /// Accepts a cluster member however old its data is.
    pub(super) fn reset_min_index(&mut self) {
        self.min_index = 0;
    }

    /// Takes one message. After an error the connection is to be closed for that reason.
    pub(super) fn message(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.trace_received(bytes);
        match Message::parse(bytes).map_err(protocol("message"))? {
            Message::Reply { id, result } => match self.pending.remove(&id) {
                Some(pending) => self.reply(id, pending, result),
                None => Ok(()),
            },
            Message::Request { method, params, id } => {
                let start = self.out.len();
                match method.as_str() {
                    "echo" => write_reply(&mut self.out, id, params),
                    _ => write_refusal(&mut self.out, id),
                }
                self.trace_sent(start);
                Ok(())
            }
            Message::Notification { method, params } => self.notification(&method, params),
            Message::Stray => Ok(()),
        }
    }

    fn request(&mut self, pending: Pending, method: &str, params: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if self.open {
            self.pending.insert(id, pending);
            let start = self.out.len();
            write_request(&mut self.out, id, method, params);
            self.trace_sent(start);
        }
        id
    }

    fn reply(&mut self, id: u64, pending: Pending, result: Result<&str, &str>) -> Result<(), SessionError> {
        match (pending, result) {
            (Pending::ServerSchema, Ok(schema)) => self.request_server(schema),
            (Pending::ServerMonitor, Ok(rows)) => self.server_reply(rows),
            (Pending::ServerSchema | Pending::ServerMonitor, Err(_)) => {
                self.server = None;
                self.request_schema();
                Ok(())
            }
            (Pending::Schema, Ok(schema)) => self.start(schema),
            (Pending::Schema, Err(_)) => Err(SessionError::UnknownDatabase(self.database.clone())),
            (Pending::Data(version), Ok(rows)) => self.data_reply(version, rows),
            (Pending::Data(version), Err(error)) => match version.fallback() {
                Some(version) => {
                    self.request_data(version);
                    Ok(())
                }
                None => Err(SessionError::Protocol(format!("monitor request refused: {error}"))),
            },
            (Pending::Initial { monitor, version }, Ok(rows)) => self.initial_reply(&monitor, version, rows),
            (Pending::Initial { .. }, Err(error)) => {
                Err(SessionError::Protocol(format!("monitor request refused: {error}")))
            }
            (Pending::Conditions, Ok(_)) => {
                self.restricted();
                Ok(())
            }
            (Pending::Conditions, Err(error)) => {
                Err(SessionError::Protocol(format!("change of conditions refused: {error}")))
            }
            (Pending::Lock, result) => self.lock_reply(id, result),
            (Pending::Transaction { id, operations }, result) => {
                let outcome = transact::outcome(result, operations);
                let gone = matches!(&outcome, Outcome::TryAgain(why) if why == UNKNOWN_DATABASE);
                self.outbox.push(Event::Transacted { id, outcome });
                match gone {
                    true => Err(SessionError::UnknownDatabase(self.database.clone())),
                    false => Ok(()),
                }
            }
            (Pending::Whatever, _) => Ok(()),
        }
    }

    fn notification(&mut self, method: &str, params: &str) -> Result<(), SessionError> {
        match method {
            "locked" => self.lock_notification(params, true),
            "stolen" => self.lock_notification(params, false),
            "monitor_canceled" => {
                let [monitor]: [Text; 1] = serde_json::from_str(params).map_err(protocol(method))?;
                match &*monitor {
                    DATA | SERVER => Err(SessionError::MonitorCanceled),
                    _ => Ok(()),
                }
            }
            _ => match Version::of_update(method) {
                Some(version) => self.update(method, version, params),
                None => Ok(()),
            },
        }
    }

    fn update(&mut self, method: &str, version: Version, params: &str) -> Result<(), SessionError> {
        let (data, server) = (&self.layout, &self.server);
        let update = decode::notification(version, params, |monitor| match monitor {
            DATA => data.as_deref(),
            SERVER => server.as_ref().map(|server| &*server.layout),
            _ => None,
        });
        match update.map_err(protocol(method))? {
            Some((monitor, update)) if &*monitor == SERVER => self.server_update(update),
            Some((_, update)) => {
                match &mut self.data {
                    Data::Flowing(_) => self.tell(update),
                    Data::Half { later, .. } => later.push(update),
                    Data::Unknown => {}
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn request_schema(&mut self) {
        let database = self.database.clone();
        self.request(Pending::Schema, "get_schema", |out| write_string(out, &database));
    }

    /// The schema is known: asks for the data.
    fn start(&mut self, schema: &str) -> Result<(), SessionError> {
        let schema = DatabaseSchema::parse(schema).map_err(protocol("schema"))?;
        let layout = Layout::new(&self.tables.requests(&schema), &schema);
        for warning in layout.warnings(&self.database) {
            if self.warned.insert(warning.clone()) {
                self.outbox.push(Event::Warning(warning));
            }
        }
        // What is new in the layout was not told yet: continuing would miss it.
        if self.layout.as_deref() != Some(&layout) {
            self.layout = Some(Arc::new(layout));
            self.last_id = Uuid::ZERO;
        }
        self.request_data(Version::MonitorCondSince);
        Ok(())
    }

    fn request_data(&mut self, version: Version) {
        let Some(layout) = self.layout.clone() else { return };
        let (database, last_id) = (self.database.clone(), self.last_id);
        // What continues does so with the rows that were told.
        if last_id == Uuid::ZERO {
            self.restriction.begin();
        }
        let conditions = self.restriction.held.clone();
        self.request(Pending::Data(version), version.request(), |out| {
            write_string(out, &database);
            out.push(b',');
            write_string(out, DATA);
            out.push(b',');
            layout.write_requests(out, Kind::Full, |table| match version {
                Version::Monitor => None,
                _ => conditions.of(table, |table, column| layout.has_column(table, column)),
            });
            if version == Version::MonitorCondSince {
                out.push(b',');
                write_string(out, &last_id.to_string());
            }
        });
    }

    fn data_reply(&mut self, version: Version, rows: &str) -> Result<(), SessionError> {
        let Some(layout) = &self.layout else { return Ok(()) };
        let (found, update) =
            decode::monitor_reply(layout, version, rows).map_err(protocol("monitor reply"))?;
        if found && self.last_id != Uuid::ZERO {
            self.connected(version);
            self.tell(update);
            if self.refetch {
                self.request_initial(version);
            }
            self.follow_conditions();
        } else if layout.has(Kind::InitialOnly) {
            self.data = Data::Half { version, snapshot: update, later: Vec::new() };
            self.request_initial(version);
        } else {
            self.connected(version);
            self.tell_snapshot(update);
            self.follow_conditions();
        }
        Ok(())
    }

    /// Asks once for the tables monitored initially only.
    fn request_initial(&mut self, version: Version) {
        let Some(layout) = self.layout.clone() else { return };
        let version = version.min(Version::MonitorCond);
        let monitor = format!("initial-{}", self.next_id);
        let database = self.database.clone();
        let pending = Pending::Initial { monitor: monitor.clone(), version };
        self.request(pending, version.request(), |out| {
            write_string(out, &database);
            out.push(b',');
            write_string(out, &monitor);
            out.push(b',');
            layout.write_requests(out, Kind::InitialOnly, |_| None);
        });
    }

    fn initial_reply(&mut self, monitor: &str, version: Version, rows: &str) -> Result<(), SessionError> {
        self.request(Pending::Whatever, "monitor_cancel", |out| write_string(out, monitor));
        let Some(layout) = &self.layout else { return Ok(()) };
        let (_, update) = decode::monitor_reply(layout, version, rows).map_err(protocol("monitor reply"))?;
        match mem::replace(&mut self.data, Data::Unknown) {
            Data::Half { version, mut snapshot, later } => {
                snapshot.tables.extend(update.tables);
                self.connected(version);
                self.tell_snapshot(snapshot);
                later.into_iter().for_each(|update| self.tell(update));
                self.follow_conditions();
            }
            data => {
                self.data = data;
                self.refetch = false;
                self.outbox.push(Event::Refetched(update));
            }
        }
        Ok(())
    }

    fn connected(&mut self, version: Version) {
        self.data = Data::Flowing(version);
        if let Some(remote) = self.remote.clone() {
            self.outbox.push(Event::Connected { remote });
        }
    }

    fn tell_snapshot(&mut self, update: Update) {
        let Some(layout) = self.layout.clone() else { return };
        self.last_id = update.transaction;
        self.refetch = false;
        self.outbox.push(Event::Snapshot { update, layout });
    }

    fn tell(&mut self, update: Update) {
        self.last_id = update.transaction;
        if !update.is_empty() {
            self.outbox.push(Event::Update(update));
        }
    }
}

/// Wraps a decoding error of `what`.
fn protocol<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> SessionError {
    move |error| SessionError::Protocol(format!("{what}: {error}"))
}
