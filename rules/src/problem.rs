//! Bad configuration, as rows.
//!
//! A rule that meets something it cannot use says so by a row of the output `problem`, which is
//! retracted when the configuration is mended. Connectors log a row when it comes.

use serde::{Deserialize, Serialize};

use crate::ovsdb::Text;

/// Something wrong in a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, where, and what is done about it, as ovn-northd would log it.
    pub message: Text,
}

impl Problem {
    /// A problem.
    pub fn new(message: impl Into<Text>) -> Problem {
        Problem { message: message.into() }
    }
}
