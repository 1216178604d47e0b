//! The numbers that were given out, which depend on history: not which they are, but that they are as good.

use std::collections::{BTreeMap, BTreeSet};

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
