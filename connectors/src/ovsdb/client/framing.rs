//! Cuts a byte stream into JSON-RPC messages.
//!
//! OVSDB sends JSON objects one after another with nothing or white space between them (RFC 7047
//! section 4), so a message ends where its braces balance. Only brackets and strings are looked
//! at here; whether the message is JSON is its reader's business.

use std::fmt;
use std::ops::Range;

/// The stream holds something that can begin no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramingError {
    /// The byte found where `{` or white space was expected.
    pub byte: u8,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {:#04x} where a JSON-RPC message should begin", self.byte)
    }
}

impl std::error::Error for FramingError {}

/// Memory kept for the next message; a larger buffer is given back once it is empty.
const KEEP: usize = 1 << 16;

/// The bytes received and not yet consumed. Every byte is looked at once.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the unconsumed bytes begin.
    start: usize,
    /// Where scanning goes on.
    scanned: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Framer {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.buffer.len() + bytes.len() > self.buffer.capacity() {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it has arrived. Its bytes are lent by [`Framer::bytes`] until
    /// the next `push`.
    pub fn next(&mut self) -> Result<Option<Range<usize>>, FramingError> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            if self.in_string {
                self.scan_string();
                continue;
            }
            match byte {
                b'{' | b'[' if self.depth > 0 || byte == b'{' => {
                    if self.depth == 0 {
                        self.start = self.scanned;
                    }
                    self.depth += 1;
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        let message = self.start..self.scanned + 1;
                        self.scanned += 1;
                        self.start = self.scanned;
                        return Ok(Some(message));
                    }
                }
                b'"' if self.depth > 0 => self.in_string = true,
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth > 0 => {}
                byte => return Err(FramingError { byte }),
            }
            self.scanned += 1;
        }
        if self.depth == 0 {
            self.buffer.clear();
            self.buffer.shrink_to(KEEP);
            self.start = 0;
            self.scanned = 0;
        }
        Ok(None)
    }

    /// The bytes of a message that [`Framer::next`] has found.
    pub fn bytes(&self, message: Range<usize>) -> &[u8] {
        &self.buffer[message]
    }

    fn scan_string(&mut self) {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_string = false;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Result<Vec<String>, FramingError> {
        let mut framer = Framer::default();
        let mut messages = Vec::new();
        for chunk in chunks {
            framer.push(chunk);
            while let Some(message) = framer.next()? {
                messages.push(String::from_utf8_lossy(framer.bytes(message)).into_owned());
            }
        }
        assert!(framer.depth > 0 || framer.buffer.is_empty());
        Ok(messages)
    }

    #[test]
    fn braces_in_strings_do_not_count() {
        let messages = split(&[br#"{"a":"}\"{"}  {"b":[{}]}"#, b"\n{", b"}"]).unwrap();
        assert_eq!(messages, [r#"{"a":"}\"{"}"#, r#"{"b":[{}]}"#, "{}"]);
    }

    #[test]
    fn garbage_between_messages_is_an_error() {
        assert_eq!(split(&[b"{} x"]), Err(FramingError { byte: b'x' }));
        assert_eq!(split(&[b"[]"]), Err(FramingError { byte: b'[' }));
    }

    proptest! {
        #[test]
        fn cuts_anywhere_give_the_same_messages(
            texts in proptest::collection::vec(r#"[a-z{}\[\]"\\ é]{0,12}"#, 0..6),
            step in 1usize..9,
        ) {
            let expected: Vec<String> =
                texts.iter().map(|text| serde_json::json!({ "k": [text, {}] }).to_string()).collect();
            let stream = expected.concat();
            let chunks: Vec<&[u8]> = stream.as_bytes().chunks(step).collect();
            prop_assert_eq!(split(&chunks).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut framer = Framer::default();
            framer.push(&bytes);
            while let Ok(Some(message)) = framer.next() {
                prop_assert_eq!(framer.bytes(message)[0], b'{');
            }
        }
    }
}
