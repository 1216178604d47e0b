//! The control socket: the server side of ovs-appctl(8).
//!
//! [`Commands`] holds what can be asked; [`Server`] listens and answers on a thread of its own. A command either answers
//! at once, on that thread ([`Commands::add`]), or is handed as a [`Request`] to whoever owns the state it asks about,
//! usually the main thread ([`Commands::forward`]), and answered whenever that is ready:
//!
//! ```no_run
//! use northflow_connectors::process::unixctl::{Commands, Server};
//!
//! let commands = Commands::new("ovn-northd 26.03.1");
//! commands.add("is-paused", "", 0..=0, |_| Ok("false\n".to_owned()));
//! let (sender, requests) = crossbeam_channel::bounded(64);
//! commands.forward("exit", "", 0..=1, &sender);
//! let server = Server::start("/var/run/ovn/ovn-northd.1.ctl".as_ref(), &commands)?;
//! let exit = requests.recv()?;
//! // ... put things in order ...
//! exit.reply("");
//! drop(server);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The protocol is JSON-RPC 1.0 over a Unix domain socket: a request `{"method": name, "params": [arguments], "id": any}`
//! gets `{"id", "result": text, "error": null}` or `{"id", "result": null, "error": text}`. After `set-options --format
//! json`, results are JSON documents.

mod commands;
mod connection;
mod server;

pub use commands::{Commands, Format, Request};
pub use server::{Server, UnixctlError};
