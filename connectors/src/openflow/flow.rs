//! Flows: what a switch is told of one (OpenFlow 1.5.1 section 7.3.4.2) and what it tells (7.3.5.2).

use std::fmt;
use std::sync::Arc;

use super::message::{kind, put};
use super::wire::{Malformed, Put, Reader, padding};
use super::{action, oxm};

/// What identifies a flow within a switch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The table.
    pub table: u8,
    /// The priority: of the flows that match a packet the one with the highest acts.
    pub priority: u16,
    matches: Arc<[u8]>,
}

impl FlowKey {
    /// A flow that matches `matches`, a list of OXM fields without header or padding. Field by field
    /// those that it requires have to be there, in any order (ovs-fields(7)).
    ///
    /// # Errors
    /// The bytes are not such a list.
    pub fn new(table: u8, priority: u16, matches: &[u8]) -> Result<FlowKey, Malformed> {
        Ok(FlowKey { table, priority, matches: oxm::canonical(matches)?.into() })
    }

    /// The match: each field once, in one order.
    pub fn matches(&self) -> &[u8] {
        &self.matches
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table={}, priority={}, match=", self.table, self.priority)?;
        self.matches.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowKey({self})")
    }
}

/// What a flow is apart from its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Any number; shown with the flow and in its packets.
    pub cookie: u64,
    actions: Arc<[u8]>,
}

impl Flow {
    /// A flow that applies `actions`, a list in OpenFlow 1.5's form; an empty one drops.
    ///
    /// # Errors
    /// The bytes are not such a list.
    pub fn new(cookie: u64, actions: &[u8]) -> Result<Flow, Malformed> {
        Ok(Flow { cookie, actions: action::canonical(actions)?.into() })
    }

    /// The actions, each in one spelling.
    pub fn actions(&self) -> &[u8] {
        &self.actions
    }
}

/// Commands of flow messages.
const ADD: u8 = 0;
const MODIFY_STRICT: u8 = 2;
const DELETE_STRICT: u8 = 4;
/// No packet waits for the flow; whatever it puts out to.
const NO_BUFFER: u32 = 0xffff_ffff;
const ANY: u32 = 0xffff_ffff;
/// A match that is a list of OXM fields.
const OXM_MATCH: u16 = 1;
/// The instruction that holds actions to be applied at once.
const APPLY_ACTIONS: u16 = 4;

/// Writes what makes `old` of the flow `new`; `None` is no flow. Counters survive a change of
/// actions, not one of the cookie, which a switch changes only by replacing the flow.
pub(super) fn put_flow(key: &FlowKey, old: Option<&Flow>, new: Option<&Flow>, xid: u32, out: &mut Vec<u8>) {
    let command = match (old, new) {
        (_, None) => DELETE_STRICT,
        (Some(old), Some(new)) if old.cookie == new.cookie => MODIFY_STRICT,
        (_, Some(_)) => ADD,
    };
    put(kind::FLOW_MOD, xid, out, |out| {
        // A cookie mask of zero: whatever the cookie was. A modification takes the cookie for one to
        // look for.
        out.u64(if command == ADD { new.map_or(0, |new| new.cookie) } else { 0 });
        out.u64(0);
        out.u8(key.table);
        out.u8(command);
        out.zeros(4);
        out.u16(key.priority);
        out.u32(NO_BUFFER);
        out.u32(ANY);
        out.u32(ANY);
        out.zeros(4);
        put_match(&key.matches, out);
        let actions = new.map_or(&[][..], |new| &new.actions);
        if !actions.is_empty() {
            out.u16(APPLY_ACTIONS);
            // Who sends looks at the length of the whole message.
            out.u16((8 + actions.len()).min(0xffff) as u16);
            out.zeros(4);
            out.bytes(actions);
        }
    });
}

/// Writes a match with its header and padding.
pub(super) fn put_match(matches: &[u8], out: &mut Vec<u8>) {
    let length = 4 + matches.len();
    out.u16(OXM_MATCH);
    out.u16(length.min(0xffff) as u16);
    out.bytes(matches);
    out.zeros(padding(length));
}

fn read_match<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
    let matches = reader.take(length.checked_sub(4).ok_or(reader.malformed())?)?;
    reader.skip(padding(length))?;
    if kind == OXM_MATCH { Ok(matches) } else { Err(reader.malformed()) }
}

/// Asks for all flows.
pub(super) fn all() -> Vec<u8> {
    let mut body = Vec::new();
    // All tables, any port and group, any cookie.
    body.u8(0xff);
    body.zeros(3);
    body.u32(ANY);
    body.u32(ANY);
    body.zeros(4);
    body.zeros(16);
    put_match(&[], &mut body);
    body
}

/// A flow that a switch holds: `None` if it has what no flow from here has, such as a timeout.
pub(super) type Held = (FlowKey, Option<Flow>);

/// Reads the flows in one part of the answer to [`all`].
pub(super) fn read_flows(body: &[u8], mut each: impl FnMut(Held)) -> Result<(), Malformed> {
    let mut reader = Reader::new(body, "flow description");
    while !reader.is_empty() {
        let length = usize::from(reader.u16()?);
        let mut flow =
            Reader::new(reader.take(length.checked_sub(2).ok_or(reader.malformed())?)?, "flow description");
        each(read_flow(&mut flow)?);
    }
    Ok(())
}

fn read_flow(reader: &mut Reader<'_>) -> Result<Held, Malformed> {
    reader.skip(2)?;
    let table = reader.u8()?;
    reader.skip(1)?;
    let priority = reader.u16()?;
    // Idle and hard timeouts, flags, importance.
    let settings = reader.u64()?;
    let cookie = reader.u64()?;
    let key = FlowKey::new(table, priority, read_match(reader)?)?;
    // Statistics.
    reader.skip(2)?;
    let length = usize::from(reader.u16()?);
    reader.skip(length.checked_sub(4).ok_or(reader.malformed())?)?;
    reader.skip(padding(length))?;
    let flow = match read_instructions(reader)? {
        Some(actions) if settings == 0 => Flow::new(cookie, actions).ok(),
        _ => None,
    };
    Ok((key, flow))
}

/// The actions applied, `None` if there are other instructions.
fn read_instructions<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    if reader.is_empty() {
        return Ok(Some(&[]));
    }
    let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
    reader.skip(4)?;
    let actions = reader.take(length.checked_sub(8).ok_or(reader.malformed())?)?;
    Ok((kind == APPLY_ACTIONS && reader.is_empty()).then_some(actions))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a switch does with a flow message: the flow, and what becomes of it.
    pub(in super::super) fn apply(
        message: &[u8],
        flows: &mut std::collections::BTreeMap<FlowKey, Flow>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(message, "flow message");
        reader.skip(8)?;
        let cookie = reader.u64()?;
        reader.skip(8)?;
        let (table, command) = (reader.u8()?, reader.u8()?);
        reader.skip(4)?;
        let priority = reader.u16()?;
        reader.skip(16)?;
        let key = FlowKey::new(table, priority, read_match(&mut reader)?)?;
        let actions = read_instructions(&mut reader)?.ok_or(reader.malformed())?;
        match command {
            ADD => {
                flows.insert(key, Flow::new(cookie, actions)?);
            }
            // No such flow is no error.
            MODIFY_STRICT => {
                if let Some(flow) = flows.get_mut(&key) {
                    *flow = Flow::new(flow.cookie, actions)?;
                }
            }
            DELETE_STRICT => {
                flows.remove(&key);
            }
            _ => return Err(reader.malformed()),
        }
        Ok(())
    }

    /// What a switch says of a flow.
    pub(in super::super) fn put_description(key: &FlowKey, flow: &Flow, out: &mut Vec<u8>) {
        let start = out.len();
        out.zeros(4);
        out.u8(key.table);
        out.zeros(1);
        out.u16(key.priority);
        out.zeros(8);
        out.u64(flow.cookie);
        put_match(&key.matches, out);
        // A statistic: how many packets.
        out.bytes(&[0, 0, 0, 16, 0x80, 2, 8, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
        if !flow.actions.is_empty() {
            out.u16(APPLY_ACTIONS);
            out.u16(8 + flow.actions.len() as u16);
            out.zeros(4);
            out.bytes(&flow.actions);
        }
        let length = out.len() - start;
        out.patch_u16(start, length as u16);
    }

    /// Any flow: some metadata and register, and actions of no meaning.
    pub(in super::super) fn any_flow() -> impl Strategy<Value = (FlowKey, Flow)> {
        let actions = proptest::collection::vec((0u16..30, any::<u32>()), 0..4);
        (0u8..4, 0u16..3, 0u8..4, any::<bool>(), 0u64..3, actions).prop_map(
            |(table, priority, metadata, register, cookie, actions)| {
                let mut matches = vec![0x80, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, metadata];
                if register {
                    matches.bytes(&[0, 1, 28, 4, 0, 0, 0, 5]);
                }
                let mut bytes = Vec::new();
                for (kind, argument) in actions {
                    // Fields are checked where they are looked into.
                    let kind = if [25, 28].contains(&kind) { 0 } else { kind };
                    bytes.u16(kind);
                    bytes.u16(8);
                    bytes.u32(argument);
                }
                (FlowKey::new(table, priority, &matches).unwrap(), Flow::new(cookie, &bytes).unwrap())
            },
        )
    }

    #[test]
    fn the_cookie_decides_how_a_flow_is_changed() {
        let key = FlowKey::new(8, 100, &[]).unwrap();
        let flow = |cookie, port| Flow::new(cookie, &[0, 22, 0, 8, 0, 0, 0, port]).unwrap();
        let mut flows = std::collections::BTreeMap::new();
        for (old, new) in [
            (None, Some(flow(1, 1))),
            (Some(flow(1, 1)), Some(flow(1, 2))),
            (Some(flow(1, 2)), Some(flow(2, 2))),
            (Some(flow(2, 2)), None),
        ] {
            let mut out = Vec::new();
            put_flow(&key, old.as_ref(), new.as_ref(), 1, &mut out);
            apply(&out, &mut flows).unwrap();
            assert_eq!(flows.get(&key), new.as_ref());
        }
    }

    #[test]
    fn foreign_flows_are_seen_as_such() {
        let key = FlowKey::new(0, 1, &[]).unwrap();
        let mut body = Vec::new();
        put_description(&key, &Flow::new(7, &[]).unwrap(), &mut body);
        let mut found = Vec::new();
        read_flows(&body, |flow| found.push(flow)).unwrap();
        assert_eq!(found, [(key.clone(), Some(Flow::new(7, &[]).unwrap()))]);
        // With an idle timeout.
        body[9] = 60;
        read_flows(&body, |flow| found.push(flow)).unwrap();
        assert_eq!(found[1], (key, None));
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_is_read((key, flow) in any_flow()) {
            let mut out = Vec::new();
            put_flow(&key, None, Some(&flow), 1, &mut out);
            let mut flows = std::collections::BTreeMap::new();
            apply(&out, &mut flows).unwrap();
            prop_assert_eq!(flows.get(&key), Some(&flow));
            let mut body = Vec::new();
            put_description(&key, &flow, &mut body);
            let mut found = Vec::new();
            read_flows(&body, |flow| found.push(flow)).unwrap();
            prop_assert_eq!(found, [(key, Some(flow))]);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let _ = read_flows(&bytes, |_| {});
            let mut whole = vec![0, bytes.len() as u8 + 2];
            whole.extend(&bytes);
            let _ = read_flows(&whole, |_| {});
        }
    }
}
