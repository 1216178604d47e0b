//! IP multicast on logical switches (ovn-nb(5), Logical_Switch other_config:mcast_*).

pub mod config;
