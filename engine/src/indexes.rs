//! Tuples of indexes that are read together, by one key.

use crate::delta::Weight;
use crate::record::{Rec, Record};
use crate::relation::{ErasedIndex, Everywhere, Group, Index};

/// What [`Index::join_groups`] can read beside its own index: another index with the same key, or a relation that is
/// everywhere, of which it reads all rows.
pub trait Readable<K> {
    /// The type of the rows.
    type Row: Record;

    /// The index without its types, and whether all of it is read.
    fn erased(&self) -> (ErasedIndex, bool);
}

impl<K, T: Record> Readable<K> for &Index<K, T> {
    type Row = T;
    fn erased(&self) -> (ErasedIndex, bool) {
        (self.erased.clone(), false)
    }
}

impl<K, T: Record> Readable<K> for &Everywhere<T> {
    type Row = T;
    fn erased(&self) -> (ErasedIndex, bool) {
        (self.erased.clone(), true)
    }
}

/// A tuple of what [`Index::join_groups`] reads for rows with keys of type `K`.
pub trait Indexes<K> {
    /// The rows that each has: a tuple of [`Group`]s, which may be empty.
    type Groups<'a>;

    /// The indexes without their types, and whether all of each is read.
    fn erased(&self) -> Vec<(ErasedIndex, bool)>;

    /// Gives groups, in the order of the indexes, their types back.
    fn groups<'a>(groups: &'a [Vec<(&'a Rec, Weight)>]) -> Self::Groups<'a>;
}

macro_rules! tuple_of_indexes {
    ($($type:ident $place:tt),+) => {
        impl<K, $($type: Readable<K>),+> Indexes<K> for ($($type,)+) {
            type Groups<'a> = ($(Group<'a, $type::Row>,)+);

            fn erased(&self) -> Vec<(ErasedIndex, bool)> {
                vec![$(self.$place.erased()),+]
            }

            fn groups<'a>(groups: &'a [Vec<(&'a Rec, Weight)>]) -> Self::Groups<'a> {
                ($(Group::new(&groups[$place]),)+)
            }
        }
    };
}

tuple_of_indexes!(A 0);
tuple_of_indexes!(A 0, B 1);
tuple_of_indexes!(A 0, B 1, C 2);
tuple_of_indexes!(A 0, B 1, C 2, D 3);
tuple_of_indexes!(A 0, B 1, C 2, D 3, E 4);
tuple_of_indexes!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_of_indexes!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_of_indexes!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
