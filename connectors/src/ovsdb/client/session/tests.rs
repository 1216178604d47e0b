use northflow_rules::ovsdb::Atom;
use serde_json::{Value, json};

use super::*;
use crate::net::Lost;
use crate::ovsdb::client::TableRequest;
use crate::ovsdb::client::event::{RowUpdate, TableUpdate};

const ROW: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const TXN: &str = "11111111-2222-4333-8444-555555555555";

fn request(table: &str, kind: Kind) -> TableRequest {
    TableRequest { table: table.into(), columns: vec!["n".into()], kind }
}

/// A session whose server is the test.
struct Script {
    session: Session,
    sent: Vec<Value>,
}

impl Script {
    fn new(leader_only: bool) -> Script {
        let tables = vec![request("T", Kind::Full), request("Own", Kind::InitialOnly)];
        Script {
            session: Session::new("D".into(), tables.into(), Conditions::default(), leader_only),
            sent: Vec::new(),
        }
    }

    fn open(&mut self) {
        self.sent.clear();
        self.session.connecting(Remote::Unix("/s".into()));
        self.session.opened();
    }

    /// The one unanswered request of `method`.
    fn take(&mut self, method: &str) -> Value {
        let out = std::mem::take(&mut self.session.out);
        self.sent.extend(serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap));
        let found = self.sent.iter().position(|message: &Value| message["method"] == method);
        self.sent.remove(found.unwrap_or_else(|| panic!("no {method} among {:?}", self.sent)))
    }

    fn asked(&mut self, method: &str) -> bool {
        let out = std::mem::take(&mut self.session.out);
        self.sent.extend(serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap));
        self.sent.iter().any(|message| message["method"] == method)
    }

    /// Answers the request of `method`; gives its parameters.
    fn answer(&mut self, method: &str, result: Value) -> Result<Value, SessionError> {
        let request = self.take(method);
        self.message(json!({ "id": request["id"], "result": result, "error": null }))?;
        Ok(request["params"].clone())
    }

    fn refuse(&mut self, method: &str) {
        let request = self.take(method);
        self.message(json!({ "id": request["id"], "result": null, "error": "unknown method" })).unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) -> Result<(), SessionError> {
        self.message(json!({ "id": null, "method": method, "params": params }))
    }

    fn message(&mut self, message: Value) -> Result<(), SessionError> {
        self.session.message(message.to_string().as_bytes())
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.outbox.pop()).collect()
    }

    /// The events, shortly.
    fn told(&mut self) -> Vec<&'static str> {
        self.events()
            .iter()
            .map(|event| match event {
                Event::Connected { .. } => "connected",
                Event::Disconnected { .. } => "disconnected",
                Event::Snapshot { .. } => "snapshot",
                Event::Update(_) => "update",
                Event::Refetched(_) => "refetched",
                Event::Restricted { .. } => "restricted",
                Event::LockAcquired => "acquired",
                Event::LockLost => "lost",
                Event::LockContended => "contended",
                Event::Transacted { .. } => "transacted",
                Event::Warning(_) => "warning",
            })
            .collect()
    }

    /// Up to the request for the data, at a server with this row of `Database`.
    fn identify(&mut self, model: &str, leader: bool, index: i64) -> Result<(), SessionError> {
        self.open();
        self.answer("get_schema", server_schema()).unwrap();
        let row = json!({ "initial": { "name": "D", "model": model, "connected": true,
            "leader": leader, "index": index, "schema": schema().to_string() } });
        self.answer("monitor_cond", json!({ "Database": { ROW: row } }))?;
        self.answer("get_schema", schema()).map(drop)
    }

    /// Up to the first snapshot.
    fn connect(&mut self) {
        self.identify("standalone", true, 0).unwrap();
        self.answer("monitor_cond_since", json!([false, TXN, {}])).unwrap();
        self.answer("monitor_cond", json!({})).unwrap();
        assert_eq!(self.told(), ["connected", "snapshot"]);
    }
}

fn schema() -> Value {
    let table = json!({ "columns": { "n": { "type": "integer" } } });
    json!({ "name": "D", "version": "1.0.0", "tables": { "T": table, "Own": table } })
}

fn server_schema() -> Value {
    let optional = |key: &str| json!({ "type": { "key": key, "min": 0, "max": 1 } });
    json!({ "name": "_Server", "version": "1.2.0", "tables": { "Database": { "columns": {
        "name": { "type": "string" }, "model": { "type": "string" },
        "connected": { "type": "boolean" }, "leader": { "type": "boolean" },
        "schema": optional("string"), "index": optional("integer") } } } })
}

fn row(change: Value) -> Value {
    json!({ "T": { ROW: change } })
}

fn no_operations(script: &mut Script, id: u64) {
    script.session.transact(id, &Operations::default());
}

#[test]
fn a_snapshot_waits_for_its_other_half() {
    let mut script = Script::new(false);
    script.identify("standalone", true, 0).unwrap();
    let asked =
        script.answer("monitor_cond_since", json!([false, TXN, row(json!({ "initial": {} }))])).unwrap();
    assert_eq!(asked, json!(["D", "data", { "T": [{ "columns": ["n"] }] }, Uuid::ZERO.to_string()]));
    script.notify("update3", json!(["data", ROW, row(json!({ "modify": { "n": 5 } }))])).unwrap();
    assert_eq!(script.told(), [""; 0]);
    no_operations(&mut script, 1);
    assert_eq!(script.events(), [Event::Transacted { id: 1, outcome: Outcome::NotSent }]);

    script.answer("monitor_cond", json!({ "Own": { ROW: { "initial": { "n": 1 } } } })).unwrap();
    let events = script.events();
    let [Event::Connected { .. }, Event::Snapshot { update, .. }, Event::Update(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(update.tables.iter().map(|table| table.table).collect::<Vec<_>>(), [0, 1]);
    assert!(script.asked("monitor_cancel"));
    assert_eq!(script.session.last_id, Uuid::parse(ROW).unwrap());
}

#[test]
fn a_session_continues_where_the_last_one_ended() {
    let mut script = Script::new(false);
    script.connect();
    script.session.closed(SessionError::Lost(Lost::Closed));
    assert_eq!(script.told(), ["disconnected"]);
    script.session.refetch();
    script.identify("standalone", true, 0).unwrap();
    let asked =
        script.answer("monitor_cond_since", json!([true, ROW, row(json!({ "insert": {} }))])).unwrap();
    assert_eq!(asked[3], TXN);
    let insert = TableUpdate { table: 0, rows: vec![(Uuid::parse(ROW).unwrap(), RowUpdate::Insert(vec![]))] };
    let events = script.events();
    assert!(matches!(&events[..], [Event::Connected { .. }, Event::Update(u)] if u.tables == [insert]));
    script.answer("monitor_cond", json!({})).unwrap();
    assert_eq!(script.told(), ["refetched"]);
}

#[test]
fn what_breaks_a_replica_makes_the_next_session_begin_anew() {
    let mut script = Script::new(false);
    for broken in [
        ("update3", json!(["data", ROW, { "T": { ROW: { "insert": { "n": "text" } } } }])),
        ("monitor_canceled", json!(["data"])),
    ] {
        script.connect();
        let reason = script.notify(broken.0, broken.1).unwrap_err();
        script.session.closed(reason);
        script.told();
        assert_eq!(script.session.last_id, Uuid::ZERO);
    }
}

#[test]
fn a_changed_schema_asks_for_a_snapshot() {
    let mut script = Script::new(false);
    script.connect();
    script.session.closed(SessionError::Lost(Lost::Closed));
    script.open();
    script.refuse("get_schema");
    let mut smaller = schema();
    smaller["tables"].as_object_mut().unwrap().remove("Own");
    script.answer("get_schema", smaller).unwrap();
    let asked = script.answer("monitor_cond_since", json!([false, TXN, {}])).unwrap();
    assert_eq!(asked[3], Uuid::ZERO.to_string());
    assert_eq!(script.told(), ["disconnected", "warning", "connected", "snapshot"]);
}

#[test]
fn old_servers_are_asked_in_older_ways() {
    let mut script = Script::new(false);
    script.open();
    script.refuse("get_schema");
    script.answer("get_schema", schema()).unwrap();
    script.refuse("monitor_cond_since");
    script.refuse("monitor_cond");
    script.answer("monitor", row(json!({ "new": { "n": 1 } }))).unwrap();
    let asked = script.answer("monitor", json!({})).unwrap();
    assert_eq!(asked[2]["Own"][0]["select"]["insert"], false);
    script.notify("update", json!(["data", row(json!({ "old": {}, "new": { "n": 2 } }))])).unwrap();
    assert_eq!(script.told(), ["connected", "snapshot", "update"]);
}

#[test]
fn only_suitable_servers_are_used() {
    let mut script = Script::new(true);
    assert_eq!(script.identify("relay", true, 0), Err(SessionError::NotLeader));
    script.session.closed(SessionError::NotLeader);
    assert_eq!(script.identify("clustered", false, 9), Err(SessionError::NotLeader));
    script.session.closed(SessionError::NotLeader);
    assert_eq!(script.identify("clustered", true, 9), Ok(()));
    let follower = json!(["server", { "Database": { ROW: { "modify": { "leader": false } } } }]);
    assert_eq!(script.notify("update2", follower), Err(SessionError::NotLeader));
    script.session.closed(SessionError::NotLeader);
    assert_eq!(script.identify("clustered", true, 8), Err(SessionError::Stale { index: 8, seen: 9 }));
    script.session.closed(SessionError::NotLeader);
    script.session.reset_min_index();
    assert_eq!(script.identify("clustered", true, 8), Ok(()));
    let gone = json!(["server", { "Database": { ROW: { "delete": null } } }]);
    assert_eq!(script.notify("update2", gone), Err(SessionError::UnknownDatabase("D".into())));
}

#[test]
fn the_lock_is_wanted_in_every_session() {
    let mut script = Script::new(false);
    script.session.want_lock("L".into(), true);
    script.connect();
    assert_eq!(script.answer("lock", json!({ "locked": false })).unwrap(), json!(["L"]));
    script.notify("locked", json!(["other"])).unwrap();
    script.notify("locked", json!(["L"])).unwrap();
    script.notify("stolen", json!(["L"])).unwrap();
    assert_eq!(script.told(), ["contended", "acquired", "lost"]);
    script.notify("locked", json!(["L"])).unwrap();
    script.session.closed(SessionError::Lost(Lost::Closed));
    assert_eq!(script.told(), ["acquired", "lost", "disconnected"]);
    script.connect();
    // A notification before the reply is about the past.
    script.notify("locked", json!(["L"])).unwrap();
    assert_eq!(script.told(), [""; 0]);
    script.answer("lock", json!({ "locked": true })).unwrap();
    script.session.unwant_lock();
    assert_eq!(script.told(), ["acquired", "lost"]);
    assert_eq!(script.take("unlock")["params"], json!(["L"]));
}

#[test]
fn every_transaction_has_one_outcome() {
    let mut script = Script::new(false);
    script.connect();
    no_operations(&mut script, 5);
    assert_eq!(script.answer("transact", json!([])).unwrap(), json!(["D"]));
    let mut operations = Operations::default();
    operations.comment("c");
    script.session.transact(6, &operations);
    assert_eq!(script.take("transact")["params"][1], json!({ "op": "comment", "comment": "c" }));
    script.session.closed(SessionError::Lost(Lost::Closed));
    no_operations(&mut script, 7);
    let outcomes: Vec<(u64, Outcome)> = script
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Transacted { id, outcome } => Some((id, outcome)),
            _ => None,
        })
        .collect();
    let unknown = Outcome::Unknown("connection closed by peer".into());
    assert_eq!(outcomes, [(5, Outcome::Success(vec![])), (6, unknown), (7, Outcome::NotSent)]);
}

#[test]
fn requests_of_the_server_are_answered() {
    let mut script = Script::new(false);
    script.open();
    script.session.out.clear();
    script.message(json!({ "id": "echo", "method": "echo", "params": [1] })).unwrap();
    script.message(json!({ "id": 3, "method": "reboot", "params": [] })).unwrap();
    let out = std::mem::take(&mut script.session.out);
    let replies: Vec<Value> =
        serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap).collect();
    assert_eq!(replies[0], json!({ "id": "echo", "result": [1], "error": null }));
    assert_eq!(replies[1]["error"], "unknown method");
}

proptest::proptest! {
    #[test]
    fn any_message_is_survived(text in r#"\{"(id|method|params|result|error)":[\[\]{}",:a-z0-9]{0,40}\}"#) {
        let mut script = Script::new(false);
        script.connect();
        let _ = script.session.message(text.as_bytes());
    }
}

/// Rows of `T` with this number, and none of `Own`.
fn only(number: i64) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.restrict("T").equal("n", &Atom::Integer(number));
    conditions
}

/// What a request to change to them asks for.
fn change(number: i64) -> Value {
    json!(["data", "data", { "T": [{ "where": [["n", "==", number]] }] }])
}

#[test]
fn other_rows_come_with_the_answer_of_the_server() {
    let mut script = Script::new(false);
    // Before there is a session it is a matter of the request for the data.
    script.session.restrict(1, only(1));
    script.identify("standalone", true, 0).unwrap();
    let asked = script.answer("monitor_cond_since", json!([false, TXN, {}])).unwrap();
    assert_eq!(asked[2], json!({ "T": [{ "columns": ["n"], "where": [["n", "==", 1]] }] }));
    script.answer("monitor_cond", json!({})).unwrap();
    assert_eq!(script.told(), ["connected", "snapshot", "restricted"]);

    script.session.restrict(2, only(2));
    let request = script.take("monitor_cond_change");
    assert_eq!(request["params"], change(2));
    // One at a time, and of those that come meanwhile the last.
    script.session.restrict(3, only(3));
    script.session.restrict(4, Conditions::default());
    assert!(!script.asked("monitor_cond_change"));
    script.notify("update3", json!(["data", ROW, row(json!({ "insert": { "n": 2 } }))])).unwrap();
    script.message(json!({ "id": request["id"], "result": {}, "error": null })).unwrap();
    let events = script.events();
    assert!(matches!(&events[..], [Event::Update(_), Event::Restricted { number: 2 }]), "{events:?}");
    let asked = script.answer("monitor_cond_change", json!({})).unwrap();
    assert_eq!(asked[2], json!({ "T": [{ "where": [true] }] }));
    assert_eq!(script.events(), [Event::Restricted { number: 4 }]);
    script.session.restrict(5, Conditions::default());
    assert_eq!(script.events(), [Event::Restricted { number: 5 }]);
}

#[test]
fn a_session_continues_with_the_rows_that_were_told() {
    let mut script = Script::new(false);
    script.connect();
    script.session.closed(SessionError::Lost(Lost::Closed));
    script.session.restrict(1, only(1));
    script.identify("standalone", true, 0).unwrap();
    let asked = script.answer("monitor_cond_since", json!([true, ROW, {}])).unwrap();
    assert_eq!((&asked[2], &asked[3]), (&json!({ "T": [{ "columns": ["n"] }] }), &json!(TXN)));
    assert_eq!(script.take("monitor_cond_change")["params"], change(1));

    // What has come of a change that was not answered is not known.
    script.session.closed(SessionError::Lost(Lost::Closed));
    script.told();
    script.identify("standalone", true, 0).unwrap();
    let asked = script.answer("monitor_cond_since", json!([false, TXN, {}])).unwrap();
    assert_eq!(asked[2], json!({ "T": [{ "columns": ["n"], "where": [["n", "==", 1]] }] }));
    assert_eq!(asked[3], Uuid::ZERO.to_string());
    script.answer("monitor_cond", json!({})).unwrap();
    assert_eq!(script.told(), ["connected", "snapshot", "restricted"]);
}

#[test]
fn a_server_without_conditions_tells_all_rows() {
    let mut script = Script::new(false);
    script.session.restrict(1, only(1));
    script.identify("standalone", true, 0).unwrap();
    script.refuse("monitor_cond_since");
    script.refuse("monitor_cond");
    let asked = script.answer("monitor", json!({})).unwrap();
    assert_eq!(asked[2], json!({ "T": [{ "columns": ["n"] }] }));
    script.answer("monitor", json!({})).unwrap();
    assert_eq!(script.told(), ["connected", "snapshot", "restricted"]);
    script.session.restrict(2, only(2));
    assert_eq!(script.told(), ["restricted"]);
    script.session.restrict(3, only(3));
    assert!(!script.asked("monitor_cond_change"));
}
