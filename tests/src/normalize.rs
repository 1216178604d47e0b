//! Southbound contents as text that is the same for equal networks.
//!
//! What has no meaning of its own is replaced by what it stands for: row identifiers by the natural
//! key of the row, datapath groups by the datapaths in them, tunnel keys by whose they are (how they
//! were given out depends on history; [`Keys`] checks them apart), and so are the numbers of ACLs and the
//! keys and queues of ports in actions. A column that holds its type's default is left out, for a writer may leave it
//! out too. `external_ids:source` names a line of the writer's own code, discriminators of BFD are drawn at
//! random, and `stage-hint` is one of several rows behind a flow; of datapath groups with equal members one counts.
//! MAC addresses of translations in a list of senders are put in order.
//! Nothing else is ignored.

mod keys;
mod northbound;
mod queue;
mod route_ids;

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::northd;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};
use northflow_rules::schema::Database;

use crate::chassis::identifiers;
use crate::dump::{Dump, Row};
pub use keys::{Keys, compare_keys, compare_requested};
pub use northbound::{northbound, unseen};

/// Tables that controllers write, or that are nobody's.
const NOT_COMPARED: &[&str] = &["Chassis", "Chassis_Private", "Encap", "Connection", "SSL"];

/// A network in comparable form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normal {
    /// One line a row, sorted.
    pub rows: Vec<String>,
    /// The numbers given out.
    pub keys: Keys,
    /// The stage hints of flows on one datapath, by the flow's line.
    pub hints: BTreeMap<String, String>,
}

/// Brings a southbound database into comparable form.
pub fn southbound(dump: &Dump) -> Normal {
    let names = Names::new(dump);
    let mut normal = Normal::default();
    let numbered = route_ids::numbered(dump);
    for row in &numbered.rows {
        let line = names.line("Logical_Flow", row);
        // A policy that says that it is in no chain, which another writer need not say.
        if let Some(hint) = map_value(row, "external_ids", "stage-hint").filter(|_| !line.contains('<')) {
            normal.hints.insert(line.clone(), hint);
        }
        normal.rows.push(line);
    }
    for (table, rows) in dump.iter().filter(|(table, _)| !NOT_COMPARED.contains(&&***table)) {
        for (uuid, row) in rows {
            if numbered.replaced.contains(uuid) || numbered.groups.contains(uuid) {
                continue;
            }
            match &**table {
                "Datapath_Binding" => {
                    let owner = names.datapath(text_of(row, "nb_uuid"));
                    normal.keys.numbers.insert((String::new(), owner), number(row, "tunnel_key"));
                }
                "Port_Binding" => {
                    let space = names.resolve(row.get("datapath"));
                    let owner = text_of(row, "logical_port");
                    if let Some(queue) = queue::of(row) {
                        normal.keys.numbers.insert(("queue".to_owned(), owner.clone()), queue);
                    }
                    normal.keys.numbers.insert((space, owner), number(row, "tunnel_key"));
                }
                "BFD" => {
                    let owner = format!("{} {}", text_of(row, "logical_port"), text_of(row, "dst_ip"));
                    normal.keys.numbers.insert((table.to_string(), owner), number(row, "src_port"));
                }
                "Multicast_Group" if is_learned(row) => {
                    let space = format!("groups of {}", names.resolve(row.get("datapath")));
                    normal.keys.numbers.insert((space, text_of(row, "name")), number(row, "tunnel_key"));
                }
                "ACL_ID" => {
                    normal.keys.numbers.insert((table.to_string(), uuid.to_string()), number(row, "id"));
                    normal.rows.push(format!("{table} {uuid}"));
                    continue;
                }
                _ => {}
            }
            let line = names.line(table, row);
            if &**table == "Logical_Flow"
                && let Some(hint) = map_value(row, "external_ids", "stage-hint")
                && row.get("logical_datapath").is_some_and(|datum| !is_default(datum))
            {
                normal.hints.insert(line.clone(), hint);
            }
            normal.rows.push(line);
        }
    }
    normal.rows.sort();
    // Rows refer to groups by their members; how many groups have equal members is the writer's affair
    // (the reference's cache misses where load balancers are).
    normal.rows.dedup_by(|later, first| later == first && later.starts_with("Logical_DP_Group "));
    normal
}

/// What rows are called.
#[derive(Default)]
struct Names {
    rows: BTreeMap<Uuid, String>,
    /// Datapath keys with the datapaths that have them, for names made of keys.
    datapath_keys: BTreeMap<i64, String>,
    /// Port keys with the ports that have them on their datapath, for flows that name keys.
    keyed_ports: BTreeMap<(String, i64), String>,
    /// Ports by datapath key and key.
    port_keys: BTreeMap<(i64, i64), String>,
    /// ACLs by the number they have.
    acls: BTreeMap<i64, Uuid>,
    queues: queue::Queues,
    /// The addresses of VIPs, which the reference has in the order of a hash table.
    vips: BTreeSet<String>,
}

/// What names of the sets of routers' VIPs begin with.
const VIP_SET: &str = "_rtr_lb_";
/// How actions give a packet the number of its ACL.
const SET_ACL: &str = "reg2[16..31] = ";

impl Names {
    fn new(dump: &Dump) -> Names {
        let mut names = Names { queues: queue::Queues::new(dump), ..Names::default() };
        let rows = |table: &str| dump.get(table).into_iter().flatten();
        for (uuid, row) in rows("Datapath_Binding") {
            let name = names.datapath(text_of(row, "nb_uuid"));
            names.datapath_keys.insert(number(row, "tunnel_key"), name.clone());
            names.rows.insert(*uuid, name);
        }
        for (_, row) in rows("Port_Binding") {
            let datapath = match row.get("datapath").map(identifiers).as_deref() {
                Some([datapath]) => dump.get("Datapath_Binding").and_then(|rows| rows.get(datapath)),
                _ => None,
            };
            let key = datapath.map(|datapath| number(datapath, "tunnel_key"));
            if let Some(key) = key {
                names.port_keys.insert((key, number(row, "tunnel_key")), text_of(row, "logical_port"));
            }
        }
        names.acls = rows("ACL_ID").map(|(uuid, row)| (number(row, "id"), *uuid)).collect();
        let keys = rows("Load_Balancer").flat_map(|(_, row)| map_keys(row, "vips"));
        names.vips = keys.map(|key| vip_address(&key)).collect();
        for row in rows("Port_Binding").map(|(_, row)| row) {
            let key = (names.resolve(row.get("datapath")), number(row, "tunnel_key"));
            names.keyed_ports.insert(key, text_of(row, "logical_port"));
        }
        let by_column = [
            ("Port_Binding", "logical_port"),
            ("Chassis", "name"),
            ("Mirror", "name"),
            ("RBAC_Permission", "table"),
            ("HA_Chassis_Group", "name"),
            ("Meter", "name"),
        ];
        for (table, column) in by_column {
            for (uuid, row) in rows(table) {
                names.rows.insert(*uuid, format!("{table}:{}", text_of(row, column)));
            }
        }
        for (uuid, row) in rows("HA_Chassis") {
            let name = format!(
                "{}@{}",
                map_value(row, "external_ids", "chassis-name").unwrap_or_default(),
                number(row, "priority")
            );
            names.rows.insert(*uuid, name);
        }
        for (uuid, row) in rows("Meter_Band") {
            let (rate, burst) = (number(row, "rate"), number(row, "burst_size"));
            names.rows.insert(*uuid, format!("{} above {rate} burst {burst}", text_of(row, "action")));
        }
        for (uuid, row) in rows("Logical_DP_Group") {
            let name = names.resolve(row.get("datapaths"));
            names.rows.insert(*uuid, format!("group {name}"));
        }
        names
    }

    fn datapath(&self, nb_uuid: String) -> String {
        format!("dp:{nb_uuid}")
    }

    fn resolve(&self, datum: Option<&Datum>) -> String {
        datum.map_or(String::new(), |datum| self.show("", datum))
    }

    fn line(&self, table: &str, row: &Row) -> String {
        let mut line = table.to_owned();
        for (column, datum) in row {
            if is_unwritten(table, column, datum)
                || matches!((table, &**column), ("Datapath_Binding" | "Port_Binding", "tunnel_key"))
                || matches!((table, &**column), ("BFD", "disc" | "src_port"))
                || matches!((table, &**column), ("Multicast_Group", "tunnel_key") if is_learned(row))
            {
                continue;
            }
            let mut shown = self.show(column, datum);
            if table == "Logical_Flow" && matches!(&**column, "actions" | "match") {
                shown = self.reply_port(shown, &self.resolve(row.get("logical_datapath")));
            }
            if table == "Logical_Flow" && &**column == "match" {
                shown = self.sorted_vips(sorted_sources(shown), "reg0 == {", "}", ", ");
            }
            // Where an address was learned is said by keys.
            if table == "FDB"
                && let Some(port) = self.port_keys.get(&(number(row, "dp_key"), number(row, "port_key")))
            {
                shown = match &**column {
                    "dp_key" => String::new(),
                    "port_key" => format!("Port_Binding:{port}"),
                    _ => shown,
                };
            }
            if table == "Port_Group" && &**column == "name" {
                shown = self.group_name(shown);
            }
            if matches!((table, &**column), ("Address_Set", "name") | ("Logical_Flow", "match")) {
                shown = self.vip_set(shown);
            }
            if table == "Logical_Flow" && &**column == "actions" {
                shown = self.queues.named(self.acl_number(shown));
            }
            if !shown.is_empty() {
                line += &format!(" {column}={shown}");
            }
        }
        line
    }

    /// Text with the VIPs of each list in order; other members stay where they are.
    fn sorted_vips(&self, text: String, open: &str, close: &str, between: &str) -> String {
        let Some((before, rest)) = text.split_once(open) else { return text };
        let Some((list, rest)) = rest.split_once(close) else { return text };
        let mut items: Vec<&str> = list.split(between).collect();
        let places: Vec<usize> = (0..items.len()).filter(|at| self.vips.contains(items[*at])).collect();
        let mut vips: Vec<&str> = places.iter().map(|at| items[*at]).collect();
        vips.sort_unstable();
        places.into_iter().zip(vips).for_each(|(at, vip)| items[at] = vip);
        let rest = self.sorted_vips(rest.to_owned(), open, close, between);
        format!("{before}{open}{}{close}{rest}", items.join(between))
    }

    /// Actions with the ACL in place of its number.
    fn acl_number(&self, actions: String) -> String {
        let Some((before, rest)) = actions.split_once(SET_ACL) else { return actions };
        let end = rest.find(';').unwrap_or(rest.len());
        match rest[..end].parse().ok().and_then(|number: i64| self.acls.get(&number)) {
            Some(acl) => format!("{before}{SET_ACL}{acl}{}", &rest[end..]),
            None => actions,
        }
    }

    /// A flow of `datapath` with the port in place of its key, where a connection remembers its port.
    fn reply_port(&self, text: String, datapath: &str) -> String {
        for mark in ["ecmp_reply_port = ", "ecmp_reply_port == "] {
            let Some(at) = text.find(mark).map(|at| at + mark.len()) else { continue };
            let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| at + end);
            let port =
                text[at..end].parse().ok().and_then(|key| self.keyed_ports.get(&(datapath.to_owned(), key)));
            if let Some(port) = port {
                return format!("{}the key of {port}{}", &text[..at], &text[end..]);
            }
        }
        text
    }

    /// `<key>_<group>` with the datapath in place of its key.
    fn group_name(&self, name: String) -> String {
        let datapath = |key: &str| self.datapath_keys.get(&key.trim_matches('"').parse().ok()?);
        match name.split_once('_') {
            Some((key, rest)) => match datapath(key) {
                Some(datapath) => format!("{datapath}_{rest}"),
                None => name,
            },
            None => name,
        }
    }

    /// Text with the router in place of its key in the name of the set of its VIPs.
    fn vip_set(&self, text: String) -> String {
        let Some((before, rest)) = text.split_once(VIP_SET) else { return text };
        let end = rest.find('_').unwrap_or(rest.len());
        match rest[..end].parse().ok().and_then(|key: i64| self.datapath_keys.get(&key)) {
            Some(datapath) => format!("{before}{VIP_SET}{datapath}{}", &rest[end..]),
            None => text,
        }
    }

    fn show(&self, column: &str, datum: &Datum) -> String {
        match datum {
            Datum::Set(atoms) => {
                let mut items: Vec<String> = atoms.iter().map(|atom| self.atom(atom)).collect();
                if column == "nat_addresses" {
                    let sorted = |item| self.sorted_vips(item, "\"", "\"", " ");
                    items = items.into_iter().map(sorted).collect();
                }
                items.sort();
                match &items[..] {
                    [only] => only.clone(),
                    _ => format!("[{}]", items.join(", ")),
                }
            }
            Datum::Map(pairs) => {
                let ignored = |key: &Atom| {
                    column == "external_ids"
                        && matches!(key, Atom::String(key) if ["source", "stage-hint"].contains(&&**key))
                };
                let shown = pairs.iter().filter(|(key, _)| !ignored(key));
                let pair = |pair: &(Atom, Atom)| format!("{}={}", self.atom(&pair.0), self.atom(&pair.1));
                let mut items: Vec<String> =
                    shown.map(|it| self.queues.shown(it).unwrap_or_else(|| pair(it))).collect();
                items.sort();
                if items.is_empty() { String::new() } else { format!("{{{}}}", items.join(", ")) }
            }
        }
    }

    fn atom(&self, atom: &Atom) -> String {
        match atom {
            Atom::Integer(number) => number.to_string(),
            Atom::Real(real) => real.0.to_string(),
            Atom::Boolean(flag) => flag.to_string(),
            Atom::String(text) => format!("{text:?}"),
            Atom::Uuid(uuid) => self.rows.get(uuid).cloned().unwrap_or_else(|| uuid.to_string()),
        }
    }
}

/// A match with the list that it begins with in order, if that is one of senders: a router's own, and
/// those of its translations, which the reference has in the order of a hash table.
fn sorted_sources(matches: String) -> String {
    const LIST: &str = "\"eth.src == {";
    let list = matches.strip_prefix(LIST).and_then(|rest| rest.split_once('}'));
    let Some((list, rest)) = list else { return matches };
    let mut sources: Vec<&str> = list.split(", ").collect();
    sources[1..].sort_unstable();
    format!("{LIST}{}}}{rest}", sources.join(", "))
}

/// Whether a multicast group is one that ports asked for: its key is given out and not fixed.
fn is_learned(row: &Row) -> bool {
    !text_of(row, "name").starts_with("_MC_")
}

/// Lines that only one of two sorted lists has, as `-` and `+`.
pub fn difference(theirs: &[String], ours: &[String]) -> Vec<String> {
    let count = |lines: &[String]| {
        let mut counts: BTreeMap<String, isize> = BTreeMap::new();
        for line in lines {
            *counts.entry(line.clone()).or_default() += 1;
        }
        counts
    };
    let mut counts = count(ours);
    for (line, more) in count(theirs) {
        *counts.entry(line).or_default() -= more;
    }
    let sign = |more: &isize| if *more > 0 { "+" } else { "-" };
    counts
        .iter()
        .filter(|(_, more)| **more != 0)
        .map(|(line, more)| format!("{} {line}", sign(more)))
        .collect()
}

/// Whether a southbound column holds what it holds when nobody writes it: nothing, if it may hold that.
fn is_unwritten(table: &str, column: &str, datum: &Datum) -> bool {
    let infos = northd::INPUTS.iter().map(|input| &input.info);
    let mut infos = infos
        .chain(northd::OUTPUTS.iter().map(|output| &output.info))
        .filter(|info| info.database == Database::Southbound && info.name == table);
    let kind = infos.find_map(|info| {
        let mut columns = info.columns.iter().zip(info.kinds);
        columns.find(|(name, _)| **name == column).map(|(_, kind)| *kind)
    });
    match kind {
        Some(kind) if kind.optional => datum_is_empty(datum),
        _ => is_default(datum),
    }
}

/// Whether a column holds what it holds when nobody writes it, as far as that can be told without the schema: an
/// optional 0 is taken for one that nobody has written.
pub(crate) fn is_default(datum: &Datum) -> bool {
    match datum {
        Datum::Set(atoms) => match &atoms[..] {
            [] => true,
            [Atom::Integer(0)] => true,
            [Atom::String(text)] => text.is_empty(),
            [Atom::Uuid(uuid)] => *uuid == Uuid::ZERO,
            _ => false,
        },
        Datum::Map(pairs) => pairs.is_empty(),
    }
}

fn datum_is_empty(datum: &Datum) -> bool {
    match datum {
        Datum::Set(atoms) => atoms.is_empty(),
        Datum::Map(pairs) => pairs.is_empty(),
    }
}

pub(crate) fn text_of(row: &Row, column: &str) -> String {
    match row.get(column) {
        Some(Datum::Set(atoms)) => match &atoms[..] {
            [Atom::String(text)] => text.to_string(),
            [Atom::Uuid(uuid)] => uuid.to_string(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn number(row: &Row, column: &str) -> i64 {
    match row.get(column) {
        Some(Datum::Set(atoms)) => match atoms[..] {
            [Atom::Integer(number)] => number,
            _ => 0,
        },
        _ => 0,
    }
}

fn map_keys(row: &Row, column: &str) -> Vec<String> {
    let Some(Datum::Map(pairs)) = row.get(column) else { return Vec::new() };
    let texts = pairs.iter().filter_map(|(key, _)| match key {
        Atom::String(key) => Some(key.to_string()),
        _ => None,
    });
    texts.collect()
}

/// The address of a VIP, without its port and brackets.
fn vip_address(vip: &str) -> String {
    let address = match vip.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None if vip.matches(':').count() == 1 => vip.split(':').next().unwrap_or_default(),
        None => vip,
    };
    address.to_owned()
}

fn map_value(row: &Row, column: &str, key: &str) -> Option<String> {
    let Some(Datum::Map(pairs)) = row.get(column) else { return None };
    pairs.iter().find_map(|pair| match pair {
        (Atom::String(name), Atom::String(value)) if &**name == key => Some(value.to_string()),
        _ => None,
    })
}
