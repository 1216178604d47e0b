//! Numbers in the flows of routes and policies: of route tables, of groups of next hops and their members,
//! of chains of policies. Which number stands for what depends on the writer's history, so each is
//! replaced by what it stands for on its router: the flows that have it. Two things that share a number
//! get the flows of both and so differ from two that do not.
//!
//! A router without chains may or may not say that its policies are in none.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::{Atom, Datum, Uuid};

use super::{map_value, number, text_of};
use crate::dump::{Dump, Row};

const GROUP: &str = "reg8[0..15] = ";
const IN_GROUP: &str = "reg8[0..15] == ";
const MEMBER: &str = " && reg8[16..31] == ";
const CHOICE: &str = "; reg8[16..31] = ";
const TABLE: &str = "reg7 = ";
const IN_TABLE: &str = "reg7 == ";
const CHAIN: &str = "reg9[16..31]=";
const IN_CHAIN: &str = "reg9[16..31] == ";

/// A flow on one router.
struct Flow {
    row: Uuid,
    /// Its datapath, and the northbound row of that, which is the same for every writer.
    router: Uuid,
    owner: String,
    stage: String,
    priority: i64,
    matches: String,
    actions: String,
}

/// The flows with such numbers, one row for each router that has them; and which rows they replace.
#[derive(Default)]
pub struct Numbered {
    /// The rows that replace others.
    pub rows: Vec<Row>,
    /// The rows that are replaced.
    pub replaced: BTreeSet<Uuid>,
    /// Groups of datapaths that only replaced rows refer to.
    pub groups: BTreeSet<Uuid>,
}

/// Finds the flows with numbers.
pub fn numbered(dump: &Dump) -> Numbered {
    let rows = |table: &str| dump.get(table).into_iter().flatten();
    let groups: BTreeMap<Uuid, Vec<Uuid>> =
        rows("Logical_DP_Group").map(|(uuid, row)| (*uuid, uuids(row, "datapaths"))).collect();
    let owners: BTreeMap<Uuid, String> =
        rows("Datapath_Binding").map(|(uuid, row)| (*uuid, text_of(row, "nb_uuid"))).collect();
    let mut flows = Vec::new();
    for (uuid, row) in rows("Logical_Flow") {
        let stage = map_value(row, "external_ids", "stage-name").unwrap_or_default();
        if !stage.starts_with("lr_in_") {
            continue;
        }
        let grouped =
            uuids(row, "logical_dp_group").into_iter().filter_map(|group| groups.get(&group)).flatten();
        for router in uuids(row, "logical_datapath").iter().chain(grouped) {
            flows.push(Flow {
                row: *uuid,
                router: *router,
                owner: owners.get(router).cloned().unwrap_or_default(),
                stage: stage.clone(),
                priority: number(row, "priority"),
                matches: text_of(row, "match"),
                actions: text_of(row, "actions"),
            });
        }
    }
    let before: Vec<(String, String)> =
        flows.iter().map(|flow| (flow.matches.clone(), flow.actions.clone())).collect();
    tables(&mut flows);
    next_hops(&mut flows, "lr_in_ip_routing", "lr_in_ip_routing_ecmp");
    next_hops(&mut flows, "lr_in_policy", "lr_in_policy_ecmp");
    chains(&mut flows);
    let mut numbered = Numbered::default();
    let changed = flows
        .iter()
        .zip(&before)
        .filter(|(now, before)| (&now.matches, &now.actions) != (&before.0, &before.1));
    numbered.replaced = changed.map(|(flow, _)| flow.row).collect();
    for flow in flows.iter().filter(|flow| numbered.replaced.contains(&flow.row)) {
        let Some(row) = dump.get("Logical_Flow").and_then(|rows| rows.get(&flow.row)) else { continue };
        let mut row = row.clone();
        let text = |text: &str| Datum::scalar(Atom::String(text.into()));
        row.insert("match".into(), text(&flow.matches));
        row.insert("actions".into(), text(&flow.actions));
        row.insert("logical_dp_group".into(), Datum::none());
        row.insert("logical_datapath".into(), Datum::scalar(Atom::Uuid(flow.router)));
        numbered.rows.push(row);
    }
    let referred = |replaced: bool| -> BTreeSet<Uuid> {
        let rows = rows("Logical_Flow").filter(|(uuid, _)| numbered.replaced.contains(uuid) == replaced);
        rows.flat_map(|(_, row)| uuids(row, "logical_dp_group")).collect()
    };
    numbered.groups = referred(true).difference(&referred(false)).copied().collect();
    numbered
}

/// The number after `mark` in `text`, with where it is.
fn after(text: &str, mark: &str) -> Option<(usize, usize, u32)> {
    let from = text.find(mark)? + mark.len();
    let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
    Some((from, from + digits, text[from..from + digits].parse().ok()?))
}

fn replace(text: &mut String, mark: &str, names: impl Fn(u32) -> Option<String>) {
    if let Some((from, to, number)) = after(text, mark)
        && let Some(name) = names(number)
    {
        text.replace_range(from..to, &name);
    }
}

/// Tables are the same on all routers.
fn tables(flows: &mut [Flow]) {
    let mut names: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for flow in &*flows {
        for (text, mark) in [(&flow.matches, IN_TABLE), (&flow.actions, TABLE)] {
            let Some((from, to, number)) = after(text, mark).filter(|(.., number)| *number > 0) else {
                continue;
            };
            // It has a number of its own, the key of a port.
            if flow.matches.contains("ct_mark.ecmp_reply_port") {
                continue;
            }
            let rest = if mark == TABLE {
                flow.matches.clone()
            } else {
                format!("{}{}", &text[..from], &text[to..])
            };
            let name = format!("{} {rest}", flow.owner);
            names.entry(number).or_default().insert(name);
        }
    }
    let name = |number: u32| names.get(&number).map(|names| format!("<table {names:?}>"));
    for flow in flows {
        replace(&mut flow.matches, IN_TABLE, name);
        replace(&mut flow.actions, TABLE, name);
    }
}

/// Groups of next hops: chosen in one stage, their members in the next.
fn next_hops(flows: &mut [Flow], choosing: &str, sending: &str) {
    let mut groups: BTreeMap<(Uuid, u32), BTreeSet<String>> = BTreeMap::new();
    let mut members: BTreeMap<(Uuid, u32, u32), BTreeSet<String>> = BTreeMap::new();
    for flow in &*flows {
        if flow.stage == choosing
            && flow.actions.contains(CHOICE)
            && let Some((.., group)) = after(&flow.actions, GROUP)
        {
            groups
                .entry((flow.router, group))
                .or_default()
                .insert(format!("{} {}", flow.priority, flow.matches));
        }
        if flow.stage == sending
            && let Some((.., group)) = after(&flow.matches, IN_GROUP)
            && let Some((.., member)) = after(&flow.matches, MEMBER)
        {
            members.entry((flow.router, group, member)).or_default().insert(flow.actions.clone());
        }
    }
    let group_name = |router, group| groups.get(&(router, group)).map(|names| format!("<group {names:?}>"));
    let member_name = |router, group, member| match members.get(&(router, group, member)) {
        Some(names) => format!("<{names:?}>"),
        None => format!("<no member {member}>"),
    };
    for flow in flows {
        let router = flow.router;
        if flow.stage == choosing
            && flow.actions.contains(CHOICE)
            && let Some((.., group)) = after(&flow.actions, GROUP)
        {
            let (before, choice) = flow.actions.split_once(CHOICE).unwrap_or_default();
            let (open, close) = match (choice.find('('), choice.find("(values=(")) {
                (_, Some(at)) => (
                    at + "(values=(".len(),
                    choice.find(");").map(|_| choice[at + 9..].find(')').unwrap_or(0) + at + 9),
                ),
                (Some(at), None) => (at + 1, choice.find(')')),
                (None, None) => (0, choice.find(';')),
            };
            let close = close.unwrap_or(choice.len());
            let mut names: Vec<String> = choice[open..close]
                .split(", ")
                .map(|member| {
                    member.parse().map_or(member.into(), |member| member_name(router, group, member))
                })
                .collect();
            names.sort();
            let tail = sorted_fields(&choice[close..]);
            let choice = format!("{}{}{tail}", &choice[..open], names.join(", "));
            flow.actions = format!("{before}{CHOICE}{choice}");
            replace(&mut flow.actions, GROUP, |group| group_name(router, group));
        }
        if flow.stage == sending
            && let Some((.., group)) = after(&flow.matches, IN_GROUP)
            && let Some((.., member)) = after(&flow.matches, MEMBER)
        {
            let name = member_name(router, group, member);
            replace(&mut flow.matches, MEMBER, |_| Some(name.clone()));
            replace(&mut flow.matches, IN_GROUP, |group| {
                Some(group_name(router, group).unwrap_or_else(|| format!("<no group {group}>")))
            });
        }
    }
}

/// The fields that traffic is spread by, in order: the reference writes them as its hash table has them.
fn sorted_fields(text: &str) -> String {
    let Some((before, rest)) = text.split_once("hash_fields=\"") else { return text.into() };
    let Some((fields, after)) = rest.split_once('"') else { return text.into() };
    let mut fields: Vec<&str> = fields.split(',').collect();
    fields.sort_unstable();
    format!("{before}hash_fields=\"{}\"{after}", fields.join(","))
}

fn chains(flows: &mut [Flow]) {
    let mut names: BTreeMap<(Uuid, u32), BTreeSet<String>> = BTreeMap::new();
    let mut chained: BTreeSet<Uuid> = BTreeSet::new();
    for flow in flows.iter().filter(|flow| flow.stage == "lr_in_policy") {
        if let Some((_, to, chain)) = after(&flow.matches, IN_CHAIN).filter(|(.., chain)| *chain > 0) {
            chained.insert(flow.router);
            let name = format!("{} {}", flow.priority, &flow.matches[to..]);
            names.entry((flow.router, chain)).or_default().insert(name);
        }
    }
    for flow in flows.iter_mut().filter(|flow| flow.stage == "lr_in_policy") {
        let router = flow.router;
        let name = |chain: u32| names.get(&(router, chain)).map(|names| format!("<chain {names:?}>"));
        replace(&mut flow.matches, IN_CHAIN, name);
        replace(&mut flow.actions, CHAIN, name);
        if !chained.contains(&router)
            && let Some(inner) =
                flow.matches.strip_prefix("reg9[16..31] == 0 && (").and_then(|rest| rest.strip_suffix(')'))
        {
            flow.matches = inner.into();
        }
    }
}

fn uuids(row: &Row, column: &str) -> Vec<Uuid> {
    match row.get(column) {
        Some(Datum::Set(atoms)) => atoms
            .iter()
            .filter_map(|atom| if let Atom::Uuid(uuid) = atom { Some(*uuid) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}
