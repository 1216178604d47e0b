//! Packets that a switch is to handle (OpenFlow 1.5.1 section 7.3.6).

use super::message::{kind, put};
use super::wire::{Malformed, Put};
use super::{action, flow, oxm};

/// The header of the field that says where a packet came from, with the length of its value.
const IN_PORT: u32 = 0x8000_0004;
/// The switch keeps no packet for us: it is in the message.
const NO_BUFFER: u32 = 0xffff_ffff;

/// A packet, and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketOut {
    matches: Box<[u8]>,
    actions: Box<[u8]>,
    data: Vec<u8>,
}

impl PacketOut {
    /// The packet `data`, as if it had come from an OpenFlow port, to which `actions` are applied: a list in OpenFlow
    /// 1.5's form.
    ///
    /// # Errors
    /// The bytes are not such a list.
    pub fn new(port: u16, actions: &[u8], data: Vec<u8>) -> Result<PacketOut, Malformed> {
        let mut matches = Vec::new();
        matches.u32(IN_PORT);
        matches.u32(port.into());
        Ok(PacketOut { matches: oxm::canonical(&matches)?, actions: action::canonical(actions)?, data })
    }

    /// Writes the message.
    pub(super) fn put(&self, xid: u32, out: &mut Vec<u8>) {
        put(kind::PACKET_OUT, xid, out, |out| {
            out.u32(NO_BUFFER);
            // Who sends looks at the length of the whole message.
            out.u16(self.actions.len().min(0xffff) as u16);
            out.zeros(2);
            flow::put_match(&self.matches, out);
            out.bytes(&self.actions);
            out.bytes(&self.data);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_comes_from_a_port() {
        // Resubmit to table 0, with the packet's own port.
        let actions = [0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0, 14, 0xff, 0xf8, 0, 0, 0, 0];
        let packet = PacketOut::new(7, &actions, vec![1, 2, 3]).unwrap();
        let mut out = Vec::new();
        packet.put(9, &mut out);
        let mut wanted = vec![6, 13, 0, 8 + 8 + 16 + 16 + 3, 0, 0, 0, 9];
        wanted.extend([0xff, 0xff, 0xff, 0xff, 0, 16, 0, 0]);
        wanted.extend([0, 1, 0, 12, 0x80, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0]);
        wanted.extend(actions);
        wanted.extend([1, 2, 3]);
        assert_eq!(out, wanted);
        assert!(PacketOut::new(7, &actions[1..], Vec::new()).is_err());
    }
}
