//! Routing policies (I20, I21, I22): what is done with a packet whatever its route says
//! (ovn-nb(5), Logical_Router_Policy).

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::bfd::Session;
use super::forwarding::Forwarding;
use super::route::held::{self, Kind, Sign};
use super::route::hop::{Hop, Out, Query, hops};
use super::route::number::{Numbered, Wanted, numbers};
use crate::flow::register::{
    ECMP_GROUP, ECMP_MEMBER, NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, POLICY_CHAIN, SOURCE_IP4,
    SOURCE_IP6,
};
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, Stage};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, nb};

const STAGE: Stage = Stage::LrInPolicy;

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Policy {
    row: Uuid,
    priority: i64,
    matches: Text,
    action: Text,
    chain: Text,
    jump_chain: Text,
    deprecated: bool,
    next_hops: Vec<Text>,
    output_port: Option<Uuid>,
    bfd_sessions: Vec<Uuid>,
    mark: u32,
}

impl Policy {
    /// Reads a row.
    pub fn read(row: &nb::RouterPolicy) -> Policy {
        let mut next_hops = row.nexthops.clone();
        next_hops.sort();
        Policy {
            row: row.uuid,
            priority: row.priority,
            matches: row.match_.clone(),
            action: row.action.clone(),
            chain: row.chain.clone().unwrap_or_default(),
            jump_chain: row.jump_chain.clone().unwrap_or_default(),
            deprecated: row.nexthop.as_ref().is_some_and(|hop| !hop.is_empty()),
            next_hops,
            output_port: row.output_port,
            bfd_sessions: row.bfd_sessions.clone(),
            mark: row.options.get_number("pkt_mark").unwrap_or(0),
        }
    }

    fn reroutes(&self) -> bool {
        &*self.action == "reroute"
    }

    /// Whether traffic is spread over next hops, even if one is left of them.
    fn spreads(&self) -> bool {
        self.reroutes() && self.next_hops.len() > 1
    }

    /// What flows say of its number, or of that of its chain.
    fn sign(&self, router: Uuid, kind: Kind) -> Sign {
        (router, kind, held::policy_text(self.priority, &self.matches).into())
    }

    /// How problems name the policy.
    fn described(&self) -> String {
        let chain = if self.chain.is_empty() { "<Default>" } else { &self.chain };
        format!("policy (chain: '{chain}', match: '{}', priority {})", self.matches, self.priority)
    }

    /// What is wrong with it on `router`, so that it is left out. `target`: the chain that it jumps to
    /// is there.
    fn complaint(&self, router: &str, target: bool) -> Option<String> {
        if self.deprecated {
            return Some(format!(
                "Logical router: {router}, policy uses deprecated column \"nexthop\", this column is ignored. \
                 Pleaseuse \"nexthops\" column instead."
            ));
        }
        match &*self.action {
            "jump" if self.jump_chain.is_empty() => {
                Some(format!("Logical router: {router}, policy action 'jump' has empty target"))
            }
            "jump" if !target => Some(format!(
                "Logical router: {router}, policy action 'jump' follows to non-existent chain {}",
                self.jump_chain
            )),
            "reroute" if self.output_port.is_some() && self.next_hops.len() != 1 => Some(format!(
                "Logical router: {router}, {}: output_port only supported on non-ECMP reroute policies",
                self.described()
            )),
            _ => None,
        }
    }
}

/// A policy with all that its flows depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resolved {
    /// The policy.
    pub policy: Policy,
    /// Its router.
    pub router: Uuid,
    /// The number of its chain, if its router has chains; 0 is none.
    pub chain: Option<u32>,
    /// The number of the chain that it jumps to.
    pub target: u32,
    /// Next hops that are reached and alive, in order.
    pub next_hops: Vec<(Text, Out)>,
    /// The number of its group of next hops.
    pub group: u32,
}

impl Resolved {
    fn mark(&self) -> String {
        if self.policy.mark == 0 { String::new() } else { format!("pkt.mark = {}; ", self.policy.mark) }
    }

    /// How a packet is sent to one next hop.
    fn send(&self, (next_hop, out): &(Text, Out), alone: bool) -> String {
        let ip4 = next_hop.contains('.');
        let (hop, source) = if ip4 { (NEXT_HOP_IP4, SOURCE_IP4) } else { (NEXT_HOP_IP6, SOURCE_IP6) };
        let group = if alone { format!("{ECMP_GROUP} = 0; ") } else { String::new() };
        format!(
            "{}{hop} = {next_hop}; {source} = {}; eth.src = {}; outport = {}; flags.loopback = 1; \
             {group}{NEXT_HOP_IS_IP4} = {}; next;",
            self.mark(),
            out.source,
            out.mac,
            out.port.quoted(),
            u8::from(ip4)
        )
    }

    fn flow(&self, stage: Stage, priority: i64, matches: impl Into<Text>, actions: impl Into<Text>) -> Flow {
        let priority = u16::try_from(priority).unwrap_or(u16::MAX);
        Flow::new(stage, priority, matches, actions).hint(self.policy.row)
    }

    /// The next hop that is of another family than the first.
    fn stranger(&self) -> Option<&Text> {
        let mut hops = self.next_hops.iter().map(|(hop, _)| hop);
        let first = hops.next()?.contains('.');
        hops.find(|hop| hop.contains('.') != first)
    }

    /// The flows.
    pub fn flows(&self, drop: &Text) -> Vec<Flow> {
        if self.policy.spreads() {
            return self.spread();
        }
        let actions = match &*self.policy.action {
            "reroute" => match self.next_hops.first() {
                Some(hop) => self.send(hop, true),
                None => return Vec::new(),
            },
            "jump" => {
                let table = STAGE.row().table;
                format!("{POLICY_CHAIN}={}; next(pipeline=ingress, table={table});", self.target)
            }
            "drop" => drop.to_string(),
            "allow" => format!("{}{ECMP_GROUP} = 0; next;", self.mark()),
            _ => String::new(),
        };
        let matches = match self.chain {
            Some(chain) => format!("{POLICY_CHAIN} == {chain} && ({})", self.policy.matches).into(),
            None => self.policy.matches.clone(),
        };
        vec![self.flow(STAGE, self.policy.priority, matches, actions)]
    }

    /// The flows that spread packets over next hops; chains are not looked at.
    fn spread(&self) -> Vec<Flow> {
        if self.next_hops.is_empty() || self.stranger().is_some() {
            return Vec::new();
        }
        let group = self.group;
        let mut flows: Vec<Flow> = (1..)
            .zip(&self.next_hops)
            .map(|(member, hop)| {
                let matches = format!("{ECMP_GROUP} == {group} && {ECMP_MEMBER} == {member}");
                self.flow(Stage::LrInPolicyEcmp, 100, matches, self.send(hop, false))
            })
            .collect();
        let members: Vec<String> = (1..=flows.len()).map(|member| member.to_string()).collect();
        let choice = match &members[..] {
            [only] => format!("{only}; next;"),
            _ => format!("select({});", members.join(", ")),
        };
        let actions = format!("{ECMP_GROUP} = {group}; {ECMP_MEMBER} = {choice}");
        flows.push(self.flow(STAGE, self.policy.priority, self.policy.matches.clone(), actions));
        flows
    }
}

/// What policies contribute.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Flows.
    pub placed: Relation<Placed>,
    /// What is wrong.
    pub problems: Relation<Problem>,
    /// The sessions that policies depend on.
    pub watched: Relation<Session>,
}

type Listed = (Uuid, Policy);
type Sought = (Uuid, Policy, Query);

/// The flows of all policies.
///
/// A packet is in no chain until a policy sends it to one. On a router that has chains the policies that
/// are in none say so.
///
/// Cost: a policy costs its own flows, and a lookup for each of its next hops; the first chain of a
/// router, the router's policies.
pub fn policies(nb: &Northbound, forwarding: Forwarding<'_>) -> Policies {
    let Forwarding { names, exits, exit_names, sessions, drop, held, .. } = forwarding;
    let builder = nb.policy.builder();
    let listed: Relation<Listed> = nb
        .router_policies
        .index_by(Link::owner)
        .semijoin(names)
        .index_by(Link::member)
        .join(&nb.policy.map(Policy::read).index_by(|policy| policy.row), |link, policy| {
            (link.owner, policy.clone())
        });

    let chain = |router: Uuid, name: &Text| Wanted { space: key_hash(&router), owner: key_hash(name) };
    let in_chains = listed.filter(|(_, policy)| !policy.chain.is_empty());
    let signs = in_chains
        .map(move |(router, policy)| (chain(*router, &policy.chain), policy.sign(*router, Kind::Chain)));
    let chains = in_chains.map(move |(router, policy)| chain(*router, &policy.chain)).distinct();
    let chains = numbers(&chains, &held::claims(&signs, held));
    let chained = chains.map(|given| given.wanted.space).distinct();
    let by_chain = chains.index_by(|given: &Numbered| given.wanted);
    // Each policy with the number of its chain, of its target, and whether there are chains at all.
    let numbered = listed
        .index_by(move |(router, policy): &Listed| chain(*router, &policy.chain))
        .join_optional(&by_chain, |(router, policy), given| {
            let number = given.map_or(0, |given| given.number);
            (policy.chain.is_empty() || number > 0).then(|| (*router, policy.clone(), number))
        })
        .index_by(move |(router, policy, _): &(Uuid, Policy, u32)| chain(*router, &policy.jump_chain))
        .join_optional(&by_chain, |(router, policy, number), given| {
            Some((*router, policy.clone(), *number, given.map_or(0, |given| given.number)))
        })
        .index_by(|(router, ..): &(Uuid, Policy, u32, u32)| key_hash(router))
        .join_optional(&chained.index_by(|space| *space), |(router, policy, number, target), chained| {
            Some(Resolved {
                policy: policy.clone(),
                router: *router,
                chain: chained.map(|_| *number),
                target: *target,
                next_hops: Vec::new(),
                group: 0,
            })
        });
    let checked =
        numbered.index_by(|resolved: &Resolved| resolved.router).join(names, |resolved, (_, name)| {
            let wrong = resolved.policy.complaint(name, resolved.target > 0).map(Text::from);
            (resolved.clone(), wrong)
        });
    let wrong = checked.flat_map(|(_, wrong)| wrong.clone().map(Problem::new));
    let right = checked.flat_map(|(resolved, wrong)| wrong.is_none().then(|| resolved.clone()));

    let ports = nb.router_port.map(|row| (row.uuid, row.name.clone()));
    let sought: Relation<Sought> = right
        .filter(|resolved| resolved.policy.reroutes())
        .index_by(|resolved| resolved.policy.output_port.unwrap_or(Uuid::ZERO))
        .join_optional(&ports.index_by(|(row, _)| *row), |resolved, port| {
            let hops = resolved.policy.next_hops.iter().filter(|hop| !hop.is_empty());
            let query = |hop: &Text| Query {
                router: resolved.router,
                port: port.map(|(_, name)| name.clone()),
                next_hop: hop.clone(),
                ip4: hop.contains('.'),
                forced: false,
            };
            hops.map(|hop| (resolved.router, resolved.policy.clone(), query(hop))).collect::<Vec<_>>()
        });
    let by_query = sought.index_by(|(.., query): &Sought| query.clone()).named("policy.query");
    let found = hops(&sought.map(|(.., query)| query.clone()), exits);
    let found = found.index_by(|hop: &Hop| hop.query.clone());
    let reached = by_query.join(&found, |(router, policy, _), hop| (*router, policy.clone(), hop.clone()));
    let unreached = by_query
        .antijoin(&found)
        .index_by(|(.., query): &Sought| query.port.clone().unwrap_or_default())
        .join_optional(exit_names, |(router, policy, query), known| {
            let bad = query.port.clone().filter(|_| known.is_none());
            Some((*router, policy.clone(), query.next_hop.clone(), bad))
        })
        .index_by(|(router, ..): &(Uuid, Policy, Text, Option<Text>)| *router)
        .join(names, |(_, policy, hop, bad), (_, name)| {
            Problem::new(match bad {
                Some(port) => format!("Bad out port {port} for policy {}", policy.matches),
                None => {
                    format!("Logical Router: {name}, {}: no path for next hop {hop}", policy.described())
                }
            })
        });

    // A next hop that a session of the policy watches has to be alive.
    let pairs = reached.flat_map(|(router, policy, hop): &(Uuid, Policy, Hop)| {
        let sessions = policy.bfd_sessions.iter().map(|row| (*row, *router, policy.row, hop.clone()));
        sessions.collect::<Vec<(Uuid, Uuid, Uuid, Hop)>>()
    });
    let watching = pairs.index_by(|(session, ..)| *session).join_flat(
        &sessions.index_by(|session| session.row),
        |(_, router, policy, hop), session| {
            let ours = session.dst_ip == hop.query.next_hop && session.logical_port == hop.out.port.name;
            ours.then(|| ((*router, *policy, hop.clone()), session.clone()))
        },
    );
    let watched = watching.map(|(_, session)| session.clone()).distinct();
    let down = watching.flat_map(|(hop, session)| (!session.alive).then(|| hop.clone())).distinct();
    let alive = reached
        .map(|(router, policy, hop)| (*router, policy.row, hop.clone()))
        .index_by(|hop: &(Uuid, Uuid, Hop)| hop.clone())
        .antijoin(&down.index_by(|hop: &(Uuid, Uuid, Hop)| hop.clone()));
    let usable =
        alive.index_by(|(router, policy, _): &(Uuid, Uuid, Hop)| (*router, *policy)).reduce(|group| {
            let mut hops: Vec<(Text, Out)> =
                group.rows().map(|(.., hop)| (hop.query.next_hop.clone(), hop.out.clone())).collect();
            hops.sort();
            let (router, policy, _) = group.any();
            [(*router, *policy, hops)]
        });

    let member = |resolved: &Resolved| Wanted {
        space: key_hash(&resolved.router),
        owner: key_hash(&resolved.policy.row),
    };
    let spreading = right.filter(|row| row.policy.spreads());
    let signs = spreading.map(move |row| (member(row), row.policy.sign(row.router, Kind::Policy)));
    let groups = numbers(&spreading.map(member), &held::claims(&signs, held));
    let resolved = right
        .index_by(|resolved: &Resolved| (resolved.router, resolved.policy.row))
        .join_optional(&usable.index_by(|(router, policy, _)| (*router, *policy)), |resolved, usable| {
            let next_hops = usable.map(|(.., hops)| hops.clone()).unwrap_or_default();
            Some(Resolved { next_hops, ..resolved.clone() })
        })
        .index_by(member)
        .join_optional(&groups.index_by(|given: &Numbered| given.wanted), |resolved, given| {
            let group = given.map_or(0, |given| given.number);
            (group > 0 || !resolved.policy.spreads()).then(|| Resolved { group, ..resolved.clone() })
        });
    let drop = drop.map(|drop| drop.explicit());
    let placed = resolved
        .index_by(|_| ())
        .join_flat(&drop.index_by(|_| ()), |resolved, drop| place(resolved.router, resolved.flows(drop)));
    let mixed = resolved.flat_map(|resolved| {
        let hop = resolved.stranger().filter(|_| resolved.policy.spreads())?;
        Some(Problem::new(format!(
            "nexthop [{hop}] of the router policy with the match [{}] do not belong to the same address \
             family as other next hops",
            resolved.policy.matches
        )))
    });
    Policies { placed, problems: builder.union(&[wrong, unreached, mixed]), watched }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::Port;
    use crate::switch::port::tests::lines;
    use crate::value::mac::Mac;

    fn resolved(action: &str, hops: &[&str]) -> Resolved {
        let row = nb::RouterPolicy {
            priority: 10,
            match_: "ip4".into(),
            action: action.into(),
            nexthops: hops.iter().map(|hop| Text::from(*hop)).collect(),
            ..Default::default()
        };
        let out = Out {
            port: Port { row: Uuid::ZERO, name: "r".into() },
            router: Uuid::ZERO,
            mac: Mac([10, 0, 0, 0, 1, 1]),
            source: "10.0.1.1".into(),
            key: 1,
        };
        let next_hops = hops.iter().map(|hop| (Text::from(*hop), out.clone())).collect();
        let policy = Policy::read(&row);
        Resolved { policy, router: Uuid::ZERO, chain: None, target: 4, next_hops, group: 3 }
    }

    fn flows(resolved: &Resolved) -> Vec<String> {
        lines(&resolved.flows(&"drop;".into()))
    }

    #[test]
    fn policies_do_what_they_say() {
        assert_eq!(flows(&resolved("allow", &[])), ["lr_in_policy 10 | ip4 | reg8[0..15] = 0; next; [hint]"]);
        let chained = Resolved { chain: Some(2), ..resolved("jump", &[]) };
        assert_eq!(
            flows(&chained),
            ["lr_in_policy 10 | reg9[16..31] == 2 && (ip4) | reg9[16..31]=4; \
              next(pipeline=ingress, table=18); [hint]"]
        );
        assert_eq!(
            flows(&resolved("reroute", &["10.0.1.7"])),
            ["lr_in_policy 10 | ip4 | reg0 = 10.0.1.7; reg5 = 10.0.1.1; eth.src = 0a:00:00:00:01:01; \
              outport = \"r\"; flags.loopback = 1; reg8[0..15] = 0; reg9[9] = 1; next; [hint]"]
        );
        let spread = flows(&resolved("reroute", &["10.0.1.7", "10.0.1.8"]));
        assert_eq!(spread[2], "lr_in_policy 10 | ip4 | reg8[0..15] = 3; reg8[16..31] = select(1, 2); [hint]");
    }
}
