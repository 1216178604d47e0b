//! Keys of ports (B05): one space for all ports of a datapath, chassis-redirect ports among them.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::datapath::{KeyLimits, PORT_KEYS};
use super::tunnel_key::{self, Assigned, Candidate, KeySpace, Next, Why};
use crate::flow::stage::DatapathType;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::sb;
use crate::schema::sb::PortBindingState;

/// A port that is to have a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claimant {
    /// Whose key: the row of the port, or what a derived port has in its place.
    pub owner: Uuid,
    /// The name of the port.
    pub name: Text,
    /// The switch or router that it is on.
    pub datapath: Uuid,
    /// Which of the two.
    pub kind: DatapathType,
    /// options:requested-tnl-key; 0 counts for nothing.
    pub requested: Option<i32>,
}

/// What a Port_Binding keeps of the key space of its datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct KeptKey {
    logical_port: Text,
    datapath: Uuid,
    key: u32,
}

/// What is known of the keys of ports.
#[derive(Clone, Debug)]
pub struct PortKeys {
    /// Those of the ports that have one.
    pub keys: Relation<Assigned>,
    /// Keys that could not be had.
    pub problems: Relation<Problem>,
}

/// Gives keys to the ports of datapaths that have one themselves.
///
/// ```text
/// kept(port, key)  :-  port_binding(name, datapath, key), datapath_binding(datapath, nb_uuid),
///                      a port of that name on the datapath nb_uuid
/// ```
///
/// Cost: a port costs itself.
pub fn port_keys(
    claimants: &Relation<Claimant>,
    datapaths: &Relation<Assigned>,
    port_bindings: &Relation<sb::PortBindingState>,
    datapath_bindings: &Relation<sb::DatapathBindingState>,
    limits: &Relation<KeyLimits>,
) -> PortKeys {
    let owners = datapath_bindings.flat_map(|binding| Some((binding.uuid, super::datapath::owner(binding)?)));
    let kept = port_bindings.index_by(PortBindingState::datapath).join(
        &owners.index_by(|(binding, _)| *binding),
        |binding, (_, owner)| KeptKey {
            logical_port: binding.logical_port.clone(),
            datapath: *owner,
            key: binding.tunnel_key as u32,
        },
    );
    let live = claimants.index_by(|port| port.datapath).semijoin(&datapaths.index_by(Assigned::owner));
    let candidates = live.index_by(|port: &Claimant| (port.name.clone(), port.datapath)).join_groups(
        (&kept.index_by(|kept| (kept.logical_port.clone(), kept.datapath)), &limits.everywhere()),
        |port, (kept, limits)| {
            Some(Candidate {
                owner: port.owner,
                space: port.datapath,
                requested: port.requested.filter(|key| *key != 0),
                kept: kept.first().map(|kept| kept.key),
                range: limits.first()?.ports(),
            })
        },
    );
    let keys = candidates.allocate_by(|candidate| candidate.space, || KeySpace::new(Next::AfterHighest));
    let unmet = tunnel_key::unmet(&candidates, &keys);
    let problems = unmet
        .index_by(|unmet| unmet.owner)
        .join(&claimants.index_by(|port| port.owner), |unmet, port| Problem::new(complaint(unmet.why, port)));
    PortKeys { keys, problems }
}

fn complaint(why: Why, port: &Claimant) -> String {
    let name = &port.name;
    let kind = match port.kind {
        DatapathType::Switch => "switch",
        DatapathType::Router => "router",
    };
    match why {
        Why::Taken(key) => {
            format!("Logical {kind} port {name} requests same tunnel key {key} as another LSP or LRP")
        }
        Why::Vxlan(key) => format!("Tunnel key {key} for port {name} is incompatible with VXLAN"),
        Why::OutOfRange(key) => format!("Tunnel key {key} for port {name} is not between 1 and {PORT_KEYS}"),
        Why::Exhausted => format!("all port tunnel ids exhausted: port {name} gets none"),
    }
}
