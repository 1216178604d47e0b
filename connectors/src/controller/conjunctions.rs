//! Numbers of conjunctive matches that are in use: `debug/dump-lflow-conj-ids` of ovn-controller.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use northflow_controller::logical::first_conjunction;
use northflow_controller::row::Row;
use northflow_engine::Weight;
use northflow_language::expression::Match;
use northflow_language::openflow::Field;
use northflow_rules::ovsdb::Uuid;

/// The rows for packets that are in all parts of a conjunctive match: the first word of the logical flow, the key of
/// the datapath, the number, and how often there is such a row.
#[derive(Debug, Default)]
pub(super) struct Conjunctions(BTreeMap<(u32, u32, u32), Weight>);

impl Conjunctions {
    /// A row comes or goes.
    pub fn follow(&mut self, row: &Row, weight: Weight) {
        let value = |field| row.fields.get(field).map(|constraint| constraint.value as u32);
        // Rows that are of no datapath have a number that does not change.
        let (Some(number), Some(datapath)) = (value(Match::CONJUNCTION), value(Field::METADATA)) else {
            return;
        };
        let count = self.0.entry((row.cookie, datapath, number)).or_default();
        *count += weight;
        if *count == 0 {
            self.0.remove(&(row.cookie, datapath, number));
        }
    }

    /// The text of `debug/dump-lflow-conj-ids`, from the logical flows and the datapaths with their keys. Listed is what
    /// rows of the switch have. No number is ever looked for in another place because it is taken, so that none has the
    /// mark of ovn-controller for that.
    pub fn dump(
        &self,
        flows: impl Iterator<Item = Uuid>,
        datapaths: impl Iterator<Item = (u32, Uuid)>,
    ) -> String {
        let words: BTreeSet<u32> = self.0.keys().map(|(word, ..)| *word).collect();
        let flows = flows.map(|flow| ((flow.0 >> 96) as u32, flow));
        let flows: HashMap<u32, Uuid> = flows.filter(|(word, _)| words.contains(word)).collect();
        let datapaths: HashMap<u32, Uuid> = datapaths.collect();
        let mut counts: BTreeMap<(Uuid, Uuid), u32> = BTreeMap::new();
        for (word, key, number) in self.0.keys() {
            let (Some(flow), Some(datapath)) = (flows.get(word), datapaths.get(key)) else { continue };
            let place = number.wrapping_sub(first_conjunction(*flow, *datapath)).wrapping_add(1);
            let count = counts.entry((*flow, *datapath)).or_default();
            *count = place.max(*count);
        }
        let lines: String = counts
            .iter()
            .map(|((flow, datapath), count)| {
                let start = first_conjunction(*flow, *datapath);
                format!("lflow: {flow}, dp: {datapath}, start: {start}, n: {count}\n")
            })
            .collect();
        let total: u64 = counts.values().copied().map(u64::from).sum();
        format!("Conjunction IDs allocations:\n{lines}---\nTotal {total} IDs used.\n")
    }
}

#[cfg(test)]
mod tests {
    use northflow_controller::shared::Shared;

    use super::*;

    fn uuid(word: u128) -> Uuid {
        Uuid(word << 96 | 0x1111_1111)
    }

    fn row(flow: Uuid, datapath: u32, number: Option<u32>) -> Row {
        let mut fields = Match::default();
        fields.set(Field::METADATA, datapath.into(), u64::MAX.into());
        if let Some(number) = number {
            fields.set(Match::CONJUNCTION, number.into(), u32::MAX.into());
        }
        let cookie = (flow.0 >> 96) as u32;
        Row { table: 8, priority: 1, fields: Shared::new(fields), cookie, actions: Shared::default() }
    }

    #[test]
    fn numbers_are_listed_while_rows_have_them() {
        let (one, two, datapath) = (uuid(0xaaaa_aaaa), uuid(0xbbbb_bbbb), uuid(5));
        let mut conjunctions = Conjunctions::default();
        let dump = |conjunctions: &Conjunctions| {
            conjunctions.dump([one, two].into_iter(), [(7, datapath)].into_iter())
        };
        let start = first_conjunction(one, datapath);
        assert_eq!(dump(&conjunctions), "Conjunction IDs allocations:\n---\nTotal 0 IDs used.\n");
        for number in [start, start + 1] {
            conjunctions.follow(&row(one, 7, Some(number)), 1);
        }
        conjunctions.follow(&row(two, 7, None), 1);
        conjunctions.follow(&row(two, 7, Some(first_conjunction(two, datapath))), 1);
        let other =
            format!("lflow: {two}, dp: {datapath}, start: {}, n: 1\n", first_conjunction(two, datapath));
        assert_eq!(
            dump(&conjunctions),
            format!(
                "Conjunction IDs allocations:\nlflow: {one}, dp: {datapath}, start: {start}, n: 2\n{other}---\n\
                 Total 3 IDs used.\n"
            )
        );
        // A row that is replaced by another with the number.
        conjunctions.follow(&row(one, 7, Some(start)), 1);
        for number in [start, start, start + 1] {
            conjunctions.follow(&row(one, 7, Some(number)), -1);
        }
        assert_eq!(
            dump(&conjunctions),
            format!("Conjunction IDs allocations:\n{other}---\nTotal 1 IDs used.\n")
        );
    }
}
