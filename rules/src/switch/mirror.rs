//! Traffic mirrors: where ports copy their traffic to (ovn-nb(5), Mirror).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::ovsdb::Uuid;
use crate::schema::{nb, sb};

/// The mirrors as chassis see them: the same rows under the same identifiers, whatever their type.
///
/// Cost: one row in, one row out.
pub fn mirrors(mirrors: &Relation<nb::Mirror>) -> Relation<sb::Mirror> {
    mirrors.map(|row| sb::Mirror {
        uuid: row.uuid,
        name: row.name.clone(),
        filter: row.filter.clone(),
        sink: row.sink.clone(),
        type_: row.type_.clone(),
        index: row.index,
    })
}

/// The mirrors of a port: Port_Binding.mirror_rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortMirrors {
    /// The northbound row of the port.
    pub port: Uuid,
    /// The mirrors, at least one, sorted; northbound and southbound rows share identifiers.
    pub mirrors: Vec<Uuid>,
}

/// The mirrors of each port that has any.
///
/// Cost: one row in, at most one row out.
pub fn port_mirrors(ports: &Relation<nb::LogicalSwitchPort>) -> Relation<PortMirrors> {
    ports.filter(|row| !row.mirror_rules.is_empty()).map(|row| {
        let mut mirrors = row.mirror_rules.clone();
        mirrors.sort();
        mirrors.dedup();
        PortMirrors { port: row.uuid, mirrors }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    fn port(mirror_rules: &[u128], enabled: bool) -> nb::LogicalSwitchPort {
        nb::LogicalSwitchPort {
            uuid: Uuid(1),
            name: "p".into(),
            enabled: Some(enabled),
            mirror_rules: mirror_rules.iter().map(|mirror| Uuid(*mirror)).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn mirrors_keep_their_identifiers() {
        let mut scenario = Scenario::start(|program| {
            program.output("mirrors", &mirrors(&program.input("mirrors")));
            program.output("ports", &port_mirrors(&program.input("ports")));
        });
        let mirror = |index| nb::Mirror {
            uuid: Uuid(7),
            name: "m".into(),
            filter: "both".into(),
            sink: "1.2.3.4".into(),
            type_: "gre".into(),
            index,
            mirror_rules: vec![],
        };
        scenario.insert("mirrors", mirror(5)).insert("ports", port(&[], false)).step();
        assert_eq!(scenario.rows::<PortMirrors>("ports"), []);
        scenario.replace("mirrors", mirror(5), mirror(6));
        scenario.replace("ports", port(&[], false), port(&[8, 7], false)).step();
        let row: sb::Mirror = scenario.row("mirrors");
        assert_eq!((row.uuid, row.index, row.type_.as_ref()), (Uuid(7), 6, "gre"));
        assert_eq!(
            scenario.row::<PortMirrors>("ports"),
            PortMirrors { port: Uuid(1), mirrors: vec![Uuid(7), Uuid(8)] }
        );
        scenario.replace("ports", port(&[8, 7], false), port(&[8, 7], true));
        assert_eq!(scenario.step(), 0, "only the mirrors count");
    }
}
