//! The classes of switches on which fixed flows sit.
//!
//! A flow that names no port and no other value of its switch is written once for its class. A
//! switch is in a class or not by yes/no facts alone, and a change of one fact moves the switch
//! in or out of the classes that ask for it: the flows themselves stay.

use serde::{Deserialize, Serialize};

use crate::acl::AclStage;

/// A class of switches; the doc of each says who is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SwitchSet {
    /// Every switch.
    All,
    /// other_config:vlan-passthru is not true.
    VlanBlocked,
    /// other_config:broadcast-arps-to-all-routers is false.
    ArpToLayer2Only,
    /// No EVPN network: learned addresses are all local.
    LocalFdb,
    /// No EVPN network, and some port has the address `unknown`.
    UnknownFlooded,
    /// No EVPN network, and no port has the address `unknown`.
    UnknownDropped,
    /// An EVPN network: learned addresses may be elsewhere.
    RemoteFdb,
    /// An EVPN network, and some port has the address `unknown`.
    RemoteUnknownFlooded,
    /// An EVPN network, and no port has the address `unknown`.
    RemoteUnknownDropped,
    /// An EVPN network, and other_config:dynamic-routing-fdb-prefer-local is true.
    LocalFdbFirst,
    /// An EVPN network, and other_config:dynamic-routing-fdb-prefer-local is not true.
    RemoteFdbFirst,
    /// Neither ACLs nor load balancers with a VIP.
    Unfiltered,
    /// ACLs, or load balancers with a VIP.
    Filtered,
    /// Load balancers with a VIP.
    Balanced,
    /// A load balancer that it names itself, and other_config:enable-stateless-acl-with-lb is true.
    BalancedStateless,
    /// No ACLs, on the switch or through a port group.
    WithoutAcl,
    /// An ACL that is allow-related.
    Stateful,
    /// An ACL that is allow-related, or load balancers with a VIP: connections are tracked.
    Tracked,
    /// Tracked, and other_config:enable-stateless-acl-with-lb is not true.
    TrackedStrictly,
    /// Tracked, and other_config:enable-stateless-acl-with-lb is true: what conntrack calls invalid
    /// may be of a connection that it was not shown.
    TrackedLeniently,
    /// ACLs, by the last round of evaluation in a stage.
    AclTiers {
        /// The stage.
        stage: AclStage,
        /// The highest tier of its ACLs.
        highest: u8,
    },
    /// ACLs.
    Rejecting {
        /// The stage.
        stage: AclStage,
        /// Whether an ACL of the stage has a tier above 0.
        tiered: bool,
    },
    /// An EVPN network, and an ACL that is allow-related.
    RemoteStateful,
    /// An EVPN network, and no ACL that is allow-related.
    RemoteStateless,
    /// DNS records with names in them.
    NamesServed {
        /// Whether connections are tracked.
        tracked: bool,
    },
    /// Some port is of type vtep.
    WithVtep,
    /// By where IP multicast goes beside the ports of the switch.
    Multicast {
        /// To routers that relay it.
        relay: bool,
        /// To ports that want all of it.
        flood: bool,
    },
    /// other_config:mcast_snoop is true.
    Snooping,
    /// Snooping, and what nobody has asked for is not flooded; by where it goes.
    Unregistered {
        /// To routers that relay it.
        relay: bool,
        /// To ports that want all of it.
        flood: bool,
    },
}

/// What a switch row says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SwitchOptions {
    /// other_config:vlan-passthru, false by default.
    pub vlan_passthru: bool,
    /// other_config:broadcast-arps-to-all-routers, true by default.
    pub arp_to_routers: bool,
    /// Of a switch with an EVPN network whether other_config:dynamic-routing-fdb-prefer-local is true.
    pub local_fdb_first: Option<bool>,
}

impl SwitchOptions {
    /// The classes that the options alone decide.
    pub fn sets(self) -> Vec<SwitchSet> {
        let mut sets = vec![SwitchSet::All];
        if !self.vlan_passthru {
            sets.push(SwitchSet::VlanBlocked);
        }
        if !self.arp_to_routers {
            sets.push(SwitchSet::ArpToLayer2Only);
        }
        match self.local_fdb_first {
            Some(true) => sets.push(SwitchSet::LocalFdbFirst),
            Some(false) => sets.push(SwitchSet::RemoteFdbFirst),
            None => {}
        }
        sets
    }
}

/// The classes by what the switch does with addresses that no port claims. `unknown`: some port,
/// enabled or not, has the address `unknown` or is of type switch. `evpn`: the switch has a VNI.
pub fn unknown_sets(unknown: bool, evpn: bool) -> Vec<SwitchSet> {
    match (evpn, unknown) {
        (true, true) => vec![SwitchSet::RemoteFdb, SwitchSet::RemoteUnknownFlooded],
        (true, false) => vec![SwitchSet::RemoteFdb, SwitchSet::RemoteUnknownDropped],
        (false, true) => vec![SwitchSet::LocalFdb, SwitchSet::UnknownFlooded],
        (false, false) => vec![SwitchSet::LocalFdb, SwitchSet::UnknownDropped],
    }
}

/// The classes by what filters packets. `acl`: an ACL on the switch or through a port group.
/// `vip`: a load balancer with at least one VIP.
pub fn filter_sets(acl: bool, vip: bool) -> Vec<SwitchSet> {
    let mut sets = vec![if acl || vip { SwitchSet::Filtered } else { SwitchSet::Unfiltered }];
    if vip {
        sets.push(SwitchSet::Balanced);
    }
    if !acl {
        sets.push(SwitchSet::WithoutAcl);
    }
    sets
}
