//! Queues of ports whose traffic is shaped (B11; ovn-nb(5), Logical_Switch_Port options
//! `qos_max_rate`, `qos_min_rate` and `qos_burst`).
//!
//! A port that has one of the options, whatever its value, has a queue; the peer of a router port has
//! none. A port keeps the queue that its Port_Binding names; others get the lowest that is free in the
//! whole network, from 1.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::switch_port::SwitchPort;
use super::tunnel_key::{Candidate, KeySpace, Next, Range};
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Map, nb, sb};
use crate::switch::port::PortKind;

/// The Port_Binding option that names the physical network.
pub const NETWORK: &str = "qos_physical_network";

/// The Port_Binding option that names the queue.
pub const QUEUE: &str = "qdisc_queue_id";

/// The highest queue that Open vSwitch can set up.
const HIGHEST: u32 = 0xf000;

/// A port and its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Queue {
    /// The Logical_Switch_Port.
    pub port: Uuid,
    /// The number of the queue.
    pub id: u32,
}

/// A port with its queue, as its Port_Binding names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shaped {
    /// The Logical_Switch_Port.
    pub port: Uuid,
    /// The number of the queue.
    pub queue: u32,
    /// The physical network behind the switch (options:network_name of its first localnet port).
    pub network: Option<Text>,
}

/// A switch and the physical network behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Behind {
    switch: Uuid,
    port: Uuid,
    network: Option<Text>,
}

/// The ports of `queues` with the networks through which they shape what they send. Of several localnet
/// ports of a switch the one with the least identifier counts, whether it names a network or not.
///
/// Cost: a queue costs itself; the first localnet port of a switch, the queues of the switch.
pub fn shaped(
    queues: &Relation<Queue>,
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
) -> Relation<Shaped> {
    let networks = rows
        .filter(|row| PortKind::read(&row.type_) == PortKind::Localnet)
        .map(|row| (row.uuid, row.options.get("network_name").cloned()));
    let behind = ports
        .filter(|port| port.kind == PortKind::Localnet)
        .index_by(SwitchPort::row)
        .join(&networks.index_by(|(row, _): &(Uuid, Option<Text>)| *row), |port, (row, network)| Behind {
            switch: port.switch,
            port: *row,
            network: network.clone(),
        })
        .index_by(|behind| behind.switch)
        .reduce(|group| group.rows().min_by_key(|behind| behind.port).cloned());
    let queued = queues
        .index_by(|queue| queue.port)
        .join(&ports.index_by(SwitchPort::row), |queue, port| (port.switch, *queue));
    queued.index_by(|(switch, _)| *switch).join_optional(
        &behind.index_by(|behind| behind.switch),
        |(_, queue), behind| {
            let network = behind.and_then(|behind| behind.network.clone());
            Some(Shaped { port: queue.port, queue: queue.id, network })
        },
    )
}

/// The queues of all ports that are to have one.
///
/// ```text
/// shaped(port)     :-  a port that is not the peer of a router port, one of the three options
/// queue(port, id)  :-  shaped(port), allocated(port, id) from what port_binding(port) names
/// ```
///
/// Cost: a shaped port costs itself.
pub fn queues(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<Queue> {
    let shaped = rows.filter(|row| is_shaped(&row.options)).map(|row| row.uuid);
    let shaped = ports
        .filter(|port| port.kind != PortKind::Router)
        .index_by(SwitchPort::row)
        .semijoin(&shaped.index_by(|row| *row));
    let held = bindings.flat_map(|binding| Some((binding.logical_port.clone(), held(&binding.options)?)));
    let candidates = shaped.index_by(SwitchPort::name).join_optional(
        &held.index_by(|(name, _)| name.clone()),
        |port, held| {
            let range = Range { given: HIGHEST, requested: HIGHEST, stored: HIGHEST };
            let kept = held.map(|(_, id)| *id);
            Some(Candidate { owner: port.port.row, space: Uuid::ZERO, requested: None, kept, range })
        },
    );
    candidates
        .allocate_by(|_| (), || KeySpace::new(Next::Lowest))
        .map(|assigned| Queue { port: assigned.owner, id: assigned.key })
}

fn is_shaped(options: &Map) -> bool {
    ["qos_max_rate", "qos_min_rate", "qos_burst"].iter().any(|key| options.contains(key))
}

fn held(options: &Map) -> Option<u32> {
    options.get_number(QUEUE).filter(|id| (1..=HIGHEST).contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&'static str, &'static str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, (*value).into())).collect()
    }

    // As ovn-northd 26.03.1 has it.
    #[test]
    fn any_of_the_options_asks_for_a_queue() {
        for key in ["qos_max_rate", "qos_min_rate", "qos_burst"] {
            assert!(is_shaped(&options(&[(key, "0")])), "{key}");
        }
        assert!(!is_shaped(&options(&[(QUEUE, "3")])));
        assert_eq!(held(&options(&[(QUEUE, "3")])), Some(3));
        for id in ["0", "-1", "x", "61441"] {
            assert_eq!(held(&options(&[(QUEUE, id)])), None, "{id}");
        }
    }
}
