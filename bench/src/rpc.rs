//! OVSDB transactions (RFC 7047), one at a time: the benchmark's own hand on the databases.

use std::fmt;
use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

/// How long a server may take to answer. That includes waiting for a daemon, for which a `wait` has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A connection to one database.
#[derive(Debug)]
pub struct Rpc {
    path: PathBuf,
    database: &'static str,
    stream: BufReader<UnixStream>,
    next: u64,
}

/// Why a transaction did not happen.
#[derive(Debug)]
pub enum RpcError {
    /// The server at this socket cannot be reached, or fell silent.
    Io(PathBuf, io::Error),
    /// The server at this socket sent what is no JSON.
    Syntax(PathBuf, serde_json::Error),
    /// The server at this socket refused an operation, in its words.
    Refused(PathBuf, String),
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RpcError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            RpcError::Syntax(path, error) => write!(f, "{}: {error}", path.display()),
            RpcError::Refused(path, words) => write!(f, "{}: {words}", path.display()),
        }
    }
}

impl std::error::Error for RpcError {}

impl Rpc {
    /// Connects to the server at `path`, which may still be starting, for its database `database`.
    ///
    /// # Errors
    /// [`RpcError::Io`] if nobody listens there within 10 s.
    pub fn connect(path: &Path, database: &'static str) -> Result<Rpc, RpcError> {
        let failed = |error| RpcError::Io(path.to_owned(), error);
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(failed(error)),
                Err(_) => sleep(Duration::from_millis(5)),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let stream = BufReader::with_capacity(1 << 16, stream);
        Ok(Rpc { path: path.to_owned(), database, stream, next: 0 })
    }

    /// Makes one transaction of `operations` and gives their results.
    ///
    /// # Errors
    /// [`RpcError`], also when a single operation is refused.
    pub fn transact(&mut self, operations: &[Value]) -> Result<Vec<Value>, RpcError> {
        self.next += 1;
        let mut params = vec![json!(self.database)];
        params.extend_from_slice(operations);
        self.send(&json!({ "method": "transact", "params": params, "id": self.next }))?;
        loop {
            let mut message = self.receive()?;
            if message["method"] == "echo" {
                self.send(&json!({ "result": message["params"], "error": null, "id": message["id"] }))?;
            } else if message["id"] == self.next {
                let refused = |what: &Value| RpcError::Refused(self.path.clone(), what.to_string());
                let Value::Array(results) = message["result"].take() else {
                    return Err(refused(&message["error"]));
                };
                let failed = results.iter().find(|result| result.get("error").is_some());
                return failed.map_or(Ok(()), |result| Err(refused(result))).map(|()| results);
            }
        }
    }

    /// `columns` of the rows of `table`.
    ///
    /// # Errors
    /// See [`Rpc::transact`].
    pub fn select(&mut self, table: &str, columns: &[&str]) -> Result<Vec<Value>, RpcError> {
        let select = json!({ "op": "select", "table": table, "where": [], "columns": columns });
        let mut results = self.transact(&[select])?;
        Ok(match results.first_mut().map(|result| result["rows"].take()) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        })
    }

    fn send(&mut self, message: &Value) -> Result<(), RpcError> {
        let text = message.to_string();
        self.stream.get_mut().write_all(text.as_bytes()).map_err(|e| RpcError::Io(self.path.clone(), e))
    }

    fn receive(&mut self) -> Result<Value, RpcError> {
        let mut json = serde_json::Deserializer::from_reader(&mut self.stream);
        Value::deserialize(&mut json).map_err(|e| RpcError::Syntax(self.path.clone(), e))
    }
}
