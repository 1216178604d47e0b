//! Port groups: which switches they reach, and the southbound rows that matches refer to
//! (ovn-nb(5) and ovn-sb(5), Port_Group).

use std::collections::BTreeSet;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::ovsdb::{Text, Uuid};
use crate::schema::{Table, key_uuid, nb, sb};

/// The tunnel key of a switch or router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DatapathKey {
    /// The northbound row of the switch or router.
    pub datapath: Uuid,
    /// The number that its packets carry in tunnels.
    pub key: u32,
}

/// Which switch a port belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SwitchPort {
    /// The northbound row of the port.
    pub port: Uuid,
    /// The northbound row of the switch.
    pub datapath: Uuid,
    /// The name of the port.
    pub name: Text,
}

/// A port of one switch that is in a port group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupMember {
    /// The northbound row of the switch.
    pub datapath: Uuid,
    /// The name of the group.
    pub group: Text,
    /// The name of the port.
    pub port: Text,
}

/// The members of all groups, each with its switch. A member that belongs to no switch is left out.
///
/// Cost: a changed group, its ports; a changed port, the groups that it is in.
pub fn members(groups: &Relation<nb::PortGroup>, ports: &Relation<SwitchPort>) -> Relation<GroupMember> {
    let listed = groups.flat_map(|group| {
        let pair = |port: &Uuid| (group.name.clone(), *port);
        group.ports.iter().map(pair).collect::<Vec<_>>()
    });
    listed.index_by(|(_, port)| *port).join(&ports.index_by(|port| port.port), |(group, _), port| {
        GroupMember { datapath: port.datapath, group: group.clone(), port: port.name.clone() }
    })
}

/// The members of a group on one switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct LocalGroup {
    datapath: Uuid,
    group: Text,
    ports: Vec<Text>,
}

/// One southbound row for each switch and group with a member there, named `<key>_<group>`.
///
/// Cost: a member, those of the same group on the same switch; a key, the groups of its switch.
pub fn port_groups(members: &Relation<GroupMember>, keys: &Relation<DatapathKey>) -> Relation<sb::PortGroup> {
    let local = members.index_by(|member| (member.datapath, member.group.clone())).reduce(|members| {
        let GroupMember { datapath, group, .. } = members.any().clone();
        let ports: BTreeSet<Text> = members.rows().map(|member| member.port.clone()).collect();
        Some(LocalGroup { datapath, group, ports: ports.into_iter().collect() })
    });
    local.index_by(|group| group.datapath).join(&keys.index_by(|key| key.datapath), |group, key| {
        let name: Text = format!("{}_{}", key.key, group.group).into();
        sb::PortGroup { uuid: key_uuid(sb::PortGroup::NAME, &[&name]), name, ports: group.ports.clone() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    #[test]
    fn each_switch_has_its_part_of_a_group() {
        let mut scenario = Scenario::start(|program| {
            let members = members(&program.input("groups"), &program.input("ports"));
            program.output("rows", &port_groups(&members, &program.input("keys")));
        });
        let group = |name: &str, ports: &[u128]| nb::PortGroup {
            uuid: Uuid(50),
            name: name.into(),
            ports: ports.iter().map(|port| Uuid(*port)).collect(),
        };
        let port = |port, datapath, name: &str| SwitchPort {
            port: Uuid(port),
            datapath: Uuid(datapath),
            name: name.into(),
        };
        let key = |datapath, key| DatapathKey { datapath: Uuid(datapath), key };
        let texts = |scenario: &Scenario| {
            let rows = scenario.rows::<sb::PortGroup>("rows");
            let mut texts: Vec<String> =
                rows.iter().map(|row| format!("{}: {}", row.name, row.ports.join(" "))).collect();
            texts.sort();
            texts
        };
        for (number, datapath, name) in [(1, 91, "p2"), (2, 91, "p1"), (3, 92, "p3"), (4, 92, "p4")] {
            scenario.insert("ports", port(number, datapath, name));
        }
        scenario.insert("groups", group("g", &[1, 2, 3, 8])).insert("keys", key(91, 1)).step();
        assert_eq!(texts(&scenario), ["1_g: p1 p2"], "a switch without a key has no row");
        scenario.insert("keys", key(92, 2)).step();
        assert_eq!(texts(&scenario), ["1_g: p1 p2", "2_g: p3"]);
        scenario.replace("groups", group("g", &[1, 2, 3, 8]), group("g", &[1, 2]));
        assert_eq!(scenario.step(), 1, "the last member of a switch takes the row along");
        scenario.replace("groups", group("g", &[1, 2]), group("h", &[1, 2, 4]));
        scenario.replace("keys", key(91, 1), key(91, 7)).step();
        assert_eq!(texts(&scenario), ["2_h: p4", "7_h: p1 p2"]);
        scenario.remove("ports", port(2, 91, "p1")).step();
        assert_eq!(texts(&scenario), ["2_h: p4", "7_h: p2"]);
    }
}
