//! One client of the control socket.

use std::io::{self, ErrorKind, Read as _, Write as _};

use mio::net::UnixStream;
use serde_json::{Value, json};

use super::commands::{Format, Outcome};

/// The longest request, and the most that a client may send ahead: far above any command, far below the memory.
const MAX_INPUT: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Connection {
    pub stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The id of the request that waits for its answer. One at a time; the next ones wait in `input`.
    pending: Option<Value>,
    pub format: Format,
}

/// A request as it came in.
#[derive(Debug, PartialEq)]
pub(super) struct Incoming {
    pub method: String,
    pub params: Vec<Value>,
    pub id: Value,
}

impl Connection {
    pub fn new(stream: UnixStream) -> Connection {
        Connection { stream, input: Vec::new(), output: Vec::new(), pending: None, format: Format::Text }
    }

    /// Takes in all that has arrived. An error, the end of the stream among them, ends the connection.
    pub fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) if self.input.len() + length > MAX_INPUT => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "request too long"));
                }
                Ok(length) => self.input.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next request, unless an earlier one still waits for its answer or none has arrived whole.
    pub fn next(&mut self) -> io::Result<Option<Incoming>> {
        if self.pending.is_some() {
            return Ok(None);
        }
        let Some(message) = take_value(&mut self.input)? else { return Ok(None) };
        let incoming = parse(message)?;
        self.pending = Some(incoming.id.clone());
        Ok(Some(incoming))
    }

    /// Answers the pending request and sends what the socket takes.
    pub fn answer(&mut self, outcome: Outcome) -> io::Result<()> {
        let Some(id) = self.pending.take() else { return Ok(()) };
        let reply = match outcome {
            Ok(result) => json!({"id": id, "result": result, "error": null}),
            Err(error) => json!({"id": id, "result": null, "error": error}),
        };
        self.output.extend_from_slice(reply.to_string().as_bytes());
        self.write()
    }

    /// Sends what is still to be sent, as far as the socket takes it.
    pub fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Takes the first JSON value off `input`; `None` when it is not whole yet.
fn take_value(input: &mut Vec<u8>) -> io::Result<Option<Value>> {
    let mut values = serde_json::Deserializer::from_slice(input).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) if !error.is_eof() => return Err(io::Error::new(ErrorKind::InvalidData, error)),
        Some(Err(_)) | None => return Ok(None),
    };
    let used = values.byte_offset();
    input.drain(..used);
    Ok(Some(value))
}

fn parse(message: Value) -> io::Result<Incoming> {
    let refuse = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let Value::Object(mut message) = message else {
        return Err(refuse("received a message that is no object"));
    };
    let Some(Value::String(method)) = message.remove("method") else {
        return Err(refuse("received a message without a method"));
    };
    let Some(Value::Array(params)) = message.remove("params") else {
        return Err(refuse("received a request without parameters"));
    };
    let id = message.remove("id").unwrap_or_default();
    if id.is_null() {
        return Err(refuse("received unexpected notification message"));
    }
    Ok(Incoming { method, params, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_one_by_one() {
        let mut input = b" {\"a\":1}{\"b\":[2]} {\"c\"".to_vec();
        assert_eq!(take_value(&mut input).unwrap(), Some(json!({"a": 1})));
        assert_eq!(take_value(&mut input).unwrap(), Some(json!({"b": [2]})));
        assert_eq!(take_value(&mut input).unwrap(), None);
        assert_eq!(input, b" {\"c\"");
        assert!(take_value(&mut b"{]".to_vec()).is_err());
    }

    proptest::proptest! {
        /// Requests are found in any stream, however it is cut, and garbage after them does no harm to them.
        #[test]
        fn streams_are_cut_anywhere(ids in proptest::collection::vec(0_u32..9, 1..5), cut in 0_usize..200, tail in ".*") {
            let message = |id: &u32| json!({"method": "m", "params": ["}{"], "id": id}).to_string();
            let text = ids.iter().map(message).collect::<String>() + &tail;
            let cut = cut.min(text.len());
            let (mut input, mut found) = (Vec::new(), Vec::new());
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                input.extend_from_slice(part);
                while let Ok(Some(value)) = take_value(&mut input) {
                    found.extend(parse(value).map(|incoming| incoming.id));
                }
            }
            proptest::prop_assert_eq!(&found[..ids.len()], ids.into_iter().map(Value::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_requests_pass() {
        let request = parse(json!({"method": "m", "params": ["x"], "id": 7})).unwrap();
        assert_eq!(request, Incoming { method: "m".into(), params: vec!["x".into()], id: 7.into() });
        for bad in [
            json!(1),
            json!({"id": 1, "result": 1, "error": null}),
            json!({"method": 1, "params": [], "id": 1}),
            json!({"method": "m", "params": {}, "id": 1}),
            json!({"method": "m", "params": [], "id": null}),
        ] {
            assert!(parse(bad.clone()).is_err(), "{bad}");
        }
    }
}
