//! Numbers that southbound flows hold when they are taken over ([`Held`]): rules give them to those who
//! have them before what is there is compared with what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use northflow_engine::Transaction;
use northflow_rules::northd::HELD;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::router::route::held::{self, Held};

use crate::memory::MemoryDatabase;
use crate::memory::row::{number, text, uuids};

/// The southbound tables that tell of these numbers.
pub(super) const TABLES: &[&str] = &["Datapath_Binding", "Logical_DP_Group", "Logical_Flow"];

/// The numbers that the flows of `contents` hold.
pub(super) fn read(contents: &MemoryDatabase) -> BTreeSet<Held> {
    let datapaths: BTreeMap<Uuid, Uuid> = contents
        .rows("Datapath_Binding")
        .filter_map(|(uuid, row)| Some((*uuid, uuids(row, "nb_uuid").next()?)))
        .collect();
    let groups: BTreeMap<Uuid, Vec<Uuid>> = contents
        .rows("Logical_DP_Group")
        .map(|(uuid, row)| (*uuid, uuids(row, "datapaths").collect()))
        .collect();
    let mut found = BTreeSet::new();
    for (_, row) in contents.rows("Logical_Flow") {
        if text(row, "pipeline") != "ingress" {
            continue;
        }
        let (table, priority) = (number(row, "table_id"), number(row, "priority"));
        let held = held::read(Uuid::ZERO, table, priority, text(row, "match"), text(row, "actions"));
        if held.is_empty() {
            continue;
        }
        let grouped = uuids(row, "logical_dp_group");
        let grouped = grouped.filter_map(|group| groups.get(&group)).flatten().copied();
        for router in uuids(row, "logical_datapath").chain(grouped) {
            let Some(router) = datapaths.get(&router) else { continue };
            found.extend(held.iter().map(|held| {
                let (_, kind, text) = held.sign.clone();
                Held { sign: (*router, kind, text), number: held.number }
            }));
        }
    }
    found
}

/// Tells the rules what is held `now` instead of what was `told` before; whether that is another thing.
pub(super) fn tell(told: &mut BTreeSet<Held>, now: BTreeSet<Held>, transaction: &mut Transaction) -> bool {
    for held in told.difference(&now) {
        transaction.remove(HELD, held.clone());
    }
    for held in now.difference(told) {
        transaction.insert(HELD, held.clone());
    }
    let changed = *told != now;
    *told = now;
    changed
}

#[cfg(test)]
mod tests {
    use northflow_rules::flow::Stage;
    use northflow_rules::ovsdb::{Atom, Datum};
    use northflow_rules::schema::Database;

    use super::*;
    use crate::change::{Edit, RowChange};

    #[test]
    fn numbers_are_found_on_the_routers_of_a_flow() {
        let mut contents = MemoryDatabase::default();
        let mut insert = |table: &str, uuid, columns: &[(&str, Atom)]| {
            let columns = columns.iter().map(|(name, atom)| ((*name).into(), Datum::scalar(atom.clone())));
            let (database, edit) = (Database::Southbound, Edit::Insert(columns.collect()));
            contents.apply(&RowChange { database, table: table.into(), uuid: Uuid(uuid), edit });
        };
        insert("Datapath_Binding", 1, &[("nb_uuid", Atom::Uuid(Uuid(11)))]);
        let flow = [
            ("pipeline", Atom::String("ingress".into())),
            ("table_id", Atom::Integer(i64::from(Stage::LrInIpRoutingPre.row().table))),
            ("match", Atom::String("inport == \"a\"".into())),
            ("actions", Atom::String("reg7 = 4; next;".into())),
            ("logical_datapath", Atom::Uuid(Uuid(1))),
        ];
        insert("Logical_Flow", 2, &flow);
        let found: Vec<(Uuid, u32)> = read(&contents).iter().map(|held| (held.sign.0, held.number)).collect();
        assert_eq!(found, [(Uuid(11), 4)]);
        let (mut told, mut transaction) = (BTreeSet::new(), Transaction::new());
        assert!(tell(&mut told, read(&contents), &mut transaction));
        assert!(!tell(&mut told, read(&contents), &mut transaction));
        assert_eq!(transaction.len(), 1);
    }
}
