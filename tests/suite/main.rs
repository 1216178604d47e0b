//! End-to-end tests.

mod ovsdb_client;
