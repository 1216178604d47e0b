//! Groups (OpenFlow 1.5.1 sections 7.3.4.3 and 7.3.5.10) with Open vSwitch's selection methods.

use std::sync::Arc;

use super::action;
use super::message::{HEADER, IN_BUNDLE, LONGEST, kind, put};
use super::oxm::Entry;
use super::wire::{Malformed, Put, Reader, padding};

/// A group, apart from its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What it does with its buckets.
    pub kind: GroupKind,
    /// How a bucket is selected, if the switch is not to choose for itself; for [`GroupKind::Select`].
    pub selection: Option<Selection>,
    /// Its buckets, each with a number of its own.
    pub buckets: Vec<Bucket>,
}

/// What a group does with its buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GroupKind {
    /// All of them act.
    All = 0,
    /// One acts, by a hash of the packet.
    Select = 1,
    /// The only one acts.
    Indirect = 2,
    /// The first that is alive acts.
    FastFailover = 3,
}

/// How a bucket is selected (`selection_method` in ovs-ofctl(8)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The datapath's hash (`dp_hash`), or one that the switch computes itself (`hash`).
    pub datapath_hash: bool,
    /// The method's parameter.
    pub parameter: u64,
    /// The fields of `hash`: a list of OXM fields whose values say which bits count; empty for the
    /// switch's choice.
    pub fields: Arc<[u8]>,
}

/// One of a group's ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its number, below 0xffffff00.
    pub id: u32,
    /// Its share of the packets, for [`GroupKind::Select`]; otherwise zero.
    pub weight: u16,
    /// The port that has to be up for the bucket to be alive.
    pub watch_port: Option<u32>,
    actions: Arc<[u8]>,
}

impl Bucket {
    /// A bucket that watches no port.
    ///
    /// # Errors
    /// `actions` is not a list of actions.
    pub fn new(id: u32, weight: u16, actions: &[u8]) -> Result<Bucket, Malformed> {
        Ok(Bucket { id, weight, watch_port: None, actions: action::canonical(actions)?.into() })
    }

    /// The actions, each in one spelling.
    pub fn actions(&self) -> &[u8] {
        &self.actions
    }

    fn write(&self, kind: GroupKind, out: &mut Vec<u8>) {
        let start = out.len();
        out.u16(0);
        out.u16(self.actions.len().min(LONGEST) as u16);
        out.u32(self.id);
        out.bytes(&self.actions);
        if kind == GroupKind::Select || self.weight > 0 {
            out.u16(WEIGHT);
            out.u16(8);
            out.u16(self.weight);
            out.zeros(2);
        }
        if let Some(port) = self.watch_port {
            out.u16(WATCH_PORT);
            out.u16(8);
            out.u32(port);
        }
        let length = out.len() - start;
        out.patch_u16(start, length.min(LONGEST) as u16);
    }

    /// Reads a bucket: `None` if there is something about it that is not told here.
    fn read(reader: &mut Reader<'_>) -> Result<Option<Bucket>, Malformed> {
        let length = usize::from(reader.u16()?);
        let mut body =
            Reader::new(reader.take(length.checked_sub(2).ok_or(reader.malformed())?)?, "group bucket");
        let actions = usize::from(body.u16()?);
        let id = body.u32()?;
        let mut bucket = Bucket::new(id, 0, body.take(actions)?)?;
        while !body.is_empty() {
            let (kind, length) = (body.u16()?, usize::from(body.u16()?));
            let rest = length.checked_sub(4).ok_or(body.malformed())?;
            let mut value = Reader::new(body.take(rest)?, "group bucket");
            body.skip(padding(length))?;
            match kind {
                WEIGHT => bucket.weight = value.u16()?,
                WATCH_PORT => bucket.watch_port = Some(value.u32()?),
                _ => return Ok(None),
            }
        }
        Ok(Some(bucket))
    }
}

/// Properties of buckets.
const WEIGHT: u16 = 0;
const WATCH_PORT: u16 = 1;
/// The property of a group that holds the selection method, by Netronome.
const PROPERTY: u16 = 0xffff;
const NETRONOME: u32 = 0x0000_154d;
const SELECTION_METHOD: u32 = 1;

/// Commands of group messages.
const ADD: u16 = 0;
const MODIFY: u16 = 1;
const DELETE: u16 = 2;
const INSERT_BUCKET: u16 = 3;
/// Places of buckets: none in particular, and behind all others.
const BUCKET_ALL: u32 = 0xffff_ffff;
const BUCKET_LAST: u32 = 0xffff_fffe;
/// All groups.
const ALL: u32 = 0xffff_fffc;

/// How long the buckets of one message may be.
const ROOM: usize = LONGEST - IN_BUNDLE - HEADER - 16 - 512;

/// The messages that change a group: each has a command, and a range of the buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    command: u16,
    first: usize,
    end: usize,
}

impl Group {
    /// The parts in which a group is told, so that each fits into a message unless it is
    /// [`too_long`](Group::too_long).
    pub(super) fn parts(&self, exists: bool) -> Vec<Part> {
        let mut parts = vec![Part { command: if exists { MODIFY } else { ADD }, first: 0, end: 0 }];
        let mut room = ROOM;
        for (place, bucket) in self.buckets.iter().enumerate() {
            let length = bucket.actions.len() + 24;
            if length > room
                && let Some(Part { first, end, .. }) = parts.last()
                && end > first
            {
                parts.push(Part { command: INSERT_BUCKET, first: place, end: place });
                room = ROOM;
            }
            room = room.saturating_sub(length);
            if let Some(part) = parts.last_mut() {
                part.end = place + 1;
            }
        }
        parts
    }

    /// How long the longest bucket is, if no message has room for it.
    pub(super) fn too_long(&self) -> Option<usize> {
        let longest = self.buckets.iter().map(|bucket| bucket.actions.len() + 24).max()?;
        (longest > ROOM).then_some(longest)
    }

    /// Writes one part of the group `id`.
    pub(super) fn put(&self, id: u32, part: &Part, xid: u32, out: &mut Vec<u8>) {
        let place = if part.command == INSERT_BUCKET { BUCKET_LAST } else { BUCKET_ALL };
        put(kind::GROUP_MOD, xid, out, |out| {
            let buckets = put_head(part.command, self.kind, id, place, out);
            self.buckets[part.first..part.end].iter().for_each(|bucket| bucket.write(self.kind, out));
            let length = out.len() - buckets;
            out.patch_u16(buckets - 8, length.min(LONGEST) as u16);
            if part.command != INSERT_BUCKET
                && let Some(selection) = &self.selection
            {
                selection.write(out);
            }
        });
    }

    /// Reads a group from after its length: `None` if there is something about it that is not told
    /// here.
    fn read(reader: &mut Reader<'_>) -> Result<(u32, Option<Group>), Malformed> {
        let kind = match reader.u8()? {
            0 => GroupKind::All,
            1 => GroupKind::Select,
            2 => GroupKind::Indirect,
            3 => GroupKind::FastFailover,
            _ => return Err(reader.malformed()),
        };
        reader.skip(1)?;
        let id = reader.u32()?;
        let length = usize::from(reader.u16()?);
        reader.skip(6)?;
        let mut buckets = Reader::new(reader.take(length)?, "group bucket");
        let mut group = Group { kind, selection: None, buckets: Vec::new() };
        while !buckets.is_empty() {
            match Bucket::read(&mut buckets)? {
                Some(bucket) => group.buckets.push(bucket),
                None => return Ok((id, None)),
            }
        }
        while !reader.is_empty() {
            match Selection::read(reader)? {
                Some(selection) => group.selection = Some(selection),
                None => return Ok((id, None)),
            }
        }
        Ok((id, Some(group)))
    }
}

impl Selection {
    /// A selection by `fields`, of which the bits that count are set.
    ///
    /// # Errors
    /// `fields` is not a list of fields.
    pub fn new(datapath_hash: bool, parameter: u64, fields: &[u8]) -> Result<Selection, Malformed> {
        let mut reader = Reader::new(fields, "selection fields");
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let entry = Entry::read(&mut reader)?;
            entries.push((entry.field.preferred(), entry.value));
        }
        entries.sort_unstable();
        let mut fields = Vec::new();
        for (field, value) in entries {
            field.write(value.len(), false, &mut fields);
            fields.bytes(value);
        }
        Ok(Selection { datapath_hash, parameter, fields: fields.into() })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let length = 40 + self.fields.len();
        out.u16(PROPERTY);
        out.u16(length.min(LONGEST) as u16);
        out.u32(NETRONOME);
        out.u32(SELECTION_METHOD);
        out.zeros(4);
        let method = if self.datapath_hash { DATAPATH_HASH } else { HASH };
        out.bytes(method);
        out.zeros(16 - method.len());
        out.u64(self.parameter);
        out.bytes(&self.fields);
        out.zeros(padding(length));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Option<Selection>, Malformed> {
        let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
        let rest = length.checked_sub(4).ok_or(reader.malformed())?;
        let mut body = Reader::new(reader.take(rest)?, "selection method");
        // The last property may come without padding.
        let _ = reader.skip(padding(length));
        if kind != PROPERTY || body.u32()? != NETRONOME || body.u32()? != SELECTION_METHOD {
            return Ok(None);
        }
        body.skip(4)?;
        let method = body.take(16)?;
        let parameter = body.u64()?;
        match method.split(|byte| *byte == 0).next() {
            Some(DATAPATH_HASH) => Selection::new(true, parameter, body.rest()).map(Some),
            Some(HASH) => Selection::new(false, parameter, body.rest()).map(Some),
            _ => Ok(None),
        }
    }
}

const DATAPATH_HASH: &[u8] = b"dp_hash";
const HASH: &[u8] = b"hash";

/// Writes what comes before the buckets, whose place it gives.
fn put_head(command: u16, kind: GroupKind, id: u32, place: u32, out: &mut Vec<u8>) -> usize {
    out.u16(command);
    out.u8(kind as u8);
    out.zeros(1);
    out.u32(id);
    out.zeros(4);
    out.u32(place);
    out.len()
}

/// Writes the deletion of the group `id`, and with it of the flows that use it.
pub(super) fn put_delete(id: u32, xid: u32, out: &mut Vec<u8>) {
    put(kind::GROUP_MOD, xid, out, |out| {
        put_head(DELETE, GroupKind::All, id, BUCKET_ALL, out);
    });
}

/// Asks for all groups.
pub(super) fn all() -> Vec<u8> {
    let mut body = Vec::new();
    body.u32(ALL);
    body.zeros(4);
    body
}

/// How many groups that select a switch can have, from the answer to the question for its features.
pub(super) fn read_features(body: &[u8]) -> Result<u32, Malformed> {
    let mut reader = Reader::new(body, "group features");
    // Types, capabilities, and how many there may be that act all.
    reader.skip(12)?;
    reader.u32()
}

/// A group that a switch holds: `None` if it has what no group from here has.
pub(super) type Held = (u32, Option<Group>);

/// Reads the groups in one part of the answer to [`all`].
pub(super) fn read_groups(body: &[u8], mut each: impl FnMut(Held)) -> Result<(), Malformed> {
    let mut reader = Reader::new(body, "group description");
    while !reader.is_empty() {
        let length = usize::from(reader.u16()?);
        let rest = length.checked_sub(2).ok_or(reader.malformed())?;
        each(Group::read(&mut Reader::new(reader.take(rest)?, "group description"))?);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What a switch does with a group message.
    pub(in super::super) fn apply(
        message: &[u8],
        groups: &mut BTreeMap<u32, Group>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(message, "group message");
        reader.skip(8)?;
        let command = reader.u16()?;
        let mut head = Reader::new(message, "group message");
        head.skip(10)?;
        let (kind, _, id, buckets) = (head.u8()?, head.u8()?, head.u32()?, head.u16()?);
        head.skip(6)?;
        // As in a description.
        let mut body = vec![kind, 0];
        body.u32(id);
        body.u16(buckets);
        body.zeros(6);
        body.bytes(head.rest());
        let (_, group) = Group::read(&mut Reader::new(&body, "group message"))?;
        let group = group.ok_or(reader.malformed())?;
        match command {
            ADD if !groups.contains_key(&id) => drop(groups.insert(id, group)),
            MODIFY if groups.contains_key(&id) => drop(groups.insert(id, group)),
            INSERT_BUCKET => match groups.get_mut(&id) {
                Some(whole) => whole.buckets.extend(group.buckets),
                None => return Err(reader.malformed()),
            },
            DELETE => drop(groups.remove(&id)),
            _ => return Err(reader.malformed()),
        }
        Ok(())
    }

    /// What a switch says of a group.
    pub(in super::super) fn put_description(id: u32, group: &Group, out: &mut Vec<u8>) {
        let start = out.len();
        out.u16(0);
        out.u8(group.kind as u8);
        out.zeros(1);
        out.u32(id);
        out.zeros(8);
        group.buckets.iter().for_each(|bucket| bucket.write(group.kind, out));
        let buckets = out.len() - start - 16;
        out.patch_u16(start + 8, buckets as u16);
        if let Some(selection) = &group.selection {
            selection.write(out);
        }
        let length = out.len() - start;
        out.patch_u16(start, length as u16);
    }

    /// Any group whose buckets put out to ports.
    pub(in super::super) fn any_group() -> impl Strategy<Value = Group> {
        let bucket = (0u16..3, proptest::option::of(0u32..9), 0u32..9);
        let selection = proptest::option::of((any::<bool>(), 0u64..9, any::<bool>()));
        (proptest::collection::vec(bucket, 0..4), selection).prop_map(|(buckets, selection)| Group {
            kind: GroupKind::Select,
            selection: selection.map(|(datapath_hash, parameter, fields)| {
                let fields =
                    if fields { &[0x80, 0, 20, 1, 0xff, 0x80, 0, 10, 2, 0xff, 0xff][..] } else { &[] };
                Selection::new(datapath_hash, parameter, fields).unwrap()
            }),
            buckets: (0..)
                .zip(buckets)
                .map(|(id, (weight, watch_port, group))| {
                    let mut actions = vec![0, 22, 0, 8];
                    actions.u32(group);
                    Bucket { watch_port, ..Bucket::new(id, weight, &actions).unwrap() }
                })
                .collect(),
        })
    }

    fn told(id: u32, group: &Group, exists: bool) -> Vec<Vec<u8>> {
        let message = |part| {
            let mut out = Vec::new();
            group.put(id, part, 1, &mut out);
            out
        };
        group.parts(exists).iter().map(message).collect()
    }

    #[test]
    fn a_group_too_long_for_a_message_is_told_in_parts() {
        let actions: Vec<u8> = [0, 22, 0, 8, 0, 0, 0, 1].repeat(10);
        let bucket = |id| Bucket::new(id, 100, &actions).unwrap();
        let group =
            Group { kind: GroupKind::Select, selection: None, buckets: (0..3000).map(bucket).collect() };
        for exists in [false, true] {
            let mut groups = BTreeMap::new();
            if exists {
                groups.insert(7, Group { buckets: Vec::new(), ..group.clone() });
            }
            let messages = told(7, &group, exists);
            assert!(messages.len() > 4);
            for message in &messages {
                assert!(message.len() <= LONGEST - IN_BUNDLE);
                apply(message, &mut groups).unwrap();
            }
            assert_eq!(groups.get(&7), Some(&group));
        }
    }

    #[test]
    fn a_bucket_too_long_for_a_message_is_seen() {
        let bucket = |times| Bucket::new(0, 1, &[0, 22, 0, 8, 0, 0, 0, 1].repeat(times)).unwrap();
        let group = |times| Group { kind: GroupKind::All, selection: None, buckets: vec![bucket(times)] };
        assert_eq!(group(8000).too_long(), None);
        assert_eq!(group(8180).too_long(), Some(65464));
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_is_read(group in any_group(), id: u32) {
            let mut groups = BTreeMap::new();
            for message in told(id, &group, false) {
                apply(&message, &mut groups).unwrap();
            }
            prop_assert_eq!(groups.get(&id), Some(&group));
            let mut body = Vec::new();
            put_description(id, &group, &mut body);
            let mut found = Vec::new();
            read_groups(&body, |group| found.push(group)).unwrap();
            prop_assert_eq!(found, [(id, Some(group))]);
            let mut out = Vec::new();
            put_delete(id, 1, &mut out);
            apply(&out, &mut groups).unwrap();
            prop_assert!(groups.is_empty());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let _ = read_groups(&bytes, |_| {});
            let mut whole = vec![0, bytes.len() as u8 + 2];
            whole.extend(&bytes);
            let _ = read_groups(&whole, |_| {});
        }
    }
}
