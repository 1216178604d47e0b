//! Which of several chassis stands in for a port, and which tunnels are watched to know that.

use std::collections::BTreeSet;

use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, own};

use crate::replica::Replica;

/// Whether the chassis `own` is the one of a group that stands in, as it knows by the chassis that it
/// finds `alive` at the other ends of its tunnels.
pub(super) fn is_active(rows: &Replica, group: Uuid, own: Uuid, alive: &BTreeSet<Text>) -> bool {
    let Some(group) = rows.row::<own::HaChassisGroup>(group) else { return false };
    let members: Vec<(i64, &own::Chassis)> = group
        .ha_chassis
        .iter()
        .filter_map(|member| rows.row::<own::HaChassis>(*member))
        .filter_map(|member| Some((member.priority, rows.row::<own::Chassis>(member.chassis?)?)))
        .collect();
    if !members.iter().any(|(_, chassis)| chassis.uuid == own) {
        return false;
    }
    if members.len() == 1 {
        return true;
    }
    // Who finds nobody alive is itself cut off.
    let living: Vec<&(i64, &own::Chassis)> =
        members.iter().filter(|(_, chassis)| chassis.uuid == own || alive.contains(&chassis.name)).collect();
    let refers = |chassis: &Uuid| {
        rows.row::<own::Chassis>(*chassis).is_some_and(|chassis| alive.contains(&chassis.name))
    };
    if living.len() == 1 {
        return group.ref_chassis.iter().any(refers);
    }
    let best = living.iter().max_by_key(|(priority, chassis)| (*priority, &chassis.name));
    best.is_some_and(|(_, chassis)| chassis.uuid == own)
}

/// The chassis whose tunnels the chassis `own` watches: members of a group watch each other and those
/// that send to them, and these watch the members.
pub(super) fn watched(rows: &Replica, own: Uuid) -> BTreeSet<Text> {
    let chassis = |uuid: &Uuid| rows.row::<own::Chassis>(*uuid);
    let mut watched = BTreeSet::new();
    for group in rows.rows::<own::HaChassisGroup>().filter(|group| group.ha_chassis.len() > 1) {
        let members = group.ha_chassis.iter().filter_map(|member| rows.row::<own::HaChassis>(*member));
        let members: Vec<Uuid> = members.filter_map(|member| member.chassis).collect();
        let is_member = members.contains(&own);
        if is_member {
            let near = group.ref_chassis.iter().filter_map(chassis);
            let near = near.filter(|chassis| !chassis.other_config.get_bool("is-remote", false));
            watched.extend(near.map(|chassis| chassis.name.clone()));
        }
        if is_member || group.ref_chassis.contains(&own) {
            watched.extend(members.iter().filter_map(chassis).map(|chassis| chassis.name.clone()));
        }
    }
    watched
}

/// How a tunnel is watched (`Interface.bfd`), by the settings of the network.
pub(super) fn watch(global: Option<&own::Global>) -> Map {
    let mut bfd = Map::new();
    bfd.insert("enable", Text::from("true"));
    if let Some(global) = global {
        for (key, option) in [
            ("min_rx", "bfd-min-rx"),
            ("decay_min_rx", "bfd-decay-min-rx"),
            ("min_tx", "bfd-min-tx"),
            ("mult", "bfd-mult"),
        ] {
            if let Some(value) = global.options.get(option) {
                bfd.insert(key, value.clone());
            }
        }
        // Packets of a logical port are not for the tunnel.
        bfd.insert("check_tnl_key", Text::from("true"));
    }
    bfd
}

#[cfg(test)]
mod tests {
    use northflow_engine::Transaction;
    use northflow_rules::schema::{Column, Database};

    use super::super::tables;
    use super::*;
    use crate::change::{Edit, RowChange};

    /// Chassis 1 to 3, of which 1 and 2 are a group with these priorities, watched over by 3.
    fn rows(priorities: [i64; 2]) -> Replica {
        let mut replica = Replica::new(tables::SOUTHBOUND);
        let mut insert = |table: &str, uuid, columns: Vec<(&str, northflow_rules::ovsdb::Datum)>| {
            let columns = columns.into_iter().map(|(name, datum)| (name.into(), datum)).collect();
            let (database, edit) = (Database::Southbound, Edit::Insert(columns));
            let change = RowChange { database, table: table.into(), uuid: Uuid(uuid), edit };
            replica.apply(&change, &mut Transaction::new()).unwrap();
        };
        for chassis in 1..=3 {
            insert("Chassis", chassis, vec![("name", Text::from(format!("c{chassis}")).to_datum())]);
        }
        for (nth, priority) in (1..).zip(priorities) {
            let chassis = Some(Uuid(nth)).to_datum();
            insert("HA_Chassis", 10 + nth, vec![("chassis", chassis), ("priority", priority.to_datum())]);
        }
        let members = vec![Uuid(11), Uuid(12)].to_datum();
        insert(
            "HA_Chassis_Group",
            20,
            vec![("ha_chassis", members), ("ref_chassis", vec![Uuid(3)].to_datum())],
        );
        replica
    }

    fn active(rows: &Replica, own: u128, alive: &[&str]) -> bool {
        let alive = alive.iter().map(|name| Text::from(*name)).collect();
        is_active(rows, Uuid(20), Uuid(own), &alive)
    }

    #[test]
    fn the_highest_that_is_alive_stands_in() {
        let rows = rows([10, 20]);
        assert!(!active(&rows, 1, &["c2", "c3"]) && active(&rows, 2, &["c1", "c3"]));
        // The better one is gone, but not those that send.
        assert!(active(&rows, 1, &["c3"]));
        // Who hears of nobody is alone.
        assert!(!active(&rows, 1, &[]) && !active(&rows, 2, &[]));
        assert!(!active(&rows, 3, &["c1", "c2"]));
    }

    #[test]
    fn members_and_those_that_send_to_them_watch_each_other() {
        let rows = rows([1, 2]);
        let names = |own| watched(&rows, Uuid(own)).iter().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(1), ["c1", "c2", "c3"]);
        assert_eq!(names(3), ["c1", "c2"]);
        assert_eq!(names(4), Vec::<String>::new());
    }

    #[test]
    fn a_watch_is_set_up_by_the_network() {
        let mut global = own::Global::default();
        global.options.insert("bfd-min-rx", Text::from("500"));
        let bfd = watch(Some(&global));
        assert_eq!(
            (bfd.text("enable"), bfd.text("min_rx"), bfd.text("check_tnl_key")),
            ("true", "500", "true")
        );
        assert_eq!(watch(None).len(), 1);
    }
}
