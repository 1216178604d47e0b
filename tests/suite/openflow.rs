//! The OpenFlow connection against a real switch: changes, refusals, restarts, cut connections, others'
//! flows, and how fast it is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use libtest_mimic::{Failed, Trial};
use northflow_connectors::net::Remote;
use northflow_connectors::openflow::{
    Band, Bucket, Command, Config, Contents, Delta, Event, Features, Flow, FlowKey, Group, GroupKind, Handle,
    Meter, MeterUnit, Refusal, Selection, Subject, TunnelOption, spawn,
};
use northflow_language::openflow as language;
use northflow_tests::reference::Reference;
use northflow_tests::switch::Switch;
use northflow_tests::trial::with_reference;

use crate::net::{Proxy, Scratch};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    type Test = fn(&'static Reference) -> Result<(), Failed>;
    let tests: [(&str, Test); 7] = [
        ("flows_groups_and_meters_come_and_go", flows_groups_and_meters_come_and_go),
        ("what_a_controller_installed_is_recognised", what_a_controller_installed_is_recognised),
        ("a_refused_flow_is_named", a_refused_flow_is_named),
        ("strays_are_removed_and_learned_flows_stay", strays_are_removed_and_learned_flows_stay),
        ("a_cut_connection_costs_only_the_difference", a_cut_connection_costs_only_the_difference),
        ("a_restarted_switch_gets_everything_again", a_restarted_switch_gets_everything_again),
        ("fifty_thousand_flows_take_seconds", fifty_thousand_flows_take_seconds),
    ];
    tests.into_iter().map(|(name, test)| with_reference(format!("openflow::{name}"), test)).collect()
}

const BRIDGE: &str = "br-int";
const PATIENCE: Duration = Duration::from_secs(30);
/// A table into which flows are learned.
const LEARNED: u8 = 69;

/// A connection and what it has told.
struct User {
    handle: Handle,
    events: Receiver<Event>,
    epoch: u64,
    features: Option<Features>,
    /// How many sessions there were, and what each found: right and wrong.
    sessions: usize,
    reconciled: Vec<(usize, usize)>,
    refused: Vec<(Subject, Refusal)>,
    acknowledged: Option<u64>,
}

impl User {
    fn new(remote: Remote) -> User {
        let option = TunnelOption { class: 0x102, kind: 0x80, length: 4 };
        let (handle, events) = spawn(Config {
            name: "openflow".into(),
            remote,
            probe_interval: None,
            learned_tables: vec![LEARNED],
            tunnel_option: Some(option),
            queue: 64,
        })
        .unwrap();
        User {
            handle,
            events,
            epoch: 0,
            features: None,
            sessions: 0,
            reconciled: Vec::new(),
            refused: Vec::new(),
            acknowledged: None,
        }
    }

    fn on(switch: &Switch) -> User {
        User::new(Remote::Unix(switch.management(BRIDGE)))
    }

    fn until(&mut self, what: &str, done: impl Fn(&User) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            match self.events.recv_deadline(deadline) {
                Ok(Event::Connected { features, .. }) => {
                    self.sessions += 1;
                    self.features = Some(features);
                }
                Ok(Event::Disconnected { .. }) => {}
                Ok(Event::Reconciled { right, wrong }) => self.reconciled.push((right, wrong)),
                Ok(Event::Refused { subject, reason }) => self.refused.push((subject, reason)),
                Ok(Event::Acknowledged { epoch }) => self.acknowledged = Some(epoch),
                Err(_) => panic!("not within {PATIENCE:?}: {what}; {:?}", self.handle.status()),
            }
        }
    }

    /// Wants something and waits until the switch has it.
    fn apply(&mut self, delta: Delta) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.handle.send(Command::Apply(Delta { epoch, ..delta })).unwrap();
        self.until("acknowledgement", |user| user.acknowledged == Some(epoch));
    }

    /// Waits until a session after `sessions` others is in step.
    fn settle(&mut self, sessions: usize) {
        self.until("another session", |user| user.reconciled.len() > sessions);
        let deadline = Instant::now() + PATIENCE;
        while !self.handle.status().settled {
            assert!(Instant::now() < deadline, "{:?}", self.handle.status());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn world(reference: &'static Reference, name: &str) -> Result<(Scratch, Switch), String> {
    let scratch = Scratch::new(name);
    let switch = Switch::start(reference, &scratch.path("switch"))?;
    switch.add_bridge(BRIDGE)?;
    Ok((scratch, switch))
}

/// A match of metadata and register 14.
fn key(table: u8, priority: u16, metadata: u64, register: u32) -> FlowKey {
    let mut matches = vec![0, 1, 28, 4];
    matches.extend(register.to_be_bytes());
    matches.extend([0x80, 0, 4, 8]);
    matches.extend(metadata.to_be_bytes());
    FlowKey::new(table, priority, &matches).unwrap()
}

/// Sets register 15 and resubmits to a table.
fn forward(cookie: u64, register: u32, table: u8) -> Flow {
    let mut actions = vec![0, 25, 0, 16, 0, 1, 30, 4];
    actions.extend(register.to_be_bytes());
    actions.extend([0, 0, 0, 0]);
    actions.extend([0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0, 14, 0xff, 0xf8, table, 0, 0, 0]);
    Flow::new(cookie, &actions).unwrap()
}

/// Hands packets to a group, or to a meter.
fn hand_to(action: u8, number: u32) -> Flow {
    let mut actions = vec![0, action, 0, 8];
    actions.extend(number.to_be_bytes());
    Flow::new(7, &actions).unwrap()
}

const GROUP: u8 = 22;
const METER: u8 = 29;

fn flows(flows: Vec<(FlowKey, Option<Flow>)>) -> Delta {
    Delta { flows, ..Delta::default() }
}

/// A group that selects among `buckets`.
fn select(buckets: u32, selection: Option<Selection>) -> Group {
    let bucket = |id| Bucket::new(id, 100, forward(0, id, 9).actions()).unwrap();
    Group { kind: GroupKind::Select, selection, buckets: (0..buckets).map(bucket).collect() }
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn flows_groups_and_meters_come_and_go(reference: &'static Reference) -> Result<(), Failed> {
    let (_scratch, switch) = world(reference, "openflow-changes")?;
    let mut user = User::on(&switch);
    user.until("session", |user| user.sessions == 1);
    let features = user.features.unwrap();
    assert_eq!((features.tables, features.tunnel_field), (254, Some(0)));
    assert!(features.meters > 0 && features.select_groups > 0);
    let fields = [0x80, 0, 22, 4, 0xff, 0xff, 0xff, 0xff];
    user.apply(Delta {
        flows: vec![
            (key(8, 100, 5, 1), Some(forward(1, 2, 9))),
            (key(8, 50, 5, 1), Some(hand_to(GROUP, 1))),
            (key(9, 50, 5, 1), Some(hand_to(METER, 3))),
            (FlowKey::new(0, 0, &[]).unwrap(), Some(Flow::new(0, &[]).unwrap())),
        ],
        groups: vec![
            (1, Some(select(2, Some(Selection::new(true, 1 << 32, &[]).unwrap())))),
            (2, Some(select(3, Some(Selection::new(false, 0, &fields).unwrap())))),
            (4, Some(select(1, None))),
        ],
        meters: vec![
            (3, Some(Meter { unit: MeterUnit::Kilobits, bands: vec![Band { rate: 1000, burst: 0 }] })),
            (4, Some(Meter { unit: MeterUnit::Packets, bands: vec![Band { rate: 10, burst: 20 }] })),
        ],
        flush_zones: vec![1, 2],
        ..Delta::default()
    });
    let expected = [
        "cookie=0x1, table=8, priority=100,reg14=0x1,metadata=0x5 actions=set_field:0x2->reg15,resubmit(,9)",
        "cookie=0x7, table=8, priority=50,reg14=0x1,metadata=0x5 actions=group:1",
        "cookie=0x7, table=9, priority=50,reg14=0x1,metadata=0x5 actions=meter:3",
        "priority=0 actions=drop",
    ];
    assert_eq!(lines(&switch.flows(BRIDGE)?), expected.map(str::to_owned).into());
    let groups = switch.ofctl(&["dump-groups"], BRIDGE, &[])?;
    assert!(
        groups.contains("group_id=1,type=select,selection_method=dp_hash,selection_method_param=4294967296")
    );
    assert!(groups.contains("group_id=2,type=select,selection_method=hash,fields=ip_src"), "{groups}");
    let meters = switch.ofctl(&["dump-meters"], BRIDGE, &[])?;
    assert!(meters.contains("meter=4 pktps burst stats bands=\ntype=drop rate=10 burst_size=20"), "{meters}");
    // All that was sent is recognised when it is read back.
    user.handle.send(Command::Reconnect)?;
    user.settle(1);
    assert_eq!(user.reconciled, [(0, 9), (9, 0)]);
    // Changes: actions, cookie, a longer group, a meter, deletions.
    user.apply(Delta {
        flows: vec![
            (key(8, 100, 5, 1), Some(forward(1, 3, 10))),
            (key(8, 50, 5, 1), Some(hand_to(GROUP, 2))),
            (key(9, 50, 5, 1), None),
        ],
        groups: vec![(1, None), (2, Some(select(2000, None))), (4, Some(select(2, None)))],
        meters: vec![
            (3, None),
            (4, Some(Meter { unit: MeterUnit::Kilobits, bands: vec![Band { rate: 5, burst: 0 }] })),
        ],
        ..Delta::default()
    });
    user.apply(flows(vec![(key(8, 50, 5, 1), Some(forward(9, 1, 2)))]));
    let expected = [
        "cookie=0x1, table=8, priority=100,reg14=0x1,metadata=0x5 actions=set_field:0x3->reg15,resubmit(,10)",
        "cookie=0x9, table=8, priority=50,reg14=0x1,metadata=0x5 actions=set_field:0x1->reg15,resubmit(,2)",
        "priority=0 actions=drop",
    ];
    assert_eq!(lines(&switch.flows(BRIDGE)?), expected.map(str::to_owned).into());
    assert!(
        switch.ofctl(&["dump-meters"], BRIDGE, &[])?.contains("meter=4 kbps stats bands=\ntype=drop rate=5")
    );
    user.apply(Delta {
        flows: [(8, 100), (8, 50)].map(|(table, priority)| (key(table, priority, 5, 1), None)).to_vec(),
        groups: vec![(2, None), (4, None)],
        meters: vec![(4, None)],
        ..Delta::default()
    });
    assert_eq!(switch.flows(BRIDGE)?.lines().count(), 1);
    assert!(!switch.ofctl(&["dump-groups"], BRIDGE, &[])?.contains("group_id"));
    assert!(!switch.ofctl(&["dump-meters"], BRIDGE, &[])?.contains("meter="));
    assert_eq!(user.refused, []);
    user.handle.stop();
    Ok(())
}

fn a_refused_flow_is_named(reference: &'static Reference) -> Result<(), Failed> {
    let (_scratch, switch) = world(reference, "openflow-refused")?;
    let mut user = User::on(&switch);
    // A group that is not there is seen when the bundle is committed, a bad action when it is taken, a
    // match without what it requires likewise.
    let portless = FlowKey::new(8, 4, &[0x80, 0, 26, 2, 0, 80]).unwrap();
    let unknown = Flow::new(1, &[0, 99, 0, 8, 0, 0, 0, 0]).unwrap();
    user.apply(flows(vec![
        (key(8, 1, 5, 1), Some(forward(1, 1, 9))),
        (key(8, 2, 5, 1), Some(hand_to(GROUP, 99))),
        (key(8, 3, 5, 1), Some(unknown)),
        (portless.clone(), Some(forward(1, 1, 9))),
        (key(8, 5, 5, 1), Some(forward(1, 1, 9))),
    ]));
    let named = |user: &User| -> BTreeSet<String> {
        user.refused.iter().map(|(subject, reason)| format!("{subject}: {reason}")).collect()
    };
    let expected = [
        format!("flow {}: OFPBAC_BAD_OUT_GROUP", key(8, 2, 5, 1)),
        format!("flow {}: OFPBAC_BAD_TYPE", key(8, 3, 5, 1)),
        format!("flow {portless}: OFPBMC_BAD_PREREQ"),
    ];
    assert_eq!(named(&user), expected.into());
    assert_eq!(switch.flows(BRIDGE)?.lines().count(), 2);
    // With its group the flow is taken, once it is wanted anew.
    user.apply(Delta {
        groups: vec![(99, Some(select(1, None)))],
        flows: vec![(key(8, 2, 5, 1), None), (key(8, 3, 5, 1), None), (portless, None)],
        ..Delta::default()
    });
    user.apply(flows(vec![(key(8, 2, 5, 1), Some(hand_to(GROUP, 99)))]));
    assert_eq!((user.refused.len(), switch.flows(BRIDGE)?.lines().count()), (3, 3));
    user.handle.stop();
    Ok(())
}

fn strays_are_removed_and_learned_flows_stay(reference: &'static Reference) -> Result<(), Failed> {
    let (_scratch, switch) = world(reference, "openflow-strays")?;
    for flow in [
        "table=3,priority=7,ip,nw_src=10.0.0.0/8,actions=drop",
        "table=69,priority=7,tcp,idle_timeout=60,actions=drop",
        "table=8,priority=100,reg14=1,metadata=5,idle_timeout=60,actions=drop",
        "table=8,priority=99,reg14=1,metadata=5,actions=goto_table:9",
        "table=8,priority=98,reg14=1,metadata=5,cookie=1,actions=set_field:2->reg15,resubmit(,9)",
    ] {
        switch.ofctl(&["add-flow"], BRIDGE, &[flow])?;
    }
    switch.ofctl(&["add-group"], BRIDGE, &["group_id=5,type=all,bucket=actions=drop"])?;
    switch.ofctl(&["add-meter"], BRIDGE, &["meter=5,kbps,band=type=drop,rate=10"])?;
    let mut user = User::on(&switch);
    user.until("session", |user| user.sessions == 1);
    assert_eq!(switch.flows(BRIDGE)?.lines().count(), 5);
    let wanted = [100, 98].map(|priority| (key(8, priority, 5, 1), Some(forward(1, 2, 9))));
    user.apply(flows(wanted.to_vec()));
    // The flow with a timeout is another than what is wanted in its place.
    assert_eq!(user.reconciled, [(1, 5)]);
    let expected = [
        "idle_timeout=60, table=69, priority=7,tcp actions=drop",
        "cookie=0x1, table=8, priority=100,reg14=0x1,metadata=0x5 actions=set_field:0x2->reg15,resubmit(,9)",
        "cookie=0x1, table=8, priority=98,reg14=0x1,metadata=0x5 actions=set_field:0x2->reg15,resubmit(,9)",
    ];
    let found = lines(&switch.flows(BRIDGE)?);
    assert_eq!(found.len(), 3, "{found:?}");
    for line in &expected[1..] {
        assert!(found.contains(*line), "{found:?}");
    }
    assert!(found.iter().any(|line| line.contains("table=69")), "{found:?}");
    assert!(!switch.ofctl(&["dump-groups"], BRIDGE, &[])?.contains("group_id"));
    assert!(!switch.ofctl(&["dump-meters"], BRIDGE, &[])?.contains("meter="));
    user.handle.stop();
    Ok(())
}

fn a_cut_connection_costs_only_the_difference(reference: &'static Reference) -> Result<(), Failed> {
    let (scratch, switch) = world(reference, "openflow-cut")?;
    let proxy = Proxy::new(scratch.path("proxy"), switch.management(BRIDGE));
    let mut user = User::new(Remote::Unix(proxy.path()));
    let many = |cookie| (0..1000).map(|port| (key(8, 1, 5, port), Some(forward(cookie, port, 9)))).collect();
    user.apply(flows(many(1)));
    for (round, cookie) in (2..8).enumerate() {
        // Cut in the middle of the answers, wherever that is; meanwhile someone else was there.
        proxy.cut_after(round * 13);
        switch.ofctl(&["add-flow"], BRIDGE, &["table=8,priority=3,actions=drop"])?;
        user.apply(flows(many(cookie)));
        proxy.cut();
        let cookie = format!("cookie={cookie:#x},");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = switch.flows(BRIDGE)?;
            if found.lines().count() == 1000 && found.lines().all(|line| line.contains(&cookie)) {
                break;
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: 1000 flows with {cookie}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // Nothing to do, nothing is done.
    let sessions = user.reconciled.len();
    proxy.cut();
    user.until("a session", |user| {
        user.reconciled.len() > sessions && user.reconciled.last() == Some(&(1000, 0))
    });
    assert_eq!(user.refused, []);
    user.handle.stop();
    Ok(())
}

fn a_restarted_switch_gets_everything_again(reference: &'static Reference) -> Result<(), Failed> {
    let (_scratch, mut switch) = world(reference, "openflow-restart")?;
    let mut user = User::on(&switch);
    user.apply(Delta {
        flows: vec![(key(8, 1, 5, 1), Some(hand_to(GROUP, 1))), (key(8, 2, 5, 1), Some(hand_to(METER, 1)))],
        groups: vec![(1, Some(select(2, None)))],
        meters: vec![(1, Some(Meter { unit: MeterUnit::Packets, bands: vec![Band { rate: 9, burst: 0 }] }))],
        ..Delta::default()
    });
    let before = lines(&switch.flows(BRIDGE)?);
    switch.kill();
    // What is wanted meanwhile is not lost.
    let epoch = user.epoch + 1;
    let delta = Delta { epoch, ..flows(vec![(key(8, 3, 5, 1), Some(forward(1, 1, 9)))]) };
    user.handle.send(Command::Apply(delta))?;
    switch.resume()?;
    user.until("acknowledgement", |user| user.acknowledged == Some(epoch));
    assert_eq!(user.reconciled, [(0, 4), (0, 5)]);
    let after = lines(&switch.flows(BRIDGE)?);
    assert!(after.is_superset(&before) && after.len() == 3, "{after:?}");
    user.handle.stop();
    Ok(())
}

fn fifty_thousand_flows_take_seconds(reference: &'static Reference) -> Result<(), Failed> {
    const FLOWS: u32 = 50_000;
    let (_scratch, switch) = world(reference, "openflow-many")?;
    let mut user = User::on(&switch);
    let many = |cookie| (0..FLOWS).map(|port| (key(8, 1, 5, port), Some(forward(cookie, port, 9)))).collect();
    let wanted: Vec<_> = many(1);
    let began = Instant::now();
    user.apply(flows(wanted));
    let installed = began.elapsed();
    assert_eq!(user.reconciled, [(0, FLOWS as usize)]);
    let again = Instant::now();
    user.handle.send(Command::Reconnect)?;
    user.settle(1);
    let read_back = again.elapsed();
    assert_eq!(user.reconciled.last(), Some(&(FLOWS as usize, 0)));
    let once = Instant::now();
    user.apply(flows(vec![(key(8, 1, 5, 0), None)]));
    let one = once.elapsed();
    println!("{FLOWS} flows: installed {installed:?}, read back {read_back:?}; one change {one:?}");
    assert!(installed < Duration::from_secs(20) && read_back < Duration::from_secs(20));
    assert!(one < Duration::from_secs(2));
    user.handle.stop();
    Ok(())
}

/// A network that has ovn-controller write all sorts of matches and actions.
const NETWORK: &[&[&str]] = &[
    &["meter-add", "slow", "drop", "10", "pktps", "20"],
    &["ls-add", "s", "--", "lsp-add", "s", "p1", "--", "lsp-add", "s", "p2"],
    &["lsp-set-addresses", "p1", "00:00:00:00:00:01 10.0.0.1 fd00::1"],
    &["lsp-set-addresses", "p2", "00:00:00:00:00:02 10.0.0.2", "unknown"],
    &["lsp-set-port-security", "p1", "00:00:00:00:00:01 10.0.0.1 fd00::1"],
    &[
        "acl-add",
        "s",
        "to-lport",
        "1001",
        "tcp.dst == {80, 443} && ip4.src == {10.0.0.0/8, 11.0.0.1}",
        "reject",
    ],
    &[
        "--log",
        "--meter=slow",
        "acl-add",
        "s",
        "from-lport",
        "1002",
        "udp && inport == \"p1\"",
        "allow-related",
    ],
    &["qos-add", "s", "from-lport", "100", "ip4", "rate=1000", "burst=2000", "dscp=10"],
    &["lr-add", "r", "--", "lrp-add", "r", "r-s", "00:00:00:00:01:01", "10.0.0.254/24", "fd00::fe/64"],
    &["lsp-add-router-port", "s", "s-r", "r-s"],
    &[
        "lrp-add",
        "r",
        "r-out",
        "00:00:00:00:01:02",
        "20.0.0.1/24",
        "--",
        "lrp-set-gateway-chassis",
        "r-out",
        "c1",
    ],
    &["ls-add", "out", "--", "lsp-add-router-port", "out", "out-r", "r-out"],
    &["lsp-add-localnet-port", "out", "ln", "physical"],
    &["lr-nat-add", "r", "snat", "20.0.0.1", "10.0.0.0/24"],
    &["lr-nat-add", "r", "dnat_and_snat", "20.0.0.9", "10.0.0.1"],
    &["--ecmp-symmetric-reply", "lr-route-add", "r", "0.0.0.0/0", "20.0.0.2"],
    &["--ecmp-symmetric-reply", "lr-route-add", "r", "0.0.0.0/0", "20.0.0.3"],
    &["lb-add", "lb", "30.0.0.1:80", "10.0.0.1:8080,10.0.0.2:8080", "tcp"],
    &["set", "Load_Balancer", "lb", "options:affinity_timeout=60"],
    &["lb-add", "lb6", "[fd01::1]:80", "[fd00::1]:8080", "tcp"],
    &["lb-add", "hashed", "30.0.0.2:80", "10.0.0.1:1,10.0.0.2:1", "udp"],
    &["set", "Load_Balancer", "hashed", "selection_fields=ip_src,tp_src"],
    &[
        "ls-lb-add",
        "s",
        "lb",
        "--",
        "ls-lb-add",
        "s",
        "lb6",
        "--",
        "ls-lb-add",
        "s",
        "hashed",
        "--",
        "lr-lb-add",
        "r",
        "lb",
    ],
];

/// What ovn-controller installed, read back and installed in another bridge, is there the same to
/// `ovs-ofctl`, and the same when it is read back again.
fn what_a_controller_installed_is_recognised(reference: &'static Reference) -> Result<(), Failed> {
    let databases = reference.databases()?;
    let _northd = databases.northd()?;
    for command in NETWORK {
        databases.nbctl(command)?;
    }
    let switch = Switch::start(reference, &databases.folder().join("c1"))?;
    let remote = format!("external_ids:ovn-remote={}", databases.remote("sb"));
    switch.vsctl(
        &[
            &["set", "Open_vSwitch", ".", "external_ids:system-id=c1", &remote],
            &["external_ids:ovn-encap-type=geneve", "external_ids:ovn-encap-ip=127.0.0.1"][..],
            &["external_ids:ovn-bridge-mappings=physical:br-ex"],
        ]
        .concat(),
    )?;
    for bridge in [BRIDGE, "br-ex", "br-two"] {
        switch.add_bridge(bridge)?;
    }
    let controller = switch.spawn("ovn-controller", &["-vconsole:off", &switch.database()])?;
    for (port, id) in [("v1", "p1"), ("v2", "p2")] {
        let id = format!("external_ids:iface-id={id}");
        let add =
            ["--timeout=20", "add-port", BRIDGE, port, "--", "set", "Interface", port, "type=dummy", &id];
        switch.vsctl(&add)?;
    }
    // Another chassis, so that there are tunnels.
    databases.sbctl(&["chassis-add", "c2", "geneve", "127.0.0.2"])?;
    databases.nbctl(&["wait-until", "Logical_Switch_Port", "p2", "up=true"])?;
    // Nobody answers for the other chassis.
    databases.sbctl(&["wait-until", "Chassis_Private", "c1", "chassis!=[]"])?;
    let text = |bridge: &str| -> Result<BTreeSet<String>, String> {
        let flows = switch.flows(bridge)?;
        let learned = |line: &str| {
            ["table=69,", "table=76,", "table=77,", "table=78,"].iter().any(|t| line.contains(t))
        };
        Ok(lines(&flows).into_iter().filter(|line| !learned(line)).collect())
    };
    let mut flows_before = text(BRIDGE)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let flows_now = text(BRIDGE)?;
        if flows_now == flows_before && flows_now.len() > 300 {
            break;
        }
        assert!(Instant::now() < deadline, "{} flows", flows_now.len());
        flows_before = flows_now;
    }
    let read = |bridge: &str| -> Result<Contents, Failed> {
        let mut stream = std::os::unix::net::UnixStream::connect(switch.management(bridge))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Contents::read(&mut stream)?)
    };
    let theirs = read(BRIDGE)?;
    drop(controller);
    let foreign: Vec<&FlowKey> =
        theirs.flows.iter().filter(|(_, flow)| flow.is_none()).map(|(key, _)| key).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(theirs.groups.len() >= 3 && theirs.groups.iter().all(|(_, group)| group.is_some()));
    assert!(theirs.meters.len() >= 2 && theirs.meters.iter().all(|(_, meter)| meter.is_some()));
    // The language's actions are what the switch says, and back.
    for (key, flow) in &theirs.flows {
        let bytes = flow.as_ref().map_or(&[][..], Flow::actions);
        let actions = match language::decode(bytes) {
            Ok(actions) => actions,
            // Spelled as the language never does.
            Err(language::DecodeError::Unknown(..)) => continue,
            Err(error) => return Err(format!("{key}: {error:?} in {bytes:02x?}").into()),
        };
        let again = language::encode(&actions).map_err(|error| format!("{key}: {error:?}"))?;
        // The switch knows how wide a tunnel option is.
        assert_eq!(Flow::new(0, &again)?.actions(), bytes, "{key}: {actions:?}");
    }
    let mut user = User::new(Remote::Unix(switch.management("br-two")));
    let Contents { flows, groups, meters } = theirs.clone();
    let count = flows.len() + groups.len() + meters.len();
    user.apply(Delta { flows, groups, meters, ..Delta::default() });
    assert_eq!(user.refused, []);
    assert_eq!(text("br-two")?, flows_before);
    user.handle.send(Command::Reconnect)?;
    user.settle(1);
    assert_eq!(user.reconciled, [(0, count), (count, 0)]);
    let ours = read("br-two")?;
    let sorted = |mut contents: Contents| {
        contents.flows.sort_by(|one, other| one.0.cmp(&other.0));
        contents.groups.sort_by_key(|(id, _)| *id);
        contents.meters.sort_by_key(|(id, _)| *id);
        contents
    };
    assert!(sorted(ours) == sorted(theirs));
    user.handle.stop();
    Ok(())
}
