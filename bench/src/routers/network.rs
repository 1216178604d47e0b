//! The rows of such a network.

use serde_json::{Value, json};

use super::CHASSIS;
use crate::row::{Kind, insert, map, mutate, set, uuid};
use crate::workload::{self, Transactions, chassis_name, in_batches};

/// The number of the provider's switch; a tenant's switch and router have the tenant's.
pub const PROVIDER: usize = 1 << 21;

/// Ports and routes that a tenant's number leaves room for.
pub const ROOM: usize = 1 << 10;

/// Addresses of a tenant's network.
const ADDRESSES: usize = 1 << 12;

/// Ports of a tenant's router and the switch ports they are behind.
pub const INSIDE: usize = 1000;
pub const OUTSIDE: usize = 1001;

/// How many tenants with how many switch ports there are, and how many static routes the first has.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub routers: usize,
    pub ports: usize,
    pub routes: usize,
}

/// Number of a port of a tenant, of its switch or of its router.
pub fn port(tenant: usize, at: usize) -> usize {
    tenant * ROOM + at
}

/// Name of a router's port.
pub fn router_port_name(tenant: usize, at: usize) -> String {
    format!("r{tenant}p{at}")
}

pub fn mac(role: u8, n: usize) -> String {
    format!("0a:{role:02x}:{:02x}:{:02x}:{:02x}:{:02x}", n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// An address of a tenant's network, which is a /20.
pub fn inside(tenant: usize, host: usize) -> String {
    let n = tenant * ADDRESSES + host;
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// The address of a tenant's router in the provider's network.
pub fn outside(tenant: usize) -> String {
    let n = tenant + 10;
    format!("172.{}.{}.{}", 16 + (n >> 16), n >> 8 & 255, n & 255)
}

/// The operations that insert a port of a router, with or without a switch port before it.
pub fn router_port(tenant: usize, at: usize, network: &str, more: Value) -> Value {
    let n = port(tenant, at);
    let mut row = json!({ "name": router_port_name(tenant, at), "mac": mac(1, n), "networks": network });
    if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
        row.extend(more.clone());
    }
    insert("Logical_Router_Port", Kind::RouterPort, n, row)
}

/// The switch port before a router's port; a switch has to take it in.
pub fn switch_side(tenant: usize, at: usize) -> Value {
    let options = map(&[("router-port", &router_port_name(tenant, at))]);
    let name = format!("to-{}", router_port_name(tenant, at));
    let row = json!({ "name": name, "type": "router", "addresses": "router", "options": options });
    insert("Logical_Switch_Port", Kind::Port, port(tenant, at), row)
}

/// A static route by way of the provider's gateway.
pub fn route(number: usize, prefix: &str, more: Value) -> Value {
    let mut row = json!({ "ip_prefix": prefix, "nexthop": "172.16.0.1" });
    if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
        row.extend(more.clone());
    }
    insert("Logical_Router_Static_Route", Kind::Route, number, row)
}

impl Network {
    /// A tenant's rows; the provider's switch has to take in port [`OUTSIDE`].
    pub fn tenant(self, tenant: usize, routes: usize) -> Vec<Value> {
        let vif = |at: usize| {
            let addresses = format!("{} {}", mac(2, port(tenant, at)), inside(tenant, at + 10));
            let row = json!({ "name": format!("t{tenant}p{at}"), "addresses": addresses });
            insert("Logical_Switch_Port", Kind::Port, port(tenant, at), row)
        };
        let mut rows: Vec<Value> = (0..self.ports).map(vif).collect();
        let ports = (0..self.ports).chain([INSIDE]).map(|at| uuid(Kind::Port, port(tenant, at)));
        let row = json!({ "name": format!("s{tenant}"), "ports": set(ports) });
        rows.push(insert("Logical_Switch", Kind::Switch, tenant, row));
        rows.push(switch_side(tenant, INSIDE));
        rows.push(switch_side(tenant, OUTSIDE));
        rows.push(router_port(tenant, INSIDE, &format!("{}/20", inside(tenant, 1)), json!({})));
        let gateway = json!({ "name": format!("g{tenant}"), "priority": 1, "chassis_name": chassis_name(tenant % CHASSIS) });
        rows.push(insert("Gateway_Chassis", Kind::GatewayChassis, tenant, gateway));
        let gateway = json!({ "gateway_chassis": uuid(Kind::GatewayChassis, tenant) });
        rows.push(router_port(tenant, OUTSIDE, &format!("{}/12", outside(tenant)), gateway));
        rows.extend((0..routes).map(|n| self.route(tenant, n)));
        let ports = set([INSIDE, OUTSIDE].map(|at| uuid(Kind::RouterPort, port(tenant, at))));
        let row = json!({ "name": format!("r{tenant}"), "ports": ports,
            "static_routes": set((0..routes).map(|n| uuid(Kind::Route, self.route_number(tenant, n)))) });
        rows.push(insert("Logical_Router", Kind::Router, tenant, row));
        rows
    }

    /// The number of a tenant's n-th route; the first tenant may have more than a number leaves room for.
    fn route_number(self, tenant: usize, n: usize) -> usize {
        if tenant == 0 { PROVIDER * ROOM + n } else { tenant * ROOM + n }
    }

    fn route(self, tenant: usize, n: usize) -> Value {
        let prefix = format!("{}.{}.{}.0/24", 192 + (n >> 16), n >> 8 & 255, n & 255);
        route(self.route_number(tenant, n), &prefix, json!({}))
    }

    /// The transactions that make the network.
    pub fn northbound(self) -> Transactions {
        let tenants = in_batches(0..self.routers, move |tenant| {
            let rows = self.tenant(tenant, usize::from(tenant > 0));
            rows.into_iter().chain([behind_provider(tenant, "insert")]).collect()
        });
        let routes = in_batches(0..self.routes, move |n| {
            let number = uuid(Kind::Route, self.route_number(0, n));
            let router = uuid(Kind::Router, 0);
            vec![self.route(0, n), mutate("Logical_Router", router, "static_routes", "insert", number)]
        });
        Box::new(std::iter::once(provider()).chain(tenants).chain(routes))
    }
}

/// The operation by which the provider's switch takes in a tenant's router, or lets go of it.
pub fn behind_provider(tenant: usize, mutator: &str) -> Value {
    let row = uuid(Kind::Port, port(tenant, OUTSIDE));
    mutate("Logical_Switch", uuid(Kind::Switch, PROVIDER), "ports", mutator, row)
}

/// What is there without any tenant.
pub fn provider() -> Vec<Value> {
    let localnet = json!({ "name": "localnet", "type": "localnet", "addresses": "unknown",
        "options": map(&[("network_name", "physnet")]) });
    let switch = json!({ "name": "provider", "ports": uuid(Kind::Port, PROVIDER * ROOM) });
    vec![
        workload::global(),
        insert("Logical_Switch_Port", Kind::Port, PROVIDER * ROOM, localnet),
        insert("Logical_Switch", Kind::Switch, PROVIDER, switch),
    ]
}
