//! What the network answers itself, so that a question need not travel.

pub mod arp_nd;
pub mod monitor;
pub mod virtual_port;
