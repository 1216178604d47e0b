//! A workload: a network, and the changes that are made to it.

use std::fmt;

use serde_json::{Value, json};

use crate::row::{Kind, insert, update, uuid};

/// The operations of one change in each database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operations {
    /// In the northbound database.
    pub northbound: Vec<Value>,
    /// In the southbound database, before the northbound ones.
    pub southbound: Vec<Value>,
}

impl Operations {
    /// A change that a cloud management system makes.
    pub fn northbound(operations: impl IntoIterator<Item = Value>) -> Operations {
        Operations { northbound: operations.into_iter().collect(), southbound: Vec::new() }
    }

    /// A change that chassis make.
    pub fn southbound(operations: impl IntoIterator<Item = Value>) -> Operations {
        Operations { northbound: Vec::new(), southbound: operations.into_iter().collect() }
    }
}

/// One kind of change.
pub struct Change {
    /// Its name in tables.
    pub name: &'static str,
    /// What makes it for the n-th time.
    pub make: Box<dyn Fn(usize) -> Operations>,
}

impl Change {
    /// A kind of change.
    pub fn new(name: &'static str, make: impl Fn(usize) -> Operations + 'static) -> Change {
        Change { name, make: Box::new(make) }
    }

    /// What every change brings with it, alone.
    pub fn nb_cfg_only() -> Change {
        Change::new("nb_cfg only", |_| Operations::default())
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change {:?}", self.name)
    }
}

/// Which of `count` things the n-th change is about: spread over all of them.
pub fn spread(round: usize, count: usize) -> usize {
    round * 37 % count
}

/// The northbound transactions that make a network, one after the other.
pub type Transactions = Box<dyn Iterator<Item = Vec<Value>>>;

/// Parts of a network that share a transaction while it is loaded.
const BATCH: usize = 200;

/// Transactions that make a network of these parts, some of them in each.
pub fn in_batches<T: 'static>(
    mut parts: impl Iterator<Item = T> + 'static,
    operations: impl Fn(T) -> Vec<Value> + 'static,
) -> Transactions {
    Box::new(std::iter::from_fn(move || {
        let batch: Vec<Value> = parts.by_ref().take(BATCH).flat_map(&operations).collect();
        (!batch.is_empty()).then_some(batch)
    }))
}

/// A network and its changes.
pub struct Workload {
    /// Its size in tables, such as `200 x 10`.
    pub size: String,
    /// Makes the network, with `nb_cfg` 1.
    pub northbound: Box<dyn Fn() -> Transactions>,
    /// The southbound operations that are made before the daemon starts.
    pub southbound: Vec<Value>,
    /// The changes, in the order of a run: what is deleted was added before.
    pub changes: Vec<Change>,
}

impl Workload {
    /// Where there is no network.
    pub fn nothing() -> Workload {
        Workload {
            size: "nothing".into(),
            northbound: Box::new(|| Box::new(std::iter::once(vec![global()]))),
            southbound: southbound(0),
            changes: Vec::new(),
        }
    }

    /// Keeps the changes whose name holds one of `parts`; all if there are none.
    pub fn keep_only(&mut self, parts: &[String]) {
        let wanted = |change: &Change| parts.iter().any(|part| change.name.contains(part.as_str()));
        self.changes.retain(|change| parts.is_empty() || wanted(change));
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workload {:?}", self.size)
    }
}

/// The row of NB_Global that every network starts from: nothing in it is left to chance.
pub fn global() -> Value {
    let options = crate::row::map(&[
        ("mac_prefix", "0a:11:22"),
        ("svc_monitor_mac", "0a:11:22:00:00:01"),
        ("northd_probe_interval", "0"),
    ]);
    json!({ "op": "insert", "table": "NB_Global", "row": { "nb_cfg": 1, "options": options } })
}

/// The name of chassis number `n`.
pub fn chassis_name(n: usize) -> String {
    format!("chassis-{n}")
}

/// The southbound operations with which chassis number `n` registers.
pub fn chassis(n: usize) -> Vec<Value> {
    let name = chassis_name(n);
    let ip = format!("192.168.{}.{}", n >> 8 & 255, n & 255);
    let encap = json!({ "type": "geneve", "ip": ip, "chassis_name": name });
    let row = json!({ "name": name, "hostname": name, "encaps": uuid(Kind::Encap, n) });
    vec![insert("Encap", Kind::Encap, n, encap), insert("Chassis", Kind::Chassis, n, row)]
}

/// The southbound operation by which chassis number `n` says that a port is there.
pub fn bound(port: &str, n: usize) -> Value {
    let columns = json!({ "chassis": uuid(Kind::Chassis, n), "up": true });
    update("Port_Binding", json!([["logical_port", "==", port]]), columns)
}

/// A southbound database of `count` chassis.
pub fn southbound(count: usize) -> Vec<Value> {
    let global = json!({ "op": "insert", "table": "SB_Global", "row": {} });
    std::iter::once(global).chain((0..count).flat_map(chassis)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The operations of a workload's network, whose rows have identifiers of their own.
    pub fn identifiers_are_distinct(workload: &Workload) -> Vec<Value> {
        let operations: Vec<Value> = (workload.northbound)().flatten().collect();
        let mut names: Vec<&str> = operations.iter().filter_map(|op| op["uuid"].as_str()).collect();
        let rows = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows, "identifiers are distinct");
        operations
    }

    /// How many rows of `table` are inserted.
    pub fn count(operations: &[Value], table: &str) -> usize {
        operations.iter().filter(|op| op["op"] == "insert" && op["table"] == table).count()
    }

    /// Every change but the bare sync does something.
    pub fn check_changes(workload: &Workload) {
        for change in &workload.changes {
            let nothing = (change.make)(3) == Operations::default();
            assert_eq!(nothing, change.name == "nb_cfg only", "{change:?}");
        }
    }

    #[test]
    fn batches_hold_all_parts_in_order() {
        let parts = in_batches(0..BATCH + 1, |n| vec![json!(n)]);
        let batches: Vec<Vec<Value>> = parts.collect();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH, 1]);
        assert_eq!(batches[1], [json!(BATCH)]);
    }

    #[test]
    fn changes_are_kept_by_parts_of_their_names() {
        let kept = |parts: &[&str]| {
            let changes = ["port add", "port bound", "ACL add"];
            let mut workload = Workload {
                size: String::new(),
                northbound: Box::new(|| Box::new(std::iter::empty())),
                southbound: Vec::new(),
                changes: changes.map(|name| Change::new(name, |_| Operations::default())).into(),
            };
            workload.keep_only(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
            workload.changes.iter().map(|change| change.name).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[]), ["port add", "port bound", "ACL add"]);
        assert_eq!(kept(&["bound", "ACL"]), ["port bound", "ACL add"]);
        assert_eq!(kept(&["router"]), [""; 0]);
    }
}
