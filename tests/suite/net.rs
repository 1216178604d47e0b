//! Servers that can be killed, and connections that can be cut.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use northflow_tests::reference::Reference;

/// A folder of its own, gone in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("northflow-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of the reference.
fn program(name: &str) -> Command {
    Reference::get().unwrap().command(name)
}

fn run(name: &str, configure: impl FnOnce(&mut Command)) -> String {
    let mut command = program(name);
    configure(&mut command);
    let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An `ovsdb-server` with one database.
pub struct Server {
    database: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// With a database in one file.
    pub fn standalone(scratch: &Scratch, name: &str, schema: &str) -> Server {
        Server::standalone_with(scratch, name, schema, Vec::new())
    }

    /// With a database in one file, and more options.
    pub fn standalone_with(scratch: &Scratch, name: &str, schema: &str, options: Vec<String>) -> Server {
        let database = scratch.path(name);
        run("ovsdb-tool", |command| {
            command.arg("create").arg(&database).arg(write_schema(scratch, schema));
        });
        Server::started(database, options)
    }

    /// The members of a cluster, all joined.
    pub fn cluster(scratch: &Scratch, name: &str, schema: &str, members: usize) -> Vec<Server> {
        let schema = write_schema(scratch, schema);
        let address = |member: usize| format!("unix:{}", scratch.path(&format!("raft{member}")).display());
        let servers: Vec<Server> = (0..members)
            .map(|member| {
                let database = scratch.path(&format!("{name}{member}"));
                run("ovsdb-tool", |command| {
                    match member {
                        0 => command.arg("create-cluster").arg(&database).arg(&schema).arg(address(0)),
                        _ => command.arg("join-cluster").arg(&database).args([
                            name,
                            &address(member),
                            &address(0),
                        ]),
                    };
                });
                Server::started(database, Vec::new())
            })
            .collect();
        for server in &servers {
            run("ovsdb-client", |command| {
                command.args(["--timeout=15", "wait"]).arg(server.remote()).args([name, "connected"]);
            });
        }
        servers
    }

    fn started(database: PathBuf, options: Vec<String>) -> Server {
        let mut server = Server { database, options, child: None };
        server.start();
        server
    }

    pub fn socket(&self) -> PathBuf {
        self.database.with_extension("sock")
    }

    fn remote(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    pub fn start(&mut self) {
        let mut command = program("ovsdb-server");
        command
            .arg(format!("--remote=p{}", self.remote()))
            .arg(format!("--unixctl={}", self.database.with_extension("ctl").display()))
            .arg("-vconsole:off")
            .args(&self.options)
            .arg(&self.database)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(15);
        while UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < deadline, "ovsdb-server does not listen");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it without notice.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_file(self.socket());
    }

    /// Converts its database to another schema.
    pub fn convert(&self, scratch: &Scratch, schema: &str) {
        let schema = write_schema(scratch, schema);
        run("ovsdb-client", |command| {
            command.args(["--timeout=15", "convert"]).arg(self.remote()).arg(schema);
        });
    }

    /// A table as JSON.
    pub fn dump(&self, table: &str) -> String {
        run("ovsdb-client", |command| {
            command.args(["--timeout=15", "-fjson", "dump"]).arg(self.remote()).args(["D", table]);
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn write_schema(scratch: &Scratch, schema: &str) -> PathBuf {
    let path = scratch.path("schema");
    fs::write(&path, schema).unwrap();
    path
}

/// What may still pass from the server, if there is a limit, the connections to cut, and what each client has sent.
#[derive(Default)]
struct Wire {
    left: Option<usize>,
    open: Vec<UnixStream>,
    sent: Vec<Vec<u8>>,
}

impl Wire {
    fn cut(&mut self) {
        self.left = None;
        for stream in self.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes bytes between clients and a server.
pub struct Proxy {
    path: PathBuf,
    wire: Arc<Mutex<Wire>>,
}

impl Proxy {
    pub fn new(path: PathBuf, server: PathBuf) -> Proxy {
        let listener = UnixListener::bind(&path).unwrap();
        let wire = Arc::<Mutex<Wire>>::default();
        let shared = wire.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Without a server the client is dropped, and finds its connection closed.
                if let Ok(server) = UnixStream::connect(&server) {
                    connect(client, server, &shared);
                }
            }
        });
        Proxy { path, wire }
    }

    pub fn path(&self) -> PathBuf {
        Path::to_owned(&self.path)
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.wire.lock().unwrap().cut();
    }

    /// What clients have sent since this was asked for before, each by itself.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.wire.lock().unwrap().sent.iter_mut().map(std::mem::take).collect()
    }

    /// Cuts all connections in place of the byte after so many more from the server.
    pub fn cut_after(&self, bytes: usize) {
        self.wire.lock().unwrap().left = Some(bytes);
    }
}

fn connect(client: UnixStream, server: UnixStream, wire: &Arc<Mutex<Wire>>) {
    let copies = [&client, &client, &server, &server].map(|stream| stream.try_clone().unwrap());
    let [client_in, client_kept, server_out, server_kept] = copies;
    let place = {
        let mut wire = wire.lock().unwrap();
        wire.open.extend([client_kept, server_kept]);
        wire.sent.push(Vec::new());
        wire.sent.len() - 1
    };
    let recorder = wire.clone();
    thread::spawn(move || {
        pass(client_in, server_out, |bytes| {
            recorder.lock().unwrap().sent[place].extend_from_slice(bytes);
            true
        });
    });
    let wire = wire.clone();
    thread::spawn(move || {
        pass(server, client, |bytes| {
            let mut wire = wire.lock().unwrap();
            match wire.left {
                Some(left) if left < bytes.len() => {
                    *bytes = &bytes[..left];
                    wire.left = None;
                    false
                }
                Some(left) => {
                    wire.left = Some(left - bytes.len());
                    true
                }
                None => true,
            }
        });
    });
}

/// Passes bytes on as long as there are any and `admit` does not shorten them.
fn pass(mut from: UnixStream, mut to: UnixStream, admit: impl Fn(&mut &[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut bytes = &buffer[..read];
        let whole = admit(&mut bytes);
        if to.write_all(bytes).is_err() || !whole {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
