//! The program's heap: jemalloc where the C library is GNU's, else that of the C library.
//!
//! Rows come and go by the thousand with each change, in blocks of a few sizes. jemalloc does that in 0.8 of the
//! processor time that GNU's heap takes for a whole change, and takes no more memory.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

#[cfg(not(target_env = "gnu"))]
pub use std::alloc::System as Heap;
#[cfg(target_env = "gnu")]
pub use tikv_jemallocator::Jemalloc as Heap;

/// Gives the system back what the heap holds but does not use, as ovn-northd does; where the heap is the C library's,
/// nothing. On 100 nodes of a container platform that are all deleted it is most of what there was.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    {
        // What this thread keeps for itself, then the unused pages of all arenas (jemalloc(3), MALLCTL_ARENAS_ALL).
        control(c"thread.tcache.flush");
        control(c"arena.4096.purge");
    }
}

/// Has jemalloc do something that takes and gives no value.
#[cfg(target_env = "gnu")]
fn control(name: &std::ffi::CStr) {
    use std::ptr::null_mut;
    #[allow(unsafe_code)]
    // SAFETY: the name ends with 0, and null is what mallctl takes for no value. That it may fail does no harm.
    unsafe {
        tikv_jemalloc_sys::mallctl(name.as_ptr(), null_mut(), null_mut(), null_mut(), 0);
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
