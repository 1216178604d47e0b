//! Rows that every chassis has, whatever the network: how the tables between the logical pipelines lead to
//! one another, and the tables that tell of connections.

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{self, Flag};
use northflow_language::table;
use northflow_rules::ovsdb::Uuid;

use super::build::{Fields, clear_registers, copy, load, load_register, row};
use super::setting::Settings;
use crate::inputs::Local;
use crate::row::{Flow, Row};

const CT_STATE: Field = Field::named("ct_state");
/// Flags of [`CT_STATE`].
const NEW: u128 = 0x01;
const ESTABLISHED: u128 = 0x02;
const TRACKED: u128 = 0x20;

/// The rows of every chassis.
///
/// Cost: a chassis that is to be computed costs them all.
pub(super) fn flows(local: &Local, settings: &Relation<Settings>) -> Relation<Flow> {
    let chassis = local.chassis.map(|chassis| chassis.chassis).distinct();
    chassis.index_by(|_| ()).join_flat(&settings.index_by(|_| ()), |chassis, settings| {
        let chassis = *chassis;
        rows(settings).into_iter().map(move |row| Flow { chassis, row })
    })
}

fn rows(settings: &Settings) -> Vec<Row> {
    let all = Fields::default;
    let lead = |from: u8, priority: u16, fields: Fields, to: u8| {
        row(from, priority, fields, Uuid::ZERO, &[Action::resubmit(to)])
    };
    let plain = |table: u8, priority: u16, fields: Fields, actions: &[Action]| {
        row(table, priority, fields, Uuid::ZERO, actions)
    };
    let dropping = |table: u8| plain(table, 0, all(), &settings.dropping(table));
    let mut cleared: Vec<Action> = clear_registers().collect();
    cleared.push(Action::resubmit(table::EGRESS));
    let from_ramp = all().flags(Flag::FROM_RAMP.mask(), Flag::FROM_RAMP.mask() | Flag::LOOPBACK.mask());
    let mut rows = vec![
        dropping(table::PHYSICAL_TO_LOGICAL),
        lead(table::OUTPUT_LARGE_DETECT, 0, all(), table::REMOTE_OUTPUT),
        lead(table::OUTPUT_LARGE_PROCESS, 10, all().with(Flag::LOOPBACK), table::LOCAL_OUTPUT),
        lead(table::OUTPUT_LARGE_PROCESS, 0, all(), table::REMOTE_OUTPUT),
        // Gateways without logical ports flood themselves, and some packets are not to leave the chassis.
        lead(table::REMOTE_OUTPUT, 150, from_ramp, table::LOCAL_OUTPUT),
        lead(table::REMOTE_OUTPUT, 150, all().with(Flag::LOCAL_ONLY), table::LOCAL_OUTPUT),
        lead(table::REMOTE_OUTPUT, 0, all(), table::REMOTE_VTEP_OUTPUT),
        lead(table::REMOTE_VTEP_OUTPUT, 0, all(), table::LOCAL_OUTPUT),
        dropping(table::LOCAL_OUTPUT),
        plain(table::CHECK_LOOPBACK, 0, all(), &cleared),
        lead(table::SAVE_INPORT, 0, all(), table::LOGICAL_TO_PHYSICAL),
        dropping(table::LOGICAL_TO_PHYSICAL),
        plain(table::GET_FDB, 0, all(), &[load_register(register::OUTPORT, 0)]),
        lead(table::CT_ZONE_LOOKUP, 0, all(), table::INGRESS),
        plain(
            table::CT_STATE_SAVE,
            u16::MAX,
            all().bits(CT_STATE, 0u8, TRACKED),
            &[load(register::CT_STATE, 0, 8, 0u8)],
        ),
        plain(table::CT_STATE_SAVE, u16::MAX - 1, all(), &[copy(CT_STATE, 0, register::CT_STATE, 0, 8)]),
        plain(table::GET_REMOTE_FDB, 0, all(), &[load_register(register::REMOTE_OUTPORT, 0)]),
    ];
    rows.extend(original_tuple());
    rows.into_iter().flatten().collect()
}

/// What the first packet of a connection said, for packets of tracked connections.
fn original_tuple() -> Vec<Option<Row>> {
    const TOLD: [(u8, Field, u16, Option<bool>); 4] = [
        (table::CT_ORIG_NW_DST, Field::named("ct_nw_dst"), 32, Some(false)),
        (table::CT_ORIG_IP6_DST, Field::named("ct_ipv6_dst"), 128, Some(true)),
        (table::CT_ORIG_TP_DST, Field::named("ct_tp_dst"), 16, None),
        (table::CT_ORIG_PROTO, Field::named("ct_nw_proto"), 8, None),
    ];
    let mut rows = Vec::new();
    for (table, field, bits, ipv6) in TOLD {
        for state in [TRACKED | ESTABLISHED, TRACKED | NEW] {
            let fields = Fields::default().bits(CT_STATE, state, state);
            let fields = ipv6.map_or(fields.clone(), |ipv6| fields.ip(ipv6));
            let told = copy(field, 0, register::RESULT, 0, bits);
            // Of new connections ovn-controller copies it twice; flows that it has installed are to stay.
            let times = if state & NEW == 0 { 1 } else { 2 };
            rows.push(row(table, 100, fields, Uuid::ZERO, &vec![told; times]));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_another() {
        let mut keys: Vec<_> =
            rows(&Settings::default()).into_iter().map(|row| (row.table, row.priority, row.fields)).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
        assert_eq!(count, 25);
    }
}
