//! The `dynamic` entries of Logical_Switch_Port `addresses` (ovn-nb(5)).

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::flow::text::Mac;

/// What an entry asks for; what it does not name is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The MAC address.
    pub mac: Option<Mac>,
    /// The IPv4 address.
    pub ip4: Option<Ipv4Addr>,
    /// The IPv6 address; the unspecified one if what stands there is none.
    pub ip6: Option<Ipv6Addr>,
}

impl Entry {
    /// Reads `dynamic [IPv4] [IPv6]` or `MAC dynamic`, `None` if the text is neither.
    pub fn read(text: &str) -> Option<Entry> {
        if text.ends_with(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let Some(addresses) = text.strip_prefix("dynamic") else {
            let mut words = text.split_ascii_whitespace();
            let mac = Mac::parse(words.next()?)?;
            let rest = (words.next(), words.next());
            return (rest == (Some("dynamic"), None)).then_some(Entry { mac: Some(mac), ..Entry::default() });
        };
        let mut words = addresses.split_ascii_whitespace().peekable();
        let ip4 = words.next_if(|word| word.parse::<Ipv4Addr>().is_ok()).and_then(|word| word.parse().ok());
        let ip6 = words.next().map(read_ip6);
        if words.next().is_some() || ip6 == Some(None) {
            return None;
        }
        Some(Entry { mac: None, ip4, ip6: ip6.flatten() })
    }
}

/// Whatever has only characters of an IPv6 address stands for one.
fn read_ip6(word: &str) -> Option<Ipv6Addr> {
    let looks = word.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    looks.then(|| word.parse().unwrap_or(Ipv6Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_manual_are_read_and_no_other() {
        let ip4 = Some(Ipv4Addr::new(10, 0, 0, 5));
        let ip6 = Some("fd00::5".parse().unwrap());
        let mac = Mac::parse("0a:00:00:00:00:01");
        let read = [
            ("dynamic", Entry::default()),
            ("dynamic 10.0.0.5", Entry { ip4, ..Entry::default() }),
            ("dynamic fd00::5", Entry { ip6, ..Entry::default() }),
            ("dynamic 10.0.0.5 fd00::5", Entry { ip4, ip6, mac: None }),
            ("dynamic abc", Entry { ip6: Some(Ipv6Addr::UNSPECIFIED), ..Entry::default() }),
            ("0a:00:00:00:00:01 dynamic", Entry { mac, ..Entry::default() }),
        ];
        for (text, entry) in read {
            assert_eq!(Entry::read(text), Some(entry), "{text}");
        }
        for text in [
            "",
            "unknown",
            "dynamic ",
            " dynamic",
            "dynamics",
            "dynamic fd00::5 10.0.0.5",
            "dynamic 10.0.0.5 10.0.0.6 fd00::5",
            "0a:00:00:00:00:01 10.0.0.1",
            "0a:00:00:00:00:01 dynamic 10.0.0.1",
        ] {
            assert_eq!(Entry::read(text), None, "{text}");
        }
    }
}
