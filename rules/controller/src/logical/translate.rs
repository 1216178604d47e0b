//! A logical flow in a datapath, translated: the rows that it asks for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use northflow_language::action::{self, Context, Environment};
use northflow_language::expression::{self, Chassis, Conjunction, Hole, Match, Sets, set_element};
use northflow_language::lexer::Number;
use northflow_language::openflow::{self, Field, Port};
use northflow_language::register;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::place::Place;
use super::read::{Condition, Parsed, Read, Says};
use super::set::{Element, Size};
use crate::row::{Actions, Group, Meter};
use crate::shared::Shared;

/// What a flow in a datapath asks the database and the chassis about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The flow and the datapath are there.
    Base(Read, Arc<Place>),
    /// The number of a port or a multicast group.
    Key(Text, u32),
    /// How large an address set is.
    Set(Text, Size),
    /// An element of a large address set.
    Element(Text, Text),
    /// A port of a group is one of those that matter to the chassis.
    Member(Text, Text, u32),
    /// A port is on the chassis.
    Resident(Text),
    /// The OpenFlow port of a tunnel to the chassis of a port.
    Tunnel(Text, u16),
}

/// A row that a logical flow asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Contender {
    pub datapath: Uuid,
    pub table: u8,
    pub priority: u16,
    pub fields: Shared<Match>,
    /// Only chassis to which this port of the datapath matters want it.
    pub port: Option<u32>,
    pub flow: Uuid,
    pub effect: Effect,
}

/// What a contender does; the first wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Effect {
    /// It is a mark: contenders on chassis are for the same row.
    Disputed,
    Act(Shared<Actions>),
    Drop,
    Parts(Vec<Conjunction>),
}

/// What a flow in a datapath comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// A row.
    Row(Contender),
    /// A row for each element of a large address set.
    Stencil(Stencil),
    /// It depends on the elements of large address sets together.
    Entangled,
}

/// A row for each element of an address set, which is to be put into a hole in the match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Stencil {
    pub set: Text,
    hole: Hole,
    contender: Contender,
}

impl Stencil {
    pub fn fill(&self, element: &Element) -> Contender {
        let mut fields = Match::clone(&self.contender.fields);
        self.hole.fill(&mut fields, element.value, element.mask);
        Contender { fields: Shared::new(fields), ..self.contender.clone() }
    }
}

/// What identifies a contender's row.
pub(super) type Key = (Uuid, u8, u16, Shared<Match>);

impl Contender {
    pub fn key(&self) -> Key {
        (self.datapath, self.table, self.priority, self.fields.clone())
    }

    /// The mark of its row.
    pub fn mark(&self) -> Contender {
        Contender { port: None, flow: Uuid::ZERO, effect: Effect::Disputed, ..self.clone() }
    }
}

/// The rows of a flow about which there is nothing to ask.
pub(super) fn plain(read: &Read, place: &Place) -> Vec<Contender> {
    let Ok(parsed) = read.parsed() else { return Vec::new() };
    Asked { says: &read.says, parsed, place, world: World::default() }.contenders()
}

/// What a flow comes to, from all answers but the elements of large address sets.
pub(super) fn outcomes<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<Outcome> {
    let Some(asked) = Asked::new(answers) else { return Vec::new() };
    if asked.world.large.is_empty() { asked.rows() } else { asked.stencils() }
}

/// The rows of a flow, from all answers.
pub(super) fn answered<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<Contender> {
    Asked::new(answers).map(|asked| asked.contenders()).unwrap_or_default()
}

/// A flow in a datapath, and what it has asked about.
struct Asked<'a> {
    says: &'a Says,
    parsed: &'a Parsed,
    place: &'a Place,
    world: World<'a>,
}

impl<'a> Asked<'a> {
    fn new(answers: impl Iterator<Item = &'a Answer>) -> Option<Asked<'a>> {
        let mut base = None;
        let mut world = World::default();
        for answer in answers {
            match answer {
                Answer::Base(read, place) => base = Some((read, place)),
                Answer::Key(name, key) => drop(world.keys.insert(name, *key)),
                Answer::Set(name, Size::Small(only)) => {
                    let element = only.as_deref().and_then(set_element);
                    world.sets.entry(name).or_default().extend(element);
                }
                Answer::Set(name, Size::Large(widest)) => drop(world.large.insert(name, *widest)),
                Answer::Element(set, text) => {
                    world.sets.entry(set).or_default().extend(set_element(text));
                }
                Answer::Member(group, port, key) => {
                    world.keys.insert(port, *key);
                    world.groups.entry(group).or_default().push(Arc::clone(port));
                }
                Answer::Resident(port) => world.residents.push(port),
                Answer::Tunnel(port, ofport) => {
                    let first = world.tunnels.entry(port).or_insert(*ofport);
                    *first = (*first).min(*ofport);
                }
            }
        }
        let (read, place) = base?;
        let parsed = read.parsed().ok()?;
        // A group none of whose ports matters here is there all the same.
        for group in &parsed.groups {
            world.groups.entry(group).or_default();
        }
        // Elements count in the order of their text, ports in that of their names, as they do in the database.
        world.sets.values_mut().for_each(|elements| elements.sort());
        world.groups.values_mut().for_each(|ports| ports.sort());
        Some(Asked { says: &read.says, parsed, place, world })
    }

    /// The rows.
    fn contenders(&self) -> Vec<Contender> {
        let of = |rows: &[expression::Row]| {
            let making = if rows.is_empty() { None } else { Making::new(self) };
            making.map(|making| rows.iter().map(|row| making.contender(row)).collect()).unwrap_or_default()
        };
        match &self.parsed.match_ {
            Condition::Plain(rows) => of(rows),
            Condition::Asking(matcher) => {
                matcher.rows(&self.world, self.says.symbols()).map(|(rows, _)| of(&rows)).unwrap_or_default()
            }
        }
    }

    fn rows(&self) -> Vec<Outcome> {
        self.contenders().into_iter().map(Outcome::Row).collect()
    }

    /// The rows that there are whatever is in large address sets, and those of each of their elements.
    fn stencils(&self) -> Vec<Outcome> {
        let large = &self.world.large;
        let is_large = |set: &str| large.contains_key(set);
        let Condition::Asking(matcher) = &self.parsed.match_ else { return Vec::new() };
        let template = match matcher.template(&self.world, &is_large, self.says.symbols()) {
            Ok(Some(template)) => template,
            Ok(None) => return vec![Outcome::Entangled],
            Err(_) => return Vec::new(),
        };
        let fits = |(set, widest): (&&str, &u32)| {
            template.widths.get(*set).is_none_or(|width| *widest <= u32::from(*width))
        };
        let Some(making) = Making::new(self) else { return Vec::new() };
        // An element that names the port decides which chassis want the row.
        let names_port = template.of_elements.iter().any(|(_, hole, _)| hole.field == making.port);
        if !large.iter().all(fits) || names_port {
            return vec![Outcome::Entangled];
        }
        let rows = template.rows.iter().map(|row| Outcome::Row(making.contender(row)));
        let stencils = template.of_elements.iter().map(|(set, hole, row)| {
            Outcome::Stencil(Stencil { set: set.clone(), hole: *hole, contender: making.contender(row) })
        });
        rows.chain(stencils).collect()
    }
}

/// What is known of the world when a flow is translated.
#[derive(Default)]
pub(super) struct World<'a> {
    keys: BTreeMap<&'a str, u32>,
    sets: BTreeMap<&'a str, Vec<Number>>,
    /// Address sets that are large, and the bits that their widest elements need.
    large: BTreeMap<&'a str, u32>,
    groups: BTreeMap<&'a str, Vec<Text>>,
    residents: Vec<&'a str>,
    tunnels: BTreeMap<&'a str, u16>,
}

impl Sets for World<'_> {
    fn address_set(&self, name: &str) -> Option<&[Number]> {
        self.sets.get(name).map(Vec::as_slice)
    }

    fn port_group(&self, name: &str) -> Option<&[Text]> {
        self.groups.get(name).map(Vec::as_slice)
    }
}

impl Chassis for World<'_> {
    fn port_key(&self, name: &str) -> Option<u32> {
        // What ovn-controller takes for no port.
        if name == "none" { Some(0) } else { self.keys.get(name).copied() }
    }

    fn is_resident(&self, port: &str) -> bool {
        self.residents.contains(&port)
    }
}

/// Collects the groups and meters of a flow's actions.
struct Collector<'a> {
    world: &'a World<'a>,
    place: &'a Place,
    actions: Actions,
}

impl Collector<'_> {
    fn meter_number(&mut self, meter: Meter) -> u32 {
        let meters = &mut self.actions.meters;
        let place = meters.iter().position(|known| *known == meter).unwrap_or_else(|| {
            meters.push(meter);
            meters.len() - 1
        });
        place as u32 + 1
    }
}

impl Environment for Collector<'_> {
    fn port_key(&self, name: &str) -> Option<u32> {
        self.world.port_key(name)
    }

    fn is_local(&self, port: &str) -> bool {
        self.world.is_resident(port)
    }

    fn tunnel_port(&self, port: &str) -> Option<Port> {
        self.world.tunnels.get(port).copied().map(Port)
    }

    fn group(&mut self, group: &action::Group) -> Option<u32> {
        let group = Group::of(group)?;
        let groups = &mut self.actions.groups;
        let place = groups.iter().position(|known| *known == group).unwrap_or_else(|| {
            groups.push(group);
            groups.len() - 1
        });
        Some(place as u32 + 1)
    }

    fn meter(&mut self, meter: action::Meter<'_>) -> Option<u32> {
        Some(self.meter_number(Meter::of(meter)))
    }

    fn has_collector_set(&self, id: u32) -> bool {
        self.place.settings.collector_sets.contains(&id)
    }
}

/// Makes contenders of the rows of a match.
struct Making<'a> {
    says: &'a Says,
    place: &'a Place,
    effect: Effect,
    table: u8,
    /// The register of the port that the pipeline goes by.
    port: Field,
    wanted_at: Option<u32>,
    /// What is added to the numbers of conjunctive matches.
    first: u32,
}

impl<'a> Making<'a> {
    /// `None` if the flow has no rows here.
    fn new(asked: &Asked<'a>) -> Option<Making<'a>> {
        let Asked { says, parsed, place, world } = asked;
        let wanted_at = match says.port.as_ref().map(|name| world.port_key(name)) {
            Some(None) => return None,
            Some(key) => key,
            None => None,
        };
        Some(Making {
            says,
            place,
            effect: match parsed.match_ {
                Condition::Plain(_) => parsed.effect(says, place, || effect(says, parsed, place, world))?,
                Condition::Asking(_) => effect(says, parsed, place, world)?,
            },
            table: says.pipeline().first() + says.table,
            port: if says.ingress { register::INPORT } else { register::OUTPORT },
            wanted_at,
            first: first_conjunction(says.version.flow, place.datapath) - 1,
        })
    }

    fn contender(&self, row: &expression::Row) -> Contender {
        let fields = row.fields.with(Field::METADATA, self.place.key.into(), Field::METADATA.full_mask());
        let row = expression::Row { fields, conjunctions: row.conjunctions.clone() }.after(self.first);
        let fixed = row.fields.get(self.port).map(|constraint| constraint.value as u32);
        Contender {
            datapath: self.place.datapath,
            table: self.table,
            priority: self.says.priority,
            port: self.wanted_at.or(fixed.filter(|key| self.place.is_switch && *key != 0)),
            fields: Shared::new(row.fields),
            flow: self.says.version.flow,
            effect: if row.conjunctions.is_empty() {
                self.effect.clone()
            } else {
                Effect::Parts(row.conjunctions)
            },
        }
    }
}

/// What the actions of a flow do; `None` if they do not fit in a message.
fn effect(says: &Says, parsed: &Parsed, place: &Place, world: &World<'_>) -> Option<Effect> {
    let mut collector = Collector { world, place, actions: Actions::default() };
    let settings = &place.settings;
    let limited = says.meter.as_ref().filter(|_| settings.meters);
    let context = Context {
        pipeline: says.pipeline(),
        output_table: says.pipeline().output(),
        is_switch: place.is_switch,
        datapath_key: place.key,
        flow: says.version.flow.0,
        controller_meter: limited.map(|name| collector.meter_number(Meter::Named(name.clone()))),
        common_zone: if place.snat_zone_for_both { register::SNAT_ZONE } else { register::DNAT_ZONE },
        explicit_output: settings.explicit_output,
        register_consolidation: settings.register_consolidation,
        features: settings.features(),
    };
    let actions = action::encode(&parsed.actions, &context, &mut collector);
    if actions.is_empty() {
        return Some(Effect::Drop);
    }
    let mut collected = collector.actions;
    collected.bytes = openflow::encode(&actions).ok()?;
    Some(Effect::Act(Shared::new(collected)))
}

/// The number of a flow's first conjunctive match in a datapath; the others follow. It is a hash of the first words of
/// the two identifiers, so that it needs no memory: the one (MurmurHash3) with which ovn-controller begins to look for
/// free numbers, where that is built without the instructions of a special processor. Flows of one datapath have
/// different first numbers unless their first words are the same. Nothing keeps the numbers that follow apart: two flows
/// of one datapath with ten each overlap once in 200 million pairs, where ovn-controller would look further.
pub fn first_conjunction(flow: Uuid, datapath: Uuid) -> u32 {
    let word = |uuid: Uuid| (uuid.0 >> 96) as u32;
    let mix = |hash: u32, data: u32| {
        let data = data.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        (hash ^ data).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    };
    // The length that is hashed, in bytes.
    let hash = mix(mix(word(flow), 0), word(datapath)) ^ 8;
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    // 0 is no number.
    (hash ^ hash >> 16).max(1)
}

/// The contender whose row is there, of those with one key: a mark, else one that acts, else one that drops, else all
/// that are parts of conjunctive matches together.
pub(super) fn winner<'a>(contenders: impl Iterator<Item = &'a Contender>) -> Option<Cow<'a, Contender>> {
    // Most have no rival.
    let mut all: SmallVec<[&Contender; 4]> = contenders.collect();
    all.sort_by(|a, b| (&a.effect, a.flow).cmp(&(&b.effect, b.flow)));
    let first = *all.first()?;
    let Effect::Parts(_) = first.effect else { return Some(Cow::Borrowed(first)) };
    let mut parts: Vec<Conjunction> = all
        .iter()
        .flat_map(|contender| match &contender.effect {
            Effect::Parts(parts) => parts.clone(),
            _ => Vec::new(),
        })
        .collect();
    parts.sort_by_key(|part| (part.id, part.clause));
    parts.dedup_by_key(|part| part.id);
    Some(Cow::Owned(Contender { effect: Effect::Parts(parts), ..first.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(flow: u128, effect: Effect) -> Contender {
        Contender {
            datapath: Uuid(1),
            table: 8,
            priority: 5,
            fields: Shared::default(),
            port: None,
            flow: Uuid(flow),
            effect,
        }
    }

    #[test]
    fn who_wins() {
        let act = contender(3, Effect::Act(Shared::default()));
        let drops = contender(2, Effect::Drop);
        let part = |flow, id| contender(flow, Effect::Parts(vec![Conjunction { id, clause: 0, of: 2 }]));
        let (one, other) = (part(1, 1), part(3, 9));
        assert_eq!(winner([&drops, &act, &one].into_iter()).as_deref(), Some(&act));
        assert_eq!(winner([&one, &drops].into_iter()).as_deref(), Some(&drops));
        let (first, second) = (part(1, 9), part(2, 4));
        let both = winner([&first, &second, &other].into_iter()).expect("there are some");
        let Effect::Parts(parts) = &both.effect else { panic!("parts: {both:?}") };
        assert_eq!(parts.iter().map(|part| part.id).collect::<Vec<_>>(), [4, 9]);
    }
}
