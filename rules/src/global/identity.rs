//! MAC addresses that a network has of itself: the prefix of assigned ones, and those of service
//! monitors (ovn-nb(5), NB_Global options:mac_prefix, svc_monitor_mac and svc_monitor_mac_dst).
//!
//! Where the CMS names none, or none that can be read, one is derived from the identifier of the
//! NB_Global row. It is written back, so other networks that copy the options agree.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::scan;
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb::{NbGlobal, NbGlobalOptions};
use crate::schema::{Map, Table, key_uuid};

/// The option that holds the prefix.
pub const MAC_PREFIX: &str = "mac_prefix";
/// The option that holds the address that health checks come from.
pub const MONITOR_SOURCE: &str = "svc_monitor_mac";
/// The option that holds the address that health checks go to.
pub const MONITOR_DESTINATION: &str = "svc_monitor_mac_dst";

/// The first three bytes of every MAC address that northflow assigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MacPrefix(pub [u8; 3]);

/// The MAC addresses of service monitors, in lower case with two digits a byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonitorMacs {
    /// Where health checks come from.
    pub source: Text,
    /// Where they go to.
    pub destination: Text,
}

/// The prefix in use: one row.
///
/// Cost: one row in, one row out.
pub fn mac_prefix(options: &Relation<NbGlobalOptions>) -> Relation<MacPrefix> {
    options.map(|row| MacPrefix(prefix(row.uuid, &row.options)))
}

/// The service-monitor addresses in use: one row.
///
/// Cost: one row in, one row out.
pub fn monitor_macs(options: &Relation<NbGlobalOptions>) -> Relation<MonitorMacs> {
    options.map(|row| {
        let address = |option| text(&monitor_mac(row.uuid, &row.options, option)).into();
        MonitorMacs { source: address(MONITOR_SOURCE), destination: address(MONITOR_DESTINATION) }
    })
}

/// Fills the options in that name the identities of the network whose NB_Global row is `network`.
/// The prefix is written in its usual spelling; a monitor address that can be read stays as it is.
pub(super) fn complete(network: Uuid, options: &mut Map) {
    options.insert(MAC_PREFIX, text(&prefix(network, options)).into());
    for option in [MONITOR_SOURCE, MONITOR_DESTINATION] {
        if scan::mac(options.text(option)).is_none() {
            options.insert(option, text(&derived(network, option)).into());
        }
    }
}

fn prefix(network: Uuid, options: &Map) -> [u8; 3] {
    let chosen = scan::bytes(options.text(MAC_PREFIX), 16, ':').map(|(prefix, _)| prefix);
    chosen.filter(|prefix| *prefix != [0; 3]).unwrap_or_else(|| {
        let [a, b, c, ..] = derived(network, MAC_PREFIX);
        [a, b, c]
    })
}

fn monitor_mac(network: Uuid, options: &Map, option: &str) -> [u8; 6] {
    scan::mac(options.text(option)).unwrap_or_else(|| derived(network, option))
}

/// A locally administered unicast address (IEEE 802), the same for the same network and purpose.
fn derived(network: Uuid, purpose: &str) -> [u8; 6] {
    let hash = key_uuid(NbGlobal::NAME, &[purpose, &network.to_string()]).0.to_be_bytes();
    [hash[0] & 0xfe | 0x02, hash[1], hash[2], hash[3], hash[4], hash[5]]
}

fn text(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(pairs: &[(&str, &str)]) -> Map {
        let mut options = pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect();
        complete(Uuid(7), &mut options);
        options
    }

    // The spellings that ovn-northd 26.03.1 answers each option with.
    #[test]
    fn what_can_be_read_is_kept() {
        for (given, written) in [("2:3:4", "02:03:04"), ("0a:0b:0c:0d", "0a:0b:0c"), ("100:2:3", "00:02:03")]
        {
            assert_eq!(completed(&[(MAC_PREFIX, given)]).text(MAC_PREFIX), written);
        }
        let options = completed(&[(MONITOR_SOURCE, "AA:bb:0:1:2:3")]);
        assert_eq!(options.text(MONITOR_SOURCE), "AA:bb:0:1:2:3");
        assert_eq!(monitor_mac(Uuid(7), &options, MONITOR_SOURCE), [0xaa, 0xbb, 0, 1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_read_is_derived_from_the_network() {
        let options = completed(&[]);
        assert_eq!(completed(&[(MAC_PREFIX, "1:2"), (MONITOR_SOURCE, "zz")]), options);
        assert_eq!(completed(&[(MAC_PREFIX, "00:00:00")]), options);
        let source = scan::mac(options.text(MONITOR_SOURCE)).unwrap();
        let destination = scan::mac(options.text(MONITOR_DESTINATION)).unwrap();
        assert_ne!(source, destination);
        assert!([source[0], destination[0]].iter().all(|byte| byte & 3 == 2), "local unicast");
        assert_ne!(derived(Uuid(8), MAC_PREFIX), derived(Uuid(7), MAC_PREFIX));
        // Completing what is complete changes nothing: the write-back settles at once.
        let mut again = options.clone();
        complete(Uuid(7), &mut again);
        assert_eq!(again, options);
    }
}
