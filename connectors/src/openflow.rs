//! OpenFlow 1.5 to a real switch: makes an Open vSwitch bridge hold what is wanted.
//!
//! [`spawn`] starts one thread per bridge. Its user says as [`Delta`]s which flows, groups and meters
//! the switch is to hold; the connection sends what differs, in bundles that the switch takes whole or
//! not at all, and tells by [`Event::Acknowledged`] when a barrier behind them has been answered. After
//! every loss it reads back what the switch holds, and again sends only the difference: a switch that
//! kept its flows is not disturbed, and flows of others are deleted.
//!
//! A packet of the user (`PacketOut`) goes when all is there that was wanted before it.
//!
//! What it does not do: it computes no flows, reads no packets, and writes no log.
//!
//! Sources: the OpenFlow 1.5.1 specification; ovs-fields(7), ovs-actions(7), ovs-ofctl(8); the
//! extensions of Open vSwitch.

mod action;
mod batch;
mod connection;
mod contents;
mod error;
mod event;
mod flow;
mod group;
mod message;
mod meter;
mod oxm;
mod packet;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod tunnel;
mod wire;

use std::io;
use std::time::Duration;

use crossbeam_channel::Receiver;

pub use self::connection::Connections;
pub use self::contents::Contents;
pub use self::error::SwitchError;
pub use self::event::{Event, Features, Refusal, SessionError, Subject};
pub use self::flow::{Flow, FlowKey};
pub use self::group::{Bucket, Group, GroupKind, Selection};
pub use self::meter::{Band, Meter, MeterUnit};
pub use self::packet::PacketOut;
use self::session::Session;
pub use self::tunnel::TunnelOption;
pub use self::wire::Malformed;
use crate::net::tls::Tls;
use crate::net::{self, Lost, Order, Protocol, Remote};

/// What a connection is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The thread's name; the kernel shows 15 bytes of it.
    pub name: String,
    /// The bridge: `unix:` and the path of its `.mgmt` socket, or `tcp:` and where it listens.
    pub remote: Remote,
    /// After how long a silence the switch is probed, at least a second; zero is never. `None` is 5 s,
    /// and never for `unix:`.
    pub probe_interval: Option<Duration>,
    /// Tables into which actions learn flows: those found there stay if nothing else is wanted.
    pub learned_tables: Vec<u8>,
    /// The Geneve option that needs a field of its own.
    pub tunnel_option: Option<TunnelOption>,
    /// How many events may wait for the user, beside those held back in the thread.
    pub queue: usize,
}

/// A change of what is wanted; `None` is nothing.
///
/// The first one says all that is wanted: before it no switch is touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The user's number for it, told back by [`Event::Acknowledged`]; not less than those before it.
    pub epoch: u64,
    /// Flows.
    pub flows: Vec<(FlowKey, Option<Flow>)>,
    /// Groups by number; those that flows or other groups use have to be there.
    pub groups: Vec<(u32, Option<Group>)>,
    /// Meters by number.
    pub meters: Vec<(u32, Option<Meter>)>,
    /// Connection zones that are to be emptied, once, before the flows change.
    pub flush_zones: Vec<u16>,
    /// Connections that are to be forgotten, once: parts of zones before the flows change, others after that; with
    /// `false`, those that are not, if there is still time.
    pub flush_connections: Vec<(Connections, bool)>,
}

/// What the user can tell the connection.
#[derive(Clone, Debug)]
pub enum Command {
    /// Changes what is wanted. While changes are under way others are collected.
    Apply(Delta),
    /// Has the switch handle a packet, once it holds all that is wanted by now. It is lost if the connection is, or if
    /// there is none.
    Send(PacketOut),
    /// Changes [`Config::probe_interval`].
    SetProbeInterval(Option<Duration>),
    /// Closes the connection and makes a new one.
    Reconnect,
    /// Goes to another switch, which is to hold what is wanted by now.
    Move(Remote),
}

/// How a connection is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether there is a session.
    pub connected: bool,
    /// Whether the switch has taken all that is wanted, refusals aside.
    pub settled: bool,
    /// The last epoch that the switch has taken.
    pub acknowledged: Option<u64>,
}

/// The user's end of a connection; dropping the last clone, or the events' receiver, ends it.
pub type Handle = net::Handle<Command, Status>;

/// Starts a connection. Fails only if the system refuses a thread or a poll.
pub fn spawn(config: Config) -> io::Result<(Handle, Receiver<Event>)> {
    let Config { name, remote, probe_interval, learned_tables, tunnel_option, queue } = config;
    let session = Session::new(learned_tables, tunnel_option);
    let settings =
        net::Settings { name, remotes: vec![remote], probe: probe_interval, queue, tls: Tls::default() };
    net::start(session, settings)
}

impl Protocol for Session {
    type Command = Command;
    type Event = Event;
    type Reason = SessionError;
    type Status = Status;

    fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    fn connecting(&mut self, remote: Remote) {
        self.begin(remote);
    }

    fn opened(&mut self) {
        self.greet();
    }

    fn closed(&mut self, reason: SessionError) {
        self.end(reason);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    fn handle(&mut self) -> Result<bool, SessionError> {
        self.take()
    }

    fn fill(&mut self) {
        self.write_batch();
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn probe(&mut self) {
        self.ask_for_echo();
    }

    fn command(&mut self, command: Command) -> Order<SessionError> {
        match command {
            Command::Apply(delta) => {
                self.apply(delta);
                Order::Nothing
            }
            Command::Send(packet) => {
                self.send(packet);
                Order::Nothing
            }
            Command::SetProbeInterval(interval) => Order::Probe(interval),
            Command::Reconnect => Order::Close(Lost::Requested.into()),
            Command::Move(remote) => Order::Move(Lost::Requested.into(), remote),
        }
    }

    fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn unpop(&mut self, event: Event) {
        self.events.push_front(event);
    }

    fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn forgives(&self, reason: &SessionError) -> bool {
        self.is_ready() && matches!(reason, SessionError::Lost(_))
    }

    fn report(&self, status: &mut Status) {
        status.connected = self.is_ready();
        status.settled = self.is_settled();
        status.acknowledged = self.acknowledged();
    }
}
