//! The examples say what they are said to say.

// Each example stands alone, so those that share a network bring it with them.
#![allow(dead_code, clippy::duplicate_mod)]

#[path = "../examples/flows.rs"]
mod flows;
#[path = "../examples/other_rules.rs"]
mod other_rules;
#[path = "../examples/reachable.rs"]
mod reachable;
#[path = "../examples/workers.rs"]
mod workers;

use northflow_engine::{Config, Engine, EngineError, outline};
use northflow_rules::northd;

fn whole() -> Vec<String> {
    let mut engine = Engine::start(Config::default(), northd::program).unwrap();
    flows::flows(&mut engine, flows::network()).unwrap()
}

#[test]
fn a_network_in_code_has_the_flows_of_a_switch() {
    let flows = whole();
    let delivered = "ls_in_l2_lkup 50 (eth.dst == 0a:00:00:00:00:01) outport = \"ada\"; output;";
    assert!(flows.iter().any(|flow| flow == delivered), "{flows:#?}");
    assert!(flows.len() > 50);
}

#[test]
fn a_rule_is_added_and_another_dropped() {
    let before = whole();
    let mut engine = Engine::start(Config::default(), other_rules::program).unwrap();
    let now = flows::flows(&mut engine, flows::network()).unwrap();
    let added: Vec<&String> = now.iter().filter(|flow| !before.contains(flow)).collect();
    assert_eq!(added, ["ls_in_l2_lkup 120 (eth.type == 0x88cc) drop;"]);
    let gone: Vec<&String> = before.iter().filter(|flow| !now.contains(flow)).collect();
    assert!(!gone.is_empty());
    assert!(gone.iter().all(|flow| flow.contains("_fdb ")), "{gone:#?}");
}

#[test]
fn what_is_reachable_is_kept_current() {
    let change = |name: &str, weight| vec![(name.to_owned(), weight)];
    let expected = vec![change("a-vm", 1), change("b-vm", 1), change("b-vm", -1)];
    for workers in [1, 2] {
        assert_eq!(reachable::story(workers).unwrap(), expected, "{workers} workers");
    }
}

#[test]
fn two_workers_give_the_flows_of_one() {
    assert_eq!(workers::on_workers(2).unwrap(), whole());
}

#[test]
fn any_relation_can_be_kept_and_dumped() {
    let operators = outline(northd::program);
    let mut addresses: Vec<&str> = operators.iter().map(|operator| &*operator.address).collect();
    let all = addresses.len();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), all, "every relation has a name of its own");
    for workers in [1, 2] {
        let mut engine = Engine::start(Config { workers, cluster: None }, |builder| {
            northd::program(builder);
            assert!(builder.keep("network.port_keys") && builder.keep("sb.Port_Binding"));
            assert!(!builder.keep("no such relation"));
        })
        .unwrap();
        engine.step(flows::network()).unwrap();
        let keys = engine.dump("network.port_keys").unwrap();
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert_eq!(engine.dump("sb.Port_Binding").unwrap().len(), 2);
        assert_eq!(engine.dump("switch.port").unwrap().len(), 2);
        assert_eq!(engine.dump("nb.DNS"), Err(EngineError::NotKept("nb.DNS".to_owned())));
        let unknown = EngineError::UnknownRelation("no such relation".to_owned());
        assert_eq!(engine.dump("no such relation"), Err(unknown));
    }
}
