//! Actions of OpenFlow: text and bytes of each kind, and properties of all of them.

use northflow_language::openflow::{
    Action, Bundle, BundleAlgorithm, Conntrack, Controller, Field, HashFields, Learn, LearnSource, LearnSpec,
    List, Nat, NatKind, NatRange, Port, Sample, SampleDirection, Source, Subfield, Zone, decode, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Each line of `openflow.txt` that is not indented is a text, the indented line below it its bytes.
#[test]
fn texts_and_bytes() {
    let mut lines = include_str!("openflow.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    while let (Some(text), Some(hex)) = (lines.next(), lines.next()) {
        let bytes = bytes(hex.trim());
        let actions = decode(&bytes).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(List(&actions).to_string(), text);
        assert_eq!(encode(&actions).as_deref(), Ok(&*bytes), "{text}");
        count += 1;
    }
    assert!(count > 50, "{count} actions");
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[test]
fn too_long_for_its_length() {
    let nested = vec![Action::Note(vec![0; 60_000]), Action::Note(vec![0; 60_000])];
    assert!(encode(&nested).is_ok());
    assert!(encode(&[Action::Clone(nested)]).is_err());
    let controller = Controller { userdata: vec![0; 65_530], ..Controller::default() };
    assert!(encode(&[Action::Controller(controller)]).is_err());
}

#[test]
fn nesting_has_an_end() {
    let nest = |depth| (0..depth).fold(vec![], |inner, _| vec![Action::Clone(inner)]);
    let deep = encode(&nest(1000)).expect("16 bytes each");
    assert!(decode(&deep).is_err());
    assert!(decode(&encode(&nest(60)).expect("short")).is_ok());
}

fn field() -> impl Strategy<Value = Field> {
    const NAMES: &[&str] = &[
        "reg0",
        "reg10",
        "reg15",
        "xreg4",
        "xxreg0",
        "xxreg1",
        "metadata",
        "eth_src",
        "eth_dst",
        "vlan_tci",
        "ip_src",
        "ip_dst",
        "ipv6_src",
        "ipv6_dst",
        "tcp_src",
        "udp_dst",
        "sctp_dst",
        "arp_sha",
        "nd_target",
        "ct_mark",
        "ct_label",
        "pkt_mark",
        "nw_ttl",
        "nw_ecn",
        "tun_id",
        "in_port",
    ];
    (0..NAMES.len()).prop_map(|index| Field::find(NAMES[index]).expect("a field"))
}

fn subfield(least: u16, most: u16) -> impl Strategy<Value = Subfield> {
    let fields = field().prop_filter("wide enough", move |field| field.bits() >= least);
    fields.prop_flat_map(move |field| {
        (Just(field), least..=most.min(field.bits())).prop_flat_map(|(field, bits)| {
            (0..=field.bits() - bits).prop_map(move |offset| Subfield::new(field, offset, bits))
        })
    })
}

fn nat() -> impl Strategy<Value = Action> {
    let address = prop_oneof![any::<[u8; 4]>().prop_map(Into::into), any::<[u8; 16]>().prop_map(Into::into)];
    let range = (address, any::<u16>(), any::<u16>());
    let range = range
        .prop_filter("an address", |(address, _, _): &(std::net::IpAddr, _, _)| !address.is_unspecified());
    let range = range.prop_map(|(first, first_port, last_port)| NatRange {
        first,
        last: None,
        first_port,
        last_port,
    });
    let kind = prop_oneof![Just(NatKind::Source), Just(NatKind::Destination)];
    (kind, proptest::option::of(range), any::<bool>())
        .prop_map(|(kind, range, random)| Action::Nat(Nat { range, random, ..Nat::new(kind) }))
}

fn learn() -> impl Strategy<Value = Action> {
    let specs = prop_oneof![
        field().prop_map(LearnSpec::same),
        (subfield(1, 64), any::<u64>()).prop_map(|(into, value)| {
            let value = u128::from(value) & (u128::MAX >> (128 - into.bits));
            LearnSpec::load(value, into)
        }),
        subfield(1, 64).prop_map(|from| LearnSpec {
            bits: from.bits,
            source: LearnSource::Field(from.field, from.offset),
            destination: northflow_language::openflow::LearnDestination::Output,
        }),
    ];
    (any::<(u8, u16, u16, u64, bool)>(), vec(specs, 0..5)).prop_map(
        |((table, idle, priority, cookie, flag), specs)| {
            Action::Learn(Box::new(Learn {
                idle_timeout: idle,
                priority,
                cookie,
                delete_learned: flag,
                send_removed: !flag,
                specs,
                ..Learn::new(table)
            }))
        },
    )
}

fn sample() -> impl Strategy<Value = Action> {
    let source =
        || prop_oneof![any::<u32>().prop_map(Source::Immediate), subfield(1, 32).prop_map(Source::Field)];
    let direction = prop_oneof![
        Just(SampleDirection::Default),
        Just(SampleDirection::Ingress),
        Just(SampleDirection::Egress)
    ];
    (1..=u16::MAX, any::<u32>(), source(), source(), any::<u16>(), direction).prop_map(
        |(probability, collector_set, domain, point, port, direction)| {
            let port = Port(port);
            Action::Sample(Sample { probability, collector_set, domain, point, port, direction })
        },
    )
}

fn leaf() -> impl Strategy<Value = Action> {
    let bundle = (any::<u16>(), vec(any::<u16>().prop_map(Port), 0..9)).prop_map(|(basis, members)| {
        Action::Bundle(Bundle {
            fields: HashFields::EthSrc,
            basis,
            algorithm: BundleAlgorithm::ActiveBackup,
            members,
        })
    });
    let controller = (any::<(u16, u16, u8, bool)>(), vec(any::<u8>(), 0..40), any::<Option<u32>>());
    let controller = controller.prop_map(|((max_len, id, reason, pause), userdata, meter)| {
        Action::Controller(Controller { max_len, id, reason, userdata, pause, meter })
    });
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(port, length)| Action::Output(Port(port), length)),
        any::<u32>().prop_map(Action::Group),
        controller,
        (subfield(1, 128), any::<u128>()).prop_map(|(into, value)| Action::load(value, into)),
        (field(), any::<u128>()).prop_map(|(field, value)| Action::set(field, value & field.full_mask())),
        (subfield(1, 16), subfield(16, 16))
            .prop_map(|(from, to)| Action::Move(from, Subfield::new(to.field, to.offset, from.bits))),
        subfield(1, 128).prop_map(Action::Push),
        subfield(1, 128).prop_map(Action::Pop),
        any::<u16>().prop_map(Action::PushVlan),
        any::<u8>().prop_map(Action::SetTtl),
        any::<(u16, u8)>().prop_map(|(port, table)| Action::Resubmit(Port(port), table)),
        learn(),
        (any::<u32>(), 0..64u8).prop_map(|(id, clause)| Action::Conjunction(id, clause, 64)),
        (0..5usize).prop_flat_map(|n| vec(any::<u8>(), 6 + 8 * n)).prop_map(Action::Note),
        sample(),
        (any::<u16>(), subfield(1, 1)).prop_map(|(length, bit)| Action::CheckPacketLarger(length, bit)),
        bundle,
        nat(),
        Just(Action::PopVlan),
        Just(Action::DecrementTtl),
        Just(Action::DecrementTtlQuietly),
        Just(Action::ConntrackClear),
        any::<u32>().prop_map(Action::Meter),
        any::<u32>().prop_map(Action::SetQueue),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    leaf().prop_recursive(4, 20, 4, |inner| {
        let zone =
            prop_oneof![any::<u16>().prop_map(Zone::Immediate), subfield(16, 16).prop_map(Zone::Field)];
        let table = proptest::option::of(0..255u8);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Action::Clone),
            (zone, table, any::<(bool, bool, u16)>(), vec(inner, 0..4)).prop_map(
                |(zone, table, (commit, force, helper), actions)| {
                    let force = force && commit;
                    Action::Conntrack(Box::new(Conntrack { commit, force, zone, table, helper, actions }))
                }
            ),
        ]
    })
}

proptest! {
    /// What is encoded decodes to the same.
    #[test]
    fn bytes_of_actions_are_those_actions(actions in vec(action(), 0..6)) {
        let bytes = encode(&actions).expect("short actions");
        prop_assert_eq!(decode(&bytes), Ok(actions));
    }

    /// Any action has a text, and no bytes make the decoder panic.
    #[test]
    fn any_bytes(mut bytes in vec(any::<u8>(), 0..80), actions in vec(action(), 0..3), at in any::<usize>(), to: u8) {
        let _ = decode(&bytes);
        bytes = encode(&actions).expect("short actions");
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] = to;
        }
        if let Ok(actions) = decode(&bytes) {
            let _ = List(&actions).to_string();
        }
    }
}
