//! Column values as OVSDB JSON (RFC 7047 section 5.1), read and written without a tree in between.
//!
//! Reading is by serde seeds that know the column's type, so a message of any size becomes values
//! straight from its bytes. Writing appends to a byte buffer. [`apply_diff`] is the arithmetic of
//! the differences that `update2`, `update3` and database files hold.

use northflow_rules::ovsdb::{Datum, Text};

mod decode;
mod diff;
mod encode;

pub use decode::{AtomSeed, DatumSeed, NameSeed, RowSeed, UuidSeed};
pub use diff::{apply_diff, difference};
pub use encode::{write_atom, write_datum, write_string, write_uuid};

/// Named values of one row, in the order in which they were read.
pub type Columns = Vec<(Text, Datum)>;

#[cfg(test)]
mod tests;
