//! Logical_Flow and Logical_DP_Group rows from flows that are placed on sets of datapaths.
//!
//! Equal flows are one row, whoever asked for them. The row names its datapath if there is one,
//! and else a group (ovn-sb(5), Logical_Flow `logical_datapath` and `logical_dp_group`):
//!
//! ```text
//! merged(key, note, target)    :-  placed(place, flow(key, _)), all of one key
//! target(key) = the place, or the union of the places where there are several
//! union(places) = the flow that names it: the least of all that are on just these places
//! member(target, datapath)     :-  what the place or each place of the union consists of
//! group(target)                :-  targets with two members or more; equal sets share a group
//! row(key)                     :-  merged(key, target), group or only member of the target
//! ```
//!
//! A group keeps its identifier while its members change, so that one more datapath is one more
//! element of one column. The same holds of a union whose flows all get one more place. Sets of places
//! and of datapaths are told apart by commutative fingerprints, which one more member changes in
//! constant time.
//!
//! Cost: a flow costs itself, on however many places it is; a datapath that joins a set costs one
//! element for each group of which the set is part, however many flows there are.

use std::sync::LazyLock;

use northflow_engine::{Relation, Summary, key_hash};
use serde::{Deserialize, Serialize};

use super::stage::STAGES;
use super::{Flow, FlowKey, FlowNote, On};
use crate::ovsdb::{Atom, Text, Uuid};
use crate::schema::{Map, SetElement, sb};

/// A flow and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placed {
    /// Where.
    pub on: On,
    /// The flow.
    pub flow: Flow,
}

/// Flows of one datapath, by its northbound row.
pub fn place(datapath: Uuid, flows: Vec<Flow>) -> impl Iterator<Item = Placed> {
    place_on(On::Datapath(datapath), flows)
}

/// Flows that are at the same place.
pub fn place_on(on: On, flows: Vec<Flow>) -> impl Iterator<Item = Placed> {
    flows.into_iter().map(move |flow| Placed { on, flow })
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
    /// Several places that have no name yet: the fingerprint of them all.
    Places(u128),
    /// The places of the flow with this hash.
    Union(u128),
}

impl Target {
    fn union(key: &FlowKey) -> Target {
        Target::Union(key_hash(key))
    }
}

/// Equal flows as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Merged {
    key: FlowKey,
    note: FlowNote,
    target: Target,
}

impl Merged {
    fn of(summary: Summary<'_, Placed>) -> Merged {
        let Summary { any: Placed { on, flow }, count, sum } = summary;
        let target = if count == 1 { Target::Place(*on) } else { Target::Places(sum) };
        Merged { key: flow.key.clone(), note: flow.note.clone(), target }
    }

    fn is_on_several(&self) -> bool {
        matches!(self.target, Target::Places(_))
    }
}

/// A datapath of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    target: Target,
    datapath: Uuid,
}

impl Member {
    fn may_be_of_several(&self) -> bool {
        !matches!(self.target, Target::Place(On::Datapath(_)))
    }
}

/// What tells the members of a target apart from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Extent {
    target: Target,
    count: i64,
    fingerprint: u128,
}

impl Extent {
    fn members(&self) -> (i64, u128) {
        (self.count, self.fingerprint)
    }
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
    let by_flow = placed.index_by(|placed| placed.flow.key.clone()).named("flow.placed");
    let merged = by_flow.summarize(|placed| key_hash(&placed.on), |summary| Some(Merged::of(summary)));
    let several = merged.filter(Merged::is_on_several);
    // The flow that names their union stays while all get one more place, and so does the name.
    let naming = several.least_by(|merged| merged.target, |merged| merged.key.clone());
    let named = several.index_by(|merged| merged.target).join(
        &naming.index_by(|naming| naming.target),
        |merged, naming| Merged { target: Target::union(&naming.key), ..merged.clone() },
    );
    let merged = merged.filter(|merged| !merged.is_on_several()).concat(&named);
    let by_target = merged.index_by(|merged| merged.target).named("flow.merged");
    let parts = naming
        .map(|naming| naming.key.clone())
        .index_by(FlowKey::clone)
        .join(&by_flow, |key, placed| (Target::union(key), placed.on))
        .distinct();

    let members = members(&parts, sets, datapaths);
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
    let extents = extents.index_by(|extent| extent.target).semijoin(&by_target);
    // Targets with the same members share the group of the least of them.
    let least = extents.least_by(Extent::members, |extent| extent.target);
    let shared = extents
        .index_by(Extent::members)
        .join(&least.index_by(Extent::members), |extent, least| (extent.target, least.target));
    let groups =
        least.map(|extent| sb::LogicalDpGroup { uuid: group_uuid(extent.target), datapaths: Vec::new() });
    // Those of targets whose group is another's are said too: one that becomes a group, or is none any more, costs its
    // row then, and none of its elements.
    let group_datapaths = members.filter(Member::may_be_of_several).map(|member| SetElement {
        row: group_uuid(member.target),
        element: Atom::Uuid(crate::topology::datapath_uuid(member.datapath)),
    });

    let resolved = shared
        .map(|(target, least)| Resolved { target: *target, reference: Reference::Group(group_uuid(*least)) })
        .concat(&lone);
    let flows = by_target.join(&resolved.index_by(|resolved| resolved.target), flow_row);
    FlowRows { flows, groups, group_datapaths }
}

/// The datapaths of every target that has flows or may have some; `parts` are the places of unions.
fn members(
    parts: &Relation<(Target, On)>,
    sets: &Relation<SetMember>,
    datapaths: &Relation<Uuid>,
) -> Relation<Member> {
    let lone = datapaths.map(|datapath| (On::Datapath(*datapath), *datapath));
    let live = sets.index_by(|member| member.datapath).semijoin(&datapaths.index_by(|datapath| *datapath));
    let classes = live.map(|member| (member.set, member.datapath));
    let places = lone.concat(&classes);
    let unions = parts
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

/// What all flows of a stage say, made once.
struct StageTexts {
    pipeline: Text,
    name: Text,
    owner: Text,
}

static STAGE_TEXTS: LazyLock<Vec<StageTexts>> = LazyLock::new(|| {
    let texts = STAGES.iter().map(|row| StageTexts {
        pipeline: row.pipeline.name().into(),
        name: row.name.into(),
        owner: row.owner.into(),
    });
    texts.collect()
});
static STAGE_NAME: LazyLock<Text> = LazyLock::new(|| "stage-name".into());
static STAGE_HINT: LazyLock<Text> = LazyLock::new(|| "stage-hint".into());
static SOURCE: LazyLock<Text> = LazyLock::new(|| "source".into());

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
        let stage = &STAGE_TEXTS[key.stage as usize];
        let mut external_ids = Map::new();
        external_ids.insert(SOURCE.clone(), note.source.clone().unwrap_or_else(|| stage.owner.clone()));
        let datapath = match reference {
            Reference::Datapath(datapath) if note.datapath_hint => Some(*datapath),
            _ => None,
        };
        if let Some(hint) = note.hint.or(datapath) {
            external_ids.insert(STAGE_HINT.clone(), hint.short().into());
        }
        external_ids.insert(STAGE_NAME.clone(), stage.name.clone());
        sb::LogicalFlow {
            uuid: self.uuid(),
            logical_datapath,
            logical_dp_group,
            pipeline: stage.pipeline.clone(),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use northflow_engine::{Config, Engine, Transaction};

    use super::*;
    use crate::flow::Stage;
    use crate::switch::SwitchSet;

    /// A program of flows, with what it has said so far.
    struct Rows {
        engine: Engine,
        flows: BTreeMap<String, Reference>,
        groups: BTreeMap<Uuid, i64>,
        elements: BTreeMap<(Uuid, Atom), i64>,
        /// Rows that changed in the last epoch, by output.
        changed: [usize; 3],
        /// Rows that operators handled in the last epoch.
        work: u64,
    }

    impl Rows {
        fn new() -> Rows {
            let engine = Engine::start(Config::default(), |program| {
                let rows =
                    rows(&program.input("placed"), &program.input("sets"), &program.input("datapaths"));
                program.output("flows", &rows.flows);
                program.output("groups", &rows.groups);
                program.output("elements", &rows.group_datapaths);
            });
            let engine = engine.unwrap();
            let (flows, groups, elements) = Default::default();
            Rows { engine, flows, groups, elements, changed: [0; 3], work: 0 }
        }

        fn step(&mut self, make: impl FnOnce(&mut Transaction)) {
            let mut transaction = Transaction::new();
            make(&mut transaction);
            let work = |engine: &Engine| -> u64 {
                engine.metrics().unwrap().iter().map(|metrics| metrics.rows_in + metrics.rows_met).sum()
            };
            let before = work(&self.engine);
            let result = self.engine.step(transaction).unwrap();
            self.work = work(&self.engine) - before;
            self.changed = [0; 3];
            let mut gone = Vec::new();
            for (row, weight) in self.engine.changes::<FlowRow>(&result, "flows") {
                self.changed[0] += 1;
                match weight > 0 {
                    true => drop(self.flows.insert(row.key.matches.to_string(), row.reference)),
                    false => gone.push(row),
                }
            }
            for row in gone {
                if self.flows.get(&*row.key.matches) == Some(&row.reference) {
                    self.flows.remove(&*row.key.matches);
                }
            }
            for (row, weight) in self.engine.changes::<sb::LogicalDpGroup>(&result, "groups") {
                self.changed[1] += 1;
                *self.groups.entry(row.uuid).or_default() += weight as i64;
            }
            for (row, weight) in self.engine.changes::<SetElement>(&result, "elements") {
                self.changed[2] += 1;
                *self.elements.entry((row.row, row.element.clone())).or_default() += weight as i64;
            }
            self.groups.retain(|_, count| *count != 0);
            self.elements.retain(|_, count| *count != 0);
        }

        /// How many datapaths the row of a flow is on.
        fn extent(&self, matches: &str) -> usize {
            match self.flows[matches] {
                Reference::Datapath(_) => 1,
                Reference::Group(group) => {
                    assert_eq!(self.groups[&group], 1, "a flow refers to a group that is there");
                    self.elements.keys().filter(|(row, _)| *row == group).count()
                }
            }
        }
    }

    fn flow(matches: &str) -> Flow {
        Flow::new(Stage::LsInL2Lkup, 50, matches, "drop;")
    }

    fn on(datapath: u128) -> On {
        On::Datapath(Uuid(datapath))
    }

    fn place(transaction: &mut Transaction, on: On, matches: &str) {
        transaction.insert("placed", Placed { on, flow: flow(matches) });
    }

    /// So many datapaths that all have the same flows, `places` of them.
    fn network(count: u128) -> Rows {
        let mut rows = Rows::new();
        rows.step(|transaction| {
            for datapath in 0..=count {
                transaction.insert("datapaths", Uuid(datapath));
            }
            for datapath in 0..count {
                place(transaction, on(datapath), "a");
                place(transaction, on(datapath), "b");
            }
        });
        rows
    }

    #[test]
    fn equal_flows_of_datapaths_share_a_row_and_a_group() {
        let rows = network(3);
        assert_eq!((rows.flows.len(), rows.groups.len()), (2, 1));
        assert_eq!((rows.extent("a"), rows.extent("b")), (3, 3));
        let rows = network(1);
        assert_eq!((rows.flows.len(), rows.groups.len()), (2, 0));
        assert_eq!(rows.flows["a"], Reference::Datapath(Uuid(0)));
    }

    #[test]
    fn one_more_place_costs_the_same_among_many_and_keeps_the_group() {
        let cost = |count: u128| {
            let mut rows = network(count);
            let groups = rows.groups.clone();
            rows.step(|transaction| {
                ["a", "b"].map(|name| place(transaction, on(count), name)).into_iter().collect()
            });
            assert_eq!((rows.extent("a"), rows.extent("b")), (count as usize + 1, count as usize + 1));
            assert_eq!(rows.groups, groups);
            assert_eq!(rows.changed, [0, 0, 1]);
            rows.work
        };
        assert_eq!(cost(1000), cost(100));
    }

    #[test]
    fn a_flow_that_parts_from_the_others_has_a_group_of_its_own() {
        let mut rows = network(5);
        let b = rows.flows["b"];
        rows.step(|transaction| place(transaction, on(5), "a"));
        assert_eq!((rows.extent("a"), rows.extent("b"), rows.groups.len()), (6, 5, 2));
        rows.step(|transaction| transaction.remove("placed", Placed { on: on(5), flow: flow("a") }));
        assert_eq!((rows.extent("a"), rows.groups.len()), (5, 1));
        assert_eq!(rows.flows["a"], rows.flows["b"]);
        assert_eq!(rows.flows["b"], b);
    }

    #[test]
    fn a_group_that_goes_costs_its_row() {
        let (most, all) = (On::Switches(SwitchSet::WithVtep), On::Switches(SwitchSet::All));
        let member = |set, datapath: u128| SetMember { set, datapath: Uuid(datapath) };
        let cost = |count: u128| {
            let mut rows = Rows::new();
            rows.step(|transaction| {
                for datapath in 0..count {
                    transaction.insert("datapaths", Uuid(datapath));
                    transaction.insert("sets", member(all, datapath));
                }
                for datapath in 1..count {
                    transaction.insert("sets", member(most, datapath));
                }
                place(transaction, all, "a");
                place(transaction, most, "b");
            });
            assert_eq!((rows.extent("a"), rows.extent("b")), (count as usize, count as usize - 1));
            rows.step(|transaction| transaction.insert("sets", member(most, 0)));
            assert_eq!((rows.extent("b"), rows.groups.len()), (count as usize, 1));
            assert_eq!(rows.flows["a"], rows.flows["b"]);
            rows.work
        };
        assert_eq!(cost(1000), cost(100));
    }

    #[test]
    fn a_flow_on_places_that_overlap_is_on_each_datapath_once() {
        let mut rows = network(2);
        rows.step(|transaction| {
            transaction.insert("sets", SetMember { set: On::Switches(SwitchSet::All), datapath: Uuid(0) });
            transaction.insert("sets", SetMember { set: On::Switches(SwitchSet::All), datapath: Uuid(2) });
            place(transaction, On::Switches(SwitchSet::All), "a");
            // The same place for two reasons.
            transaction.insert("placed", Placed { on: on(2), flow: flow("c").hint(Uuid(1)) });
            transaction.insert("placed", Placed { on: on(2), flow: flow("c").hint(Uuid(2)) });
        });
        assert_eq!((rows.extent("a"), rows.extent("b"), rows.extent("c")), (3, 2, 1));
    }
}
