//! Addresses: how configuration spells them and how OVN prints them.
//!
//! OVN reads addresses leniently (ovs-vsctl and friends have always let odd spellings in, so
//! databases hold them) and chassis compare what it prints as text. Reading therefore accepts
//! whatever the OVN programs accept, through one scanner, and printing has one spelling.

pub mod addresses;
pub mod ip;
pub mod mac;
pub mod scan;
