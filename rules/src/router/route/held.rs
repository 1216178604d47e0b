//! Numbers that southbound flows hold already. Who takes over goes on with them, so that no flow changes
//! that is right.
//!
//! A number is found by what flows say of it: a route table by the ports that choose it or by its routes, a
//! group of next hops by the match that chooses it, its member by where it is sent, a chain by the policies
//! in it.

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::number::Wanted;
use crate::flow::Stage;
use crate::flow::register::{ECMP_GROUP, ECMP_MEMBER, POLICY_CHAIN, ROUTE_TABLE};
use crate::ovsdb::{Text, Uuid};

/// What is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A route table, by the port that chooses it.
    TableOfPort,
    /// A route table, by a route in it.
    TableOfRoute,
    /// The routes of one prefix.
    Group,
    /// One of them.
    Member,
    /// The next hops of a policy.
    Policy,
    /// A chain of policies.
    Chain,
}

/// What flows say of something that has a number: its router, what it is, and the text.
pub type Sign = (Uuid, Kind, Text);

/// A number that a southbound flow holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Of what.
    pub sign: Sign,
    /// The number.
    pub number: u32,
}

/// The numbers that a flow of a router holds. `table` is the flow's in the ingress pipeline.
pub fn read(router: Uuid, table: i64, priority: i64, matches: &str, actions: &str) -> Vec<Held> {
    let is = |stage: Stage| i64::from(stage.row().table) == table;
    let held = |kind, text: String, number| Held { sign: (router, kind, text.into()), number };
    let group = || {
        actions.contains(&format!("; {ECMP_MEMBER} = ")).then(|| after(actions, &format!("{ECMP_GROUP} = ")))
    };
    if is(Stage::LrInIpRoutingPre) {
        let number = after(actions, &format!("{ROUTE_TABLE} = "));
        return number.map(|number| held(Kind::TableOfPort, matches.into(), number)).into_iter().collect();
    }
    if is(Stage::LrInIpRouting) {
        let group = group().flatten().map(|number| held(Kind::Group, group_text(priority, matches), number));
        let table = after(matches, &format!("{ROUTE_TABLE} == "));
        let table = table.map(|number| held(Kind::TableOfRoute, in_table(priority, matches, number), number));
        return [group, table].into_iter().flatten().collect();
    }
    if is(Stage::LrInIpRoutingEcmp) {
        let member = after(matches, &format!("{ECMP_MEMBER} == "));
        let group = after(matches, &format!("{ECMP_GROUP} == "));
        let held =
            member.zip(group).map(|(number, group)| held(Kind::Member, member_text(group, actions), number));
        return held.into_iter().collect();
    }
    if is(Stage::LrInPolicy) {
        let group =
            group().flatten().map(|number| held(Kind::Policy, policy_text(priority, matches), number));
        let chain = after(matches, &format!("{POLICY_CHAIN} == ")).and_then(|number| {
            let inner =
                matches.strip_prefix(&format!("{POLICY_CHAIN} == {number} && ("))?.strip_suffix(')')?;
            Some(held(Kind::Chain, policy_text(priority, inner), number))
        });
        return [group, chain].into_iter().flatten().collect();
    }
    Vec::new()
}

/// The number above zero after `mark`.
fn after(text: &str, mark: &str) -> Option<u32> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok().filter(|number| *number > 0)
}

/// What a route says but for the `number` of its table.
pub fn in_table(priority: i64, matches: &str, number: u32) -> String {
    format!("{priority} {}", matches.replacen(&format!("{ROUTE_TABLE} == {number} && "), "", 1))
}

/// What a group of routes is for. The priority tells configured routes from learned ones.
pub fn group_text(priority: i64, matches: &str) -> String {
    format!("{priority} {matches}")
}

/// What a member of a group does.
pub fn member_text(group: u32, actions: &str) -> String {
    format!("{group} {actions}")
}

/// What a policy matches.
pub fn policy_text(priority: i64, matches: &str) -> String {
    format!("{priority} {matches}")
}

/// The numbers that flows hold of those who want one. Where flows say several, the one that most say.
///
/// Cost: one that wants a number, a lookup for each of its signs.
pub fn claims(signs: &Relation<(Wanted, Sign)>, held: &Relation<Held>) -> Relation<(Wanted, u32)> {
    let found = signs
        .index_by(|(_, sign): &(Wanted, Sign)| sign.clone())
        .join(&held.index_by(|held| held.sign.clone()), |(wanted, sign), held| {
            (*wanted, held.number, key_hash(sign))
        });
    found.index_by(|(wanted, ..): &(Wanted, u32, u128)| *wanted).reduce(|group| {
        let mut votes = std::collections::BTreeMap::new();
        group.rows().for_each(|(_, number, _)| *votes.entry(*number).or_insert(0) += 1);
        let best = votes.into_iter().max_by_key(|(number, votes)| (*votes, std::cmp::Reverse(*number)));
        let (wanted, ..) = group.any();
        best.map(|(number, _)| (*wanted, number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(stage: Stage, priority: i64, matches: &str, actions: &str) -> Vec<(Kind, String, u32)> {
        let held = read(Uuid::ZERO, i64::from(stage.row().table), priority, matches, actions);
        held.into_iter().map(|held| (held.sign.1, held.sign.2.to_string(), held.number)).collect()
    }

    #[test]
    fn flows_say_what_has_which_number() {
        assert_eq!(
            numbers(Stage::LrInIpRoutingPre, 100, "inport == \"a\"", "reg7 = 3; next;"),
            [(Kind::TableOfPort, "inport == \"a\"".into(), 3)]
        );
        let matches = "reg7 == 3 && ip4.dst == 0.0.0.0/0";
        let actions = "ip.ttl--; flags.loopback = 1; reg8[0..15] = 7; reg8[16..31] = select(1, 2);";
        assert_eq!(
            numbers(Stage::LrInIpRouting, 4, matches, actions),
            [
                (Kind::Group, format!("4 {matches}"), 7),
                (Kind::TableOfRoute, "4 ip4.dst == 0.0.0.0/0".into(), 3)
            ]
        );
        let alone = "ip.ttl--; reg8[0..15] = 0; reg0 = 10.0.1.7; next;";
        assert_eq!(numbers(Stage::LrInIpRouting, 4, "reg7 == 0 && ip4.dst == 0.0.0.0/0", alone), []);
        assert_eq!(
            numbers(Stage::LrInIpRoutingEcmp, 100, "reg8[0..15] == 7 && reg8[16..31] == 2", "next;"),
            [(Kind::Member, "7 next;".into(), 2)]
        );
        assert_eq!(
            numbers(Stage::LrInPolicy, 9, "reg9[16..31] == 5 && (ip4)", "reg8[0..15] = 0; next;"),
            [(Kind::Chain, "9 ip4".into(), 5)]
        );
        assert_eq!(
            numbers(Stage::LrInPolicy, 9, "ip4", "reg8[0..15] = 4; reg8[16..31] = select(1, 2);"),
            [(Kind::Policy, "9 ip4".into(), 4)]
        );
    }
}
