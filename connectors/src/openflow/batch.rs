//! Changes on their way to the switch: in which order, in which messages, and what came of each.
//!
//! Zones of connections, and parts of them, are flushed and meters made first, then come the messages of a bundle: groups, flows,
//! deletions of groups; meters are deleted after all is done, because a switch deletes with a group or
//! a meter the flows that use it. Last are connections flushed that the flows make no more. The barrier's answer ends a
//! batch.

use std::collections::BTreeSet;

use super::connection::{self, Connections};
use super::error::SwitchError;
use super::event::{Refusal, Subject};
use super::flow::{self, Flow, FlowKey};
use super::group::{self, Group, Part};
use super::message::{self, IN_BUNDLE, LONGEST, bundle, kind, put};
use super::meter::{self, Meter};
use super::state::{Change, Table};

/// All that a switch is to hold, and holds; and connections that it is to forget.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) flows: Table<FlowKey, Flow>,
    pub(super) groups: Table<u32, Group>,
    pub(super) meters: Table<u32, Meter>,
    pub(super) connections: BTreeSet<Connections>,
}

/// One change.
#[derive(Debug)]
enum Item {
    Zone(u16),
    Flow(Change<FlowKey, Flow>),
    Group(Change<u32, Group>),
    Meter(Change<u32, Meter>),
    Connections(Connections),
}

impl Item {
    fn subject(&self) -> Subject {
        match self {
            Item::Zone(zone) => Subject::Zone(*zone),
            Item::Flow(change) => Subject::Flow(change.key.clone()),
            Item::Group(change) => Subject::Group(change.key),
            Item::Meter(change) => Subject::Meter(change.key),
            Item::Connections(connections) => Subject::Connections(connections.clone()),
        }
    }

    fn is_deletion(&self) -> bool {
        match self {
            Item::Zone(_) | Item::Connections(_) => false,
            Item::Flow(change) => change.new.is_none(),
            Item::Group(change) => change.new.is_none(),
            Item::Meter(change) => change.new.is_none(),
        }
    }

    /// Its place in the order; only what may be in a bundle has one from `BUNDLED` on.
    fn rank(&self) -> u8 {
        match (self, self.is_deletion()) {
            (Item::Zone(_), _) => 0,
            (Item::Connections(connections), _) if connections.is_of_zone() => 0,
            (Item::Meter(_), false) => 1,
            (Item::Group(_), false) => BUNDLED,
            (Item::Flow(_), _) => 3,
            (Item::Group(_), true) => 4,
            (Item::Meter(_), true) => LAST,
            (Item::Connections(_), _) => LAST + 1,
        }
    }

    fn is_bundled(&self) -> bool {
        (BUNDLED..LAST).contains(&self.rank())
    }

    /// How long a part of it is for which there is no room in a message.
    fn too_long(&self) -> Option<usize> {
        match self {
            Item::Group(change) => change.new.as_ref().and_then(Group::too_long),
            Item::Zone(_) | Item::Flow(_) | Item::Meter(_) | Item::Connections(_) => None,
        }
    }

    /// Writes the message for it, or for a part of it.
    fn put(&self, part: Option<&Part>, xid: u32, out: &mut Vec<u8>) {
        match self {
            Item::Zone(zone) => message::put_flush_zone(*zone, xid, out),
            Item::Flow(change) => {
                flow::put_flow(&change.key, change.old.value(), change.new.as_ref(), xid, out);
            }
            Item::Group(change) => match (&change.new, part) {
                (Some(group), Some(part)) => group.put(change.key, part, xid, out),
                _ => group::put_delete(change.key, xid, out),
            },
            Item::Meter(change) => {
                meter::put_meter(change.key, change.old.exists(), change.new.as_ref(), xid, out);
            }
            Item::Connections(connections) => connection::put_flush(connections, xid, out),
        }
    }
}

const BUNDLED: u8 = 2;
const LAST: u8 = 5;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Item(usize, Option<Part>),
    Open,
    Commit,
    Barrier,
}

/// Changes that are sent together.
#[derive(Debug)]
pub(super) struct Batch {
    /// The epoch that the switch has reached with it.
    pub(super) epoch: u64,
    /// The number of its first message; the others follow.
    first: u32,
    steps: Vec<Step>,
    items: Vec<Item>,
    /// Which items came to nothing.
    refused: Vec<bool>,
    /// Items of a batch of their own, once this one is done.
    later: Vec<Item>,
    /// How many steps have been written.
    written: usize,
    bundle: Option<Bundle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bundle {
    Open,
    Committed,
}

/// What came of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it is done, refusals aside.
    Done,
    /// All but what comes last, which is the next batch.
    Next,
    /// The switch did not take the bundle. Whether a message was refused that will not be tried
    /// again.
    RolledBack {
        /// See there.
        culprit: bool,
    },
}

impl Batch {
    /// What there is to change: nothing if there is nothing. Numbers of messages are from `first` on.
    pub(super) fn new(
        tables: &mut Tables,
        zones: &[u16],
        bundled: bool,
        epoch: u64,
        first: u32,
    ) -> Option<Batch> {
        let mut items: Vec<Item> = zones.iter().copied().map(Item::Zone).collect();
        items.extend(tables.meters.changes().into_iter().map(Item::Meter));
        items.extend(tables.groups.changes().into_iter().map(Item::Group));
        items.extend(tables.flows.changes().into_iter().map(Item::Flow));
        items.extend(std::mem::take(&mut tables.connections).into_iter().map(Item::Connections));
        items.sort_by_key(Item::rank);
        (!items.is_empty()).then(|| Batch::of(items, bundled, epoch, first))
    }

    fn of(mut items: Vec<Item>, bundled: bool, epoch: u64, first: u32) -> Batch {
        let last = items.partition_point(|item| item.rank() < LAST);
        // Alone they need not wait.
        let later = if last > 0 { items.split_off(last) } else { Vec::new() };
        let mut steps = Vec::with_capacity(items.len() + 3);
        let begin = items.partition_point(|item| item.rank() < BUNDLED);
        let bundled = bundled && items.iter().any(Item::is_bundled);
        for (place, item) in items.iter().enumerate() {
            if bundled && place == begin {
                steps.push(Step::Open);
            }
            match item {
                Item::Group(Change { new: Some(group), old, .. }) => {
                    let parts = group.parts(old.exists()).into_iter();
                    steps.extend(parts.map(|part| Step::Item(place, Some(part))));
                }
                _ => steps.push(Step::Item(place, None)),
            }
        }
        if bundled {
            steps.push(Step::Commit);
        }
        steps.push(Step::Barrier);
        Batch {
            epoch,
            first,
            steps,
            refused: vec![false; items.len()],
            items,
            later,
            written: 0,
            bundle: bundled.then_some(Bundle::Open),
        }
    }

    /// How many flows, groups and meters it changes.
    pub(super) fn len(&self) -> usize {
        self.items.len() + self.later.len() - self.zones().count() - self.connections().count()
    }

    /// The connections that it flushes.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connections> {
        self.items.iter().chain(&self.later).filter_map(|item| match item {
            Item::Connections(connections) => Some(connections),
            _ => None,
        })
    }

    /// The zones that it flushes.
    pub(super) fn zones(&self) -> impl Iterator<Item = u16> {
        self.items.iter().filter_map(|item| match item {
            Item::Zone(zone) => Some(*zone),
            _ => None,
        })
    }

    /// The number behind that of its last message.
    pub(super) fn end(&self) -> u32 {
        self.first.wrapping_add(self.steps.len() as u32)
    }

    /// Appends messages until `out` is `room` bytes long or there are no more. What is too long for a
    /// message is given to `refused` instead.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        room: usize,
        mut refused: impl FnMut(Subject, Refusal),
    ) {
        let mut inner = Vec::new();
        while out.len() < room
            && let Some(step) = self.steps.get(self.written)
        {
            let xid = self.first.wrapping_add(self.written as u32);
            self.written += 1;
            match step {
                Step::Open => message::put_bundle_control(bundle::OPEN, self.first, xid, out),
                Step::Commit => message::put_bundle_control(bundle::COMMIT, self.first, xid, out),
                Step::Barrier => put(kind::BARRIER_REQUEST, xid, out, |_| {}),
                Step::Item(place, part) => {
                    let item = &self.items[*place];
                    if self.refused[*place] {
                        continue;
                    }
                    inner.clear();
                    item.put(part.as_ref(), xid, &mut inner);
                    // A group is told whole or not at all.
                    let bytes = item.too_long().unwrap_or(inner.len());
                    if bytes > LONGEST - IN_BUNDLE || item.too_long().is_some() {
                        self.refused[*place] = true;
                        refused(item.subject(), Refusal::TooLong { bytes });
                    } else if self.bundle.is_some() && item.is_bundled() {
                        message::put_bundle_add(self.first, xid, &inner, out);
                    } else {
                        out.extend_from_slice(&inner);
                    }
                }
            }
        }
    }

    fn step(&self, xid: u32) -> Option<&Step> {
        let place = xid.wrapping_sub(self.first) as usize;
        self.steps.get(place).filter(|_| place < self.written)
    }

    /// An error for the message of this number has arrived: what is refused, if that is news. The
    /// inner error is one that leaves nothing to be hoped for.
    pub(super) fn error(
        &mut self,
        xid: u32,
        error: SwitchError,
    ) -> Result<Option<(Subject, Refusal)>, SwitchError> {
        match self.step(xid) {
            // The bundle is not what it should be: it may be taken without this message.
            Some(Step::Item(..)) if error.is_of_bundle() => Err(error),
            Some(Step::Item(place, _)) => {
                let place = *place;
                let again = std::mem::replace(&mut self.refused[place], true);
                let refusal = || (self.items[place].subject(), Refusal::Switch(error));
                Ok((!again).then(refusal))
            }
            Some(Step::Barrier) => Err(error),
            // What comes of it is seen when the barrier is answered.
            Some(Step::Open | Step::Commit) | None => Ok(None),
        }
    }

    /// A bundle has been committed.
    pub(super) fn committed(&mut self, xid: u32) {
        if self.step(xid) == Some(&Step::Commit) {
            self.bundle = Some(Bundle::Committed);
        }
    }

    /// Whether this is the number of its barrier, with which it ends.
    pub(super) fn is_last(&self, xid: u32) -> bool {
        self.step(xid) == Some(&Step::Barrier)
    }

    /// The barrier has been answered: notes in the tables what the switch holds now. Gives the batch
    /// that follows if there has to be one, whose messages have numbers from `first` on.
    pub(super) fn finish(self, tables: &mut Tables, first: u32) -> (Outcome, Option<Batch>) {
        let rolled_back = self.bundle == Some(Bundle::Open);
        let mut culprit = false;
        for (item, refused) in self.items.into_iter().zip(self.refused) {
            let undone = rolled_back && item.is_bundled();
            culprit |= undone && refused;
            match item {
                Item::Zone(_) | Item::Connections(_) => {}
                _ if refused => {}
                Item::Flow(change) if undone => tables.flows.again(&change),
                Item::Group(change) if undone => tables.groups.again(&change),
                Item::Flow(change) => tables.flows.done(change),
                Item::Group(change) => tables.groups.done(change),
                Item::Meter(change) => tables.meters.done(change),
            }
        }
        if rolled_back {
            for item in self.later {
                match item {
                    Item::Meter(change) => tables.meters.again(&change),
                    Item::Connections(connections) => drop(tables.connections.insert(connections)),
                    _ => {}
                }
            }
            return (Outcome::RolledBack { culprit }, None);
        }
        match self.later.is_empty() {
            true => (Outcome::Done, None),
            false => (Outcome::Next, Some(Batch::of(self.later, false, self.epoch, first))),
        }
    }
}
