//! The heart of the daemon: what is known, and what an event or a finished epoch changes of it. What
//! follows from that is in [`super::turn`].
//!
//! ```text
//!   southbound rows ──┐                                    ┌─► switch ─► acknowledged ─► nb_cfg, up
//!                     ├─► transaction ─► engine ─► flows ──┤
//!   own database ─────┘     (an epoch)     zones           └─► rows of both databases
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use northflow_controller::locality::{Reach, Related};
use northflow_controller::logical::Problem;
use northflow_controller::{
    ACL_IDS, BALANCED, FLOWS, LOCAL_DATAPATHS, NEXT_HOPS, PROBLEMS, RELATED_PORTS, ZONES,
};
use northflow_engine::{Engine, EngineError, EpochResult, Rec, Transaction, Weight};
use northflow_rules::chassis::registration::Registration;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Database, Map};

use super::claims::Claims;
use super::connection::Connection;
use super::flows::Flows;
use super::forgotten;
use super::index::Index;
use super::local::{Local, Plug};
use super::mirror::Mirror;
use super::settle::Waiting;
use super::side::{News, Side};
use super::tables;
use super::told::Told;
use super::tunnels::Tunnels;
use super::zones::{Changes, Zones};
use crate::net::tls::{self, Tls};
use crate::openflow::{self, Connections};
use crate::ovsdb::client::Event;
use crate::process::trimmer::Trimmer;
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::LFLOW;

static UNREADABLE: RateLimit = RateLimit::new(5, 60);

/// What waits for the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// A port is up.
    Port(Text),
    /// The network is to be told how far its chassis has followed.
    NbCfg(i64),
}

/// What the switch has reached of the network's numbers, and when, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub nb_cfg: i64,
    pub at: i64,
}

/// What has to be done when there is time.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// The chassis' own database has changed, or what it is compared with.
    pub rows: bool,
    /// The chassis' rows in the southbound database may be wrong.
    pub southbound: bool,
    /// Rows of the chassis' own database may be.
    pub switch: bool,
    /// Other southbound rows may concern the chassis.
    pub interest: bool,
}

/// All that the daemon knows.
pub(super) struct Core {
    /// The name of the chassis, if it was given.
    pub name: Option<String>,
    pub hostname: Text,
    pub switch_run: PathBuf,
    pub engine: Engine,
    pub switch: Side,
    pub southbound: Side,
    /// How to connect with TLS, and what the command line said of that.
    pub tls: (Tls, tls::Settings),
    /// Its files when they were last looked at, and when that was.
    pub tls_files: Option<(Instant, tls::Files)>,
    pub connection: Connection,
    pub index: Index,
    pub told: Told,
    pub tunnels: Tunnels,
    pub claims: Claims,
    pub zones: Zones,
    pub flows: Flows,
    pub waiting: Waiting<Waiter>,
    /// What is plugged, and which chassis are alive at the other ends of tunnels.
    pub plugs: BTreeMap<Text, Plug>,
    pub alive: BTreeSet<Text>,
    /// Chassis whose tunnels are watched, and ports that lead to physical networks.
    pub watched: BTreeSet<Text>,
    pub patches: BTreeMap<Text, (Text, Text)>,
    pub local_datapaths: HashSet<Uuid>,
    pub related: HashSet<(Uuid, u32)>,
    pub pending: Transaction,
    pub computing: bool,
    /// The last epoch that has been computed.
    pub last: Option<u64>,
    pub me: Option<Uuid>,
    pub registration: Option<Registration>,
    /// The settings when they were last looked at, and the numbers that zones may have.
    pub settings: Map,
    pub range: (u16, u16),
    /// Whether tunnels are encrypted, and what the network sets of them.
    pub tunnel_settings: Option<(bool, Map)>,
    pub has_bridge: bool,
    /// Zones whose limits have been set.
    pub limited: BTreeSet<i64>,
    /// Whether zones that nobody wants have been looked for after the start.
    pub cleaned: bool,
    /// What the network was last asked to reach, and what the switch has reached of that.
    pub asked: i64,
    pub reached: Option<Reached>,
    /// How long it is kept back that the switch has reached something (`debug/delay-nb-cfg-report`), and what is.
    pub report_delay: Duration,
    pub delayed: Option<(Instant, i64)>,
    /// Ports in the open southbound transaction, and those to be looked at later.
    pub written: Vec<Text>,
    pub contested: BTreeMap<Text, Instant>,
    pub dirty: Dirty,
    pub trimmer: Trimmer,
    pub paused: bool,
    /// When the daemon has started, in milliseconds since 1970.
    pub started: i64,
}

impl Core {
    pub fn new(
        engine: Engine,
        name: Option<String>,
        hostname: Text,
        switch_run: PathBuf,
        tls: tls::Settings,
    ) -> Core {
        let shared = Tls::new(tls.clone());
        let switch = Mirror::new(Database::Switch, &[], tables::SWITCH);
        let southbound = Mirror::new(Database::Southbound, northflow_controller::INPUTS, tables::SOUTHBOUND);
        Core {
            name,
            hostname,
            switch_run,
            engine,
            switch: Side::new(Database::Switch.name(), switch, shared.clone()),
            southbound: Side::new(Database::Southbound.name(), southbound, shared.clone()),
            tls: (shared, tls),
            tls_files: None,
            connection: Connection::default(),
            index: Index::default(),
            told: Told::default(),
            tunnels: Tunnels::default(),
            claims: Claims::default(),
            zones: Zones::default(),
            flows: Flows::default(),
            waiting: Waiting::default(),
            plugs: BTreeMap::new(),
            alive: BTreeSet::new(),
            watched: BTreeSet::new(),
            patches: BTreeMap::new(),
            local_datapaths: HashSet::new(),
            related: HashSet::new(),
            pending: Transaction::new(),
            computing: false,
            last: None,
            me: None,
            registration: None,
            settings: Map::new(),
            range: (1, u16::MAX),
            tunnel_settings: None,
            has_bridge: false,
            limited: BTreeSet::new(),
            cleaned: false,
            asked: 0,
            reached: None,
            report_delay: Duration::ZERO,
            delayed: None,
            written: Vec::new(),
            contested: BTreeMap::new(),
            dirty: Dirty::default(),
            trimmer: Trimmer::default(),
            paused: false,
            started: super::now(),
        }
    }

    /// Takes in an event of the chassis' own database.
    pub fn switch_event(&mut self, event: Event) {
        match self.switch.event(event, &mut self.pending) {
            News::Rows(_) => {
                self.dirty.rows = true;
                self.dirty.switch = true;
            }
            News::Failed => self.dirty.switch = true,
            News::Committed | News::Restricted | News::Nothing => {}
        }
    }

    /// Takes in an event of the southbound database.
    pub fn southbound_event(&mut self, event: Event) {
        match self.southbound.event(event, &mut self.pending) {
            News::Rows(taken) => self.index.follow(&taken.own),
            News::Restricted => self.dirty.southbound = true,
            News::Committed => self.written.clear(),
            News::Failed => {
                self.index.dirty.ports.extend(self.written.drain(..));
                self.dirty.southbound = true;
            }
            News::Nothing => {}
        }
    }

    /// Takes in an event of the switch.
    pub fn connection_event(&mut self, event: openflow::Event) {
        if self.connection.event(event) {
            self.dirty.rows = true;
        }
    }

    /// Takes in a finished epoch.
    pub fn result(&mut self, result: &EpochResult) {
        self.computing = false;
        self.last = Some(result.epoch);
        self.trimmer.worked(result.len(), self.trim_timeout());
        let output =
            |name: &str| self.engine.output_number(name).map_or(&[][..], |number| result.output(number));
        for (rec, weight) in output(PROBLEMS) {
            if *weight > 0 {
                let Problem { flow, text } = rec.get();
                LFLOW.warn_limited(&UNREADABLE, format_args!("logical flow {flow}: {text}"));
            }
        }
        for (rec, weight) in output(RELATED_PORTS) {
            let Related { datapath, key, .. } = rec.get();
            match *weight > 0 {
                true => self.related.insert((*datapath, *key)),
                false => self.related.remove(&(*datapath, *key)),
            };
        }
        let reach = output(LOCAL_DATAPATHS);
        for (rec, weight) in reach {
            let Reach { datapath, .. } = rec.get();
            match *weight > 0 {
                true => self.local_datapaths.insert(*datapath),
                false => self.local_datapaths.remove(datapath),
            };
        }
        if !reach.is_empty() {
            self.index.dirty.networks = true;
            self.dirty.interest = true;
        }
        let zones = output(ZONES);
        self.dirty.switch |= !zones.is_empty();
        let names = self.zones.want(zones);
        let rows = self.southbound.mirror.own();
        let index = &self.index;
        let mut delta = self.flows.absorb(output(FLOWS), &|name| index.meter(rows, name));
        delta.epoch = result.epoch;
        delta.flush_connections = self.forgotten(output);
        let changes = self.zones.assign(names, self.range);
        delta.flush_zones = self.follow_zones(&changes);
        // Flows that show a zone without its number are not for the switch: those with it follow.
        self.connection.apply(delta, !changes.come.is_empty());
    }

    /// Connections that the switch is to forget, as far as it can.
    fn forgotten<'a>(&self, output: impl Fn(&str) -> &'a [(Rec, Weight)]) -> Vec<(Connections, bool)> {
        let mut all = Vec::new();
        let balanced = output(BALANCED);
        if !balanced.is_empty() {
            let local = Local::new(self.switch.mirror.own(), self.name.as_deref());
            let capabilities = local.as_ref().and_then(Local::capabilities);
            if capabilities.is_some_and(|all| all.get_bool("ct_flush", false)) {
                all.extend(forgotten::of_balancers(balanced));
            }
        }
        if self.connection.features.is_some_and(|features| features.flushes_by_label) {
            all.extend(forgotten::of_next_hops(output(NEXT_HOPS)));
            all.extend(forgotten::of_acls(output(ACL_IDS)));
        }
        all
    }

    /// Tells the program of zones that have other numbers; gives the numbers whose connections are to be
    /// forgotten.
    pub fn follow_zones(&mut self, changes: &Changes) -> Vec<u16> {
        let Some(me) = self.me else { return Vec::new() };
        for (name, _) in &changes.gone {
            self.told.tell_zone(me, name, None, &mut self.pending);
        }
        for (name, number) in &changes.come {
            self.told.tell_zone(me, name, Some(*number), &mut self.pending);
        }
        self.dirty.switch |= *changes != Changes::default();
        changes.flush.clone()
    }

    /// Computes an epoch, if there is anything to compute and all to begin with.
    pub fn compute(&mut self) -> Result<(), EngineError> {
        let complete = self.southbound.ready && self.me.is_some() && self.has_bridge;
        let has_work = !self.pending.is_empty() || self.last.is_none();
        if complete && has_work && !self.computing {
            self.engine.commit(std::mem::take(&mut self.pending))?;
            self.computing = true;
        }
        Ok(())
    }
}
