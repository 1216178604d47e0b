//! Meters (ovn-nb(5), Meter and Copp): what limits the packets that flows send to controllers, and the
//! log entries of ACLs.

pub mod copp;
pub mod row;
