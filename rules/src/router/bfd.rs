//! Sessions that watch whether a neighbour is alive (I16, I19; RFC 5880, RFC 5881; ovn-nb(5), BFD).
//!
//! Chassis run a session as soon as a route or a policy depends on it; until then it is `admin_down`. A
//! next hop is used unless its session is down.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Relation, Weight, key_hash};
use serde::{Deserialize, Serialize};

use crate::flow::row::{Placed, place};
use crate::flow::text::ip6;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::{Text, Uuid};
use crate::schema::sb::PortBindingState;
use crate::schema::{Map, Table, key_uuid, nb, sb};
use crate::topology::router_port::RouterPortConfig;

const ADMIN_DOWN: &str = "admin_down";
const DOWN: &str = "down";
/// Milliseconds between packets where nothing is said.
const INTERVAL: i64 = 1000;
/// How many packets may be missed where nothing is said.
const MULTIPLIER: i64 = 5;
/// The ports that sessions send from (RFC 5881 section 4).
const PORTS: std::ops::Range<i64> = 49152..65535;

/// A session, as far as routes depend on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The northbound row.
    pub row: Uuid,
    /// The router port.
    pub logical_port: Text,
    /// The neighbour.
    pub dst_ip: Text,
    /// Whether the neighbour may be used: the session is neither down nor switched off.
    pub alive: bool,
}

/// What names a session: router port and neighbour.
type Name = (Text, Text);

/// The sessions that are configured, with what the chassis say.
///
/// Cost: a session costs itself.
pub fn sessions(nb: &Northbound, sb: &Southbound) -> Relation<Session> {
    let status = sb.bfd.map(|row| (name(row), matches!(&*row.status, DOWN | ADMIN_DOWN)));
    let named = nb.bfd.map(|row| (row.uuid, (row.logical_port.clone(), row.dst_ip.clone())));
    named.index_by(|(_, name): &(Uuid, Name)| name.clone()).join_optional(
        &least(&status).index_by(|(name, _): &(Name, bool)| name.clone()),
        |(row, (logical_port, dst_ip)), status| {
            let alive = status.is_some_and(|(_, down)| !down);
            let (logical_port, dst_ip) = (logical_port.clone(), dst_ip.clone());
            Some(Session { row: *row, logical_port, dst_ip, alive })
        },
    )
}

fn name(row: &sb::BfdState) -> Name {
    (row.logical_port.clone(), row.dst_ip.clone())
}

fn least<V: northflow_engine::Record + Clone + Ord>(rows: &Relation<(Name, V)>) -> Relation<(Name, V)> {
    rows.index_by(|(name, _): &(Name, V)| name.clone()).reduce(|group| group.rows().min().cloned())
}

/// Somebody who wants a port to send from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Sender {
    name: Name,
    /// The port that its row has.
    held: Option<i64>,
}

#[derive(Debug, Default)]
struct Ports {
    given: BTreeMap<Name, i64>,
    taken: BTreeMap<i64, Name>,
    waiting: BTreeSet<Sender>,
}

impl Ports {
    fn choose(&self, sender: &Sender, before: &BTreeMap<Name, i64>) -> Option<i64> {
        let free = |port: &i64| PORTS.contains(port) && !self.taken.contains_key(port);
        let kept = sender.held.filter(free).or_else(|| before.get(&sender.name).copied().filter(free));
        kept.or_else(|| PORTS.into_iter().find(free))
    }
}

impl Allocator for Ports {
    type Request = Sender;
    type Assignment = (Name, i64);

    fn change(
        &mut self,
        removed: Vec<Sender>,
        added: Vec<Sender>,
        emit: &mut dyn FnMut((Name, i64), Weight),
    ) {
        let mut before = BTreeMap::new();
        for sender in removed {
            self.waiting.remove(&sender);
            if let Some(port) = self.given.remove(&sender.name) {
                self.taken.remove(&port);
                before.insert(sender.name.clone(), port);
                emit((sender.name, port), -1);
            }
        }
        self.waiting.extend(added);
        // Those that have a port go first.
        let mut waiting: Vec<Sender> = std::mem::take(&mut self.waiting).into_iter().collect();
        waiting.sort_by_key(|sender| {
            (sender.held.is_none() && !before.contains_key(&sender.name), sender.clone())
        });
        for sender in waiting {
            match self.choose(&sender, &before) {
                Some(port) => {
                    self.given.insert(sender.name.clone(), port);
                    self.taken.insert(port, sender.name.clone());
                    emit((sender.name, port), 1);
                }
                None => drop(self.waiting.insert(sender)),
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.waiting.is_empty()
    }
}

/// What is written about sessions.
#[derive(Clone, Debug)]
pub struct Bfd {
    /// The southbound rows.
    pub rows: Relation<sb::Bfd>,
    /// Southbound status that is another: a session is switched on or off.
    pub switched: Relation<sb::BfdStatus>,
    /// The northbound status, where it is to be written.
    pub status: Relation<nb::BfdStatus>,
    /// Flows.
    pub placed: Relation<Placed>,
}

/// The rows and flows of sessions. `watched`: those that routes and policies depend on.
///
/// Cost: a session costs its own rows; the first of a port, the port's flows.
pub fn bfd(
    nb: &Northbound,
    sb: &Southbound,
    ports: &Relation<RouterPortConfig>,
    watched: &Relation<Session>,
) -> Bfd {
    let watched = watched.map(|session| session.row).distinct();
    let names = ports.map(|port| port.port.name.clone());
    let bound = nb
        .bfd
        .index_by(|row| row.logical_port.clone())
        .semijoin(&names.index_by(Text::clone))
        .index_by(|row| row.uuid)
        .join_optional(&watched.index_by(|row| *row), |row, watched| {
            Some((settings(row), watched.is_some()))
        });
    let by_name = bound.index_by(|(row, _): &(nb::Bfd, bool)| (row.logical_port.clone(), row.dst_ip.clone()));
    let held = sb.bfd.map(|row| (name(row), (row.src_port, row.uuid, row.status.clone())));
    let held = least(&held).index_by(|(name, _)| name.clone());
    let judged = by_name.join_optional(&held, |(row, watched), held| {
        let held = held.map(|(_, held)| held.clone());
        Some((row.clone(), *watched, held))
    });
    let status = judged.map(|(row, watched, held)| {
        (row.uuid, settled(*watched, held.as_ref().map(|(_, _, status)| status)))
    });
    let status = status.index_by(|(row, _): &(Uuid, Text)| *row).join_flat(
        &nb.bfd.map(|row| (row.uuid, row.status.clone())).index_by(|(row, _)| *row),
        |(row, status), (_, written)| {
            let status = Some(status.clone());
            (*written != status).then_some(nb::BfdStatus { uuid: *row, status })
        },
    );
    let switched = judged.flat_map(|(_, watched, held)| {
        let (_, uuid, status) = held.as_ref()?;
        let settled = settled(*watched, Some(status));
        (settled != *status).then_some(sb::BfdStatus { uuid: *uuid, status: settled })
    });
    let senders = judged.map(|(row, _, held)| Sender {
        name: (row.logical_port.clone(), row.dst_ip.clone()),
        held: held.as_ref().map(|(port, ..)| *port),
    });
    let given = senders.allocate_by(|_| (), Ports::default);
    let chassis = sb.chassis.map(|row| (row.uuid, row.name.clone()));
    let chassis = sb
        .port
        .index_by(PortBindingState::logical_port)
        .semijoin(&nb.bfd.map(|row| row.logical_port.clone()).index_by(Text::clone))
        .index_by(PortBindingState::chassis)
        .join(&chassis.index_by(|(row, _)| Some(*row)), |binding, (_, chassis)| {
            (binding.logical_port.clone(), chassis.clone())
        });
    let rows = by_name
        .join(&given.index_by(|(name, _): &(Name, i64)| name.clone()), |(row, watched), (_, port)| {
            (row.clone(), *watched, *port)
        })
        .index_by(|(row, ..): &(nb::Bfd, bool, i64)| row.logical_port.clone())
        .join_optional(&chassis.index_by(|(port, _)| port.clone()), |(row, watched, port), chassis| {
            let chassis = chassis.map(|(_, chassis)| chassis.clone()).unwrap_or_default();
            Some(southbound(row, *watched, *port, chassis))
        });
    let watching = nb.bfd.map(|row| row.logical_port.clone()).distinct();
    let placed = ports.index_by(|port| port.port.name.clone()).semijoin(&watching.index_by(Text::clone));
    let placed = placed.flat_map(|port| place(port.router.row, flows(port)));
    Bfd { rows, switched, status, placed }
}

/// What of a row is copied.
fn settings(row: &nb::Bfd) -> nb::Bfd {
    nb::Bfd { status: None, external_ids: Map::default(), options: Map::default(), ..row.clone() }
}

/// The status of a session, given the one that chassis say: a session that nobody depends on is switched
/// off, one that is switched on begins as down.
fn settled(watched: bool, said: Option<&Text>) -> Text {
    match said.filter(|status| &***status != ADMIN_DOWN) {
        _ if !watched => ADMIN_DOWN.into(),
        Some(status) => status.clone(),
        None => DOWN.into(),
    }
}

fn southbound(row: &nb::Bfd, watched: bool, src_port: i64, chassis_name: Text) -> sb::Bfd {
    // Discriminators tell the sessions of one system apart; 0 is none.
    let disc = i64::from((key_hash(&(&row.logical_port, &row.dst_ip)) as u32).max(1));
    sb::Bfd {
        uuid: key_uuid(sb::Bfd::NAME, &[&row.logical_port, &row.dst_ip]),
        logical_port: row.logical_port.clone(),
        dst_ip: row.dst_ip.clone(),
        src_port,
        disc,
        min_tx: row.min_tx.unwrap_or(INTERVAL),
        min_rx: row.min_rx.unwrap_or(INTERVAL),
        detect_mult: row.detect_mult.unwrap_or(MULTIPLIER),
        status: settled(watched, None),
        chassis_name,
    }
}

/// The flows that hand the packets of a port's sessions to the chassis.
fn flows(port: &RouterPortConfig) -> Vec<Flow> {
    let list = |texts: Vec<String>| match &texts[..] {
        [only] => only.clone(),
        _ => format!("{{{}}}", texts.join(", ")),
    };
    let ip4: Vec<String> = port.addresses.given.ip4.iter().map(|net| net.address.to_string()).collect();
    let ip6: Vec<String> = port.addresses.ip6().map(|net| ip6(net.address)).collect();
    let mut flows = Vec::new();
    for (family, addresses) in [(4, ip4), (6, ip6)] {
        if addresses.is_empty() {
            continue;
        }
        let addresses = list(addresses);
        let flow = |matches: String, actions: &str| {
            port.port.flow(Stage::LrInIpInput, 110, matches, actions).written_in("router/bfd.rs")
        };
        flows.push(flow(format!("ip{family}.src == {addresses} && udp.dst == 3784"), "next; "));
        flows.push(
            flow(format!("ip{family}.dst == {addresses} && udp.dst == 3784"), "handle_bfd_msg(); ")
                .punts(Punt::Bfd),
        );
    }
    flows
}
