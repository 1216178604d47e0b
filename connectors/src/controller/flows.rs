//! The program's rows as the switch is told of them: groups and meters get numbers, matches and actions
//! their wire form.

use std::collections::{BTreeSet, HashSet};

use northflow_controller::row::{self, Actions, Group, Meter};
use northflow_engine::{Rec, Weight};
use northflow_language::expression::Match;
use northflow_language::openflow::{self as language, Field};

use super::conjunctions::Conjunctions;
use super::numbers::{Binder, Numbers};
use crate::openflow::{
    Band, Bucket, Delta, Flow, FlowKey, Group as SwitchGroup, GroupKind, Malformed, Meter as SwitchMeter,
    MeterUnit, Selection,
};
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::OFCTRL;

static UNUSABLE: RateLimit = RateLimit::new(5, 60);

/// The parameter of a datapath's hash that is alike in both directions.
const SYMMETRIC: u64 = 1 << 32;

/// Numbers of groups, meters and conjunctive matches in use.
#[derive(Debug, Default)]
pub(super) struct Flows {
    pub groups: Numbers<Group>,
    pub meters: Numbers<Meter>,
    pub conjunctions: Conjunctions,
}

/// What a named meter is; `None` if there is none of that name.
pub(super) type NamedMeters<'a> = &'a dyn Fn(&str) -> Option<SwitchMeter>;

impl Flows {
    /// The change of the switch that a change of the program's rows asks for.
    ///
    /// Cost: the rows that change.
    pub fn absorb(&mut self, changes: &[(Rec, Weight)], named: NamedMeters<'_>) -> Delta {
        let row = |(rec, _): &'_ (Rec, Weight)| -> row::Row { rec.get::<row::Flow>().row.clone() };
        let come: Vec<row::Row> = changes.iter().filter(|(_, weight)| *weight > 0).map(row).collect();
        let gone: Vec<row::Row> = changes.iter().filter(|(_, weight)| *weight < 0).map(row).collect();
        // In order of the definitions, so that what comes at once has the same numbers in every run.
        let groups: BTreeSet<&Group> = come.iter().flat_map(|row| &row.actions.groups).collect();
        let meters: BTreeSet<&Meter> = come.iter().flat_map(|row| &row.actions.meters).collect();
        for group in &groups {
            self.groups.take(group);
        }
        for meter in &meters {
            self.meters.take(meter);
        }
        let mut delta = Delta::default();
        let mut placed = HashSet::new();
        for row in &come {
            self.hold(&row.actions);
            self.conjunctions.follow(row, 1);
            match self.flow(row) {
                Ok((key, flow)) => {
                    placed.insert(key.clone());
                    delta.flows.push((key, Some(flow)));
                }
                Err(problem) => OFCTRL.warn_limited(&UNUSABLE, format_args!("{row:?}: {problem}")),
            }
        }
        for row in &gone {
            self.release(&row.actions);
            self.conjunctions.follow(row, -1);
            if let Ok(key) = key(row)
                && !placed.contains(&key)
            {
                delta.flows.push((key, None));
            }
        }
        groups.into_iter().for_each(|group| self.groups.release(group));
        meters.into_iter().for_each(|meter| self.meters.release(meter));
        for (number, group) in self.groups.settle() {
            let group = group.map(|group| switch_group(&group)).transpose();
            match group {
                Ok(group) => delta.groups.push((number, group)),
                Err(problem) => OFCTRL.warn_limited(&UNUSABLE, format_args!("group {number}: {problem}")),
            }
        }
        for (number, meter) in self.meters.settle() {
            let meter = meter.and_then(|meter| switch_meter(&meter, named));
            delta.meters.push((number, meter));
        }
        delta
    }

    /// The change of the switch that a change of named meters asks for.
    pub fn renamed<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        named: NamedMeters<'_>,
    ) -> Vec<(u32, Option<SwitchMeter>)> {
        let of = |name: &str| Some((self.meters.number(&Meter::Named(name.into()))?, named(name)));
        names.into_iter().filter_map(of).collect()
    }

    /// A flow has these actions.
    fn hold(&mut self, actions: &Actions) {
        for group in &actions.groups {
            self.groups.take(group);
        }
        for meter in &actions.meters {
            self.meters.take(meter);
        }
    }

    /// A flow has them no more.
    fn release(&mut self, actions: &Actions) {
        actions.groups.iter().for_each(|group| self.groups.release(group));
        actions.meters.iter().for_each(|meter| self.meters.release(meter));
    }

    fn flow(&mut self, row: &row::Row) -> Result<(FlowKey, Flow), Problem> {
        let mut binder = Binder { groups: &mut self.groups, meters: &mut self.meters };
        // Most flows show no numbers, and are in wire form already.
        let actions = match row.actions.groups.is_empty() && row.actions.meters.is_empty() {
            true => Flow::new(row.cookie.into(), &row.actions.bytes)?,
            false => {
                let actions = row.actions.bind(&mut binder)?;
                Flow::new(row.cookie.into(), &language::encode(&actions)?)?
            }
        };
        Ok((key(row)?, actions))
    }
}

fn key(row: &row::Row) -> Result<FlowKey, Malformed> {
    FlowKey::new(row.table, row.priority, &row.fields.encode())
}

/// Why a row cannot be told to a switch.
#[derive(Debug)]
enum Problem {
    Malformed(Malformed),
    Actions(language::DecodeError),
    TooLong(language::TooLong),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::Malformed(problem) => problem.fmt(f),
            Problem::Actions(problem) => problem.fmt(f),
            Problem::TooLong(problem) => problem.fmt(f),
        }
    }
}

impl From<Malformed> for Problem {
    fn from(problem: Malformed) -> Problem {
        Problem::Malformed(problem)
    }
}

impl From<language::DecodeError> for Problem {
    fn from(problem: language::DecodeError) -> Problem {
        Problem::Actions(problem)
    }
}

impl From<language::TooLong> for Problem {
    fn from(problem: language::TooLong) -> Problem {
        Problem::TooLong(problem)
    }
}

/// A group as the switch is told of it.
fn switch_group(group: &Group) -> Result<SwitchGroup, Malformed> {
    let selection = match &group.fields {
        None => Selection::new(true, if group.symmetric { SYMMETRIC } else { 0 }, &[])?,
        Some(names) => Selection::new(false, 0, &fields(names).encode())?,
    };
    let bucket = |bucket: &row::Bucket| {
        let mut made = Bucket::new(bucket.id, bucket.weight, &bucket.actions)?;
        made.watch_port = bucket.watch_port.map(u32::from);
        Ok(made)
    };
    Ok(SwitchGroup {
        kind: GroupKind::Select,
        selection: Some(selection),
        buckets: group.buckets.iter().map(bucket).collect::<Result<_, _>>()?,
    })
}

/// All bits of the fields of these names.
fn fields(names: &str) -> Match {
    let mut all = Match::default();
    for field in names.split(',').filter_map(|name| Field::find_any(name.trim())) {
        all.set(field, field.full_mask(), field.full_mask());
    }
    all
}

/// A meter as the switch is told of it; `None` if nothing is known of it.
fn switch_meter(meter: &Meter, named: NamedMeters<'_>) -> Option<SwitchMeter> {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    match meter {
        Meter::Named(name) => named(name),
        Meter::Limit { rate, burst, .. } => Some(SwitchMeter {
            unit: MeterUnit::Kilobits,
            bands: vec![Band { rate: number(*rate), burst: number(*burst) }],
        }),
    }
}

/// The text of `group-table-list`: definitions with their numbers.
pub(super) fn group_list(groups: &Numbers<Group>) -> String {
    list(groups.iter().map(|(group, number)| (group.definition.to_string(), number)))
}

/// The text of `meter-table-list`.
pub(super) fn meter_list(meters: &Numbers<Meter>) -> String {
    let name = |meter: &Meter| match meter {
        Meter::Named(name) => name.to_string(),
        Meter::Limit { definition, .. } => definition.to_string(),
    };
    list(meters.iter().map(|(meter, number)| (name(meter), number)))
}

fn list(pairs: impl Iterator<Item = (String, u32)>) -> String {
    let mut pairs: Vec<(String, u32)> = pairs.collect();
    pairs.sort();
    pairs.into_iter().map(|(name, number)| format!("{name}: {number}\n")).collect()
}

#[cfg(test)]
mod tests {
    use northflow_controller::row::Row;
    use northflow_controller::shared::Shared;
    use northflow_language::openflow::Action;
    use northflow_rules::ovsdb::Uuid;

    use super::*;

    fn group(definition: &str) -> Group {
        Group { definition: definition.into(), fields: None, symmetric: false, buckets: Vec::new() }
    }

    fn flow(priority: u16, of: Option<Group>) -> Rec {
        let mut actions = Actions::new(&[Action::resubmit(9)]).unwrap();
        if let Some(of) = of {
            actions = Actions::new(&[Action::Group(1)]).unwrap();
            actions.groups = vec![of];
        }
        let (fields, actions) = (Shared::default(), Shared::new(actions));
        Rec::new(row::Flow { chassis: Uuid(1), row: Row { table: 8, priority, fields, cookie: 7, actions } })
    }

    #[test]
    fn groups_live_as_long_as_flows_use_them() {
        let mut flows = Flows::default();
        let none = |_: &str| None;
        let delta = flows.absorb(&[(flow(1, Some(group("b"))), 1), (flow(2, Some(group("a"))), 1)], &none);
        assert_eq!(delta.groups.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(group_list(&flows.groups), "a: 1\nb: 2\n");
        // Another definition for one of them.
        let changes = [(flow(1, Some(group("b"))), -1), (flow(1, Some(group("c"))), 1)];
        let delta = flows.absorb(&changes, &none);
        assert_eq!(delta.flows.len(), 1);
        assert!(delta.flows[0].1.is_some());
        assert_eq!(group_list(&flows.groups), "a: 1\nc: 3\n");
        let delta = flows.absorb(&[(flow(1, Some(group("c"))), -1)], &none);
        assert_eq!(delta.flows.iter().filter(|(_, flow)| flow.is_none()).count(), 1);
        assert_eq!(delta.groups.iter().filter(|(_, group)| group.is_none()).count(), 1);
    }

    #[test]
    fn named_meters_follow_their_rows() {
        let mut flows = Flows::default();
        flows.meters.take(&Meter::Named("m".into()));
        let band = Band { rate: 5, burst: 0 };
        let known = SwitchMeter { unit: MeterUnit::Packets, bands: vec![band] };
        let named = |name: &str| (name == "m").then(|| known.clone());
        assert_eq!(flows.renamed(["m", "x"], &named), [(1, Some(known.clone()))]);
        assert_eq!(flows.absorb(&[], &named).meters, [(1, Some(known.clone()))]);
        assert_eq!(meter_list(&flows.meters), "m: 1\n");
    }

    #[test]
    fn fields_of_a_group_are_told_whole() {
        assert_eq!(fields("ip_src,ip_dst,nw_proto").iter().count(), 3);
    }
}
