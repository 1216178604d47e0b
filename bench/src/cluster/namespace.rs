//! The rows of namespaces: what keeps pods apart.

use serde_json::{Value, json};

use super::network::{pod, pod_ip};
use crate::row::{Kind, insert, set, uuid};

/// Where a pod is: its node, and its place there.
pub type Place = (usize, usize);

/// An ACL of a port group.
pub fn acl(number: usize, direction: &str, priority: usize, matches: &str, action: &str) -> Value {
    let row = json!({ "direction": direction, "priority": priority, "match": matches, "action": action });
    insert("ACL", Kind::Acl, number, row)
}

/// An address set of pods.
pub fn address_set(number: usize, name: &str, pods: &[Place]) -> Value {
    let addresses = set(pods.iter().map(|(node, at)| json!(pod_ip(*node, *at))));
    insert("Address_Set", Kind::AddressSet, number, json!({ "name": name, "addresses": addresses }))
}

/// A port group of pods with the ACLs of these numbers.
pub fn port_group(number: usize, name: &str, pods: &[Place], acls: impl IntoIterator<Item = usize>) -> Value {
    let ports = set(pods.iter().map(|(node, at)| uuid(Kind::Port, pod(*node, *at))));
    let acls = set(acls.into_iter().map(|acl| uuid(Kind::Acl, acl)));
    insert("Port_Group", Kind::PortGroup, number, json!({ "name": name, "ports": ports, "acls": acls }))
}
