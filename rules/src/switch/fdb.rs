//! Learning where addresses live (D08), for ports that may hide any number of them.

use super::class::SwitchSet;
use super::localnet::MARK;
use super::port::{Port, PortKind};
use crate::flow::priority::DEFAULT;
use crate::flow::register::LOOKUP_FDB;
use crate::flow::{Flow, Stage};

/// The flows that every switch has: pass.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let stages = [Stage::LsInLookupFdb, Stage::LsInPutFdb, Stage::LsOutLookupFdb, Stage::LsOutPutFdb];
    stages.map(|stage| (SwitchSet::All, Flow::new(stage, DEFAULT, "1", "next;"))).into()
}

/// What decides whether a port's senders are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Learning {
    /// The port's type.
    pub kind: PortKind,
    /// `unknown` is among its addresses; a port of type switch counts as if it were.
    pub unknown: bool,
    /// Some element of port_security begins with a MAC address, `VRRPv3 ` before it or not.
    pub secured: bool,
    /// options:lsp_learn_fdb, true by default.
    pub vif: bool,
    /// options:localnet_learn_fdb, false by default.
    pub localnet: bool,
}

/// The learning flows of one port, two or none. The port of another zone learns at egress: its
/// packets enter the pipeline there.
///
/// Cost: a port change touches its own two flows. A disabled port keeps them.
pub fn port(port: &Port, learning: Learning) -> Vec<Flow> {
    let learns = match learning.kind {
        PortKind::Vif => learning.vif,
        PortKind::Localnet => learning.localnet,
        PortKind::Remote | PortKind::Switch => true,
        _ => false,
    };
    if !learns || !learning.unknown || learning.secured {
        return Vec::new();
    }
    let (lookup, put) = match learning.kind {
        PortKind::Remote => (Stage::LsOutLookupFdb, Stage::LsOutPutFdb),
        _ => (Stage::LsInLookupFdb, Stage::LsInPutFdb),
    };
    let mark = if learning.kind == PortKind::Localnet { MARK } else { "" };
    let inport = port.is_inport();
    vec![
        port.own_flow(
            lookup,
            100,
            inport.as_str(),
            format!("{mark}{LOOKUP_FDB} = lookup_fdb(inport, eth.src); next;"),
        ),
        port.own_flow(put, 100, format!("{inport} && {LOOKUP_FDB} == 0"), "put_fdb(inport, eth.src); next;"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    fn learning(kind: PortKind) -> Learning {
        Learning { kind, unknown: true, secured: false, vif: true, localnet: true }
    }

    #[test]
    fn senders_behind_unknown_are_learned() {
        assert_eq!(
            lines(&port(&named("a"), learning(PortKind::Vif))),
            [
                "ls_in_lookup_fdb 100 | inport == \"a\" | reg0[11] = lookup_fdb(inport, eth.src); next; [port a] [hint]",
                "ls_in_put_fdb 100 | inport == \"a\" && reg0[11] == 0 | put_fdb(inport, eth.src); next; [port a] [hint]",
            ]
        );
        assert_eq!(
            lines(&port(&named("re"), learning(PortKind::Remote))),
            [
                "ls_out_lookup_fdb 100 | inport == \"re\" | reg0[11] = lookup_fdb(inport, eth.src); next; [port re] [hint]",
                "ls_out_put_fdb 100 | inport == \"re\" && reg0[11] == 0 | put_fdb(inport, eth.src); next; [port re] [hint]",
            ]
        );
        assert_eq!(
            lines(&port(&named("ln"), learning(PortKind::Localnet)))[0],
            "ls_in_lookup_fdb 100 | inport == \"ln\" | flags.localnet = 1; reg0[11] = lookup_fdb(inport, eth.src); next; [port ln] [hint]"
        );
    }

    #[test]
    fn the_rest_is_not_learned() {
        let a = named("a");
        for learning in [
            Learning { unknown: false, ..learning(PortKind::Vif) },
            Learning { secured: true, ..learning(PortKind::Vif) },
            Learning { vif: false, ..learning(PortKind::Vif) },
            Learning { localnet: false, ..learning(PortKind::Localnet) },
            learning(PortKind::L2Gateway),
            learning(PortKind::Vtep),
        ] {
            assert!(port(&a, learning).is_empty(), "{learning:?}");
        }
    }
}
