//! Which rows are replicated (ovsdb-server(7), `monitor_cond` and `monitor_cond_change`).

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::{Atom, Text, Uuid};

use crate::ovsdb::codec::{write_atom, write_string};

/// The rows that are wanted: of a table that is named those that meet any of its clauses, of others all.
///
/// A table for which the server lacks the column of a clause, and every table of a server that takes no conditions, is
/// replicated whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    tables: BTreeMap<Text, Clauses>,
}

/// The clauses of a table, as JSON, each with its column.
type Clauses = BTreeSet<(Text, String)>;

impl Conditions {
    /// No rows of a table but those for which there are clauses.
    pub fn restrict(&mut self, table: &str) -> Rows<'_> {
        Rows { clauses: self.tables.entry(table.into()).or_default() }
    }

    /// The tables that are named here or there and of which other rows are wanted there, with what is wanted of them, as
    /// the server says it has them.
    pub(super) fn changes<'a>(
        &'a self,
        to: &'a Conditions,
        has: impl Fn(&str, &str) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Text, String)> {
        let tables: BTreeSet<&Text> = self.tables.keys().chain(to.tables.keys()).collect();
        let changed = tables.into_iter().filter(|table| self.tables.get(*table) != to.tables.get(*table));
        changed.map(move |table| (table, to.of(table, &has).unwrap_or_else(|| "true".to_owned())))
    }

    /// The members of the array of conditions for a table; `None` if all of it is wanted.
    pub(super) fn of(&self, table: &str, has: impl Fn(&str, &str) -> bool) -> Option<String> {
        let clauses = self.tables.get(table)?;
        if !clauses.iter().all(|(column, _)| has(table, column)) {
            return None;
        }
        let clauses: Vec<&str> = clauses.iter().map(|(_, clause)| &**clause).collect();
        Some(if clauses.is_empty() { "false".to_owned() } else { clauses.join(",") })
    }
}

/// The rows that are wanted of a table.
#[derive(Debug)]
pub struct Rows<'a> {
    clauses: &'a mut Clauses,
}

impl Rows<'_> {
    /// Also those with this value.
    pub fn equal(&mut self, column: &str, value: &Atom) {
        self.clause(column, "==", |out| write_atom(out, value));
    }

    /// Also those with an element, or with this one alone.
    pub fn has(&mut self, column: &str, value: Uuid) {
        self.clause(column, "includes", |out| write_atom(out, &Atom::Uuid(value)));
    }

    /// Also those in whose map there is this pair.
    pub fn maps(&mut self, column: &str, key: &str, value: &str) {
        self.clause(column, "includes", |out| {
            out.extend_from_slice(b"[\"map\",[[");
            write_string(out, key);
            out.push(b',');
            write_string(out, value);
            out.extend_from_slice(b"]]]");
        });
    }

    /// Also those with anything at all in a column that may hold nothing.
    pub fn any(&mut self, column: &str) {
        self.clause(column, "!=", |out| out.extend_from_slice(b"[\"set\",[]]"));
    }

    fn clause(&mut self, column: &str, function: &str, value: impl FnOnce(&mut Vec<u8>)) {
        let mut out = vec![b'['];
        write_string(&mut out, column);
        out.push(b',');
        write_string(&mut out, function);
        out.push(b',');
        value(&mut out);
        out.push(b']');
        self.clauses.insert((column.into(), String::from_utf8_lossy(&out).into_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(conditions: &Conditions, table: &str) -> Option<String> {
        conditions.of(table, |_, column| column != "absent")
    }

    #[test]
    fn clauses_are_said_as_the_protocol_has_them() {
        let mut conditions = Conditions::default();
        let mut rows = conditions.restrict("T");
        rows.equal("name", &Atom::text("a\"b"));
        rows.has("who", Uuid(1));
        rows.maps("options", "k", "v");
        rows.any("parent");
        conditions.restrict("Empty");
        conditions.restrict("Old").equal("absent", &Atom::Integer(1));
        let expected = "[\"name\",\"==\",\"a\\\"b\"],[\"options\",\"includes\",[\"map\",[[\"k\",\"v\"]]]],\
                        [\"parent\",\"!=\",[\"set\",[]]],\
                        [\"who\",\"includes\",[\"uuid\",\"00000000-0000-0000-0000-000000000001\"]]";
        assert_eq!(of(&conditions, "T").as_deref(), Some(expected));
        assert_eq!(of(&conditions, "Empty").as_deref(), Some("false"));
        assert_eq!((of(&conditions, "Old"), of(&conditions, "Other")), (None, None));
    }

    #[test]
    fn only_tables_that_differ_are_changed() {
        let (mut a, mut b) = (Conditions::default(), Conditions::default());
        a.restrict("Same").equal("n", &Atom::Integer(1));
        b.restrict("Same").equal("n", &Atom::Integer(1));
        a.restrict("Gone");
        b.restrict("Come").equal("n", &Atom::Integer(2));
        let changes: Vec<(&str, String)> =
            a.changes(&b, |_, _| true).map(|(table, rows)| (&**table, rows)).collect();
        assert_eq!(changes, [("Come", "[\"n\",\"==\",2]".to_owned()), ("Gone", "true".to_owned())]);
    }
}
