//! Logical_Flow and Logical_DP_Group rows from flows that are placed on sets of datapaths.
//!
//! Equal flows are one row, whoever asked for them. The row names its datapath if there is one,
//! and else a group (ovn-sb(5), Logical_Flow `logical_datapath` and `logical_dp_group`):
//!
//! ```text
//! merged(key, note, places)  :-  placed(place, flow(key, _)), all of one key
//! target(key) = the place, or the union of the places where there are several
//! member(target, datapath)   :-  what the place or each place of the union consists of
//! group(target)              :-  targets with two members or more; equal sets share a group
//! row(key)                   :-  merged(key, target), group or only member of the target
//! ```
//!
//! A group keeps its identifier while its members change, so that one more datapath is one more
//! element of one column. Sets are told apart by a commutative fingerprint, which one more member
//! changes in constant time.
//!
//! Cost: a flow costs itself; a datapath that joins a set costs one element for each group of
//! which the set is part, however many flows there are.

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::{Flow, FlowKey, FlowNote, On};
use crate::ovsdb::{Atom, Uuid};
use crate::schema::{Map, SetElement, sb};

/// A flow and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placed {
    /// Where.
    pub on: On,
    /// The flow.
    pub flow: Flow,
}

/// A datapath of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetMember {
    /// The set: any place but a lone datapath.
    pub set: On,
    /// The datapath, by its northbound row.
    pub datapath: Uuid,
}

/// The datapaths of a flow, by name rather than by list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Target {
    Place(On),
    /// Several places, named by a hash of them all.
    Union(u128),
}

/// Equal flows as one, with all their places in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Merged {
    key: FlowKey,
    note: FlowNote,
    places: Vec<On>,
}

impl Merged {
    fn target(&self) -> Target {
        match self.places[..] {
            [place] => Target::Place(place),
            _ => Target::Union(key_hash(&self.places)),
        }
    }
}

/// A datapath of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    target: Target,
    datapath: Uuid,
}

/// What tells the members of a target apart from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Extent {
    target: Target,
    count: i64,
    fingerprint: u128,
}

/// What the row of a flow refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Reference {
    Datapath(Uuid),
    Group(Uuid),
}

/// The reference of every flow of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Resolved {
    target: Target,
    reference: Reference,
}

/// A Logical_Flow row before it is spelled out: there are so many that the columns are made only
/// when they are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowRow {
    key: FlowKey,
    note: FlowNote,
    reference: Reference,
}

/// The rows that flows come to.
#[derive(Clone, Debug)]
pub struct FlowRows {
    /// The flows.
    pub flows: Relation<FlowRow>,
    /// The groups; their datapaths are apart.
    pub groups: Relation<sb::LogicalDpGroup>,
    /// The datapaths of the groups.
    pub group_datapaths: Relation<SetElement>,
}

/// Makes rows of flows. `sets` says which datapaths a set has; `datapaths` names, by their
/// northbound rows, those that have a Datapath_Binding.
pub fn rows(placed: &Relation<Placed>, sets: &Relation<SetMember>, datapaths: &Relation<Uuid>) -> FlowRows {
    let merged = placed.index_by(|placed| placed.flow.key.clone()).named("flow.placed").reduce(|group| {
        let mut places: Vec<On> = group.rows().map(|placed| placed.on).collect();
        places.sort_unstable();
        places.dedup();
        let note = group.rows().map(|placed| &placed.flow.note).min().cloned().unwrap_or_default();
        Some(Merged { key: group.any().flow.key.clone(), note, places })
    });

    let members = members(&merged, sets, datapaths);
    let by_target = merged.index_by(Merged::target).named("flow.merged");
    // Of a lone member the sum of identifiers is the identifier.
    let lone =
        members.tally_by(|member| member.target, |member| member.datapath.0).filter(|tally| tally.count == 1);
    let lone =
        lone.map(|tally| Resolved { target: tally.key, reference: Reference::Datapath(Uuid(tally.sum)) });

    let extents = members.tally_by(|member| member.target, |member| key_hash(&member.datapath));
    let extents = extents.filter(|tally| tally.count > 1).map(|tally| Extent {
        target: tally.key,
        count: tally.count,
        fingerprint: tally.sum,
    });
    // Targets with the same members share the group of the least of them.
    let shared = extents
        .index_by(|extent| extent.target)
        .semijoin(&by_target)
        .index_by(|extent| (extent.count, extent.fingerprint))
        .reduce(|group| {
            let mut targets: Vec<Target> = group.rows().map(|extent| extent.target).collect();
            targets.sort_unstable();
            let least = targets[0];
            targets.into_iter().map(move |target| (target, least)).collect::<Vec<_>>()
        });
    let owners = shared.filter(|(target, least)| target == least).map(|(target, _)| *target);
    let groups = owners.map(|target| sb::LogicalDpGroup { uuid: group_uuid(*target), datapaths: Vec::new() });
    let group_datapaths = owners.index_by(|target| *target).join(
        &members.index_by(|member| member.target).named("flow.member"),
        |target, member| SetElement {
            row: group_uuid(*target),
            element: Atom::Uuid(crate::topology::datapath_uuid(member.datapath)),
        },
    );

    let resolved = shared
        .map(|(target, least)| Resolved { target: *target, reference: Reference::Group(group_uuid(*least)) })
        .concat(&lone);
    let flows = by_target.join(&resolved.index_by(|resolved| resolved.target), flow_row);
    FlowRows { flows, groups, group_datapaths }
}

/// The datapaths of every target that has flows or may have some.
fn members(
    merged: &Relation<Merged>,
    sets: &Relation<SetMember>,
    datapaths: &Relation<Uuid>,
) -> Relation<Member> {
    let lone = datapaths.map(|datapath| (On::Datapath(*datapath), *datapath));
    let live = sets.index_by(|member| member.datapath).semijoin(&datapaths.index_by(|datapath| *datapath));
    let classes = live.map(|member| (member.set, member.datapath));
    let places = lone.concat(&classes);

    let parts = merged.flat_map(|merged| {
        let target = merged.target();
        let several = matches!(target, Target::Union(_));
        let places = if several { merged.places.clone() } else { Vec::new() };
        places.into_iter().map(move |place| (target, place))
    });
    let unions = parts
        .distinct()
        .index_by(|(_, place)| *place)
        .join(&places.index_by(|(place, _)| *place), |(target, _), (_, datapath)| Member {
            target: *target,
            datapath: *datapath,
        })
        .distinct();
    places
        .map(|(place, datapath)| Member { target: Target::Place(*place), datapath: *datapath })
        .concat(&unions)
}

fn group_uuid(target: Target) -> Uuid {
    Uuid::from_hash(key_hash(&("Logical_DP_Group", target)))
}

fn flow_row(merged: &Merged, resolved: &Resolved) -> FlowRow {
    FlowRow { key: merged.key.clone(), note: merged.note.clone(), reference: resolved.reference }
}

impl FlowRow {
    /// The identifier of the row, which only the flow decides.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_hash(key_hash(&("Logical_Flow", &self.key)))
    }

    /// The row as it is written.
    pub fn spell_out(&self) -> sb::LogicalFlow {
        let FlowRow { key, note, reference } = self;
        let (logical_datapath, logical_dp_group) = match reference {
            Reference::Datapath(datapath) => (Some(crate::topology::datapath_uuid(*datapath)), None),
            Reference::Group(group) => (None, Some(*group)),
        };
        let mut tags = Map::new();
        if let Some(port) = &note.io_port {
            tags.insert("in_out_port", port.clone());
        }
        if key.acl_ct_translation {
            tags.insert("acl_ct_translation", "true".into());
        }
        let mut external_ids = Map::new();
        external_ids.insert("stage-name", key.stage.name().into());
        external_ids.insert("source", note.source.clone().unwrap_or_else(|| key.stage.row().owner.into()));
        let datapath = match reference {
            Reference::Datapath(datapath) if note.datapath_hint => Some(*datapath),
            _ => None,
        };
        if let Some(hint) = note.hint.or(datapath) {
            external_ids.insert("stage-hint", hint.short().into());
        }
        sb::LogicalFlow {
            uuid: self.uuid(),
            logical_datapath,
            logical_dp_group,
            pipeline: key.stage.pipeline().name().into(),
            table_id: i64::from(key.stage.table()),
            priority: i64::from(key.priority),
            match_: key.matches.clone(),
            actions: key.actions.clone(),
            tags,
            controller_meter: key.controller_meter.clone(),
            external_ids,
            flow_desc: note.desc.clone(),
        }
    }
}
