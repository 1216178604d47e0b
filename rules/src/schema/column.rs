//! What a column may hold, and how it is read from and written to a [`Datum`].

use std::fmt;

use super::{ColumnError, Table};
use crate::ovsdb::{Atom, Datum, Real, Text, Uuid};

/// What a column may hold, as the database schema puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The type of an element, or of a map's keys: `boolean`, `integer`, `real`, `string` or `uuid`.
    pub key: &'static str,
    /// The type of a map's values; `None` for a set or a scalar.
    pub value: Option<&'static str>,
    /// Whether it may hold nothing. Always true of sets and maps here, though the schema asks for one
    /// element at least in some.
    pub optional: bool,
    /// Whether it may hold more than one element.
    pub many: bool,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value, self.many, self.optional) {
            (Some(value), ..) => write!(f, "a map of {} to {value}", self.key),
            (None, true, _) => write!(f, "a set of {}", self.key),
            (None, false, true) => write!(f, "an optional {}", self.key),
            (None, false, false) => write!(f, "one {}", self.key),
        }
    }
}

/// Why a datum does not fit its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnProblem {
    /// What the column has to hold.
    pub expected: Kind,
    /// What the server sent.
    pub found: Box<Datum>,
}

impl fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found ", self.expected)?;
        match &*self.found {
            Datum::Set(atoms) if atoms.len() == 1 => write!(f, "{}", type_name(&atoms[0])),
            Datum::Set(atoms) => write!(f, "a set of {} elements", atoms.len()),
            Datum::Map(pairs) => write!(f, "a map of {} pairs", pairs.len()),
        }
    }
}

/// The type of one element of a column.
pub trait Scalar: Ord + Sized {
    /// The name of the type in a database schema.
    const TYPE: &'static str;

    /// The value in `atom`, `None` if it is of another type.
    fn from_atom(atom: &Atom) -> Option<Self>;

    /// The atom that holds the value.
    fn to_atom(&self) -> Atom;

    /// What OVSDB puts into a column that nobody set (RFC 7047 section 5.2.1).
    fn unset() -> Self;
}

/// The type of a column.
pub trait Column: Sized {
    /// What a column of this type may hold.
    const KIND: Kind;

    /// The value in `datum`; fails if the type cannot hold it.
    fn from_datum(datum: &Datum) -> Result<Self, ColumnProblem>;

    /// The datum that holds the value.
    fn to_datum(&self) -> Datum;

    /// What OVSDB puts into a column that nobody set (RFC 7047 section 5.2.1).
    fn unset() -> Self;
}

/// The value of column `column` of row `uuid` of `T`; the default if `datum` is absent.
pub(super) fn decode<T: Table, C: Column>(
    uuid: Uuid,
    column: &'static str,
    datum: Option<&Option<Datum>>,
) -> Result<C, ColumnError> {
    match datum {
        Some(Some(datum)) => {
            C::from_datum(datum).map_err(|problem| ColumnError { table: T::NAME, uuid, column, problem })
        }
        Some(None) | None => Ok(C::unset()),
    }
}

/// The problem of finding `found` in a column of type `C`.
pub(super) fn mismatch<C: Column>(found: &Datum) -> ColumnProblem {
    ColumnProblem { expected: C::KIND, found: Box::new(found.clone()) }
}

fn type_name(atom: &Atom) -> &'static str {
    match atom {
        Atom::Integer(_) => i64::TYPE,
        Atom::Real(_) => Real::TYPE,
        Atom::Boolean(_) => bool::TYPE,
        Atom::String(_) => Text::TYPE,
        Atom::Uuid(_) => Uuid::TYPE,
    }
}

impl<T: Scalar> Column for T {
    const KIND: Kind = Kind { key: T::TYPE, value: None, optional: false, many: false };

    fn from_datum(datum: &Datum) -> Result<T, ColumnProblem> {
        match datum {
            Datum::Set(atoms) if atoms.len() == 1 => T::from_atom(&atoms[0]),
            _ => None,
        }
        .ok_or_else(|| mismatch::<T>(datum))
    }

    fn to_datum(&self) -> Datum {
        Datum::scalar(self.to_atom())
    }

    fn unset() -> T {
        <T as Scalar>::unset()
    }
}

impl<T: Scalar> Column for Option<T> {
    const KIND: Kind = Kind { key: T::TYPE, value: None, optional: true, many: false };

    fn from_datum(datum: &Datum) -> Result<Option<T>, ColumnProblem> {
        match datum {
            Datum::Set(atoms) if atoms.is_empty() => Ok(None),
            Datum::Set(atoms) if atoms.len() == 1 => {
                T::from_atom(&atoms[0]).map(Some).ok_or_else(|| mismatch::<Self>(datum))
            }
            _ => Err(mismatch::<Self>(datum)),
        }
    }

    fn to_datum(&self) -> Datum {
        Datum::Set(self.iter().map(T::to_atom).collect())
    }

    fn unset() -> Option<T> {
        None
    }
}

/// A set: in the order of its elements, each once.
impl<T: Scalar> Column for Vec<T> {
    const KIND: Kind = Kind { key: T::TYPE, value: None, optional: true, many: true };

    fn from_datum(datum: &Datum) -> Result<Vec<T>, ColumnProblem> {
        let elements = match datum {
            Datum::Set(atoms) => atoms.iter().map(T::from_atom).collect::<Option<Vec<T>>>(),
            Datum::Map(_) => None,
        };
        let mut elements = elements.ok_or_else(|| mismatch::<Self>(datum))?;
        elements.sort();
        elements.dedup();
        Ok(elements)
    }

    fn to_datum(&self) -> Datum {
        Datum::set(self.iter().map(T::to_atom))
    }

    fn unset() -> Vec<T> {
        Vec::new()
    }
}

macro_rules! scalar {
    ($( $rust:ty, $name:literal, $variant:ident, $unset:expr; )+) => {$(
        impl Scalar for $rust {
            const TYPE: &'static str = $name;

            fn from_atom(atom: &Atom) -> Option<$rust> {
                match atom {
                    Atom::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }

            fn to_atom(&self) -> Atom {
                Atom::$variant(self.clone())
            }

            fn unset() -> $rust {
                $unset
            }
        }
    )+};
}

scalar! {
    bool, "boolean", Boolean, false;
    i64, "integer", Integer, 0;
    Real, "real", Real, Real(0.0);
    Text, "string", String, Text::default();
    Uuid, "uuid", Uuid, Uuid::ZERO;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_need_exactly_one_element() {
        let one = Datum::scalar(Atom::Integer(7));
        let none = Datum::none();
        assert_eq!(i64::from_datum(&one), Ok(7));
        assert_eq!(Option::<i64>::from_datum(&one), Ok(Some(7)));
        assert_eq!(Option::<i64>::from_datum(&none), Ok(None));
        assert_eq!(Vec::<i64>::from_datum(&none), Ok(Vec::new()));
        assert_eq!(
            i64::from_datum(&none).unwrap_err().to_string(),
            "expected one integer, found a set of 0 elements"
        );
        assert_eq!(
            Option::<bool>::from_datum(&one).unwrap_err().to_string(),
            "expected an optional boolean, found integer"
        );
    }

    #[test]
    fn sets_are_sorted_and_hold_each_element_once() {
        let text = |s: &str| Atom::text(s);
        let unsorted = Datum::Set([text("b"), text("a"), text("b")].into_iter().collect());
        assert_eq!(Vec::<Text>::from_datum(&unsorted), Ok(vec![Text::from("a"), Text::from("b")]));
        let value: Vec<Text> = vec!["b".into(), "a".into(), "b".into()];
        assert_eq!(value.to_datum(), Datum::set([text("a"), text("b")]));
        let mixed = Datum::set([Atom::Integer(1), text("a")]);
        assert_eq!(Vec::<Text>::from_datum(&mixed).unwrap_err().expected, Vec::<Text>::KIND);
    }
}
