//! Sessions against a switch made of maps.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::message::{Framer, HEADER, VERSION, bundle, kind, nicira, part, put, put_multipart};
use super::session::Session;
use super::wire::{Put, Reader};
use super::*;

const OPTION: TunnelOption = TunnelOption { class: 0x102, kind: 0x80, length: 4 };
/// A table into which the switch learns flows.
const LEARNED: u8 = 3;

/// What a switch holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    flows: BTreeMap<FlowKey, Flow>,
    groups: BTreeMap<u32, Group>,
    meters: BTreeMap<u32, Meter>,
}

impl Contents {
    /// Does what a message says.
    fn apply(&mut self, message: &[u8]) -> Result<(), Malformed> {
        match message[1] {
            kind::FLOW_MOD => flow::tests::apply(message, &mut self.flows),
            kind::GROUP_MOD => group::tests::apply(message, &mut self.groups),
            _ => meter::tests::apply(message, &mut self.meters),
        }
    }
}

/// A switch at the other end.
#[derive(Default)]
struct Switch {
    framer: Framer,
    contents: Contents,
    bundle: Option<Vec<Vec<u8>>>,
    /// Flows with this cookie are refused when a bundle is committed.
    hated: Option<u64>,
    /// Whether bundles are never taken.
    no_bundles: bool,
    /// Whether it knows no labels of connections.
    no_labels: bool,
    tunnel_fields: Vec<u8>,
    /// How many messages changed something, and were taken; and all barriers.
    changes: usize,
    barriers: usize,
    flushed: Vec<u16>,
    /// How many flows there were when each packet arrived, and when connections were flushed.
    packets: Vec<usize>,
    forgotten: Vec<usize>,
    out: Vec<u8>,
}

impl Switch {
    fn error(&mut self, xid: u32, code: [u8; 4]) {
        put(kind::ERROR, xid, &mut self.out, |out| out.bytes(&code));
    }

    fn is_hated(&self, message: &[u8]) -> bool {
        let cookie = message[HEADER..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        message[1] == kind::FLOW_MOD && self.hated.is_some() && cookie == self.hated
    }

    fn change(&mut self, xid: u32, message: &[u8]) {
        match !self.is_hated(message) && self.contents.apply(message).is_ok() {
            true => self.changes += 1,
            false => self.error(xid, [0, 2, 0, 9]),
        }
    }

    fn commit(&mut self, xid: u32, messages: &[Vec<u8>]) {
        let before = self.contents.clone();
        for message in messages {
            let inner = u32::from_be_bytes(message[4..HEADER].try_into().unwrap());
            if self.no_bundles || self.is_hated(message) || self.contents.apply(message).is_err() {
                self.contents = before;
                if !self.no_bundles {
                    self.error(inner, [0, 2, 0, 9]);
                }
                return self.error(xid, [0, 17, 0, 13]);
            }
        }
        self.changes += messages.len();
        put(kind::BUNDLE_CONTROL, xid, &mut self.out, |out| {
            out.u32(0);
            out.u16(bundle::COMMITTED);
            out.u16(0);
        });
    }

    /// Answers a message; each item of a description in a part of its own.
    fn answer(&mut self, message: &[u8]) {
        let mut reader = Reader::new(message, "request");
        assert_eq!(reader.u8(), Ok(VERSION));
        let kind = reader.u8().unwrap();
        reader.skip(2).unwrap();
        let xid = reader.u32().unwrap();
        match kind {
            kind::HELLO | kind::ECHO_REPLY => {}
            kind::ECHO_REQUEST => put(kind::ECHO_REPLY, xid, &mut self.out, |_| {}),
            kind::FEATURES_REQUEST => put(kind::FEATURES_REPLY, xid, &mut self.out, |out| {
                out.u64(42);
                out.u32(0);
                out.bytes(&[254, 0, 0, 0]);
                out.u64(0);
            }),
            kind::MULTIPART_REQUEST => {
                let part = reader.u16().unwrap();
                self.describe(part, xid);
            }
            kind::EXPERIMENTER => match (reader.u32().unwrap(), reader.u32().unwrap()) {
                (_, nicira::TLV_TABLE_MOD) => {
                    reader.skip(8).unwrap();
                    self.tunnel_fields.bytes(reader.rest());
                }
                (_, nicira::TLV_TABLE_REQUEST) => {
                    message::put_nicira(nicira::TLV_TABLE_REPLY, xid, &mut self.out, |out| {
                        out.bytes(&[0, 0, 1, 0, 0, 64]);
                        out.zeros(10);
                        out.bytes(&self.tunnel_fields);
                    });
                }
                (_, nicira::FLUSH_ZONE) => {
                    reader.skip(6).unwrap();
                    self.flushed.push(reader.u16().unwrap());
                }
                // Of ICMP there are no connections: it is a question.
                (_, nicira::FLUSH_CONNECTIONS) if reader.u8() == Ok(1) => {
                    if self.no_labels {
                        self.error(xid, [0, 17, 0, 2]);
                    }
                }
                (_, nicira::FLUSH_CONNECTIONS) => self.forgotten.push(self.contents.flows.len()),
                other => panic!("{other:?}"),
            },
            kind::BUNDLE_CONTROL => match message[13] {
                0 => self.bundle = Some(Vec::new()),
                _ => {
                    let messages = self.bundle.take().unwrap();
                    self.commit(xid, &messages);
                }
            },
            kind::BUNDLE_ADD => {
                let inner = message[16..].to_vec();
                assert_eq!(inner[4..8], message[4..8], "numbers inside and outside");
                assert_ne!(inner[1], kind::METER_MOD);
                self.bundle.as_mut().unwrap().push(inner);
            }
            kind::BARRIER_REQUEST => {
                self.barriers += 1;
                put(kind::BARRIER_REPLY, xid, &mut self.out, |_| {});
            }
            kind::PACKET_OUT => self.packets.push(self.contents.flows.len()),
            kind::FLOW_MOD | kind::GROUP_MOD | kind::METER_MOD => self.change(xid, message),
            other => panic!("message type {other}"),
        }
    }

    fn describe(&mut self, part: u16, xid: u32) {
        let mut items = Vec::new();
        let item = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        match part {
            part::FLOWS => items.extend(
                self.contents
                    .flows
                    .iter()
                    .map(|(key, flow)| item(&|out| flow::tests::put_description(key, flow, out))),
            ),
            part::GROUPS => items.extend(
                self.contents
                    .groups
                    .iter()
                    .map(|(id, group)| item(&|out| group::tests::put_description(*id, group, out))),
            ),
            part::METERS => items.extend(
                self.contents
                    .meters
                    .iter()
                    .map(|(id, meter)| item(&|out| meter::tests::put_description(*id, meter, out))),
            ),
            part::METER_FEATURES => items.push(vec![0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            part::GROUP_FEATURES => return self.error(xid, [0, 1, 0, 2]),
            other => panic!("multipart {other}"),
        }
        // As a request, but for the type and the flag that says that more follows.
        let last = items.pop().unwrap_or_default();
        for (body, more) in items.iter().map(|body| (body, 1)).chain([(&last, 0)]) {
            let start = self.out.len();
            put_multipart(part, xid, body, &mut self.out);
            self.out[start + 1] = kind::MULTIPART_REPLY;
            self.out[start + 11] = more;
        }
    }
}

/// A session and a switch, connected or not.
struct World {
    session: Session,
    switch: Switch,
    events: Vec<Event>,
}

fn remote() -> Remote {
    "unix:/x".parse().unwrap()
}

impl World {
    fn new() -> World {
        let session = Session::new(vec![LEARNED], Some(OPTION));
        World { session, switch: Switch::default(), events: Vec::new() }
    }

    fn connect(&mut self) {
        self.session.begin(remote());
        self.session.greet();
        self.switch.framer = Framer::default();
        self.switch.bundle = None;
        self.switch.out.clear();
        put(kind::HELLO, 0, &mut self.switch.out, |out| out.bytes(&[0, 1, 0, 8, 0, 0, 0, 0x7f]));
    }

    fn disconnect(&mut self) {
        self.session.end(Lost::Closed.into());
    }

    /// Carries messages to and fro, at most so many of the session's; tells whether there were any.
    fn carry(&mut self, most: usize) -> bool {
        self.session.write_batch();
        self.switch.framer.push(&std::mem::take(&mut self.session.out));
        let mut carried = false;
        for _ in 0..most {
            let Some(message) = self.switch.framer.next().unwrap() else { break };
            let message = self.switch.framer.bytes(message).to_vec();
            self.switch.answer(&message);
            carried = true;
        }
        let answers = std::mem::take(&mut self.switch.out);
        carried |= !answers.is_empty();
        // Cuts must not matter.
        for bytes in answers.chunks(13) {
            self.session.framer.push(bytes);
            while self.session.take().unwrap() {}
        }
        self.events.extend(self.session.events.drain(..));
        carried
    }

    fn settle(&mut self) {
        while self.carry(usize::MAX) {}
    }

    fn acknowledged(&self) -> Vec<u64> {
        let epoch = |event: &Event| match event {
            Event::Acknowledged { epoch } => Some(*epoch),
            _ => None,
        };
        self.events.iter().filter_map(epoch).collect()
    }

    fn refused(&self) -> Vec<String> {
        let subject = |event: &Event| match event {
            Event::Refused { subject, reason } => Some(format!("{subject}: {reason}")),
            _ => None,
        };
        self.events.iter().filter_map(subject).collect()
    }
}

fn key(table: u8, priority: u16) -> FlowKey {
    FlowKey::new(table, priority, &[]).unwrap()
}

fn flow(cookie: u64) -> Flow {
    Flow::new(cookie, &[0, 22, 0, 8, 0, 0, 0, 1]).unwrap()
}

fn flows(epoch: u64, flows: Vec<(FlowKey, Option<Flow>)>) -> Delta {
    Delta { epoch, flows, ..Delta::default() }
}

#[test]
fn the_first_delta_decides_what_stays() {
    let mut world = World::new();
    world.switch.contents.flows =
        [(key(0, 1), flow(1)), (key(0, 2), flow(2)), (key(LEARNED, 1), flow(3))].into();
    world.connect();
    world.settle();
    let connected = Event::Connected {
        remote: remote(),
        features: Features {
            datapath: 42,
            tables: 254,
            meters: 256,
            select_groups: 0,
            tunnel_field: Some(0),
            flushes_by_label: true,
        },
    };
    assert_eq!(world.events, [connected]);
    assert_eq!(world.switch.contents.flows.len(), 3);
    world.session.apply(flows(7, vec![(key(0, 1), Some(flow(1))), (key(0, 3), Some(flow(1)))]));
    world.settle();
    assert_eq!(
        world.events[1..],
        [Event::Reconciled { right: 1, wrong: 2 }, Event::Acknowledged { epoch: 7 }]
    );
    let left: Vec<&FlowKey> = world.switch.contents.flows.keys().collect();
    assert_eq!(left, [&key(0, 1), &key(0, 3), &key(LEARNED, 1)]);
    assert_eq!(world.switch.changes, 2);
}

#[test]
fn packets_follow_what_was_wanted_before_them() {
    let packet = || PacketOut::new(1, &[], vec![0; 14]).unwrap();
    let mut world = World::new();
    // Nobody is there.
    world.session.send(packet());
    world.connect();
    world.settle();
    world.session.send(packet());
    world.settle();
    assert_eq!(world.switch.packets, [0]);
    world.session.apply(flows(1, vec![(key(0, 1), Some(flow(1)))]));
    world.session.send(packet());
    world.settle();
    // One change is under way, and another waits for it.
    world.session.apply(flows(2, vec![(key(0, 2), Some(flow(1)))]));
    world.session.write_batch();
    world.session.apply(flows(3, vec![(key(0, 3), Some(flow(1)))]));
    world.session.send(packet());
    world.settle();
    assert_eq!(world.switch.packets, [0, 1, 3]);
    // A switch that comes back without flows is given them first.
    world.disconnect();
    world.switch.contents.flows.clear();
    world.connect();
    while !world.session.is_ready() {
        world.carry(usize::MAX);
    }
    world.session.send(packet());
    world.settle();
    assert_eq!(world.switch.packets, [0, 1, 3, 3]);
}

#[test]
fn one_delta_is_one_bundle_and_one_barrier() {
    let mut world = World::new();
    world.session.apply(Delta::default());
    world.connect();
    world.settle();
    world.switch.barriers = 0;
    assert_eq!(world.acknowledged(), [0]);
    world.session.apply(Delta {
        epoch: 1,
        flows: vec![(key(0, 1), Some(flow(1)))],
        groups: vec![(1, Some(Group { kind: GroupKind::Select, selection: None, buckets: vec![] }))],
        meters: vec![(1, Some(Meter { unit: MeterUnit::Packets, bands: vec![Band { rate: 1, burst: 0 }] }))],
        flush_zones: vec![9],
        ..Delta::default()
    });
    // What comes while it is under way is one more.
    world.session.write_batch();
    for epoch in 2..5 {
        world.session.apply(flows(epoch, vec![(key(0, 1), Some(flow(epoch)))]));
    }
    world.settle();
    assert_eq!((world.acknowledged(), world.switch.barriers), (vec![0, 1, 4], 2));
    assert_eq!((world.switch.changes, world.switch.flushed.as_slice()), (4, &[9][..]));
    // Nothing new needs no message.
    world.session.apply(flows(5, vec![(key(0, 1), Some(flow(4)))]));
    world.settle();
    assert_eq!((world.acknowledged().last(), world.switch.barriers), (Some(&5), 2));
    // A meter goes behind all else.
    world.session.apply(Delta {
        epoch: 6,
        flows: vec![(key(0, 1), None)],
        groups: vec![(1, None)],
        meters: vec![(1, None)],
        ..Delta::default()
    });
    world.settle();
    assert_eq!((world.acknowledged().last(), world.switch.barriers), (Some(&6), 4));
    assert_eq!(world.switch.contents, Contents::default());
}

fn connections(port: u16) -> Connections {
    let end = |port: u16| (Ipv4Addr::LOCALHOST, port).into();
    Connections::Translated { protocol: 6, destination: end(port), answers_from: end(80) }
}

#[test]
fn connections_are_flushed_behind_the_flows() {
    let mut world = World::new();
    world.session.apply(Delta { flush_connections: vec![(connections(1), true)], ..Delta::default() });
    world.connect();
    world.settle();
    assert_eq!(world.switch.forgotten, [0]);
    // They are not acknowledged before.
    world.session.apply(Delta {
        flush_connections: vec![(connections(2), true), (connections(3), true)],
        ..flows(1, vec![(key(0, 1), Some(flow(1)))])
    });
    world.session.apply(Delta { flush_connections: vec![(connections(3), false)], ..flows(2, vec![]) });
    world.settle();
    assert_eq!((world.switch.forgotten.as_slice(), world.acknowledged()), (&[0, 1, 1][..], vec![0, 1, 2]));
    // What is still to come when the switch goes comes when it is back, once.
    world.session.apply(Delta {
        flush_connections: vec![(connections(4), true)],
        ..flows(3, vec![(key(0, 2), Some(flow(1)))])
    });
    world.carry(2);
    world.disconnect();
    world.connect();
    world.settle();
    assert_eq!((world.switch.forgotten.len(), world.acknowledged().last()), (4, Some(&3)));
    world.disconnect();
    world.connect();
    world.settle();
    assert_eq!(world.switch.forgotten.len(), 4);
}

#[test]
fn parts_of_zones_are_flushed_before_the_flows() {
    let mut world = World::new();
    world.connect();
    let labelled = |zone| Connections::Labelled { zone, label: 7, mask: 15 };
    world.session.apply(Delta {
        flush_connections: vec![(labelled(None), true), (labelled(Some(9)), true)],
        ..flows(1, vec![(key(0, 1), Some(flow(1)))])
    });
    world.settle();
    assert_eq!((world.switch.forgotten.as_slice(), world.acknowledged()), (&[0, 1][..], vec![1]));
}

#[test]
fn a_switch_tells_whether_it_knows_labels() {
    for no_labels in [false, true] {
        let mut world = World::new();
        world.switch.no_labels = no_labels;
        world.connect();
        world.settle();
        let [Event::Connected { features, .. }] = &world.events[..] else { panic!("{:?}", world.events) };
        assert_eq!(features.flushes_by_label, !no_labels);
    }
}

#[test]
fn connections_stay_while_flows_are_not_taken() {
    let mut world = World::new();
    world.switch.no_bundles = true;
    world.connect();
    world.session.apply(Delta {
        flush_connections: vec![(connections(1), true)],
        ..flows(1, vec![(key(0, 1), Some(flow(1))), (key(0, 2), Some(flow(1)))])
    });
    world.settle();
    // Once, when the flows have come one by one.
    assert_eq!((world.switch.contents.flows.len(), world.switch.forgotten.as_slice()), (2, &[2][..]));
}

#[test]
fn a_refused_flow_is_named_and_left_out() {
    let mut world = World::new();
    world.switch.hated = Some(666);
    world.connect();
    let wanted = vec![(key(0, 1), Some(flow(1))), (key(0, 2), Some(flow(666))), (key(0, 3), Some(flow(3)))];
    world.session.apply(flows(1, wanted));
    world.settle();
    assert_eq!(world.refused(), ["flow table=0, priority=2, match=: OFPBAC_BAD_OUT_GROUP"]);
    assert_eq!(world.switch.contents.flows, [(key(0, 1), flow(1)), (key(0, 3), flow(3))].into());
    assert_eq!(world.acknowledged(), [1]);
    // It is tried again when something else is wanted.
    world.session.apply(flows(2, vec![(key(0, 2), Some(flow(2)))]));
    world.settle();
    assert_eq!((world.refused().len(), world.switch.contents.flows.len()), (1, 3));
}

#[test]
fn many_refused_flows_do_not_keep_others_out() {
    let mut world = World::new();
    world.switch.hated = Some(666);
    world.connect();
    let cookie = |priority| if priority % 2 == 0 { 666 } else { 1 };
    world.session.apply(flows(1, (0..40).map(|p| (key(0, p), Some(flow(cookie(p))))).collect()));
    world.settle();
    assert_eq!((world.refused().len(), world.switch.contents.flows.len()), (20, 20));
    assert_eq!(world.acknowledged(), [1]);
}

#[test]
fn a_switch_that_takes_no_bundle_gets_single_messages() {
    let mut world = World::new();
    world.switch.no_bundles = true;
    world.connect();
    world.session.apply(flows(1, vec![(key(0, 1), Some(flow(1))), (key(0, 2), Some(flow(2)))]));
    world.settle();
    assert_eq!((world.acknowledged(), world.switch.contents.flows.len()), (vec![1], 2));
}

#[test]
fn what_does_not_fit_into_a_message_is_refused() {
    let mut world = World::new();
    world.connect();
    let long = Flow::new(1, &[0, 22, 0, 8, 0, 0, 0, 1].repeat(8200)).unwrap();
    world.session.apply(flows(1, vec![(key(0, 1), Some(long)), (key(0, 2), Some(flow(2)))]));
    world.settle();
    assert_eq!(world.refused().len(), 1);
    assert!(world.refused()[0].contains("table=0, priority=1, match=: an OpenFlow message of 65664 bytes"));
    assert_eq!((world.acknowledged(), world.switch.contents.flows.len()), (vec![1], 1));
}

#[test]
fn another_version_ends_the_session() {
    for hello in [&[4, 0, 0, 8, 0, 0, 0, 1][..], &[4, 1, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0]] {
        let mut session = Session::new(vec![], None);
        session.begin(remote());
        session.greet();
        session.framer.push(hello);
        assert_eq!(session.take(), Err(SessionError::Version));
    }
}

#[test]
fn echoes_are_answered() {
    let mut session = Session::new(vec![], None);
    session.begin(remote());
    session.framer.push(&[6, 2, 0, 10, 1, 2, 3, 4, 5, 6]);
    assert_eq!(session.take(), Ok(true));
    assert_eq!(session.out, [6, 3, 0, 10, 1, 2, 3, 4, 5, 6]);
}

/// Something that happens to a connection.
#[derive(Clone, Debug)]
enum Step {
    Flow(FlowKey, Option<Flow>),
    Group(u32, Option<Group>),
    Meter(u32, Option<Meter>),
    Carry(usize),
    Cut,
    /// Someone else's hand.
    Stray(FlowKey, Flow),
}

fn any_step() -> impl Strategy<Value = Step> {
    let flow = || flow::tests::any_flow();
    prop_oneof![
        6 => (flow(), any::<bool>()).prop_map(|((key, flow), there)| Step::Flow(key, there.then_some(flow))),
        2 => (0u32..4, proptest::option::of(group::tests::any_group())).prop_map(|(id, group)| Step::Group(id, group)),
        1 => (0u32..3, proptest::option::of(meter::tests::any_meter())).prop_map(|(id, meter)| Step::Meter(id, meter)),
        6 => (0usize..6).prop_map(Step::Carry),
        1 => Just(Step::Cut),
        1 => flow().prop_map(|(key, flow)| Step::Stray(key, flow)),
    ]
}

proptest! {
    #[test]
    fn the_switch_comes_to_hold_what_is_wanted(
        steps in proptest::collection::vec(any_step(), 0..60),
        hates in any::<bool>(),
        no_bundles in any::<bool>(),
    ) {
        let mut world = World::new();
        world.switch.hated = hates.then_some(2);
        world.switch.no_bundles = no_bundles;
        let mut wanted = Contents::default();
        let mut epoch = 0;
        world.session.apply(Delta::default());
        world.connect();
        for step in steps {
            epoch += 1;
            let mut delta = Delta { epoch, ..Delta::default() };
            match step {
                Step::Flow(key, flow) => {
                    match flow.clone() {
                        Some(flow) => drop(wanted.flows.insert(key.clone(), flow)),
                        None => drop(wanted.flows.remove(&key)),
                    }
                    delta.flows.push((key, flow));
                }
                Step::Group(id, group) => {
                    match group.clone() {
                        Some(group) => drop(wanted.groups.insert(id, group)),
                        None => drop(wanted.groups.remove(&id)),
                    }
                    delta.groups.push((id, group));
                }
                Step::Meter(id, meter) => {
                    match meter.clone() {
                        Some(meter) => drop(wanted.meters.insert(id, meter)),
                        None => drop(wanted.meters.remove(&id)),
                    }
                    delta.meters.push((id, meter));
                }
                Step::Carry(most) => drop(world.carry(most)),
                Step::Cut => {
                    world.disconnect();
                    world.connect();
                }
                Step::Stray(key, flow) => drop(world.switch.contents.flows.insert(key, flow)),
            }
            world.session.apply(delta);
        }
        // What others did is seen in the next session.
        world.disconnect();
        world.connect();
        world.settle();
        let acknowledged = world.acknowledged();
        prop_assert!(acknowledged.is_sorted());
        prop_assert_eq!(acknowledged.last(), Some(&epoch));
        prop_assert!(world.session.is_settled());
        if hates {
            let hated: BTreeSet<FlowKey> = wanted
                .flows
                .iter()
                .filter(|(_, flow)| flow.cookie == 2)
                .map(|(key, _)| key.clone())
                .collect();
            let refused = |key: &FlowKey| {
                world.events.iter().any(|event| matches!(event,
                    Event::Refused { subject: Subject::Flow(subject), .. } if subject == key))
            };
            // A modification does not carry the cookie.
            for key in &hated {
                prop_assert!(refused(key) || world.switch.contents.flows.get(key) == wanted.flows.get(key));
            }
            wanted.flows.retain(|key, _| !hated.contains(key));
            world.switch.contents.flows.retain(|key, _| !hated.contains(key));
        }
        world.switch.contents.flows.retain(|key, _| key.table != LEARNED || wanted.flows.contains_key(key));
        prop_assert_eq!(&world.switch.contents, &wanted);
        // A switch that holds all is left alone.
        if !hates {
            let changes = world.switch.changes;
            world.disconnect();
            world.connect();
            world.settle();
            prop_assert_eq!(world.switch.changes, changes);
        }
    }

    #[test]
    fn any_messages_are_survived(
        messages in proptest::collection::vec(
            (0u8..36, 0u32..12, proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let mut session = Session::new(vec![], Some(OPTION));
        session.begin(remote());
        session.greet();
        session.apply(flows(1, vec![(key(0, 1), Some(flow(1)))]));
        let mut bytes = Vec::new();
        put(kind::HELLO, 0, &mut bytes, |_| {});
        for (kind, xid, body) in messages {
            put(kind, xid, &mut bytes, |out| out.bytes(&body));
        }
        session.framer.push(&bytes);
        while let Ok(true) = session.take() {
            session.write_batch();
        }
    }
}
