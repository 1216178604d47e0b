//! The OVSDB client against real servers: restarts, cut connections, locks, clusters, conversion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use libtest_mimic::Trial;
use northflow_connectors::net::tls::Tls;
use northflow_connectors::ovsdb::client::ops::Where;
use northflow_connectors::ovsdb::client::{
    Command, Conditions, Config, Event, Handle, Kind, Operations, Outcome, Remote, Replica, TableRequest,
    spawn,
};
use northflow_connectors::ovsdb::codec::DatumSeed;
use northflow_connectors::ovsdb::schema::{ColumnType, DatabaseSchema};
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_tests::random::{self, Random};
use northflow_tests::trial::with_reference;
use serde::de::DeserializeSeed;
use serde_json::Value;

use crate::net::{Proxy, Scratch, Server};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 7] = [
        ("the_replica_survives_a_standalone_server", the_replica_survives_a_standalone_server),
        ("the_replica_survives_a_cluster_member", the_replica_survives_a_cluster_member),
        ("own_tables_come_on_request", own_tables_come_on_request),
        ("the_lock_is_handed_over", the_lock_is_handed_over),
        ("a_lost_reply_is_an_unknown_outcome", a_lost_reply_is_an_unknown_outcome),
        ("a_conversion_is_followed", a_conversion_is_followed),
        ("the_leader_is_followed", the_leader_is_followed),
    ];
    let trial = |(name, test): (&str, fn())| {
        with_reference(format!("ovsdb_client::{name}"), move |_| {
            test();
            Ok(())
        })
    };
    tests.into_iter().map(trial).collect()
}

/// One column of each sort, and a table that its reader does not follow.
pub const SCHEMA: &str = r#"{"name":"D","version":"1.0.0","tables":{
    "T":{"isRoot":true,"columns":{
        "name":{"type":"string"},
        "n":{"type":"integer"},
        "opt":{"type":{"key":"boolean","min":0,"max":1}},
        "set":{"type":{"key":"integer","min":0,"max":"unlimited"}},
        "map":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
        "weak":{"type":{"key":{"type":"uuid","refTable":"T","refType":"weak"},"min":0,"max":"unlimited"}}}},
    "Own":{"isRoot":true,"columns":{"n":{"type":"integer"}}}}}"#;

pub const T: usize = 0;
const OWN: usize = 1;
const COLUMNS: [&str; 6] = ["name", "n", "opt", "set", "map", "weak"];
const PATIENCE: Duration = Duration::from_secs(15);

type Rows = BTreeMap<Uuid, Vec<Datum>>;

/// A client, its replica, and what it has told.
pub struct User {
    handle: Handle,
    events: Receiver<Event>,
    replica: Replica,
    pub connected: bool,
    /// Why the last connection, or attempt to make one, has ended.
    pub lost: String,
    locked: bool,
    sessions: usize,
    snapshots: usize,
    refetched: usize,
    warnings: usize,
    outcomes: BTreeMap<u64, Outcome>,
    next: u64,
}

impl User {
    fn new(remotes: Vec<Remote>, leader_only: bool) -> User {
        User::with(remotes, leader_only, Tls::default())
    }

    pub fn with(remotes: Vec<Remote>, leader_only: bool, tls: Tls) -> User {
        let tables = [("T", &COLUMNS[..], Kind::Full), ("Own", &["n"], Kind::InitialOnly)];
        let (handle, events) = spawn(Config {
            name: "user".into(),
            remotes,
            shuffle: false,
            database: "D".into(),
            tables: tables
                .map(|(table, columns, kind)| TableRequest {
                    table: table.into(),
                    columns: columns.iter().map(|&column| column.into()).collect(),
                    kind,
                })
                .to_vec()
                .into(),
            conditions: Conditions::default(),
            leader_only,
            probe_interval: None,
            queue: 64,
            tls,
        })
        .unwrap();
        User {
            handle,
            events,
            replica: Replica::default(),
            connected: false,
            lost: String::new(),
            locked: false,
            sessions: 0,
            snapshots: 0,
            refetched: 0,
            warnings: 0,
            outcomes: BTreeMap::new(),
            next: 0,
        }
    }

    fn send(&self, command: Command) {
        self.handle.send(command).unwrap();
    }

    fn take(&mut self, event: Event) {
        match &event {
            Event::Connected { .. } => {
                self.connected = true;
                self.sessions += 1;
            }
            Event::Disconnected { reason, .. } => {
                self.connected = false;
                self.lost = reason.to_string();
            }
            Event::Snapshot { .. } => self.snapshots += 1,
            Event::Refetched(_) => self.refetched += 1,
            Event::Warning(_) => self.warnings += 1,
            Event::LockAcquired => self.locked = true,
            Event::LockLost => self.locked = false,
            Event::Transacted { id, outcome } => {
                let again = self.outcomes.insert(*id, outcome.clone());
                assert_eq!(again, None, "two outcomes of transaction {id}");
            }
            _ => {}
        }
        self.replica.apply(event, |_| {}).unwrap();
    }

    /// Takes events until `done`.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&User) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            match self.events.recv_deadline(deadline) {
                Ok(event) => self.take(event),
                Err(_) => panic!("not within {PATIENCE:?}: {what}; {:?}", self.handle.status()),
            }
        }
    }

    fn transact(&mut self, operations: Operations) -> u64 {
        self.next += 1;
        self.send(Command::Transact { id: self.next, operations });
        self.next
    }

    /// Sends a transaction until it has got through, and gives the outcome.
    pub fn commit(&mut self, operations: &Operations) -> Outcome {
        loop {
            self.until("session", |user| user.connected);
            let id = self.transact(operations.clone());
            self.until("outcome", |user| user.outcomes.contains_key(&id));
            match self.outcomes.remove(&id) {
                Some(Outcome::NotSent | Outcome::TryAgain(_)) => continue,
                outcome => return outcome.unwrap(),
            }
        }
    }

    pub fn rows(&self, table: usize) -> Rows {
        self.replica.rows(table).map(|(uuid, row)| (uuid, row.to_vec())).collect()
    }
}

/// The rows of a table as `ovsdb-client` sees them.
fn dump(server: &Server, table: &str, columns: &[&str]) -> Rows {
    let schema = DatabaseSchema::parse(SCHEMA).unwrap();
    let text = server.dump(table);
    let value: Value = serde_json::from_str(&text).unwrap();
    let headings: Vec<&str> =
        value["headings"].as_array().unwrap().iter().map(|heading| heading.as_str().unwrap()).collect();
    let place = |column: &str| headings.iter().position(|heading| *heading == column).unwrap();
    value["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let uuid = Uuid::parse(row[place("_uuid")][1].as_str().unwrap()).unwrap();
            let datum = |&column: &&str| {
                let ty = schema.column(table, column).unwrap();
                DatumSeed(ty).deserialize(&row[place(column)]).unwrap()
            };
            (uuid, columns.iter().map(datum).collect())
        })
        .collect()
}

/// Waits until the user's rows are the server's.
fn settle(user: &mut User, server: &Server, context: &str) {
    let expected = dump(server, "T", &COLUMNS);
    user.until(context, |user| user.connected && user.rows(T) == expected);
}

fn text(random: &mut Random) -> Text {
    let choices = ["", "a", "b\"\\", "é\u{1f600}", "\u{1}\n", "long enough to cross a buffer's edge"];
    choices[random.below(choices.len())].into()
}

fn some<T>(random: &mut Random, most: usize, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.below(most + 1)).map(|_| one(random)).collect()
}

fn value(random: &mut Random, column: &str, rows: &[Uuid]) -> Datum {
    match column {
        "name" => Datum::scalar(Atom::String(text(random))),
        "n" => Datum::scalar(Atom::Integer(random.below(1000) as i64 - 500)),
        "opt" => Datum::set(some(random, 1, |random| Atom::Boolean(random.below(2) == 0))),
        "set" => Datum::set(some(random, 20, |random| Atom::Integer(random.below(30) as i64))),
        "map" => {
            Datum::map(some(random, 6, |random| (Atom::String(text(random)), Atom::String(text(random)))))
        }
        _ => Datum::set(some(random, 4, |random| Atom::Uuid(rows[random.below(rows.len())]))),
    }
}

fn uuid(random: &mut Random) -> Uuid {
    Uuid::from_hash(u128::from(random.word()) << 64 | u128::from(random.word()))
}

/// A transaction of a few operations; `rows` follows what it does.
fn random_operations(random: &mut Random, rows: &mut Vec<Uuid>) -> Operations {
    let schema = DatabaseSchema::parse(SCHEMA).unwrap();
    let ty = |column: &str| -> &ColumnType { schema.column("T", column).unwrap() };
    let mut operations = Operations::default();
    for _ in 0..=random.below(6) {
        let column = COLUMNS[random.below(6)];
        let old = rows.clone();
        if old.is_empty() || random.below(5) < 2 {
            let uuid = uuid(random);
            operations.insert("T", Some(uuid), |row| {
                for column in &COLUMNS[..5] {
                    if random.below(2) == 0 {
                        row.column(column, &value(random, column, &old), ty(column));
                    }
                }
            });
            rows.push(uuid);
            continue;
        }
        let place = random.below(old.len());
        let row = Where::Row(old[place]);
        match random.below(8) {
            0 => {
                operations.delete("T", row);
                rows.swap_remove(place);
            }
            1 | 2 => operations.mutate("T", row, |mutations| {
                let sets = ["set", "map", "weak"];
                let column = sets[random.below(3)];
                let value = value(random, column, &old);
                match random.below(2) {
                    0 => mutations.insert(column, &value, ty(column)),
                    _ => mutations.delete(column, &value, ty(column)),
                };
                mutations.add("n", 1);
            }),
            _ => operations.update("T", row, |row| {
                row.column(column, &value(random, column, &old), ty(column));
            }),
        }
    }
    operations
}

/// A replica behind a proxy that cuts at any byte, of a server that is killed, equals the
/// database whenever both are at rest. Gives how many sessions there were, and how many of them
/// began with a snapshot. `NORTHFLOW_SEED` takes the place of the seed.
fn torture(server: &mut Server, proxy: &Proxy, seed: u64) -> (usize, usize) {
    let seed = random::seed(seed);
    let mut user = User::new(vec![Remote::Unix(proxy.path())], false);
    let mut writer = User::new(vec![Remote::Unix(server.socket())], false);
    let (mut random, mut rows) = (Random::new(seed), Vec::new());
    let (end, mut kills, mut cuts) = (Instant::now() + Duration::from_secs(7), 0, 0);
    for step in 0.. {
        for _ in 0..random.below(12) {
            let operations = random_operations(&mut random, &mut rows);
            let outcome = writer.commit(&operations);
            assert!(matches!(outcome, Outcome::Success(_)), "step {step} of seed {seed}: {outcome:?}");
        }
        match random.below(10) {
            0 => {
                server.kill();
                server.start();
                kills += 1;
            }
            1..4 => {
                proxy.cut();
                cuts += 1;
            }
            4 => proxy.cut_after(random.below(20_000)),
            5 => user.send(Command::Resync),
            6 => user.send(Command::Reconnect),
            _ => {}
        }
        settle(&mut user, server, &format!("replica in step {step} of seed {seed}"));
        if Instant::now() > end {
            break;
        }
    }
    assert!(kills > 0 && cuts > 0, "{kills} kills, {cuts} cuts");
    (user.sessions, user.snapshots)
}

fn the_replica_survives_a_standalone_server() {
    let scratch = Scratch::new("standalone");
    let mut server = Server::standalone(&scratch, "D", SCHEMA);
    let proxy = Proxy::new(scratch.path("proxy"), server.socket());
    let (sessions, snapshots) = torture(&mut server, &proxy, 1);
    assert_eq!(snapshots, sessions, "such a server numbers no transactions");
}

fn the_replica_survives_a_cluster_member() {
    let scratch = Scratch::new("clustered");
    let mut server = Server::cluster(&scratch, "D", SCHEMA, 1).remove(0);
    let proxy = Proxy::new(scratch.path("proxy"), server.socket());
    let (sessions, snapshots) = torture(&mut server, &proxy, 2);
    assert!(snapshots < sessions, "none of {sessions} sessions continued");
}

/// Tables that only we write come with snapshots and on request, and not otherwise.
fn own_tables_come_on_request() {
    let scratch = Scratch::new("own");
    let server = Server::standalone(&scratch, "D", SCHEMA);
    let mut user = User::new(vec![Remote::Unix(server.socket())], false);
    let mut random = Random::new(7);
    let mut insert = |user: &mut User, table: &str| {
        let mut operations = Operations::default();
        operations.insert(table, Some(uuid(&mut random)), |row| {
            row.atom("n", &Atom::Integer(1));
        });
        assert!(matches!(user.commit(&operations), Outcome::Success(_)));
    };
    insert(&mut user, "Own");
    insert(&mut user, "T");
    assert_eq!((user.replica.len(OWN), user.replica.len(T)), (0, 1));
    user.send(Command::Refetch);
    user.until("refetch", |user| user.refetched == 1);
    assert_eq!(user.rows(OWN), dump(&server, "Own", &["n"]));
    insert(&mut user, "Own");
    user.send(Command::Resync);
    user.until("snapshot", |user| user.snapshots == 2);
    assert_eq!(user.replica.len(OWN), 2);
}

/// The lock passes from client to client, and the server refuses those without it.
fn the_lock_is_handed_over() {
    let scratch = Scratch::new("lock");
    let server = Server::standalone(&scratch, "D", SCHEMA);
    let proxy = Proxy::new(scratch.path("proxy"), server.socket());
    let lock = |steal| Command::Lock { name: "L".into(), steal };
    let mut guarded = Operations::default();
    guarded.assert_lock("L");
    guarded.insert("T", None, |_| {});

    let mut first = User::new(vec![Remote::Unix(proxy.path())], false);
    first.send(lock(false));
    first.until("lock of the first", |user| user.locked && user.connected);
    let mut second = User::new(vec![Remote::Unix(server.socket())], false);
    second.send(lock(false));
    assert_eq!(second.commit(&guarded), Outcome::NotLocked);
    assert!(matches!(first.commit(&guarded), Outcome::Success(_)));

    proxy.cut();
    second.until("lock of the second", |user| user.locked);
    assert!(matches!(second.commit(&guarded), Outcome::Success(_)));
    first.until("loss by the first", |user| !user.locked);
    assert_eq!(first.commit(&guarded), Outcome::NotLocked);
    first.send(lock(true));
    first.until("theft by the first", |user| user.locked);
    second.until("loss by the second", |user| !user.locked);
    first.send(Command::Unlock);
    second.until("return to the second", |user| user.locked);
    first.until("unlocked first", |user| !user.locked);
}

/// When the reply is lost the outcome is unknown, the next session shows it, and a repetition
/// does no harm.
fn a_lost_reply_is_an_unknown_outcome() {
    let scratch = Scratch::new("unknown");
    let server = Server::standalone(&scratch, "D", SCHEMA);
    let proxy = Proxy::new(scratch.path("proxy"), server.socket());
    let mut user = User::new(vec![Remote::Unix(proxy.path())], false);
    let uuid = Uuid::from_hash(1);
    let mut operations = Operations::default();
    operations.insert("T", Some(uuid), |_| {});

    // A round trip leaves nothing else under way that the cut could meet first.
    assert_eq!(user.commit(&Operations::default()), Outcome::Success(vec![]));
    proxy.cut_after(0);
    let id = user.transact(operations.clone());
    user.until("outcome", |user| user.outcomes.contains_key(&id));
    assert!(matches!(user.outcomes[&id], Outcome::Unknown(_)), "{:?}", user.outcomes);
    user.until("row", |user| user.replica.row(T, uuid).is_some());
    match user.commit(&operations) {
        Outcome::Error(error) => assert_eq!((&*error.error, error.operation), ("duplicate uuid", Some(0))),
        outcome => panic!("{outcome:?}"),
    }
}

/// When the schema is converted under a client, it begins anew with the columns that came.
fn a_conversion_is_followed() {
    let scratch = Scratch::new("conversion");
    let younger = SCHEMA.replace(r#""name":{"type":"string"},"#, "").replace("1.0.0", "0.9.0");
    let server = Server::standalone(&scratch, "D", &younger);
    let mut user = User::new(vec![Remote::Unix(server.socket())], false);
    let uuid = Uuid::from_hash(1);
    let mut operations = Operations::default();
    operations.insert("T", Some(uuid), |_| {});
    assert!(matches!(user.commit(&operations), Outcome::Success(_)));
    assert_eq!(user.replica.row(T, uuid).unwrap()[0], Datum::none());
    assert_eq!(user.warnings, 1);
    server.convert(&scratch, SCHEMA);
    let named = [Datum::scalar(Atom::text(""))];
    user.until("new column", |user| user.replica.row(T, uuid).is_some_and(|row| row.starts_with(&named)));
    assert_eq!(user.rows(T), dump(&server, "T", &COLUMNS));
    assert_eq!(user.warnings, 1);
}

/// A client that wants the leader finds it among three, and the next one when it dies.
fn the_leader_is_followed() {
    let scratch = Scratch::new("cluster");
    let mut servers = Server::cluster(&scratch, "D", SCHEMA, 3);
    let remotes: Vec<Remote> = servers.iter().map(|server| Remote::Unix(server.socket())).collect();
    let mut user = User::new(remotes, true);
    let mut random = Random::new(3);
    for session in 1..=2 {
        user.until("leader", |user| user.connected);
        assert_eq!(user.sessions, session);
        let mut operations = Operations::default();
        operations.insert("T", Some(uuid(&mut random)), |_| {});
        assert!(matches!(user.commit(&operations), Outcome::Success(_)));
        assert_eq!(user.replica.len(T), session);
        if session == 1 {
            let leader = user.handle.status().remote;
            let leader = servers.iter_mut().find(|server| Some(Remote::Unix(server.socket())) == leader);
            leader.unwrap().kill();
            user.until("loss of the leader", |user| !user.connected);
        }
    }
    assert_eq!(user.snapshots, 1, "the log outlives the leader");
}
