//! Database files.
