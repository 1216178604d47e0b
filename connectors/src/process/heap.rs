//! The program's heap: mimalloc (see `main.rs`), one for each thread.

/// Gives the system back what the calling thread's heap holds but does not use. In a program with another allocator
/// it does nothing.
#[allow(unsafe_code)]
pub fn trim() {
    // SAFETY: the function may be called at any time on any thread; it touches free memory only.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
