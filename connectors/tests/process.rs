//! A daemon as its surroundings see it: the control socket, the pidfile, the processes.
//!
//! The daemon of these tests is the test program itself: [`daemon_role`] does nothing unless an environment variable
//! says otherwise, and the program starts itself anew with that variable to run it.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use northflow_connectors::process::args::{self, Parsed};
use northflow_connectors::process::daemon::{self, Role};
use northflow_connectors::process::dirs::Dirs;
use northflow_connectors::process::signals::{self, Termination};
use northflow_connectors::process::stopwatch::{Stopwatches, Unit};
use northflow_connectors::process::unixctl::{Commands, Format, Server};
use northflow_connectors::process::vlog::modules::{DAEMON_UNIX, OVN_NORTHD};
use northflow_connectors::process::{coverage, memory, vlog};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

const PROGRAM: &str = "ovn-northd";

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = env::temp_dir().join(format!("northflow-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client of a control socket that speaks the protocol by hand.
struct Client {
    stream: UnixStream,
    next: u64,
}

impl Client {
    fn connect(path: &Path) -> Client {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream, next: 0 }
    }

    fn send(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        let request = json!({"id": id, "method": method, "params": params});
        self.stream.write_all(request.to_string().as_bytes()).unwrap();
        id
    }

    fn receive(&mut self, id: u64) -> Result<Value, Value> {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
            if byte[0] == b'}'
                && let Ok(reply) = serde_json::from_slice::<Value>(&bytes)
            {
                assert_eq!(reply["id"], json!(id));
                return if reply["error"].is_null() {
                    Ok(reply["result"].clone())
                } else {
                    Err(reply["error"].clone())
                };
            }
        }
    }

    fn call(&mut self, method: &str, params: &[&str]) -> Result<Value, Value> {
        let id = self.send(method, json!(params));
        self.receive(id)
    }

    fn text(&mut self, method: &str, params: &[&str]) -> String {
        self.call(method, params).unwrap().as_str().unwrap().to_owned()
    }

    fn error(&mut self, method: &str, params: &[&str]) -> String {
        self.call(method, params).unwrap_err().as_str().unwrap().to_owned()
    }

    fn closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

#[test]
fn commands_and_their_refusals() {
    let scratch = Scratch::new("unixctl");
    let commands = Commands::new(args::version(PROGRAM));
    coverage::register(&commands);
    vlog::register(&commands);
    let stopwatches = Stopwatches::default();
    stopwatches.register(&commands);
    stopwatches.create("ovn-northd-loop", Unit::Milliseconds).record(Duration::from_millis(3));
    let server = Server::start(&scratch.path("t.ctl"), &commands).unwrap();
    let client = &mut Client::connect(server.path());

    assert_eq!(client.text("version", &[]), "ovn-northd 26.03.1\nOpen vSwitch Library 3.7.1");
    let list = client.text("list-commands", &[]);
    assert!(list.starts_with(
        "The available commands are:\n  coverage/read-counter   COUNTER\n  coverage/show           \n"
    ));
    assert!(list.contains("\n  set-options             [--format text|json]\n"), "{list}");
    assert!(!list.contains("vlog/message"), "{list}");

    let unknown = "\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid commands)";
    assert_eq!(client.error("nosuch", &[]), unknown);
    assert_eq!(client.error("version", &["x"]), "\"version\" command takes at most 0 arguments");
    assert_eq!(
        client.error("coverage/read-counter", &[]),
        "\"coverage/read-counter\" command requires at least 1 arguments"
    );
    let id = client.send("vlog/set", json!([1]));
    assert_eq!(client.receive(id), Err(json!("\"vlog/set\" command has non-string argument")));

    assert_eq!(client.error("coverage/read-counter", &["foo"]), "No such counter");
    assert_eq!(client.text("coverage/read-counter", &["txn_error"]), "0\n");
    assert!(client.text("coverage/show", &[]).contains("\nunixctl_received         "));
    assert!(
        client
            .text("stopwatch/show", &[])
            .starts_with("Statistics for 'ovn-northd-loop'\n  Total samples: 1\n")
    );
    assert_eq!(client.text("stopwatch/reset", &["ovn-northd-loop"]), "");
    assert!(client.text("stopwatch/show", &["ovn-northd-loop"]).contains("  Maximum: 0 msec\n"));
    assert_eq!(client.error("stopwatch/show", &["x"]), "No such stopwatch");

    assert_eq!(client.text("vlog/set", &["ipam:file:dbg"]), "");
    assert_eq!(client.text("vlog/disable-rate-limit", &["ipam"]), "");
    let levels = client.text("vlog/list", &[]);
    assert!(
        levels.contains("\nipam              INFO       INFO        DBG    (rate limiting disabled)\n"),
        "{levels}"
    );
    assert_eq!(client.error("vlog/set", &["dbg:info"]), "cannot specify multiple levels");
    assert!(
        client.text("vlog/list-pattern", &[]).contains("\nFILE     none                              %D{%Y-")
    );
    assert_eq!(client.error("vlog/reopen", &[]), "Logging to file not configured");
}

#[test]
fn json_format() {
    let scratch = Scratch::new("json");
    let commands = Commands::new("v\n");
    commands.add_request("both", "", 0..=0, |request| match request.format() {
        Format::Text => request.reply("text"),
        Format::Json => request.reply_json(json!({"a": 1})),
    });
    let server = Server::start(&scratch.path("t.ctl"), &commands).unwrap();
    let client = &mut Client::connect(server.path());
    assert_eq!(client.text("both", &[]), "text");
    assert_eq!(client.error("set-options", &["--format=xml"]), "option format has invalid value xml");
    assert_eq!(
        client.call("set-options", &["--format", "json"]),
        Ok(json!({"reply-format": "plain", "reply": ""}))
    );
    assert_eq!(client.call("both", &[]), Ok(json!({"a": 1})));
    assert_eq!(client.call("version", &[]), Ok(json!({"reply-format": "plain", "reply": "v\n"})));
    let list = json!({"both": "", "list-commands": "", "set-options": "[--format text|json]", "version": ""});
    assert_eq!(client.call("list-commands", &[]), Ok(list));
    assert_eq!(
        Client::connect(server.path()).text("both", &[]),
        "text",
        "the format belongs to the connection"
    );
}

#[test]
fn deferred_and_pipelined_requests() {
    let scratch = Scratch::new("deferred");
    let commands = Commands::new("v\n");
    let (sender, requests) = crossbeam_channel::bounded(1);
    commands.forward("status", "", 0..=1, &sender);
    let server = Server::start(&scratch.path("t.ctl"), &commands).unwrap();
    let client = &mut Client::connect(server.path());

    let status = client.send("status", json!(["now"]));
    let version = client.send("version", json!([]));
    let request = requests.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!((request.name, request.args.as_slice()), ("status", &["now".to_owned()][..]));
    let other = &mut Client::connect(server.path());
    assert_eq!(other.text("version", &[]), "v\n", "a waiting client does not hold up another");
    request.reply("Status: active\n");
    assert_eq!(client.receive(status), Ok(json!("Status: active\n")));
    assert_eq!(client.receive(version), Ok(json!("v\n")));

    let first = client.send("status", json!([]));
    let dropped = requests.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(dropped);
    assert_eq!(client.receive(first), Err(json!("command abandoned")));

    let waiting = client.send("status", json!([]));
    let request = requests.recv_timeout(Duration::from_secs(20)).unwrap();
    let path = server.path().to_path_buf();
    request.reply("bye");
    drop(server);
    assert_eq!(client.receive(waiting), Ok(json!("bye")), "answers given before the end are sent");
    assert!(client.closed() && !path.exists());
}

#[test]
fn strangers_are_dropped_and_others_stay() {
    let scratch = Scratch::new("strangers");
    let server = Server::start(&scratch.path("t.ctl"), &Commands::new("v\n")).unwrap();
    let good = &mut Client::connect(server.path());
    for bad in [
        &b"{]"[..],
        b"{\"id\":0,\"result\":1,\"error\":null}",
        b"{\"id\":null,\"method\":\"version\",\"params\":[]}",
    ] {
        let mut client = Client::connect(server.path());
        client.stream.write_all(bad).unwrap();
        assert!(client.closed(), "{}", String::from_utf8_lossy(bad));
    }
    let mut flood = Client::connect(server.path());
    // The server may close before all is written.
    let _ = flood.stream.write_all(&[b'['; 2 << 20]);
    assert!(flood.closed());
    assert_eq!(good.text("version", &[]), "v\n");
}

#[test]
fn sockets_with_long_names_and_in_bad_places() {
    let scratch = Scratch::new("long");
    let deep = scratch.path(&"d".repeat(120));
    fs::create_dir(&deep).unwrap();
    let server = Server::start(&deep.join("t.ctl"), &Commands::new("v\n")).unwrap();
    assert!(deep.join("t.ctl").exists());
    drop(server);
    assert!(!deep.join("t.ctl").exists());
    let error = Server::start("/nonexistent/t.ctl".as_ref(), &Commands::new("v\n")).unwrap_err();
    let text = "/nonexistent/t.ctl: could not initialize control socket (No such file or directory)";
    assert_eq!(error.to_string(), text);
}

/// The variable that makes this program a daemon: its run directory and arguments, as JSON.
const ROLE: &str = "NORTHFLOW_TEST_DAEMON";

#[test]
fn daemon_role() {
    if let Ok(role) = env::var(ROLE) {
        std::process::exit(run_daemon(&serde_json::from_str::<Vec<String>>(&role).unwrap()).into());
    }
}

/// What the main function of a daemon does, with nothing in the middle.
fn run_daemon(args: &[String]) -> u8 {
    let fail = |error: &dyn std::fmt::Display| {
        DAEMON_UNIX.fatal(error);
        1
    };
    daemon::abort_on_panic();
    let start = Instant::now();
    let dirs = Dirs::from_env();
    let settings = match args::parse(PROGRAM, &dirs, args) {
        Ok(Parsed::Run(settings)) => settings,
        other => panic!("{other:?}"),
    };
    settings.log.apply(PROGRAM).unwrap();
    let mut daemon = match daemon::start(&settings.daemon) {
        Ok(Role::Daemon(daemon)) => daemon,
        Ok(Role::Done(code)) => return code,
        Err(error) => return fail(&error),
    };
    let (sender, requests) = crossbeam_channel::bounded(8);
    let (signalled, signal) = crossbeam_channel::bounded(1);
    let on_signal = move |signal| {
        let _ = signalled.try_send(signal);
    };
    let _termination = Termination::watch(on_signal).unwrap();
    let commands = Commands::new(args::version(PROGRAM));
    coverage::register(&commands);
    vlog::register(&commands);
    memory::register(&commands, &sender);
    let stopwatches = Stopwatches::default();
    stopwatches.register(&commands);
    stopwatches.create("ovn-northd-loop", Unit::Milliseconds).time(|| ());
    commands.forward("exit", "", 0..=1, &sender);
    commands.forward("panic", "", 0..=0, &sender);
    let socket = dirs.control_socket(PROGRAM, std::process::id(), settings.unixctl.as_deref());
    let server = match socket.map(|path| Server::start(&path, &commands)).transpose() {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    if let Err(error) = daemon.ready() {
        return fail(&error);
    }
    OVN_NORTHD.info("ready");
    assert!(!memory::Monitor::new(start).run(Instant::now()));
    loop {
        crossbeam_channel::select! {
            recv(requests) -> request => match request.unwrap() {
                request if request.name == "exit" => {
                    drop(daemon);
                    request.reply("");
                    drop(server);
                    return 0;
                }
                request if request.name == "panic" => panic!("asked to"),
                request => request.reply(memory::compose([("rows".to_owned(), 3)])),
            },
            recv(signal) -> signal => {
                drop((server, daemon));
                signals::die_of(signal.unwrap());
                return 1;
            }
        }
    }
}

/// Starts the daemon in `scratch` and waits for the process that was started.
fn start_daemon(scratch: &Scratch, args: &[&str]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "daemon_role", "--nocapture", "--quiet"]).stdin(Stdio::null());
    command.env("OVN_RUNDIR", &scratch.0).env("OVS_SYSLOG_METHOD", "null").env(ROLE, json!(args).to_string());
    command.output().unwrap()
}

/// The process in the pidfile, once there is one other than `before`.
fn wait_for_pid(scratch: &Scratch, before: Option<Pid>) -> Pid {
    wait_for(|| {
        let text = fs::read_to_string(scratch.path("ovn-northd.pid")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?).filter(|pid| Some(*pid) != before)
    })
}

fn wait_for<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn control_socket(scratch: &Scratch, pid: Pid) -> PathBuf {
    scratch.path(&format!("ovn-northd.{}.ctl", pid.as_raw_nonzero()))
}

#[test]
fn detached_daemon_holds_its_pidfile_until_exit() {
    let scratch = Scratch::new("detach");
    let log = format!("--log-file={}", scratch.path("log").display());
    let args = ["--detach", "--pidfile", "-vconsole:off", &log];
    let first = start_daemon(&scratch, &args);
    assert!(first.status.success(), "{first:?}");
    let pid = wait_for_pid(&scratch, None);
    let socket = control_socket(&scratch, pid);
    let client = &mut Client::connect(&socket);
    assert_eq!(client.text("memory/show", &[]), "rows:3");
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).unwrap(), Path::new("/"));
    for fd in 0..3 {
        let target = fs::read_link(format!("/proc/{}/fd/{fd}", pid.as_raw_nonzero())).unwrap();
        assert_eq!(target, Path::new("/dev/null"));
    }

    let second = start_daemon(&scratch, &args);
    assert_eq!(second.status.code(), Some(1));
    let pidfile = scratch.path("ovn-northd.pid");
    let told = format!(
        "ovn-northd: {}: already running as pid {}, aborting\n",
        pidfile.display(),
        pid.as_raw_nonzero()
    );
    assert!(String::from_utf8_lossy(&second.stderr).ends_with(&told), "{second:?}");
    assert!(pidfile.exists(), "who is refused leaves the pidfile alone");

    let log = scratch.path("log");
    assert_eq!(
        fs::rename(&log, scratch.path("log.1")).and_then(|()| fs::metadata(&log)).ok().map(|_| ()),
        None
    );
    assert_eq!(client.text("vlog/reopen", &[]), "");
    assert_eq!(client.text("vlog/message", &["hello"]), "");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("(unixctl)|INFO|user-message: hello\n"), "{text}");

    assert_eq!(client.text("exit", &["--cleanup"]), "");
    // The answer may be here before the process has put things away.
    wait_for(|| test_kill_process(pid).is_err().then_some(()));
    assert!(!socket.exists() && !pidfile.exists());
}

#[test]
fn failure_before_ready_reaches_the_caller() {
    let scratch = Scratch::new("failure");
    for extra in [&["--detach"][..], &["--detach", "--monitor"], &["--monitor"], &[]] {
        let args = [extra, &["--pidfile", "--unixctl=/nonexistent/x.ctl"]].concat();
        let output = start_daemon(&scratch, &args);
        assert_eq!(output.status.code(), Some(1), "{args:?} {output:?}");
        let told = "ovn-northd: /nonexistent/x.ctl: could not initialize control socket (No such file or directory)\n";
        assert!(String::from_utf8_lossy(&output.stderr).ends_with(told), "{output:?}");
        assert!(!scratch.path("ovn-northd.pid").exists());
    }
}

#[test]
fn monitor_restarts_after_a_crash_and_ends_with_the_daemon() {
    let scratch = Scratch::new("monitor");
    let log = format!("--log-file={}", scratch.path("log").display());
    let output = start_daemon(&scratch, &["--detach", "--monitor", "--pidfile", &log, "-vconsole:off"]);
    assert!(output.status.success(), "{output:?}");
    let first = wait_for_pid(&scratch, None);
    let client = &mut Client::connect(&control_socket(&scratch, first));
    client.send("panic", json!([]));
    assert!(client.closed());
    let second = wait_for_pid(&scratch, Some(first));
    wait_for(|| control_socket(&scratch, second).exists().then_some(()));
    kill_process(second, Signal::TERM).unwrap();
    let (first, second) = (first.as_raw_nonzero(), second.as_raw_nonzero());
    let end = format!("daemon_unix(monitor)|INFO|pid {second} died, killed (Terminated), exiting\n");
    let log = wait_for(|| fs::read_to_string(scratch.path("log")).ok().filter(|log| log.ends_with(&end)));
    let crash = format!("daemon_unix(monitor)|ERR|1 crashes: pid {first} died, killed (Aborted");
    assert!(log.contains(&crash) && log.contains("asked to\n"), "{log}");
    assert!(log.contains("fatal_signal(signals)|WARN|terminating with signal 15 (Terminated)\n"), "{log}");
    assert!(!scratch.path("ovn-northd.pid").exists());
}
