//! What one change costs: the rows that it changes, and on which chassis.

use std::collections::BTreeMap;

use northflow_controller::{FLOWS, PROBLEMS, local, row};
use northflow_engine::{Config, Engine, Record, Transaction};
use northflow_language::openflow::{List, decode};
use northflow_rules::ovsdb::{Atom, Text, Uuid};
use northflow_rules::schema::{Link, SetElement, sb, seen};

fn chassis(number: u128) -> Uuid {
    Uuid(1 << 64 | number)
}

fn datapath(number: u128) -> Uuid {
    Uuid(2 << 64 | number)
}

fn flow(number: u128) -> Uuid {
    Uuid(3 << 64 | number)
}

fn set(number: u128) -> Uuid {
    Uuid(4 << 64 | number)
}

const GROUP: Uuid = Uuid(5 << 64);

/// The rows of a switch that a bound port has: of its own, and in the group that floods.
const OWN: [u8; 8] = [0, 8, 46, 46, 47, 64, 65, 80];

fn name_of(number: u128) -> Text {
    format!("p{number}").into()
}

/// A port of a switch, bound by a chassis or not.
fn port(number: u128, switch: u128, bound: Option<u128>) -> seen::Port {
    seen::Port {
        uuid: Uuid(6 << 64 | number),
        logical_port: name_of(number),
        datapath: datapath(switch),
        tunnel_key: number as i64 + 1,
        chassis: bound.map(chassis),
        ..seen::Port::default()
    }
}

fn interface(number: u128, at: u128) -> local::Interface {
    local::Interface { chassis: chassis(at), port: name_of(number), ofport: 100 + number as u16, encap: 0 }
}

fn zone(at: u128, name: &str, number: u16) -> local::Zone {
    local::Zone { chassis: chassis(at), name: name.into(), number }
}

fn logical(number: u128, pipeline: &str, match_: &str, actions: &str) -> seen::LogicalFlow {
    seen::LogicalFlow {
        uuid: flow(number),
        logical_datapath: Some(datapath(0)),
        pipeline: pipeline.into(),
        table_id: number as i64,
        priority: 50,
        match_: match_.into(),
        actions: actions.into(),
        ..seen::LogicalFlow::default()
    }
}

fn element(of: Uuid, text: String) -> SetElement {
    SetElement { row: of, element: Atom::text(text) }
}

/// Chassis with a port each: the first half of them of one switch, the others of another.
struct Network {
    engine: Engine,
    output: usize,
}

/// Changes of rows on a chassis: what they are, and how often they came.
type Changes = BTreeMap<u128, Vec<(isize, String)>>;

impl Network {
    fn new(count: u128) -> Network {
        let engine = Engine::start(Config::default(), northflow_controller::program).unwrap();
        let output = engine.output_number(FLOWS).unwrap();
        let mut network = Network { engine, output };
        let mut rows = Transaction::new();
        rows.insert("sb.SB_Global", sb::SbGlobal::default());
        let collector_sets = Vec::new();
        rows.insert(
            "local.Switch",
            local::Switch { zero_snat: true, meters: true, symmetric_hash: true, collector_sets },
        );
        for number in 0..2 {
            let tunnel_key = number as i64 + 1;
            let type_ = Some("logical-switch".into());
            let row =
                seen::Datapath { uuid: datapath(number), tunnel_key, type_, ..seen::Datapath::default() };
            rows.insert("sb.Datapath_Binding", row);
        }
        let flood =
            |datapath| seen::Multicast { uuid: GROUP, datapath, name: "_MC_flood".into(), tunnel_key: 32768 };
        rows.insert("sb.Multicast_Group", flood(datapath(0)));
        for number in 0..count {
            let name = Text::from(format!("hv{number}"));
            let row = seen::Chassis { uuid: chassis(number), name: name.clone(), ..seen::Chassis::default() };
            rows.insert("sb.Chassis", row);
            let ip = Text::from(format!("192.0.2.{number}"));
            let row = seen::Encap {
                uuid: Uuid(7 << 64 | number),
                type_: "geneve".into(),
                ip: ip.clone(),
                chassis_name: name,
                ..seen::Encap::default()
            };
            rows.insert("sb.Encap", row);
            rows.insert(
                "local.Chassis",
                local::Chassis { chassis: chassis(number), encap_ips: vec![ip.clone()] },
            );
            for other in (0..count).filter(|other| *other != number) {
                rows.insert(
                    "local.Tunnel",
                    local::Tunnel {
                        chassis: chassis(other),
                        remote: chassis(number),
                        kind: "geneve".into(),
                        remote_ip: ip.clone(),
                        encap: 0,
                        ofport: 1000 + number as u16,
                    },
                );
            }
            let switch = u128::from(number >= count / 2);
            let port = port(number, switch, Some(number));
            if switch == 0 {
                rows.insert("sb.Multicast_Group.ports", Link { owner: GROUP, member: port.uuid });
            }
            rows.insert("sb.Port_Binding", port);
            rows.insert("local.Interface", interface(number, number));
            rows.insert("local.Zone", zone(number, &name_of(number), 1));
        }
        network.step(rows);
        network
    }

    fn step(&mut self, rows: Transaction) -> Changes {
        let result = self.engine.step(rows).unwrap();
        let problems = self.engine.output_number(PROBLEMS).unwrap();
        assert_eq!(result.output(problems), []);
        let mut changes = Changes::new();
        for (rec, weight) in result.output(self.output) {
            let row::Flow { chassis, row } = rec.get();
            let actions = List(&decode(&row.actions.bytes).unwrap()).to_string();
            let text = format!("table={} {} {} {actions}", row.table, row.priority, row.fields);
            changes.entry(chassis.0 & u128::from(u64::MAX)).or_default().push((*weight, text));
        }
        changes.values_mut().for_each(|rows| rows.sort());
        changes
    }

    fn add<T: Record>(&mut self, input: &'static str, all: impl IntoIterator<Item = T>) -> Changes {
        let mut rows = Transaction::new();
        all.into_iter().for_each(|row| rows.insert(input, row));
        self.step(rows)
    }
}

/// The tables of rows that came, and of those that went.
fn tables(changes: &[(isize, String)]) -> (Vec<u8>, Vec<u8>) {
    let of = |sign: isize| {
        let rows = changes.iter().filter(|(weight, _)| weight.signum() == sign);
        let table = |text: &str| text["table=".len()..].split(' ').next()?.parse().ok();
        let mut tables: Vec<u8> = rows.filter_map(|(_, text)| table(text)).collect();
        tables.sort();
        tables
    };
    (of(1), of(-1))
}

#[test]
fn a_port_that_is_bound_concerns_the_chassis_of_its_switch() {
    const PORT: u128 = 1000;
    let mut network = Network::new(100);
    network.add("sb.Logical_Flow", [logical(0, "ingress", "inport == \"p1000\"", "next;")]);
    network.add("sb.Port_Binding", [port(PORT, 0, None)]);
    network.add("sb.Multicast_Group.ports", [Link { owner: GROUP, member: port(PORT, 0, None).uuid }]);
    network.add("local.Interface", [interface(PORT, 3)]);

    let mut rows = Transaction::new();
    rows.remove("sb.Port_Binding", port(PORT, 0, None));
    rows.insert("sb.Port_Binding", port(PORT, 0, Some(3)));
    rows.insert("local.Zone", zone(3, &name_of(PORT), 2));
    let changes = network.step(rows);
    // Its own rows; the flow that names it; the group, which goes to one port more.
    assert_eq!(tables(&changes[&3]), (OWN.to_vec(), vec![46, 80]), "{:#?}", changes[&3]);
    // Where it is; the group reached its chassis before.
    for other in (0..50).filter(|other| *other != 3) {
        assert_eq!(tables(&changes[&other]), (vec![44], vec![]), "{:#?}", changes[&other]);
    }
    assert_eq!(changes.len(), 50, "the other switch's chassis have nothing to do with it");
}

#[test]
fn an_element_of_a_large_set_changes_single_rows() {
    let mut network = Network::new(8);
    network.add(
        "sb.Address_Set",
        [0, 1].map(|number| seen::AddressSet { uuid: set(number), name: format!("s{number}").into() }),
    );
    let address = |number: u128| format!("10.{}.{}.1", number / 256, number % 256);
    network.add("sb.Address_Set.addresses", (0..10_000).map(|number| element(set(0), address(number))));
    network.add("sb.Address_Set.addresses", [element(set(1), "192.0.2.1".into())]);
    network.add(
        "sb.Logical_Flow",
        [
            logical(1, "ingress", "ip4.src == $s0 && tcp.dst == {80, 443}", "next;"),
            logical(2, "ingress", "ip4.src == $s0", "drop;"),
            logical(3, "ingress", "ip4.src == $s1 && ip4.dst == $s0 && inport == \"p3\"", "next;"),
        ],
    );
    let changes = network.add("sb.Address_Set.addresses", [element(set(0), address(10_000))]);
    // Of the third flow only where its port is.
    for at in 0..4 {
        let (come, gone) = tables(&changes[&at]);
        assert_eq!(come, if at == 3 { vec![9, 10, 11] } else { vec![9, 10] }, "{:#?}", changes[&at]);
        assert_eq!(gone, []);
    }
    assert_eq!(changes.len(), 4);
    let part = &changes[&3].iter().find(|(_, text)| text.starts_with("table=9 ")).unwrap().1;
    assert!(part.contains("ip_src=10.39.16.1") && part.contains("conjunction("), "{part}");

    // A second element makes the small set large: its flow is translated anew, the others are not.
    let changes = network.add("sb.Address_Set.addresses", [element(set(1), "192.0.2.2".into())]);
    assert_eq!(changes.keys().copied().collect::<Vec<_>>(), [3]);
    let (come, gone) = tables(&changes[&3]);
    assert_eq!((come.len(), gone.len()), (10_001 + 2 + 1, 10_001));
    // And from now on they come one by one.
    let changes = network.add("sb.Address_Set.addresses", [element(set(1), "192.0.2.3".into())]);
    assert_eq!(tables(&changes[&3]), (vec![11], vec![]));
}

#[test]
fn elements_that_cannot_be_told_apart_are_taken_together() {
    let mut network = Network::new(8);
    network.add("sb.Address_Set", [seen::AddressSet { uuid: set(0), name: "s0".into() }]);
    let elements = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|text| element(set(0), text.into()));
    network.add("sb.Address_Set.addresses", elements);
    // What is no element of any is prefixes of all of them.
    let changes = network.add("sb.Logical_Flow", [logical(1, "ingress", "ip4.src != $s0", "next;")]);
    let rows = changes[&0].len();
    assert!(rows > 3);
    let changes = network.add("sb.Address_Set.addresses", [element(set(0), "10.0.0.0".into())]);
    // 10.0.0.0/30 now: the row of 10.0.0.0 goes, and the last two bits make no difference any more.
    assert!(!changes[&0].is_empty() && changes.len() == 4);
    let net: isize = changes[&0].iter().map(|(weight, _)| weight).sum();
    assert_eq!(rows as isize + net, 30, "{:#?}", changes[&0]);
}
