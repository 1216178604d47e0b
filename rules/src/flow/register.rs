//! Names for the registers that the switch and router pipelines share between stages
//! (ovn-northd(8) tells what each stage leaves in them). Chassis upgrade one by one, so a register
//! keeps its place for ever.

/// The packet is to be sent through conntrack for tracking and reassembly.
pub const CONNTRACK_DEFRAG: &str = "reg0[0]";
/// The connection is to be committed in the stateful stage.
pub const CONNTRACK_COMMIT: &str = "reg0[1]";
/// The packet is to be sent through conntrack for address translation.
pub const CONNTRACK_NAT: &str = "reg0[2]";
/// An answer to a DHCP request could be made.
pub const DHCP_RESULT: &str = "reg0[3]";
/// The packet is to return to the port that it came from.
pub const HAIRPIN: &str = "reg0[6]";
/// The packet may meet an ACL that allows, which then has its connection committed.
pub const ACL_HINT_ALLOW_NEW: &str = "reg0[7]";
/// The packet may meet an ACL that allows, and its connection needs no commit.
pub const ACL_HINT_ALLOW: &str = "reg0[8]";
/// The packet may meet an ACL that drops, and has no connection that is allowed.
pub const ACL_HINT_DROP: &str = "reg0[9]";
/// The packet may meet an ACL that drops, which then has its connection blocked.
pub const ACL_HINT_BLOCK: &str = "reg0[10]";
/// The sender's address was learned before.
pub const LOOKUP_FDB: &str = "reg0[11]";
/// The packet answers one that returned to the port that it came from.
pub const HAIRPIN_REPLY: &str = "reg0[12]";
/// The matching ACL carries a label or a sample.
pub const ACL_LABEL: &str = "reg0[13]";
/// The packet came from a hardware VTEP.
pub const FROM_RAMP: &str = "reg0[14]";
/// Port security says no.
pub const PORT_SECURITY_DROP: &str = "reg0[15]";
/// A stateless ACL matched: conntrack is left out.
pub const ACL_STATELESS: &str = "reg0[16]";
/// The packet answers or belongs to a connection that is allowed.
pub const ACL_HINT_ALLOW_RELATED: &str = "reg0[17]";
/// The packet came from a router port.
pub const FROM_ROUTER_PORT: &str = "reg0[18]";
/// The packet was a fragment.
pub const IP_FRAGMENT: &str = "reg0[19]";
/// The connection outlives a change of the ACL that let it in.
pub const ACL_PERSIST_ID: &str = "reg0[20]";
/// The packet's connection outlives a change of the ACL that let it in.
pub const ACL_HINT_ALLOW_PERSISTED: &str = "reg0[21]";
/// An ARP request from the physical network.
pub const EXTERNAL_ARP: &str = "reg0[22]";
/// The chosen network function; the group until one is chosen.
pub const NETWORK_FUNCTION_ID: &str = "reg0[22..29]";
/// The ACL that let the connection in.
pub const ACL_ID: &str = "reg2[16..31]";
/// Observation point of a new connection.
pub const SAMPLE_POINT_NEW: &str = "reg3";
/// Collector of samples of a new connection.
pub const SAMPLE_COLLECTOR_NEW: &str = "reg8[0..7]";
/// Collector of samples of an established connection.
pub const SAMPLE_COLLECTOR_ESTABLISHED: &str = "reg8[8..15]";
/// An ACL allowed the packet.
pub const ACL_VERDICT_ALLOW: &str = "reg8[16]";
/// An ACL dropped the packet.
pub const ACL_VERDICT_DROP: &str = "reg8[17]";
/// An ACL rejected the packet.
pub const ACL_VERDICT_REJECT: &str = "reg8[18]";
/// The ACL stage that sampled the packet.
pub const SAMPLE_STAGE: &str = "reg8[19..20]";
/// The packet is for a network function.
pub const NETWORK_FUNCTION: &str = "reg8[21]";
/// It goes in the direction of the connection's first packet.
pub const NETWORK_FUNCTION_ORIGINAL: &str = "reg8[22]";
/// It was put back at ingress by the egress pipeline.
pub const NETWORK_FUNCTION_LOOPBACK: &str = "reg8[23]";
/// The tier whose ACLs come next.
pub const ACL_TIER: &str = "reg8[30..31]";
/// The destination of a connection before load balancing: port, and IPv4 or IPv6 address.
pub const LB_PORT: &str = "reg2[0..15]";
/// See [`LB_PORT`].
pub const LB_IP4: &str = "reg4";
/// See [`LB_PORT`].
pub const LB_IP6: &str = "xxreg1";
/// What conntrack makes of a new connection: its destination port.
pub const CT_PORT: &str = "reg1[0..15]";
/// What conntrack makes of a new connection: its protocol.
pub const CT_PROTOCOL: &str = "reg1[16..23]";
/// The client has a backend that it keeps.
pub const LB_SESSION: &str = "reg9[6]";
/// Observation point of an established connection.
pub const SAMPLE_POINT_ESTABLISHED: &str = "reg9";
