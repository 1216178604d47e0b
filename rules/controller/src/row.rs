//! Rows of a switch: what the program gives.

use std::fmt;

use northflow_language::action;
use northflow_language::expression::{Conjunction, Match};
use northflow_language::openflow::{self, DecodeError, Port, TooLong};
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// A flow of a chassis' integration bridge. Table, priority and match identify it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The chassis: its row of Chassis.
    pub chassis: Uuid,
    /// The rest, which chassis may share.
    pub row: Row,
}

/// A flow without its chassis.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The OpenFlow table.
    pub table: u8,
    /// The priority.
    pub priority: u16,
    /// The match.
    pub fields: Shared<Match>,
    /// The first word of the identifier of the database row that it is from; 0 if it is from several or none.
    pub cookie: u32,
    /// What it does.
    pub actions: Shared<Actions>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table={},priority={},{} {:?}", self.table, self.priority, self.fields, self.actions)
    }
}

/// OpenFlow actions in wire form. Where they name a group or a meter stands its place in the lists, from 1 on.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actions {
    /// The actions; none: the packet is dropped.
    pub bytes: Vec<u8>,
    /// Groups that they use.
    pub groups: Vec<Group>,
    /// Meters that they use.
    pub meters: Vec<Meter>,
}

/// A group of which one bucket is selected by hash. Groups of one definition are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Its definition as ovn-controller writes it (ovs-ofctl(8), "Group Syntax").
    pub definition: Text,
    /// Names of the fields that are hashed, with commas between; without, it is the datapath's hash.
    pub fields: Option<Text>,
    /// Whether the datapath's hash has to be alike in both directions.
    pub symmetric: bool,
    /// Its ways.
    pub buckets: Vec<Bucket>,
}

/// One way of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket {
    /// Its number.
    pub id: u32,
    /// How often it is selected, relative to the others.
    pub weight: u16,
    /// The OpenFlow port that has to be up.
    pub watch_port: Option<u16>,
    /// What it does, in wire form.
    pub actions: Vec<u8>,
}

/// A meter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Meter {
    /// A row of the table Meter, by name.
    Named(Text),
    /// One of a flow's own.
    Limit {
        /// Its definition as ovn-controller writes it.
        definition: Text,
        /// Kilobits per second.
        rate: u64,
        /// Kilobits that may exceed it at once; 0 leaves it to the switch.
        burst: u64,
    },
}

/// Numbers that a chassis gives to groups and meters.
pub trait Numbers {
    /// That of a group.
    fn group(&mut self, group: &Group) -> u32;
    /// That of a meter.
    fn meter(&mut self, meter: &Meter) -> u32;
}

impl Actions {
    /// Actions without groups and meters.
    ///
    /// # Errors
    /// They do not fit in a message.
    pub fn new(actions: &[openflow::Action]) -> Result<Actions, TooLong> {
        Ok(Actions { bytes: openflow::encode(actions)?, ..Actions::default() })
    }

    /// Parts of conjunctive matches.
    pub fn parts(parts: &[Conjunction]) -> Actions {
        let actions: Vec<openflow::Action> =
            parts.iter().map(|part| openflow::Action::Conjunction(part.id, part.clause, part.of)).collect();
        // Each takes 16 bytes, and a match is part of few.
        Actions::new(&actions).unwrap_or_default()
    }

    /// The actions, with numbers of their groups and meters.
    ///
    /// # Errors
    /// The bytes are not such a list, which no row of the program has.
    pub fn bind(&self, numbers: &mut dyn Numbers) -> Result<Vec<openflow::Action>, DecodeError> {
        let mut actions = openflow::decode(&self.bytes)?;
        self.bind_all(&mut actions, numbers);
        Ok(actions)
    }

    fn bind_all(&self, actions: &mut [openflow::Action], numbers: &mut dyn Numbers) {
        let place = |number: u32| usize::try_from(number).ok()?.checked_sub(1);
        for action in actions {
            match action {
                openflow::Action::Group(number) => {
                    if let Some(group) = place(*number).and_then(|place| self.groups.get(place)) {
                        *number = numbers.group(group);
                    }
                }
                openflow::Action::Meter(number) => {
                    if let Some(meter) = place(*number).and_then(|place| self.meters.get(place)) {
                        *number = numbers.meter(meter);
                    }
                }
                openflow::Action::Controller(controller) => {
                    let meter = controller.meter.and_then(place).and_then(|place| self.meters.get(place));
                    if let Some(meter) = meter {
                        controller.meter = Some(numbers.meter(meter));
                    }
                }
                openflow::Action::Clone(inner) => self.bind_all(inner, numbers),
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match openflow::decode(&self.bytes) {
            Ok(actions) => write!(f, "actions={}", openflow::List(&actions)),
            Err(_) => write!(f, "actions={:02x?}", self.bytes),
        }
    }
}

impl Group {
    /// A group of the action language; `None` if a bucket does not fit in a message.
    pub(crate) fn of(group: &action::Group) -> Option<Group> {
        let (fields, symmetric) = match &group.selection {
            action::Selection::Datapath { symmetric } => (None, *symmetric),
            action::Selection::Fields(fields) => (Some(Text::from(&**fields)), false),
        };
        let bucket = |bucket: &action::GroupBucket| {
            let watch_port = bucket.watch_port.map(|Port(number)| number);
            let actions = openflow::encode(&bucket.actions).ok()?;
            Some(Bucket { id: bucket.id, weight: bucket.weight, watch_port, actions })
        };
        let buckets = group.buckets.iter().map(bucket).collect::<Option<_>>()?;
        Some(Group { definition: Text::from(&*group.definition), fields, symmetric, buckets })
    }
}

impl Meter {
    /// A meter of the action language.
    pub(crate) fn of(meter: action::Meter<'_>) -> Meter {
        match meter {
            action::Meter::Named(name) => Meter::Named(name.into()),
            action::Meter::Limit { definition, rate, burst } => {
                Meter::Limit { definition: definition.into(), rate, burst }
            }
        }
    }
}
