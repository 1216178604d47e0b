//! What a switch has to give: Logical_Switch other_config `subnet`, `exclude_ips`, `ipv6_prefix` and
//! `mac_only` (ovn-nb(5)).

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::ovsdb::Uuid;
use crate::problem::Problem;
use crate::schema::Map;

/// The network part of an IPv6 prefix.
const NETWORK: u128 = !0 << 64;

/// What one switch gives to its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pool {
    /// The switch.
    pub switch: Uuid,
    /// Its IPv4 addresses, if it has any.
    pub range: Option<Range>,
    /// Its IPv6 prefix of 64 bits, if it has one.
    pub prefix: Option<Ipv6Addr>,
}

/// IPv4 addresses that can be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The first; the one before it is left for a router.
    pub first: u32,
    /// The last; the one after it is the broadcast address. Below `first` if there are none.
    pub last: u32,
    /// First and last of those left out, within the range.
    pub excluded: Vec<(u32, u32)>,
}

impl Range {
    /// Whether `address` is among them.
    pub fn contains(&self, address: u32) -> bool {
        (self.first..=self.last).contains(&address) && self.after_excluded(address).is_none()
    }

    /// The address after the exclusions that `address` falls in, if it falls in one.
    pub fn after_excluded(&self, address: u32) -> Option<u64> {
        let hit = self.excluded.iter().find(|(first, last)| (*first..=*last).contains(&address));
        hit.map(|(_, last)| u64::from(*last) + 1)
    }
}

impl Pool {
    /// What `config` gives, `None` if nothing, with what cannot be used in it.
    pub fn read(switch: Uuid, config: &Map) -> (Option<Pool>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut bad = |what: String| problems.push(Problem::new(format!("{switch}: {what}")));
        let (subnet, prefix) = (config.get("subnet"), config.get("ipv6_prefix"));
        let mac_only = subnet.is_none() && prefix.is_none() && config.get_bool("mac_only", false);
        let range = subnet.and_then(|subnet| {
            let range = read_subnet(subnet);
            if range.is_none() {
                bad(format!("bad 'subnet' {subnet}"));
            }
            range
        });
        let range = range.map(|mut range| {
            if let Err(error) = exclude(&mut range, config.text("exclude_ips")) {
                bad(format!("bad exclude_ips ({error})"));
            }
            range
        });
        let prefix = prefix.and_then(|text| match read_prefix(text) {
            Ok(prefix) => Some(prefix),
            Err(error) => {
                bad(format!("bad 'ipv6_prefix' {text}{error}"));
                None
            }
        });
        let pool = range.is_some() || prefix.is_some() || mac_only;
        (pool.then_some(Pool { switch, range, prefix }), problems)
    }
}

fn read_subnet(text: &str) -> Option<Range> {
    let (address, mask) = text.split_once('/')?;
    let address = address.parse::<Ipv4Addr>().ok()?.to_bits();
    let mask = match mask.parse::<Ipv4Addr>() {
        Ok(mask) => mask.to_bits(),
        Err(_) => {
            let length = mask.parse::<u32>().ok().filter(|length| *length <= 32)?;
            !(u32::MAX.checked_shr(length).unwrap_or(0))
        }
    };
    if mask == u32::MAX || mask.leading_ones() != mask.count_ones() {
        return None;
    }
    let network = address & mask;
    // Network and router addresses come before, the broadcast address after.
    Some(Range { first: network.saturating_add(2), last: (network | !mask) - 1, excluded: Vec::new() })
}

/// Takes the addresses and ranges that `text` lists out of `range`. What stands before an error
/// counts.
fn exclude(range: &mut Range, text: &str) -> Result<(), String> {
    // The router's address and the broadcast address may be excluded without being wrong.
    let whole = u64::from(range.first) - 1..=u64::from(range.last) + 1;
    let mut outcome = Ok(());
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (first, after) = read_address(rest).ok_or_else(|| expected(rest, "address"))?;
        rest = after;
        let mut last = first;
        if let Some(after) = rest.strip_prefix("..") {
            let after = after.trim_ascii_start();
            (last, rest) = read_address(after).ok_or_else(|| expected(after, "address range"))?;
        }
        let clamped = (u64::from(first).max(*whole.start()), u64::from(last).min(*whole.end()));
        if clamped.0 <= clamped.1 {
            range.excluded.push((clamped.0 as u32, clamped.1 as u32));
        } else if outcome.is_ok() {
            outcome = Err("excluded addresses not in subnet".to_owned());
        }
    }
    range.excluded.sort();
    range.excluded.dedup();
    outcome
}

fn expected(rest: &str, what: &str) -> String {
    match rest.split_ascii_whitespace().next() {
        Some(word) => format!("Syntax error at `{word}' expecting {what}."),
        None => format!("Syntax error at end of input expecting {what}."),
    }
}

/// The address, or the number that stands for one, that `text` begins with, and what follows it.
fn read_address(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | ':' | '/'));
    let end = end.unwrap_or(text.len()).min(text.find("..").unwrap_or(text.len()));
    let (word, rest) = text.split_at(end);
    let number = word.parse::<Ipv4Addr>().map(Ipv4Addr::to_bits).ok().or_else(|| word.parse().ok())?;
    Some((number, rest.trim_ascii_start()))
}

fn read_prefix(text: &str) -> Result<Ipv6Addr, &'static str> {
    let (address, length) = text.split_once('/').map_or((text, "64"), |(address, length)| (address, length));
    let address: Ipv6Addr = address.parse().map_err(|_| "")?;
    let whole = match length.parse::<Ipv6Addr>() {
        Ok(mask) => mask.to_bits() == NETWORK,
        Err(_) => length.parse::<u8>().map_err(|_| "")? == 64,
    };
    if whole { Ok(Ipv6Addr::from_bits(address.to_bits() & NETWORK)) } else { Err(": must be /64") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::Text;

    fn read(pairs: &[(&str, &str)]) -> (Option<Pool>, Vec<String>) {
        let config: Map = pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect();
        let (pool, problems) = Pool::read(Uuid(7), &config);
        let said = problems.iter().map(|problem| problem.message.split_once(": ").unwrap().1.to_owned());
        (pool, said.collect())
    }

    fn free(subnet: &str, exclude: &str) -> (Vec<u8>, Vec<String>) {
        let (pool, said) = read(&[("subnet", subnet), ("exclude_ips", exclude)]);
        let range = pool.unwrap().range.unwrap();
        let all = (range.first - 2..=range.last + 1).filter(|address| range.contains(*address));
        (all.map(|address| address as u8).collect(), said)
    }

    #[test]
    fn the_first_host_and_the_broadcast_address_are_not_given() {
        assert_eq!(free("10.0.0.0/29", ""), (vec![2, 3, 4, 5, 6], vec![]));
        assert_eq!(free("10.0.0.13/255.255.255.248", "").0, [10, 11, 12, 13, 14]);
        assert_eq!(free("10.0.0.0/30", "").0, [2]);
        let (pool, said) = read(&[("subnet", "10.0.0.0/31")]);
        assert!(said.is_empty());
        let range = pool.unwrap().range.unwrap();
        assert!((0..=255).all(|low| !range.contains(0x0a00_0000 | low)));
    }

    #[test]
    fn exclusions_are_taken_out_as_far_as_they_can_be_read() {
        assert_eq!(free("10.0.0.0/29", "10.0.0.3 10.0.0.5..10.0.0.200").0, [2, 4]);
        assert_eq!(free("10.0.0.0/29", "10.0.0.3 .. 10.0.0.5").0, [2, 6]);
        let (left, said) = free("10.0.0.0/29", "10.0.0.2, 10.0.0.3");
        assert_eq!((left, said.len()), (vec![3, 4, 5, 6], 1));
        let (left, said) = free("10.0.0.0/29", "11.0.0.1 10.0.0.3");
        assert_eq!(left, [2, 4, 5, 6]);
        assert_eq!(said, ["bad exclude_ips (excluded addresses not in subnet)"]);
        let (left, said) = free("10.0.0.0/29", "10.0.0.4 10.0.0.5..");
        assert_eq!((left, said.len()), (vec![2, 3, 5, 6], 1));
    }

    #[test]
    fn what_cannot_be_used_is_said_and_gives_nothing() {
        assert_eq!(read(&[]), (None, vec![]));
        assert_eq!(read(&[("subnet", "10.0.0.1")]), (None, vec!["bad 'subnet' 10.0.0.1".into()]));
        assert_eq!(read(&[("subnet", "x"), ("mac_only", "true")]).0, None);
        let (pool, said) = read(&[("ipv6_prefix", "fd00:1::/80")]);
        assert_eq!((pool, said), (None, vec!["bad 'ipv6_prefix' fd00:1::/80: must be /64".into()]));
        let (pool, _) = read(&[("ipv6_prefix", "fd00:1:2:3:4::5")]);
        assert_eq!(pool.unwrap().prefix, "fd00:1:2:3::".parse().ok());
        let pool = Pool { switch: Uuid(7), range: None, prefix: None };
        assert_eq!(read(&[("mac_only", "true")]).0, Some(pool));
    }
}
