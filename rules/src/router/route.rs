//! Routes: where packets go next.

pub mod connected;
pub mod symmetric_reply;
