//! Priorities that more than one rule must agree on. The rest stand where their flow is written.

/// What happens when nothing else matches.
pub const DEFAULT: u16 = 0;
/// Before every ACL, whatever its priority.
pub const HIGHEST: u16 = u16::MAX;
/// Traffic that no ACL may stop.
pub const ACL_ALWAYS: u16 = u16::MAX - 3;
/// What the network itself sends to a port, whatever the ACLs say.
pub const ACL_BUILT_IN: u16 = 34000;
/// A lookup of one unicast address.
pub const UNICAST: u16 = 50;
