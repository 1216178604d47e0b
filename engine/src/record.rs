//! Records: the one stored form of every row.
//!
//! Rules work with their own row types; the operators underneath are compiled once and see only
//! [`Rec`], a shared pointer with the hash of what it points to. Two records compare by hash
//! first, so a comparison seldom follows the pointer; equal hashes compare contents.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock, RwLock};

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// What a row type must offer: a total order, a hash, a debug form, and serde for the trip to
/// another process. Nothing is to be implemented by hand; deriving the bounds is enough.
pub trait Record: Ord + Hash + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Ord + Hash + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Record for T {}

/// A [`Record`] whose type has been forgotten.
trait Erased: fmt::Debug + Send + Sync {
    fn any(&self) -> &dyn Any;
    fn order(&self, other: &dyn Erased) -> Ordering;
    fn tag(&self) -> u64;
    /// The row as it travels to another process.
    fn message(&self) -> postcard::Result<Vec<u8>>;
}

impl<T: Record> Erased for T {
    fn any(&self) -> &dyn Any {
        self
    }
    fn order(&self, other: &dyn Erased) -> Ordering {
        match other.any().downcast_ref::<T>() {
            Some(other) => self.cmp(other),
            // Never within one relation; a stable answer keeps the order total all the same.
            None => self.tag().cmp(&other.tag()),
        }
    }
    fn tag(&self) -> u64 {
        type_tag::<T>()
    }
    fn message(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_allocvec(self)
    }
}

/// One row, shared and immutable.
#[derive(Clone)]
pub struct Rec {
    hash: u64,
    row: Arc<dyn Erased>,
}

impl Rec {
    /// Stores `row`.
    pub fn new<T: Record>(row: T) -> Rec {
        let hash = foldhash::quality::FixedState::with_seed(0x6e66).hash_one(&row);
        Rec { hash, row: Arc::new(row) }
    }

    /// The row.
    ///
    /// # Panics
    /// If the record holds another type: a relation holds one row type, so that is a fault of the
    /// engine and not of its input.
    pub fn get<T: Record>(&self) -> &T {
        self.try_get().expect("a relation holds one row type")
    }

    /// The row, if it is a `T`.
    pub fn try_get<T: Record>(&self) -> Option<&T> {
        (*self.row).any().downcast_ref()
    }

    /// The stored hash, which is the same in every process.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Debug for Rec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}
impl Ord for Rec {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| {
            if Arc::ptr_eq(&self.row, &other.row) { Ordering::Equal } else { (*self.row).order(&*other.row) }
        })
    }
}
impl PartialOrd for Rec {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Rec {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Rec {}
impl Hash for Rec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The 128-bit key of `value`: the same in every process, and so wide that two different keys of
/// one network do not meet (SipHash-1-3, fixed keys).
pub fn key_hash<K: Hash + ?Sized>(value: &K) -> u128 {
    use siphasher::sip128::{Hasher128, SipHasher13};
    let mut hasher = SipHasher13::new_with_keys(0x6e6f7274, 0x68666c6f77);
    value.hash(&mut hasher);
    hasher.finish128().as_u128()
}

/// Names a row type in a message; the same in every process that runs the same binary.
fn type_tag<T: 'static>() -> u64 {
    foldhash::quality::FixedState::with_seed(0x7461).hash_one(std::any::type_name::<T>())
}

/// Reads a row that [`Erased::message`] has written. One format that is known here, and not any
/// serializer, keeps small what has to be compiled for each row type.
type Decode = fn(&[u8]) -> postcard::Result<Rec>;

fn registry() -> &'static RwLock<HashMap<u64, Decode>> {
    static REGISTRY: OnceLock<RwLock<HashMap<u64, Decode>>> = OnceLock::new();
    REGISTRY.get_or_init(Default::default)
}

/// Makes rows of type `T` readable when they come from another process. Every operator that makes
/// a relation of `T` calls it.
pub(crate) fn register<T: Record>() {
    register_as(type_tag::<T>(), |message| postcard::from_bytes::<T>(message).map(Rec::new));
}

fn register_as(tag: u64, decode: Decode) {
    registry().write().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(tag, decode);
}

impl Serialize for Rec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.row.message().map_err(ser::Error::custom)?;
        (self.row.tag(), message).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (tag, message) = <(u64, Vec<u8>)>::deserialize(deserializer)?;
        let decode = registry().read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&tag).copied();
        let decode =
            decode.ok_or_else(|| de::Error::custom("a row of a type that this program does not use"))?;
        decode(&message).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_equal_records() {
        let (a, b, c) = (Rec::new(1u32), Rec::new(1u32), Rec::new(2u32));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(a.get::<u32>(), &1);
        assert_eq!(a.try_get::<u64>(), None);
    }
}
