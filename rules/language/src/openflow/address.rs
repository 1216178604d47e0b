//! IPv6 addresses as the C library writes them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Writes an address as `inet_ntop` does: unlike the standard library it also writes the last 32 bits of
/// an address that has nothing else in dotted form.
pub fn write_ipv6(out: &mut impl fmt::Write, address: Ipv6Addr) -> fmt::Result {
    let bits = u128::from(address);
    match u32::try_from(bits) {
        Ok(low) if low > 0xffff => write!(out, "::{}", Ipv4Addr::from(low)),
        _ => write!(out, "{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_c_library() {
        for text in ["::", "::1", "::ffff", "::0.1.0.0", "::1.2.3.4", "::ffff:1.2.3.4", "fd0f::2", "1:0:2::3"]
        {
            let mut out = String::new();
            write_ipv6(&mut out, text.parse().expect("an address")).expect("strings take all");
            assert_eq!(out, text);
        }
    }
}
