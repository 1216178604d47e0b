//! The client against a scripted server at a local socket.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::*;

const TXN: &str = "11111111-2222-4333-8444-555555555555";

/// A socket of its own for every test.
struct Socket(PathBuf);

impl Socket {
    fn listen() -> (Socket, UnixListener) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("northflow-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        (Socket(path), listener)
    }

    fn remote(&self) -> Remote {
        Remote::Unix(self.0.clone())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn config(remotes: Vec<Remote>, probe: Duration, queue: usize) -> Config {
    Config {
        name: "test".into(),
        remotes,
        shuffle: false,
        database: "D".into(),
        tables: vec![TableRequest { table: "T".into(), columns: vec!["n".into()], kind: Kind::Full }].into(),
        conditions: Conditions::default(),
        leader_only: false,
        probe_interval: Some(probe),
        queue,
        tls: Tls::default(),
    }
}

fn start(remotes: Vec<Remote>, probe: Duration, queue: usize) -> (Handle, Receiver<Event>) {
    spawn(config(remotes, probe, queue)).unwrap()
}

fn soon(events: &Receiver<Event>) -> Event {
    events.recv_timeout(Duration::from_secs(10)).unwrap()
}

/// One connection, seen from the server.
struct Peer {
    stream: UnixStream,
    messages: Box<dyn Iterator<Item = serde_json::Result<Value>>>,
}

impl Peer {
    fn accept(listener: &UnixListener) -> Peer {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let reader = std::io::BufReader::new(stream.try_clone().unwrap());
        Peer { stream, messages: Box::new(serde_json::Deserializer::from_reader(reader).into_iter()) }
    }

    fn receive(&mut self) -> Value {
        self.messages.next().unwrap().unwrap()
    }

    fn send(&mut self, message: Value) {
        self.stream.write_all(message.to_string().as_bytes()).unwrap();
    }

    fn answer(&mut self, method: &str, result: Value) {
        let request = self.receive();
        assert_eq!(request["method"], method);
        self.send(json!({ "id": request["id"], "result": result, "error": null }));
    }

    /// Serves up to the first snapshot.
    fn serve(&mut self) {
        let request = self.receive();
        self.send(json!({ "id": request["id"], "result": null, "error": "unknown database" }));
        let columns = json!({ "columns": { "n": { "type": "integer" } } });
        self.answer("get_schema", json!({ "name": "D", "tables": { "T": columns } }));
        self.answer("monitor_cond_since", json!([false, TXN, {}]));
    }
}

#[test]
fn the_next_server_is_tried_at_once() {
    // A busy machine may be slow now and then; a client that backs off is slow each time.
    let fastest = (0..5).map(|_| time_until_the_first_server_again()).find(|time| *time < BACK_OFF);
    assert!(fastest.is_some(), "each of five trials took longer than {BACK_OFF:?}");
}

/// What a client waits for, at least, before it tries the same server again.
const BACK_OFF: Duration = Duration::from_millis(900);

fn time_until_the_first_server_again() -> Duration {
    let (first, first_listener) = Socket::listen();
    let (second, second_listener) = Socket::listen();
    let (handle, events) = start(vec![first.remote(), second.remote()], Duration::ZERO, 16);
    let began = Instant::now();
    drop(Peer::accept(&first_listener));
    assert!(matches!(soon(&events), Event::Disconnected { .. }));
    let mut peer = Peer::accept(&second_listener);
    peer.serve();
    assert_eq!(soon(&events), Event::Connected { remote: second.remote() });
    assert!(matches!(soon(&events), Event::Snapshot { .. }));
    assert!(handle.status().connected);
    drop(peer);
    assert!(matches!(soon(&events), Event::Disconnected { reason: SessionError::Lost(Lost::Closed), .. }));
    Peer::accept(&first_listener).serve();
    assert!(matches!(soon(&events), Event::Connected { .. }));
    let time = began.elapsed();
    handle.stop();
    assert!(handle.send(Command::Refetch).is_err());
    time
}

#[test]
fn tcp_is_connected_to_and_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let remote = Remote::Tcp { host: "127.0.0.1".into(), port };
    let (handle, events) = start(vec![remote.clone()], Duration::ZERO, 16);
    let (mut stream, _) = listener.accept().unwrap();
    let mut first = [0; 7];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
    assert_eq!(&first, b"{\"id\":0");
    drop((stream, listener));
    assert!(matches!(soon(&events), Event::Disconnected { .. }));
    match soon(&events) {
        Event::Disconnected { remote: refused, reason: SessionError::Lost(Lost::Connect(_)) } => {
            assert_eq!(refused, remote)
        }
        event => panic!("{event:?}"),
    }
    handle.stop();
}

#[test]
fn silence_is_probed_and_ends_the_session() {
    let (socket, listener) = Socket::listen();
    let (handle, events) = start(vec![socket.remote()], Duration::from_secs(1), 16);
    let mut peer = Peer::accept(&listener);
    peer.serve();
    peer.answer("echo", json!([]));
    assert_eq!(peer.receive()["method"], "echo");
    loop {
        match soon(&events) {
            Event::Connected { .. } | Event::Snapshot { .. } => {}
            event => {
                assert!(matches!(
                    event,
                    Event::Disconnected { reason: SessionError::Lost(Lost::Silent), .. }
                ));
                break;
            }
        }
    }
    handle.stop();
}

#[test]
fn a_slow_user_neither_loses_events_nor_the_session() {
    const UPDATES: usize = 20_000;
    let (socket, listener) = Socket::listen();
    let (handle, events) = start(vec![socket.remote()], Duration::from_secs(1), 64);
    let mut peer = Peer::accept(&listener);
    peer.serve();
    let mut writer = peer.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for number in 0..UPDATES {
            let row = format!("00000000-0000-4000-8000-{number:012x}");
            let params = json!(["data", TXN, { "T": { row: { "insert": { "n": number } } } }]);
            let message = json!({ "id": null, "method": "update3", "params": params });
            writer.write_all(message.to_string().as_bytes()).unwrap();
        }
    });
    // The user sleeps: only the client's signs of life can come.
    assert_eq!(peer.receive()["method"], "echo");
    let mut replica = Replica::default();
    while replica.len(0) < UPDATES {
        let event = soon(&events);
        assert!(!matches!(event, Event::Disconnected { .. }), "{event:?}");
        replica.apply(event, |_| {}).unwrap();
    }
    sender.join().unwrap();
    handle.stop();
}

/// How often the thread of this name has gone to sleep.
fn sleeps(name: &str) -> u64 {
    let status = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.unwrap().path().join("status")).unwrap_or_default()
    };
    let status = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(status)
        .find(|status| status.lines().next() == Some(&format!("Name:\t{name}")))
        .unwrap();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

#[test]
fn an_idle_client_sleeps() {
    let (socket, listener) = Socket::listen();
    let mut config = config(vec![socket.remote()], Duration::ZERO, 16);
    config.name = "idle".into();
    let (handle, events) = spawn(config).unwrap();
    let mut peer = Peer::accept(&listener);
    peer.serve();
    soon(&events);
    soon(&events);
    let before = sleeps("idle");
    peer.stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    assert!(peer.messages.next().unwrap().is_err());
    assert!(sleeps("idle") - before <= 1);
    assert!(events.try_recv().is_err());
    drop(handle);
    assert!(matches!(soon(&events), Event::Disconnected { reason: SessionError::Lost(Lost::Requested), .. }));
}

#[test]
fn a_client_needs_a_server() {
    let config = config(vec![], Duration::ZERO, 1);
    assert_eq!(spawn(config).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let mut remotes: Vec<Remote> = (1..9).map(|port| Remote::Tcp { host: "h".into(), port }).collect();
    let given = remotes.clone();
    shuffle(&mut remotes);
    remotes.sort_by_key(Remote::to_string);
    assert_eq!(remotes, given);
}
