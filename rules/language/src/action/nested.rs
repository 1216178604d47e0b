//! Actions on a copy of the packet, or on an answer to it that the controller makes.

use std::fmt;

use super::encode::Encoder;
use super::opcode::Opcode;
use super::parse::{Parser, Result, Scope};
use super::{Action, List};
use crate::openflow;

/// Actions on another packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// Which packet.
    pub kind: NestedKind,
    /// The actions.
    pub actions: Vec<Action>,
}

/// The packet for nested actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NestedKind {
    /// A copy.
    Clone,
    /// An ARP request.
    Arp,
    /// An ICMPv4 error, host unreachable.
    Icmp4,
    /// An ICMPv4 error as the packet's own time to live or size demands.
    Icmp4Error,
    /// An ICMPv6 error.
    Icmp6,
    /// An ICMPv6 error as the packet's own hop limit or size demands.
    Icmp6Error,
    /// A TCP reset.
    TcpReset,
    /// An SCTP abort.
    SctpAbort,
    /// Whatever refuses the packet's protocol.
    Reject,
    /// A neighbour advertisement.
    NdNa,
    /// A neighbour advertisement of a router.
    NdNaRouter,
    /// A neighbour solicitation.
    NdNs,
}

/// What is known of a kind.
struct Known {
    kind: NestedKind,
    name: &'static str,
    /// Added to the match instead of what the nested actions need; `None`: those count.
    prerequisite: Option<&'static str>,
    /// Which operation of the controller; `None`: the switch does it.
    opcode: Option<Opcode>,
}

const KNOWN: [Known; 12] = [
    known(NestedKind::Clone, "clone", None, None),
    known(NestedKind::Arp, "arp", Some("ip"), Some(Opcode::Arp)),
    known(NestedKind::Icmp4, "icmp4", Some("ip4"), Some(Opcode::Icmp)),
    known(NestedKind::Icmp4Error, "icmp4_error", Some("ip4"), Some(Opcode::Icmp4Error)),
    known(NestedKind::Icmp6, "icmp6", Some("ip6"), Some(Opcode::Icmp)),
    known(NestedKind::Icmp6Error, "icmp6_error", Some("ip6"), Some(Opcode::Icmp6Error)),
    known(NestedKind::TcpReset, "tcp_reset", Some("tcp"), Some(Opcode::TcpReset)),
    known(NestedKind::SctpAbort, "sctp_abort", Some("sctp"), Some(Opcode::SctpAbort)),
    known(NestedKind::Reject, "reject", None, Some(Opcode::Reject)),
    known(NestedKind::NdNa, "nd_na", Some("nd_ns"), Some(Opcode::NdNa)),
    known(NestedKind::NdNaRouter, "nd_na_router", Some("nd_ns"), Some(Opcode::NdNaRouter)),
    known(NestedKind::NdNs, "nd_ns", Some("ip"), Some(Opcode::NdNs)),
];

const fn known(
    kind: NestedKind,
    name: &'static str,
    prerequisite: Option<&'static str>,
    opcode: Option<Opcode>,
) -> Known {
    Known { kind, name, prerequisite, opcode }
}

impl NestedKind {
    fn known(self) -> &'static Known {
        KNOWN.iter().find(|known| known.kind == self).unwrap_or(&KNOWN[0])
    }
}

impl Nested {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Nested>> {
        let Some(known) = KNOWN.iter().find(|known| parser.take_id(known.name)) else { return Ok(None) };
        let scope = if known.kind == NestedKind::Clone { Scope::Default } else { parser.scope() };
        let actions = parser.nested(known.prerequisite, scope)?;
        Ok(Some(Nested { kind: known.kind, actions }))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let inner = encoder.nested(&self.actions);
        let Some(opcode) = self.kind.known().opcode else {
            return encoder.push(openflow::Action::Clone(inner));
        };
        // More bytes than an action can hold make one that cannot be encoded either: the flow is lost, as
        // it has to be, when its bytes are made.
        let payload = openflow::encode(&inner).unwrap_or_else(|too_long| vec![0; too_long.0]);
        encoder.controller(opcode, &payload);
        if matches!(self.kind, NestedKind::Arp | NestedKind::NdNs) && !encoder.context.explicit_output {
            encoder.resubmit(encoder.context.output_table);
        }
    }
}

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{ {} }};", self.kind.known().name, List(&self.actions))
    }
}
