//! The protocol of one connection without its sockets and clocks: messages go in, bytes to send and
//! events come out.
//!
//! A session greets the switch, asks for what it can do and for the field of the tunnel option; then,
//! as soon as the user has said what is wanted, for its flows, groups and meters. From the comparison
//! on one batch of changes at a time is under way, and the next one is what has come together
//! meanwhile.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::batch::{Batch, Outcome, Tables};
use super::error::SwitchError;
use super::event::{Event, Features, SessionError};
use super::message::{self, Framer, Message, VERSION, kind, part, put};
use super::packet::PacketOut;
use super::tunnel::{self, TunnelOption, TunnelTable};
use super::wire::Malformed;
use super::{Delta, connection, flow, group, meter};
use crate::net::Remote;

/// How much is written ahead of what the switch has read.
const ROOM: usize = 1 << 20;
/// How often a bundle is sent anew without the messages that were refused, before changes are sent one
/// by one.
const ATTEMPTS: u32 = 4;

/// A question that is awaiting its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Features,
    GroupFeatures,
    MeterFeatures,
    /// Whether connections are forgotten by their label: an error says that they are not, and a barrier of the same
    /// number that there was none.
    LabelFlush,
    /// Whether the option is to be mapped if it is not.
    TunnelTable {
        map: bool,
    },
    Flows,
    Groups,
    Meters,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is none, or its version is not known yet.
    Greeting,
    /// The switch is telling what it can do.
    Asking,
    /// Nothing is wanted yet.
    Ready,
    /// The switch is telling what it holds.
    Reading,
    /// What the switch holds is known.
    Following,
}

/// What a connection is at one time, and what it remembers from session to session.
#[derive(Debug)]
pub(super) struct Session {
    learned_tables: Vec<u8>,
    tunnel_option: Option<TunnelOption>,
    /// The switch at the other end of the connection or of the attempt to make one.
    pub(super) remote: Option<Remote>,
    pub(super) framer: Framer,
    /// What is to be sent.
    pub(super) out: Vec<u8>,
    /// What is to be told.
    pub(super) events: VecDeque<Event>,
    phase: Phase,
    features: Features,
    /// The number of the next message.
    next: u32,
    questions: HashMap<u32, Question>,
    tables: Tables,
    zones: BTreeSet<u16>,
    /// Packets to send, each after an epoch.
    packets: VecDeque<(Option<u64>, PacketOut)>,
    /// The last epoch wanted, and the last one told to be there.
    wanted: Option<u64>,
    acknowledged: Option<u64>,
    batch: Option<Batch>,
    /// How many bundles in a row were not taken; whether to do without.
    attempts: u32,
    one_by_one: bool,
}

impl Session {
    pub(super) fn new(learned_tables: Vec<u8>, tunnel_option: Option<TunnelOption>) -> Session {
        Session {
            learned_tables,
            tunnel_option,
            remote: None,
            framer: Framer::default(),
            out: Vec::new(),
            events: VecDeque::new(),
            phase: Phase::Greeting,
            features: Features::default(),
            next: 1,
            questions: HashMap::new(),
            tables: Tables::default(),
            zones: BTreeSet::new(),
            packets: VecDeque::new(),
            wanted: None,
            acknowledged: None,
            batch: None,
            attempts: 0,
            one_by_one: false,
        }
    }

    /// Whether the switch has told what it can do.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Reading | Phase::Following)
    }

    /// Whether nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.phase == Phase::Following && self.batch.is_none()
    }

    /// The last epoch that the switch has taken.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.acknowledged
    }

    /// An attempt to connect has begun.
    pub(super) fn begin(&mut self, remote: Remote) {
        self.remote = Some(remote);
        self.framer = Framer::default();
    }

    /// The connection stands.
    pub(super) fn greet(&mut self) {
        let xid = self.xid();
        message::put_hello(xid, &mut self.out);
    }

    /// The connection, or the attempt to make one, has ended.
    pub(super) fn end(&mut self, reason: SessionError) {
        self.phase = Phase::Greeting;
        self.out = Vec::new();
        self.questions.clear();
        self.packets.clear();
        // Its zones and connections are still to be flushed; all else is seen when the switch is read again.
        if let Some(batch) = self.batch.take() {
            self.zones.extend(batch.zones());
            self.tables.connections.extend(batch.connections().cloned());
        }
        if let Some(remote) = self.remote.take() {
            self.events.push_back(Event::Disconnected { remote, reason });
        }
    }

    /// Asks for a sign of life.
    pub(super) fn ask_for_echo(&mut self) {
        let xid = self.xid();
        put(kind::ECHO_REQUEST, xid, &mut self.out, |_| {});
    }

    /// Changes what is wanted.
    pub(super) fn apply(&mut self, delta: Delta) {
        let Delta { epoch, flows, groups, meters, flush_zones, flush_connections } = delta;
        flows.into_iter().for_each(|(key, flow)| self.tables.flows.want(key, flow));
        groups.into_iter().for_each(|(id, group)| self.tables.groups.want(id, group));
        meters.into_iter().for_each(|(id, meter)| self.tables.meters.want(id, meter));
        self.zones.extend(flush_zones);
        for (connections, flush) in flush_connections {
            match flush {
                true => self.tables.connections.insert(connections),
                false => self.tables.connections.remove(&connections),
            };
        }
        self.wanted = self.wanted.max(Some(epoch));
        match self.phase {
            Phase::Ready => self.read_back(),
            Phase::Following => self.proceed(),
            Phase::Greeting | Phase::Asking | Phase::Reading => {}
        }
    }

    /// Whether the switch has all that was wanted up to an epoch, as far as it can be told.
    fn has(&self, epoch: Option<u64>) -> bool {
        // What is being put right in a new session was acknowledged in an old one.
        let is_under_way = self.batch.as_ref().is_some_and(|batch| Some(batch.epoch) <= epoch);
        matches!(self.phase, Phase::Ready | Phase::Following) && epoch <= self.acknowledged && !is_under_way
    }

    /// Sends a packet when all that is wanted by now is there.
    pub(super) fn send(&mut self, packet: PacketOut) {
        if self.is_ready() {
            self.packets.push_back((self.wanted, packet));
        }
    }

    /// Writes what there is room for.
    pub(super) fn write_batch(&mut self) {
        while let Some((epoch, _)) = self.packets.front()
            && self.has(*epoch)
            && let Some((_, packet)) = self.packets.pop_front()
        {
            let xid = self.xid();
            packet.put(xid, &mut self.out);
        }
        if let Some(batch) = &mut self.batch {
            let events = &mut self.events;
            batch.write(&mut self.out, ROOM, |subject, reason| {
                events.push_back(Event::Refused { subject, reason });
            });
        }
    }

    /// Takes the next message if it has arrived, and tells whether it had.
    pub(super) fn take(&mut self) -> Result<bool, SessionError> {
        let Some(message) = self.framer.next().map_err(protocol)? else { return Ok(false) };
        // Lent to the framer's bytes; what is read from them goes elsewhere.
        let framer = std::mem::take(&mut self.framer);
        let result = self.message(framer.bytes(message));
        self.framer = framer;
        result.map(|()| true)
    }

    fn message(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let (xid, message) = message::read(bytes).map_err(protocol)?;
        match message {
            Message::Hello { versions } => self.hello(versions),
            Message::Error(error) => self.error(xid, error),
            Message::EchoRequest(body) => {
                message::put_echo_reply(xid, body, &mut self.out);
                Ok(())
            }
            Message::Features { datapath, tables } => {
                self.features = Features { datapath, tables, ..self.features };
                self.answered(xid)
            }
            Message::Multipart { more, body, .. } => {
                let Some(question) = self.questions.get(&xid).copied() else { return Ok(()) };
                self.part(question, body).map_err(protocol)?;
                if more { Ok(()) } else { self.answered(xid) }
            }
            Message::TlvTable(body) => {
                let table = TunnelTable::read(body).map_err(protocol)?;
                self.tunnel_table(xid, &table);
                self.answered(xid)
            }
            Message::Bundle { kind: message::bundle::COMMITTED } => {
                if let Some(batch) = &mut self.batch {
                    batch.committed(xid);
                }
                Ok(())
            }
            Message::Barrier if self.questions.get(&xid) == Some(&Question::LabelFlush) => {
                self.features.flushes_by_label = true;
                self.answered(xid)
            }
            Message::Barrier => {
                self.barrier(xid);
                Ok(())
            }
            Message::Bundle { .. } | Message::EchoReply | Message::Other => Ok(()),
        }
    }

    fn xid(&mut self) -> u32 {
        let xid = self.next;
        self.next = self.next.wrapping_add(1);
        xid
    }

    fn ask(&mut self, question: Question) {
        let xid = self.xid();
        let out = &mut self.out;
        match question {
            Question::Features => put(kind::FEATURES_REQUEST, xid, out, |_| {}),
            Question::GroupFeatures => message::put_multipart(part::GROUP_FEATURES, xid, &[], out),
            Question::MeterFeatures => message::put_multipart(part::METER_FEATURES, xid, &[], out),
            Question::LabelFlush => {
                connection::put_probe(xid, out);
                put(kind::BARRIER_REQUEST, xid, out, |_| {});
            }
            Question::TunnelTable { .. } => tunnel::put_request(xid, out),
            Question::Flows => message::put_multipart(part::FLOWS, xid, &flow::all(), out),
            Question::Groups => message::put_multipart(part::GROUPS, xid, &group::all(), out),
            Question::Meters => message::put_multipart(part::METERS, xid, &meter::all(), out),
        }
        self.questions.insert(xid, question);
    }

    fn hello(&mut self, versions: u64) -> Result<(), SessionError> {
        if versions & 1 << VERSION == 0 {
            return Err(SessionError::Version);
        }
        if self.phase == Phase::Greeting {
            self.phase = Phase::Asking;
            self.features = Features::default();
            self.ask(Question::Features);
            self.ask(Question::GroupFeatures);
            self.ask(Question::MeterFeatures);
            self.ask(Question::LabelFlush);
            if self.tunnel_option.is_some() {
                self.ask(Question::TunnelTable { map: true });
            }
        }
        Ok(())
    }

    fn error(&mut self, xid: u32, error: SwitchError) -> Result<(), SessionError> {
        if self.phase == Phase::Greeting {
            return Err(SessionError::Version);
        }
        match self.questions.get(&xid) {
            Some(Question::Features | Question::Flows | Question::Groups) => {
                return Err(SessionError::Refused(error));
            }
            // A switch without that has none of it.
            Some(_) => return self.answered(xid),
            None => {}
        }
        if let Some(batch) = &mut self.batch
            && let Some((subject, reason)) = batch.error(xid, error).map_err(SessionError::Refused)?
        {
            self.events.push_back(Event::Refused { subject, reason });
        }
        Ok(())
    }

    /// Takes one part of an answer.
    fn part(&mut self, question: Question, body: &[u8]) -> Result<(), Malformed> {
        let Tables { flows, groups, meters, .. } = &mut self.tables;
        match question {
            Question::GroupFeatures => self.features.select_groups = group::read_features(body)?,
            Question::MeterFeatures => self.features.meters = meter::read_features(body)?,
            Question::Flows => {
                let learned = &self.learned_tables;
                flow::read_flows(body, |(key, flow)| {
                    if flows.is_wanted(&key) || !learned.contains(&key.table) {
                        flows.found(key, flow);
                    }
                })?;
            }
            Question::Groups => group::read_groups(body, |(id, group)| groups.found(id, group))?,
            Question::Meters => meter::read_meters(body, |(id, meter)| meters.found(id, meter))?,
            Question::Features | Question::LabelFlush | Question::TunnelTable { .. } => {}
        }
        Ok(())
    }

    /// Looks for the field of the option, and has it mapped if it is not.
    fn tunnel_table(&mut self, xid: u32, table: &TunnelTable) {
        let Some(option) = self.tunnel_option else { return };
        self.features.tunnel_field = table.field(option);
        let map = self.questions.get(&xid) == Some(&Question::TunnelTable { map: true });
        if map
            && self.features.tunnel_field.is_none()
            && let Some(field) = table.free()
        {
            let xid = self.xid();
            tunnel::put_map(option, field, xid, &mut self.out);
            self.ask(Question::TunnelTable { map: false });
        }
    }

    /// A question has its whole answer.
    fn answered(&mut self, xid: u32) -> Result<(), SessionError> {
        if self.questions.remove(&xid).is_some() && self.questions.is_empty() {
            match self.phase {
                Phase::Asking => {
                    self.phase = Phase::Ready;
                    if let Some(remote) = self.remote.clone() {
                        self.events.push_back(Event::Connected { remote, features: self.features });
                    }
                    if self.wanted.is_some() {
                        self.read_back();
                    }
                }
                Phase::Reading => self.compare(),
                Phase::Greeting | Phase::Ready | Phase::Following => {}
            }
        }
        Ok(())
    }

    /// Asks for all that the switch holds.
    fn read_back(&mut self) {
        self.phase = Phase::Reading;
        self.tables.flows.forget();
        self.tables.groups.forget();
        self.tables.meters.forget();
        self.ask(Question::Flows);
        self.ask(Question::Groups);
        if self.features.meters > 0 {
            self.ask(Question::Meters);
        }
    }

    fn compare(&mut self) {
        let Tables { flows, groups, meters, .. } = &mut self.tables;
        let right = flows.compare() + groups.compare() + meters.compare();
        self.phase = Phase::Following;
        (self.attempts, self.one_by_one) = (0, false);
        let wrong = self.start().map_or(0, |batch| batch.len());
        self.events.push_back(Event::Reconciled { right, wrong });
        self.acknowledge();
    }

    /// Begins the next batch if there is something to change.
    fn start(&mut self) -> Option<&Batch> {
        let zones: Vec<u16> = std::mem::take(&mut self.zones).into_iter().collect();
        let epoch = self.wanted.unwrap_or(0);
        self.batch = Batch::new(&mut self.tables, &zones, !self.one_by_one, epoch, self.next);
        let batch = self.batch.as_ref()?;
        self.next = batch.end();
        Some(batch)
    }

    /// Goes on with what has come together.
    fn proceed(&mut self) {
        if self.batch.is_none() && self.start().is_none() {
            self.acknowledge();
        }
    }

    /// Tells that all that is wanted is there, if it is.
    fn acknowledge(&mut self) {
        if self.batch.is_none() && self.wanted > self.acknowledged {
            self.acknowledged_to(self.wanted);
        }
    }

    fn acknowledged_to(&mut self, epoch: Option<u64>) {
        if epoch > self.acknowledged
            && let Some(epoch) = epoch
        {
            self.acknowledged = Some(epoch);
            self.events.push_back(Event::Acknowledged { epoch });
        }
    }

    fn barrier(&mut self, xid: u32) {
        if !self.batch.as_ref().is_some_and(|batch| batch.is_last(xid)) {
            return;
        }
        let Some(batch) = self.batch.take() else { return };
        let epoch = batch.epoch;
        match batch.finish(&mut self.tables, self.next) {
            (_, Some(batch)) => {
                self.next = batch.end();
                self.batch = Some(batch);
            }
            (Outcome::RolledBack { culprit }, None) => {
                self.attempts += 1;
                self.one_by_one = !culprit || self.attempts >= ATTEMPTS;
                self.proceed();
            }
            (Outcome::Done | Outcome::Next, None) => {
                (self.attempts, self.one_by_one) = (0, false);
                self.acknowledged_to(Some(epoch));
                self.proceed();
            }
        }
    }
}

fn protocol(malformed: Malformed) -> SessionError {
    SessionError::Protocol(malformed.to_string())
}
