//! What a `transact` request came to (RFC 7047 section 4.1.3).

use std::fmt;

use northflow_rules::ovsdb::Uuid;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed: one result per operation. The rows that it changed have been told by updates
    /// before, as far as they are monitored.
    Success(Vec<OperationResult>),
    /// Not committed for a passing reason: a `wait` that timed out, a change of the cluster's
    /// leader, a conversion of the database. To be sent again.
    TryAgain(String),
    /// Not committed, because another client holds the lock that the transaction asserts.
    NotLocked,
    /// Not committed, and it will not be if it is sent again as it is.
    Error(TransactionError),
    /// Never sent, because no session stood. To be sent after the next
    /// [`Event::Connected`](super::Event::Connected).
    NotSent,
    /// Not known: the connection was lost after sending and before the reply, or the cluster
    /// failed in the middle of it. Whether it was committed shows after the next
    /// [`Event::Connected`](super::Event::Connected); if every row that it inserts names its
    /// UUID, sending it again does no harm.
    Unknown(String),
}

/// What the server says of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationResult {
    /// The row that an `insert` made.
    pub uuid: Option<Uuid>,
    /// How many rows an `update`, `mutate` or `delete` matched.
    pub count: Option<u64>,
    /// The rows that a `select` found, a JSON array.
    pub rows: Option<Box<str>>,
}

/// Why a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// The server's word for it, such as `constraint violation`.
    pub error: String,
    /// The server's explanation; may be empty.
    pub details: String,
    /// Which operation failed, counted from 0; `None` if it was the transaction as a whole.
    pub operation: Option<usize>,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            Some(index) => write!(f, "operation {index} failed: {} ({})", self.error, self.details),
            None => write!(f, "transaction failed: {} ({})", self.error, self.details),
        }
    }
}

impl std::error::Error for TransactionError {}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    uuid: Option<(String, String)>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(borrow, default)]
    rows: Option<&'a RawValue>,
}

/// The outcome that a reply tells; `operations` is how many the request had.
pub(super) fn outcome(reply: Result<&str, &str>, operations: usize) -> Outcome {
    let result = match reply {
        Ok(result) => result,
        Err("\"canceled\"") => return Outcome::TryAgain("canceled".to_owned()),
        Err(error) => return failure(error.to_owned(), String::new(), None),
    };
    let replies: Vec<Option<Reply<'_>>> = match serde_json::from_str(result) {
        Ok(replies) => replies,
        Err(error) => return Outcome::Unknown(format!("reply is not understood: {error}")),
    };
    let mut results = Vec::with_capacity(replies.len());
    for (index, reply) in replies.into_iter().enumerate() {
        // An operation without a result was not reached; the one that failed says why.
        let Some(reply) = reply else { continue };
        if let Some(error) = reply.error {
            let details = reply.details.unwrap_or_default();
            let index = (index < operations).then_some(index);
            return failure(error, details, index);
        }
        results.push(OperationResult {
            uuid: reply.uuid.and_then(|(_, text)| Uuid::parse(&text)),
            count: reply.count,
            rows: reply.rows.map(|rows| rows.get().into()),
        });
    }
    if results.len() < operations {
        return Outcome::TryAgain("operations without result".to_owned());
    }
    Outcome::Success(results)
}

fn failure(error: String, details: String, operation: Option<usize>) -> Outcome {
    match error.as_str() {
        "timed out" => Outcome::TryAgain(details),
        "unknown database" | "\"unknown database\"" => Outcome::TryAgain(UNKNOWN_DATABASE.to_owned()),
        "not owner" => Outcome::NotLocked,
        // The cluster failed, and only these two tell that it did so before the transaction.
        "cluster error" if matches!(details.as_str(), "not leader" | "prerequisite check failed") => {
            Outcome::TryAgain(details)
        }
        "cluster error" => Outcome::Unknown(format!("cluster error: {details}")),
        _ => Outcome::Error(TransactionError { error, details, operation }),
    }
}

/// What [`Outcome::TryAgain`] says after which the session cannot go on.
pub(super) const UNKNOWN_DATABASE: &str = "unknown database";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_has_one_result_per_operation() {
        let reply =
            r#"[{"uuid":["uuid","0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"]},{},{"count":2},{"rows":[{"a":1}]}]"#;
        let Outcome::Success(results) = outcome(Ok(reply), 4) else { panic!("no success") };
        assert_eq!(results[0].uuid, Uuid::parse("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"));
        assert_eq!(results[1], OperationResult::default());
        assert_eq!(results[2].count, Some(2));
        assert_eq!(results[3].rows.as_deref(), Some(r#"[{"a":1}]"#));
    }

    #[test]
    fn failures_are_told_apart() {
        let of = |reply: &str| outcome(Ok(reply), 2);
        let error = |error: &str, operation| {
            Outcome::Error(TransactionError { error: error.into(), details: "d".into(), operation })
        };
        assert_eq!(
            of(r#"[{},{"error":"constraint violation","details":"d"}]"#),
            error("constraint violation", Some(1))
        );
        assert_eq!(
            of(r#"[{},{},{"error":"referential integrity violation","details":"d"}]"#),
            error("referential integrity violation", None)
        );
        assert_eq!(of(r#"[{"error":"timed out","details":"d"},null]"#), Outcome::TryAgain("d".into()));
        assert_eq!(of(r#"[{"error":"not owner"},null]"#), Outcome::NotLocked);
        assert!(matches!(of(r#"[{},{},{"error":"cluster error","details":"x"}]"#), Outcome::Unknown(_)));
        assert_eq!(
            of(r#"[{},{},{"error":"cluster error","details":"not leader"}]"#),
            Outcome::TryAgain("not leader".into())
        );
        assert_eq!(outcome(Err("\"canceled\""), 1), Outcome::TryAgain("canceled".into()));
        assert!(matches!(outcome(Err("{\"error\":\"syntax\"}"), 1), Outcome::Error(_)));
        assert!(matches!(of("7"), Outcome::Unknown(_)));
    }
}
