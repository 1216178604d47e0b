//! The numbers that were given out, which depend on history: not which they are, but that they are as good.

use std::collections::{BTreeMap, BTreeSet};

use super::{map_value, text_of};
use crate::chassis::identifiers;
use crate::dump::{Dump, Row};

/// Tunnel keys: those of datapaths under the empty space, those of ports and of learned multicast groups
/// under their datapath. Numbers
/// of ACLs are under the name of their table, and queues of ports under "queue".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Number by space and owner.
    pub numbers: BTreeMap<(String, String), i64>,
}

/// What is wrong with `ours` where `theirs` is right: an owner without a key or with one too many,
/// two owners of one key, or a key that moved though the reference kept it.
pub fn compare_keys(theirs: &Keys, ours: &Keys, before: Option<(&Keys, &Keys)>) -> Vec<String> {
    let mut faults = Vec::new();
    let owners = |keys: &Keys| keys.numbers.keys().cloned().collect::<BTreeSet<_>>();
    for owner in owners(theirs).symmetric_difference(&owners(ours)) {
        faults.push(format!("tunnel key of {owner:?}: only one side has one"));
    }
    let mut taken: BTreeMap<(&str, i64), &str> = BTreeMap::new();
    for ((space, owner), number) in &ours.numbers {
        if let Some(other) = taken.insert((space, *number), owner) {
            faults.push(format!("tunnel key {number} of {space:?}: both {other:?} and {owner:?} have it"));
        }
    }
    if let Some((theirs_before, ours_before)) = before {
        for (owner, number) in &ours.numbers {
            let kept = |before: &Keys, now: &Keys| before.numbers.get(owner) == now.numbers.get(owner);
            if ours_before.numbers.contains_key(owner)
                && theirs_before.numbers.contains_key(owner)
                && kept(theirs_before, theirs)
                && !kept(ours_before, ours)
            {
                faults.push(format!("tunnel key of {owner:?} became {number} though the reference kept it"));
            }
        }
    }
    faults
}

/// What is wrong with `ours` in the tunnel keys that rows of the northbound database ask for: who asks gets its key,
/// or does not, as with the reference. Where several ask for one, who gets it is the reference's order; whether one that
/// nobody may ask for any more is kept depends on what was there before.
pub fn compare_requested(northbound: &Dump, theirs: &Keys, ours: &Keys) -> Vec<String> {
    let mut faults = Vec::new();
    let requests = requests(northbound);
    for (owner, key) in &requests {
        let wants = |((space, _), other): &(&(String, String), &i64)| *space == owner.0 && *other == key;
        let alone = requests.iter().filter(wants).count() == 1;
        let has = |keys: &Keys| keys.numbers.get(owner) == Some(key);
        if alone && has(theirs) != has(ours) {
            let which = if has(theirs) { "not given" } else { "given, but not by the reference" };
            faults.push(format!("tunnel key {key} that {owner:?} asks for: {which}"));
        }
    }
    faults
}

/// The tunnel keys that are asked for, by space and owner.
fn requests(northbound: &Dump) -> BTreeMap<(String, String), i64> {
    let rows = |table: &str| northbound.get(table).into_iter().flatten();
    let request = |row: &Row, column| map_value(row, column, "requested-tnl-key")?.trim().parse::<i64>().ok();
    let mut requests = BTreeMap::new();
    let kinds = [
        ("Logical_Switch", "other_config", "Logical_Switch_Port"),
        ("Logical_Router", "options", "Logical_Router_Port"),
    ];
    for (table, column, ports) in kinds {
        for (uuid, row) in rows(table) {
            let name = format!("dp:{uuid}");
            requests.extend(request(row, column).map(|key| ((String::new(), name.clone()), key)));
            let listed = row.get("ports").map(identifiers).unwrap_or_default();
            for (_, port) in rows(ports).filter(|(port, _)| listed.contains(port)) {
                let owner = (name.clone(), text_of(port, "name"));
                requests.extend(request(port, "options").map(|key| (owner, key)));
            }
        }
    }
    requests
}
