use std::collections::BTreeSet;

use super::class::{SwitchOptions, filter_sets, unknown_sets};
use super::port::tests::{lines, port as named};
use super::port::{Port, PortKind};
use super::*;
use crate::flow::stage::{DatapathType, STAGES};
use crate::service::{arp_nd, virtual_port};
use crate::value::addresses::Addresses;

/// The fixed flows of a switch in the classes given, one line each.
fn fixed_lines(sets: &[SwitchSet]) -> BTreeSet<String> {
    let acls = crate::acl::fixed_flows(crate::acl::Settings::default());
    let flows = fixed_flows(DropConfig::default()).into_iter().chain(acls);
    let flows: Vec<Flow> = flows.filter(|(set, _)| sets.contains(set)).map(|(_, f)| f).collect();
    let lines = lines(&flows);
    let set: BTreeSet<String> = lines.iter().cloned().collect();
    assert_eq!(set.len(), lines.len(), "a flow is given twice");
    set
}

fn plain() -> Vec<SwitchSet> {
    let mut sets = SwitchOptions { vlan_passthru: false, arp_to_routers: true, local_fdb_first: None }.sets();
    sets.extend(unknown_sets(false, false));
    sets.extend(filter_sets(false, false));
    sets.push(SwitchSet::Multicast { relay: false, flood: false });
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
    assert_eq!(
        SwitchOptions { vlan_passthru: true, arp_to_routers: false, local_fdb_first: None }.sets(),
        [All, ArpToLayer2Only]
    );
    assert_eq!(unknown_sets(true, false), [LocalFdb, UnknownFlooded]);
    assert_eq!(unknown_sets(false, true), [RemoteFdb, RemoteUnknownDropped]);
    assert_eq!(filter_sets(false, true), [Filtered, Balanced, WithoutAcl]);
    assert_eq!(filter_sets(true, false), [Filtered]);
    let blocked = fixed_lines(&[VlanBlocked]);
    assert_eq!(blocked.len(), 1);
    assert!(blocked.first().unwrap().contains("vlan.present"));
}

/// A port of [`a_switch_with_every_kind_of_port_has_the_flows_of_the_reference`]: type, name, addresses, and the rest by default.
struct Row {
    name: &'static str,
    kind: &'static str,
    addresses: &'static [&'static str],
    enabled: bool,
    queue: Option<&'static str>,
    option: &'static str,
}

fn row(kind: &'static str, name: &'static str, addresses: &'static [&'static str]) -> Row {
    Row { name, kind, addresses, enabled: true, queue: None, option: "" }
}

/// Every family applied to one port, as joins will apply it.
fn port_flows(row: &Row, localnet: &Port) -> Vec<Flow> {
    let drop = DropConfig::default();
    let port = named(row.name);
    let kind = PortKind::read(row.kind);
    let unknown = row.addresses.contains(&"unknown") || kind == PortKind::Switch;
    let addresses: Vec<Addresses> = row.addresses.iter().filter_map(|text| Addresses::read(text)).collect();
    let option = |name| row.option == name;
    let learning = fdb::Learning {
        kind,
        unknown,
        secured: option("port_security"),
        vif: true,
        localnet: option("localnet_learn_fdb"),
    };
    let delivery = l2_lookup::Delivery {
        kind,
        enabled: row.enabled,
        unknown,
        force_fdb: option("force_fdb_lookup"),
        clone_to_unknown: option("mc_unknown"),
        unknown_on_switch: true,
    };
    let responder = arp_nd::Responder { kind, unknown, disabled: option("disable_arp_nd_rsp"), up: false };
    let answering = arp_nd::Answering { ignore_down: true, vlan_passthru: false, proxy: false };

    let mut flows = admission::port(&port, kind, row.enabled, row.queue, drop);
    if let Some(queue) = row.queue {
        flows.extend(port_security::queue(&port, kind, row.enabled, queue, Some(localnet)));
    }
    flows.extend(path_mtu::port(&port, kind, &addresses));
    flows.extend(fdb::port(&port, learning));
    flows.extend(l2_lookup::port(&port, delivery, &addresses, drop));
    // The one router port here has no peer, and is tracked like any other.
    if kind != PortKind::Router {
        let filter = conntrack_bypass::Filter { stateful_acl: false, vip: false };
        flows.extend(conntrack_bypass::port(&port, kind, false, filter));
    }
    flows.extend(arp_nd::port(&port, responder, &answering, &addresses));
    if kind == PortKind::Localnet {
        flows.extend(arp_nd::localnet(&port, false));
    }
    if kind == PortKind::Virtual {
        flows.extend(virtual_port::port(&port, row.option, &named("b")));
    }
    flows
}

#[test]
fn a_switch_with_every_kind_of_port_has_the_flows_of_the_reference() {
    let rows = [
        Row { option: "force_fdb_lookup", ..row("", "a", &["unknown", "0a:00:00:00:00:03 10.0.0.3"]) },
        Row { queue: Some("1"), option: "localnet_learn_fdb", ..row("localnet", "ln", &["unknown"]) },
        Row { queue: Some("2"), ..row("", "b", &["0a:00:00:00:00:04 10.0.0.4 fd00::4 10.0.0.14"]) },
        Row { enabled: false, ..row("", "c", &["0a:00:00:00:00:05 10.0.0.5"]) },
        Row { option: "mc_unknown", ..row("", "d", &["0a:00:00:00:00:06 10.0.0.6", "0a:00:00:00:00:16"]) },
        Row { option: "port_security", ..row("", "e", &["unknown"]) },
        Row { option: "disable_arp_nd_rsp", ..row("", "f", &["0a:00:00:00:00:08 10.0.0.8"]) },
        row("", "k", &["0a:00:00:00:00:09 10.0.0.9"]),
        row("localport", "lp", &["0a:00:00:00:00:0a 10.0.0.10"]),
        row("l2gateway", "l2", &["unknown"]),
        row("vtep", "vt", &["unknown"]),
        row("external", "ex", &["0a:00:00:00:00:0b 10.0.0.11"]),
        Row { option: "10.0.0.77", ..row("virtual", "vi", &["0a:00:00:00:00:0c 10.0.0.77"]) },
        Row { option: "fd00::77", ..row("virtual", "vj", &["0a:00:00:00:00:0d fd00::77"]) },
        row("remote", "re", &["0a:00:00:00:00:0e 10.0.0.12", "unknown"]),
        row("router", "rp", &["0a:00:00:00:00:0f 10.0.0.13 ::ffff:1.2.3.4"]),
        row("switch", "sw", &[]),
        row("", "mm", &["0A:0:00:00:00:17 10.0.0.17/24 junk 10.0.0.18"]),
    ];
    let mut sets =
        SwitchOptions { vlan_passthru: false, arp_to_routers: false, local_fdb_first: None }.sets();
    sets.extend(unknown_sets(true, false));
    sets.extend(filter_sets(false, false));
    sets.push(SwitchSet::Multicast { relay: false, flood: true });
    sets.push(SwitchSet::WithVtep);
    let mut given = fixed_lines(&sets);
    for row in &rows {
        for line in lines(&port_flows(row, &named("ln"))) {
            assert!(given.insert(line.clone()), "given twice: {line}");
        }
    }
    // What ovn-northd 26.03.1 gives for the same switch.
    let expected = include_str!("tests/many_ports.txt");
    let expected: BTreeSet<String> = expected.lines().map(str::to_string).collect();
    let missing: Vec<&String> = expected.difference(&given).collect();
    let extra: Vec<&String> = given.difference(&expected).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
}
