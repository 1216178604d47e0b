//! Numbers of connection zones, as ovn-controller gives them out: kept in the integration bridge, so that
//! connections survive a restart.

use std::collections::{BTreeMap, BTreeSet};

use northflow_controller::zone::Wanted;
use northflow_engine::{Rec, Weight};
use northflow_rules::chassis::settings::Settings;
use northflow_rules::ovsdb::Text;
use northflow_rules::schema::{Map, key_uuid, ovs};

use super::local::Local;
use super::writes::Writes;

/// Before the name of a zone stands this in `Bridge.external_ids`.
pub(super) const KEY: &str = "ct-zone-";

/// Zones by name.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    wanted: BTreeMap<Text, Want>,
    numbers: BTreeMap<Text, u16>,
    /// Whether the bridge has been asked for what it knows.
    restored: bool,
}

/// A zone that the program wants: how often, and with what numbers.
#[derive(Debug, Default)]
struct Want {
    count: isize,
    requested: BTreeMap<u16, isize>,
    limits: BTreeMap<u32, isize>,
}

impl Want {
    fn number(&self) -> Option<u16> {
        self.requested.keys().next_back().copied()
    }

    fn limit(&self) -> Option<u32> {
        self.limits.keys().next_back().copied()
    }
}

/// What becomes of zones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Zones that have a number now.
    pub come: Vec<(Text, u16)>,
    /// Zones that have it no more.
    pub gone: Vec<(Text, u16)>,
    /// Numbers whose connections are to be forgotten.
    pub flush: Vec<u16>,
}

/// The numbers that may be given out (`ct-zone-range`): the first and the last.
pub(super) fn range(settings: &Settings<'_>) -> (u16, u16) {
    let text = settings.text("ct-zone-range", "");
    let (first, last) = text.split_once('-').unwrap_or((text, ""));
    let Some(first) = first.trim().parse().ok().filter(|first| *first >= 1) else { return (1, u16::MAX) };
    (first, last.trim().parse().unwrap_or(u16::MAX))
}

fn count<T: Ord>(counts: &mut BTreeMap<T, isize>, value: Option<T>, weight: isize) {
    let Some(value) = value else { return };
    let held = counts.get(&value).copied().unwrap_or(0) + weight;
    match held {
        0 => drop(counts.remove(&value)),
        _ => drop(counts.insert(value, held)),
    }
}

/// Sets the limits of zones in the datapath, and takes those away that zones among `ours` have besides. Left in `ours`
/// are the zones that have a limit.
///
/// Cost: these zones.
pub(super) fn limit(
    limits: &BTreeMap<i64, i64>,
    ours: &mut BTreeSet<i64>,
    local: &Local<'_>,
    switch: &mut Writes,
) {
    let Some(datapath) = local.datapath() else { return };
    for (number, limit) in limits {
        match datapath.ct_zones.get(number) {
            Some(zone) => {
                if local.zone(*zone).is_some_and(|row| row.limit != Some(*limit)) {
                    switch.set::<ovs::CtZone>(*zone, "limit", &Some(*limit));
                }
            }
            None => {
                let uuid = key_uuid("CT_Zone", &[&number.to_string(), &super::now().to_string()]);
                switch.insert(&ovs::CtZone { uuid, limit: Some(*limit) });
                switch.refer::<ovs::Datapath>(datapath.uuid, "ct_zones", *number, uuid);
            }
        }
    }
    let is_limited = |number: &i64| {
        let row = datapath.ct_zones.get(number).and_then(|zone| local.zone(*zone));
        row.is_some_and(|row| row.limit.is_some())
    };
    let others = ours.iter().filter(|number| !limits.contains_key(*number));
    let gone: Vec<i64> = others.copied().filter(is_limited).collect();
    if !gone.is_empty() {
        switch.forget::<ovs::Datapath>(datapath.uuid, "ct_zones", gone);
    }
    ours.retain(is_limited);
    ours.extend(limits.keys());
}

impl Zones {
    /// Takes over what the bridge knows, once. Zones that are not wanted go with [`Zones::assign`] of all.
    pub fn restore(&mut self, external_ids: &Map) -> Vec<(Text, u16)> {
        if std::mem::replace(&mut self.restored, true) {
            return Vec::new();
        }
        for (key, value) in external_ids.iter() {
            if let (Some(name), Ok(number)) = (key.strip_prefix(KEY), value.parse::<u16>())
                && !name.is_empty()
            {
                self.numbers.insert(name.into(), number);
            }
        }
        self.numbers.iter().map(|(name, number)| (name.clone(), *number)).collect()
    }

    /// The program wants other zones: gives the names to look at.
    pub fn want(&mut self, changes: &[(Rec, Weight)]) -> BTreeSet<Text> {
        let mut touched = BTreeSet::new();
        for (rec, weight) in changes {
            let Wanted { name, number, limit, .. } = rec.get::<Wanted>();
            let want = self.wanted.entry(name.clone()).or_default();
            want.count += weight;
            count(&mut want.requested, *number, *weight);
            count(&mut want.limits, *limit, *weight);
            touched.insert(name.clone());
        }
        self.wanted.retain(|_, want| want.count != 0);
        touched
    }

    /// The names of all zones that have a number or are to have one.
    pub fn known(&self) -> BTreeSet<Text> {
        self.numbers.keys().chain(self.wanted.keys()).cloned().collect()
    }

    /// Gives numbers from `range` to those of `names` that are wanted, and takes them from the others. Who
    /// asks for a number gets it, and who has it without asking another one. A zone whose request is gone
    /// keeps its number.
    ///
    /// Cost: the names, and the numbers in use where a new one is needed.
    pub fn assign(&mut self, mut names: BTreeSet<Text>, range: (u16, u16)) -> Changes {
        let mut changes = Changes::default();
        let requests: Vec<(Text, u16)> = names
            .iter()
            .filter_map(|name| Some((name.clone(), self.wanted.get(name)?.number()?)))
            .filter(|(name, number)| self.numbers.get(name) != Some(number))
            .collect();
        for name in &names {
            if !self.wanted.contains_key(name) {
                self.drop(name, &mut changes);
            }
        }
        for (name, number) in requests {
            let holders = self.numbers.iter().filter(|(_, held)| **held == number);
            let evicted: Vec<Text> = holders
                .map(|(holder, _)| holder.clone())
                .filter(|holder| self.wanted.get(holder).is_none_or(|want| want.number() != Some(number)))
                .collect();
            for holder in evicted {
                self.drop(&holder, &mut changes);
                names.insert(holder);
            }
            self.drop(&name, &mut changes);
            self.give(name, number, &mut changes);
        }
        let mut used: Option<BTreeSet<u16>> = None;
        for name in names {
            let outside = self.numbers.get(&name).is_some_and(|number| {
                let asked = self.wanted.get(&name).is_some_and(|want| want.number().is_some());
                !asked && !(range.0..=range.1).contains(number)
            });
            if outside {
                self.drop(&name, &mut changes);
            }
            if self.numbers.contains_key(&name) || !self.wanted.contains_key(&name) {
                continue;
            }
            let used = used.get_or_insert_with(|| self.numbers.values().copied().collect());
            if let Some(number) = (range.0..=range.1).find(|number| !used.contains(number)) {
                used.insert(number);
                self.give(name, number, &mut changes);
            }
        }
        changes.flush.sort_unstable();
        changes.flush.dedup();
        changes
    }

    fn drop(&mut self, name: &Text, changes: &mut Changes) {
        if let Some(number) = self.numbers.remove(name) {
            changes.gone.push((name.clone(), number));
            changes.flush.push(number);
        }
    }

    fn give(&mut self, name: Text, number: u16, changes: &mut Changes) {
        self.numbers.insert(name.clone(), number);
        changes.come.push((name, number));
        changes.flush.push(number);
    }

    /// The zones with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, u16)> {
        self.numbers.iter().map(|(name, number)| (name, *number))
    }

    /// The zones that may have only so many connections.
    pub fn limits(&self) -> BTreeMap<i64, i64> {
        let limit =
            |(name, want): (&Text, &Want)| Some((i64::from(*self.numbers.get(name)?), want.limit()?.into()));
        self.wanted.iter().filter_map(limit).collect()
    }

    /// What is to be changed in the bridge's `external_ids` to keep them: pairs, and keys that go.
    pub fn to_keep(&self, external_ids: &Map) -> (Vec<(Text, Text)>, Vec<Text>) {
        let mut put = Vec::new();
        for (name, number) in &self.numbers {
            let (key, value) = (Text::from(format!("{KEY}{name}")), Text::from(number.to_string()));
            if external_ids.get(&key) != Some(&value) {
                put.push((key, value));
            }
        }
        let gone = external_ids.iter().map(|(key, _)| key).filter(|key| {
            key.strip_prefix(KEY).is_some_and(|name| !name.is_empty() && !self.numbers.contains_key(name))
        });
        (put, gone.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Uuid;

    use super::*;

    const ALL: (u16, u16) = (1, u16::MAX);

    fn want(zones: &mut Zones, name: &str, number: Option<u16>, weight: Weight) -> Changes {
        let wanted = Wanted { chassis: Uuid(1), name: name.into(), number, limit: None };
        let names = zones.want(&[(Rec::new(wanted), weight)]);
        zones.assign(names, ALL)
    }

    fn numbers(zones: &Zones) -> Vec<(String, u16)> {
        zones.iter().map(|(name, number)| (name.to_string(), number)).collect()
    }

    #[test]
    fn the_lowest_free_number_is_given_and_flushed() {
        let mut zones = Zones::default();
        assert_eq!(want(&mut zones, "a", None, 1).flush, [1]);
        want(&mut zones, "b", None, 1);
        let gone = want(&mut zones, "a", None, -1);
        assert_eq!((gone.gone, gone.flush), (vec![("a".into(), 1)], vec![1]));
        assert_eq!(want(&mut zones, "c", None, 1).come, [("c".into(), 1)]);
    }

    #[test]
    fn requests_win() {
        let mut zones = Zones::default();
        want(&mut zones, "a", None, 1);
        let changes = want(&mut zones, "r_snat", Some(1), 1);
        assert_eq!(numbers(&zones), [("a".into(), 2), ("r_snat".into(), 1)]);
        assert_eq!((changes.gone, changes.flush), (vec![("a".into(), 1)], vec![1, 2]));
        // Several may ask for one; and who asks no more keeps what it has.
        want(&mut zones, "s_snat", Some(1), 1);
        assert_eq!(numbers(&zones)[2], ("s_snat".into(), 1));
        let taken = Wanted { chassis: Uuid(1), name: "r_snat".into(), number: Some(1), limit: None };
        let plain = Wanted { number: None, ..taken.clone() };
        let names = zones.want(&[(Rec::new(taken), -1), (Rec::new(plain), 1)]);
        assert_eq!(zones.assign(names, ALL), Changes::default());
    }

    #[test]
    fn what_the_bridge_knows_is_kept() {
        let mut zones = Zones::default();
        let ids: Map = [("ct-zone-a", "7"), ("ct-zone-old", "8"), ("other", "1"), ("ct-zone-", "3")]
            .into_iter()
            .map(|(key, value)| (key, Text::from(value)))
            .collect();
        assert_eq!(zones.restore(&ids).len(), 2);
        assert_eq!(want(&mut zones, "a", None, 1), Changes::default());
        let all = zones.known();
        assert_eq!(zones.assign(all, ALL).gone, [("old".into(), 8)]);
        assert_eq!(zones.to_keep(&ids), (Vec::new(), vec![Text::from("ct-zone-old")]));
        want(&mut zones, "b", None, 1);
        assert_eq!(zones.to_keep(&ids).0, [("ct-zone-b".into(), "1".into())]);
    }

    #[test]
    fn another_range_moves_what_is_outside() {
        let mut zones = Zones::default();
        for (name, number) in [("a", None), ("b", None), ("c", None), ("r_snat", Some(9))] {
            want(&mut zones, name, number, 1);
        }
        let changes = zones.assign(zones.known(), (2, 3));
        assert_eq!((changes.gone, changes.come), (vec![("a".into(), 1)], Vec::new()), "no number is left");
        assert_eq!(zones.assign(zones.known(), (2, 4)).come, [("a".into(), 4)]);
        assert_eq!(numbers(&zones)[3], ("r_snat".into(), 9), "who asks for a number has it anywhere");
    }

    #[test]
    fn the_range_is_two_numbers() {
        let range_of = |text: &str| {
            let ids: Map = [("ct-zone-range", Text::from(text))].into_iter().collect();
            range(&Settings::new(&ids, "c"))
        };
        assert_eq!(range_of("10-20"), (10, 20));
        assert_eq!((range_of(""), range_of("0-5"), range_of("5-x")), (ALL, ALL, (5, u16::MAX)));
    }
}
