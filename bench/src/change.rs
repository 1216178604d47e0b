//! The kinds of change that are measured, each as the operations that make it.

use serde_json::{Value, json};

use crate::network::{self, CHASSIS, Kind, SET, Shape, port_name, port_number, uuid};

/// One kind of change. The order is that of a run: what is deleted was added before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing but a new `nb_cfg`, as with `ovn-nbctl sync`.
    NbCfg,
    /// A port comes to a switch.
    PortAdd,
    /// The chassis of a port says that it is bound and up.
    PortBound,
    /// A port goes.
    PortDelete,
    /// A switch comes with its ports.
    SwitchAdd,
    /// A switch goes with its ports.
    SwitchDelete,
    /// An address comes to an address set.
    AddressSetMember,
    /// A port comes to a port group.
    PortGroupMember,
    /// A chassis registers.
    ChassisAdd,
    /// A chassis says something else about itself.
    ChassisColumn,
    /// A global option that no feature knows.
    GlobalOption,
}

/// The operations of one change in each database.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    /// In the northbound database.
    pub northbound: Vec<Value>,
    /// In the southbound database, before the northbound ones.
    pub southbound: Vec<Value>,
}

fn change(op: &str, table: &str, condition: Value, what: (&str, Value)) -> Value {
    json!({ "op": op, "table": table, "where": condition, what.0: what.1 })
}

fn mutate(table: &str, row: Value, column: &str, mutator: &str, value: Value) -> Value {
    let condition = json!([["_uuid", "==", row]]);
    change("mutate", table, condition, ("mutations", json!([[column, mutator, value]])))
}

impl Change {
    /// Every kind, in the order of a run.
    pub const ALL: [Change; 11] = [
        Change::NbCfg,
        Change::PortAdd,
        Change::PortBound,
        Change::PortDelete,
        Change::SwitchAdd,
        Change::SwitchDelete,
        Change::AddressSetMember,
        Change::PortGroupMember,
        Change::ChassisAdd,
        Change::ChassisColumn,
        Change::GlobalOption,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Change::NbCfg => "nb_cfg only",
            Change::PortAdd => "port add",
            Change::PortBound => "port bound",
            Change::PortDelete => "port delete",
            Change::SwitchAdd => "switch add",
            Change::SwitchDelete => "switch delete",
            Change::AddressSetMember => "address-set member add",
            Change::PortGroupMember => "port-group member add",
            Change::ChassisAdd => "chassis add",
            Change::ChassisColumn => "chassis column change",
            Change::GlobalOption => "NB_Global option change",
        }
    }

    /// What makes this change for the `round`th time in a network that was made in this shape.
    pub fn operations(self, shape: Shape, round: usize) -> Operations {
        // Spread over the network, and the same switch for a port's coming and going.
        let switch = round * 37 % shape.switches;
        let added = shape.ports + 1 + round;
        let port = uuid(Kind::Port, port_number(switch, added));
        let row = uuid(Kind::Switch, switch);
        let mut operations = Operations::default();
        let northbound = &mut operations.northbound;
        match self {
            Change::NbCfg => {}
            Change::PortAdd => {
                northbound.push(network::port(switch, added));
                northbound.push(mutate("Logical_Switch", row, "ports", "insert", port));
            }
            Change::PortBound => {
                let condition = json!([["logical_port", "==", port_name(switch, added)]]);
                let columns = json!({ "chassis": uuid(Kind::Chassis, round % CHASSIS), "up": true });
                operations.southbound.push(change("update", "Port_Binding", condition, ("row", columns)));
            }
            Change::PortDelete => northbound.push(mutate("Logical_Switch", row, "ports", "delete", port)),
            Change::SwitchAdd => northbound.extend(network::switch(shape.switches + round, shape.ports)),
            Change::SwitchDelete => {
                let gone = uuid(Kind::Switch, shape.switches + round);
                let condition = json!([["_uuid", "==", gone]]);
                northbound.push(json!({ "op": "delete", "table": "Logical_Switch", "where": condition }));
            }
            Change::AddressSetMember => {
                let address = json!(format!("10.255.1.{round}"));
                let set = uuid(Kind::AddressSet, 0);
                northbound.push(mutate("Address_Set", set, "addresses", "insert", address));
            }
            Change::PortGroupMember => {
                // A port that stays, of a switch that may have none in the group yet.
                let member = uuid(Kind::Port, port_number(switch, shape.ports - 1));
                northbound.push(mutate("Port_Group", uuid(Kind::PortGroup, 0), "ports", "insert", member));
            }
            Change::ChassisAdd => operations.southbound = network::chassis(CHASSIS + round),
            Change::ChassisColumn => {
                let config = json!(["map", [[format!("{SET}-{round}"), "1"]]]);
                let row = uuid(Kind::Chassis, round % CHASSIS);
                operations.southbound.push(mutate("Chassis", row, "other_config", "insert", config));
            }
            Change::GlobalOption => {
                let option = json!(["map", [[format!("{SET}-{round}"), "1"]]]);
                let mutations = json!([["options", "insert", option]]);
                northbound.push(change("mutate", "NB_Global", json!([]), ("mutations", mutations)));
            }
        }
        operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { switches: 20, ports: 10 };

    #[test]
    fn every_change_but_the_bare_sync_does_something() {
        for change in Change::ALL {
            let Operations { northbound, southbound } = change.operations(SHAPE, 3);
            assert_eq!(northbound.len() + southbound.len() == 0, change == Change::NbCfg, "{change:?}");
        }
    }

    #[test]
    fn a_port_goes_from_where_it_came() {
        let added = Change::PortAdd.operations(SHAPE, 5).northbound;
        let deleted = Change::PortDelete.operations(SHAPE, 5).northbound;
        assert_eq!(added[1]["where"], deleted[0]["where"]);
        assert_eq!(added[1]["mutations"][0][2], deleted[0]["mutations"][0][2]);
    }
}
