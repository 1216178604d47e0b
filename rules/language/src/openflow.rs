//! OpenFlow 1.5 with the extensions of Open vSwitch, as far as OVN uses it: fields, ports and actions,
//! their text (ovs-actions(7)) and their wire form.
//!
//! Actions are values. [`encode`] and [`decode`] are each other's inverse on what a switch accepts,
//! and `Display` writes an action as `ovs-ofctl dump-flows` does.

pub mod action;
mod address;
mod conntrack;
mod decode;
mod encode;
mod field;
mod learn;
mod port;
mod wire;

pub use action::{
    Action, Bundle, BundleAlgorithm, Controller, HashFields, List, Sample, SampleDirection, Source,
};
pub use address::write_ipv6;
pub use conntrack::{Conntrack, Nat, NatKind, NatRange, Zone};
pub use decode::decode;
pub(crate) use encode::put_value;
pub use encode::{TooLong, encode};
pub(crate) use field::write_hexadecimal;
pub use field::{Field, Format, Subfield};
pub use learn::{Learn, LearnDestination, LearnSource, LearnSpec};
pub use port::Port;
pub use wire::DecodeError;
