//! Named sets of addresses for matches (ovn-nb(5), Address_Set and Port_Group).
//!
//! Three rules give sets; [`address_sets`] makes rows of them. Names are unique: of two sets with one
//! name the stronger [`Origin`] stays.

use std::collections::BTreeSet;
use std::net::IpAddr;

use northflow_engine::{Builder, Relation};
use serde::{Deserialize, Serialize};

use super::identity::MonitorMacs;
use super::scan;
use crate::ovsdb::{Atom, Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, SetElement, Table, key_uuid, nb, sb};

/// Who gives a set, the stronger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// Flows of northflow's own refer to it.
    Flows,
    /// The CMS has written it.
    User,
    /// It is derived from a port group, for the ACLs of the CMS.
    PortGroup,
}

/// A set before its name is known to be its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedSet {
    /// The name.
    pub name: Text,
    /// Who gives it.
    pub origin: Origin,
}

/// A member of a [`NamedSet`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedMember {
    /// The set.
    pub set: NamedSet,
    /// The address or prefix.
    pub address: Text,
}

/// Sets, and apart from them their members, so that one member more is one record more.
#[derive(Clone, Debug)]
pub struct Sets {
    /// The sets, also those without members.
    pub sets: Relation<NamedSet>,
    /// The members of all sets.
    pub members: Relation<NamedMember>,
}

impl Sets {
    /// All sets of several sources.
    pub fn union(builder: &Builder, parts: &[Sets]) -> Sets {
        let sets: Vec<_> = parts.iter().map(|part| part.sets.clone()).collect();
        let members: Vec<_> = parts.iter().map(|part| part.members.clone()).collect();
        Sets { sets: builder.union(&sets), members: builder.union(&members) }
    }
}

/// The sets of the CMS, as they are.
///
/// Cost: one set in, one set out; one member in, one member out.
pub fn user_sets(sets: &Relation<nb::AddressSet>, addresses: &Relation<SetElement>) -> Sets {
    let named = sets.map(|row| (row.uuid, NamedSet { name: row.name.clone(), origin: Origin::User }));
    let members = addresses.index_by(|element| element.row).join_flat(
        &named.index_by(|(row, _)| *row),
        |element, (_, set)| match &element.element {
            Atom::String(address) => Some(NamedMember { set: set.clone(), address: address.clone() }),
            _ => None,
        },
    );
    Sets { sets: named.map(|(_, set)| set.clone()), members }
}

/// `svc_monitor_mac`: the MAC addresses of service monitors.
///
/// Cost: one row in, one row out.
pub fn monitor_set(macs: &Relation<MonitorMacs>) -> Sets {
    let set = || NamedSet { name: "svc_monitor_mac".into(), origin: Origin::Flows };
    let members = macs.flat_map(move |macs| {
        let addresses = BTreeSet::from([macs.source.clone(), macs.destination.clone()]);
        addresses.into_iter().map(move |address| NamedMember { set: set(), address })
    });
    Sets { sets: macs.map(move |_| set()), members }
}

/// The addresses of a switch port, sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct PortAddresses {
    port: Uuid,
    addresses: Vec<IpAddr>,
}

/// Two sets for each port group, `<group>_ip4` and `<group>_ip6`: the addresses of its ports, the
/// static and the assigned ones, without their prefix lengths. A group without any has empty sets.
///
/// Cost: a member, its addresses; a changed port, its addresses in the groups that it is in; a renamed
/// group, its own two sets.
pub fn port_group_sets(
    groups: &Relation<nb::PortGroup>,
    listed: &Relation<Link>,
    ports: &Relation<nb::LogicalSwitchPort>,
    states: &Relation<nb::SwitchPortState>,
) -> Sets {
    let dynamic = states.flat_map(|row| Some((row.uuid, row.dynamic_addresses.clone()?)));
    let grouped = listed.map(|link| link.member).distinct();
    let entries = ports
        .index_by(|row| row.uuid)
        .semijoin(&grouped.index_by(|port| *port))
        .index_by(|row| row.uuid)
        .join_optional(&dynamic.index_by(|(row, _): &(Uuid, Text)| *row), |row, dynamic| {
            let entries = row.addresses.iter().chain(dynamic.map(|(_, text)| text));
            let addresses: BTreeSet<IpAddr> = entries.flat_map(|entry| scan::port_addresses(entry)).collect();
            Some(PortAddresses { port: row.uuid, addresses: addresses.into_iter().collect() })
        });
    let found = listed.index_by(Link::member).join_flat(&entries.index_by(|port| port.port), |link, port| {
        let group = link.owner;
        port.addresses.clone().into_iter().map(move |address| (group, address))
    });
    let names = groups.map(|group| (group.uuid, group.name.clone()));
    let members = found.distinct().index_by(|(group, _)| *group).join(
        &names.index_by(|(group, _)| *group),
        |(_, address), (_, group)| NamedMember {
            set: group_set(group, address.is_ipv4()),
            address: scan::text(address).into(),
        },
    );
    let sets = groups.flat_map(|group| [group_set(&group.name, true), group_set(&group.name, false)]);
    Sets { sets, members }
}

fn group_set(group: &str, ip4: bool) -> NamedSet {
    let suffix = if ip4 { "ip4" } else { "ip6" };
    NamedSet { name: format!("{group}_{suffix}").into(), origin: Origin::PortGroup }
}

/// The rows of sets.
#[derive(Clone, Debug)]
pub struct AddressSetRows {
    /// The rows, without their addresses.
    pub rows: Relation<sb::AddressSet>,
    /// The addresses of the rows.
    pub addresses: Relation<SetElement>,
    /// A problem for each name that is given more than once.
    pub problems: Relation<Problem>,
}

/// The southbound rows.
///
/// ovn-northd never gets a name that is given twice past the southbound database and tries for ever.
///
/// Cost: one set in, one row out; one member in, one element out; where names clash, the sets of that
/// name.
pub fn address_sets(given: &Sets) -> AddressSetRows {
    let by_name = given.sets.index_by(|set| set.name.clone());
    let winners = by_name.reduce(|sets| sets.rows().min_by_key(|set| set.origin).cloned());
    let rows = winners.map(|set| sb::AddressSet {
        uuid: row_of(set),
        name: set.name.clone(),
        addresses: Vec::new(),
    });
    let addresses = given
        .members
        .distinct()
        .index_by(|member| member.set.clone())
        .semijoin(&winners.index_by(NamedSet::clone))
        .map(|member| SetElement { row: row_of(&member.set), element: Atom::String(member.address.clone()) });
    let problems = by_name.reduce(|sets| {
        (sets.count() > 1).then(|| {
            let name = &sets.any().name;
            let winner = match sets.rows().map(|set| set.origin).min() {
                Some(Origin::Flows) => "the built-in set",
                Some(Origin::User) => "the row of Address_Set",
                Some(Origin::PortGroup) | None => "one of them",
            };
            Problem::new(format!(
                "address set {name}: the name is given to more than one set; {winner} is used. \
                 Rename the row of Address_Set"
            ))
        })
    });
    AddressSetRows { rows, addresses, problems }
}

fn row_of(set: &NamedSet) -> Uuid {
    key_uuid(sb::AddressSet::NAME, &[&set.name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    fn port(number: u128, addresses: &[&str]) -> nb::LogicalSwitchPort {
        nb::LogicalSwitchPort {
            uuid: Uuid(number),
            name: format!("p{number}").into(),
            addresses: addresses.iter().map(|entry| Text::from(*entry)).collect(),
            ..Default::default()
        }
    }

    fn state(number: u128, dynamic: &str) -> nb::SwitchPortState {
        nb::SwitchPortState {
            uuid: Uuid(number),
            dynamic_addresses: Some(dynamic.into()),
            ..Default::default()
        }
    }

    fn group(number: u128, name: &str) -> nb::PortGroup {
        nb::PortGroup { uuid: Uuid(number), name: name.into() }
    }

    fn link(group: u128, port: u128) -> Link {
        Link { owner: Uuid(group), member: Uuid(port) }
    }

    fn user(number: u128, name: &str) -> nb::AddressSet {
        nb::AddressSet { uuid: Uuid(number), name: name.into() }
    }

    fn element(set: u128, address: &str) -> SetElement {
        SetElement { row: Uuid(set), element: Atom::text(address) }
    }

    fn scenario() -> Scenario {
        Scenario::start(|program| {
            let parts = [
                user_sets(&program.input("sets"), &program.input("addresses")),
                monitor_set(&program.input("macs")),
                port_group_sets(
                    &program.input("groups"),
                    &program.input("links"),
                    &program.input("ports"),
                    &program.input("states"),
                ),
            ];
            let made = address_sets(&Sets::union(program, &parts));
            program.output("rows", &made.rows);
            program.output("elements", &made.addresses);
            program.output("problems", &made.problems);
        })
    }

    fn texts(scenario: &Scenario) -> Vec<String> {
        let rows = scenario.rows::<sb::AddressSet>("rows");
        let elements = scenario.rows::<SetElement>("elements");
        let text = |row: &sb::AddressSet| {
            let of_row = elements.iter().filter(|element| element.row == row.uuid);
            let mut addresses: Vec<&str> = of_row
                .map(|element| match &element.element {
                    Atom::String(address) => &**address,
                    _ => "not a text",
                })
                .collect();
            addresses.sort_unstable();
            format!("{}: {}", row.name, addresses.join(" "))
        };
        let mut texts: Vec<String> = rows.iter().map(text).collect();
        texts.sort();
        texts
    }

    // The sets that ovn-northd 26.03.1 made of these ports and groups.
    #[test]
    fn groups_have_the_addresses_of_their_ports() {
        let mut scenario = scenario();
        let busy = port(
            1,
            &[
                "02:00:00:00:00:01 10.0.0.2 10.0.0.10/32 fe80::1 2001:DB8:0::1",
                "02:00:00:00:00:02 10.0.0.3/24",
                "02:00:00:00:00:05  2001:db8::/32",
                "02:00:00:00:00:05 10.0.0.2",
                "02:00:00:00:00:05 dynamic",
                "02:00:00:00:00:06 10.0.0.9 junk 10.0.0.11",
                "dynamic",
                "unknown 10.0.0.44",
            ],
        );
        let assigned = port(2, &["dynamic 10.9.0.77"]);
        scenario.insert("states", state(1, "02:00:00:00:00:05 10.9.0.2"));
        scenario.insert("states", state(2, "22:65:af:09:00:4e 10.9.0.77"));
        scenario.insert("ports", busy.clone()).insert("ports", assigned.clone());
        scenario.insert("groups", group(10, "g")).insert("groups", group(11, "empty"));
        scenario.insert("links", link(10, 1)).insert("links", link(10, 2)).insert("sets", user(20, "u"));
        for address in ["10.0.0.10", "10.0.0.2", "10.0.0.2/24", "fe80::1"] {
            scenario.insert("addresses", element(20, address));
        }
        scenario.step();
        let all = [
            "empty_ip4: ",
            "empty_ip6: ",
            "g_ip4: 10.0.0.10 10.0.0.2 10.0.0.3 10.0.0.9 10.9.0.2 10.9.0.77",
            "g_ip6: 2001:db8:: 2001:db8::1 fe80::1",
            "u: 10.0.0.10 10.0.0.2 10.0.0.2/24 fe80::1",
        ];
        assert_eq!(texts(&scenario), all);
        // What is no address of the port reaches no set.
        let renamed = nb::LogicalSwitchPort { enabled: Some(true), ..assigned.clone() };
        scenario.replace("ports", assigned, renamed.clone());
        assert_eq!(scenario.step(), 0);
        // An address that another member has as well stays.
        let twin = port(3, &["02:00:00:00:00:07 10.0.0.2"]);
        scenario.insert("ports", twin.clone()).insert("links", link(10, 3));
        assert_eq!(scenario.step(), 0);
        scenario.remove("ports", busy).step();
        assert_eq!(texts(&scenario)[2], "g_ip4: 10.0.0.2 10.9.0.77");
        assert_eq!(texts(&scenario)[3], "g_ip6: ");
        scenario.remove("links", link(10, 2)).replace("groups", group(10, "g"), group(10, "h")).step();
        assert_eq!(texts(&scenario)[2], "h_ip4: 10.0.0.2");
        scenario.insert("addresses", element(20, "192.0.2.1"));
        assert_eq!(scenario.step(), 1, "one member more is one element more");
    }

    #[test]
    fn service_monitors_have_a_set() {
        let mut scenario = scenario();
        let macs = |source: &str, destination: &str| MonitorMacs {
            source: source.into(),
            destination: destination.into(),
        };
        let two = macs("72:dd:8a:bf:41:23", "4a:44:79:5e:53:f9");
        scenario.insert("macs", two.clone()).step();
        assert_eq!(texts(&scenario), ["svc_monitor_mac: 4a:44:79:5e:53:f9 72:dd:8a:bf:41:23"]);
        scenario.replace("macs", two, macs("02:00:00:00:00:01", "02:00:00:00:00:01")).step();
        assert_eq!(texts(&scenario), ["svc_monitor_mac: 02:00:00:00:00:01"]);
    }

    #[test]
    fn of_two_sets_with_one_name_one_stays() {
        let mut scenario = scenario();
        scenario
            .insert("groups", group(10, "g"))
            .insert("sets", user(20, "g_ip4"))
            .insert("addresses", element(20, "10.0.0.1"))
            .step();
        assert_eq!(texts(&scenario), ["g_ip4: 10.0.0.1", "g_ip6: "]);
        let problem: Problem = scenario.row("problems");
        assert!(problem.message.starts_with("address set g_ip4: "), "{}", problem.message);
        scenario.remove("sets", user(20, "g_ip4")).remove("addresses", element(20, "10.0.0.1")).step();
        assert_eq!(texts(&scenario), ["g_ip4: ", "g_ip6: "]);
        assert_eq!(scenario.rows::<Problem>("problems"), []);
        scenario.insert("sets", user(21, "svc_monitor_mac")).insert("addresses", element(21, "10.0.0.1"));
        scenario.insert("macs", MonitorMacs { source: "a".into(), destination: "b".into() }).step();
        assert_eq!(texts(&scenario)[2], "svc_monitor_mac: a b");
        assert_eq!(scenario.rows::<Problem>("problems").len(), 1);
    }
}
