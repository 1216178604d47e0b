//! Layer-2 networks: what the databases hold before the daemons start.
//!
//! Every row has an identifier made from its place, so that the same operations do on both sides
//! and a later one can refer to a row without asking for it.

use serde_json::{Value, json};

/// Switches that share a transaction while a network is loaded.
const BATCH: usize = 200;

/// Chassis that are there from the start.
pub const CHASSIS: usize = 4;

/// The address set and the port group that changes are made to.
pub const SET: &str = "tenants";

/// Kinds of rows, as they appear in identifiers.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A logical switch.
    Switch = 1,
    /// A port of one.
    Port = 2,
    /// An address set.
    AddressSet = 3,
    /// A port group.
    PortGroup = 4,
    /// A chassis.
    Chassis = 5,
    /// Its tunnel endpoint.
    Encap = 6,
}

/// The identifier of row number `n` of a kind, as OVSDB writes it.
pub fn uuid(kind: Kind, n: usize) -> Value {
    json!(["uuid", text(kind, n)])
}

fn text(kind: Kind, n: usize) -> String {
    format!("{:08x}-0000-4000-8000-{n:012x}", kind as u32)
}

/// An operation that inserts row number `n` of a kind.
pub fn insert(table: &str, kind: Kind, n: usize, row: Value) -> Value {
    json!({ "op": "insert", "table": table, "uuid": text(kind, n), "row": row })
}

/// A network of so many switches with so many ports each.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Switches.
    pub switches: usize,
    /// Ports of each.
    pub ports: usize,
}

/// Ports of a switch that identifiers leave room for.
const ROOM: usize = 1 << 16;

/// The number of port `port` of switch `switch`.
pub fn port_number(switch: usize, port: usize) -> usize {
    switch * ROOM + port
}

/// The name of port `port` of switch `switch`.
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
pub fn switch(switch: usize, ports: usize) -> Vec<Value> {
    let members: Vec<Value> = (0..ports).map(|at| uuid(Kind::Port, port_number(switch, at))).collect();
    let row = json!({ "name": format!("s{switch}"), "ports": ["set", members] });
    let ports = (0..ports).map(|at| port(switch, at));
    ports.chain([insert("Logical_Switch", Kind::Switch, switch, row)]).collect()
}

/// The southbound operations with which a chassis registers.
pub fn chassis(n: usize) -> Vec<Value> {
    let name = format!("chassis-{n}");
    let ip = format!("192.168.{}.{}", n >> 8 & 255, n & 255);
    let encap = json!({ "type": "geneve", "ip": ip, "chassis_name": name });
    let row = json!({ "name": name, "hostname": name, "encaps": uuid(Kind::Encap, n) });
    vec![insert("Encap", Kind::Encap, n, encap), insert("Chassis", Kind::Chassis, n, row)]
}

impl Shape {
    /// The northbound transactions that make the network, with `nb_cfg` 1.
    pub fn northbound(self) -> impl Iterator<Item = Vec<Value>> {
        let options = [
            ["mac_prefix", "0a:11:22"],
            ["svc_monitor_mac", "0a:11:22:00:00:01"],
            ["northd_probe_interval", "0"],
        ];
        let global = json!({ "op": "insert", "table": "NB_Global",
            "row": { "nb_cfg": 1, "options": ["map", options] } });
        let addresses: Vec<String> = (0..10).map(|n| format!("10.255.0.{n}")).collect();
        let set = json!({ "name": SET, "addresses": ["set", addresses] });
        let members: Vec<Value> = (0..self.switches.min(10))
            .filter(|_| self.ports > 0)
            .map(|switch| uuid(Kind::Port, port_number(switch, 0)))
            .collect();
        let group = json!({ "name": format!("{SET}_ports"), "ports": ["set", members] });
        let sets = vec![
            global,
            insert("Address_Set", Kind::AddressSet, 0, set),
            insert("Port_Group", Kind::PortGroup, 0, group),
        ];
        let switches = (0..self.switches).step_by(BATCH).map(move |from| {
            (from..self.switches.min(from + BATCH)).flat_map(|at| switch(at, self.ports)).collect()
        });
        switches.chain([sets])
    }

    /// The southbound operations that are made before the daemon starts.
    pub fn southbound(self) -> Vec<Value> {
        let global = json!({ "op": "insert", "table": "SB_Global", "row": {} });
        std::iter::once(global).chain((0..CHASSIS).flat_map(chassis)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_every_port_in_its_switch() {
        let shape = Shape { switches: 401, ports: 3 };
        let transactions: Vec<Vec<Value>> = shape.northbound().collect();
        assert_eq!(transactions.len(), 4);
        let operations: Vec<&Value> = transactions.iter().flatten().collect();
        let of = |table: &str| operations.iter().filter(|op| op["table"] == table).count();
        assert_eq!((of("Logical_Switch"), of("Logical_Switch_Port")), (401, 1203));
        let mut names: Vec<String> = operations.iter().map(|op| op["uuid"].to_string()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), operations.len(), "identifiers are distinct");
    }

    #[test]
    fn an_identifier_is_a_uuid() {
        assert_eq!(text(Kind::Port, port_number(258, 3)), "00000002-0000-4000-8000-000001020003");
    }
}
