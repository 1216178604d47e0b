//! A set or map column that is an input of its own, element by element.

use std::collections::{BTreeMap, HashMap};

use northflow_engine::{Rec, Transaction};
use northflow_rules::ovsdb::{Atom, Datum, Uuid};

use crate::process::heap;

/// What one row's column holds: elements of a set, or keys of a map with their values.
type Held = BTreeMap<Atom, Option<Atom>>;

/// The column of every row of its table.
pub(super) struct Elements {
    input: &'static str,
    make: fn(Uuid, &Atom, Option<&Atom>) -> Option<Rec>,
    rows: HashMap<Uuid, Held>,
}

impl Elements {
    /// A column that is empty in every row, and feeds `input` with what `make` makes of an element.
    pub fn new(input: &'static str, make: fn(Uuid, &Atom, Option<&Atom>) -> Option<Rec>) -> Elements {
        Elements { input, make, rows: HashMap::new() }
    }

    /// Gives back the room of rows that went.
    pub fn shrink(&mut self) {
        heap::shrink_map(&mut self.rows);
    }

    /// Whether the column of `row` holds the element or key.
    pub fn has(&self, row: Uuid, atom: &Atom) -> bool {
        self.rows.get(&row).is_some_and(|held| held.contains_key(atom))
    }

    /// What the column of `row` holds.
    pub fn of(&self, row: Uuid) -> impl Iterator<Item = (&Atom, Option<&Atom>)> {
        self.rows.get(&row).into_iter().flatten().map(|(key, value)| (key, value.as_ref()))
    }

    /// The column of `row` holds `datum` now.
    pub fn set(&mut self, row: Uuid, datum: &Datum, transaction: &mut Transaction) {
        let now: Held = pairs(datum).map(|(key, value)| (key.clone(), value.cloned())).collect();
        let before = match now.is_empty() {
            true => self.rows.remove(&row),
            false => self.rows.insert(row, now.clone()),
        };
        let before = before.unwrap_or_default();
        for (key, value) in &before {
            if now.get(key) != Some(value) {
                self.tell(row, key, value.as_ref(), -1, transaction);
            }
        }
        for (key, value) in &now {
            if before.get(key) != Some(value) {
                self.tell(row, key, value.as_ref(), 1, transaction);
            }
        }
    }

    /// The column of `row` differs from before by `difference` (ovsdb-server(7), `update2`): elements
    /// that were there go, others come; of a map entry that was there with another value the value
    /// changes.
    pub fn toggle(&mut self, row: Uuid, difference: &Datum, transaction: &mut Transaction) {
        let mut held = self.rows.remove(&row).unwrap_or_default();
        for (key, value) in pairs(difference) {
            let before = held.remove(key);
            if let Some(before) = &before {
                self.tell(row, key, before.as_ref(), -1, transaction);
            }
            if before.as_ref().map(Option::as_ref) != Some(value) {
                self.tell(row, key, value, 1, transaction);
                held.insert(key.clone(), value.cloned());
            }
        }
        if !held.is_empty() {
            self.rows.insert(row, held);
        }
    }

    /// The row goes.
    pub fn clear(&mut self, row: Uuid, transaction: &mut Transaction) {
        for (key, value) in self.rows.remove(&row).unwrap_or_default() {
            self.tell(row, &key, value.as_ref(), -1, transaction);
        }
    }

    /// Tells the input; an element that is not of the column's type feeds nothing.
    /// Tells of all elements.
    pub fn contents(&self, transaction: &mut Transaction) {
        for (row, held) in &self.rows {
            held.iter().for_each(|(key, value)| self.tell(*row, key, value.as_ref(), 1, transaction));
        }
    }

    fn tell(
        &self,
        row: Uuid,
        key: &Atom,
        value: Option<&Atom>,
        weight: isize,
        transaction: &mut Transaction,
    ) {
        if let Some(rec) = (self.make)(row, key, value) {
            transaction.change(self.input, rec, weight);
        }
    }
}

/// Elements without, or map entries with a value.
fn pairs(datum: &Datum) -> Box<dyn Iterator<Item = (&Atom, Option<&Atom>)> + '_> {
    match datum {
        Datum::Set(atoms) => Box::new(atoms.iter().map(|atom| (atom, None))),
        Datum::Map(entries) => Box::new(entries.iter().map(|(key, value)| (key, Some(value)))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use northflow_engine::{Config, Engine};
    use northflow_rules::schema::MapEntry;

    use super::*;

    fn entry(row: Uuid, key: &Atom, value: Option<&Atom>) -> Option<Rec> {
        let text = |atom: Option<&Atom>| match atom {
            Some(Atom::String(text)) => Some(text.clone()),
            _ => None,
        };
        Some(Rec::new(MapEntry { row, key: text(Some(key))?, value: text(value)? }))
    }

    fn map(pairs: &[(&str, &str)]) -> Datum {
        Datum::Map(pairs.iter().map(|(key, value)| (Atom::text(*key), Atom::text(*value))).collect())
    }

    /// What an engine fed with the transactions holds.
    struct Fed {
        engine: Engine,
        elements: Elements,
        there: HashSet<MapEntry>,
    }

    impl Fed {
        fn new() -> Fed {
            let engine = Engine::start(Config::default(), |program| {
                program.output("entries", &program.input::<MapEntry>("entries"));
            });
            Fed { engine: engine.unwrap(), elements: Elements::new("entries", entry), there: HashSet::new() }
        }

        /// How many records the edit is, and what is there after it.
        fn edit(&mut self, edit: impl FnOnce(&mut Elements, &mut Transaction)) -> (usize, Vec<String>) {
            let mut transaction = Transaction::new();
            edit(&mut self.elements, &mut transaction);
            let count = transaction.len();
            let result = self.engine.step(transaction).unwrap();
            for (rec, weight) in result.output(0) {
                let entry = rec.get::<MapEntry>().clone();
                let fits = if *weight > 0 { self.there.insert(entry) } else { self.there.remove(&entry) };
                assert!(fits && weight.abs() == 1);
            }
            let text = |entry: &MapEntry| format!("{} {}={}", entry.row.0, entry.key, entry.value);
            let mut texts: Vec<String> = self.there.iter().map(text).collect();
            texts.sort();
            (count, texts)
        }
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut fed = Fed::new();
        let row = Uuid(7);
        let (count, texts) = fed.edit(|held, transaction| {
            held.set(row, &map(&[("a", "1"), ("b", "2"), ("c", "3")]), transaction);
        });
        assert_eq!((count, &texts[..]), (3, &["7 a=1", "7 b=2", "7 c=3"].map(String::from)[..]));
        // Gone, changed, come.
        let difference = map(&[("a", "1"), ("b", "9"), ("d", "4")]);
        let (count, texts) = fed.edit(|held, transaction| held.toggle(row, &difference, transaction));
        assert_eq!((count, &texts[..]), (4, &["7 b=9", "7 c=3", "7 d=4"].map(String::from)[..]));
        let whole = map(&[("b", "9"), ("d", "5")]);
        let (count, texts) = fed.edit(|held, transaction| held.set(row, &whole, transaction));
        assert_eq!((count, &texts[..]), (3, &["7 b=9", "7 d=5"].map(String::from)[..]));
        assert!(fed.elements.has(row, &Atom::text("d")) && !fed.elements.has(row, &Atom::text("c")));
        let (count, texts) = fed.edit(|held, transaction| held.clear(row, transaction));
        assert_eq!((count, texts.len()), (2, 0));
        assert!(fed.elements.rows.is_empty());
    }

    #[test]
    fn what_is_not_of_the_type_feeds_nothing() {
        let mut fed = Fed::new();
        let odd = Datum::set([Atom::Integer(1), Atom::text("x")]);
        assert_eq!(fed.edit(|held, transaction| held.set(Uuid(1), &odd, transaction)).0, 0);
    }
}
