//! Traffic between two outside addresses of a router with gateway ports (J11, J13): what would leave for
//! one of them comes back in, and what was translated here is known.

use super::entry::NatEntry;
use super::home::Home;
use crate::flow::register::{DNAT_LOCAL, EGRESS_LOOPBACK};
use crate::flow::{Flow, Stage};
use crate::ovsdb::Uuid;

/// How many registers the packet that comes back in has to forget.
const REGISTERS: u8 = 10;

/// The flow by which packets for the outside address come back in.
///
/// Cost: a translation costs its own flow.
pub fn egress(entry: &NatEntry, home: &Home) -> Option<Flow> {
    let nat = &entry.nat;
    let (gate, resident) = (entry.gate.as_ref()?, entry.resident()?);
    let matches = format!(
        "ip{}.dst == {} && {} && is_chassis_resident({resident})",
        nat.family(),
        nat.external_ip,
        gate.port.is_outport(),
    );
    Some(entry.flow(Stage::LrOutEgrLoop, 100, matches, back_in(home)))
}

/// The actions that send a copy of a packet back in by the port that it would leave by.
pub fn back_in(home: &Home) -> String {
    let zone = match home.settings.common_zone {
        true => format!("flags.use_snat_zone = {DNAT_LOCAL}; "),
        false => String::new(),
    };
    let cleared: String = (0..REGISTERS).map(|register| format!("reg{register} = 0; ")).collect();
    format!(
        "clone {{ ct_clear; inport = outport; outport = \"\"; eth.dst <-> eth.src; flags = 0; \
         flags.loopback = 1; {zone}{cleared}{EGRESS_LOOPBACK} = 1; next(pipeline=ingress, table={}); }};",
        Stage::LrInAdmission.table()
    )
}

/// The flow that knows packets for the outside address by the chassis that translates it, where there is
/// one zone for sources and destinations.
///
/// Cost: a translation costs its own flow.
pub fn translated_here(entry: &NatEntry, home: &Home) -> Option<Flow> {
    if !home.settings.common_zone {
        return None;
    }
    let nat = &entry.nat;
    let matches = format!(
        "ip && ip{}.dst == {} && is_chassis_resident({})",
        nat.family(),
        nat.external_ip,
        entry.resident()?,
    );
    Some(entry.flow(Stage::LrOutChkDnatLocal, 50, matches, format!("{DNAT_LOCAL} = 1; next;")))
}

/// The flow that knows what was translated on its way in, where there is one zone: the mark is still there
/// on the way out. On every router that translates, explained by its row.
pub fn marked(router: Uuid) -> Flow {
    let actions = format!("{DNAT_LOCAL} = 1; next;");
    Flow::new(Stage::LrOutChkDnatLocal, 50, "ip && ct_mark.natted == 1", actions).hint(router)
}
