use std::collections::BTreeSet;

use super::class::{SwitchOptions, filter_sets, unknown_sets};
use super::port::tests::lines;
use super::*;
use crate::flow::stage::{DatapathType, STAGES};

/// The fixed flows of a switch in the classes given, one line each.
fn fixed_lines(sets: &[SwitchSet]) -> BTreeSet<String> {
    let flows = fixed_flows(DropConfig::default()).into_iter();
    let flows: Vec<Flow> = flows.filter(|(set, _)| sets.contains(set)).map(|(_, f)| f).collect();
    let lines = lines(&flows);
    let set: BTreeSet<String> = lines.iter().cloned().collect();
    assert_eq!(set.len(), lines.len(), "a flow is given twice");
    set
}

fn plain() -> Vec<SwitchSet> {
    let mut sets = SwitchOptions { vlan_passthru: false, arp_to_routers: true }.sets();
    sets.extend(unknown_sets(false, false));
    sets.extend(filter_sets(false, false));
    sets.push(SwitchSet::Multicast { relay: false, flood: false });
    sets.push(SwitchSet::HealthCheckUnmetered);
    sets
}

#[test]
fn an_empty_switch_has_the_flows_of_the_reference() {
    // What ovn-northd 26.03.1 gives for one switch without ports.
    let expected = include_str!("tests/empty_switch.txt");
    let expected: BTreeSet<String> = expected.lines().map(str::to_string).collect();
    assert_eq!(fixed_lines(&plain()), expected);
}

#[test]
fn every_stage_has_a_flow_that_matches_everything() {
    let flows = fixed_lines(&plain());
    for row in STAGES.iter().filter(|row| row.datapath == DatapathType::Switch) {
        let all = |line: &String| {
            line.starts_with(&format!("{} ", row.name)) && line.split(" | ").nth(1) == Some("1")
        };
        assert!(flows.iter().any(all), "{}", row.name);
    }
}

#[test]
fn classes_follow_their_facts() {
    use SwitchSet::*;
    assert_eq!(SwitchOptions { vlan_passthru: true, arp_to_routers: false }.sets(), [All, ArpToLayer2Only]);
    assert_eq!(unknown_sets(true, false), [LocalFdb, UnknownFlooded]);
    assert!(unknown_sets(true, true).is_empty());
    assert_eq!(filter_sets(false, true), [Filtered, WithoutAcl]);
    assert_eq!(filter_sets(true, false), [Filtered]);
    let blocked = fixed_lines(&[VlanBlocked]);
    assert_eq!(blocked.len(), 1);
    assert!(blocked.first().unwrap().contains("vlan.present"));
}
