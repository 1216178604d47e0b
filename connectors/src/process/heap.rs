//! The program's heap, which is the C library's.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// Has all threads but so many share one arena, where the C library is GNU's: each thread's own keeps pages of which it
/// uses little. A twentieth of the memory of 100 nodes of a container platform, a quarter of it once they are deleted.
pub fn share(own: usize) {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    // SAFETY: mallopt(3) is MT-Safe once the heap is in use, and sets a number.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, own.saturating_add(1).try_into().unwrap_or(libc::c_int::MAX));
    }
}

/// Gives the system back what the heap holds but does not use, as ovn-northd does; where the C library is not GNU's,
/// nothing. On 100 nodes of a container platform that are all deleted it is 360 MiB of 420.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    // SAFETY: malloc_trim(3) is MT-Safe and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes a map of which most is free a smaller one.
pub fn shrink_map<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if map.len() * 4 < map.capacity() {
        map.shrink_to_fit();
    }
}

/// Makes a set of which most is free a smaller one.
pub fn shrink_set<K: Eq + Hash, S: BuildHasher>(set: &mut HashSet<K, S>) {
    if set.len() * 4 < set.capacity() {
        set.shrink_to_fit();
    }
}
