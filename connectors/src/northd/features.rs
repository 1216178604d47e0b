//! What the chassis can do, as `debug/chassis-features-list` tells it.

use northflow_rules::ovsdb::{Atom, Datum};

/// Names in the list, and the keys of Chassis `other_config` by which a chassis announces them.
const FEATURES: &[(&str, &str)] = &[
    ("mac_binding_timestamp", "mac-binding-timestamp"),
    ("fdb_timestamp", "fdb-timestamp"),
    ("ls_dpg_column", "ls-dpg-column"),
    ("ct_commit_nat_v2", "ct-commit-nat-v2"),
    ("ct_commit_to_zone", "ct-commit-to-zone"),
    ("sample_with_reg", "ovn-sample-with-registers"),
    ("ct_next_zone", "ct-next-zone"),
    ("ct_label_flush", "ct-label-flush"),
    ("ct_state_save", "ct-state-save"),
];

/// The list for chassis of these columns: a feature is there if no chassis of this zone lacks it.
pub(super) fn list(chassis: impl Iterator<Item = Vec<(&'static str, Datum)>>, ignore: bool) -> String {
    let mut there = [true; FEATURES.len()];
    for row in chassis.filter(|_| !ignore) {
        let Some((_, Datum::Map(config))) = row.iter().find(|(name, _)| *name == "other_config") else {
            continue;
        };
        let is_true = |wanted: &str| {
            config.iter().any(|pair| matches!(pair, (Atom::String(key), Atom::String(value)) if &**key == wanted && &**value == "true"))
        };
        if !is_true("is-remote") {
            for (there, (_, key)) in there.iter_mut().zip(FEATURES) {
                *there &= is_true(key);
            }
        }
    }
    FEATURES.iter().zip(there).map(|((name, _), there)| format!("{name}: {there}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_what_all_chassis_of_the_zone_have() {
        let chassis = |keys: &[&str]| {
            let pairs = keys.iter().map(|key| (Atom::text(*key), Atom::text("true")));
            vec![("other_config", Datum::map(pairs))]
        };
        let remote = chassis(&["is-remote"]);
        let able = chassis(&["fdb-timestamp", "ct-next-zone"]);
        let text = list([remote.clone(), able].into_iter(), false);
        assert_eq!(text.matches(": true").count(), 2);
        assert!(text.contains("fdb_timestamp: true\n") && text.contains("ct_next_zone: true\n"));
        assert_eq!(list([remote].into_iter(), false).matches(": true").count(), FEATURES.len());
        assert_eq!(list([chassis(&[])].into_iter(), true).matches(": true").count(), FEATURES.len());
    }
}
