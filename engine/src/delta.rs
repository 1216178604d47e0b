//! Changes: records with weights.

use crate::record::Rec;

/// How many times a record is there; in a change, how many more times than before.
pub type Weight = isize;

/// A change of a relation.
pub(crate) type Delta = Vec<(Rec, Weight)>;

/// Adds up the weights of equal records and drops those that come to nothing.
///
/// A change that only inserts, or only deletes, cannot cancel and is left as it is: whoever stores it adds up anyway.
pub(crate) fn consolidate(delta: &mut Delta) {
    let inserts = delta.first().is_some_and(|(_, weight)| *weight > 0);
    if !delta.iter().all(|(_, weight)| *weight != 0 && (*weight > 0) == inserts) {
        add_up(delta);
    }
}

/// Adds up the weights of equal records, whatever they are.
pub(crate) fn add_up(delta: &mut Delta) {
    delta.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    delta.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    delta.retain(|(_, weight)| *weight != 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_goes() {
        let rec = |n: u32| Rec::new(n);
        let mut delta = vec![(rec(1), 1), (rec(2), 1), (rec(1), -1), (rec(3), 2), (rec(3), -1)];
        consolidate(&mut delta);
        delta.sort_by_key(|(rec, _)| *rec.get::<u32>());
        assert_eq!(delta, vec![(rec(2), 1), (rec(3), 1)]);
    }
}
