//! What OVN keeps in registers of a packet, below the logical registers (ovn-architecture(7)).

use crate::openflow::{Field, Subfield};

/// Flags.
pub const FLAGS: Field = Field::register(10);
/// Zone of destination translation on gateway routers.
pub const DNAT_ZONE: Field = Field::register(11);
/// Zone of source translation on gateway routers.
pub const SNAT_ZONE: Field = Field::register(12);
/// Zone of the logical port (low half) and number of the encapsulating address (high half).
pub const CT_ZONE: Field = Field::register(13);
/// Logical input port.
pub const INPORT: Field = Field::register(14);
/// Logical output port.
pub const OUTPORT: Field = Field::register(15);
/// The tunnel that the packet came from (high half).
pub const TUNNEL: Field = Field::register(5);
/// Logical output port on another chassis.
pub const REMOTE_OUTPORT: Field = Field::register(1);
/// Argument and result of look-ups of neighbours by IPv4.
pub const NEIGHBOR_IPV4: Field = Field::register(0);
/// Where tables leave results that are wider than a flag.
pub const RESULT: Field = Field::XXREG1;
/// Where a table leaves the state of connection tracking.
pub const CT_STATE: Field = Field::register(4);
/// IPv4 address of the backend that a client stays with.
pub const AFFINITY_IPV4: Field = Field::register(4);
/// IPv6 address of the backend that a client stays with.
pub const AFFINITY_IPV6: Field = Field::XXREG1;
/// Port of the backend that a client stays with.
pub const AFFINITY_PORT: Field = Field::register(2);
/// [`AFFINITY_IPV6`] on switches as old northds had it.
pub const OLD_AFFINITY_IPV6: Field = Field::XXREG0;
/// [`AFFINITY_PORT`] as old northds had it.
pub const OLD_AFFINITY_PORT: Field = Field::register(8);

/// One of [`FLAGS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub u16);

impl Flag {
    /// The packet may go out where it came in.
    pub const LOOPBACK: Flag = Flag(0);
    /// The packet is from a gateway that knows no logical ports (VTEP).
    pub const FROM_RAMP: Flag = Flag(1);
    /// The packet does not leave the chassis.
    pub const LOCAL_ONLY: Flag = Flag(4);
    /// The packet is from a container.
    pub const NESTED: Flag = Flag(5);
    /// A neighbour is known.
    pub const LOOKUP_MAC: Flag = Flag(6);
    /// The connection is load balanced back to its origin.
    pub const LB_HAIRPIN: Flag = Flag(7);
    /// An Ethernet address is learned.
    pub const LOOKUP_FDB: Flag = Flag(8);
    /// The packet is from a local port.
    pub const LOCALPORT: Flag = Flag(10);
    /// Port security drops the packet.
    pub const PORT_SEC: Flag = Flag(12);
    /// The next hop of the connection is known.
    pub const ECMP_NH: Flag = Flag(13);
    /// The client stays with a backend.
    pub const LB_AFFINITY: Flag = Flag(14);
    /// The packet is from a physical network.
    pub const LOCALNET: Flag = Flag(15);
    /// The packet is from a tunnel.
    pub const FROM_TUNNEL: Flag = Flag(16);
    /// The packet may leave by a physical network in spite of [`Flag::LOCAL_ONLY`].
    pub const OVERRIDE_LOCAL_ONLY: Flag = Flag(18);
    /// The packet has been through connection tracking in the zone of the other port of its network function.
    pub const RECIRCULATED: Flag = Flag(24);

    /// The bit, in place.
    pub fn mask(self) -> u128 {
        1 << self.0
    }

    /// The bit.
    pub fn bit(self) -> Subfield {
        Subfield::new(FLAGS, self.0, 1)
    }
}
