//! Named sets of addresses for matches (ovn-nb(5), Address_Set and Port_Group).
//!
//! Three rules give sets; [`address_sets`] makes rows of them. Names are unique: of two sets with one
//! name the stronger [`Origin`] stays.

use std::collections::BTreeSet;
use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::identity::MonitorMacs;
use super::scan;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Table, key_uuid, nb, sb};

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
    /// The members, sorted.
    pub addresses: Vec<Text>,
}

/// The sets of the CMS, as they are.
///
/// Cost: one set in, one set out.
pub fn user_sets(sets: &Relation<nb::AddressSet>) -> Relation<NamedSet> {
    sets.map(|row| {
        let addresses: BTreeSet<Text> = row.addresses.iter().cloned().collect();
        NamedSet { name: row.name.clone(), origin: Origin::User, addresses: addresses.into_iter().collect() }
    })
}

/// `svc_monitor_mac`: the MAC addresses of service monitors.
///
/// Cost: one row in, one row out.
pub fn monitor_set(macs: &Relation<MonitorMacs>) -> Relation<NamedSet> {
    macs.map(|macs| {
        let addresses = BTreeSet::from([macs.source.clone(), macs.destination.clone()]);
        NamedSet {
            name: "svc_monitor_mac".into(),
            origin: Origin::Flows,
            addresses: addresses.into_iter().collect(),
        }
    })
}

/// The addresses of a switch port, sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct PortAddresses {
    port: Uuid,
    addresses: Vec<IpAddr>,
}

/// An address of a member of a port group; without one it stands for the group itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Member {
    group: Text,
    address: Option<IpAddr>,
}

/// Two sets for each port group, `<group>_ip4` and `<group>_ip6`: the addresses of its ports, the
/// static and the assigned ones, without their prefix lengths. A group without any has empty sets.
///
/// Cost: a changed port, its addresses and the sets of the groups that it is in; a changed group, its
/// own two sets.
pub fn port_group_sets(
    groups: &Relation<nb::PortGroup>,
    ports: &Relation<nb::LogicalSwitchPort>,
) -> Relation<NamedSet> {
    let entries = ports.map(|row| {
        let entries = row.addresses.iter().chain(&row.dynamic_addresses);
        let addresses: BTreeSet<IpAddr> = entries.flat_map(|entry| scan::port_addresses(entry)).collect();
        PortAddresses { port: row.uuid, addresses: addresses.into_iter().collect() }
    });
    let listed = groups.flat_map(|group| {
        let pair = |port: &Uuid| (group.name.clone(), *port);
        group.ports.iter().map(pair).collect::<Vec<_>>()
    });
    let members = listed.index_by(|(_, port)| *port).join_flat(
        &entries.index_by(|port| port.port),
        |(group, _), port| {
            let member = |address| Member { group: group.clone(), address: Some(address) };
            port.addresses.iter().copied().map(member).collect::<Vec<_>>()
        },
    );
    let named = groups.map(|group| Member { group: group.name.clone(), address: None });
    members.concat(&named).index_by(|member| member.group.clone()).reduce(|members| {
        let group = members.any().group.clone();
        let set = |suffix, wanted: fn(&IpAddr) -> bool| {
            let addresses = members.rows().filter_map(|member| member.address).filter(wanted);
            let texts: BTreeSet<Text> = addresses.map(|address| scan::text(&address).into()).collect();
            NamedSet {
                name: format!("{group}_{suffix}").into(),
                origin: Origin::PortGroup,
                addresses: texts.into_iter().collect(),
            }
        };
        [set("ip4", IpAddr::is_ipv4), set("ip6", IpAddr::is_ipv6)]
    })
}

/// The southbound rows, and a problem for each name that is given more than once.
///
/// ovn-northd never gets such a name past the southbound database and tries for ever.
///
/// Cost: one set in, one row out; where names clash, the sets of that name.
pub fn address_sets(sets: &Relation<NamedSet>) -> (Relation<sb::AddressSet>, Relation<Problem>) {
    let by_name = sets.index_by(|set| set.name.clone());
    let rows = by_name.reduce(|sets| {
        sets.rows().min_by_key(|set| set.origin).map(|set| sb::AddressSet {
            uuid: key_uuid(sb::AddressSet::NAME, &[&set.name]),
            name: set.name.clone(),
            addresses: set.addresses.clone(),
        })
    });
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
    (rows, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;
    use crate::schema::Map;

    fn port(number: u128, addresses: &[&str], dynamic: Option<&str>) -> nb::LogicalSwitchPort {
        nb::LogicalSwitchPort {
            uuid: Uuid(number),
            name: format!("p{number}").into(),
            type_: "".into(),
            options: Map::new(),
            parent_name: None,
            tag_request: None,
            tag: None,
            addresses: addresses.iter().map(|entry| Text::from(*entry)).collect(),
            dynamic_addresses: dynamic.map(Text::from),
            port_security: vec![],
            peer: None,
            up: None,
            enabled: None,
            mirror_rules: vec![],
            external_ids: Map::new(),
        }
    }

    fn group(number: u128, name: &str, ports: &[u128]) -> nb::PortGroup {
        nb::PortGroup {
            uuid: Uuid(number),
            name: name.into(),
            ports: ports.iter().map(|port| Uuid(*port)).collect(),
        }
    }

    fn user(number: u128, name: &str, addresses: &[&str]) -> nb::AddressSet {
        nb::AddressSet {
            uuid: Uuid(number),
            name: name.into(),
            addresses: addresses.iter().map(|address| Text::from(*address)).collect(),
        }
    }

    fn scenario() -> Scenario {
        Scenario::start(|program| {
            let sets = program.union(&[
                user_sets(&program.input("sets")),
                monitor_set(&program.input("macs")),
                port_group_sets(&program.input("groups"), &program.input("ports")),
            ]);
            let (rows, problems) = address_sets(&sets);
            program.output("rows", &rows);
            program.output("problems", &problems);
        })
    }

    fn texts(scenario: &Scenario) -> Vec<String> {
        let rows = scenario.rows::<sb::AddressSet>("rows");
        let mut texts: Vec<String> =
            rows.iter().map(|row| format!("{}: {}", row.name, row.addresses.join(" "))).collect();
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
            Some("02:00:00:00:00:05 10.9.0.2"),
        );
        let assigned = port(2, &["dynamic 10.9.0.77"], Some("22:65:af:09:00:4e 10.9.0.77"));
        scenario.insert("ports", busy.clone()).insert("ports", assigned.clone());
        scenario.insert("groups", group(10, "g", &[1, 2])).insert("groups", group(11, "empty", &[]));
        scenario.insert("sets", user(20, "u", &["10.0.0.10", "10.0.0.2", "10.0.0.2/24", "fe80::1"])).step();
        let all = [
            "empty_ip4: ",
            "empty_ip6: ",
            "g_ip4: 10.0.0.10 10.0.0.2 10.0.0.3 10.0.0.9 10.9.0.2 10.9.0.77",
            "g_ip6: 2001:db8:: 2001:db8::1 fe80::1",
            "u: 10.0.0.10 10.0.0.2 10.0.0.2/24 fe80::1",
        ];
        assert_eq!(texts(&scenario), all);
        // What is no address of the port reaches no set.
        let renamed = nb::LogicalSwitchPort { up: Some(true), ..assigned.clone() };
        scenario.replace("ports", assigned, renamed.clone());
        assert_eq!(scenario.step(), 0);
        // An address that another member has as well stays.
        let twin = port(3, &["02:00:00:00:00:07 10.0.0.2"], None);
        scenario.insert("ports", twin.clone());
        scenario.replace("groups", group(10, "g", &[1, 2]), group(10, "g", &[1, 2, 3]));
        assert_eq!(scenario.step(), 0);
        scenario.remove("ports", busy).step();
        assert_eq!(texts(&scenario)[2], "g_ip4: 10.0.0.2 10.9.0.77");
        assert_eq!(texts(&scenario)[3], "g_ip6: ");
        scenario.replace("groups", group(10, "g", &[1, 2, 3]), group(10, "h", &[3])).step();
        assert_eq!(texts(&scenario)[2], "h_ip4: 10.0.0.2");
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
            .insert("groups", group(10, "g", &[]))
            .insert("sets", user(20, "g_ip4", &["10.0.0.1"]))
            .step();
        assert_eq!(texts(&scenario), ["g_ip4: 10.0.0.1", "g_ip6: "]);
        let problem: Problem = scenario.row("problems");
        assert!(problem.message.starts_with("address set g_ip4: "), "{}", problem.message);
        scenario.remove("sets", user(20, "g_ip4", &["10.0.0.1"])).step();
        assert_eq!(texts(&scenario), ["g_ip4: ", "g_ip6: "]);
        assert_eq!(scenario.rows::<Problem>("problems"), []);
        scenario.insert("sets", user(21, "svc_monitor_mac", &["10.0.0.1"]));
        scenario.insert("macs", MonitorMacs { source: "a".into(), destination: "b".into() }).step();
        assert_eq!(texts(&scenario)[2], "svc_monitor_mac: a b");
        assert_eq!(scenario.rows::<Problem>("problems").len(), 1);
    }
}
