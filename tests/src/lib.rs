//! What the end-to-end and differential tests share: the reference they are judged by.
#![deny(missing_docs)]

pub mod reference;
