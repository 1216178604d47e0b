//! The multicast groups that every switch may have (D09). Names and tunnel keys are fixed: chassis
//! of every version know them (ovn-sb(5), Multicast_Group).
//!
//! A group without members has no row, and a flow that names it sends to nobody.

use serde::{Deserialize, Serialize};

use super::port::PortKind;

/// A group with a fixed name and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// Every port.
    Flood,
    /// Ports that may hide any address.
    Unknown,
    /// Routers that relay IP multicast, and ports that take all membership reports.
    RouterFlood,
    /// Ports that take all IP multicast.
    Static,
    /// Every port but those of routers.
    FloodL2,
}

impl Group {
    /// All groups.
    pub const ALL: [Group; 5] =
        [Group::Flood, Group::Unknown, Group::RouterFlood, Group::Static, Group::FloodL2];

    /// Multicast_Group.name.
    pub fn name(self) -> &'static str {
        match self {
            Group::Flood => "_MC_flood",
            Group::Unknown => "_MC_unknown",
            Group::RouterFlood => "_MC_mrouter_flood",
            Group::Static => "_MC_static",
            Group::FloodL2 => "_MC_flood_l2",
        }
    }

    /// Multicast_Group.tunnel_key.
    pub fn tunnel_key(self) -> u16 {
        match self {
            Group::Flood => 32768,
            Group::Unknown => 32769,
            Group::RouterFlood => 32770,
            Group::Static => 32771,
            Group::FloodL2 => 32772,
        }
    }

    /// The actions that send a packet to the group.
    pub fn output(self) -> String {
        format!("outport = \"{}\"; output;", self.name())
    }
}

/// What decides which groups a switch port is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Membership {
    /// The port's type.
    pub kind: PortKind,
    /// Logical_Switch_Port.enabled.
    pub enabled: bool,
    /// options:receive_multicast, true by default.
    pub receive: bool,
    /// `unknown` is among its addresses; a port of type switch counts as if it were.
    pub unknown: bool,
    /// options:mcast_flood, false by default.
    pub flood: bool,
    /// options:mcast_flood_reports, false by default.
    pub flood_reports: bool,
    /// The switch relays multicast and the peer's router too.
    pub relay: bool,
}

/// The groups of one switch port. Where the port has a chassis-redirect port, that one is the
/// member, once, in its place.
///
/// Cost: a port change touches its own memberships.
pub fn groups(port: Membership) -> Vec<Group> {
    if !port.enabled || !port.receive {
        return Vec::new();
    }
    let wanted = |group: &Group| match group {
        Group::Flood => true,
        Group::FloodL2 => port.kind != PortKind::Router,
        Group::Unknown => port.unknown,
        Group::RouterFlood => port.relay || port.flood_reports,
        Group::Static => port.flood,
    };
    Group::ALL.into_iter().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Membership = Membership {
        kind: PortKind::Vif,
        enabled: true,
        receive: true,
        unknown: false,
        flood: false,
        flood_reports: false,
        relay: false,
    };

    #[test]
    fn a_port_is_in_the_groups_it_asks_for() {
        use Group::*;
        assert_eq!(groups(PLAIN), [Flood, FloodL2]);
        assert_eq!(groups(Membership { unknown: true, ..PLAIN }), [Flood, Unknown, FloodL2]);
        assert_eq!(groups(Membership { kind: PortKind::Router, ..PLAIN }), [Flood]);
        assert_eq!(
            groups(Membership { flood: true, flood_reports: true, ..PLAIN }),
            [Flood, RouterFlood, Static, FloodL2]
        );
        assert_eq!(groups(Membership { enabled: false, ..PLAIN }), []);
        assert_eq!(groups(Membership { receive: false, unknown: true, ..PLAIN }), []);
    }
}
