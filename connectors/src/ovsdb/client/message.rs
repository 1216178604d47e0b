//! JSON-RPC messages (RFC 7047 section 4): reading the envelope, writing requests.
//!
//! A message's contents stay text until somebody who knows their type decodes them.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A received message, borrowing from its bytes.
#[derive(Debug)]
pub enum Message<'a> {
    /// The answer to our request `id`.
    Reply {
        /// The number that the request carried.
        id: u64,
        /// The member `result`, or `error` if that is not null; `"null"` if both are.
        result: Result<&'a str, &'a str>,
    },
    /// A request of the peer.
    Request {
        /// What it wants.
        method: String,
        /// The member `params`.
        params: &'a str,
        /// To be sent back, any JSON.
        id: &'a str,
    },
    /// Something to which no answer is expected.
    Notification {
        /// What it is about.
        method: String,
        /// The member `params`.
        params: &'a str,
    },
    /// The answer to nothing that we have asked.
    Stray,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads one framed message.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, serde_json::Error> {
        let envelope: Envelope<'a> = serde_json::from_slice(bytes)?;
        let text = |raw: Option<&'a RawValue>| raw.map_or("null", RawValue::get);
        Ok(match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => {
                Message::Request { method, params: text(envelope.params), id: id.get() }
            }
            (Some(method), None) => Message::Notification { method, params: text(envelope.params) },
            (None, id) => match id.and_then(|id| id.get().parse().ok()) {
                Some(id) => Message::Reply {
                    id,
                    result: match envelope.error {
                        Some(error) => Err(error.get()),
                        None => Ok(text(envelope.result)),
                    },
                },
                None => Message::Stray,
            },
        })
    }
}

/// Appends a request; `params` appends the members of the parameter array.
pub fn write_request(out: &mut Vec<u8>, id: u64, method: &str, params: impl FnOnce(&mut Vec<u8>)) {
    write_text(out, format_args!("{{\"id\":{id},\"method\":\"{method}\",\"params\":["));
    params(out);
    out.extend_from_slice(b"]}");
}

/// Appends the answer to a request; `id` and `result` are JSON.
pub fn write_reply(out: &mut Vec<u8>, id: &str, result: &str) {
    write_text(out, format_args!("{{\"id\":{id},\"result\":{result},\"error\":null}}"));
}

/// Appends the refusal of a request whose method is not known.
pub fn write_refusal(out: &mut Vec<u8>, id: &str) {
    write_text(out, format_args!("{{\"id\":{id},\"result\":null,\"error\":\"unknown method\"}}"));
}

/// Appends formatted text.
fn write_text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes everything: the result says nothing.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::codec::write_string;

    #[test]
    fn envelopes_are_told_apart() {
        let parse = |text: &'static str| Message::parse(text.as_bytes()).unwrap();
        assert!(matches!(
            parse(r#"{"id":"echo","method":"echo","params":[1]}"#),
            Message::Request { method, params: "[1]", id: "\"echo\"" } if method == "echo"
        ));
        assert!(matches!(
            parse(r#"{"id":null,"method":"update3","params":[]}"#),
            Message::Notification { params: "[]", .. }
        ));
        assert!(matches!(
            parse(r#"{"id":7,"error":null,"result":{"a":[ ]}}"#),
            Message::Reply { id: 7, result: Ok(r#"{"a":[ ]}"#) }
        ));
        assert!(matches!(
            parse(r#"{"id":8,"error":"canceled","result":null}"#),
            Message::Reply { id: 8, result: Err("\"canceled\"") }
        ));
        assert!(matches!(parse(r#"{"id":"x","error":null,"result":null}"#), Message::Stray));
        assert!(Message::parse(b"{\"id\":}").is_err());
    }

    #[test]
    fn written_text_is_json() {
        let mut out = Vec::new();
        let text = "a\"\\\n\u{1}é\u{1f600}";
        write_request(&mut out, 3, "lock", |params| write_string(params, text));
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value, serde_json::json!({ "id": 3, "method": "lock", "params": [text] }));
    }
}
