//! OVN's match and action languages.
//!
//! A logical flow is two texts, a match and actions (`Logical_Flow` in ovn-sb(5)). This crate reads
//! both and gives what a switch needs: OpenFlow matches, and actions in their wire form. It is a
//! crate of its own, below the rules, so that a change of a rule does not compile it again.
#![deny(missing_docs)]

pub mod action;
pub mod lexer;
pub mod openflow;
pub mod register;
pub mod symbol;
pub mod table;
