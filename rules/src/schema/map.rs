//! Map columns. Every map in the OVN databases has text keys, and those of a chassis' own database one with numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::column::{Column, ColumnProblem, Kind, Scalar, mismatch};
use crate::ovsdb::{Atom, Datum, Text, Uuid};

/// A map of text to `V`, text as well unless said otherwise: options, external identifiers.
///
/// Pairs are sorted by key and hold each key once. An empty map takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Map<V = Text>(Vec<(Text, V)>);

/// A map of text to integers.
pub type IntMap = Map<i64>;

/// A map of text to rows.
pub type UuidMap = Map<Uuid>;

/// A map of numbers to rows.
pub type NumberedRows = BTreeMap<i64, Uuid>;

impl Column for NumberedRows {
    const KIND: Kind =
        Kind { key: <i64 as Scalar>::TYPE, value: Some(<Uuid as Scalar>::TYPE), optional: true, many: true };

    fn from_datum(datum: &Datum) -> Result<NumberedRows, ColumnProblem> {
        let pairs = match datum {
            Datum::Map(pairs) => {
                let pair =
                    |(key, value): &(Atom, Atom)| Some((i64::from_atom(key)?, Uuid::from_atom(value)?));
                pairs.iter().map(pair).collect()
            }
            Datum::Set(atoms) if atoms.is_empty() => Some(NumberedRows::new()),
            Datum::Set(_) => None,
        };
        pairs.ok_or_else(|| mismatch::<NumberedRows>(datum))
    }

    fn to_datum(&self) -> Datum {
        Datum::map(self.iter().map(|(key, value)| (key.to_atom(), value.to_atom())))
    }

    fn unset() -> NumberedRows {
        NumberedRows::new()
    }
}

impl<V> Map<V> {
    /// The empty map.
    pub const fn new() -> Map<V> {
        Map(Vec::new())
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// Whether it has `key`.
    pub fn contains(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Puts `value` under `key` and gives back what was there.
    pub fn insert(&mut self, key: impl Into<Text>, value: V) -> Option<V> {
        let key = key.into();
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Puts `value` under `key` in a copy of what the CMS wrote. Of two values ovn-northd has both, and the database
    /// takes the lesser.
    pub fn insert_beside(&mut self, key: impl Into<Text>, value: V)
    where
        V: Ord,
    {
        let key = key.into();
        if self.get(&key).is_none_or(|there| value < *there) {
            self.insert(key, value);
        }
    }

    /// Takes `key` and its value out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The pairs, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// How many pairs it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_ref().cmp(key))
    }
}

/// Options as the OVN programs read them.
impl Map {
    /// The text under `key`; empty if absent.
    pub fn text(&self, key: &str) -> &str {
        self.get(key).map_or("", |value| value)
    }

    /// The boolean under `key`. Any case of `true` or `false` counts; anything else, and an absent
    /// key, is `default`.
    pub fn get_bool(&self, key: &str, default: bool) -> bool {
        let other = if default { "false" } else { "true" };
        self.text(key).eq_ignore_ascii_case(other) != default
    }

    /// The decimal number under `key`, `None` if absent or not a number of type `N`. Blanks and a
    /// plus sign before it are let pass.
    pub fn get_number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.get(key)?.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']).parse().ok()
    }
}

impl<V> Default for Map<V> {
    fn default() -> Map<V> {
        Map::new()
    }
}

/// Of two pairs with one key, the last stays.
impl<K: Into<Text>, V> FromIterator<(K, V)> for Map<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Map<V> {
        let mut pairs: Vec<(Text, V)> = pairs.into_iter().map(|(key, value)| (key.into(), value)).collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        Map(pairs)
    }
}

impl<V> IntoIterator for Map<V> {
    type Item = (Text, V);
    type IntoIter = std::vec::IntoIter<(Text, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<V: Scalar> Column for Map<V> {
    const KIND: Kind = Kind { key: Text::TYPE, value: Some(V::TYPE), optional: true, many: true };

    fn from_datum(datum: &Datum) -> Result<Map<V>, ColumnProblem> {
        let pairs = match datum {
            Datum::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| Some((Text::from_atom(key)?, V::from_atom(value)?)))
                .collect::<Option<Map<V>>>(),
            Datum::Set(_) => None,
        };
        pairs.ok_or_else(|| mismatch::<Self>(datum))
    }

    fn to_datum(&self) -> Datum {
        // They are in order.
        Datum::Map(self.iter().map(|(key, value)| (key.to_atom(), value.to_atom())).collect())
    }

    fn unset() -> Map<V> {
        Map::new()
    }
}

/// A map of numbers to rows, in the order of the numbers.
impl Column for Vec<(i64, Uuid)> {
    const KIND: Kind = Kind { key: i64::TYPE, value: Some(Uuid::TYPE), optional: true, many: true };

    fn from_datum(datum: &Datum) -> Result<Self, ColumnProblem> {
        let pairs = match datum {
            Datum::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| Some((i64::from_atom(key)?, Uuid::from_atom(value)?)))
                .collect::<Option<Self>>(),
            Datum::Set(_) => None,
        };
        let mut pairs = pairs.ok_or_else(|| mismatch::<Self>(datum))?;
        pairs.sort_unstable();
        Ok(pairs)
    }

    fn to_datum(&self) -> Datum {
        Datum::map(self.iter().map(|(key, value)| (key.to_atom(), value.to_atom())))
    }

    fn unset() -> Self {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::ovsdb::Atom;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    #[test]
    fn pairs_are_sorted_and_the_last_of_a_key_stays() {
        let options = map(&[("b", "1"), ("a", "2"), ("b", "3")]);
        let pairs: Vec<(&str, &str)> = options.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
        assert_eq!(pairs, [("a", "2"), ("b", "3")]);
        assert_eq!(options.get("b").map(AsRef::as_ref), Some("3"));
        assert_eq!(options.get("c"), None);
    }

    proptest! {
        #[test]
        fn a_map_does_what_an_ordered_map_does(
            pairs in vec(("[a-c]{0,2}", 0i64..4), 0..12),
            more in vec(("[a-c]{0,2}", 0i64..4), 0..6),
            gone in vec("[a-c]{0,2}", 0..6),
        ) {
            let mut model: BTreeMap<String, i64> = pairs.iter().cloned().collect();
            let mut map: IntMap = pairs.into_iter().collect();
            for (key, value) in more {
                prop_assert_eq!(map.insert(key.as_str(), value), model.insert(key, value));
            }
            for key in gone {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            }
            let pairs: Vec<(String, i64)> = map.iter().map(|(k, v)| (k.to_string(), *v)).collect();
            prop_assert_eq!(pairs, Vec::from_iter(model));
            prop_assert_eq!(IntMap::from_datum(&map.to_datum()), Ok(map));
        }
    }

    #[test]
    fn rows_by_number_come_back_as_they_were() {
        let rows = vec![(0, Uuid(9)), (254, Uuid(3))];
        assert_eq!(Vec::<(i64, Uuid)>::from_datum(&rows.to_datum()), Ok(rows));
        assert!(Vec::<(i64, Uuid)>::from_datum(&map(&[("a", "1")]).to_datum()).is_err());
    }

    #[test]
    fn inserting_and_removing_keeps_the_order() {
        let mut options = map(&[("a", "1"), ("c", "3")]);
        assert_eq!(options.insert("b", "2".into()), None);
        assert_eq!(options.insert("c", "4".into()), Some("3".into()));
        options.insert_beside("c", "5".into());
        assert_eq!(options.text("c"), "4");
        options.insert_beside("c", "10".into());
        assert_eq!(options.insert("c", "4".into()), Some("10".into()));
        assert_eq!(options.remove("a"), Some("1".into()));
        assert_eq!(options.remove("a"), None);
        assert_eq!(options, map(&[("b", "2"), ("c", "4")]));
    }

    #[test]
    fn booleans_fall_back_to_their_default() {
        let options = map(&[("yes", "TRUE"), ("no", "False"), ("odd", "1")]);
        for default in [false, true] {
            assert!(options.get_bool("yes", default));
            assert!(!options.get_bool("no", default));
            assert_eq!(options.get_bool("odd", default), default);
            assert_eq!(options.get_bool("absent", default), default);
        }
    }

    #[test]
    fn numbers_have_to_be_whole_and_in_range() {
        let options = map(&[("n", "12"), ("plus", " +7"), ("tail", "12x"), ("big", "300"), ("none", "")]);
        assert_eq!(options.get_number::<i64>("n"), Some(12));
        assert_eq!(options.get_number::<u8>("plus"), Some(7));
        assert_eq!(options.get_number::<u8>("tail"), None);
        assert_eq!(options.get_number::<u8>("big"), None);
        assert_eq!(options.get_number::<u8>("none"), None);
        assert_eq!(options.get_number::<u8>("absent"), None);
    }

    #[test]
    fn columns_round_trip() {
        let numbers: IntMap = [("rate", 100), ("burst", 5)].into_iter().collect();
        let datum = numbers.to_datum();
        assert_eq!(
            datum,
            Datum::Map(vec![
                (Atom::text("burst"), Atom::Integer(5)),
                (Atom::text("rate"), Atom::Integer(100))
            ])
        );
        assert_eq!(IntMap::from_datum(&datum), Ok(numbers));
        assert_eq!(
            Map::<Text>::from_datum(&datum).unwrap_err().to_string(),
            "expected a map of string to string, found a map of 2 pairs"
        );
    }
}
