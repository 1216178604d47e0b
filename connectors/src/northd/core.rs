//! The heart of the daemon: which events become epochs, and which results become transactions.
//!
//! ```text
//!   NB events ─┐                                  ┌─► NB transaction ─► acknowledged
//!              ├─► transaction ─► engine ─► writer ┤
//!   SB events ─┘     (an epoch)                   └─► SB transaction ─► acknowledged ─► sb_cfg
//! ```
//!
//! One epoch is computed at a time and one transaction is open in each database; what arrives in
//! the meantime is the next epoch, and what follows from it the next transaction.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use northflow_engine::{Engine, EngineError, EpochResult, Transaction};
use northflow_rules::binding::InputTable;
use northflow_rules::northd::{self, HvProgress, INPUTS, OUTPUTS};
use northflow_rules::ovsdb::{Atom, Datum};
use northflow_rules::problem::Problem;
use northflow_rules::router::route::held::Held;
use northflow_rules::schema::{Database, nb};

use super::aging::Aging;
use super::commit;
use super::features;
use super::feed::Seen;
use super::held;
use super::outgoing::{LOCK, Outgoing};
use super::progress::Progress;
use super::side::{Contents, Open, Side};
use super::tuning::Tuning;
use crate::memory::MemoryDatabase;
use crate::ovsdb::client::{Command, Event, OperationResult, Operations, Outcome};
use crate::process::coverage;
use crate::process::heap;
use crate::process::stopwatch::Stopwatch;
use crate::process::trimmer::Trimmer;
use crate::process::vlog::modules::{NORTHD, OVN_NORTHD as LOG, OVSDB_CS};
use crate::process::vlog::{Level, RateLimit};
use crate::relation;
use crate::replica::Replica;
use crate::writer::Writer;

static PROBLEMS: RateLimit = RateLimit::new(5, 60);
static COMMITS: RateLimit = RateLimit::new(5, 60);

/// What the daemon is, as `status` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Standby,
    Paused,
}

pub(super) struct Core {
    engine: Engine,
    replica: Replica,
    writer: Writer,
    pub northbound: Side,
    pub southbound: Side,
    pending: Transaction,
    aging: Aging,
    /// The numbers that southbound flows held when they were last read.
    held: BTreeSet<Held>,
    /// What was read then, until the rules know these numbers: after so many epochs.
    waiting: Option<(MemoryDatabase, u8)>,
    computing: bool,
    /// Whether an epoch with both databases' contents has been computed.
    computed: bool,
    has_lock: bool,
    paused: bool,
    next_id: u64,
    progress: Progress,
    /// `nb_cfg` as read, as it went into the epoch being computed, and as it came out.
    nb_cfg_read: i64,
    nb_cfg_computing: i64,
    nb_cfg_computed: i64,
    tuning: Tuning,
    /// How long epochs take, and when the last one began.
    stopwatch: Stopwatch,
    started: Instant,
    /// When the next epoch may begin.
    next: Instant,
    trimmer: Trimmer,
    /// Whether large transactions are made by two threads.
    helped: bool,
}

/// The `nb_cfg` that a southbound database holds.
fn taken_over(contents: &MemoryDatabase) -> i64 {
    let row = contents.rows("SB_Global").next();
    match row.and_then(|(_, columns)| columns.get("nb_cfg")) {
        Some(Datum::Set(atoms)) => match atoms[..] {
            [Atom::Integer(number)] => number,
            _ => 0,
        },
        _ => 0,
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl Core {
    pub fn new(
        engine: Engine,
        northbound: Side,
        southbound: Side,
        replica: Replica,
        paused: bool,
        stopwatch: Stopwatch,
        helped: bool,
    ) -> Core {
        let writer = Writer::new(OUTPUTS, engine.output_names());
        Core {
            engine,
            replica,
            writer,
            northbound,
            southbound,
            pending: Transaction::new(),
            aging: Aging::default(),
            held: BTreeSet::new(),
            waiting: None,
            computing: false,
            computed: false,
            has_lock: false,
            paused,
            next_id: 1,
            progress: Progress::default(),
            nb_cfg_read: 0,
            nb_cfg_computing: 0,
            nb_cfg_computed: 0,
            tuning: Tuning::default(),
            stopwatch,
            started: Instant::now(),
            next: Instant::now(),
            trimmer: Trimmer::default(),
            helped,
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The rows of a relation. Where the engine does not keep them the program is computed once more beside it, from
    /// what it was told.
    pub fn dump(&self, relation: &str) -> Result<Vec<String>, EngineError> {
        match self.engine.dump(relation) {
            Err(EngineError::NotKept(_)) => {
                let mut inputs = self.replica.contents();
                // The numbers that flows have now, which may be others than when they were read.
                let flows = self.writer.contents(Database::Southbound, held::TABLES);
                held::read(&flows).into_iter().for_each(|held| inputs.insert(northd::HELD, held));
                self.aging.contents(&mut inputs);
                relation::compute(relation, inputs)
            }
            rows => rows,
        }
    }

    pub fn status(&self) -> Status {
        match (self.paused, self.has_lock) {
            (true, _) => Status::Paused,
            (false, true) => Status::Active,
            (false, false) => Status::Standby,
        }
    }

    fn active(&self) -> bool {
        self.has_lock && !self.paused
    }

    pub fn pause(&mut self) {
        if !std::mem::replace(&mut self.paused, true) {
            LOG.info("This ovn-northd instance is now paused.");
            self.has_lock = false;
            self.lose_lock();
            let _ = self.southbound.handle.send(Command::Unlock);
        }
    }

    pub fn resume(&mut self) {
        if std::mem::replace(&mut self.paused, false) {
            self.want_lock();
        }
    }

    /// Asks for the lock, in this session and all later ones.
    pub fn want_lock(&self) {
        if !self.paused {
            let _ = self.southbound.handle.send(Command::Lock { name: LOCK.into(), steal: false });
        }
    }

    /// Reads what the databases hold of ours, and puts right what others have changed of it.
    pub fn compare(&mut self) {
        self.northbound.contents = Contents::Unknown;
        self.southbound.contents = Contents::Unknown;
    }

    fn lose_lock(&mut self) {
        self.northbound.lose();
        self.southbound.lose();
        self.progress = Progress::default();
    }

    fn side(&mut self, database: Database) -> &mut Side {
        if database == Database::Northbound { &mut self.northbound } else { &mut self.southbound }
    }

    /// Takes in an event of a database's client.
    pub fn event(&mut self, database: Database, event: Event) {
        match event {
            Event::Connected { remote } => {
                OVSDB_CS.info(format_args!("{}: connected to {remote}", database.name()));
                self.side(database).connected = true;
                if database == Database::Northbound {
                    self.progress.forget();
                }
            }
            Event::Disconnected { remote, reason } => {
                OVSDB_CS.info(format_args!("{}: {remote}: {reason}", database.name()));
                self.side(database).connected = false;
            }
            Event::Snapshot { update, layout } => {
                let side = if database == Database::Northbound {
                    &mut self.northbound
                } else {
                    &mut self.southbound
                };
                let seen = side.feed.snapshot(update, &layout, &mut self.replica, &mut self.pending);
                side.ready = true;
                side.lose();
                self.seen(database, seen);
            }
            Event::Update(update) => {
                let side = if database == Database::Northbound {
                    &mut self.northbound
                } else {
                    &mut self.southbound
                };
                let seen = side.feed.update(update, &mut self.replica, &mut self.pending);
                self.seen(database, seen);
            }
            // Nothing is monitored initially only.
            Event::Refetched(_) | Event::Restricted { .. } => {}
            Event::LockAcquired if !self.paused => {
                LOG.info("ovn-northd lock acquired. This ovn-northd instance is now active.");
                self.has_lock = true;
                self.lose_lock();
            }
            Event::LockLost if self.has_lock => {
                LOG.info("ovn-northd lock lost. This ovn-northd instance is now on standby.");
                self.has_lock = false;
                self.lose_lock();
            }
            Event::LockAcquired | Event::LockLost | Event::LockContended => {}
            Event::Transacted { id, outcome } => self.transacted(database, id, outcome),
            Event::Warning(warning) => OVSDB_CS.warn(warning),
        }
    }

    fn seen(&mut self, database: Database, seen: Seen) {
        for error in seen.rejected {
            NORTHD.warn_limited(&PROBLEMS, &error);
            if matches!(error, crate::replica::ReplicaError::Inconsistent { .. }) {
                let _ = self.side(database).handle.send(Command::Resync);
            }
        }
        if database == Database::Southbound && self.southbound.follows() {
            // What we own and did not change ourselves was changed by somebody else.
            let quiet = self.southbound.open.is_none();
            let missed = seen.deleted.iter().any(|uuid| self.writer.wants(*uuid));
            let foreign = seen.inserted.iter().any(|uuid| !self.writer.wants(*uuid));
            if (seen.watched && quiet) || missed || foreign {
                self.southbound.contents = Contents::Unknown;
            } else if seen.waits && quiet {
                self.southbound.contents = Contents::Doubtful;
            }
        }
        let Some(global) = self.global() else { return };
        let (nb_cfg, tuning) = (global.nb_cfg, Tuning::of(global));
        if nb_cfg != self.nb_cfg_read {
            self.nb_cfg_read = nb_cfg;
            self.progress.started(now_ms());
        }
        if tuning.probe_interval != self.tuning.probe_interval {
            for side in [&self.northbound, &self.southbound] {
                let _ = side.handle.send(Command::SetProbeInterval(tuning.probe_interval));
            }
        }
        self.tuning = tuning;
    }

    /// The settings of the network.
    fn global(&self) -> Option<&nb::NbGlobal> {
        let table = self.replica.find(Database::Northbound, "NB_Global")?;
        Some(self.replica.any(table)?.get())
    }

    /// What all chassis can do, as `debug/chassis-features-list` says it.
    pub fn chassis_features(&self) -> String {
        let table = self.replica.find(Database::Southbound, "Chassis");
        let rows = table.into_iter().flat_map(|table| {
            self.replica.uuids(table).into_iter().filter_map(move |uuid| self.replica.cells(table, uuid))
        });
        let ignore = self.global().is_some_and(|row| row.options.get_bool("ignore_chassis_features", false));
        features::list(rows, ignore)
    }

    /// Counts that go with memory use, by name.
    pub fn memory_usage(&self) -> Vec<(String, u64)> {
        let cells = |input: &InputTable| {
            let table = self.replica.find(input.info.database, input.info.name)?;
            let count = self.replica.uuids(table).len() * input.info.columns.len();
            Some((format!("idl-cells-{}", input.info.database.name()), count as u64))
        };
        INPUTS.iter().filter_map(cells).collect()
    }

    fn transacted(&mut self, database: Database, id: u64, outcome: Outcome) {
        let side = self.side(database);
        if side.contents == Contents::Fetching(id) {
            side.contents = Contents::Unknown;
            match outcome {
                Outcome::Success(results) => self.fetched(database, &results),
                Outcome::Error(error) => {
                    OVSDB_CS.log_limited(
                        Level::Err,
                        &COMMITS,
                        format_args!("{}: rows cannot be read: {error}", database.name()),
                    );
                }
                _ => {}
            }
            return;
        }
        let Some(open) = side.open.take_if(|open| open.id == id) else { return };
        match outcome {
            Outcome::Success(_) => {
                coverage::TXN_SUCCESS.add(1);
                side.failures = 0;
                if database == Database::Southbound {
                    let epochs = u8::from(self.computing) + u8::from(!self.pending.is_empty());
                    self.progress.acknowledged_before(open.nb_cfg, epochs);
                }
            }
            Outcome::TryAgain(_) => {
                coverage::TXN_TRY_AGAIN.add(1);
                let again = open.changes.is_some_and(|changes| side.outgoing.prepend(changes));
                // What cannot be sent again is found again by comparison.
                if !again {
                    side.lose();
                }
            }
            Outcome::NotLocked => {
                coverage::TXN_ERROR.add(1);
                side.lose();
            }
            Outcome::NotSent | Outcome::Unknown(_) => {
                coverage::TXN_TRY_AGAIN.add(1);
                side.lose();
            }
            Outcome::Error(error) => {
                coverage::TXN_ERROR.add(1);
                side.failed();
                OVSDB_CS.log_limited(
                    Level::Err,
                    &COMMITS,
                    format_args!("{}: commit failed: {error}", database.name()),
                );
            }
        }
        if database == Database::Northbound && self.northbound.contents == Contents::Unknown {
            self.progress.forget();
        }
    }

    /// What we own has been read; from here on the writer knows what is there.
    fn fetched(&mut self, database: Database, results: &[OperationResult]) {
        let rows = results.iter().map(|result| result.rows.as_deref());
        match commit::fetched(database, OUTPUTS, rows) {
            Ok(existing) => {
                if database == Database::Southbound && taken_over(&existing) != self.nb_cfg_read {
                    // It is now that it is taken over, whenever it was read.
                    self.progress.started(now_ms());
                }
                if database == Database::Southbound
                    && held::tell(&mut self.held, held::read(&existing), &mut self.pending)
                {
                    self.waiting = Some((existing, 1 + u8::from(self.computing)));
                    self.southbound.contents = Contents::Learning;
                    return;
                }
                self.reconcile(database, &existing);
            }
            Err(error) => {
                OVSDB_CS.log_limited(
                    Level::Err,
                    &COMMITS,
                    format_args!("{}: rows cannot be read: {error}", database.name()),
                );
            }
        }
    }

    fn reconcile(&mut self, database: Database, existing: &MemoryDatabase) {
        let outgoing =
            Outgoing::gather(database, self.helped, |push| self.writer.reconcile(database, existing, push));
        let side = self.side(database);
        side.outgoing = outgoing;
        side.contents = Contents::Known;
    }

    /// Compares what is there once the rules know what was learned from it.
    fn learned(&mut self) {
        let Some((existing, epochs)) = self.waiting.take() else { return };
        if self.southbound.contents != Contents::Learning {
            return;
        }
        match epochs {
            ..=1 => self.reconcile(Database::Southbound, &existing),
            _ => self.waiting = Some((existing, epochs - 1)),
        }
    }

    /// Takes in a finished epoch.
    pub fn result(&mut self, result: &EpochResult) {
        let took = self.started.elapsed();
        self.stopwatch.record(took);
        self.next = Instant::now() + took.min(self.tuning.backoff);
        self.trimmer.worked(result.len(), self.tuning.trim_timeout);
        self.computing = false;
        self.computed = true;
        self.progress.computed();
        self.nb_cfg_computed = self.nb_cfg_computing;
        if let Some(problems) = self.engine.output_number(northd::PROBLEMS) {
            for (rec, weight) in result.output(problems) {
                if *weight > 0 {
                    NORTHD.warn_limited(&PROBLEMS, &rec.get::<Problem>().message);
                }
            }
        }
        if let Some(output) = self.engine.output_number(northd::HV_PROGRESS) {
            for (rec, weight) in result.output(output) {
                if *weight > 0 {
                    let HvProgress { nb_cfg, timestamp } = rec.get();
                    self.progress.reached(*nb_cfg, *timestamp);
                }
            }
        }
        if let Some(output) = self.engine.output_number(northd::EXPIRIES) {
            self.aging.absorb(result.output(output), &mut self.pending);
        }
        let (northbound, southbound) = (&mut self.northbound, &mut self.southbound);
        let follows = [northbound.follows(), southbound.follows()];
        self.writer.absorb(
            result,
            |database| follows[usize::from(database != Database::Northbound)],
            &mut |write| {
                let side =
                    if write.database == Database::Northbound { &mut *northbound } else { &mut *southbound };
                side.outgoing.push(write);
            },
        );
        self.learned();
    }

    /// Starts whatever can be started: an epoch, and a transaction in each database.
    pub fn advance(&mut self) -> Result<(), EngineError> {
        if self.ages() {
            let options = self.global().map(|global| global.options.clone()).unwrap_or_default();
            self.aging.tell(now_ms(), &options, &mut self.pending);
        }
        if self.has_work() && Instant::now() >= self.next {
            self.started = Instant::now();
            self.nb_cfg_computing = self.nb_cfg_read;
            self.engine.commit(std::mem::take(&mut self.pending))?;
            self.computing = true;
        }
        if self.computed && self.active() {
            self.advance_southbound();
            self.advance_northbound();
        }
        if self.is_idle() && self.trimmer.take() {
            self.writer.shrink();
            self.replica.shrink();
            heap::trim();
        }
        Ok(())
    }

    /// Whether nothing is computed, nor under way to a database.
    fn is_idle(&self) -> bool {
        let rests = |side: &Side| side.open.is_none() && side.outgoing.is_empty();
        !self.computing && !self.has_work() && rests(&self.northbound) && rests(&self.southbound)
    }

    /// Whether an epoch can be computed, now or as soon as pacing allows.
    fn has_work(&self) -> bool {
        let ready = self.northbound.ready && self.southbound.ready;
        ready && !self.computing && (!self.pending.is_empty() || !self.computed)
    }

    /// Whether what is over is to go now: the active daemon alone has it deleted.
    fn ages(&self) -> bool {
        self.computed && self.active() && self.aging.next().is_some_and(|next| next <= now_ms())
    }

    /// How long until [`Core::advance`] has something to do even if nothing happens.
    pub fn pause_left(&self) -> Option<Duration> {
        let epoch = self.has_work().then_some(self.next);
        let held = [&self.northbound, &self.southbound].into_iter().filter(|side| side.is_held_back());
        let trim = self.trimmer.next().filter(|_| self.is_idle());
        let next = held.map(|side| side.retry).chain(epoch).chain(trim).min();
        let next = next.map(|next| next.saturating_duration_since(Instant::now()));
        let over = self.aging.next().filter(|_| self.computed && self.active());
        let over = over.map(|at| Duration::from_millis(at.saturating_sub(now_ms()).max(0).unsigned_abs()));
        next.into_iter().chain(over).min()
    }

    fn advance_southbound(&mut self) {
        if !self.southbound.connected || self.southbound.open.is_some() || self.southbound.is_held_back() {
            return;
        }
        match self.southbound.contents {
            Contents::Fetching(_) | Contents::Learning => {}
            Contents::Known | Contents::Doubtful if self.southbound.outgoing.is_empty() => {
                self.progress.acknowledged(self.nb_cfg_computed);
            }
            Contents::Unknown | Contents::Doubtful => {
                let id = self.send(Database::Southbound, commit::fetch(Database::Southbound, OUTPUTS));
                self.southbound.contents = Contents::Fetching(id);
            }
            Contents::Known => {
                let (operations, changes) = self.southbound.outgoing.take();
                let id = self.send(Database::Southbound, operations);
                self.southbound.open = Some(Open { id, changes, nb_cfg: self.nb_cfg_computed });
            }
        }
    }

    fn advance_northbound(&mut self) {
        if !self.northbound.connected || self.northbound.open.is_some() || self.northbound.is_held_back() {
            return;
        }
        if self.northbound.contents != Contents::Known {
            self.reconcile(Database::Northbound, &MemoryDatabase::default());
        }
        if self.global().is_none() {
            // Everything begins with this row; the rest follows when it is there.
            let mut operations = Operations::default();
            operations.insert("NB_Global", None, |_| {});
            let id = self.send(Database::Northbound, operations);
            self.northbound.open = Some(Open { id, changes: Some(Vec::new()), nb_cfg: 0 });
            return;
        }
        // What the open southbound transaction will have to say goes along with what is said of its beginning.
        let more_follows = self.computing || self.southbound.open.is_some();
        if self.northbound.outgoing.is_empty() && !self.progress.is_new(more_follows) {
            return;
        }
        let (mut operations, changes) = self.northbound.outgoing.take();
        self.progress.report(now_ms(), &mut operations);
        if !operations.is_empty() {
            let id = self.send(Database::Northbound, operations);
            self.northbound.open = Some(Open { id, changes, nb_cfg: 0 });
        }
    }

    fn send(&mut self, database: Database, operations: Operations) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        // A client that has stopped does so only at the end of the program.
        let _ = self.side(database).handle.send(Command::Transact { id, operations });
        id
    }
}
