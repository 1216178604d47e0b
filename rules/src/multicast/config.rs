//! The multicast snooping settings of switches, as chassis read them (ovn-sb(5), IP_Multicast).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::ovsdb::{Text, Uuid};
use crate::schema::sb::{DatapathBinding, IpMulticast};
use crate::schema::{Map, Table, key_uuid, nb};

/// The part of other_config that starts with `mcast_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Settings {
    switch: Uuid,
    options: Map,
}

/// A switch by its northbound and its southbound row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Place {
    switch: Uuid,
    datapath: Uuid,
}

/// One row for each switch that has a datapath, whether it snoops or not.
///
/// Cost: a switch, one probe and one row out; a change of anything but the multicast settings ends at
/// the first operator.
pub fn ip_multicast(
    switches: &Relation<nb::LogicalSwitch>,
    datapaths: &Relation<DatapathBinding>,
) -> Relation<IpMulticast> {
    let settings = switches.map(|row| {
        let options = row.other_config.iter().filter(|(key, _)| key.starts_with("mcast_"));
        let options = options.map(|(key, value)| (key.clone(), value.clone())).collect();
        Settings { switch: row.uuid, options }
    });
    let places = datapaths
        .flat_map(|row| row.nb_uuid.map(|switch| Place { switch, datapath: row.uuid }))
        .index_by(|place| place.switch);
    settings
        .index_by(|row| row.switch)
        .join(&places, |settings, place| row(place.datapath, &settings.options))
}

/// The row of `datapath`. Times out of bounds are moved into them.
fn row(datapath: Uuid, options: &Map) -> IpMulticast {
    let text = |key: &str| -> Text { options.text(key).into() };
    // Times have 32 bits, and are cut to them before they are compared with their bounds.
    let seconds = |key, default: u32| number(options, key).map_or(default, |value| value as u32);
    let idle_timeout = seconds("mcast_idle_timeout", 300).clamp(15, 3600);
    IpMulticast {
        uuid: key_uuid(IpMulticast::NAME, &[&datapath.to_string()]),
        datapath,
        enabled: Some(options.get_bool("mcast_snoop", false)),
        querier: Some(options.get_bool("mcast_querier", true)),
        eth_src: text("mcast_eth_src"),
        ip4_src: text("mcast_ip4_src"),
        ip6_src: text("mcast_ip6_src"),
        table_size: Some(table_size(options) as i64),
        idle_timeout: Some(idle_timeout.into()),
        query_interval: Some(seconds("mcast_query_interval", idle_timeout / 2).clamp(1, 3600).into()),
        query_max_resp: Some(number(options, "mcast_query_max_response").map_or(1, |value| value as i64)),
    }
}

/// How many groups of each family the switch takes.
pub(super) fn table_size(options: &Map) -> u64 {
    number(options, "mcast_table_size").unwrap_or(2048)
}

/// The 64-bit number under `key`; of a negative one, what is left without its sign bits (as
/// strtoull(3) reads it).
fn number(options: &Map, key: &str) -> Option<u64> {
    let value: i128 = options.get_number(key)?;
    u64::try_from(value.unsigned_abs()).ok().map(|size| if value < 0 { size.wrapping_neg() } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    /// Table size, idle timeout, query interval, and time to answer.
    fn numbers(pairs: &[(&str, &str)]) -> [i64; 4] {
        let row = row(Uuid(1), &map(pairs));
        [row.table_size, row.idle_timeout, row.query_interval, row.query_max_resp].map(Option::unwrap)
    }

    // What ovn-northd 26.03.1 wrote for each set of options.
    #[test]
    fn numbers_are_bounded_as_the_reference_bounds_them() {
        let (size, idle) = ("mcast_table_size", "mcast_idle_timeout");
        let (interval, answer) = ("mcast_query_interval", "mcast_query_max_response");
        assert_eq!(numbers(&[]), [2048, 300, 150, 1]);
        assert_eq!(numbers(&[(idle, "1")]), [2048, 15, 7, 1]);
        let zero = [(idle, "99999"), (interval, "0"), (answer, "0"), (size, "0")];
        assert_eq!(numbers(&zero), [0, 3600, 1, 0]);
        let wrapped = [(idle, "4294967297"), (interval, "9999"), (answer, "-1"), (size, "-1")];
        assert_eq!(numbers(&wrapped), [-1, 15, 3600, -1]);
        let odd = [(idle, "x"), (interval, "y"), (answer, "4294967296"), (size, "18446744073709551616")];
        assert_eq!(numbers(&odd), [2048, 300, 150, 4_294_967_296]);
        assert_eq!(
            numbers(&[(size, "9223372036854775809"), (idle, "0x20")]),
            [-9223372036854775807, 300, 150, 1]
        );
        assert_eq!(numbers(&[(idle, "21")]), [2048, 21, 10, 1]);
    }

    #[test]
    fn a_switch_with_a_datapath_has_a_row() {
        let mut scenario = Scenario::start(|program| {
            program.output("rows", &ip_multicast(&program.input("switches"), &program.input("datapaths")));
        });
        let switch = |name: &str, pairs| nb::LogicalSwitch {
            uuid: Uuid(1),
            name: name.into(),
            other_config: map(pairs),
            ..Default::default()
        };
        let datapath = DatapathBinding {
            uuid: Uuid(9),
            tunnel_key: 1,
            type_: Some("logical-switch".into()),
            nb_uuid: Some(Uuid(1)),
            external_ids: Map::new(),
        };
        scenario.insert("switches", switch("s", &[])).step();
        assert_eq!(scenario.rows::<IpMulticast>("rows"), []);
        scenario.insert("datapaths", datapath.clone()).step();
        let defaults: IpMulticast = scenario.row("rows");
        assert_eq!((defaults.enabled, defaults.querier), (Some(false), Some(true)));
        assert_eq!((defaults.datapath, defaults.eth_src.as_ref()), (Uuid(9), ""));
        scenario.replace("switches", switch("s", &[]), switch("t", &[("subnet", "10.0.0.0/24")]));
        assert_eq!(scenario.step(), 0);
        let snooping =
            [("mcast_snoop", "true"), ("mcast_querier", "false"), ("mcast_eth_src", "0:1:2:3:4:5")];
        let old = switch("t", &[("subnet", "10.0.0.0/24")]);
        scenario.replace("switches", old, switch("t", &snooping)).step();
        let row: IpMulticast = scenario.row("rows");
        assert_eq!((row.enabled, row.querier), (Some(true), Some(false)));
        assert_eq!((row.uuid, row.eth_src.as_ref()), (defaults.uuid, "0:1:2:3:4:5"));
        scenario.remove("datapaths", datapath).step();
        assert_eq!(scenario.rows::<IpMulticast>("rows"), []);
    }
}
