//! What the chassis have in common: what all of them can do, and whether any speaks VXLAN.
//!
//! A chassis says what it can do by Chassis.other_config. Chassis of other availability zones count
//! for tunnels, but not for features: they do not install our flows.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::single;
use crate::schema::nb::{LogicalSwitch, NbGlobalOptions};
use crate::schema::sb::{Chassis, Encap};

/// The features that flows are written for: each only if every chassis has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChassisFeatures {
    /// Chassis write MAC_Binding.timestamp.
    pub mac_binding_timestamp: bool,
    /// Chassis write FDB.timestamp.
    pub fdb_timestamp: bool,
    /// Chassis read Load_Balancer.ls_datapath_group.
    pub ls_dpg_column: bool,
    /// The action `ct_commit_nat` takes a zone.
    pub ct_commit_nat_v2: bool,
    /// The action `ct_commit_to_zone`.
    pub ct_commit_to_zone: bool,
    /// The action `sample` takes registers.
    pub sample_with_registers: bool,
    /// The action `ct_next` takes a zone.
    pub ct_next_zone: bool,
    /// Chassis flush connections by label.
    pub ct_label_flush: bool,
    /// The action `ct_state_save`.
    pub ct_state_save: bool,
}

/// What chassis call the features, in the order of [`ChassisFeatures`].
const FEATURES: [&str; 9] = [
    "mac-binding-timestamp",
    "fdb-timestamp",
    "ls-dpg-column",
    "ct-commit-nat-v2",
    "ct-commit-to-zone",
    "ovn-sample-with-registers",
    "ct-next-zone",
    "ct-label-flush",
    "ct-state-save",
];

impl ChassisFeatures {
    /// Every feature.
    #[cfg(test)]
    pub(crate) const ALL: ChassisFeatures = ChassisFeatures {
        mac_binding_timestamp: true,
        fdb_timestamp: true,
        ls_dpg_column: true,
        ct_commit_nat_v2: true,
        ct_commit_to_zone: true,
        sample_with_registers: true,
        ct_next_zone: true,
        ct_label_flush: true,
        ct_state_save: true,
    };

    /// Every feature whose bit is not set in `lacking`, bits in the order of [`FEATURES`].
    fn without(lacking: u16) -> ChassisFeatures {
        let has = |bit: u16| lacking & 1 << bit == 0;
        ChassisFeatures {
            mac_binding_timestamp: has(0),
            fdb_timestamp: has(1),
            ls_dpg_column: has(2),
            ct_commit_nat_v2: has(3),
            ct_commit_to_zone: has(4),
            sample_with_registers: has(5),
            ct_next_zone: has(6),
            ct_label_flush: has(7),
            ct_state_save: has(8),
        }
    }
}

/// The features in use, one row: what no chassis of this zone lacks, or all if the option
/// `ignore_chassis_features` says so.
///
/// Cost: a chassis changes nine counts; the row is made again when one of them leaves or reaches zero.
pub fn features(
    options: &Relation<NbGlobalOptions>,
    chassis: &Relation<Chassis>,
) -> Relation<ChassisFeatures> {
    let lacking = chassis
        .flat_map(|chassis| {
            let config = &chassis.other_config;
            let local = !config.get_bool("is-remote", false);
            let lacks = |name: &&str| local && !config.get_bool(name, false);
            let bits: Vec<u16> =
                (0..).zip(&FEATURES).filter(|(_, name)| lacks(name)).map(|(bit, _)| bit).collect();
            bits
        })
        .distinct();
    let lacking = single(&lacking).reduce(|bits| Some(bits.rows().fold(0u16, |set, bit| set | 1 << bit)));
    let ignored = options.map(|row| row.options.get_bool("ignore_chassis_features", false));
    single(&ignored).join_optional(&single(&lacking), |ignored, lacking| {
        Some(ChassisFeatures::without(lacking.filter(|_| !ignored).copied().unwrap_or(0)))
    })
}

/// Whether tunnels have VXLAN's room for keys only: 12 bits for datapaths, 12 for ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VxlanMode(pub bool);

/// Whether any chassis has a VXLAN endpoint, one row; never if the option `vxlan_mode` is false.
///
/// Cost: per endpoint of a changed chassis, one probe and one count.
pub fn vxlan_mode(
    options: &Relation<NbGlobalOptions>,
    chassis: &Relation<Chassis>,
    encap: &Relation<Encap>,
) -> Relation<VxlanMode> {
    let used = chassis.flat_map(|chassis| chassis.encaps.clone()).index_by(|encap| *encap);
    let vxlan = encap.filter(|encap| encap.type_.as_ref() == "vxlan").map(|encap| encap.uuid);
    let spoken = used.semijoin(&vxlan.index_by(|encap| *encap)).map(|_| ()).distinct();
    let allowed = options.map(|row| row.options.get_bool("vxlan_mode", true));
    single(&allowed)
        .join_optional(&single(&spoken), |allowed, spoken| Some(VxlanMode(*allowed && spoken.is_some())))
}

/// The highest tunnel key that a datapath of this zone may have; those above are for networks that
/// span zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MaxDatapathKey(pub u32);

/// The highest datapath key, one row: of Geneve's 24 bits the top 65,535 keys are for other zones; of
/// VXLAN's 12 bits none, unless a switch that has other_config:ic-vxlan_mode says that they are
/// shared, which leaves 10.
///
/// Cost: a switch changes one count.
pub fn max_datapath_key(
    vxlan: &Relation<VxlanMode>,
    switch: &Relation<LogicalSwitch>,
) -> Relation<MaxDatapathKey> {
    let shared = switch.filter(|row| row.other_config.contains("ic-vxlan_mode")).map(|_| ()).distinct();
    single(vxlan).join_optional(&single(&shared), |vxlan, shared| {
        Some(MaxDatapathKey(match (vxlan.0, shared) {
            (_, Some(())) => (1 << 10) - 1,
            (true, None) => (1 << 12) - 1,
            (false, None) => ((1 << 24) - 1) - ((1 << 16) - 1),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;
    use crate::ovsdb::{Text, Uuid};
    use crate::schema::Map;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    fn options(pairs: &[(&str, &str)]) -> NbGlobalOptions {
        NbGlobalOptions { uuid: Uuid(1), options: map(pairs) }
    }

    fn chassis(number: u128, encap: u128, lacking: &[&str]) -> Chassis {
        let mut other_config: Map = FEATURES.iter().map(|name| (*name, Text::from("true"))).collect();
        lacking.iter().for_each(|name| {
            other_config.remove(name);
        });
        let name = Text::from(number.to_string());
        Chassis {
            uuid: Uuid(number),
            name: name.clone(),
            hostname: name,
            encaps: vec![Uuid(encap)],
            other_config,
        }
    }

    fn program(program: &northflow_engine::Builder) {
        let options = program.input("options");
        let chassis = program.input("chassis");
        let vxlan = vxlan_mode(&options, &chassis, &program.input("encap"));
        program.output("features", &features(&options, &chassis));
        program.output("key", &max_datapath_key(&vxlan, &program.input("switch")));
        program.output("vxlan", &vxlan);
    }

    #[test]
    fn a_feature_counts_if_no_chassis_of_the_zone_lacks_it() {
        let mut scenario = Scenario::start(program);
        let all = ChassisFeatures::without(0);
        let some = ChassisFeatures { ct_next_zone: false, ..all };
        scenario.insert("chassis", chassis(1, 11, &[])).step();
        assert_eq!(scenario.rows::<ChassisFeatures>("features"), []);
        scenario.insert("options", options(&[])).step();
        assert_eq!(scenario.row::<ChassisFeatures>("features"), all);
        let old = [chassis(2, 12, &["ct-next-zone"]), chassis(3, 13, &["ct-next-zone"])];
        scenario.insert("chassis", old[0].clone()).insert("chassis", old[1].clone()).step();
        assert_eq!(scenario.row::<ChassisFeatures>("features"), some);
        scenario.remove("chassis", old[0].clone());
        assert_eq!(scenario.step(), 0, "another chassis still lacks it");
        let mut remote = old[1].clone();
        remote.other_config.insert("is-remote", "true".into());
        scenario.replace("chassis", old[1].clone(), remote.clone()).step();
        assert_eq!(scenario.row::<ChassisFeatures>("features"), all);
        scenario.replace("chassis", remote, old[1].clone()).step();
        let ignoring = options(&[("ignore_chassis_features", "true")]);
        scenario.replace("options", options(&[]), ignoring).step();
        assert_eq!(scenario.row::<ChassisFeatures>("features"), all);
    }

    #[test]
    fn vxlan_endpoints_of_chassis_limit_the_keys() {
        let mut scenario = Scenario::start(program);
        let encap = |number, type_: &str| Encap { uuid: Uuid(number), type_: type_.into() };
        scenario.insert("options", options(&[])).insert("encap", encap(11, "geneve"));
        scenario.insert("encap", encap(12, "vxlan")).insert("chassis", chassis(1, 11, &[])).step();
        assert_eq!(scenario.row::<MaxDatapathKey>("key"), MaxDatapathKey(16_711_680));
        assert_eq!(scenario.row::<VxlanMode>("vxlan"), VxlanMode(false), "an endpoint of no chassis");
        scenario.insert("chassis", chassis(2, 12, &[])).step();
        assert_eq!(scenario.row::<MaxDatapathKey>("key"), MaxDatapathKey(4095));
        let shared = LogicalSwitch {
            uuid: Uuid(5),
            name: "ts".into(),
            other_config: map(&[("ic-vxlan_mode", "false")]),
            ..Default::default()
        };
        scenario.insert("switch", shared.clone()).step();
        assert_eq!(scenario.row::<MaxDatapathKey>("key"), MaxDatapathKey(1023));
        scenario.remove("switch", shared);
        scenario.replace("options", options(&[]), options(&[("vxlan_mode", "false")])).step();
        assert_eq!(scenario.row::<MaxDatapathKey>("key"), MaxDatapathKey(16_711_680));
        assert_eq!(scenario.row::<VxlanMode>("vxlan"), VxlanMode(false));
    }
}
