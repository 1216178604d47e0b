//! Multicast groups that ports have asked for (K03, K04): chassis write into IGMP_Group what they hear,
//! and each address becomes a Multicast_Group with a flow to it.
//!
//! A group goes by the text that the chassis wrote; of several for one address the least counts. Ports
//! that get all multicast anyway are left out, localnet ports get every group, for those who asked may
//! be behind them. What `mrouters` are behind gets all reports.

use std::net::{IpAddr, Ipv6Addr};

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::static_flood::{FloodPort, Flooding};
use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Atom, Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, SetElement, Table, sb};
use crate::switch::flood_group::Group as Fixed;
use crate::topology::datapath;
use crate::topology::datapath_uuid;
use crate::topology::tunnel_key::{Assigned, Candidate, KeySpace, Next, Range};

/// The name under which chassis say where multicast routers are.
const ROUTERS: &str = "mrouters";

/// The tunnel keys below those of learned groups.
const BELOW: u32 = 32772;
const HIGHEST: u32 = 65535 - BELOW;

/// What a chassis says, on a switch that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Entry {
    row: Uuid,
    switch: Uuid,
    address: Text,
}

/// The groups that ports have asked for.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Switch ports and what they asked for.
    pub receivers: Relation<Receiver>,
    /// Switches and the ports behind which there are multicast routers.
    pub routers: Relation<(Uuid, Uuid)>,
    /// Rows whose chassis or switch is gone.
    pub stale: Relation<sb::IgmpGroup>,
    /// Addresses that are none.
    pub problems: Relation<Problem>,
}

/// A port that is to get a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Receiver {
    /// The switch, or the router where that relays.
    pub datapath: Uuid,
    /// Whether it is a router.
    pub router: bool,
    /// The group.
    pub address: IpAddr,
    /// The group as it is written.
    pub name: Text,
    /// The Port_Binding.
    pub binding: Uuid,
}

/// What the southbound database tells.
#[derive(Debug)]
pub struct Told<'a> {
    /// IGMP_Group.
    pub entries: &'a Relation<sb::IgmpGroup>,
    /// IGMP_Group.ports.
    pub ports: &'a Relation<Link>,
    /// Datapath_Binding.
    pub datapaths: &'a Relation<sb::DatapathBindingState>,
    /// Port_Binding.
    pub bindings: &'a Relation<sb::PortBindingState>,
}

/// What ports have asked for. `switches` are those that there are, `receiving` the ports that do not
/// get all multicast anyway.
///
/// ```text
/// entry(row, switch, address)  :-  igmp_group(row, datapath, chassis, address), datapath is of a switch
/// receiver(switch, port)       :-  entry(row, switch), igmp_group.ports(row, port), receiving(port)
/// stale(row)                   :-  igmp_group(row) without entry
/// ```
///
/// Cost: a port of an entry costs itself; a switch that comes or goes costs its entries.
pub fn heard(told: &Told<'_>, switches: &Relation<Uuid>, receiving: &Relation<FloodPort>) -> Heard {
    let owners = told.datapaths.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let here = owners.index_by(|(_, owner)| *owner).semijoin(&switches.index_by(|switch| *switch));
    let complete = told.entries.flat_map(|row| {
        row.chassis?;
        Some((row.uuid, row.datapath?, row.address.clone()))
    });
    let entries = complete.index_by(|(_, datapath, _): &(Uuid, Uuid, Text)| *datapath).join(
        &here.index_by(|(binding, _)| *binding),
        |(row, _, address), (_, switch)| Entry { row: *row, switch: *switch, address: address.clone() },
    );
    let stale = told.entries.index_by(|row| row.uuid).antijoin(&entries.index_by(|entry| entry.row));
    let problems = entries.flat_map(|entry| {
        let bad = &*entry.address != ROUTERS && read(&entry.address).is_none();
        bad.then(|| Problem::new(format!("invalid IGMP group address: {}", entry.address)))
    });

    let asked = told
        .ports
        .index_by(Link::owner)
        .join(&entries.index_by(|entry| entry.row), |link, entry| (link.member, entry.clone()))
        .index_by(|(port, _)| *port)
        .join(&told.bindings.index_by(Table::uuid), |(_, entry), binding| {
            (binding.logical_port.clone(), entry.clone())
        })
        .index_by(|(name, _)| name.clone())
        .join(&receiving.index_by(|port| port.name.clone()), |(_, entry), port| {
            (entry.clone(), port.binding)
        });
    let receivers = asked.flat_map(|(entry, binding)| {
        let address = read(&entry.address)?;
        let (datapath, name) = (entry.switch, entry.address.clone());
        Some(Receiver { datapath, router: false, address, name, binding: *binding })
    });
    let routers = asked
        .filter(|(entry, _)| &*entry.address == ROUTERS)
        .map(|(entry, binding)| (entry.switch, *binding));
    Heard { receivers, routers, stale, problems }
}

/// The address of a group; one of IPv4 that is written as IPv6 is one of IPv4.
fn read(text: &str) -> Option<IpAddr> {
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

/// A multicast group that has a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The switch or router.
    pub datapath: Uuid,
    /// Whether it is a router.
    pub router: bool,
    /// Its address.
    pub address: IpAddr,
    /// Its name.
    pub name: Text,
}

impl Group {
    /// What the group is known by while it lives.
    fn owner(&self) -> Uuid {
        Uuid::from_hash(key_hash(&("group", self.datapath, self.address)))
    }

    /// Its Multicast_Group.
    fn uuid(&self) -> Uuid {
        Uuid::from_hash(key_hash(&("Multicast_Group", self.datapath, &*self.name)))
    }
}

/// Groups with their rows.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The groups.
    pub groups: Relation<Group>,
    /// Their rows.
    pub rows: Relation<sb::MulticastGroup>,
    /// Their ports.
    pub ports: Relation<SetElement>,
}

/// The groups that have receivers, on datapaths that have a key. A group keeps the tunnel key that its
/// row has; a new one gets the lowest from 32773 on that is free on its datapath.
///
/// Cost: a receiver costs itself; a group that comes or goes costs the localnet ports of its switch.
pub fn groups(
    receivers: &Relation<Receiver>,
    localnets: &Relation<(Uuid, Uuid)>,
    datapaths: &Relation<Assigned>,
    bindings: &Relation<sb::DatapathBindingState>,
    kept: &Relation<sb::MulticastGroupState>,
) -> Groups {
    let named = receivers.map(|receiver| Group {
        datapath: receiver.datapath,
        router: receiver.router,
        address: receiver.address,
        name: receiver.name.clone(),
    });
    let live = named.index_by(|group| group.datapath).semijoin(&datapaths.index_by(Assigned::owner));
    let groups = live
        .distinct()
        .index_by(|group| (group.datapath, group.address))
        .reduce(|spellings| spellings.rows().min_by(|a, b| a.name.cmp(&b.name)).cloned());

    let owners = bindings.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let learned = kept.filter(|row| !row.name.starts_with("_MC_"));
    let held = learned.index_by(|row| row.datapath).join_flat(
        &owners.index_by(|(binding, _)| *binding),
        |row, (_, owner)| {
            let key = u32::try_from(row.tunnel_key).ok()?.checked_sub(BELOW).filter(|key| *key > 0)?;
            Some((*owner, row.name.clone(), key))
        },
    );
    let candidates = groups.index_by(|group| (group.datapath, group.name.clone())).join_optional(
        &held.index_by(|(datapath, name, _): &(Uuid, Text, u32)| (*datapath, name.clone())),
        |group, held| {
            let range = Range { given: HIGHEST, requested: HIGHEST, stored: HIGHEST };
            let kept = held.map(|(_, _, key)| *key);
            Some(Candidate { owner: group.owner(), space: group.datapath, requested: None, kept, range })
        },
    );
    let keys = candidates.allocate_by(|candidate| candidate.space, || KeySpace::new(Next::Lowest));
    let keyed = groups
        .index_by(|group| group.owner())
        .join(&keys.index_by(Assigned::owner), |group, assigned| (group.clone(), assigned.key));
    let rows = keyed.map(|(group, key)| sb::MulticastGroup {
        uuid: group.uuid(),
        datapath: datapath_uuid(group.datapath),
        name: group.name.clone(),
        tunnel_key: i64::from(BELOW + key),
        ports: Vec::new(),
    });
    let groups = keyed.map(|(group, _)| group.clone());

    let asked = receivers.map(|receiver| (receiver.datapath, receiver.address, receiver.binding));
    let local = groups
        .index_by(|group| group.datapath)
        .join(&localnets.index_by(|(switch, _)| *switch), |group, (switch, binding)| {
            (*switch, group.address, *binding)
        });
    let members = asked.concat(&local).distinct();
    let ports = members
        .index_by(|(datapath, address, _): &(Uuid, IpAddr, Uuid)| (*datapath, *address))
        .join(&groups.index_by(|group| (group.datapath, group.address)), |(_, _, binding), group| {
            SetElement { row: group.uuid(), element: Atom::Uuid(*binding) }
        });
    Groups { groups, rows, ports }
}

/// Whether a group has a flow of its own: what stays on its link or site is flooded anyway (RFC 4541
/// section 2.1.2, RFC 4291 section 2.7.1).
fn is_listed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] != [224, 0, 0],
        IpAddr::V6(address) => {
            let last = |first: u16, last: u16| Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last);
            ![last(0xff02, 1), last(0xff02, 2), last(0xff05, 2)].contains(&address)
        }
    }
}

/// Groups of one family on a switch that has more of them than its table takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Full {
    switch: Uuid,
    ipv4: bool,
    size: u64,
}

/// The flows of groups on switches; `sizes` says how many groups of each family a switch takes
/// (other_config:mcast_table_size). Of more than that those with the lowest addresses get one.
///
/// Cost: a group costs its own flow; a switch that has too many costs its groups.
pub fn flows(
    groups: &Relation<Group>,
    sizes: &Relation<(Uuid, u64)>,
    flooding: &Relation<Flooding>,
) -> (Relation<Placed>, Relation<Problem>) {
    let listed = groups.filter(|group| !group.router && is_listed(group.address));
    let table = |group: &Group| (group.datapath, group.address.is_ipv4());
    let counts = listed.tally_by(table, |_| 0);
    let full = counts.index_by(|tally| tally.key.0).join_flat(
        &sizes.index_by(|(switch, _)| *switch),
        |tally, (switch, size)| {
            let (switch, size) = (*switch, *size);
            (tally.count.unsigned_abs() > size).then_some(Full { switch, ipv4: tally.key.1, size })
        },
    );
    let problems = full.map(|full| {
        let family = if full.ipv4 { 4 } else { 6 };
        Problem::new(format!("Too many active IPv{family} mcast flows: {}", full.size))
    });
    let by_table = listed.index_by(table);
    let limits = full.index_by(|full| (full.switch, full.ipv4));
    let within = by_table.antijoin(&limits);
    let first = by_table
        .join(&limits, |group, full| (*full, group.clone()))
        .index_by(|(full, _)| *full)
        .reduce(|rows| {
            let size = rows.any().0.size;
            let mut groups: Vec<Group> = rows.rows().map(|(_, group)| group.clone()).collect();
            groups.sort_by_key(|group| group.address);
            groups.truncate(usize::try_from(size).unwrap_or(usize::MAX));
            groups
        });
    let placed = within.concat(&first).index_by(|group| group.datapath).join(
        &flooding.index_by(|row| row.switch),
        |group, flooding| Placed { on: On::Datapath(group.datapath), flow: flow(group, flooding) },
    );
    (placed, problems)
}

/// What goes to a group goes to those who asked, to routers that relay and to ports that want all. Spaced
/// as the reference has it.
fn flow(group: &Group, flooding: &Flooding) -> Flow {
    let ip = if group.address.is_ipv4() { "ip4" } else { "ip6" };
    let mut actions = String::new();
    if flooding.relay {
        actions += &format!("clone {{ {} }};", Fixed::RouterFlood.output());
    }
    if flooding.flood {
        actions += &format!("clone {{ outport =\"{}\"; output; }};", Fixed::Static.name());
    }
    actions += &format!("outport = \"{}\"; output; ", group.name);
    let matches = format!("eth.mcast && {ip} && {ip}.dst == {} ", group.name);
    Flow::new(Stage::LsInL2Lkup, 90, matches, actions)
}

#[cfg(test)]
mod tests {
    use northflow_engine::Builder;

    use super::*;
    use crate::global::testing::Scenario;
    use crate::schema::Map;

    fn receiver(name: &str, binding: u128) -> Receiver {
        let address = read(name).unwrap();
        Receiver { datapath: Uuid(1), router: false, address, name: name.into(), binding: Uuid(binding) }
    }

    fn binding() -> sb::DatapathBindingState {
        sb::DatapathBindingState {
            uuid: Uuid(9),
            tunnel_key: 1,
            type_: Some("logical-switch".into()),
            nb_uuid: Some(Uuid(1)),
            external_ids: Map::new(),
        }
    }

    fn build(program: &Builder) -> Groups {
        groups(
            &program.input("receivers"),
            &program.input("localnets"),
            &program.input("keys"),
            &program.input("bindings"),
            &program.input("kept"),
        )
    }

    fn rows(program: &Builder) {
        let groups = build(program);
        program.output("rows", &groups.rows);
        program.output("ports", &groups.ports);
    }

    /// Without the rows: which keys groups get depends on when they came.
    fn flows_alone(program: &Builder) {
        let groups = build(program);
        let (flows, problems) = flows(&groups.groups, &program.input("sizes"), &program.input("flooding"));
        program.output("flows", &flows);
        program.output("problems", &problems);
    }

    fn started(build: fn(&Builder)) -> Scenario {
        let mut scenario = Scenario::start(build);
        scenario
            .insert("keys", Assigned { owner: Uuid(1), space: Uuid::ZERO, key: 1 })
            .insert("bindings", binding());
        scenario
    }

    fn kept(name: &str, tunnel_key: i64) -> sb::MulticastGroupState {
        let uuid = Uuid(tunnel_key as u128);
        sb::MulticastGroupState { uuid, datapath: Uuid(9), name: name.into(), tunnel_key }
    }

    fn keys(scenario: &Scenario) -> Vec<(Text, i64)> {
        let mut keys: Vec<_> = scenario
            .rows::<sb::MulticastGroup>("rows")
            .into_iter()
            .map(|row| (row.name.clone(), row.tunnel_key))
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn a_group_keeps_its_key_and_a_new_one_gets_the_lowest() {
        let mut scenario = started(rows);
        scenario.insert("kept", kept("239.0.0.2", 32773));
        scenario.insert("receivers", receiver("239.0.0.1", 7)).insert("receivers", receiver("239.0.0.2", 7));
        scenario.step();
        assert_eq!(keys(&scenario), [("239.0.0.1".into(), 32774), ("239.0.0.2".into(), 32773)]);
        scenario.insert("kept", kept("239.0.0.1", 32774));
        assert_eq!(scenario.step(), 0);
        // Another port of the group is one element; a group without ports frees its key.
        scenario.insert("receivers", receiver("239.0.0.1", 8));
        assert_eq!(scenario.step(), 1);
        scenario.remove("receivers", receiver("239.0.0.2", 7)).insert("receivers", receiver("ff0e::1", 7));
        scenario.step();
        assert_eq!(keys(&scenario), [("239.0.0.1".into(), 32774), ("ff0e::1".into(), 32773)]);
    }

    #[test]
    fn one_address_is_one_group_whatever_its_text() {
        let mut scenario = started(rows);
        scenario.insert("receivers", receiver("FF0E::1", 7)).insert("receivers", receiver("ff0e::1", 8));
        scenario.insert("localnets", (Uuid(1), Uuid(30))).step();
        assert_eq!(keys(&scenario), [("FF0E::1".into(), 32773)]);
        assert_eq!(scenario.rows::<SetElement>("ports").len(), 3);
        scenario.remove("receivers", receiver("FF0E::1", 7)).step();
        assert_eq!(keys(&scenario), [("ff0e::1".into(), 32773)]);
        assert_eq!(scenario.rows::<SetElement>("ports").len(), 2);
    }

    #[test]
    fn a_switch_that_has_too_many_groups_serves_the_lowest_addresses() {
        let mut scenario = started(flows_alone);
        scenario
            .insert("sizes", (Uuid(1), 2u64))
            .insert("flooding", Flooding { switch: Uuid(1), relay: false, flood: false });
        for name in ["239.0.0.3", "239.0.0.2", "ff0e::1", "ff02::1", "224.0.0.9"] {
            scenario.insert("receivers", receiver(name, 7));
        }
        scenario.step();
        assert_eq!(scenario.rows::<Placed>("flows").len(), 3);
        assert_eq!(scenario.rows::<Problem>("problems"), []);
        scenario.insert("receivers", receiver("239.0.0.1", 7)).step();
        let mut matches: Vec<Text> = scenario
            .rows::<Placed>("flows")
            .into_iter()
            .map(|placed| placed.flow.key.matches.clone())
            .collect();
        matches.sort();
        assert_eq!(
            matches.iter().map(|text| &**text).collect::<Vec<_>>(),
            [
                "eth.mcast && ip4 && ip4.dst == 239.0.0.1 ",
                "eth.mcast && ip4 && ip4.dst == 239.0.0.2 ",
                "eth.mcast && ip6 && ip6.dst == ff0e::1 ",
            ]
        );
        assert_eq!(scenario.rows::<Problem>("problems").len(), 1);
        scenario.replace("sizes", (Uuid(1), 2u64), (Uuid(1), 0u64)).step();
        assert_eq!(scenario.rows::<Placed>("flows").len(), 0);
    }

    #[test]
    fn a_group_also_goes_where_all_goes() {
        let group = Group {
            datapath: Uuid(1),
            router: false,
            address: read("239.0.0.1").unwrap(),
            name: "239.0.0.1".into(),
        };
        let flow = flow(&group, &Flooding { switch: Uuid(1), relay: true, flood: true });
        assert_eq!(
            &*flow.key.actions,
            "clone { outport = \"_MC_mrouter_flood\"; output; };clone { outport =\"_MC_static\"; output; };\
             outport = \"239.0.0.1\"; output; "
        );
    }
}
