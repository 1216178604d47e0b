//! What stands for the whole network rather than for one switch, router or port.
//!
//! Nothing here is given before there is an NB_Global row; where the northbound database has none,
//! the connector has to insert an empty one, as ovn-northd does. Most questions about the settings are
//! asked of [`settings::options`] and answered by a relation of one row each, so that a change of one
//! setting reaches only the rules that ask for it.

pub mod address_set;
pub mod chassis;
pub mod config_seq;
pub mod dhcp_catalog;
pub mod drop_sampling;
pub mod identity;
pub mod rbac;
pub mod scan;
pub mod settings;
pub mod stale;
pub mod template;

#[cfg(test)]
mod recording;
#[cfg(test)]
pub(crate) mod testing;

use northflow_engine::{Index, Record, Relation};

/// The rows of a relation that has one row at most, or few, all under the same key.
pub fn single<T: Record>(rows: &Relation<T>) -> Index<(), T> {
    rows.index_by(|_| ())
}
