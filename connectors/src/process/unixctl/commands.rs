//! What can be asked over the control socket.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Sender, TrySendError};
use mio::Waker;
use serde_json::{Map, Value, json};

use crate::process::coverage;

/// The commands of a daemon, sorted by name. Clones share one set, and commands may be added while a server runs.
#[derive(Clone, Default)]
pub struct Commands {
    table: Arc<Mutex<BTreeMap<&'static str, Command>>>,
}

#[derive(Clone)]
struct Command {
    /// Arguments, for `list-commands`; `None` hides the command.
    usage: Option<&'static str>,
    arity: RangeInclusive<usize>,
    run: Arc<dyn Fn(Request) + Send + Sync>,
}

impl Commands {
    /// The commands that every daemon has: `list-commands` and `version`, which answers `version`. (The third,
    /// `set-options`, is a matter of the connection and known to the server.)
    pub fn new(version: impl Into<String>) -> Commands {
        let commands = Commands::default();
        let version = version.into();
        commands.add("version", "", 0..=0, move |_| Ok(version.clone()));
        commands.add("set-options", "[--format text|json]", 1..=2, |_| Ok(String::new()));
        // A weak reference: the table must not keep itself alive.
        let table = Arc::downgrade(&commands.table);
        commands.add_request("list-commands", "", 0..=0, move |request| match table.upgrade() {
            Some(table) => Commands { table }.list(request),
            None => request.error("shutting down"),
        });
        commands
    }

    /// Adds a command that answers at once. `run` gets the arguments, as many as `arity` admits, and gives the text of
    /// the reply or of the error. It runs on the server's thread: it must not wait for anything.
    ///
    /// `usage` describes the arguments in `list-commands`. A command added again replaces the earlier one.
    pub fn add(
        &self,
        name: &'static str,
        usage: &'static str,
        arity: RangeInclusive<usize>,
        run: impl Fn(&[String]) -> Result<String, String> + Send + Sync + 'static,
    ) {
        self.insert(name, Some(usage), arity, answer(run));
    }

    /// Like [`Commands::add`], but `list-commands` does not show it.
    pub fn add_hidden(
        &self,
        name: &'static str,
        arity: RangeInclusive<usize>,
        run: impl Fn(&[String]) -> Result<String, String> + Send + Sync + 'static,
    ) {
        self.insert(name, None, arity, answer(run));
    }

    /// Adds a command whose request is handed to `run`, on the server's thread, to be answered now or later.
    pub fn add_request(
        &self,
        name: &'static str,
        usage: &'static str,
        arity: RangeInclusive<usize>,
        run: impl Fn(Request) + Send + Sync + 'static,
    ) {
        self.insert(name, Some(usage), arity, run);
    }

    /// Adds a command whose requests go into `queue`, to be answered by whoever takes them out. When the queue is full,
    /// the client is told to try again; when nobody takes from it any more, that the daemon is ending.
    pub fn forward(
        &self,
        name: &'static str,
        usage: &'static str,
        arity: RangeInclusive<usize>,
        queue: &Sender<Request>,
    ) {
        let queue = queue.clone();
        self.insert(name, Some(usage), arity, move |request| match queue.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => request.error("too many commands at once, try again"),
            Err(TrySendError::Disconnected(request)) => request.error("shutting down"),
        });
    }

    fn insert(
        &self,
        name: &'static str,
        usage: Option<&'static str>,
        arity: RangeInclusive<usize>,
        run: impl Fn(Request) + Send + Sync + 'static,
    ) {
        self.lock().insert(name, Command { usage, arity, run: Arc::new(run) });
    }

    /// Runs the command `name`, or says in the words of Open vSwitch why not.
    pub(super) fn run(
        &self,
        name: &str,
        params: &[Value],
        make: impl FnOnce(Vec<String>, &'static str) -> Request,
    ) -> Result<(), String> {
        let found = self.lock().get_key_value(name).map(|(name, command)| (*name, command.clone()));
        let Some((name, command)) = found else {
            return Err(format!(
                "\"{name}\" is not a valid command (use \"list-commands\" to see a list of valid commands)"
            ));
        };
        let (min, max) = (command.arity.start(), command.arity.end());
        if params.len() < *min {
            return Err(format!("\"{name}\" command requires at least {min} arguments"));
        }
        if params.len() > *max {
            return Err(format!("\"{name}\" command takes at most {max} arguments"));
        }
        let args: Option<Vec<String>> =
            params.iter().map(|param| param.as_str().map(str::to_owned)).collect();
        let args = args.ok_or_else(|| format!("\"{name}\" command has non-string argument"))?;
        (command.run)(make(args, name));
        Ok(())
    }

    fn list(&self, request: Request) {
        let shown: Vec<(&str, &str)> =
            self.lock().iter().filter_map(|(name, command)| Some((*name, command.usage?))).collect();
        match request.format() {
            Format::Json => {
                let map: Map<String, Value> =
                    shown.into_iter().map(|(name, usage)| (name.to_owned(), usage.into())).collect();
                request.reply_json(map.into());
            }
            Format::Text => {
                let lines = shown.into_iter().map(|(name, usage)| format!("  {name:<23} {usage}\n"));
                request.reply(format!("The available commands are:\n{}", lines.collect::<String>()));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Command>> {
        // The table is sound between any two statements, so a thread that died holding it does no harm.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

fn answer(
    run: impl Fn(&[String]) -> Result<String, String> + Send + Sync + 'static,
) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| match run(&request.args) {
        Ok(text) => request.reply(text),
        Err(text) => request.error(text),
    }
}

/// The form of results that a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON documents; a text is wrapped into one.
    Json,
}

/// A command on its way to an answer. Its client waits until it is answered; one that is dropped is answered with an
/// error.
#[derive(Debug)]
pub struct Request {
    /// The name of the command.
    pub name: &'static str,
    /// The arguments, as many as the command takes.
    pub args: Vec<String>,
    pub(super) format: Format,
    pub(super) route: Route,
}

impl Request {
    /// The form of results that the client asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Answers with `text`, wrapped as Open vSwitch does it when the client asked for JSON.
    pub fn reply(mut self, text: impl Into<String>) {
        let text = text.into();
        let result = match self.format {
            Format::Text => Value::String(text),
            Format::Json => json!({"reply-format": "plain", "reply": text}),
        };
        self.route.send(Ok(result));
    }

    /// Answers with a document. Only for clients that asked for one: others get it printed on one line.
    pub fn reply_json(mut self, document: Value) {
        let result = match self.format {
            Format::Text => Value::String(document.to_string()),
            Format::Json => document,
        };
        self.route.send(Ok(result));
    }

    /// Answers with a text, or that the command failed, and why.
    pub fn finish(self, answer: Result<String, String>) {
        match answer {
            Ok(text) => self.reply(text),
            Err(text) => self.error(text),
        }
    }

    /// Answers that the command failed, and why.
    pub fn error(mut self, text: impl Into<String>) {
        self.route.send(Err(text.into()));
    }
}

/// What goes back for a request.
pub(super) type Outcome = Result<Value, String>;

/// The way back to the connection of a request.
#[derive(Debug)]
pub(super) struct Route {
    connection: usize,
    replies: Sender<(usize, Outcome)>,
    waker: Arc<Waker>,
    open: bool,
}

impl Route {
    pub fn new(connection: usize, replies: Sender<(usize, Outcome)>, waker: Arc<Waker>) -> Route {
        Route { connection, replies, waker, open: true }
    }

    fn send(&mut self, outcome: Outcome) {
        self.open = false;
        coverage::UNIXCTL_REPLIED.add(1);
        // Neither fails unless the server is gone, and its connections with it.
        let _ = self.replies.send((self.connection, outcome));
        let _ = self.waker.wake();
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        if self.open {
            self.send(Err("command abandoned".to_owned()));
        }
    }
}
