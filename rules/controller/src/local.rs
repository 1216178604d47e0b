//! What chassis know by themselves: rows that no database of OVN has. A chassis is named by the identifier
//! of its row of the table Chassis.

use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

/// A chassis whose rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chassis {
    /// The chassis.
    pub chassis: Uuid,
    /// Addresses of its own tunnel ends, sorted, and then the default one exchanged with the first: rows
    /// tell them by their index.
    pub encap_ips: Vec<Text>,
}

/// What the switches can do beyond the necessary; those of one run are alike. There is one such row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Switch {
    /// Commits to connection tracking can avoid clashes by source translation.
    pub zero_snat: bool,
    /// There are meters.
    pub meters: bool,
    /// Groups can choose by a hash that is alike in both directions.
    pub symmetric_hash: bool,
    /// Sets of collectors that they have (Flow_Sample_Collector_Set).
    pub collector_sets: Vec<u32>,
}

/// An interface of the integration bridge that is a logical port (`external_ids:iface-id`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// The chassis.
    pub chassis: Uuid,
    /// The logical port.
    pub port: Text,
    /// Its OpenFlow port.
    pub ofport: u16,
    /// Which of the chassis' own tunnel ends it uses: an index of [`Chassis::encap_ips`].
    pub encap: u16,
}

/// How long packets of an interface may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mtu {
    /// The chassis.
    pub chassis: Uuid,
    /// The logical port.
    pub port: Text,
    /// Bytes, without the Ethernet header.
    pub mtu: u16,
}

/// A tunnel of the integration bridge (`external_ids:ovn-chassis-id`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// The chassis.
    pub chassis: Uuid,
    /// The chassis at the other end.
    pub remote: Uuid,
    /// `geneve` or `vxlan`.
    pub kind: Text,
    /// Address of the other end.
    pub remote_ip: Text,
    /// Which of the chassis' own tunnel ends it is from: an index of [`Chassis::encap_ips`].
    pub encap: u16,
    /// Its OpenFlow port.
    pub ofport: u16,
}

/// A port of the integration bridge that is a tunnel to every chassis (`ovn-enable-flow-based-tunnels`): packets
/// carry the addresses of its ends. A chassis with such ports uses no [`Tunnel`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SharedTunnel {
    /// The chassis.
    pub chassis: Uuid,
    /// `geneve` or `vxlan`.
    pub kind: Text,
    /// Its OpenFlow port.
    pub ofport: u16,
}

/// Which of the fields `tun_metadataN` holds OVN's option of Geneve tunnels; 0 of a chassis without such a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TunnelOption {
    /// The chassis.
    pub chassis: Uuid,
    /// The field's number, below 64.
    pub field: u8,
}

/// BFD says that the chassis at the other end of a tunnel answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alive {
    /// The chassis.
    pub chassis: Uuid,
    /// The chassis at the other end.
    pub remote: Uuid,
}

/// A patch port of the integration bridge that leads to a physical network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Patch {
    /// The chassis.
    pub chassis: Uuid,
    /// The logical port: one of type `localnet` or `l2gateway`.
    pub port: Text,
    /// Its OpenFlow port.
    pub ofport: u16,
}

/// The number of a conntrack zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Zone {
    /// The chassis.
    pub chassis: Uuid,
    /// Its name, as [`Wanted`](crate::zone::Wanted) has it.
    pub name: Text,
    /// Its number; never 0.
    pub number: u16,
}
