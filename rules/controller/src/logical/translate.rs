//! A logical flow in a datapath, translated: the rows that it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use northflow_language::action::{self, Context, Environment};
use northflow_language::expression::{Chassis, Conjunction, Match, Sets, set_element};
use northflow_language::lexer::Number;
use northflow_language::openflow::{self, Field, Port};
use northflow_language::register;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::read::{Parsed, Read, Says};
use crate::row::{Actions, Group, Meter};

/// What a flow in a datapath asks the database and the chassis about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The flow and the datapath are there.
    Base(Read, Arc<Place>),
    /// The number of a port or a multicast group.
    Key(Text, u32),
    /// There is an address set.
    Set(Text),
    /// An element of an address set.
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
    pub fields: Arc<Match>,
    /// Only chassis to which this port of the datapath matters want it.
    pub port: Option<u32>,
    pub flow: Uuid,
    pub effect: Effect,
}

/// What a contender does; the first wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Effect {
    Act(Arc<Actions>),
    Drop,
    Parts(Vec<Conjunction>),
}

/// What identifies a contender's row.
pub(super) type Key = (Uuid, u8, u16, Arc<Match>);

impl Contender {
    pub fn key(&self) -> Key {
        (self.datapath, self.table, self.priority, Arc::clone(&self.fields))
    }
}

/// The rows of a flow about which there is nothing to ask.
pub(super) fn plain(read: &Read, place: &Place) -> Vec<Contender> {
    let Ok(parsed) = read.parsed() else { return Vec::new() };
    contenders(&read.says, parsed, place, &World::default())
}

/// The rows of a flow, from all answers.
pub(super) fn answered<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<Contender> {
    let mut base = None;
    let mut world = World::default();
    for answer in answers {
        match answer {
            Answer::Base(read, place) => base = Some((read, place)),
            Answer::Key(name, key) => drop(world.keys.insert(name, *key)),
            Answer::Set(name) => drop(world.sets.entry(name).or_default()),
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
    let Some((read, place)) = base else { return Vec::new() };
    let Ok(parsed) = read.parsed() else { return Vec::new() };
    // A group none of whose ports matters here is there all the same.
    for group in &parsed.groups {
        world.groups.entry(group).or_default();
    }
    // Elements count in the order of their text, ports in that of their names, as they do in the database.
    world.sets.values_mut().for_each(|elements| elements.sort());
    world.groups.values_mut().for_each(|ports| ports.sort());
    contenders(&read.says, parsed, place, &world)
}

/// What is known of the world when a flow is translated.
#[derive(Default)]
struct World<'a> {
    keys: BTreeMap<&'a str, u32>,
    sets: BTreeMap<&'a str, Vec<Number>>,
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

/// The rows of a flow.
fn contenders(says: &Says, parsed: &Parsed, place: &Place, world: &World<'_>) -> Vec<Contender> {
    let Ok((rows, _)) = parsed.matcher.rows(world, says.symbols()) else { return Vec::new() };
    if rows.is_empty() {
        return Vec::new();
    }
    let Some(effect) = effect(says, parsed, place, world) else { return Vec::new() };
    let wanted_at = match says.port.as_ref().map(|name| world.port_key(name)) {
        Some(None) => return Vec::new(),
        Some(key) => key,
        None => None,
    };
    let first = conjunction_base(says.version.flow, place.datapath);
    let port = if says.ingress { register::INPORT } else { register::OUTPORT };
    let table = says.pipeline().first() + says.table;
    let contender = |row: northflow_language::expression::Row| {
        let mut row = row.after(first);
        row.fields.set(Field::METADATA, place.key.into(), Field::METADATA.full_mask());
        let fixed = row.fields.get(port).map(|constraint| constraint.value as u32);
        Contender {
            datapath: place.datapath,
            table,
            priority: says.priority,
            port: wanted_at.or(fixed.filter(|key| place.is_switch && *key != 0)),
            fields: Arc::new(row.fields),
            flow: says.version.flow,
            effect: if row.conjunctions.is_empty() {
                effect.clone()
            } else {
                Effect::Parts(row.conjunctions)
            },
        }
    };
    rows.into_iter().map(contender).collect()
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
    Some(Effect::Act(Arc::new(collected)))
}

/// What is added to the numbers of a flow's conjunctive matches in a datapath: a hash, so that it needs no
/// memory. Rows of one table and datapath have different numbers unless 32 bits happen to be equal.
fn conjunction_base(flow: Uuid, datapath: Uuid) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in flow.0.to_be_bytes().into_iter().chain(datapath.0.to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ hash >> 32) as u32
}

/// The contender whose row is there, of those with one key: one that acts, else one that drops, else all
/// that are parts of conjunctive matches together.
pub(super) fn winner<'a>(contenders: impl Iterator<Item = &'a Contender>) -> Option<Contender> {
    let mut all: Vec<&Contender> = contenders.collect();
    all.sort_by(|a, b| (&a.effect, a.flow).cmp(&(&b.effect, b.flow)));
    let first = *all.first()?;
    let Effect::Parts(_) = first.effect else { return Some(first.clone()) };
    let mut parts: Vec<Conjunction> = all
        .iter()
        .flat_map(|contender| match &contender.effect {
            Effect::Parts(parts) => parts.clone(),
            _ => Vec::new(),
        })
        .collect();
    parts.sort_by_key(|part| (part.id, part.clause));
    parts.dedup_by_key(|part| part.id);
    Some(Contender { effect: Effect::Parts(parts), ..first.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(flow: u128, effect: Effect) -> Contender {
        Contender {
            datapath: Uuid(1),
            table: 8,
            priority: 5,
            fields: Arc::default(),
            port: None,
            flow: Uuid(flow),
            effect,
        }
    }

    #[test]
    fn who_wins() {
        let act = contender(3, Effect::Act(Arc::default()));
        let drops = contender(2, Effect::Drop);
        let part = |flow, id| contender(flow, Effect::Parts(vec![Conjunction { id, clause: 0, of: 2 }]));
        assert_eq!(winner([&drops, &act, &part(1, 1)].into_iter()), Some(act.clone()));
        assert_eq!(winner([&part(1, 1), &drops].into_iter()), Some(drops));
        let both = winner([&part(1, 9), &part(2, 4), &part(3, 9)].into_iter()).expect("there are some");
        let Effect::Parts(parts) = both.effect else { panic!("parts: {both:?}") };
        assert_eq!(parts.iter().map(|part| part.id).collect::<Vec<_>>(), [4, 9]);
    }
}
