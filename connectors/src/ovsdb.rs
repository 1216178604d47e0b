//! OVSDB (RFC 7047, ovsdb(5), ovsdb(7)): schemas, values as JSON, database files and the client.

pub mod client;
pub mod codec;
pub mod file;
pub mod schema;
