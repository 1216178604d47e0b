//! The keys by which several rules index the same table: an index by one of these functions is shared.

use super::sb::{PortBinding, PortBindingState};
use crate::ovsdb::{Text, Uuid};

impl PortBindingState {
    /// The name of the port.
    pub fn logical_port(&self) -> Text {
        self.logical_port.clone()
    }

    /// The datapath of the port.
    pub fn datapath(&self) -> Uuid {
        self.datapath
    }

    /// Where the port is bound.
    pub fn chassis(&self) -> Option<Uuid> {
        self.chassis
    }
}

impl PortBinding {
    /// The name of the port.
    pub fn logical_port(&self) -> Text {
        self.logical_port.clone()
    }
}
