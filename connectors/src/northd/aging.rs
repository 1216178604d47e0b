//! The clock of what ages: which learned rows are over now.
//!
//! Rules say when each row is due ([`Expiry`]). When the time has come, the row's expiry is given back
//! to them, and they have it deleted. As in ovn-northd, a limit on how many rows go at once
//! (NB_Global options:mac_binding_removal_limit and options:fdb_removal_limit) makes the rest wait for
//! five seconds.

use std::collections::{BTreeSet, HashSet};

use northflow_engine::{Rec, Transaction, Weight};
use northflow_rules::northd::EXPIRED;
use northflow_rules::router::aging::{Expiry, Learned};
use northflow_rules::schema::Map;

/// How long the rows above the limit wait, in milliseconds.
const DELAY: i64 = 5000;

/// The learned rows that age, by when they are due.
#[derive(Debug)]
pub(super) struct Aging {
    tables: [Table; 2],
}

/// The rows of one table.
#[derive(Debug)]
struct Table {
    table: Learned,
    waiting: BTreeSet<Expiry>,
    /// Those that the rules have been told of.
    told: HashSet<Expiry>,
    /// When rows may go again.
    next: i64,
}

impl Default for Aging {
    fn default() -> Aging {
        let table = |table| Table { table, waiting: BTreeSet::new(), told: HashSet::new(), next: i64::MIN };
        Aging { tables: [table(Learned::MacBinding), table(Learned::Fdb)] }
    }
}

impl Aging {
    /// Follows the rules' output. What they take back they are no longer told of.
    pub fn absorb(&mut self, changes: &[(Rec, Weight)], transaction: &mut Transaction) {
        for (rec, weight) in changes {
            let expiry = *rec.get::<Expiry>();
            let Some(table) = self.tables.iter_mut().find(|table| table.table == expiry.table) else {
                continue;
            };
            if *weight > 0 {
                table.waiting.insert(expiry);
            } else if !table.waiting.remove(&expiry) && table.told.remove(&expiry) {
                transaction.remove(EXPIRED, expiry);
            }
        }
    }

    /// Tells the rules what is over at `now`, in milliseconds since 1970.
    pub fn tell(&mut self, now: i64, options: &Map, transaction: &mut Transaction) {
        for table in &mut self.tables {
            if now < table.next {
                continue;
            }
            let limit = options.get_number::<u32>(table.table.limit_option()).unwrap_or(0);
            let mut count = 0;
            while let Some(first) = table.waiting.first().copied().filter(|first| first.at <= now) {
                table.waiting.remove(&first);
                table.told.insert(first);
                transaction.insert(EXPIRED, first);
                count += 1;
                if count == limit {
                    table.next = now + DELAY;
                    break;
                }
            }
        }
    }

    /// What the rules have been told.
    pub fn contents(&self, transaction: &mut Transaction) {
        let told = self.tables.iter().flat_map(|table| &table.told);
        told.for_each(|expiry| transaction.insert(EXPIRED, *expiry));
    }

    /// When the next row is over, in milliseconds since 1970.
    pub fn next(&self) -> Option<i64> {
        let next = |table: &Table| Some(table.waiting.first()?.at.max(table.next));
        self.tables.iter().filter_map(next).min()
    }
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Uuid;

    use super::*;

    fn expiry(at: i64, row: u128) -> Expiry {
        Expiry { at, table: Learned::Fdb, row: Uuid(row) }
    }

    fn came(expiry: Expiry) -> (Rec, Weight) {
        (Rec::new(expiry), 1)
    }

    #[test]
    fn rows_go_when_they_are_due() {
        let (mut aging, mut told) = (Aging::default(), Transaction::new());
        aging.absorb(&[came(expiry(20, 1)), came(expiry(10, 2))], &mut told);
        assert_eq!(aging.next(), Some(10));
        aging.tell(9, &Map::new(), &mut told);
        assert!(told.is_empty());
        aging.tell(10, &Map::new(), &mut told);
        assert_eq!((told.len(), aging.next()), (1, Some(20)));
        // The row is gone: it need not be told of any more.
        aging.absorb(&[(Rec::new(expiry(10, 2)), -1), (Rec::new(expiry(20, 1)), -1)], &mut told);
        assert_eq!((told.len(), aging.next()), (2, None));
    }

    #[test]
    fn rows_above_the_limit_wait() {
        let (mut aging, mut told) = (Aging::default(), Transaction::new());
        aging.absorb(&[came(expiry(1, 1)), came(expiry(2, 2)), came(expiry(3, 3))], &mut told);
        let options = Map::from_iter([("fdb_removal_limit", "2".into())]);
        aging.tell(100, &options, &mut told);
        assert_eq!((told.len(), aging.next()), (2, Some(5100)));
        aging.tell(5099, &options, &mut told);
        assert_eq!(told.len(), 2);
        aging.tell(5100, &options, &mut told);
        assert_eq!((told.len(), aging.next()), (3, None));
    }
}
