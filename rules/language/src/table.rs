//! OpenFlow tables of an integration bridge, and where logical pipelines lie in them (ovn-architecture(7)).

/// Packets from ports and tunnels enter the logical network.
pub const PHYSICAL_TO_LOGICAL: u8 = 0;
/// First table of the logical ingress pipeline.
pub const INGRESS: u8 = 8;
/// Where `output` of the ingress pipeline leads: finds packets that a tunnel cannot carry whole.
pub const OUTPUT_LARGE_DETECT: u8 = 42;
/// Answers packets that are too large.
pub const OUTPUT_LARGE_PROCESS: u8 = 43;
/// Output to ports on other chassis.
pub const REMOTE_OUTPUT: u8 = 44;
/// Output to VTEPs of EVPN.
pub const REMOTE_VTEP_OUTPUT: u8 = 45;
/// Output to ports on this chassis.
pub const LOCAL_OUTPUT: u8 = 46;
/// Keeps packets from going out where they came in.
pub const CHECK_LOOPBACK: u8 = 47;
/// First table of the logical egress pipeline.
pub const EGRESS: u8 = 48;
/// Where `output` of the egress pipeline leads.
pub const SAVE_INPORT: u8 = 64;
/// Packets leave the logical network.
pub const LOGICAL_TO_PHYSICAL: u8 = 65;
/// Ethernet addresses of neighbours.
pub const MAC_BINDING: u8 = 66;
/// Whether a neighbour is known with this Ethernet address.
pub const MAC_LOOKUP: u8 = 67;
/// Connections that load balancing leads back to their origin.
pub const LB_HAIRPIN: u8 = 68;
/// Replies of those connections.
pub const LB_HAIRPIN_REPLY: u8 = 69;
/// Source translation of those connections.
pub const CT_SNAT_HAIRPIN: u8 = 70;
/// Ports of learned Ethernet addresses.
pub const GET_FDB: u8 = 71;
/// Whether an Ethernet address is learned at this port.
pub const LOOKUP_FDB: u8 = 72;
/// Port security of packets from ports.
pub const IN_PORT_SEC: u8 = 73;
/// Port security of neighbour discovery from ports.
pub const IN_PORT_SEC_ND: u8 = 74;
/// Port security of packets to ports.
pub const OUT_PORT_SEC: u8 = 75;
/// Next hops of connections, packets of the original direction.
pub const ECMP_NH_MAC: u8 = 76;
/// Next hops of connections, replies.
pub const ECMP_NH: u8 = 77;
/// Backends that clients stay with.
pub const LB_AFFINITY: u8 = 78;
/// Counts the use of neighbours.
pub const MAC_CACHE_USE: u8 = 79;
/// Zones of a port.
pub const CT_ZONE_LOOKUP: u8 = 80;
/// Original IPv4 destination of a connection.
pub const CT_ORIG_NW_DST: u8 = 81;
/// Original IPv6 destination of a connection.
pub const CT_ORIG_IP6_DST: u8 = 82;
/// Original destination port of a connection.
pub const CT_ORIG_TP_DST: u8 = 83;
/// Fan-out to chassis of other availability zones.
pub const FLOOD_REMOTE: u8 = 84;
/// Copies the state of connection tracking to a register.
pub const CT_STATE_SAVE: u8 = 85;
/// Protocol of a connection.
pub const CT_ORIG_PROTO: u8 = 86;
/// Remote ports of learned Ethernet addresses.
pub const GET_REMOTE_FDB: u8 = 87;
/// Learns them.
pub const LEARN_REMOTE_FDB: u8 = 88;

/// Tables of the logical ingress pipeline.
pub const INGRESS_LENGTH: u8 = 34;
/// Tables of the logical egress pipeline.
pub const EGRESS_LENGTH: u8 = 16;

/// One of the two pipelines that a packet passes through in a datapath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pipeline {
    /// From where it comes in, until its output port is known.
    Ingress,
    /// To each port that it is output to.
    Egress,
}

impl Pipeline {
    /// The first OpenFlow table.
    pub fn first(self) -> u8 {
        match self {
            Self::Ingress => INGRESS,
            Self::Egress => EGRESS,
        }
    }

    /// How many tables.
    pub fn length(self) -> u8 {
        match self {
            Self::Ingress => INGRESS_LENGTH,
            Self::Egress => EGRESS_LENGTH,
        }
    }

    /// Where `output` leads.
    pub fn output(self) -> u8 {
        match self {
            Self::Ingress => OUTPUT_LARGE_DETECT,
            Self::Egress => SAVE_INPORT,
        }
    }

    /// Its name in `next(pipeline=...)` and in Logical_Flow.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}
