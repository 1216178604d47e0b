//! Queues of ports with rates (`qos_*` of Port_Binding, ovn-nb(5)): on the interface of this machine that the port's
//! physical network is reached by (ovs-vswitchd.conf.db(5), QoS and Queue).

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::chassis::patch::bridge_mappings;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, key_uuid, ovs, own};

use super::index::Index;
use super::local::Local;
use super::writes::Writes;
use crate::replica::Replica;

/// The kind of queues.
const KIND: &str = "linux-htb";
/// Under this in `QoS.external_ids` is said that the queues are ours.
const OURS: &str = "ovn_qos";
/// Under this in `Queue.external_ids` is the logical port.
const PORT: &str = "ovn_port";
/// The rate of an interface whose own is not known, in bits per second: the highest that the kernel takes.
const HIGHEST: i64 = (u32::MAX as i64) * 8;
/// Drivers of interfaces that tell a rate which is none.
const VIRTUAL: [&str; 2] = ["veth", "tap"];

/// A queue as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    /// The physical network.
    network: Text,
    number: i64,
    /// `Queue.other_config`: rates in bits per second, and bits that may exceed them at once.
    config: Map,
}

impl Queue {
    /// The queue that the options of a port ask for.
    fn new(options: &Map) -> Option<Queue> {
        let rate = |key: &str| options.get_number::<u64>(key).unwrap_or(0);
        let rates = [
            ("max-rate", rate("qos_max_rate")),
            ("min-rate", rate("qos_min_rate")),
            ("burst", rate("qos_burst")),
        ];
        let number = options.get_number::<i64>("qdisc_queue_id").filter(|number| *number > 0)?;
        if rates.iter().all(|(_, rate)| *rate == 0) {
            return None;
        }
        let network = options.get("qos_physical_network")?.clone();
        let config = rates.into_iter().map(|(key, rate)| (key, Text::from(rate.to_string()))).collect();
        Some(Queue { network, number, config })
    }
}

/// The queues of the ports that chassis `me` has bound, by port.
///
/// Cost: the ports with queues.
pub(super) fn wanted(me: Uuid, index: &Index, rows: &Replica) -> BTreeMap<Text, Queue> {
    let queue = |name: &Text| {
        let port: &own::Port = rows.row(*index.ports.get(name)?)?;
        let is_here = port.chassis == Some(me) || port.additional_chassis.contains(&me);
        Some((name.clone(), Queue::new(&port.options).filter(|_| is_here)?))
    };
    index.queued.iter().filter_map(queue).collect()
}

/// Makes the queues that are missing, changes those that differ, and deletes those that are too many.
///
/// Cost: the queues, and the ports of the bridges that lead to their networks.
pub(super) fn set_up(wanted: &BTreeMap<Text, Queue>, local: &Local<'_>, switch: &mut Writes) {
    let (mappings, _) = bridge_mappings(&local.settings);
    let networks: BTreeSet<&Text> = wanted.values().map(|queue| &queue.network).collect();
    let exits: BTreeMap<&Text, (&ovs::Port, &ovs::Interface)> = networks
        .into_iter()
        .filter_map(|network| {
            let (_, bridge) = mappings.iter().find(|(known, _)| *known == &**network)?;
            Some((network, exit(local, local.bridge_of(bridge)?)?))
        })
        .collect();
    // By the port that they are on: their numbers with logical ports and queues.
    let mut missing: BTreeMap<Uuid, BTreeMap<i64, (&Text, &Queue)>> = BTreeMap::new();
    for (name, queue) in wanted {
        if let Some((port, _)) = exits.get(&queue.network) {
            missing.entry(port.uuid).or_default().insert(queue.number, (name, queue));
        }
    }
    for (port, qos) in local.shaped().filter(|(_, qos)| qos.external_ids.get_bool(OURS, false)) {
        let wanted = missing.remove(&port.uuid).unwrap_or_default();
        match wanted.is_empty() {
            true => delete(port, qos, switch),
            false => change(qos, &wanted, local, switch),
        }
    }
    for (port, interface) in exits.values().filter(|(port, _)| port.qos.is_none()) {
        if let Some(wanted) = missing.remove(&port.uuid) {
            make(port, interface, &wanted, switch);
        }
    }
}

/// The interface by which a bridge leads out of the machine, and its port.
fn exit<'a>(local: &Local<'a>, bridge: &'a ovs::Bridge) -> Option<(&'a ovs::Port, &'a ovs::Interface)> {
    let leads_out = |interface: &ovs::Interface| {
        let is_plain = matches!(&*interface.type_, "" | "system");
        !interface.external_ids.contains("iface-id")
            && (is_plain || interface.external_ids.get_bool("ovn-egress-iface", false))
    };
    let found = local.interfaces(bridge).filter(|(_, interface)| leads_out(interface));
    found.min_by_key(|(_, interface)| &interface.name)
}

fn delete(port: &ovs::Port, qos: &ovs::Qos, switch: &mut Writes) {
    switch.set::<ovs::Port>(port.uuid, "qos", &None::<Uuid>);
    switch.delete::<ovs::Qos>(qos.uuid);
    qos.queues.values().for_each(|queue| switch.delete::<ovs::Queue>(*queue));
}

fn change(qos: &ovs::Qos, wanted: &BTreeMap<i64, (&Text, &Queue)>, local: &Local<'_>, switch: &mut Writes) {
    let mut queues = qos.queues.clone();
    for (number, uuid) in &qos.queues {
        // What others have added to it is theirs.
        let Some((row, of)) = local.queue(*uuid).and_then(|row| Some((row, row.external_ids.get(PORT)?)))
        else {
            continue;
        };
        match wanted.get(number).filter(|(name, _)| *name == of) {
            Some((_, queue)) if row.other_config == queue.config => {}
            Some((_, queue)) => switch.set::<ovs::Queue>(*uuid, "other_config", &queue.config),
            None => {
                queues.remove(number);
                switch.delete::<ovs::Queue>(*uuid);
            }
        }
    }
    for (number, (name, queue)) in wanted {
        queues.entry(*number).or_insert_with(|| insert(name, queue, switch));
    }
    if queues != qos.queues {
        switch.set::<ovs::Qos>(qos.uuid, "queues", &queues);
    }
}

fn make(
    port: &ovs::Port,
    interface: &ovs::Interface,
    wanted: &BTreeMap<i64, (&Text, &Queue)>,
    switch: &mut Writes,
) {
    let is_virtual = VIRTUAL.contains(&interface.status.text("driver_name"));
    let rate = interface.link_speed.filter(|_| !is_virtual).unwrap_or(HIGHEST);
    let qos = ovs::Qos {
        uuid: key_uuid("QoS", &[&port.name, &super::now().to_string()]),
        type_: KIND.into(),
        queues: wanted.iter().map(|(number, (name, queue))| (*number, insert(name, queue, switch))).collect(),
        other_config: [("max-rate", Text::from(rate.to_string()))].into_iter().collect(),
        external_ids: [(OURS, Text::from("true"))].into_iter().collect(),
    };
    switch.insert(&qos);
    switch.set::<ovs::Port>(port.uuid, "qos", &Some(qos.uuid));
}

fn insert(name: &Text, queue: &Queue, switch: &mut Writes) -> Uuid {
    let uuid = key_uuid("Queue", &[name, &super::now().to_string()]);
    let external_ids = [(PORT, name.clone())].into_iter().collect();
    switch.insert(&ovs::Queue { uuid, other_config: queue.config.clone(), external_ids });
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_have_a_number_a_network_and_a_rate() {
        let queue = |pairs: &[(&'static str, &str)]| {
            Queue::new(&pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect())
        };
        let full = [
            ("qdisc_queue_id", "3"),
            ("qos_physical_network", "phys"),
            ("qos_max_rate", "1000"),
            ("qos_burst", "8"),
        ];
        let wanted = queue(&full).expect("all is there");
        assert_eq!((&*wanted.network, wanted.number), ("phys", 3));
        assert_eq!((wanted.config.text("max-rate"), wanted.config.text("min-rate")), ("1000", "0"));
        assert_eq!((queue(&full[1..]), queue(&full[..2])), (None, None));
    }
}
