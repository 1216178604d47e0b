//! All chassis of a replayed network in one dataflow: which flows each would have its switch hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use northflow_controller::{FLOWS, LOCAL_DATAPATHS, ZONES, local, locality, row, zone};
use northflow_engine::{Config, Engine, EngineError, Rec, Transaction, Weight};
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::{Column, Database, key_uuid, own};

use super::Failure;
use super::placement::Placement;
use crate::change::{Edit, RowChange};
use crate::controller::{Index, Zones, tables};
use crate::memory::MemoryDatabase;
use crate::offline::{Offline, OfflineError, Outcome};
use crate::replica::Replica;

/// How often chassis and network may answer each other within one transaction.
const ROUNDS: usize = 16;

/// OpenFlow ports that are made up: of tunnels, and of ports to physical networks.
const TUNNELS: u16 = 0x4000;
const NETWORKS: u16 = 0x8000;
/// How long packets of all interfaces may be, in bytes.
const MTU: u16 = 1500;

/// The chassis of a network, and what they have.
pub(super) struct Fleet {
    engine: Engine,
    program: Replica,
    own: Replica,
    index: Index,
    placement: Placement,
    hosts: BTreeMap<Text, Host>,
    names: HashMap<Uuid, Text>,
    pending: Transaction,
    recorded: Option<Recorded>,
}

/// The southbound database is what was recorded of it.
#[derive(Debug, Default)]
struct Recorded {
    /// Whether there were logical flows in it.
    has_flows: bool,
}

/// One chassis.
#[derive(Debug, Default)]
struct Host {
    row: Uuid,
    interfaces: BTreeMap<Text, local::Interface>,
    tunnels: BTreeMap<Text, local::Tunnel>,
    patches: BTreeMap<Text, local::Patch>,
    networks: u16,
    zones: Zones,
    flows: usize,
}

/// What a transaction meant to one chassis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub added: usize,
    pub removed: usize,
    /// Flows after it.
    pub flows: usize,
}

/// What a transaction meant to the chassis.
#[derive(Clone, Debug, Default)]
pub(super) struct FleetOutcome {
    /// Those that it meant something to, by name.
    pub shares: BTreeMap<Text, Share>,
    /// Time spent in the rules.
    pub time: Duration,
}

impl Fleet {
    /// No chassis yet.
    pub fn new(config: Config, placement: Placement) -> Result<Fleet, EngineError> {
        let mut pending = Transaction::new();
        // A switch as they are today.
        pending.insert(
            "local.Switch",
            local::Switch { zero_snat: true, meters: true, symmetric_hash: true, collector_sets: Vec::new() },
        );
        Ok(Fleet {
            engine: Engine::start(config, northflow_controller::program)?,
            program: Replica::new(northflow_controller::INPUTS),
            own: Replica::new(tables::SOUTHBOUND),
            index: Index::default(),
            placement,
            hosts: BTreeMap::new(),
            names: HashMap::new(),
            pending,
            recorded: None,
        })
    }

    /// Takes the changes to come for everything that happened in the southbound database, the chassis' part in it
    /// included.
    pub fn observe(&mut self) -> Result<(), Failure> {
        if !self.placement.is_auto() {
            return Err("--chassis FILE: a recording tells of the chassis itself: --chassis auto".into());
        }
        self.recorded = Some(Recorded::default());
        Ok(())
    }

    /// Chassis that the placement names, as rows of the southbound database.
    fn chassis(&self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        for (nth, name) in self.placement.chassis().into_iter().enumerate() {
            let (row, encap) = (key_uuid("Chassis", &[&name]), key_uuid("Encap", &[&name]));
            let ip = format!("10.{}.{}.{}", nth >> 16 & 0xff, nth >> 8 & 0xff, nth & 0xff);
            changes.push(insert(
                "Encap",
                encap,
                [
                    ("type", Text::from("geneve").to_datum()),
                    ("ip", Text::from(ip).to_datum()),
                    ("chassis_name", name.to_datum()),
                ],
            ));
            changes.push(insert(
                "Chassis",
                row,
                [("name", name.to_datum()), ("encaps", vec![encap].to_datum())],
            ));
        }
        changes
    }

    /// Takes over southbound changes.
    fn take(&mut self, changes: &[RowChange]) {
        let mut own = Transaction::new();
        for change in changes.iter().filter(|change| change.database == Database::Southbound) {
            // Rows that do not decode are left alone, as if they were of another program.
            let _ = self.program.apply(change, &mut self.pending);
            let _ = self.own.apply(change, &mut own);
        }
        let own: Vec<_> = own.into_changes().collect();
        self.index.follow(&own);
    }

    /// Computes until nothing more follows; gives what chassis write in the southbound database meanwhile.
    fn follow(&mut self, outcome: &mut FleetOutcome) -> Result<Vec<RowChange>, EngineError> {
        self.follow_chassis();
        let mut writes = Vec::new();
        for name in std::mem::take(&mut self.index.dirty.ports) {
            self.place(&name, &mut writes);
        }
        while !self.pending.is_empty() {
            let started = Instant::now();
            let result = self.engine.step(std::mem::take(&mut self.pending))?;
            outcome.time += started.elapsed();
            let output =
                |name: &str| self.engine.output_number(name).map_or(&[][..], |number| result.output(number));
            // Added and removed, by chassis: there are far more flows than chassis.
            let mut changes: HashMap<Uuid, [usize; 2]> = HashMap::new();
            for (rec, weight) in output(FLOWS) {
                let flow: &row::Flow = rec.get();
                changes.entry(flow.chassis).or_default()[usize::from(*weight < 0)] += 1;
            }
            for (chassis, [added, removed]) in changes {
                let Some(name) = self.names.get(&chassis) else { continue };
                let Some(host) = self.hosts.get_mut(name) else { continue };
                let share = outcome.shares.entry(name.clone()).or_default();
                (share.added, share.removed) = (share.added + added, share.removed + removed);
                host.flows = (host.flows + added).saturating_sub(removed);
                share.flows = host.flows;
            }
            let (zones, reach) = (output(ZONES).to_vec(), output(LOCAL_DATAPATHS).to_vec());
            self.follow_zones(&zones);
            self.follow_networks(&reach);
        }
        Ok(writes)
    }

    /// Takes over what a network begins with, and puts the chassis that the placement names into it.
    pub fn settle(&mut self, network: &mut Offline) -> Result<(), Failure> {
        if self.recorded.is_some() {
            return Ok(());
        }
        self.take(&contents(network.southbound()));
        let chassis = self.chassis();
        let outcome = network.apply(&chassis)?;
        self.take(&chassis);
        self.take(&outcome.writes);
        Ok(())
    }

    /// Follows what a transaction meant to a network, and the network what the chassis write, until nothing
    /// more follows. Of a recorded network it follows the transaction itself.
    pub fn join(
        &mut self,
        network: &mut Offline,
        changes: &[RowChange],
        outcome: &mut Outcome,
    ) -> Result<FleetOutcome, Failure> {
        let mut follows = FleetOutcome::default();
        if let Some(recorded) = &mut self.recorded {
            let touches = |table: &str| {
                changes.iter().any(|it| it.database == Database::Southbound && *it.table == *table)
            };
            recorded.has_flows |= touches("Logical_Flow");
            if touches("Datapath_Binding") && !recorded.has_flows {
                return Err("--chassis: the recording has no logical flows; record with --everything".into());
            }
            self.take(changes);
            self.follow(&mut follows)?;
            return Ok(follows);
        }
        self.take(&outcome.writes);
        for _ in 0..ROUNDS {
            let writes = self.follow(&mut follows)?;
            if writes.is_empty() {
                return Ok(follows);
            }
            let more = network.apply(&writes)?;
            self.take(&writes);
            self.take(&more.writes);
            outcome.writes.extend(more.writes);
            outcome.problems.extend(more.problems);
            outcome.rejected.extend(more.rejected);
            outcome.epochs += more.epochs;
            outcome.time += more.time;
        }
        Err(OfflineError::Unsettled.into())
    }

    /// How many flows each chassis has.
    pub fn flows(&self) -> impl Iterator<Item = (&Text, usize)> {
        self.hosts.iter().map(|(name, host)| (name, host.flows))
    }

    /// Chassis that have come or gone, and the tunnels between all of them.
    fn follow_chassis(&mut self) {
        for name in std::mem::take(&mut self.index.dirty.chassis) {
            let row = self.index.chassis.get(&name).and_then(|uuid| self.own.row::<own::Chassis>(*uuid));
            let row = row.cloned();
            let encap = row.as_ref().and_then(|row| self.own.row::<own::Encap>(*row.encaps.first()?));
            let encap = encap.cloned();
            let known = self.hosts.get(&name).map(|host| host.row);
            if known.is_some() && known != row.as_ref().map(|row| row.uuid) {
                self.forget(&name);
            }
            let Some(row) = row else { continue };
            if known != Some(row.uuid) {
                let ips = encap.iter().map(|encap| encap.ip.clone()).collect();
                let chassis = local::Chassis { chassis: row.uuid, encap_ips: ips };
                self.pending.insert("local.Chassis", chassis);
                self.names.insert(row.uuid, name.clone());
                self.hosts.insert(name.clone(), Host { row: row.uuid, ..Host::default() });
                self.index.touch_all();
            }
            let others: Vec<Text> = self.hosts.keys().filter(|other| **other != name).cloned().collect();
            for other in others {
                self.connect(&name, &other);
                self.connect(&other, &name);
            }
        }
    }

    fn connect(&mut self, from: &Text, to: &Text) {
        let Some(remote) = self.hosts.get(to).map(|host| host.row) else { return };
        let encap = self.own.row::<own::Chassis>(remote);
        let encap = encap.and_then(|row| self.own.row::<own::Encap>(*row.encaps.first()?));
        let Some(encap) = encap else { return };
        let Some(host) = self.hosts.get_mut(from) else { return };
        let ofport = host.tunnels.get(to).map_or(TUNNELS + host.tunnels.len() as u16, |known| known.ofport);
        let tunnel = local::Tunnel {
            chassis: host.row,
            remote,
            kind: encap.type_.clone(),
            remote_ip: encap.ip.clone(),
            encap: 0,
            ofport,
        };
        if host.tunnels.get(to) == Some(&tunnel) {
            return;
        }
        self.pending.insert("local.Tunnel", tunnel.clone());
        match host.tunnels.insert(to.clone(), tunnel) {
            Some(before) => self.pending.remove("local.Tunnel", before),
            None => self.pending.insert("local.Alive", local::Alive { chassis: host.row, remote }),
        }
    }

    /// A chassis is gone, and what it had.
    fn forget(&mut self, name: &Text) {
        let Some(host) = self.hosts.remove(name) else { return };
        let ips = self.own.rows::<own::Encap>().filter(|encap| encap.chassis_name == *name);
        let encap_ips = ips.map(|encap| encap.ip.clone()).take(1).collect();
        self.pending.remove("local.Chassis", local::Chassis { chassis: host.row, encap_ips });
        for row in host.interfaces.into_values() {
            self.pending.remove("local.Mtu", mtu(&row));
            self.pending.remove("local.Interface", row);
        }
        for row in host.tunnels.into_values() {
            self.pending.remove("local.Alive", local::Alive { chassis: row.chassis, remote: row.remote });
            self.pending.remove("local.Tunnel", row);
        }
        host.patches.into_values().for_each(|row| self.pending.remove("local.Patch", row));
        for (name, number) in host.zones.iter() {
            let zone = local::Zone { chassis: host.row, name: name.clone(), number };
            self.pending.remove("local.Zone", zone);
        }
        for other in self.hosts.values_mut() {
            if let Some(row) = other.tunnels.remove(name) {
                self.pending.remove("local.Alive", local::Alive { chassis: row.chassis, remote: row.remote });
                self.pending.remove("local.Tunnel", row);
            }
        }
        self.names.remove(&host.row);
    }

    /// Where a port is: its interfaces, and what chassis say of it in the southbound database.
    fn place(&mut self, name: &Text, writes: &mut Vec<RowChange>) {
        let port = self.index.ports.get(name).and_then(|uuid| self.own.row::<own::Port>(*uuid)).cloned();
        let mut at: BTreeSet<(Text, u16)> = BTreeSet::new();
        if let Some(port) = &port {
            let chassis = self.chassis_of(port);
            if let Some(row) = chassis.as_ref().and_then(|name| self.hosts.get(name)).map(|host| host.row)
                && port.chassis != Some(row)
            {
                writes.push(RowChange {
                    database: Database::Southbound,
                    table: "Port_Binding".into(),
                    uuid: port.uuid,
                    edit: Edit::Update(vec![
                        ("chassis".into(), Some(row).to_datum()),
                        ("up".into(), Datum::scalar(Atom::Boolean(true))),
                    ]),
                });
            }
            at = match &*port.type_ {
                "" if port.parent_port.as_ref().is_none_or(|parent| parent.is_empty()) => chassis
                    .into_iter()
                    .map(|chassis| (chassis.clone(), self.placement.number(name, &chassis)))
                    .collect(),
                "localport" => self.placement.of(name).to_vec().into_iter().collect(),
                _ => BTreeSet::new(),
            };
        }
        for (chassis, host) in &mut self.hosts {
            let number = at.iter().find(|(known, _)| known == chassis).map(|(_, number)| *number);
            let wanted = number.map(|number| local::Interface {
                chassis: host.row,
                port: name.clone(),
                ofport: if number == 0 { free(host) } else { number },
                encap: 0,
            });
            let keeps = |before: &local::Interface| number == Some(0) || number == Some(before.ofport);
            match (host.interfaces.get(name), wanted) {
                (Some(before), Some(_)) if keeps(before) => {}
                (_, wanted) => {
                    if let Some(before) = host.interfaces.remove(name) {
                        self.pending.remove("local.Mtu", mtu(&before));
                        self.pending.remove("local.Interface", before);
                    }
                    if let Some(wanted) = wanted {
                        self.pending.insert("local.Mtu", mtu(&wanted));
                        self.pending.insert("local.Interface", wanted.clone());
                        host.interfaces.insert(name.clone(), wanted);
                    }
                }
            }
        }
    }

    /// The chassis that binds a port: all are alive and none is contested.
    fn chassis_of(&self, port: &own::Port) -> Option<Text> {
        let option = |key: &str| port.options.get(key).cloned();
        let wanted = match &*port.type_ {
            "" | "mirror" => {
                let parent = crate::controller::parent(port).unwrap_or(&port.logical_port);
                let listed = self.placement.of(parent).first().map(|(chassis, _)| chassis.clone());
                let bound = port.chassis.or(port.requested_chassis).and_then(|row| self.names.get(&row));
                let asked =
                    option("requested-chassis").and_then(|names| names.split(',').next().map(Text::from));
                if self.placement.is_auto() { bound.cloned().or(asked) } else { listed }
            }
            "l2gateway" => option("l2gateway-chassis"),
            "l3gateway" => option("l3gateway-chassis"),
            "chassisredirect" | "external" => {
                let group = self.own.row::<own::HaChassisGroup>(port.ha_chassis_group?)?;
                let members = group.ha_chassis.iter().filter_map(|row| self.own.row::<own::HaChassis>(*row));
                let living = members.filter_map(|row| Some((row.priority, self.names.get(&row.chassis?)?)));
                living.max().map(|(_, name)| name.clone())
            }
            _ => None,
        };
        wanted.filter(|name| self.hosts.contains_key(name))
    }

    fn follow_zones(&mut self, changes: &[(Rec, Weight)]) {
        let mut by_chassis: HashMap<Uuid, Vec<(Rec, Weight)>> = HashMap::new();
        for (rec, weight) in changes {
            let wanted: &zone::Wanted = rec.get();
            by_chassis.entry(wanted.chassis).or_default().push((rec.clone(), *weight));
        }
        for (chassis, changes) in by_chassis {
            let Some(host) = self.names.get(&chassis).and_then(|name| self.hosts.get_mut(name)) else {
                continue;
            };
            let names = host.zones.want(&changes);
            let changes = host.zones.assign(names, (1, u16::MAX));
            for (name, number) in changes.gone {
                self.pending.remove("local.Zone", local::Zone { chassis, name, number });
            }
            for (name, number) in changes.come {
                self.pending.insert("local.Zone", local::Zone { chassis, name, number });
            }
        }
    }

    /// Every chassis is connected with all physical networks of its datapaths.
    fn follow_networks(&mut self, changes: &[(Rec, Weight)]) {
        for (rec, weight) in changes {
            let locality::Reach { chassis, datapath } = rec.get();
            let Some(host) = self.names.get(chassis).and_then(|name| self.hosts.get_mut(name)) else {
                continue;
            };
            for port in self.index.networks.get(datapath).into_iter().flatten() {
                if *weight > 0 {
                    host.networks += 1;
                    let patch = local::Patch {
                        chassis: *chassis,
                        port: port.clone(),
                        ofport: NETWORKS + host.networks,
                    };
                    self.pending.insert("local.Patch", patch.clone());
                    if let Some(before) = host.patches.insert(port.clone(), patch) {
                        self.pending.remove("local.Patch", before);
                    }
                } else if let Some(before) = host.patches.remove(port) {
                    self.pending.remove("local.Patch", before);
                }
            }
        }
    }
}

/// The rows of a southbound database as insertions.
fn contents(database: &MemoryDatabase) -> Vec<RowChange> {
    let rows = database.tables().iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table, row)));
    rows.map(|(table, (uuid, columns))| RowChange {
        database: Database::Southbound,
        table: table.clone(),
        uuid: *uuid,
        edit: Edit::Insert(columns.iter().map(|(name, datum)| (name.clone(), datum.clone())).collect()),
    })
    .collect()
}

/// How long packets of an interface may be: as those of Ethernet.
fn mtu(interface: &local::Interface) -> local::Mtu {
    local::Mtu { chassis: interface.chassis, port: interface.port.clone(), mtu: MTU }
}

/// The lowest OpenFlow port that no interface has.
fn free(host: &Host) -> u16 {
    let used: BTreeSet<u16> = host.interfaces.values().map(|row| row.ofport).collect();
    (1..TUNNELS).find(|number| !used.contains(number)).unwrap_or(TUNNELS)
}

fn insert<const N: usize>(table: &str, uuid: Uuid, columns: [(&str, Datum); N]) -> RowChange {
    let columns = columns.into_iter().map(|(name, datum)| (name.into(), datum)).collect();
    RowChange { database: Database::Southbound, table: table.into(), uuid, edit: Edit::Insert(columns) }
}
