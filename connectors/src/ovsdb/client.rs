//! The OVSDB client.
