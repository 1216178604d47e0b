//! Port numbers.

use std::fmt;

/// A port of a switch: 16 bits, of which the highest numbers mean something (OFPP_* of OpenFlow 1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

impl Port {
    /// The port from which the packet came.
    pub const IN_PORT: Port = Port(0xfff8);
    /// The controller.
    pub const CONTROLLER: Port = Port(0xfffd);
    /// The port of the switch itself.
    pub const LOCAL: Port = Port(0xfffe);
    /// No port.
    pub const ANY: Port = Port(0xffff);

    const FIRST_RESERVED: u16 = 0xff00;
    /// What reserved numbers gain in the 32 bits of later versions.
    const WIRE_OFFSET: u32 = 0xffff_0000;

    /// Whether it is a number that a port of the switch may have.
    pub fn is_ordinary(self) -> bool {
        self.0 < Self::FIRST_RESERVED
    }

    /// Its 32-bit number (OpenFlow 1.1 and later).
    pub fn to_wire(self) -> u32 {
        u32::from(self.0) + if self.is_ordinary() { 0 } else { Self::WIRE_OFFSET }
    }

    /// The port of a 32-bit number, if it fits in 16 bits.
    pub fn from_wire(number: u32) -> Option<Port> {
        match number {
            0..0xff00 => Some(Port(number as u16)),
            0xffff_ff00.. => Some(Port(number as u16)),
            _ => None,
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0xfff7 => "UNSET",
            0xfff8 => "IN_PORT",
            0xfff9 => "TABLE",
            0xfffa => "NORMAL",
            0xfffb => "FLOOD",
            0xfffc => "ALL",
            0xfffd => "CONTROLLER",
            0xfffe => "LOCAL",
            0xffff => "ANY",
            number => return write!(f, "{number}"),
        })
    }
}
