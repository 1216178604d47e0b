//! A large address set that an ACL of the measured chassis names.

use serde_json::json;

use crate::cluster::namespace::acl;
use crate::row::{ADDED, Kind, insert, mutate, set, uuid};
use crate::workload::{Change, Operations, Workload};

/// The number of its row and of that of the ACL, apart from those of namespaces.
const ROW: usize = ADDED;

/// Gives a network a set of so many addresses, which the first namespace accepts packets from, and changes of it.
pub(super) fn add(workload: &mut Workload, elements: usize) {
    let northbound = std::mem::replace(&mut workload.northbound, Box::new(|| Box::new(std::iter::empty())));
    workload.northbound = Box::new(move || {
        let addresses = set((0..elements).map(|n| json!(address(n))));
        let row = json!({ "name": "large", "addresses": addresses });
        let matches = "outport == @ns0 && ip4.src == $large";
        let group = uuid(Kind::PortGroup, 0);
        let operations = vec![
            insert("Address_Set", Kind::AddressSet, ROW, row),
            acl(ROW, "to-lport", 1002, matches, "allow-related"),
            mutate("Port_Group", group, "acls", "insert", uuid(Kind::Acl, ROW)),
        ];
        Box::new(northbound().chain([operations]))
    });
    let change = |mutator: &'static str| {
        move |round: usize| {
            let row = uuid(Kind::AddressSet, ROW);
            let element = json!(address(elements + round));
            Operations::northbound([mutate("Address_Set", row, "addresses", mutator, element)])
        }
    };
    workload.changes.push(Change::new("large set: element more", change("insert")));
    workload.changes.push(Change::new("large set: element less", change("delete")));
}

/// Addresses that no pod has.
fn address(n: usize) -> String {
    format!("172.{}.{}.{}", 16 + (n >> 16), n >> 8 & 255, n & 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heavy::Shape;
    use crate::workload::tests::{check_changes, count, identifiers_are_distinct};

    #[test]
    fn the_set_is_one_more() {
        let mut workload = Shape { pods: 10 }.workload(3);
        let before = count(&identifiers_are_distinct(&workload), "Address_Set");
        add(&mut workload, 300);
        assert_eq!(count(&identifiers_are_distinct(&workload), "Address_Set"), before + 1);
        check_changes(&workload);
        assert_eq!((address(0), address(65_537)), ("172.16.0.0".to_owned(), "172.17.0.1".to_owned()));
    }
}
