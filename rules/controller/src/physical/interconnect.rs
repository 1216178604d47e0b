//! Chassis of other networks (`other_config:is-remote`): floods to all of them, and answers to what was
//! flooded, which enter the ingress pipeline because they say no output port.

use std::sync::Arc;

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::Uuid;

use super::build::{Fields, TUNNEL_ID, copy, load, output, row, set_flag};
use super::tunnel::{Kept, Tunnel, Ways};
use crate::inputs::Southbound;
use crate::row::{Flow, Row};

/// Rows for chassis of other networks.
///
/// Cost: such a chassis costs the row that floods, on the chassis that have a tunnel to it.
pub(super) fn flows(sb: &Southbound, ways: &Relation<Arc<Ways>>) -> Relation<Flow> {
    let remote = sb
        .chassis
        .filter(|chassis| chassis.other_config.get_bool("is-remote", false))
        .map(|chassis| chassis.uuid);
    let to_remote = ways.index_by(|ways| ways.remote).semijoin(&remote.index_by(|chassis| *chassis));
    let flooding = to_remote.index_by(|ways| ways.chassis).reduce(|group| {
        let mut all: Vec<&Arc<Ways>> = group.rows().collect();
        all.sort();
        let row = flood(all.iter().filter_map(|ways| ways.first()));
        row.map(|row| Flow { chassis: all[0].chassis, row })
    });
    let answers = to_remote.flat_map(|ways| {
        let (chassis, remote) = (ways.chassis, ways.remote);
        let rows: Vec<Row> = ways.tunnels().flat_map(|tunnel| answers(tunnel, remote)).flatten().collect();
        rows.into_iter().map(move |row| Flow { chassis, row })
    });
    flooding.concat(&answers)
}

/// A copy for each chassis, unless the packet has come from one.
fn flood<'a>(tunnels: impl Iterator<Item = &'a Tunnel>) -> Option<Row> {
    let mut actions = Vec::new();
    let mut written = None;
    for tunnel in tunnels {
        if written != Some(tunnel.kept) {
            actions.extend(match tunnel.kept {
                Kept::Geneve(option) => [
                    copy(Field::METADATA, 0, TUNNEL_ID, 0, 24),
                    load(option, 0, 32, 0u8),
                    copy(register::INPORT, 0, option, 16, 15),
                ]
                .to_vec(),
                Kept::Vxlan => vec![
                    copy(register::INPORT, 0, TUNNEL_ID, 12, 12),
                    copy(Field::METADATA, 0, TUNNEL_ID, 0, 12),
                ],
            });
            written = Some(tunnel.kept);
        }
        actions.push(output(tunnel.ofport));
    }
    let fields = Fields::default().without(Flag::FROM_TUNNEL);
    row(table::FLOOD_REMOTE, 100, fields, Uuid::ZERO, &actions)
}

/// Answers about neighbours that come back.
fn answers(tunnel: &Tunnel, remote: Uuid) -> [Option<Row>; 2] {
    let mut actions = vec![set_flag(Flag::FROM_TUNNEL)];
    actions.extend(tunnel.kept.read(tunnel.ofport));
    actions.push(Action::resubmit(table::INGRESS));
    let from = Fields::in_port(tunnel.ofport);
    let from = match tunnel.kept {
        // ovn-controller asks for the output port alone, which a switch takes for the whole option.
        Kept::Geneve(option) => from.bits(option, 0u8, 0xffff_ffff),
        // VXLAN does not say from which port a packet is, so that a packet without output port cannot be told.
        Kept::Vxlan => {
            actions.push(Action::resubmit(table::LOCAL_OUTPUT));
            from
        }
    };
    let arp = from.clone().is(Field::ETH_TYPE, 0x0806u16).is(Field::named("arp_op"), 2u8);
    [arp, from.icmp(true, 136, 0)]
        .map(|fields| row(table::PHYSICAL_TO_LOGICAL, 120, fields, remote, &actions))
}
