use std::collections::BTreeMap;

use northflow_engine::{Config, Engine, Transaction};
use proptest::prelude::*;

use super::*;
use crate::schema::{Link, Map, Table};
use crate::topology::switch_port;

/// A northbound database and the rule on it; what the rule writes comes back with [`Net::echo`].
struct Net {
    engine: Engine,
    switches: BTreeMap<u128, nb::LogicalSwitch>,
    ports: BTreeMap<u128, nb::LogicalSwitchPort>,
    held: BTreeMap<u128, Text>,
    addresses: BTreeMap<u128, String>,
    writes: BTreeMap<u128, Option<Text>>,
    problems: Vec<String>,
    transaction: Transaction,
}

fn row<T: Table>(uuid: u128) -> T {
    T::decode(Uuid(uuid), &[]).unwrap()
}

fn config(pairs: &[(&str, &str)]) -> Map {
    pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
}

impl Net {
    fn new() -> Net {
        let engine = Engine::start(Config::default(), |program| {
            let switches = program.input("switch");
            let switch_ports = program.input("switch_port");
            let ports =
                switch_port::switch_ports(&program.input("listed"), &switch_ports, &program.union(&[])).ports;
            let inputs = Inputs {
                switches: &switches,
                switch_ports: &switch_ports,
                states: &program.input("state"),
                routers: &program.input("router"),
                router_ports: &program.input("router_port"),
                listed_router_ports: &program.input("listed_router_port"),
                mac_prefix: &program.input("prefix"),
            };
            let ipam = ipam(&ports, inputs);
            program.output("addresses", &ipam.addresses);
            program.output("writes", &ipam.writes);
            program.output("problems", &ipam.problems);
        });
        let mut transaction = Transaction::new();
        transaction.insert("prefix", [0x0a, 0u8, 0]);
        Net {
            engine: engine.unwrap(),
            switches: BTreeMap::new(),
            ports: BTreeMap::new(),
            held: BTreeMap::new(),
            addresses: BTreeMap::new(),
            writes: BTreeMap::new(),
            problems: Vec::new(),
            transaction,
        }
    }

    /// A switch of ports 10 * uuid to 10 * uuid + 9.
    fn switch(&mut self, uuid: u128, pairs: &[(&str, &str)]) -> &mut Net {
        let mut switch: nb::LogicalSwitch = row(uuid);
        switch.other_config = config(pairs);
        self.transaction.insert("switch", switch.clone());
        match self.switches.insert(uuid, switch) {
            Some(old) => self.transaction.remove("switch", old),
            None => {
                for port in 10 * uuid..10 * uuid + 10 {
                    self.transaction.insert("listed", Link { owner: Uuid(uuid), member: Uuid(port) });
                }
            }
        }
        self
    }

    fn edit(&mut self, uuid: u128, edit: impl FnOnce(&mut nb::LogicalSwitchPort)) -> &mut Net {
        let old = self.ports.get(&uuid).cloned();
        let mut port = old.clone().unwrap_or_else(|| row(uuid));
        port.name = format!("p{uuid}").into();
        edit(&mut port);
        self.transaction.insert("switch_port", port.clone());
        self.ports.insert(uuid, port);
        if let Some(old) = old {
            self.transaction.remove("switch_port", old);
        }
        self
    }

    fn port(&mut self, uuid: u128, addresses: &[&str]) -> &mut Net {
        self.edit(uuid, |port| port.addresses = addresses.iter().map(|text| Text::from(*text)).collect())
    }

    /// The database holds this of what a port was given.
    fn hold(&mut self, uuid: u128, text: Option<Text>) {
        let state = |text| nb::SwitchPortState { dynamic_addresses: Some(text), ..row(uuid) };
        let before = match text.clone() {
            Some(text) => self.held.insert(uuid, text),
            None => self.held.remove(&uuid),
        };
        if let Some(before) = before {
            self.transaction.remove("state", state(before));
        }
        if let Some(text) = text {
            self.transaction.insert("state", state(text));
        }
    }

    fn step(&mut self) -> &mut Net {
        let result = self.engine.step(std::mem::take(&mut self.transaction)).unwrap();
        for come in [false, true] {
            for (rec, weight) in result.output(0).iter().filter(|(_, weight)| (*weight > 0) == come) {
                let (row, text): &(Uuid, Text) = rec.get();
                assert_eq!(weight.abs(), 1);
                match come {
                    true => self.addresses.insert(row.0, text.to_string()),
                    false => self.addresses.remove(&row.0),
                };
            }
            for (rec, weight) in result.output(1).iter().filter(|(_, weight)| (*weight > 0) == come) {
                let write: &nb::PortDynamicAddresses = rec.get();
                assert_eq!(weight.abs(), 1);
                match come {
                    true => self.writes.insert(write.uuid.0, write.dynamic_addresses.clone()),
                    false => self.writes.remove(&write.uuid.0),
                };
            }
        }
        let come = result.output(2).iter().filter(|(_, weight)| *weight > 0);
        self.problems.extend(come.map(|(rec, _)| rec.get::<Problem>().message.to_string()));
        self
    }

    /// Puts what was written into the database: nothing may follow.
    fn echo(&mut self) -> &mut Net {
        let before = self.addresses.clone();
        for (uuid, text) in std::mem::take(&mut self.writes) {
            self.hold(uuid, text);
        }
        let writes_gone = self.step();
        assert_eq!(writes_gone.addresses, before);
        assert_eq!(writes_gone.writes, BTreeMap::new());
        writes_gone
    }

    /// What the database holds once it rests.
    fn rest(&mut self) -> Vec<(u128, String)> {
        self.step().echo();
        let held = self.held.iter().map(|(uuid, text)| (*uuid, text.to_string()));
        let held: Vec<(u128, String)> = held.collect();
        assert_eq!(held, self.addresses.clone().into_iter().collect::<Vec<_>>());
        held
    }
}

fn lines(rows: &[(u128, &str)]) -> Vec<(u128, String)> {
    rows.iter().map(|(uuid, text)| (*uuid, (*text).to_owned())).collect()
}

const SUBNET: (&str, &str) = ("subnet", "10.0.0.0/29");

#[test]
fn ports_get_all_parts_and_keep_them_when_written() {
    let mut net = Net::new();
    net.switch(1, &[SUBNET, ("ipv6_prefix", "fd00::/64")]);
    net.port(10, &["dynamic"]).port(11, &["0a:00:00:00:00:99 dynamic"]);
    net.port(12, &["dynamic 10.0.0.6 fd00::6"]).port(13, &["unknown"]);
    let all = lines(&[
        (10, "0a:00:00:00:00:03 10.0.0.2 fd00::800:ff:fe00:3"),
        (11, "0a:00:00:00:00:99 10.0.0.3 fd00::800:ff:fe00:99"),
        (12, "0a:00:00:00:00:07 10.0.0.6 fd00::6"),
    ]);
    assert_eq!(net.rest(), all);
    // What there is goes with the switch's settings and comes back with them.
    net.switch(1, &[("ipv6_prefix", "fd00::/64")]);
    assert_eq!(net.rest()[0].1, "0a:00:00:00:00:03 fd00::800:ff:fe00:3");
    net.switch(1, &[]);
    assert_eq!(net.rest(), []);
    net.switch(1, &[("mac_only", "true")]);
    let macs = [(10, "0a:00:00:00:00:01"), (11, "0a:00:00:00:00:99"), (12, "0a:00:00:00:00:07")];
    assert_eq!(net.rest(), lines(&macs));
    net.port(10, &["unknown"]);
    assert_eq!(net.rest(), lines(&macs[1..]));
}

#[test]
fn configured_addresses_go_first() {
    let mut net = Net::new();
    net.switch(1, &[SUBNET]).port(10, &["dynamic"]).port(11, &["dynamic"]);
    assert_eq!(net.rest(), lines(&[(10, "0a:00:00:00:00:03 10.0.0.2"), (11, "0a:00:00:00:00:04 10.0.0.3")]));
    // The port on another switch claims a MAC address only; the others keep what they have.
    net.switch(2, &[]).port(20, &["0a:00:00:00:00:05 10.0.0.4"]).port(12, &["0a:00:00:00:00:03 10.0.0.3"]);
    net.port(13, &["dynamic"]);
    let held = net.rest();
    let held: Vec<&str> = held.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        held,
        ["0a:00:00:00:00:03 10.0.0.2", "0a:00:00:00:00:04 10.0.0.4", "0a:00:00:00:00:06 10.0.0.5"]
    );
}

#[test]
fn router_ports_claim_their_networks_on_the_switches_they_lead_to() {
    let mut net = Net::new();
    net.switch(1, &[SUBNET]).port(10, &["dynamic"]).edit(11, |port| {
        port.type_ = "router".into();
        port.options = config(&[("router-port", "lrp")]);
    });
    let (router, mut port): (nb::LogicalRouter, nb::LogicalRouterPort) = (row(90), row(91));
    net.transaction.insert("listed_router_port", Link { owner: Uuid(90), member: Uuid(91) });
    port.name = "lrp".into();
    port.mac = "0a:00:00:00:00:04".into();
    port.networks = vec!["10.0.0.2/29".into()];
    net.transaction.insert("router", router.clone());
    net.transaction.insert("router_port", port);
    assert_eq!(net.rest(), lines(&[(10, "0a:00:00:00:00:05 10.0.0.3")]));
    net.transaction.remove("router", router);
    net.port(12, &["dynamic"]);
    assert_eq!(net.rest()[1], (12, "0a:00:00:00:00:03 10.0.0.2".to_owned()));
}

#[test]
fn problems_are_said_once_and_taken_back() {
    let mut net = Net::new();
    net.switch(1, &[("subnet", "10.0.0.0/30")]);
    net.port(10, &["dynamic"]).port(11, &["dynamic", "dynamic 10.0.0.2"]).port(12, &["dynamic"]);
    let held = net.rest();
    assert_eq!(held[0].1, "0a:00:00:00:00:03 10.0.0.2");
    assert_eq!(held[1].1, "0a:00:00:00:00:01");
    assert_eq!(held[2].1, "0a:00:00:00:00:02");
    net.problems.sort();
    assert_eq!(
        net.problems,
        [
            format!("{}: Subnet address space has been exhausted.", Uuid(1)),
            "More than one dynamic address configured for logical switch port 'p11'".to_owned(),
        ]
    );
    net.port(10, &[]);
    assert_eq!(net.rest()[0].1, "0a:00:00:00:00:01 10.0.0.2");
    net.switch(1, &[("subnet", "10.0.0.0")]).step();
    assert_eq!(net.problems.last().unwrap(), &format!("{}: bad 'subnet' 10.0.0.0", Uuid(1)));
}

#[test]
fn the_prefixes_of_mac_and_ip_can_change() {
    let mut net = Net::new();
    net.switch(1, &[("ipv6_prefix", "fd00::")]).port(10, &["dynamic"]).port(11, &["0a:0:0:0:0:9 dynamic"]);
    net.rest();
    // An address stays with its MAC address, unless that is named.
    net.switch(1, &[("ipv6_prefix", "fd01::")]);
    let held = net.rest();
    assert_eq!(held[0].1, "0a:00:00:00:00:01 fd00::800:ff:fe00:1");
    assert_eq!(held[1].1, "0a:00:00:00:00:09 fd01::800:ff:fe00:9");
    net.transaction.remove("prefix", [0x0a, 0u8, 0]);
    net.transaction.insert("prefix", [0x0b, 0u8, 0]);
    let held = net.rest();
    assert_eq!(held[0].1, "0b:00:00:00:00:01 fd01::900:ff:fe00:1");
    assert_eq!(held[1].1, "0a:00:00:00:00:09 fd01::800:ff:fe00:9");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Port by port and all at once, as many ports get an address, and a fresh start from what the
    /// database holds changes nothing.
    #[test]
    fn a_fresh_start_changes_nothing(
        steps in prop::collection::vec((10u128..20, 0usize..7, 0u8..3), 1..14),
    ) {
        let forms = [
            &["dynamic"][..],
            &["dynamic 10.0.0.4"],
            &["0a:00:00:00:00:04 dynamic"],
            &["0a:00:00:00:00:03 10.0.0.3"],
            &["dynamic fd00::7"],
            &["dynamic 10.0.0.7", "dynamic"],
            &[],
        ];
        let settings = [SUBNET, ("ipv6_prefix", "fd00::/64"), ("exclude_ips", "10.0.0.5")];
        let mut stepped = Net::new();
        stepped.switch(1, &settings).step();
        for (port, form, echo) in steps {
            stepped.port(port, forms[form]).step();
            if echo > 0 {
                stepped.echo();
            }
        }
        let held = stepped.rest();
        let (mut fresh, mut at_once) = (Net::new(), Net::new());
        fresh.switch(1, &settings);
        at_once.switch(1, &settings);
        for (uuid, port) in &stepped.ports {
            fresh.edit(*uuid, |row| *row = port.clone());
            at_once.edit(*uuid, |row| row.addresses = port.addresses.clone());
        }
        for (uuid, text) in &stepped.held {
            fresh.hold(*uuid, Some(text.clone()));
        }
        prop_assert_eq!(&fresh.rest(), &held);
        let given = |held: &[(u128, String)]| held.iter().filter(|(_, text)| text.contains('.')).count();
        prop_assert_eq!(given(&at_once.rest()), given(&held));
    }
}
