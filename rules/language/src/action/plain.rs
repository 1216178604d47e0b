//! Actions without arguments.

use std::fmt;

use super::encode::Encoder;
use super::opcode::Opcode;
use super::parse::{Parser, Result};
use crate::openflow;
use crate::table;

/// An action without arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// Goes on to the egress pipeline of the output port, or out.
    Output,
    /// Takes one from the time to live.
    DecrementTtl,
    /// Forgets the state of connection tracking.
    ConntrackClear,
    /// Translates the source of a connection that is balanced back to its origin.
    ConntrackSnatToVip,
    /// Learns who takes part in multicast.
    Igmp,
    /// Answers for prefix delegation.
    HandleDhcpv6Reply,
    /// Answers for bidirectional forwarding detection.
    HandleBfdMessage,
    /// Counts the use of a neighbour.
    MacCacheUse,
    /// Sends to all chassis of other availability zones.
    FloodRemote,
}

impl Plain {
    /// All but [`Plain::DecrementTtl`] and [`Plain::HandleBfdMessage`] are just their name.
    const NAMES: [(Plain, &str); 7] = [
        (Self::Output, "output"),
        (Self::ConntrackClear, "ct_clear"),
        (Self::ConntrackSnatToVip, "ct_snat_to_vip"),
        (Self::Igmp, "igmp"),
        (Self::HandleDhcpv6Reply, "handle_dhcpv6_reply"),
        (Self::MacCacheUse, "mac_cache_use"),
        (Self::FloodRemote, "flood_remote"),
    ];

    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Plain>> {
        if let Some((plain, _)) = Self::NAMES.iter().find(|(_, name)| parser.take_id(name)) {
            Ok(Some(*plain))
        } else if parser.take_id("ip.ttl") {
            parser.expect("--")?;
            parser.require("ip");
            Ok(Some(Self::DecrementTtl))
        } else if parser.take_id("handle_bfd_msg") {
            parser.expect("(")?;
            parser.expect(")")?;
            Ok(Some(Self::HandleBfdMessage))
        } else {
            Ok(None)
        }
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Output => encoder.resubmit(encoder.context.output_table),
            Self::DecrementTtl => encoder.push(openflow::Action::DecrementTtlQuietly),
            Self::ConntrackClear => encoder.push(openflow::Action::ConntrackClear),
            Self::ConntrackSnatToVip => encoder.resubmit(table::CT_SNAT_HAIRPIN),
            Self::Igmp => encoder.controller(Opcode::Igmp, &[]),
            Self::HandleDhcpv6Reply => encoder.controller(Opcode::HandleDhcpv6Reply, &[]),
            Self::HandleBfdMessage => encoder.controller(Opcode::BfdMessage, &[]),
            Self::MacCacheUse => encoder.resubmit(table::MAC_CACHE_USE),
            Self::FloodRemote => encoder.resubmit(table::FLOOD_REMOTE),
        }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(plain, _)| plain == self) {
            Some((_, name)) => write!(f, "{name};"),
            None if *self == Self::DecrementTtl => f.write_str("ip.ttl--;"),
            None => f.write_str("handle_bfd_msg();"),
        }
    }
}
