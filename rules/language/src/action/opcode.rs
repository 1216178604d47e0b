//! Operations of the controller: what it is to do with a packet that a flow sends it.

/// An operation. Its number goes first in the data of a packet to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is named after the action that it is for")]
pub enum Opcode {
    Arp = 0,
    PutArp = 1,
    PutDhcpOptions = 2,
    NdNa = 3,
    PutNd = 4,
    PutDhcpv6Options = 5,
    DnsLookup = 6,
    Log = 7,
    PutRouterAdvertisement = 8,
    NdNs = 9,
    Icmp = 10,
    TcpReset = 11,
    NdNaRouter = 12,
    Icmp4Error = 14,
    Event = 15,
    Igmp = 16,
    BindVirtualPort = 17,
    HandleServiceCheck = 18,
    HandleDhcpv6Reply = 19,
    Icmp6Error = 20,
    Reject = 22,
    BfdMessage = 23,
    SctpAbort = 24,
    PutFdb = 25,
    /// A packet of a port that is about to move here.
    ActivationStrategy = 26,
    DhcpRelayRequest = 28,
    DhcpRelayResponse = 29,
}

impl Opcode {
    /// Its number.
    pub fn number(self) -> u32 {
        u32::from(self as u8)
    }

    /// Whether the pipeline goes on only when the controller says so.
    pub fn pauses(self) -> bool {
        matches!(
            self,
            Self::Arp
                | Self::NdNs
                | Self::PutDhcpOptions
                | Self::PutDhcpv6Options
                | Self::DnsLookup
                | Self::PutRouterAdvertisement
                | Self::DhcpRelayRequest
                | Self::DhcpRelayResponse
        )
    }
}
