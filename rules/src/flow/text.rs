//! Values as they stand in match and action text. Chassis compare flows as text, so each value
//! has one spelling.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads six groups of one or two hexadecimal digits with colons between.
    pub fn parse(text: &str) -> Option<Mac> {
        let mut bytes = [0; 6];
        let mut groups = text.split(':');
        for byte in &mut bytes {
            let group = groups.next()?;
            if group.is_empty() || group.len() > 2 || group.starts_with('+') {
                return None;
            }
            *byte = u8::from_str_radix(group, 16).ok()?;
        }
        groups.next().is_none().then_some(Mac(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `name` between double quotes, escaped as in JSON (RFC 8259 section 7): how a port stands in a
/// match.
pub fn quote(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push('"');
    for c in name.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// An IPv6 address as inet_ntop(3) writes it: like RFC 5952, but `::a.b.c.d` too ends in dotted
/// form.
pub fn ip6(address: Ipv6Addr) -> String {
    let words = address.segments();
    if words[..6] == [0; 6] && words[6] != 0 {
        return format!("::{}", Ipv4Addr::from(address.to_bits() as u32));
    }
    address.to_string()
}

/// The solicited-node multicast address of `address` (RFC 4291 section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let low = address.to_bits() & 0xff_ffff;
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_spelling() {
        let mac = Mac::parse("0A:0:00:00:00:1").unwrap();
        assert_eq!(mac.to_string(), "0a:00:00:00:00:01");
        assert_eq!(Mac::parse("0a:00:00:00:00"), None);
        assert_eq!(Mac::parse("0a:00:00:00:00:00:00"), None);
        assert_eq!(Mac::parse("0a:00:00:00:00:+1"), None);
        let text = |t: &str| ip6(t.parse().unwrap());
        assert_eq!(text("FD00:0::0:1"), "fd00::1");
        assert_eq!(text("::1"), "::1");
        assert_eq!(text("::a:b"), "::0.10.0.11");
        assert_eq!(text("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
        assert_eq!(ip6(solicited_node("fd00::12:3456".parse().unwrap())), "ff02::1:ff12:3456");
    }

    #[test]
    fn names_are_quoted_as_json() {
        assert_eq!(quote("p1"), "\"p1\"");
        assert_eq!(quote("a\"b\\c\n\u{1}"), "\"a\\\"b\\\\c\\n\\u0001\"");
    }
}
