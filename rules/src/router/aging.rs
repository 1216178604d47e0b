//! How long what chassis have learned is kept (I34, I35; ovn-nb(5), Logical_Router
//! options:mac_binding_age_threshold and Logical_Switch other_config:fdb_age_threshold).
//!
//! Rules have no clock. They say when each row is due ([`Expiry`]); who has a clock says which of them
//! are over by giving these back, and the rules then delete the rows, unless a chassis has seen the
//! neighbour again in the meantime.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::global::chassis::ChassisFeatures;
use crate::ovsdb::Uuid;
use crate::problem::Problem;
use crate::schema::{nb, sb};
use crate::topology::datapath;
use crate::topology::tunnel_key::Assigned;
use crate::value::ip::IpNet;
use crate::value::scan;

/// The option of Logical_Router with the seconds by network.
pub const MAC_BINDING_THRESHOLDS: &str = "mac_binding_age_threshold";

/// A table whose rows age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Learned {
    /// MAC_Binding: neighbours of routers.
    MacBinding,
    /// FDB: addresses behind ports of switches.
    Fdb,
}

impl Learned {
    /// The option of NB_Global that says how many rows are deleted in one go; 0 is no limit.
    pub fn limit_option(self) -> &'static str {
        match self {
            Learned::MacBinding => "mac_binding_removal_limit",
            Learned::Fdb => "fdb_removal_limit",
        }
    }
}

/// When a row is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expiry {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The table.
    pub table: Learned,
    /// The row.
    pub row: Uuid,
}

/// Seconds by network.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thresholds {
    /// Networks, the longest prefix first.
    networks: Vec<(IpNet, u32)>,
    /// All other addresses; 0 is for ever.
    others: u32,
}

impl Thresholds {
    /// Reads `[CIDR:]SECONDS;...`. Of entries for all addresses the last counts; an entry that cannot
    /// be read spoils the list: that entry is the error.
    pub fn read(text: &str) -> Result<Thresholds, &str> {
        let mut thresholds = Thresholds::default();
        for entry in text.split(';').filter(|entry| !entry.is_empty()) {
            match Thresholds::entry(entry).ok_or(entry)? {
                (Some(net), seconds) => thresholds.networks.push((net, seconds)),
                (None, seconds) => thresholds.others = seconds,
            }
        }
        thresholds.networks.sort_by_key(|(net, _)| std::cmp::Reverse(length(net)));
        Ok(thresholds)
    }

    /// Reads `[CIDR:]SECONDS`; there is no network if it is that of all addresses.
    fn entry(text: &str) -> Option<(Option<IpNet>, u32)> {
        let (network, seconds) = text.rsplit_once(':').map_or((None, text), |(net, s)| (Some(net), s));
        let seconds = scan::blanks(seconds).parse().ok()?;
        Some((network.map(IpNet::parse).transpose().ok()?.filter(|net| length(net) > 0), seconds))
    }

    /// The least number of seconds above zero.
    pub fn least(&self) -> Option<u32> {
        let all = self.networks.iter().map(|(_, seconds)| *seconds).chain([self.others]);
        all.filter(|seconds| *seconds > 0).min()
    }

    /// The seconds for an address; 0 is for ever. A network that is not written by its first address
    /// has no address in it.
    pub fn of(&self, address: Option<IpAddr>) -> u32 {
        let inside = |net: &IpNet| match (net, address) {
            (IpNet::V4(net), Some(IpAddr::V4(address))) => {
                net.contains(address) && net.network() == net.address
            }
            (IpNet::V6(net), Some(IpAddr::V6(address))) => {
                net.contains(address) && net.network() == net.address
            }
            _ => false,
        };
        self.networks.iter().find(|(net, _)| inside(net)).map_or(self.others, |(_, seconds)| *seconds)
    }
}

fn length(net: &IpNet) -> u8 {
    match net {
        IpNet::V4(net) => net.length,
        IpNet::V6(net) => net.length,
    }
}

/// When a row that was last seen at `timestamp` is due, if it ever is.
fn due(timestamp: i64, seconds: u32) -> Option<i64> {
    (seconds > 0).then(|| timestamp.saturating_add(1000 * i64::from(seconds)))
}

/// Thresholds that cannot be read.
///
/// Cost: a router costs itself.
pub fn problems(routers: &Relation<nb::LogicalRouter>) -> Relation<Problem> {
    routers.flat_map(|row| {
        let entry = Thresholds::read(row.options.get(MAC_BINDING_THRESHOLDS)?).err()?;
        Some(Problem::new(format!("Parsing aging threshold '{entry}' failed.")))
    })
}

/// When the neighbours of routers are due. `datapaths` are the southbound rows.
///
/// Cost: a neighbour costs itself; a router that changes its thresholds, its neighbours.
pub fn mac_bindings(
    bindings: &Relation<sb::MacBinding>,
    routers: &Relation<nb::LogicalRouter>,
    datapaths: &Relation<sb::DatapathBindingState>,
    features: &Relation<ChassisFeatures>,
) -> Relation<Expiry> {
    let thresholds = routers.flat_map(|row| {
        let thresholds = Thresholds::read(row.options.get(MAC_BINDING_THRESHOLDS)?).ok()?;
        thresholds.least().map(|_| (row.uuid, thresholds))
    });
    let owners = datapaths.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let of_datapaths = owners.index_by(|(_, owner): &(Uuid, Uuid)| *owner).join(
        &thresholds.index_by(|(router, _): &(Uuid, Thresholds)| *router),
        |(datapath, _), (_, thresholds)| (*datapath, thresholds.clone()),
    );
    let expiries = bindings.index_by(|row| row.datapath).join_flat(
        &of_datapaths.index_by(|(datapath, _): &(Uuid, Thresholds)| *datapath),
        |row, (_, thresholds)| {
            let at = due(row.timestamp, thresholds.of(row.ip.parse().ok()))?;
            Some(Expiry { at, table: Learned::MacBinding, row: row.uuid })
        },
    );
    where_stamped(&expiries, features, |features| features.mac_binding_timestamp)
}

/// When the addresses behind ports of switches are due. `keys` are those of datapaths.
///
/// Cost: an address costs itself; a switch that changes its threshold, its addresses.
pub fn fdb(
    fdb: &Relation<sb::Fdb>,
    switches: &Relation<nb::LogicalSwitch>,
    keys: &Relation<Assigned>,
    features: &Relation<ChassisFeatures>,
) -> Relation<Expiry> {
    let thresholds = switches.flat_map(|row| {
        let seconds = row.other_config.get_number::<u32>("fdb_age_threshold")?;
        (seconds > 0).then_some((row.uuid, seconds))
    });
    let of_keys = keys
        .index_by(Assigned::owner)
        .join(&thresholds.index_by(|(switch, _): &(Uuid, u32)| *switch), |assigned, (_, seconds)| {
            (i64::from(assigned.key), *seconds)
        });
    let expiries = fdb.index_by(|row| row.dp_key).join_flat(
        &of_keys.index_by(|(key, _): &(i64, u32)| *key),
        |row, (_, seconds)| {
            Some(Expiry { at: due(row.timestamp, *seconds)?, table: Learned::Fdb, row: row.uuid })
        },
    );
    where_stamped(&expiries, features, |features| features.fdb_timestamp)
}

/// Rows age only where all chassis write down when they saw a neighbour.
fn where_stamped(
    expiries: &Relation<Expiry>,
    features: &Relation<ChassisFeatures>,
    stamped: fn(&ChassisFeatures) -> bool,
) -> Relation<Expiry> {
    let stamped = features.filter(stamped).map(|_| ());
    expiries.index_by(|_| ()).semijoin(&stamped.index_by(|()| ()))
}

/// The rows that are over: those that were said to be due then, and still are.
///
/// Cost: a row that is over costs itself.
pub fn over(expiries: &Relation<Expiry>, said: &Relation<Expiry>) -> Relation<Expiry> {
    expiries.index_by(|expiry| *expiry).semijoin(&said.index_by(|expiry| *expiry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;
    use crate::schema::Map;

    #[test]
    fn the_longest_prefix_decides() {
        let thresholds = Thresholds::read("10.0.0.0/8:100;10.1.0.0/16:0;fd00::/8:7;5").unwrap();
        let of = |text: &str| thresholds.of(text.parse().ok());
        assert_eq!((of("10.2.0.1"), of("10.1.0.1"), of("172.16.0.1")), (100, 0, 5));
        assert_eq!((of("fd01::1"), of("2001::1"), thresholds.of(None)), (7, 5, 5));
        assert_eq!(thresholds.least(), Some(5));
    }

    #[test]
    fn a_network_is_written_by_its_first_address() {
        let thresholds = Thresholds::read("10.0.0.5/24:100;1;2;0.0.0.0/0:9").unwrap();
        assert_eq!(thresholds.of("10.0.0.5".parse().ok()), 9);
        assert_eq!(Thresholds::read("10.0.0.0/24:x"), Err("10.0.0.0/24:x"));
        assert_eq!(Thresholds::read("5;nonsense:3"), Err("nonsense:3"));
        assert_eq!(Thresholds::read("").unwrap().least(), None);
    }

    #[test]
    fn the_least_threshold_counts() {
        let least = |text| Thresholds::read(text).ok().and_then(|thresholds| thresholds.least());
        assert_eq!(least("192.168.0.0/16:300;::/0:120;60"), Some(60));
        assert_eq!(least(";; 7;"), Some(7));
        assert_eq!(least("60;::/0:120"), Some(120));
        assert_eq!(least("0"), None);
        // Put to ovn-northd 26.03.1, which says that it cannot parse these.
        assert_eq!(least("x;0;7"), None);
        assert_eq!(least("192.168.0.0/33:300;60"), None);
        assert_eq!(least(""), None);
    }

    #[test]
    fn a_row_that_was_seen_again_stays() {
        let mut scenario = Scenario::start(|program| {
            let keys: Relation<Assigned> = program.input("keys");
            let due = fdb(&program.input("fdb"), &program.input("switch"), &keys, &program.input("features"));
            program.output("due", &due);
            program.output("over", &over(&due, &program.input("said")));
        });
        let learned = |timestamp| sb::Fdb { uuid: Uuid(1), dp_key: 3, port_key: 1, timestamp };
        let switch = |seconds: &str| nb::LogicalSwitch {
            uuid: Uuid(9),
            name: "s".into(),
            copp: None,
            other_config: Map::from_iter([("fdb_age_threshold", seconds.into())]),
            external_ids: Map::new(),
        };
        let expiry = |at| Expiry { at, table: Learned::Fdb, row: Uuid(1) };
        scenario
            .insert("features", ChassisFeatures::ALL)
            .insert("keys", Assigned { owner: Uuid(9), space: Uuid::ZERO, key: 3 })
            .insert("switch", switch("10"))
            .insert("fdb", learned(5_000))
            .step();
        assert_eq!(scenario.rows::<Expiry>("due"), [expiry(15_000)]);
        // The chassis sees it again while the clock says that it is over.
        scenario.insert("said", expiry(15_000)).replace("fdb", learned(5_000), learned(9_000)).step();
        assert_eq!(scenario.rows::<Expiry>("over"), []);
        scenario.remove("said", expiry(15_000)).insert("said", expiry(19_000)).step();
        assert_eq!(scenario.rows::<Expiry>("over"), [expiry(19_000)]);
        scenario.replace("switch", switch("10"), switch("0")).step();
        assert_eq!(scenario.rows::<Expiry>("over"), []);
    }
}
