//! Datapaths and ports, and the numbers they are known by.

pub mod announcement;
pub mod bindings;
pub mod container;
pub mod datapath;
pub mod delegated_prefix;
pub mod facing;
pub mod facing_binding;
pub mod gateway;
pub mod ha_chassis;
pub mod ipam;
pub mod peer;
pub mod periodic_advertisement;
pub mod port_binding;
pub mod port_check;
pub mod port_group;
pub mod port_identity;
pub mod port_key;
pub mod qos_queue;
pub mod routed;
pub mod router;
pub mod router_binding;
pub mod router_port;
pub mod static_neighbor;
pub mod switch_port;
pub mod tunnel_key;
pub mod up;

use northflow_engine::key_hash;

use crate::ovsdb::Uuid;

/// The identifier of the Datapath_Binding of a logical switch or router.
pub fn datapath_uuid(datapath: Uuid) -> Uuid {
    Uuid::from_hash(key_hash(&("Datapath_Binding", datapath)))
}
