//! Operations on rows (RFC 7047 section 5.2), for networks and changes.
//!
//! Every row has an identifier made from its kind and number, so that the same operations do on
//! both sides and a later one can refer to a row without asking for it.

use serde_json::{Value, json};

/// Kinds of rows, as they appear in identifiers.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A logical switch.
    Switch = 1,
    /// A port of one.
    Port = 2,
    /// An address set.
    AddressSet = 3,
    /// A port group.
    PortGroup = 4,
    /// A chassis.
    Chassis = 5,
    /// Its tunnel endpoint.
    Encap = 6,
    /// A logical router.
    Router = 7,
    /// A port of one.
    RouterPort = 8,
    /// An ACL.
    Acl = 9,
    /// A load balancer.
    LoadBalancer = 10,
    /// A group of load balancers.
    LoadBalancerGroup = 11,
    /// A static route.
    Route = 12,
    /// A routing policy.
    Policy = 13,
    /// A translation of addresses.
    Nat = 14,
    /// The binding of a router port to a chassis.
    GatewayChassis = 15,
    /// A QoS rule.
    Qos = 16,
    /// A row of DHCP options.
    DhcpOptions = 17,
    /// DNS records.
    Dns = 18,
    /// A meter.
    Meter = 19,
    /// Its band.
    MeterBand = 20,
    /// Meters for the packets that a controller gets.
    Copp = 21,
    /// A mirror.
    Mirror = 22,
    /// A forwarding group.
    ForwardingGroup = 23,
    /// A multicast group that a chassis has learned.
    IgmpGroup = 24,
    /// A BFD session.
    Bfd = 25,
    /// A neighbour that is known beforehand.
    StaticMacBinding = 26,
    /// What packets have to pass, such as a firewall.
    NetworkFunction = 27,
    /// A group of them, of which one is in use.
    NetworkFunctionGroup = 28,
}

/// Numbers of rows that changes add begin here.
pub const ADDED: usize = 1 << 30;

/// The identifier of row number `n` of a kind, as OVSDB writes it.
pub fn uuid(kind: Kind, n: usize) -> Value {
    json!(["uuid", text(kind, n)])
}

/// ovn-northd and ovsdb-server hash an identifier by its first 32 bits: they have to be as good as random, or
/// the daemons are slow, and ovn-northd gives routers each other's policies.
fn text(kind: Kind, n: usize) -> String {
    let mixed = ((n as u64) << 8 | kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-{:04x}-4000-8000-{n:012x}", mixed >> 32, kind as u16)
}

/// A set.
pub fn set(elements: impl IntoIterator<Item = Value>) -> Value {
    json!(["set", elements.into_iter().collect::<Vec<_>>()])
}

/// A map of texts.
pub fn map(pairs: &[(&str, &str)]) -> Value {
    json!(["map", pairs])
}

/// An operation that inserts row number `n` of a kind.
pub fn insert(table: &str, kind: Kind, n: usize, row: Value) -> Value {
    json!({ "op": "insert", "table": table, "uuid": text(kind, n), "row": row })
}

/// An operation that inserts `value` into, or deletes it from, a set or map of one row.
pub fn mutate(table: &str, row: Value, column: &str, mutator: &str, value: Value) -> Value {
    let condition = json!([["_uuid", "==", row]]);
    json!({ "op": "mutate", "table": table, "where": condition, "mutations": [[column, mutator, value]] })
}

/// An operation that changes columns of the rows that meet `condition`.
pub fn update(table: &str, condition: Value, columns: Value) -> Value {
    json!({ "op": "update", "table": table, "where": condition, "row": columns })
}

/// An operation that changes columns of one row.
pub fn update_row(table: &str, row: Value, columns: Value) -> Value {
    update(table, json!([["_uuid", "==", row]]), columns)
}

/// An operation that deletes one row.
pub fn delete(table: &str, row: Value) -> Value {
    json!({ "op": "delete", "table": table, "where": [["_uuid", "==", row]] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_uuid() {
        let text = text(Kind::Port, 0x1020003);
        assert!(text.ends_with("-0002-4000-8000-000001020003"), "{text}");
        assert_eq!(text.len(), 36);
    }

    #[test]
    fn the_first_bits_differ() {
        let first = |n| text(Kind::Router, n)[..8].to_owned();
        let distinct: std::collections::BTreeSet<String> = (0..10_000).map(first).collect();
        assert!(distinct.len() > 9_990, "{}", distinct.len());
    }
}
