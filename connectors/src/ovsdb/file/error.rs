//! What can go wrong with a database file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A database file that cannot be read or written any further.
#[derive(Debug)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Where the record at fault begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a database file.
#[derive(Debug)]
pub enum Reason {
    /// The system refused.
    Io(io::Error),
    /// It does not begin as a database file does.
    NotADatabase,
    /// A record's header line is damaged.
    Header,
    /// The file ends within a record.
    Truncated {
        /// Bytes that the record should have.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A record's text is not the text that was written.
    Checksum,
    /// A record is intact and makes no sense.
    Content(String),
}

impl FileError {
    pub(super) fn new(path: &Path, offset: u64, reason: Reason) -> FileError {
        FileError { path: path.into(), offset, reason }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.reason {
            Reason::Io(error) => write!(f, "at offset {}: {error}", self.offset),
            Reason::NotADatabase => f.write_str("not an OVSDB database file"),
            Reason::Header => {
                write!(
                    f,
                    "the record at offset {} has a damaged header; what precedes is usable",
                    self.offset
                )
            }
            Reason::Truncated { expected, found } => write!(
                f,
                "the record at offset {} ends after {found} of {expected} bytes; what precedes is usable",
                self.offset
            ),
            Reason::Checksum => write!(
                f,
                "the record at offset {} does not match its checksum; what precedes is usable",
                self.offset
            ),
            Reason::Content(reason) => write!(f, "the record at offset {}: {reason}", self.offset),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Io(error) => Some(error),
            _ => None,
        }
    }
}
