//! The program's heap, which is the C library's.

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
