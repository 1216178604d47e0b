//! The connection to the integration bridge: what the switch is told, and how far it has followed.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use crate::net::Remote;
use crate::openflow::{self, Command, Config, Delta, Event, Features, Handle, PacketOut, TunnelOption};
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::OFCTRL;

static REFUSALS: RateLimit = RateLimit::new(5, 60);

/// Tables into which actions learn: hairpin replies, next hops of equal cost, affinity, remote MAC addresses.
const LEARNED: [u8; 5] = [69, 76, 77, 78, 87];

/// The Geneve option that carries the logical ports of a packet (ovn-architecture(7)).
const TUNNEL_OPTION: TunnelOption = TunnelOption { class: 0x0102, kind: 0x80, length: 4 };

/// The connection, and what is to go through it.
#[derive(Default)]
pub(super) struct Connection {
    link: Option<(Handle, Receiver<Event>)>,
    remote: Option<Remote>,
    probe: Option<Duration>,
    /// What the switch can do, once it has said so.
    pub features: Option<Features>,
    /// What is wanted and not told yet: what is told first stands for everything, and what is incomplete waits for the
    /// rest.
    gathered: Option<Delta>,
    told: bool,
    /// The last epoch that the switch has reached.
    pub reached: Option<u64>,
}

impl Connection {
    /// Connects with the switch, or goes to another one.
    pub fn connect(&mut self, remote: Remote, probe: Option<Duration>) -> io::Result<()> {
        if self.remote.as_ref() != Some(&remote) {
            OFCTRL.info(format_args!("connecting to switch: \"{remote}\""));
            if self.link.is_some() {
                self.send(Command::Move(remote.clone()));
            }
            self.remote = Some(remote.clone());
        }
        if self.link.is_none() {
            let config = Config {
                name: "switch".into(),
                remote,
                probe_interval: probe,
                learned_tables: LEARNED.to_vec(),
                tunnel_option: Some(TUNNEL_OPTION),
                queue: 64,
            };
            self.link = Some(openflow::spawn(config)?);
        } else if self.probe != probe {
            self.send(Command::SetProbeInterval(probe));
        }
        self.probe = probe;
        Ok(())
    }

    /// Where events arrive.
    pub fn events(&self) -> Receiver<Event> {
        self.link.as_ref().map_or_else(never, |(_, events)| events.clone())
    }

    fn send(&self, command: Command) {
        if let Some((handle, _)) = &self.link {
            // A connection that has stopped does so only at the end of the program.
            let _ = handle.send(command);
        }
    }

    /// Whether there is a session.
    pub fn is_connected(&self) -> bool {
        self.link.as_ref().is_some_and(|(handle, _)| handle.status().connected)
    }

    /// Has the switch handle a packet, after all that it has been told of.
    pub fn packet(&self, packet: PacketOut) {
        self.send(Command::Send(packet));
    }

    /// Has the switch read back and put right.
    pub fn reconnect(&self) {
        self.send(Command::Reconnect);
    }

    /// Whether the switch is told of changes: it has been told everything before.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Something else is wanted. If `more` is about to follow that belongs to it, they are told together.
    pub fn apply(&mut self, delta: Delta, more: bool) {
        let gathered = self.gathered.get_or_insert_default();
        gathered.epoch = delta.epoch;
        gathered.flows.extend(delta.flows);
        gathered.groups.extend(delta.groups);
        gathered.meters.extend(delta.meters);
        gathered.flush_zones.extend(delta.flush_zones);
        gathered.flush_connections.extend(delta.flush_connections);
        if self.told && !more {
            self.tell_gathered();
        }
    }

    fn tell_gathered(&mut self) {
        let mut all = self.gathered.take().unwrap_or_default();
        all.flush_zones.sort_unstable();
        all.flush_zones.dedup();
        self.send(Command::Apply(all));
    }

    /// What is wanted by now is everything: the switch is told.
    pub fn tell(&mut self) {
        if !self.told && self.link.is_some() {
            self.told = true;
            self.tell_gathered();
        }
    }

    /// Takes in an event; whether the switch can do something else than was known.
    pub fn event(&mut self, event: Event) -> bool {
        match event {
            Event::Connected { remote, features } => {
                OFCTRL.info(format_args!("{remote}: connected"));
                if features.tunnel_field.is_none() {
                    OFCTRL.warn(
                        "the switch has no field for Geneve options: no packet will come through tunnels",
                    );
                }
                return self.features.replace(features) != Some(features);
            }
            Event::Disconnected { remote, reason } => {
                OFCTRL.info(format_args!("{remote}: {reason}"));
            }
            Event::Reconciled { right, wrong } => {
                OFCTRL.info(format_args!("switch has {right} rows as wanted, {wrong} are to be changed"));
            }
            Event::Refused { subject, reason } => {
                OFCTRL.warn_limited(&REFUSALS, format_args!("{subject}: {reason}"));
            }
            Event::Acknowledged { epoch } => self.reached = Some(epoch),
        }
        false
    }
}
