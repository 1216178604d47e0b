//! Messages in the log, as the C library writes them at level DBG of module `jsonrpc`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Session;
use crate::process::vlog::Level;
use crate::process::vlog::modules::JSONRPC;

/// A message of any kind, member by member as it was written.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

impl Session {
    /// Logs what was appended to `out` from `start` on, one message.
    pub(super) fn trace_sent(&self, start: usize) {
        if JSONRPC.enabled(Level::Dbg) {
            self.trace("send", &self.out[start..]);
        }
    }

    /// Logs a received message.
    pub(super) fn trace_received(&self, message: &[u8]) {
        if JSONRPC.enabled(Level::Dbg) {
            self.trace("received", message);
        }
    }

    fn trace(&self, title: &str, message: &[u8]) {
        let Some(remote) = &self.remote else { return };
        JSONRPC.dbg(format_args!("{remote}: {title} {}", describe(message)));
    }
}

/// What kind of message it is, and its members.
fn describe(message: &[u8]) -> String {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(message) else {
        return format!("{} bytes that are no message", message.len());
    };
    let mut text = match (members.method, members.id, members.error) {
        (Some(_), Some(_), _) => "request",
        (Some(_), None, _) => "notification",
        (None, _, Some(_)) => "error",
        (None, _, None) => "reply",
    }
    .to_owned();
    for (name, member) in [
        ("method", members.method),
        ("params", members.params),
        ("result", members.result),
        ("error", members.error),
        ("id", members.id),
    ] {
        if let Some(member) = member {
            text += &format!(", {name}={member}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message() {
        for (message, text) in [
            (r#"{"id":3,"method":"echo","params":[]}"#, r#"request, method="echo", params=[], id=3"#),
            (
                r#"{"id":null,"method":"locked","params":["a"]}"#,
                r#"notification, method="locked", params=["a"]"#,
            ),
            (r#"{"id":3,"result":[{}],"error":null}"#, r#"reply, result=[{}], id=3"#),
            (r#"{"id":3,"result":null,"error":"no"}"#, r#"error, error="no", id=3"#),
            ("[", "1 bytes that are no message"),
        ] {
            assert_eq!(describe(message.as_bytes()), text);
        }
    }
}
