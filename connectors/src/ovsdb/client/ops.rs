//! Composes the operations of a transaction (RFC 7047 section 5.2) as JSON, append-only.

use std::io::Write as _;

use northflow_rules::ovsdb::{Atom, Datum, Uuid};

use super::layout::separate;
use crate::ovsdb::codec::{write_atom, write_datum, write_string, write_uuid};
use crate::ovsdb::schema::ColumnType;

/// The rows that an operation is about.
#[derive(Clone, Copy, Debug)]
pub enum Where<'a> {
    /// All rows of the table.
    All,
    /// One row.
    Row(Uuid),
    /// The rows whose column holds exactly this value.
    Equal(&'a str, &'a Datum, &'a ColumnType),
    /// The rows whose scalar column holds another value.
    Differs(&'a str, &'a Atom),
}

/// The operations of a transaction.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    out: Vec<u8>,
    count: usize,
}

impl Operations {
    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes it has come to.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Inserts a row. With a UUID of one's own (ovsdb-server(7) section 5.2.1) the operation fails
    /// with `duplicate uuid` when it is repeated; columns not named get their defaults.
    pub fn insert(&mut self, table: &str, uuid: Option<Uuid>, columns: impl FnOnce(&mut RowWriter<'_>)) {
        self.begin("insert", table);
        if let Some(uuid) = uuid {
            let _ = write!(self.out, ",\"uuid\":\"{uuid}\"");
        }
        self.row(columns);
        self.end();
    }

    /// Gives columns new values.
    pub fn update(&mut self, table: &str, rows: Where<'_>, columns: impl FnOnce(&mut RowWriter<'_>)) {
        self.begin("update", table);
        self.condition(rows);
        self.row(columns);
        self.end();
    }

    /// Changes the contents of columns.
    pub fn mutate(&mut self, table: &str, rows: Where<'_>, mutations: impl FnOnce(&mut MutationWriter<'_>)) {
        self.begin("mutate", table);
        self.condition(rows);
        self.out.extend_from_slice(b",\"mutations\":[");
        mutations(&mut MutationWriter { out: &mut self.out, first: true });
        self.out.push(b']');
        self.end();
    }

    /// Deletes rows.
    pub fn delete(&mut self, table: &str, rows: Where<'_>) {
        self.begin("delete", table);
        self.condition(rows);
        self.end();
    }

    /// Fetches columns; the rows come with the operation's result.
    pub fn select(&mut self, table: &str, rows: Where<'_>, columns: &[&str]) {
        self.begin("select", table);
        self.condition(rows);
        self.column_names(columns);
        self.end();
    }

    /// Lets the transaction fail, to be tried again, unless the row exists and its columns have
    /// these values.
    pub fn wait_for_row(&mut self, table: &str, row: Uuid, columns: impl FnOnce(&mut RowWriter<'_>)) {
        self.begin("wait", table);
        self.condition(Where::Row(row));
        let mut names = Vec::new();
        self.out.extend_from_slice(b",\"timeout\":0,\"until\":\"==\",\"rows\":[{");
        columns(&mut RowWriter { out: &mut self.out, first: true, names: Some(&mut names) });
        self.out.extend_from_slice(b"}],\"columns\":[");
        self.out.extend_from_slice(&names);
        self.out.push(b']');
        self.end();
    }

    /// Lets the transaction fail, to be tried again, if there is any such row.
    pub fn wait_for_none(&mut self, table: &str, rows: Where<'_>) {
        self.begin("wait", table);
        self.condition(rows);
        self.out.extend_from_slice(b",\"timeout\":0,\"until\":\"==\",\"rows\":[],\"columns\":[\"_uuid\"]");
        self.end();
    }

    /// Lets the transaction fail with [`Outcome::NotLocked`](super::Outcome::NotLocked) unless
    /// this client holds the lock.
    pub fn assert_lock(&mut self, lock: &str) {
        self.begin_with("assert", "lock", lock);
        self.end();
    }

    /// Leaves a note in the database's log.
    pub fn comment(&mut self, text: &str) {
        self.begin_with("comment", "comment", text);
        self.end();
    }

    /// Appends an operation that is JSON already.
    pub fn encoded(&mut self, operation: &[u8]) {
        self.separate();
        self.out.extend_from_slice(operation);
    }

    /// The operations as the members of a JSON array.
    pub fn members(&self) -> &[u8] {
        &self.out
    }

    fn separate(&mut self) {
        let mut first = self.count == 0;
        separate(&mut self.out, &mut first);
        self.count += 1;
    }

    fn begin(&mut self, op: &str, table: &str) {
        self.begin_with(op, "table", table);
    }

    fn begin_with(&mut self, op: &str, member: &str, value: &str) {
        self.separate();
        let _ = write!(self.out, "{{\"op\":\"{op}\",\"{member}\":");
        write_string(&mut self.out, value);
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }

    fn row(&mut self, columns: impl FnOnce(&mut RowWriter<'_>)) {
        self.out.extend_from_slice(b",\"row\":{");
        columns(&mut RowWriter { out: &mut self.out, first: true, names: None });
        self.out.push(b'}');
    }

    fn column_names(&mut self, columns: &[&str]) {
        self.out.extend_from_slice(b",\"columns\":[");
        let mut first = true;
        for column in columns {
            separate(&mut self.out, &mut first);
            write_string(&mut self.out, column);
        }
        self.out.push(b']');
    }

    fn condition(&mut self, rows: Where<'_>) {
        self.out.extend_from_slice(b",\"where\":[");
        match rows {
            Where::All => {}
            Where::Row(uuid) => {
                self.out.extend_from_slice(b"[\"_uuid\",\"==\",");
                write_uuid(&mut self.out, uuid);
                self.out.push(b']');
            }
            Where::Equal(column, value, ty) => {
                self.out.push(b'[');
                write_string(&mut self.out, column);
                self.out.extend_from_slice(b",\"==\",");
                write_datum(&mut self.out, value, ty);
                self.out.push(b']');
            }
            Where::Differs(column, value) => {
                self.out.push(b'[');
                write_string(&mut self.out, column);
                self.out.extend_from_slice(b",\"!=\",");
                write_atom(&mut self.out, value);
                self.out.push(b']');
            }
        }
        self.out.push(b']');
    }
}

/// Writes the columns of a row, each at most once.
#[derive(Debug)]
pub struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    names: Option<&'a mut Vec<u8>>,
}

impl RowWriter<'_> {
    /// A column that holds `value`.
    pub fn column(&mut self, name: &str, value: &Datum, ty: &ColumnType) -> &mut Self {
        self.name(name);
        write_datum(self.out, value, ty);
        self
    }

    /// A column that holds one atom.
    pub fn atom(&mut self, name: &str, value: &Atom) -> &mut Self {
        self.name(name);
        write_atom(self.out, value);
        self
    }

    fn name(&mut self, name: &str) {
        if let Some(names) = &mut self.names {
            separate(names, &mut self.first.clone());
            write_string(names, name);
        }
        separate(self.out, &mut self.first);
        write_string(self.out, name);
        self.out.push(b':');
    }
}

/// Writes mutations, which take effect one after another.
#[derive(Debug)]
pub struct MutationWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl MutationWriter<'_> {
    /// Adds elements to a set; pairs to a map where the key is not there yet.
    pub fn insert(&mut self, column: &str, elements: &Datum, ty: &ColumnType) -> &mut Self {
        self.mutation(column, "insert", |out| write_datum(out, elements, ty))
    }

    /// Takes elements from a set; from a map the pairs that are equal.
    pub fn delete(&mut self, column: &str, elements: &Datum, ty: &ColumnType) -> &mut Self {
        self.mutation(column, "delete", |out| write_datum(out, elements, ty))
    }

    /// Takes the pairs with these keys from a map.
    pub fn delete_keys(&mut self, column: &str, keys: &[Atom]) -> &mut Self {
        self.mutation(column, "delete", |out| {
            out.extend_from_slice(b"[\"set\",[");
            let mut first = true;
            for key in keys {
                separate(out, &mut first);
                write_atom(out, key);
            }
            out.extend_from_slice(b"]]");
        })
    }

    /// Adds a number to an integer.
    pub fn add(&mut self, column: &str, number: i64) -> &mut Self {
        self.mutation(column, "+=", |out| write_atom(out, &Atom::Integer(number)))
    }

    fn mutation(&mut self, column: &str, mutator: &str, value: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        separate(self.out, &mut self.first);
        self.out.push(b'[');
        write_string(self.out, column);
        let _ = write!(self.out, ",\"{mutator}\",");
        value(self.out);
        self.out.push(b']');
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ovsdb::schema::AtomType;

    #[test]
    fn operations_are_the_json_of_the_rfc() {
        let uuid = Uuid(1);
        let id = uuid.to_string();
        let ty = ColumnType { min: 0, max: 9, ..ColumnType::scalar(AtomType::Integer) };
        let two = Datum::set([Atom::Integer(1), Atom::Integer(2)]);
        let mut ops = Operations::default();
        assert!(ops.is_empty());
        ops.assert_lock("ovn_northd");
        ops.insert("T", Some(uuid), |row| {
            row.atom("name", &Atom::text("a\"b")).column("set", &two, &ty);
        });
        ops.insert("T", None, |_| {});
        ops.update("T", Where::Row(uuid), |row| {
            row.atom("n", &Atom::Integer(-1));
        });
        ops.mutate("T", Where::Equal("set", &two, &ty), |mutations| {
            mutations.add("n", 2).insert("set", &two, &ty).delete_keys("map", &[Atom::text("k")]);
        });
        ops.delete("T", Where::All);
        ops.wait_for_row("T", uuid, |row| {
            row.atom("n", &Atom::Integer(4)).atom("up", &Atom::Boolean(true));
        });
        ops.wait_for_none("T", Where::Row(uuid));
        ops.select("T", Where::All, &["n", "set"]);
        ops.comment("why");
        ops.encoded(br#"{"op":"abort"}"#);
        assert_eq!(ops.len(), 11);
        let json = [b"[", ops.members(), b"]"].concat();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let this = json!([["_uuid", "==", ["uuid", id]]]);
        assert_eq!(
            value,
            json!([
                { "op": "assert", "lock": "ovn_northd" },
                { "op": "insert", "table": "T", "uuid": id,
                  "row": { "name": "a\"b", "set": ["set", [1, 2]] } },
                { "op": "insert", "table": "T", "row": {} },
                { "op": "update", "table": "T", "where": this, "row": { "n": -1 } },
                { "op": "mutate", "table": "T", "where": [["set", "==", ["set", [1, 2]]]],
                  "mutations": [["n", "+=", 2], ["set", "insert", ["set", [1, 2]]],
                                ["map", "delete", ["set", ["k"]]]] },
                { "op": "delete", "table": "T", "where": [] },
                { "op": "wait", "table": "T", "where": this, "timeout": 0, "until": "==",
                  "columns": ["n", "up"], "rows": [{ "n": 4, "up": true }] },
                { "op": "wait", "table": "T", "where": this, "timeout": 0, "until": "==",
                  "columns": ["_uuid"], "rows": [] },
                { "op": "select", "table": "T", "where": [], "columns": ["n", "set"] },
                { "op": "comment", "comment": "why" },
                { "op": "abort" },
            ])
        );
    }
}
