//! Conditions on rows: which the server has been told, and which are to come.
//!
//! A server sends what a change of conditions brings before it answers the request, so with the answer
//! the user has all of it.

use super::{Data, Event, Pending, Session};
use crate::ovsdb::client::condition::Conditions;
use crate::ovsdb::client::decode::Version;
use crate::ovsdb::client::layout::separate;
use crate::ovsdb::codec::write_string;

/// Conditions, and how far the server has followed them.
#[derive(Debug)]
pub(super) struct Restriction {
    /// Those of the rows that the user has been told, or is about to be.
    pub(super) held: Conditions,
    /// Those that the server was asked to change to, with their number.
    pub(super) asked: Option<(u64, Conditions)>,
    /// Those that the user wants, with their number.
    wanted: (u64, Conditions),
    /// The last number told to be there.
    told: u64,
}

impl Restriction {
    pub(super) fn new(conditions: Conditions) -> Restriction {
        Restriction { held: conditions.clone(), asked: None, wanted: (0, conditions), told: 0 }
    }

    /// A snapshot is asked for: of what is wanted by now.
    pub(super) fn begin(&mut self) {
        self.held = self.wanted.1.clone();
    }
}

impl Session {
    /// Wants other rows.
    pub(in super::super) fn restrict(&mut self, number: u64, conditions: Conditions) {
        self.restriction.wanted = (number, conditions);
        self.follow_conditions();
    }

    /// Asks for what is wanted, if the server can be asked and has not been; tells when it is there.
    pub(super) fn follow_conditions(&mut self) {
        let Data::Flowing(version) = self.data else { return };
        let Restriction { held, asked, wanted: (number, wanted), told } = &mut self.restriction;
        if asked.is_some() {
            return;
        }
        // That dialect has no conditions: all rows are there.
        if *held == *wanted || version == Version::Monitor {
            held.clone_from(wanted);
            if *told < *number {
                *told = *number;
                self.outbox.push(Event::Restricted { number: *number });
            }
            return;
        }
        let Some(layout) = self.layout.clone() else { return };
        let mut requests = Vec::new();
        let mut first = true;
        for (table, rows) in held.changes(wanted, |table, column| layout.has_column(table, column)) {
            if layout.names.contains_key(table) {
                separate(&mut requests, &mut first);
                write_string(&mut requests, table);
                requests.extend_from_slice(b":[{\"where\":[");
                requests.extend_from_slice(rows.as_bytes());
                requests.extend_from_slice(b"]}]");
            }
        }
        *asked = Some((*number, wanted.clone()));
        self.request(Pending::Conditions, "monitor_cond_change", |out| {
            write_string(out, super::DATA);
            out.push(b',');
            write_string(out, super::DATA);
            out.extend_from_slice(b",{");
            out.extend_from_slice(&requests);
            out.push(b'}');
        });
    }

    /// The server has told all rows that meet the conditions it was asked for.
    pub(super) fn restricted(&mut self) {
        if let Some((number, conditions)) = self.restriction.asked.take() {
            self.restriction.held = conditions;
            self.restriction.told = number;
            self.outbox.push(Event::Restricted { number });
            self.follow_conditions();
        }
    }
}
