//! Port groups: which switches they reach, and the southbound rows that matches refer to
//! (ovn-nb(5) and ovn-sb(5), Port_Group).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::switch_port::SwitchPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Atom, Text, Uuid};
use crate::schema::{Link, SetElement, Table, key_uuid, nb, sb};

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

/// A port of a switch in a group, which is named by its row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlacedMember {
    /// The northbound row of the group.
    pub group: Uuid,
    /// The northbound row of the switch.
    pub switch: Uuid,
    /// The name of the port.
    pub port: Text,
}

/// A switch with a port in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reach {
    /// The northbound row of the group.
    pub group: Uuid,
    /// The northbound row of the switch.
    pub switch: Uuid,
}

/// The members of all groups, each with its switch. A member that belongs to no switch is left out.
///
/// Cost: a member costs itself; a changed port, the groups that it is in.
pub fn placed(listed: &Relation<Link>, ports: &Relation<SwitchPort>) -> Relation<PlacedMember> {
    listed.index_by(Link::member).join(&ports.index_by(|port| port.port.row), |link, port| PlacedMember {
        group: link.owner,
        switch: port.switch,
        port: port.port.name.clone(),
    })
}

/// Which switches each group reaches.
///
/// Cost: a member costs nothing unless it is the first or last of its group on a switch.
pub fn reach(placed: &Relation<PlacedMember>) -> Relation<Reach> {
    placed.map(|member| Reach { group: member.group, switch: member.switch }).distinct()
}

/// The members of all groups by the names of the groups.
///
/// Cost: a member costs itself; a renamed group, its ports.
pub fn members(groups: &Relation<nb::PortGroup>, placed: &Relation<PlacedMember>) -> Relation<GroupMember> {
    let names = groups.map(|group| (group.uuid, group.name.clone()));
    placed.index_by(|member| member.group).join(&names.index_by(|(group, _)| *group), |member, (_, group)| {
        GroupMember { datapath: member.switch, group: group.clone(), port: member.port.clone() }
    })
}

/// One southbound row for each switch and group with a member there, named `<key>_<group>`, and the
/// names of its ports.
///
/// Cost: a member, itself; a key, the groups of its switch.
pub fn port_groups(
    members: &Relation<GroupMember>,
    keys: &Relation<Assigned>,
) -> (Relation<sb::PortGroup>, Relation<SetElement>) {
    let keys = keys.index_by(Assigned::owner);
    let local = members.map(|member| (member.datapath, member.group.clone())).distinct();
    let rows = local.index_by(|(datapath, _)| *datapath).join(&keys, |(_, group), key| {
        let name = local_name(key, group);
        sb::PortGroup { uuid: key_uuid(sb::PortGroup::NAME, &[&name]), name, ports: Vec::new() }
    });
    let ports = members.index_by(|member| member.datapath).join(&keys, |member, key| SetElement {
        row: key_uuid(sb::PortGroup::NAME, &[&local_name(key, &member.group)]),
        element: Atom::String(member.port.clone()),
    });
    (rows, ports.distinct())
}

fn local_name(key: &Assigned, group: &str) -> Text {
    format!("{}_{group}", key.key).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::global::testing::Scenario;
    use crate::switch::port::{Port, PortKind};

    #[test]
    fn each_switch_has_its_part_of_a_group() {
        let mut scenario = Scenario::start(|program| {
            let (groups, listed) = (program.input("groups"), program.input("listed"));
            let members = members(&groups, &placed(&listed, &program.input("ports")));
            let (rows, ports) = port_groups(&members, &program.input("keys"));
            program.output("rows", &rows);
            program.output("elements", &ports);
        });
        let group = |name: &str| nb::PortGroup { uuid: Uuid(50), name: name.into() };
        let link = |port| Link { owner: Uuid(50), member: Uuid(port) };
        let port = |row, switch, name: &str| SwitchPort {
            port: Port { row: Uuid(row), name: name.into() },
            switch: Uuid(switch),
            kind: PortKind::Vif,
            binding: Uuid(row),
        };
        let key = |owner, key| Assigned { owner: Uuid(owner), space: Uuid::ZERO, key };
        let texts = |scenario: &Scenario| {
            let mut groups: BTreeMap<Uuid, (Text, Vec<String>)> = BTreeMap::new();
            for row in scenario.rows::<sb::PortGroup>("rows") {
                groups.insert(row.uuid, (row.name.clone(), Vec::new()));
            }
            for SetElement { row, element } in scenario.rows("elements") {
                let Atom::String(port) = element else { panic!("a port is a name") };
                groups.get_mut(&row).expect("an element has its row").1.push(port.to_string());
            }
            let mut texts: Vec<String> = Vec::new();
            for (name, mut ports) in groups.into_values() {
                ports.sort();
                texts.push(format!("{name}: {}", ports.join(" ")));
            }
            texts.sort();
            texts
        };
        for (number, switch, name) in [(1, 91, "p2"), (2, 91, "p1"), (3, 92, "p3"), (4, 92, "p4")] {
            scenario.insert("ports", port(number, switch, name));
        }
        for port in [1, 2, 3, 8] {
            scenario.insert("listed", link(port));
        }
        scenario.insert("groups", group("g")).insert("keys", key(91, 1)).step();
        assert_eq!(texts(&scenario), ["1_g: p1 p2"], "a switch without a key has no row");
        scenario.insert("keys", key(92, 2)).step();
        assert_eq!(texts(&scenario), ["1_g: p1 p2", "2_g: p3"]);
        scenario.remove("listed", link(8)).remove("listed", link(3));
        assert_eq!(scenario.step(), 2, "the last member of a switch takes the row along");
        scenario.insert("listed", link(4)).replace("groups", group("g"), group("h"));
        scenario.replace("keys", key(91, 1), key(91, 7)).step();
        assert_eq!(texts(&scenario), ["2_h: p4", "7_h: p1 p2"]);
        scenario.remove("ports", port(2, 91, "p1")).step();
        assert_eq!(texts(&scenario), ["2_h: p4", "7_h: p2"]);
    }
}
