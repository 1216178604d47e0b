//! Southbound rows that stand for the whole network rather than for one switch, router or port.

pub mod config_seq;
pub mod dhcp_catalog;
pub mod rbac;

#[cfg(test)]
mod recording;
