//! Southbound rows by what they are looked up by, and what there is to look at since the last time.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use northflow_engine::Weight;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::own;

use super::mirror::OwnChange;
use crate::openflow::{Band, Meter, MeterUnit};
use crate::replica::Replica;

/// Where rows are.
///
/// Cost: a changed row touches its own entries.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Rows of Chassis by name.
    pub chassis: HashMap<Text, Uuid>,
    /// Rows of Chassis_Private by name.
    pub private: HashMap<Text, Uuid>,
    /// Rows of Encap by type and address, of which no two have the same.
    pub ends: HashMap<(Text, Text), Uuid>,
    /// Ports by name.
    pub ports: HashMap<Text, Uuid>,
    /// Ports that go where another one goes, by the name of that.
    pub children: HashMap<Text, BTreeSet<Text>>,
    /// Ports that chassis stand in for, by the group of these.
    pub by_group: HashMap<Uuid, BTreeSet<Text>>,
    /// Ports with a queue, and ports with mirrors.
    pub queued: BTreeSet<Text>,
    pub mirrored: BTreeSet<Text>,
    /// Ports to physical networks by datapath.
    pub networks: HashMap<Uuid, BTreeSet<Text>>,
    /// Groups by their members.
    groups: HashMap<Uuid, BTreeSet<Uuid>>,
    meters: HashMap<Text, Uuid>,
    meters_of: HashMap<Uuid, BTreeSet<Text>>,
    /// What is to be looked at.
    pub dirty: Dirty,
}

/// What is to be looked at, by name where there may be many.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    pub ports: BTreeSet<Text>,
    /// Chassis and their tunnel ends.
    pub chassis: BTreeSet<Text>,
    pub meters: BTreeSet<Text>,
    pub networks: bool,
    pub mirrors: bool,
    pub groups: bool,
    pub global: bool,
    /// What the network has been asked to reach.
    pub private: bool,
}

fn put<K: Eq + Hash, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: K, value: V, comes: bool) {
    if comes {
        map.entry(key).or_default().insert(value);
    } else if let Some(values) = map.get_mut(&key) {
        values.remove(&value);
        if values.is_empty() {
            map.remove(&key);
        }
    }
}

fn name<K: Eq + Hash>(map: &mut HashMap<K, Uuid>, name: K, row: Uuid, comes: bool) {
    if comes {
        map.insert(name, row);
    } else if map.get(&name) == Some(&row) {
        map.remove(&name);
    }
}

/// The port that a port goes with.
pub(crate) fn parent(port: &own::Port) -> Option<&Text> {
    let parent = match &*port.type_ {
        "" => &port.parent_port,
        "virtual" => &port.virtual_parent,
        "mirror" => &port.mirror_port,
        _ => &None,
    };
    parent.as_ref().filter(|parent| !parent.is_empty())
}

impl Index {
    /// Follows changes of rows.
    pub fn follow(&mut self, changes: &[OwnChange]) {
        for (_, rec, weight) in changes {
            if let Some(row) = rec.try_get::<own::Port>() {
                self.port(row, *weight);
            } else if let Some(row) = rec.try_get::<own::Chassis>() {
                name(&mut self.chassis, row.name.clone(), row.uuid, *weight > 0);
                self.dirty.chassis.insert(row.name.clone());
            } else if let Some(row) = rec.try_get::<own::Encap>() {
                name(&mut self.ends, (row.type_.clone(), row.ip.clone()), row.uuid, *weight > 0);
                self.dirty.chassis.insert(row.chassis_name.clone());
            } else if let Some(row) = rec.try_get::<own::ChassisPrivate>() {
                name(&mut self.private, row.name.clone(), row.uuid, *weight > 0);
                self.dirty.private = true;
            } else if let Some(row) = rec.try_get::<own::HaChassisGroup>() {
                for member in &row.ha_chassis {
                    put(&mut self.groups, *member, row.uuid, *weight > 0);
                }
                self.group(row.uuid);
            } else if let Some(row) = rec.try_get::<own::HaChassis>() {
                for group in self.groups.get(&row.uuid).cloned().unwrap_or_default() {
                    self.group(group);
                }
            } else if rec.try_get::<own::Mirror>().is_some() {
                self.dirty.mirrors = true;
            } else if let Some(row) = rec.try_get::<own::Meter>() {
                name(&mut self.meters, row.name.clone(), row.uuid, *weight > 0);
                for band in &row.bands {
                    put(&mut self.meters_of, *band, row.name.clone(), *weight > 0);
                }
                self.dirty.meters.insert(row.name.clone());
            } else if let Some(row) = rec.try_get::<own::MeterBand>() {
                self.dirty.meters.extend(self.meters_of.get(&row.uuid).into_iter().flatten().cloned());
            } else if rec.try_get::<own::Global>().is_some() {
                self.dirty.global = true;
            }
        }
    }

    fn port(&mut self, row: &own::Port, weight: Weight) {
        let comes = weight > 0;
        name(&mut self.ports, row.logical_port.clone(), row.uuid, comes);
        if let Some(parent) = parent(row) {
            put(&mut self.children, parent.clone(), row.logical_port.clone(), comes);
        }
        if let Some(group) = row.ha_chassis_group {
            put(&mut self.by_group, group, row.logical_port.clone(), comes);
        }
        for (set, belongs) in [
            (&mut self.queued, row.options.contains("qdisc_queue_id")),
            (&mut self.mirrored, !row.mirror_rules.is_empty()),
        ] {
            if comes && belongs {
                set.insert(row.logical_port.clone());
            } else if belongs {
                set.remove(&row.logical_port);
            }
        }
        if matches!(&*row.type_, "localnet" | "l2gateway") {
            put(&mut self.networks, row.datapath, row.logical_port.clone(), comes);
            self.dirty.networks = true;
        }
        self.touch(&row.logical_port);
    }

    fn group(&mut self, group: Uuid) {
        self.dirty.groups = true;
        self.dirty.ports.extend(self.by_group.get(&group).into_iter().flatten().cloned());
    }

    /// A port is to be looked at, and those that go with it.
    pub fn touch(&mut self, port: &Text) {
        self.dirty.ports.extend(self.children.get(port).into_iter().flatten().cloned());
        self.dirty.ports.insert(port.clone());
    }

    /// Every port is to be looked at: who the chassis is has changed.
    pub fn touch_all(&mut self) {
        self.dirty.ports.extend(self.ports.keys().cloned());
        self.dirty.private = true;
        self.dirty.groups = true;
    }

    /// Ports that chassis stand in for are to be looked at: others live or have died.
    pub fn touch_groups(&mut self) {
        self.dirty.groups = true;
        self.dirty.ports.extend(self.by_group.values().flatten().cloned());
    }

    /// What a named meter is to a switch.
    pub fn meter(&self, rows: &Replica, name: &str) -> Option<Meter> {
        let row: &own::Meter = rows.row(*self.meters.get(name)?)?;
        let number = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
        let bands = row.bands.iter().filter_map(|band| rows.row::<own::MeterBand>(*band));
        let bands = bands.filter(|band| &*band.action == "drop");
        Some(Meter {
            unit: if &*row.unit == "pktps" { MeterUnit::Packets } else { MeterUnit::Kilobits },
            bands: bands
                .map(|band| Band { rate: number(band.rate), burst: number(band.burst_size) })
                .collect(),
        })
    }
}
