//! Routes of equal cost (I14, I17): traffic is spread over all next hops of a prefix.

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::held::{self, Held, Kind};
use super::hop::Out;
use super::number::{Wanted, numbers};
use super::static_route::{Destination, Origin, Route};
use super::symmetric_reply;
use super::table::Table;
use crate::flow::register::{ECMP_COMMIT, ECMP_GROUP, ECMP_MEMBER, NEXT_HOP_IS_IP4};
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};

const SOURCE: &str = "router/route/ecmp.rs";

/// How a packet is sent by a member of a group.
fn send(route: &Route, out: &Out) -> String {
    let (next_hop, source, text) = route.registers();
    let commit = if route.symmetric { format!("{ECMP_COMMIT} = 1; ") } else { String::new() };
    format!(
        "{next_hop} = {text}; {source} = {}; eth.src = {}; outport = {}; {NEXT_HOP_IS_IP4} = {}; {commit}next;",
        out.source,
        out.mac,
        out.port.quoted(),
        u8::from(route.via_ip4())
    )
}

/// The routes of one prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// What they have in common.
    pub to: Destination,
    /// The group's number.
    pub number: u32,
    /// The routes, with their numbers, in order of these.
    pub members: Vec<(u32, Route)>,
}

impl Group {
    /// Whether the whole group drops: one of its routes does.
    pub fn drops(&self) -> bool {
        self.members.iter().any(|(_, route)| route.out.is_none())
    }

    /// The header fields that all routes spread traffic by.
    fn fields(&self) -> Vec<&Text> {
        let all = |field: &&Text| self.members.iter().all(|(_, route)| route.fields.contains(field));
        self.members.first().into_iter().flat_map(|(_, route)| &route.fields).filter(all).collect()
    }

    /// All flows. `table`: the number of the route table; `on_chassis`: the router is on one chassis.
    pub fn flows(&self, table: u32, on_chassis: bool, drop: &Text) -> Vec<Flow> {
        let fields = self.fields();
        let by_port = fields.iter().any(|field| matches!(&***field, "tp_src" | "tp_dst"));
        let mut flows = vec![self.choice(table, &fields, None)];
        let protocols = ["tcp", "udp", "sctp"].into_iter().filter(|_| by_port);
        flows.extend(protocols.map(|protocol| self.choice(table, &fields, Some(protocol))));
        for (number, route) in &self.members {
            let matches = format!("{ECMP_GROUP} == {} && {ECMP_MEMBER} == {number}", self.number);
            let actions = match &route.out {
                Some(out) if !self.drops() => send(route, out),
                _ => drop.to_string(),
            };
            flows.push(Flow::new(Stage::LrInIpRoutingEcmp, 100, matches, actions).hint(route.row));
        }
        if on_chassis && !self.drops() {
            flows.extend(self.replies(table, by_port));
        }
        flows
    }

    /// The flow that chooses a member, of packets of `protocol` where the fields name its ports.
    fn choice(&self, table: u32, fields: &[&Text], protocol: Option<&str>) -> Flow {
        let (priority, mut matches) = self.to.key(None, table, protocol.is_some());
        let numbers: Vec<String> = self.members.iter().map(|(number, _)| number.to_string()).collect();
        let choice = match &numbers[..] {
            [only] => format!("{only}; next;"),
            _ if fields.is_empty() => format!("select({});", numbers.join(", ")),
            _ => {
                if let Some(protocol) = protocol {
                    matches += &format!(" && {protocol}");
                }
                let spell = |field: &&Text| match (&***field, protocol) {
                    ("tp_src", protocol) => Some(format!("{}_src", protocol?)),
                    ("tp_dst", protocol) => Some(format!("{}_dst", protocol?)),
                    (field, _) => Some(field.to_owned()),
                };
                let fields: Vec<String> = fields.iter().filter_map(spell).collect();
                format!("select(values=({}); hash_fields=\"{}\");", numbers.join(", "), fields.join(","))
            }
        };
        let group = self.number;
        let actions =
            format!("ip.ttl--; flags.loopback = 1; {ECMP_GROUP} = {group}; {ECMP_MEMBER} = {choice}");
        Flow::new(Stage::LrInIpRouting, priority, matches, actions).written_in(SOURCE)
    }

    /// The flows that send replies back the way that requests came, one set a port.
    fn replies(&self, table: u32, by_port: bool) -> Vec<Flow> {
        let mut flows = Vec::new();
        let mut seen: Vec<Uuid> = Vec::new();
        let mut matches = vec![self.to.key(None, table, false).1];
        if by_port && self.members.len() > 1 {
            let first = matches[0].clone();
            matches.extend(["tcp", "udp", "sctp"].map(|protocol| format!("{first} && {protocol}")));
        }
        for (_, route) in self.members.iter().filter(|(_, route)| route.symmetric) {
            let Some(out) = &route.out else { continue };
            if !seen.contains(&out.port.row) {
                seen.push(out.port.row);
                flows.extend(matches.iter().flat_map(|matches| symmetric_reply::flows(route, out, matches)));
            }
        }
        flows
    }
}

/// A number given to a group or a member.
type Given = (u128, u32);

/// What becomes of routes.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// Routes that are alone with their prefix.
    pub alone: Relation<Route>,
    /// The groups.
    pub groups: Relation<Group>,
}

/// A route in a group or alone.
type Split = (bool, Route);

/// Groups routes by what they match. A route whose replies are to come back the same way is a group
/// even if it is alone, so that its traffic is tracked before another comes.
///
/// Cost: a route costs the members of its group.
pub fn group(routes: &Relation<Route>, tables: &Relation<Table>, held: &Relation<Held>) -> Grouped {
    let split = routes.index_by(|route| route.to.clone()).named("route.destination").reduce(|group| {
        let several = group.count() > 1 || group.rows().any(|route| route.symmetric);
        let grouped = several && group.any().to.origin != Origin::Connected;
        group.rows().map(|route| (grouped, route.clone())).collect::<Vec<Split>>()
    });
    let alone = split.flat_map(|(grouped, route)| (!grouped).then(|| route.clone()));
    let members = split.flat_map(|(grouped, route)| grouped.then(|| route.clone()));
    let wanted = |route: &Route| {
        let group = key_hash(&route.to);
        let member = Wanted { space: group, owner: key_hash(&(route.row, &route.to)) };
        (Wanted { space: key_hash(&route.to.router), owner: group }, member)
    };
    let destinations = members.map(move |route| (wanted(route).0, route.to.clone())).distinct();
    let signs = destinations.index_by(|(_, to): &(Wanted, Destination)| key_hash(&to.table)).join_optional(
        &tables.index_by(|(name, _)| *name),
        |(wanted, to), table| {
            let (priority, matches) = to.key(None, table.map_or(0, |(_, number)| *number), false);
            let text = held::group_text(i64::from(priority), &matches);
            Some((*wanted, (to.router, Kind::Group, Text::from(text))))
        },
    );
    let group_numbers = numbers(&destinations.map(|(wanted, _)| *wanted), &held::claims(&signs, held));
    let group_numbers = group_numbers.map(|given| (given.wanted.owner, given.number));
    let signs = members.index_by(move |route| wanted(route).0.owner).join(
        &group_numbers.index_by(|(owner, _): &Given| *owner),
        move |route, (_, number)| {
            let actions = route.out.as_ref().map(|out| send(route, out)).unwrap_or_default();
            let text = held::member_text(*number, &actions);
            (wanted(route).1, (route.to.router, Kind::Member, Text::from(text)))
        },
    );
    let wanted_members = members.map(move |route| wanted(route).1);
    let member_numbers = numbers(&wanted_members, &held::claims(&signs, held));
    let member_numbers = member_numbers.map(|given| (given.wanted.owner, given.number));
    let groups = members
        .index_by(move |route| wanted(route).1.owner)
        .join(&member_numbers.index_by(|(owner, _): &Given| *owner), |route, (_, number)| {
            (*number, route.clone())
        })
        .index_by(|(_, route): &(u32, Route)| route.to.clone())
        .named("route.group")
        .reduce(|group| {
            let mut members: Vec<(u32, Route)> = group.rows().cloned().collect();
            members.sort();
            members.first().map(|(_, route)| route.to.clone()).map(|to| Group { to, number: 0, members })
        })
        .index_by(|group: &Group| key_hash(&group.to))
        .join(&group_numbers.index_by(|(owner, _): &Given| *owner), |group, (_, number)| Group {
            number: *number,
            ..group.clone()
        });
    Grouped { alone, groups }
}

#[cfg(test)]
mod tests {
    use super::super::static_route::Spec;
    use super::super::static_route::tests::{out, row};
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn traffic_is_spread_over_members() {
        let route = |next_hop: &str| {
            let mut row = row("192.0.2.0/24", next_hop);
            row.selection_fields = vec!["ip_src".into(), "tp_dst".into()];
            Spec::read(&row).map(|spec| spec.route(Uuid::ZERO, Some(out())))
        };
        let members: Vec<(u32, Route)> = ["10.0.1.7", "10.0.1.8"]
            .iter()
            .filter_map(|hop| route(hop).ok())
            .zip(1..)
            .map(|(r, n)| (n, r))
            .collect();
        let group = Group { to: members[0].1.to.clone(), number: 5, members };
        let flows = lines(&group.flows(2, false, &"drop;".into()));
        assert_eq!(flows.len(), 6);
        assert_eq!(
            flows[1],
            "lr_in_ip_routing 197 | reg7 == 2 && ip4.dst == 192.0.2.0/24 && tcp | ip.ttl--; flags.loopback = 1; \
             reg8[0..15] = 5; reg8[16..31] = select(values=(1, 2); hash_fields=\"ip_proto,ip_src,tcp_dst\");"
        );
        assert_eq!(
            flows[5],
            "lr_in_ip_routing_ecmp 100 | reg8[0..15] == 5 && reg8[16..31] == 2 | reg0 = 10.0.1.8; \
             reg5 = 10.0.1.1; eth.src = 0a:00:00:00:01:01; outport = \"r\"; reg9[9] = 1; next; [hint]"
        );
    }
}
