//! Bytes in network order: writing into a vector, reading from a slice.

use std::fmt;

/// Why bytes are no action of ours. The fault is the peer's, or it speaks of what OVN does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside an action.
    Truncated,
    /// An action gives itself a length that it cannot have.
    Length(u16),
    /// An action of another kind: type, vendor and subtype (0, 0 for a standard one).
    Unknown(u16, u32, u16),
    /// A match header of no known field.
    Field(u32),
    /// A part of an action has a value that it may not have.
    Argument(&'static str),
    /// Actions inside actions, too many deep.
    Depth,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "actions end too early"),
            Self::Length(length) => write!(f, "an action cannot be {length} bytes long"),
            Self::Unknown(kind, 0, _) => write!(f, "unknown action type {kind}"),
            Self::Unknown(_, vendor, subtype) => write!(f, "unknown action {subtype} of vendor {vendor:#x}"),
            Self::Field(header) => write!(f, "unknown field header {header:#010x}"),
            Self::Argument(what) => write!(f, "bad {what} in an action"),
            Self::Depth => write!(f, "actions nested too deeply"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads numbers off the front of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (front, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*front)
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_be_bytes)
    }

    /// A number of some bytes; those above the low 16 have to be zero.
    pub fn number(&mut self, count: usize) -> Result<u128, DecodeError> {
        let bytes = self.bytes(count)?;
        let (high, low) = bytes.split_at(count.saturating_sub(16));
        if high.iter().any(|byte| *byte != 0) {
            return Err(DecodeError::Argument("value"));
        }
        Ok(low.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }

    pub fn zeros(&mut self, count: usize) -> Result<(), DecodeError> {
        let padding = self.bytes(count)?;
        padding.iter().all(|byte| *byte == 0).then_some(()).ok_or(DecodeError::Argument("padding"))
    }

    /// The rest has to be zero bytes.
    pub fn end(mut self) -> Result<(), DecodeError> {
        self.zeros(self.0.len())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends numbers to bytes.
pub(super) trait Put {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    fn zeros(&mut self, count: usize);
    /// The low `count` bytes of a number.
    fn number(&mut self, value: u128, count: usize);
}

impl Put for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend(value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend(value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend(value.to_be_bytes());
    }

    fn zeros(&mut self, count: usize) {
        self.resize(self.len() + count, 0);
    }

    fn number(&mut self, value: u128, count: usize) {
        self.zeros(count.saturating_sub(16));
        self.extend(&value.to_be_bytes()[16 - count.min(16)..]);
    }
}
