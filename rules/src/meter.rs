//! Meters (ovn-nb(5), Meter and Copp): what limits the packets that flows send to controllers, and the
//! log entries of ACLs. Traffic shaping (ovn-nb(5), QoS).

pub mod copp;
pub mod qos;
pub mod row;
