//! VLAN tags of container ports (B10; ovn-nb(5), Logical_Switch_Port `parent_name`, `tag_request`).
//!
//! A port with a parent that requests tag 0 is given the lowest tag that no port of that parent
//! has; any other request is granted as it is. A port that has a tag and requests 0 keeps it.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::{Allocator, Relation, Weight};
use serde::{Deserialize, Serialize};

use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Table, nb};

/// The highest tag that is given out.
const HIGHEST: i64 = 4095;

/// A port below a parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Child {
    parent: Text,
    row: Uuid,
    tag: Option<i64>,
    /// Whether it wants any tag.
    wants: bool,
}

/// The tags below one parent.
#[derive(Debug, Default)]
struct Tags {
    /// Tags that ports have, and how many have each.
    held: BTreeMap<i64, usize>,
    /// Ports that want a tag, with the one given.
    given: BTreeMap<Uuid, i64>,
    waiting: BTreeSet<Uuid>,
}

impl Tags {
    fn lowest(&self) -> Option<i64> {
        let given: BTreeSet<i64> = self.given.values().copied().collect();
        (1..=HIGHEST).find(|tag| !self.held.contains_key(tag) && !given.contains(tag))
    }
}

impl Allocator for Tags {
    type Request = Child;
    type Assignment = nb::PortTag;

    fn change(&mut self, removed: Vec<Child>, added: Vec<Child>, emit: &mut dyn FnMut(nb::PortTag, Weight)) {
        let assigned = |uuid, tag| nb::PortTag { uuid, tag: Some(tag) };
        for child in removed {
            if let Some(tag) = child.tag
                && let Some(count) = self.held.get_mut(&tag)
            {
                *count -= 1;
                if *count == 0 {
                    self.held.remove(&tag);
                }
            }
            self.waiting.remove(&child.row);
            if let Some(tag) = self.given.remove(&child.row) {
                emit(assigned(child.row, tag), -1);
            }
        }
        for child in added {
            if let Some(tag) = child.tag {
                *self.held.entry(tag).or_insert(0) += 1;
            } else if child.wants {
                self.waiting.insert(child.row);
            }
        }
        for row in std::mem::take(&mut self.waiting) {
            match self.lowest() {
                Some(tag) => {
                    self.given.insert(row, tag);
                    emit(assigned(row, tag), 1);
                }
                None => drop(self.waiting.insert(row)),
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.given.is_empty() && self.waiting.is_empty()
    }
}

/// Logical_Switch_Port `tag`, where it is to be written. One that no switch lists keeps what it has.
///
/// Cost: a port costs itself.
pub fn tags(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    states: &Relation<nb::SwitchPortState>,
) -> Relation<nb::PortTag> {
    let held = states.index_by(Table::uuid);
    let asking = rows.flat_map(|row| {
        let parent = row.parent_name.clone().filter(|name| !name.is_empty());
        (parent.is_some() || row.tag_request.is_some()).then_some((row.uuid, parent, row.tag_request))
    });
    let asking = asking
        .index_by(|(row, ..): &(Uuid, Option<Text>, Option<i64>)| *row)
        .semijoin(&ports.index_by(SwitchPort::row));
    let children = asking.flat_map(|(row, parent, request)| {
        let parent = parent.clone()?;
        Some(Child { parent, row: *row, tag: None, wants: *request == Some(0) })
    });
    let children = children
        .index_by(|child| child.row)
        .join(&held, |child, state| Child { tag: state.tag, ..child.clone() });
    let given = children.allocate_by(|child| child.parent.clone(), Tags::default);
    let requests = asking.flat_map(|(row, _, request)| Some((*row, request.filter(|tag| *tag != 0)?)));
    let copied =
        requests.index_by(|(row, _): &(Uuid, i64)| *row).join_flat(&held, |(row, request), state| {
            (state.tag != Some(*request)).then_some(nb::PortTag { uuid: *row, tag: Some(*request) })
        });
    given.concat(&copied)
}
