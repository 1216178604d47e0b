//! What the rules of this folder know of a switch port, in pieces: each rule takes those it needs.

use serde::{Deserialize, Serialize};

use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};

/// A Logical_Switch_Port or Logical_Router_Port by row and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// The northbound row: what flows give as their hint.
    pub row: Uuid,
    /// The name, unique among all logical ports.
    pub name: Text,
}

impl Port {
    /// The name as it stands in a match.
    pub fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// `inport == "name"`.
    pub fn is_inport(&self) -> String {
        format!("inport == {}", self.quoted())
    }

    /// `outport == "name"`.
    pub fn is_outport(&self) -> String {
        format!("outport == {}", self.quoted())
    }

    /// A flow that the port's row explains.
    pub(crate) fn flow(
        &self,
        stage: Stage,
        priority: u16,
        matches: impl Into<Text>,
        actions: impl Into<Text>,
    ) -> Flow {
        Flow::new(stage, priority, matches, actions).hint(self.row)
    }

    /// A flow that the port's row explains and that only packets of the port can meet.
    pub(crate) fn own_flow(
        &self,
        stage: Stage,
        priority: u16,
        matches: impl Into<Text>,
        actions: impl Into<Text>,
    ) -> Flow {
        self.flow(stage, priority, matches, actions).io_port(self.name.clone())
    }
}

/// Logical_Switch_Port.type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PortKind {
    /// The empty type: a virtual machine, or a container in one.
    Vif,
    /// The physical network behind every chassis.
    Localnet,
    /// A port that is there on every chassis, each seeing its own.
    Localport,
    /// The physical network behind one chassis.
    L2Gateway,
    /// A hardware VTEP.
    Vtep,
    /// A machine outside the chassis that hosts the port.
    External,
    /// An address that moves between parents.
    Virtual,
    /// A port of another availability zone.
    Remote,
    /// The peer of a router port.
    Router,
    /// The peer of another switch's port.
    Switch,
    /// A type that is not known.
    Other,
}

impl PortKind {
    /// The kind that the column's text names.
    pub fn read(text: &str) -> PortKind {
        match text {
            "" => PortKind::Vif,
            "localnet" => PortKind::Localnet,
            "localport" => PortKind::Localport,
            "l2gateway" => PortKind::L2Gateway,
            "vtep" => PortKind::Vtep,
            "external" => PortKind::External,
            "virtual" => PortKind::Virtual,
            "remote" => PortKind::Remote,
            "router" => PortKind::Router,
            "switch" => PortKind::Switch,
            _ => PortKind::Other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A port as the rules' own tests use it.
    pub(crate) fn port(name: &str) -> Port {
        Port { row: Uuid(7), name: name.into() }
    }

    /// One line a flow: stage, priority, match, actions and, between brackets, what else is said.
    pub(crate) fn lines(flows: &[Flow]) -> Vec<String> {
        let line = |flow: &Flow| {
            let (key, note) = (&flow.key, &flow.note);
            let mut line =
                format!("{} {} | {} | {}", key.stage.name(), key.priority, key.matches, key.actions);
            let notes = [
                ("port", note.io_port.as_deref()),
                ("desc", note.desc.as_deref()),
                ("meter", key.controller_meter.as_deref()),
                ("hint", note.hint.map(|_| "")),
            ];
            for (name, value) in notes {
                if let Some(value) = value {
                    line.push_str(&format!(" [{}]", format!("{name} {value}").trim_end()));
                }
            }
            line
        };
        flows.iter().map(line).collect()
    }
}
