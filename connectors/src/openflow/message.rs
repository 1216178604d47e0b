//! Messages: the header, those of the connection itself, and the framing of the byte stream.
//!
//! Numbers are those of OpenFlow 1.5.1 section 7 and of Open vSwitch's extensions to it.

use std::ops::Range;

use super::error::{NICIRA, SwitchError};
use super::wire::{Malformed, Put, Reader};

/// OpenFlow 1.5.
pub(super) const VERSION: u8 = 6;
/// The length of the header, the shortest message.
pub(super) const HEADER: usize = 8;
/// The longest message.
pub(super) const LONGEST: usize = 0xffff;

/// Types of messages.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 0;
    pub(in super::super) const ERROR: u8 = 1;
    pub(in super::super) const ECHO_REQUEST: u8 = 2;
    pub(in super::super) const ECHO_REPLY: u8 = 3;
    pub(in super::super) const EXPERIMENTER: u8 = 4;
    pub(in super::super) const FEATURES_REQUEST: u8 = 5;
    pub(in super::super) const FEATURES_REPLY: u8 = 6;
    pub(in super::super) const PACKET_OUT: u8 = 13;
    pub(in super::super) const FLOW_MOD: u8 = 14;
    pub(in super::super) const GROUP_MOD: u8 = 15;
    pub(in super::super) const MULTIPART_REQUEST: u8 = 18;
    pub(in super::super) const MULTIPART_REPLY: u8 = 19;
    pub(in super::super) const BARRIER_REQUEST: u8 = 20;
    pub(in super::super) const BARRIER_REPLY: u8 = 21;
    pub(in super::super) const METER_MOD: u8 = 29;
    pub(in super::super) const BUNDLE_CONTROL: u8 = 33;
    pub(in super::super) const BUNDLE_ADD: u8 = 34;
}

/// Types of multipart messages.
pub(super) mod part {
    pub(in super::super) const FLOWS: u16 = 1;
    pub(in super::super) const GROUPS: u16 = 7;
    pub(in super::super) const GROUP_FEATURES: u16 = 8;
    pub(in super::super) const METERS: u16 = 10;
    pub(in super::super) const METER_FEATURES: u16 = 11;
}

/// Types of Open vSwitch's own messages.
pub(super) mod nicira {
    pub(in super::super) const TLV_TABLE_MOD: u32 = 24;
    pub(in super::super) const TLV_TABLE_REQUEST: u32 = 25;
    pub(in super::super) const TLV_TABLE_REPLY: u32 = 26;
    pub(in super::super) const FLUSH_ZONE: u32 = 29;
    pub(in super::super) const FLUSH_CONNECTIONS: u32 = 32;
}

/// Types of bundle control messages.
pub(super) mod bundle {
    pub(in super::super) const OPEN: u16 = 0;
    pub(in super::super) const COMMIT: u16 = 4;
    pub(in super::super) const COMMITTED: u16 = 5;
    /// All or nothing, in the order given.
    pub(in super::super) const FLAGS: u16 = 3;
}

/// What a switch says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// The versions it speaks; bit N stands for version N.
    Hello {
        versions: u64,
    },
    Error(SwitchError),
    EchoRequest(&'a [u8]),
    EchoReply,
    Features {
        datapath: u64,
        tables: u8,
    },
    /// One part of an answer.
    Multipart {
        part: u16,
        more: bool,
        body: &'a [u8],
    },
    Barrier,
    /// The answer to a bundle control message.
    Bundle {
        kind: u16,
    },
    TlvTable(&'a [u8]),
    /// Something that is not asked for here.
    Other,
}

/// A message begins with the identifier of the request that it belongs to.
pub(super) fn read(bytes: &[u8]) -> Result<(u32, Message<'_>), Malformed> {
    let mut reader = Reader::new(bytes, "message");
    let (version, kind, _) = (reader.u8()?, reader.u8()?, reader.u16()?);
    let xid = reader.u32()?;
    // Hellos and the errors that answer them come in the version of who sends them.
    if version != VERSION && kind != kind::HELLO && kind != kind::ERROR {
        return Err(Malformed { what: "version of a message" });
    }
    let message = match kind {
        kind::HELLO => Message::Hello { versions: versions(version, &mut reader)? },
        kind::ERROR => Message::Error(SwitchError::read(&mut reader)?),
        kind::ECHO_REQUEST => Message::EchoRequest(reader.rest()),
        kind::ECHO_REPLY => Message::EchoReply,
        kind::FEATURES_REPLY => {
            let datapath = reader.u64()?;
            reader.skip(4)?;
            Message::Features { datapath, tables: reader.u8()? }
        }
        kind::MULTIPART_REPLY => {
            let (part, flags) = (reader.u16()?, reader.u16()?);
            reader.skip(4)?;
            Message::Multipart { part, more: flags & 1 == 1, body: reader.rest() }
        }
        kind::BARRIER_REPLY => Message::Barrier,
        kind::BUNDLE_CONTROL => {
            reader.skip(4)?;
            Message::Bundle { kind: reader.u16()? }
        }
        kind::EXPERIMENTER => match (reader.u32()?, reader.u32()?) {
            (NICIRA, nicira::TLV_TABLE_REPLY) => Message::TlvTable(reader.rest()),
            _ => Message::Other,
        },
        _ => Message::Other,
    };
    Ok((xid, message))
}

/// The versions in a hello: those of its bitmap, or without one all up to its own.
fn versions(version: u8, reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    while !reader.is_empty() {
        let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
        let body = reader.take(length.checked_sub(4).ok_or(reader.malformed())?)?;
        if kind == 1 {
            let mut words = Reader::new(body, "hello");
            let low = u64::from(words.u32()?);
            return Ok(low);
        }
        // What is behind an element with padding that is cut short does not matter.
        let _ = reader.skip(super::wire::padding(length));
    }
    Ok((1_u64.checked_shl(u32::from(version) + 1).unwrap_or(0)).wrapping_sub(1))
}

/// Writes a message, whose body `write` appends.
pub(super) fn put(kind: u8, xid: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.u8(VERSION);
    out.u8(kind);
    out.u16(0);
    out.u32(xid);
    write(out);
    // Messages that might be too long are measured by who makes them.
    let length = out.len() - start;
    out.patch_u16(start + 2, length.min(LONGEST) as u16);
}

/// Says that version 1.5 is spoken, and no other.
pub(super) fn put_hello(xid: u32, out: &mut Vec<u8>) {
    put(kind::HELLO, xid, out, |out| {
        out.u16(1);
        out.u16(8);
        out.u32(1 << VERSION);
    });
}

/// Answers an echo request.
pub(super) fn put_echo_reply(xid: u32, body: &[u8], out: &mut Vec<u8>) {
    put(kind::ECHO_REPLY, xid, out, |out| out.bytes(body));
}

/// Asks something with a body of its own or none.
pub(super) fn put_multipart(part: u16, xid: u32, body: &[u8], out: &mut Vec<u8>) {
    put(kind::MULTIPART_REQUEST, xid, out, |out| {
        out.u16(part);
        out.zeros(6);
        out.bytes(body);
    });
}

/// Writes one of Open vSwitch's own messages.
pub(super) fn put_nicira(subtype: u32, xid: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    put(kind::EXPERIMENTER, xid, out, |out| {
        out.u32(NICIRA);
        out.u32(subtype);
        write(out);
    });
}

/// Opens or commits the bundle `id`.
pub(super) fn put_bundle_control(control: u16, id: u32, xid: u32, out: &mut Vec<u8>) {
    put(kind::BUNDLE_CONTROL, xid, out, |out| {
        out.u32(id);
        out.u16(control);
        out.u16(bundle::FLAGS);
    });
}

/// Puts a message into the bundle `id`.
pub(super) fn put_bundle_add(id: u32, xid: u32, message: &[u8], out: &mut Vec<u8>) {
    put(kind::BUNDLE_ADD, xid, out, |out| {
        out.u32(id);
        out.zeros(2);
        out.u16(bundle::FLAGS);
        out.bytes(message);
    });
}

/// How much a bundle adds to a message.
pub(super) const IN_BUNDLE: usize = HEADER + 8;

/// Has the switch forget the connections of a zone.
pub(super) fn put_flush_zone(zone: u16, xid: u32, out: &mut Vec<u8>) {
    put_nicira(nicira::FLUSH_ZONE, xid, out, |out| {
        out.zeros(6);
        out.u16(zone);
    });
}

/// Memory kept for the next message; a larger buffer is given back once it is empty.
const KEEP: usize = 1 << 20;

/// Cuts a byte stream into messages.
#[derive(Debug, Default)]
pub(super) struct Framer {
    buffer: Vec<u8>,
    start: usize,
}

impl Framer {
    /// Adds received bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.buffer.len() + bytes.len() > self.buffer.capacity() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Where the next whole message is, if it has arrived. Its bytes are lent by [`Framer::bytes`]
    /// until the next `push`.
    pub(super) fn next(&mut self) -> Result<Option<Range<usize>>, Malformed> {
        let rest = &self.buffer[self.start..];
        if rest.is_empty() {
            self.buffer.clear();
            self.buffer.shrink_to(KEEP);
            self.start = 0;
            return Ok(None);
        }
        let Some(&[_, _, high, low]) = rest.first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < HEADER {
            return Err(Malformed { what: "length of a message" });
        }
        if rest.len() < length {
            return Ok(None);
        }
        let message = self.start..self.start + length;
        self.start = message.end;
        Ok(Some(message))
    }

    /// The bytes of a message that [`Framer::next`] has found.
    pub(super) fn bytes(&self, message: Range<usize>) -> &[u8] {
        &self.buffer[message]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn hellos_name_versions() {
        let ours = message(|out| put_hello(3, out));
        assert_eq!(read(&ours).unwrap(), (3, Message::Hello { versions: 1 << VERSION }));
        // Without a bitmap: version 1.3 and all before.
        assert_eq!(read(&[4, 0, 0, 8, 0, 0, 0, 1]).unwrap(), (1, Message::Hello { versions: 0x1f }));
        assert!(read(&[4, 2, 0, 8, 0, 0, 0, 1]).is_err());
    }

    #[test]
    fn a_message_knows_its_length() {
        let bytes = message(|out| put_flush_zone(7, 1, out));
        assert_eq!(bytes, [6, 4, 0, 24, 0, 0, 0, 1, 0, 0, 0x23, 0x20, 0, 0, 0, 29, 0, 0, 0, 0, 0, 0, 0, 7]);
        let inner = message(|out| put(kind::FLOW_MOD, 9, out, |out| out.zeros(4)));
        let outer = message(|out| put_bundle_add(2, 9, &inner, out));
        assert_eq!(outer.len(), inner.len() + IN_BUNDLE);
        assert_eq!(outer[HEADER..IN_BUNDLE], [0, 0, 0, 2, 0, 0, 0, 3]);
    }

    #[test]
    fn a_message_shorter_than_its_header_is_an_error() {
        let mut framer = Framer::default();
        framer.push(&[6, 0, 0, 7]);
        assert!(framer.next().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0u8..36) {
            let _ = read(&bytes);
            let _ = read(&message(|out| put(kind, 1, out, |out| out.bytes(&bytes))));
            let mut framer = Framer::default();
            framer.push(&bytes);
            while let Ok(Some(message)) = framer.next() {
                prop_assert!(framer.bytes(message).len() >= HEADER);
            }
        }

        #[test]
        fn cuts_anywhere_give_the_same_messages(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
            step in 1usize..17,
        ) {
            let messages: Vec<Vec<u8>> =
                bodies.iter().map(|body| message(|out| put_echo_reply(5, body, out))).collect();
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for chunk in messages.concat().chunks(step) {
                framer.push(chunk);
                while let Some(message) = framer.next().unwrap() {
                    found.push(framer.bytes(message).to_vec());
                }
            }
            prop_assert_eq!(found, messages);
        }
    }
}
