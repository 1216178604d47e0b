//! The connection to the integration bridge: what the switch is told, and how far it has followed.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use crate::net::Remote;
use crate::openflow::{self, Command, Config, Delta, Event, Features, Handle, TunnelOption};
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
    /// What is wanted, until all of it can be told at once: what is told first stands for everything.
    gathered: Option<Delta>,
    told: bool,
    /// The last epoch that the switch has reached.
    pub reached: Option<u64>,
}

impl Connection {
    /// Whether the switch is another one than the one that has been told.
    pub fn is_elsewhere(&self, remote: &Remote) -> bool {
        self.remote.as_ref().is_some_and(|known| known != remote)
    }

    /// Connects with the switch, once.
    pub fn connect(&mut self, remote: Remote, probe: Option<Duration>) -> io::Result<()> {
        if self.link.is_none() {
            OFCTRL.info(format_args!("{remote}: connecting to switch"));
            let config = Config {
                name: "switch".into(),
                remote: remote.clone(),
                probe_interval: probe,
                learned_tables: LEARNED.to_vec(),
                tunnel_option: Some(TUNNEL_OPTION),
                queue: 64,
            };
            self.link = Some(openflow::spawn(config)?);
            self.remote = Some(remote);
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

    /// Has the switch read back and put right.
    pub fn reconnect(&self) {
        self.send(Command::Reconnect);
    }

    /// Whether the switch is told of changes: it has been told everything before.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Something else is wanted.
    pub fn apply(&mut self, delta: Delta) {
        if self.told {
            self.send(Command::Apply(delta));
            return;
        }
        let gathered = self.gathered.get_or_insert_default();
        gathered.epoch = delta.epoch;
        gathered.flows.extend(delta.flows);
        gathered.groups.extend(delta.groups);
        gathered.meters.extend(delta.meters);
        gathered.flush_zones.extend(delta.flush_zones);
    }

    /// What is wanted by now is everything: the switch is told.
    pub fn tell(&mut self) {
        if !self.told && self.link.is_some() {
            self.told = true;
            let mut all = self.gathered.take().unwrap_or_default();
            all.flush_zones.sort_unstable();
            all.flush_zones.dedup();
            self.send(Command::Apply(all));
        }
    }

    /// Takes in an event; whether the switch can do something else than was known.
    pub fn event(&mut self, event: Event) -> bool {
        match event {
            Event::Connected { remote, features } => {
                OFCTRL.info(format_args!("{remote}: connected to switch"));
                if features.tunnel_field.is_none() {
                    OFCTRL.warn(
                        "the switch has no field for Geneve options: no packet will come through tunnels",
                    );
                }
                return self.features.replace(features) != Some(features);
            }
            Event::Disconnected { remote, reason } => {
                OFCTRL.info(format_args!("{remote}: connection to switch: {reason}"));
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
