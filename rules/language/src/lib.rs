//! OVN's match and action languages.
//!
//! A logical flow is two texts, a match and actions (`Logical_Flow` in ovn-sb(5)). This crate reads
//! both and gives what a switch needs: OpenFlow matches, and actions in their wire form. It is a
//! crate of its own, below the rules, so that a change of a rule does not compile it again.
//!
//! Actions: [`action::parse`] once, for all chassis; then [`action::encode`] for a datapath. What they need
//! goes into the match: [`expression::Matcher::new`] once, then [`expression::Matcher::rows`] for a chassis, or
//! [`expression::Matcher::template`] for the rows that each element of an address set adds. Matchers, rows and
//! templates are values that compare and hash, as a dataflow wants them.
#![deny(missing_docs)]

pub mod action;
pub mod expression;
pub mod lexer;
pub mod openflow;
mod reader;
pub mod register;
pub mod symbol;
pub mod table;
pub mod template;
