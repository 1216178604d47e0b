//! What the end-to-end and differential tests share: the reference they are judged by, and how
//! networks are compared.
#![deny(missing_docs)]

pub mod bridge;
pub mod chassis;
pub mod dump;
pub mod garbage;
pub mod judge;
pub mod normalize;
pub mod player;
pub mod random;
pub mod recording;
pub mod reference;
pub mod switch;
pub mod trial;
pub mod walk;
