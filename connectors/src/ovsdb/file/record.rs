//! Records (ovsdb(5), "Database File Format"): `OVSDB <magic> <length> <sha1>`, a line break, and
//! `length` bytes of JSON that end with a line break.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use sha1::{Digest, Sha1};

use super::{FileError, Format, Reason};

/// The longest header line, with its line break.
const HEADER_MAX: u64 = 127;

/// A buffer that one huge record grew is cut back to so many bytes.
const BODY_KEPT: usize = 1 << 20;

/// Reads records one by one.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    path: PathBuf,
    format: Option<Format>,
    /// Where the current record begins.
    record: u64,
    /// Where the next one begins.
    offset: u64,
    header: Vec<u8>,
}

/// What a header line says.
#[derive(Debug, PartialEq)]
struct Header {
    format: Format,
    length: u64,
    sha1: [u8; 20],
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, path: PathBuf) -> Self {
        Records { input, path, format: None, record: 0, offset: 0, header: Vec::new() }
    }

    /// Reads the next record's text into `body`; false at the end of the file.
    pub(super) fn next(&mut self, body: &mut Vec<u8>) -> Result<bool, FileError> {
        self.record = self.offset;
        body.clear();
        body.shrink_to(BODY_KEPT);
        self.header.clear();
        let limited = (&mut self.input).take(HEADER_MAX).read_until(b'\n', &mut self.header);
        if limited.map_err(|e| self.error(Reason::Io(e)))? == 0 {
            return Ok(false);
        }
        let header = Header::parse(&self.header);
        let header = match (header, self.format) {
            (Some(header), None) => header,
            (Some(header), Some(format)) if header.format == format => header,
            (_, None) => return Err(self.error(Reason::NotADatabase)),
            (_, Some(_)) => return Err(self.error(Reason::Header)),
        };
        self.format = Some(header.format);
        // Not reserved up front: a damaged length must not ask for memory that the file cannot fill.
        let read = (&mut self.input).take(header.length).read_to_end(body);
        let found = read.map_err(|e| self.error(Reason::Io(e)))? as u64;
        if found < header.length {
            return Err(self.error(Reason::Truncated { expected: header.length, found }));
        }
        if Sha1::digest(&body)[..] != header.sha1 {
            return Err(self.error(Reason::Checksum));
        }
        self.offset += self.header.len() as u64 + header.length;
        Ok(true)
    }
}

impl<R> Records<R> {
    /// The format, as the first record has it.
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Standalone)
    }

    /// Where the current record begins.
    pub(super) fn record(&self) -> u64 {
        self.record
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// An error in the current record.
    pub(super) fn error(&self, reason: Reason) -> FileError {
        self.error_at(self.record, reason)
    }

    /// An error in the record that begins at `offset`.
    pub(super) fn error_at(&self, offset: u64, reason: Reason) -> FileError {
        FileError::new(&self.path, offset, reason)
    }
}

impl Header {
    fn parse(line: &[u8]) -> Option<Header> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let mut words = line.strip_prefix("OVSDB ")?.split(' ');
        let format = match words.next()? {
            "JSON" => Format::Standalone,
            "CLUSTER" => Format::Clustered,
            _ => return None,
        };
        let length = words.next()?.parse().ok().filter(|length| *length > 0)?;
        let digits = words.next()?;
        if words.next().is_some() || digits.len() != 40 {
            return None;
        }
        let mut sha1 = [0; 20];
        for (byte, pair) in sha1.iter_mut().zip(digits.as_bytes().chunks(2)) {
            for digit in pair {
                *byte = *byte << 4 | char::from(*digit).to_digit(16)? as u8;
            }
        }
        Some(Header { format, length, sha1 })
    }
}

/// Writes one standalone record, whose JSON `body` ends with a line break; gives its size in bytes.
pub(super) fn write_record(out: &mut impl Write, body: &[u8]) -> io::Result<u64> {
    let mut header = format!("OVSDB JSON {} ", body.len());
    for byte in Sha1::digest(body) {
        header.push_str(&format!("{byte:02x}"));
    }
    header.push('\n');
    out.write_all(header.as_bytes())?;
    out.write_all(body)?;
    Ok((header.len() + body.len()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_exactly_that() {
        let sha1 = "12fe7847709f8c7897dea7501c930970217cb610";
        let parse = |line: String| Header::parse(line.as_bytes());
        let header = parse(format!("OVSDB CLUSTER 687 {sha1}\n")).unwrap();
        assert_eq!((header.format, header.length, header.sha1[0]), (Format::Clustered, 687, 0x12));
        for bad in [
            format!("OVSDB JSON 687 {sha1}"),
            format!("OVSDB JSON 0 {sha1}\n"),
            format!("OVSDB JSON -1 {sha1}\n"),
            format!("OVSDB BAG 687 {sha1}\n"),
            format!("OVSDB JSON 687 {sha1}0\n"),
            format!("OVSDB JSON 687 {sha1} 1\n"),
            format!("OVSDB JSON 687 {}\n", sha1.replace('f', "g")),
            "OVSDB\n".into(),
        ] {
            assert_eq!(parse(bad.clone()), None, "{bad}");
        }
    }
}
