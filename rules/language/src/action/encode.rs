//! Logical actions into OpenFlow actions.

use super::Action;
use super::group::{Group, Meter};
use super::opcode::Opcode;
use crate::openflow::{self, Controller, Field, Port, Subfield, Zone};
use crate::register;
use crate::table::Pipeline;

/// The flow whose actions are encoded, and the datapath that it is in.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its pipeline.
    pub pipeline: Pipeline,
    /// Where its `output` leads: an OpenFlow table.
    pub output_table: u8,
    /// Whether the datapath is a switch; else it is a router.
    pub is_switch: bool,
    /// Tunnel key of the datapath.
    pub datapath_key: u32,
    /// UUID of the logical flow.
    pub flow: u128,
    /// Meter for packets to the controller (`controller_meter` of Logical_Flow).
    pub controller_meter: Option<u32>,
    /// The register whose low half is the zone that is shared by source and destination translation:
    /// [`register::DNAT_ZONE`], or [`register::SNAT_ZONE`] if `snat-ct-zone` is set.
    pub common_zone: Field,
    /// Whether northd writes `output` in `arp` and `nd_ns` itself (`arp_ns_explicit_output` of SB_Global).
    pub explicit_output: bool,
    /// Whether northd uses the newer layout of registers (`register_consolidation` of SB_Global).
    pub register_consolidation: bool,
    /// What the switch can do.
    pub features: Features,
}

/// What a switch can do beyond the necessary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Commits to connection tracking can avoid clashes by source translation.
    pub zero_snat: bool,
    /// There are meters.
    pub meters: bool,
    /// Groups can choose by a hash that is alike in both directions.
    pub symmetric_hash: bool,
}

/// What actions refer to by name.
pub trait Environment {
    /// Tunnel key of a port or a multicast group of the flow's datapath.
    fn port_key(&self, name: &str) -> Option<u32>;
    /// Whether a port is bound to this chassis.
    fn is_local(&self, port: &str) -> bool;
    /// OpenFlow port of the tunnel to the chassis of a port.
    fn tunnel_port(&self, port: &str) -> Option<Port>;
    /// Number of a group. Groups of one definition have one number.
    fn group(&mut self, group: &Group) -> Option<u32>;
    /// Number of a meter. Meters of one name or definition have one number.
    fn meter(&mut self, meter: Meter<'_>) -> Option<u32>;
    /// Whether the switch has a set of collectors (Flow_Sample_Collector_Set).
    fn has_collector_set(&self, id: u32) -> bool;
}

/// The OpenFlow actions of logical actions.
pub fn encode(
    actions: &[Action],
    context: &Context,
    environment: &mut dyn Environment,
) -> Vec<openflow::Action> {
    let mut encoder = Encoder { context, environment, out: Vec::new() };
    encoder.actions(actions);
    encoder.out
}

/// Encodes actions one after the other.
pub(super) struct Encoder<'a> {
    pub context: &'a Context,
    pub environment: &'a mut dyn Environment,
    pub out: Vec<openflow::Action>,
}

impl Encoder<'_> {
    pub fn actions(&mut self, actions: &[Action]) {
        actions.iter().for_each(|action| action.encode(self));
    }

    /// Encodes actions apart from the others.
    pub fn nested(&mut self, actions: &[Action]) -> Vec<openflow::Action> {
        encode(actions, self.context, self.environment)
    }

    pub fn push(&mut self, action: openflow::Action) {
        self.out.push(action);
    }

    pub fn resubmit(&mut self, table: u8) {
        self.push(openflow::Action::resubmit(table));
    }

    pub fn load(&mut self, value: u128, into: Subfield) {
        self.push(openflow::Action::load(value, into));
    }

    pub fn copy(&mut self, from: Subfield, to: Subfield) {
        self.push(openflow::Action::Move(from, to));
    }

    /// The OpenFlow table of a table of the flow's pipeline.
    pub fn table(&self, table: u8) -> u8 {
        self.context.pipeline.first().saturating_add(table)
    }

    /// Sends the packet to the controller, which sees the number of the operation and then `payload`.
    pub fn controller(&mut self, opcode: Opcode, payload: &[u8]) {
        self.controller_limited(opcode, payload, self.context.controller_meter);
    }

    pub fn controller_limited(&mut self, opcode: Opcode, payload: &[u8], meter: Option<u32>) {
        let mut userdata = opcode.number().to_be_bytes().to_vec();
        userdata.extend([0; 4]);
        userdata.extend(payload);
        self.push(openflow::Action::Controller(Controller {
            userdata,
            pause: opcode.pauses(),
            meter: meter.filter(|_| self.context.features.meters),
            ..Controller::default()
        }));
    }

    /// Copies arguments to where a table or the controller expects them, runs `body`, and gives back to
    /// the fields what they had. An argument that is there already is left alone.
    pub fn with_arguments(&mut self, arguments: &[(Subfield, Field)], body: impl FnOnce(&mut Self)) {
        let moved = || arguments.iter().filter(|(source, place)| source.field != *place);
        moved().for_each(|(_, place)| self.push(openflow::Action::Push(Subfield::whole(*place))));
        moved().rev().for_each(|(source, _)| self.push(openflow::Action::Push(*source)));
        moved().for_each(|(_, place)| self.push(openflow::Action::Pop(Subfield::whole(*place))));
        body(self);
        moved().rev().for_each(|(_, place)| self.push(openflow::Action::Pop(Subfield::whole(*place))));
    }

    /// The zone that a register names.
    pub fn zone(&self, field: Field) -> Zone {
        Zone::Field(Subfield::new(field, 0, 16))
    }

    /// On a switch the register with the zone of the port, on a router that of one kind of translation.
    pub fn zone_register(&self, dnat: bool) -> Field {
        match (self.context.is_switch, dnat) {
            (true, _) => register::CT_ZONE,
            (false, true) => register::DNAT_ZONE,
            (false, false) => register::SNAT_ZONE,
        }
    }

    /// Uses a group, if the environment has a number for it.
    pub fn group(&mut self, group: &Group) {
        if let Some(group) = self.environment.group(group) {
            self.push(openflow::Action::Group(group));
        }
    }
}

/// The field in which the controller leaves a result, as it is told of it: header and first bit.
pub(super) fn result_place(place: Subfield) -> Vec<u8> {
    let mut bytes = place.field.standard_header().to_be_bytes().to_vec();
    bytes.extend(u32::from(place.offset).to_be_bytes());
    bytes
}
