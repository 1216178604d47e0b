//! A chassis as its controller sets it up: what it says of itself in the southbound database, and what
//! it makes in its own Open vSwitch (ovn-controller(8), "CONFIGURATION").
//!
//! Functions of the local configuration and of southbound rows; who calls them compares the result with
//! what the databases hold.

pub mod bridge;
pub mod claim;
pub mod patch;
pub mod registration;
pub mod settings;
pub mod tunnel;
