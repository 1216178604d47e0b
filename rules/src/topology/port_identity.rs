//! When a port keeps its Port_Binding and when it gets a new one (B06).
//!
//! A port that becomes virtual or stops being so gets a new row, and so does a virtual machine's port
//! that gains or loses its parent: chassis would otherwise take the old kind of port for bound. Other
//! changes of type keep the row. What matters is thus the step and not the outcome, so the port
//! remembers how many rows it has had; after a restart it counts from the row that is there.

use northflow_engine::{Allocator, Relation, Weight, key_hash};
use serde::{Deserialize, Serialize};

use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;

/// What decides whether a port of today is the port of yesterday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Nature {
    /// Of a virtual machine, or below one.
    Vif { child: bool },
    /// An address that moves.
    Virtual,
    /// Anything else.
    Other,
}

impl Nature {
    fn becomes_another(self, now: Nature) -> bool {
        match (self, now) {
            (Nature::Vif { child: before }, Nature::Vif { child: now }) => before != now,
            (Nature::Virtual, Nature::Virtual) => false,
            (Nature::Virtual, _) | (_, Nature::Virtual) => true,
            _ => false,
        }
    }
}

/// A port as its identity sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Person {
    row: Uuid,
    name: Text,
    nature: Nature,
}

/// The Port_Binding of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Binding {
    /// The port.
    pub port: Uuid,
    /// Its row.
    pub binding: Uuid,
}

/// The memory of one port.
#[derive(Debug, Default)]
struct Identity {
    current: Option<Person>,
    rows: u64,
}

impl Identity {
    fn binding(&self, person: &Person) -> Binding {
        let binding = Uuid::from_hash(key_hash(&("Port_Binding", &person.name, self.rows)));
        Binding { port: person.row, binding }
    }
}

impl Allocator for Identity {
    type Request = Person;
    type Assignment = Binding;

    fn change(&mut self, removed: Vec<Person>, added: Vec<Person>, emit: &mut dyn FnMut(Binding, Weight)) {
        let before = self.current.as_ref().map(|person| self.binding(person));
        if let (Some(old), Some(new)) = (removed.first(), added.first())
            && old.nature.becomes_another(new.nature)
        {
            self.rows += 1;
        }
        self.current = added.into_iter().next();
        let now = self.current.as_ref().map(|person| self.binding(person));
        if before != now {
            before.into_iter().for_each(|binding| emit(binding, -1));
            now.into_iter().for_each(|binding| emit(binding, 1));
        }
    }

    fn is_empty(&self) -> bool {
        self.current.is_none()
    }
}

/// The Port_Binding of each switch port.
///
/// Cost: a port costs itself.
pub fn bindings(rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Binding> {
    let people = rows.map(|row| Person {
        row: row.uuid,
        name: row.name.clone(),
        nature: match &*row.type_ {
            "" => Nature::Vif { child: row.parent_name.as_ref().is_some_and(|name| !name.is_empty()) },
            "virtual" => Nature::Virtual,
            _ => Nature::Other,
        },
    });
    people.allocate_by(|person| person.row, Identity::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_changes_make_another_port() {
        let (vif, child) = (Nature::Vif { child: false }, Nature::Vif { child: true });
        assert!(vif.becomes_another(child) && child.becomes_another(vif));
        assert!(vif.becomes_another(Nature::Virtual) && Nature::Virtual.becomes_another(Nature::Other));
        assert!(!child.becomes_another(Nature::Other) && !Nature::Other.becomes_another(vif));
    }
}
