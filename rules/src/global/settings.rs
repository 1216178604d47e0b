//! The settings of the network: completed and written back to NB_Global, handed on in SB_Global
//! (ovn-nb(5) and ovn-sb(5)).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::chassis::MaxDatapathKey;
use super::{identity, single};
use crate::ovsdb::Text;
use crate::schema::nb::{NbGlobal, NbGlobalOptions};
use crate::schema::sb::{SbGlobal, SbGlobalOptions};
use crate::schema::{Table, key_uuid};

/// What northbound and southbound name as the version of the writer. Chassis that are told to wait
/// for their own version compare it to theirs, so it is that of the OVN whose flows these are: the
/// package, the southbound schema, the number of actions, and a counter.
pub const INTERNAL_VERSION: &str = "26.03.1-21.8.0-82.14";

/// The option that an operator sets in the southbound database.
const PROBE_INTERVAL: &str = "sbctl_probe_interval";

/// What chassis are told about the flows, unless the CMS has set the same options: flows output after
/// an ARP or ND action themselves, and use the registers of the present layout.
const FLOW_STYLE: [&str; 2] = ["arp_ns_explicit_output", "register_consolidation"];

/// The settings as the northbound database has them.
///
/// Cost: one row in, one row out; a change of `nb_cfg` alone ends here.
pub fn options(nb: &Relation<NbGlobal>) -> Relation<NbGlobalOptions> {
    nb.map(|row| NbGlobalOptions { uuid: row.uuid, options: row.options.clone() })
}

/// The settings with those filled in that northflow owns: the identities of the network, the highest
/// datapath key, and the version.
///
/// Cost: one row in, one row out.
pub fn completed(
    options: &Relation<NbGlobalOptions>,
    max_key: &Relation<MaxDatapathKey>,
) -> Relation<NbGlobalOptions> {
    single(options).join(&single(max_key), |row, max_key| {
        let mut completed = row.options.clone();
        identity::complete(row.uuid, &mut completed);
        completed.insert("max_tunid", max_key.0.to_string().into());
        completed.insert("northd_internal_version", INTERNAL_VERSION.into());
        NbGlobalOptions { uuid: row.uuid, options: completed }
    })
}

/// The completed settings, as long as the northbound database does not have them.
///
/// Cost: one row in, at most one row out.
pub fn write_back(
    options: &Relation<NbGlobalOptions>,
    completed: &Relation<NbGlobalOptions>,
) -> Relation<NbGlobalOptions> {
    single(options)
        .join_flat(&single(completed), |present, wanted| (present != wanted).then(|| wanted.clone()))
}

/// The columns of NB_Global that are copied as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Copied {
    nb_cfg: i64,
    ipsec: bool,
}

/// The row of SB_Global: the completed settings with what chassis need besides, `nb_cfg`, and
/// `ipsec`. Of the options in the southbound database `sbctl_probe_interval` wins.
///
/// Cost: one row in, one row out.
pub fn southbound(
    nb: &Relation<NbGlobal>,
    completed: &Relation<NbGlobalOptions>,
    sb: &Relation<SbGlobalOptions>,
) -> Relation<SbGlobal> {
    let probe = sb.flat_map(|row| row.options.get(PROBE_INTERVAL).cloned());
    let options = single(completed).join_optional(&single(&probe), |completed, probe: Option<&Text>| {
        let mut options = completed.options.clone();
        if let Some(probe) = probe {
            options.insert(PROBE_INTERVAL, probe.clone());
        }
        for option in FLOW_STYLE {
            if !options.contains(option) {
                options.insert(option, "true".into());
            }
        }
        Some(options)
    });
    let copied = nb.map(|row| Copied { nb_cfg: row.nb_cfg, ipsec: row.ipsec });
    single(&copied).join(&single(&options), |copied, options| SbGlobal {
        uuid: key_uuid(SbGlobal::NAME, &[]),
        nb_cfg: copied.nb_cfg,
        options: options.clone(),
        ipsec: copied.ipsec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;
    use crate::ovsdb::Uuid;
    use crate::schema::Map;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    fn network(nb_cfg: i64, options: Map) -> NbGlobal {
        NbGlobal { uuid: Uuid(3), nb_cfg, options, ipsec: false }
    }

    fn scenario() -> Scenario {
        Scenario::start(|program| {
            let nb = program.input("nb");
            let options = options(&nb);
            let completed = completed(&options, &program.input("key"));
            program.output("options", &options);
            program.output("nb", &write_back(&options, &completed));
            program.output("sb", &southbound(&nb, &completed, &program.input("sb")));
        })
    }

    /// What ovn-northd 26.03.1 adds to the options of a network that names its identities.
    const WRITTEN: [(&str, &str); 5] = [
        ("mac_prefix", "22:65:af"),
        ("max_tunid", "16711680"),
        ("northd_internal_version", "26.03.1-21.8.0-82.14"),
        ("svc_monitor_mac", "72:dd:8a:bf:41:23"),
        ("svc_monitor_mac_dst", "4a:44:79:5e:53:f9"),
    ];

    #[test]
    fn settings_settle_after_one_write_back() {
        let mut scenario = scenario();
        scenario.insert("key", MaxDatapathKey(16_711_680)).step();
        assert_eq!(scenario.rows::<SbGlobal>("sb"), [], "nothing before there is a network");
        scenario.insert("nb", network(0, Map::new())).step();
        let wanted: NbGlobalOptions = scenario.row("nb");
        let southbound: SbGlobal = scenario.row("sb");
        let names: Vec<&str> = wanted.options.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, WRITTEN.map(|(name, _)| name));
        scenario.replace("nb", network(0, Map::new()), network(0, wanted.options.clone())).step();
        assert_eq!(scenario.rows::<NbGlobalOptions>("nb"), []);
        assert_eq!(scenario.row::<SbGlobal>("sb"), southbound);
        scenario.replace("nb", network(0, wanted.options.clone()), network(1, wanted.options));
        assert_eq!(scenario.step(), 2, "the old and the new SB_Global row");
        assert_eq!(scenario.row::<SbGlobal>("sb").nb_cfg, 1);
    }

    #[test]
    fn southbound_gets_what_the_reference_gives_it() {
        let mut scenario = scenario();
        let present = map(&WRITTEN);
        scenario.insert("key", MaxDatapathKey(16_711_680)).insert("nb", network(1, present.clone())).step();
        assert_eq!(scenario.rows::<NbGlobalOptions>("nb"), []);
        let mut expected = present.clone();
        expected.insert("arp_ns_explicit_output", "true".into());
        expected.insert("register_consolidation", "true".into());
        let uuid = key_uuid("SB_Global", &[]);
        let row = |nb_cfg, options: &Map, ipsec| SbGlobal { uuid, nb_cfg, options: options.clone(), ipsec };
        assert_eq!(scenario.row::<SbGlobal>("sb"), row(1, &expected, false));

        let set_there = map(&[(PROBE_INTERVAL, "7"), ("foo", "bar")]);
        scenario.insert("sb", SbGlobalOptions { uuid: Uuid(4), options: set_there }).step();
        expected.insert(PROBE_INTERVAL, "7".into());
        assert_eq!(scenario.row::<SbGlobal>("sb"), row(1, &expected, false));

        let mut more = present.clone();
        for (option, value) in [(PROBE_INTERVAL, "9"), ("nb", "1"), ("arp_ns_explicit_output", "false")] {
            more.insert(option, value.into());
        }
        let secured = NbGlobal { ipsec: true, ..network(1, more) };
        scenario.replace("nb", network(1, present), secured).step();
        expected.insert("nb", "1".into());
        expected.insert("arp_ns_explicit_output", "false".into());
        assert_eq!(scenario.row::<SbGlobal>("sb"), row(1, &expected, true));
    }

    #[test]
    fn the_highest_key_is_written_back_when_it_changes() {
        let mut scenario = scenario();
        scenario.insert("key", MaxDatapathKey(16_711_680)).insert("nb", network(1, map(&WRITTEN))).step();
        scenario.replace("key", MaxDatapathKey(16_711_680), MaxDatapathKey(4095)).step();
        assert_eq!(scenario.row::<NbGlobalOptions>("nb").options.text("max_tunid"), "4095");
        assert_eq!(scenario.row::<SbGlobal>("sb").options.text("max_tunid"), "4095");
    }
}
