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
/// An answer to a DNS query could be made.
pub const DNS_RESULT: &str = "reg0[4]";
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
/// The tunnel that the packet came by.
pub const TUNNEL_PORT: &str = "reg5[16..31]";
/// Observation point of an established connection.
pub const SAMPLE_POINT_ESTABLISHED: &str = "reg9";

/// A router advertisement could be put together.
pub const ND_RA_OPTIONS: &str = "reg0[5]";
/// The next hop of a routed packet, of either family.
pub const NEXT_HOP_IP4: &str = "reg0";
/// See [`NEXT_HOP_IP4`].
pub const NEXT_HOP_IP6: &str = "xxreg0";
/// The address of the router port that a packet came in by.
pub const INPORT_ETH_ADDR: &str = "xreg0[0..47]";
/// Where a DHCP server sent its answer.
pub const DHCP_RELAY_DESTINATION: &str = "reg2";
/// The state of the packet's connection.
pub const CT_STATE: &str = "reg4[0..7]";
/// The router port's own address towards the next hop.
pub const SOURCE_IP4: &str = "reg5";
/// See [`SOURCE_IP4`].
pub const SOURCE_IP6: &str = "xxreg1";
/// The route table that a packet is looked up in.
pub const ROUTE_TABLE: &str = "reg7";
/// The group of next hops that share the traffic; 0 is none.
pub const ECMP_GROUP: &str = "reg8[0..15]";
/// The packet was sent back from the egress pipeline.
pub const EGRESS_LOOPBACK: &str = "reg9[0]";
/// The packet is larger than what is behind the port can carry.
pub const PACKET_LARGER: &str = "reg9[1]";
/// The neighbour is known with this address.
pub const LOOKUP_NEIGHBOR: &str = "reg9[2]";
/// The neighbour is known, with whatever address.
pub const LOOKUP_NEIGHBOR_IP: &str = "reg9[3]";
/// The packet's destination was translated on this chassis.
pub const DNAT_LOCAL: &str = "reg9[4]";
/// A request may be relayed to a DHCP server.
pub const DHCP_RELAY_REQUEST: &str = "reg9[7]";
/// An answer of a DHCP server may be relayed.
pub const DHCP_RELAY_RESPONSE: &str = "reg9[8]";
/// The next hop is an IPv4 address.
pub const NEXT_HOP_IS_IP4: &str = "reg9[9]";
/// The connection is to remember where its packets leave.
pub const ECMP_COMMIT: &str = "reg9[10]";
/// The member of the group that was chosen.
pub const ECMP_MEMBER: &str = "reg8[16..31]";
/// The chain of policies that the packet is in; 0 is none.
pub const POLICY_CHAIN: &str = "reg9[16..31]";
