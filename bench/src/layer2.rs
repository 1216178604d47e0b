//! Switches with ports, bound and unbound, and nothing else.

use clap::Args;
use serde_json::{Value, json};

use crate::row::{Kind, delete, insert, map, mutate, set, uuid};
use crate::workload::{self, Change, Operations, Transactions, Workload, bound, in_batches, spread};

/// Chassis that are there from the start.
const CHASSIS: usize = 4;

/// The address set that changes are made to, and part of the name of the port group.
const SET: &str = "tenants";

/// Ports of a switch that identifiers leave room for.
const ROOM: usize = 1 << 16;

/// The shape of a layer-2 network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Shape {
    /// Ports of each switch.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub ports: u16,
}

/// The number of a port.
pub fn port_number(switch: usize, port: usize) -> usize {
    switch * ROOM + port
}

/// Its name.
pub fn port_name(switch: usize, port: usize) -> String {
    format!("s{switch}p{port}")
}

/// The operation that inserts a port; a switch has to take it in.
pub fn port(switch: usize, port: usize) -> Value {
    let (high, low) = (switch >> 8 & 255, switch & 255);
    let addresses =
        format!("0a:{:02x}:{high:02x}:{low:02x}:00:{port:02x} 10.{high}.{low}.{}", switch >> 16, port + 1);
    let row = json!({ "name": port_name(switch, port), "addresses": addresses });
    insert("Logical_Switch_Port", Kind::Port, port_number(switch, port), row)
}

/// The operations that insert a switch with its ports.
fn switch(switch: usize, ports: usize) -> Vec<Value> {
    let members = set((0..ports).map(|at| uuid(Kind::Port, port_number(switch, at))));
    let row = json!({ "name": format!("s{switch}"), "ports": members });
    let ports = (0..ports).map(|at| port(switch, at));
    ports.chain([insert("Logical_Switch", Kind::Switch, switch, row)]).collect()
}

fn northbound(switches: usize, ports: usize) -> Transactions {
    let addresses = set((0..10).map(|n| json!(format!("10.255.0.{n}"))));
    let members = set((0..switches.min(10)).map(|switch| uuid(Kind::Port, port_number(switch, 0))));
    let sets = vec![
        workload::global(),
        insert("Address_Set", Kind::AddressSet, 0, json!({ "name": SET, "addresses": addresses })),
        insert("Port_Group", Kind::PortGroup, 0, json!({ "name": format!("{SET}_ports"), "ports": members })),
    ];
    Box::new(in_batches(0..switches, move |at| switch(at, ports)).chain([sets]))
}

impl Shape {
    /// A network of so many switches.
    pub fn workload(self, switches: usize) -> Workload {
        let ports = usize::from(self.ports);
        Workload {
            size: format!("{switches} x {ports}"),
            northbound: Box::new(move || northbound(switches, ports)),
            southbound: workload::southbound(CHASSIS),
            changes: changes(switches, ports),
        }
    }
}

fn changes(switches: usize, ports: usize) -> Vec<Change> {
    // Spread over the network, and the same switch for a port's coming and going.
    let place = move |round: usize| (spread(round, switches), ports + 1 + round);
    vec![
        Change::nb_cfg_only(),
        Change::new("port add", move |round| {
            let (at, added) = place(round);
            let row = uuid(Kind::Port, port_number(at, added));
            let taken = mutate("Logical_Switch", uuid(Kind::Switch, at), "ports", "insert", row);
            Operations::northbound([port(at, added), taken])
        }),
        Change::new("port bound", move |round| {
            let (at, added) = place(round);
            Operations::southbound([bound(&port_name(at, added), round % CHASSIS)])
        }),
        Change::new("port delete", move |round| {
            let (at, added) = place(round);
            let row = uuid(Kind::Port, port_number(at, added));
            Operations::northbound([mutate("Logical_Switch", uuid(Kind::Switch, at), "ports", "delete", row)])
        }),
        Change::new("switch add", move |round| Operations::northbound(switch(switches + round, ports))),
        Change::new("switch delete", move |round| {
            Operations::northbound([delete("Logical_Switch", uuid(Kind::Switch, switches + round))])
        }),
        Change::new("address-set member add", |round| {
            let address = json!(format!("10.255.1.{round}"));
            let row = uuid(Kind::AddressSet, 0);
            Operations::northbound([mutate("Address_Set", row, "addresses", "insert", address)])
        }),
        Change::new("port-group member add", move |round| {
            // A port that stays, of a switch that may have none in the group yet.
            let member = uuid(Kind::Port, port_number(place(round).0, ports - 1));
            let row = uuid(Kind::PortGroup, 0);
            Operations::northbound([mutate("Port_Group", row, "ports", "insert", member)])
        }),
        Change::new("chassis add", |round| Operations::southbound(workload::chassis(CHASSIS + round))),
        Change::new("chassis column change", |round| chassis_column(round % CHASSIS, round)),
        Change::new("NB_Global option change", global_option),
    ]
}

/// Chassis number `n` says something about itself that no rule asks for.
pub fn chassis_column(n: usize, round: usize) -> Operations {
    let config = map(&[(&format!("remark-{round}"), "1")]);
    Operations::southbound([mutate("Chassis", uuid(Kind::Chassis, n), "other_config", "insert", config)])
}

/// A global option that no feature knows.
pub fn global_option(round: usize) -> Operations {
    let option = map(&[(&format!("remark-{round}"), "1")]);
    let mutation = json!({ "op": "mutate", "table": "NB_Global", "where": [], "mutations": [["options", "insert", option]] });
    Operations::northbound([mutation])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn a_network_has_every_port_in_its_switch() {
        let workload = Shape { ports: 3 }.workload(401);
        assert_eq!((workload.northbound)().count(), 4);
        let operations = identifiers_are_distinct(&workload);
        let of = |table| count(&operations, table);
        assert_eq!((of("Logical_Switch"), of("Logical_Switch_Port")), (401, 1203));
        check_changes(&workload);
    }
}
