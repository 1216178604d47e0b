//! The rows of such a cloud. Projects are numbered as the tenants of [`routers`](crate::routers) are, and have their
//! addresses.

use serde_json::{Value, json};

use crate::routers::network::{
    INSIDE, OUTSIDE, PROVIDER, ROOM, behind_provider, inside, mac, outside, port, provider, route,
    router_port, router_port_name, switch_side,
};
use crate::row::{Kind, insert, map, mutate, set, uuid};
use crate::workload::{Transactions, chassis_name, in_batches};

/// The port of a network from which instances get their metadata.
const METADATA: usize = 1002;

/// Gateways of each router.
pub const GATEWAYS: usize = 3;

/// ACLs of a default security group.
const ACLS: usize = 4;

/// A cloud.
#[derive(Clone, Copy, Debug)]
pub struct Cloud {
    pub projects: usize,
    /// Instances of each project, and how many of them have a floating address.
    pub instances: usize,
    pub floating: usize,
    pub chassis: usize,
}

pub fn instance_name(project: usize, at: usize) -> String {
    format!("vm-{project}-{at}")
}

fn instance_mac(project: usize, at: usize) -> String {
    mac(2, port(project, at))
}

/// The address that an instance asks for.
pub fn fixed_ip(project: usize, at: usize) -> String {
    inside(project, 2000 + at)
}

/// The floating address number `at` of a project.
pub fn floating_ip(project: usize, at: usize) -> String {
    let n = project * ROOM + at;
    format!("172.{}.{}.{}", 24 + (n >> 16), n >> 8 & 255, n & 255)
}

/// The operation that inserts a NAT row; its router has to take it in.
fn nat(number: usize, row: Value) -> Value {
    insert("NAT", Kind::Nat, number, row)
}

impl Cloud {
    /// The chassis that an instance is on.
    pub fn chassis_of(self, project: usize, at: usize) -> usize {
        (project + at) % self.chassis
    }

    /// An instance; its network and security group have to take it in. It asks for an address, or for any.
    pub fn instance(self, project: usize, at: usize, fixed: bool) -> Value {
        let mac = instance_mac(project, at);
        let address = if fixed { fixed_ip(project, at) } else { "dynamic".to_owned() };
        let security = if fixed { format!("{mac} {address}") } else { mac.clone() };
        let row = json!({ "name": instance_name(project, at), "addresses": format!("{mac} {address}"),
            "port_security": security, "dhcpv4_options": uuid(Kind::DhcpOptions, project), "enabled": true,
            "options": map(&[("requested-chassis", &chassis_name(self.chassis_of(project, at)))]) });
        insert("Logical_Switch_Port", Kind::Port, port(project, at), row)
    }

    /// A floating address that the chassis of an instance translates.
    pub fn floating(self, project: usize, at: usize) -> Value {
        let external_mac = mac(3, port(project, at));
        let row = json!({ "type": "dnat_and_snat", "external_ip": floating_ip(project, at),
            "logical_ip": fixed_ip(project, at), "logical_port": instance_name(project, at),
            "external_mac": external_mac });
        nat(port(project, at), row)
    }

    /// A floating address that the gateway translates.
    pub fn central_floating(self, project: usize, at: usize) -> Value {
        let row = json!({ "type": "dnat_and_snat", "external_ip": floating_ip(project, at),
            "logical_ip": fixed_ip(project, at) });
        nat(port(project, at), row)
    }

    /// The operations by which a network and its security group take in an instance.
    pub fn take_in(self, project: usize, at: usize, mutator: &str) -> [Value; 2] {
        let row = uuid(Kind::Port, port(project, at));
        [
            mutate("Logical_Switch", uuid(Kind::Switch, project), "ports", mutator, row.clone()),
            mutate("Port_Group", uuid(Kind::PortGroup, project), "ports", mutator, row),
        ]
    }

    /// A project's rows; the external network has to take in its router.
    pub fn project(self, project: usize, instances: usize) -> Vec<Value> {
        let floating = self.floating.min(instances);
        let mut rows: Vec<Value> =
            (0..instances).map(|at| self.instance(project, at, at < floating)).collect();
        rows.extend(self.network(project, instances));
        rows.extend(security_group(project, instances));
        rows.extend((0..floating).map(|at| self.floating(project, at)));
        rows.extend(self.router(project, floating));
        rows
    }

    fn network(self, project: usize, instances: usize) -> [Value; 4] {
        let gateway = inside(project, 1);
        let options = map(&[
            ("classless_static_route", &format!("{{169.254.169.254/32,{gateway}, 0.0.0.0/0,{gateway}}}")),
            ("dns_server", "{1.1.1.1}"),
            ("lease_time", "43200"),
            ("mtu", "1442"),
            ("router", &gateway),
            ("server_id", &gateway),
            ("server_mac", &mac(4, project)),
        ]);
        let subnet = inside(project, 0) + "/20";
        let dhcp = json!({ "cidr": subnet, "options": options });
        let metadata = json!({ "name": format!("metadata-{project}"), "type": "localport", "enabled": true,
            "addresses": format!("{} {}", mac(5, project), inside(project, 2)) });
        let ports = (0..instances).chain([INSIDE, METADATA]).map(|at| uuid(Kind::Port, port(project, at)));
        let config = map(&[
            ("subnet", &subnet),
            ("exclude_ips", &format!("{}..{}", inside(project, 2000), inside(project, 3999))),
            ("mcast_flood_unregistered", "false"),
            ("mcast_snoop", "false"),
            ("vlan-passthru", "false"),
        ]);
        let switch = json!({ "name": format!("net-{project}"), "ports": set(ports), "other_config": config });
        [
            insert("DHCP_Options", Kind::DhcpOptions, project, dhcp),
            insert("Logical_Switch_Port", Kind::Port, port(project, METADATA), metadata),
            switch_side(project, INSIDE),
            insert("Logical_Switch", Kind::Switch, project, switch),
        ]
    }

    /// The router with its ports, its translation for the network and its floating addresses.
    fn router(self, project: usize, floating: usize) -> Vec<Value> {
        let gateways = (0..GATEWAYS).map(|n| GATEWAYS * project + n);
        let mut rows: Vec<Value> = gateways
            .clone()
            .map(|n| {
                let chassis = chassis_name(self.chassis_of(project, n % GATEWAYS));
                let name = format!("{}_{chassis}", router_port_name(project, OUTSIDE));
                let row = json!({ "name": name, "chassis_name": chassis, "priority": n % GATEWAYS + 1 });
                insert("Gateway_Chassis", Kind::GatewayChassis, n, row)
            })
            .collect();
        let outward = json!({ "gateway_chassis": set(gateways.map(|n| uuid(Kind::GatewayChassis, n))),
            "options": map(&[("gateway_mtu", "1500")]) });
        let own = json!({ "type": "snat", "external_ip": outside(project),
            "logical_ip": inside(project, 0) + "/20" });
        let nats = (0..floating).chain([OUTSIDE]).map(|at| uuid(Kind::Nat, port(project, at)));
        let options = [("always_learn_from_arp_request", "false"), ("dynamic_neigh_routers", "true")];
        let router = json!({ "name": format!("router-{project}"), "options": map(&options), "nat": set(nats),
            "ports": set([INSIDE, OUTSIDE].map(|at| uuid(Kind::RouterPort, port(project, at)))),
            "static_routes": uuid(Kind::Route, project) });
        rows.extend([
            router_port(project, INSIDE, &format!("{}/20", inside(project, 1)), json!({})),
            router_port(project, OUTSIDE, &format!("{}/12", outside(project)), outward),
            gateway_side(project),
            nat(port(project, OUTSIDE), own),
            route(project, "0.0.0.0/0", json!({})),
            insert("Logical_Router", Kind::Router, project, router),
        ]);
        rows
    }

    /// The transactions that make the cloud.
    pub fn northbound(self) -> Transactions {
        let projects = in_batches(0..self.projects, move |project| {
            let rows = self.project(project, self.instances);
            rows.into_iter().chain([behind_provider(project, "insert")]).collect()
        });
        let metadata = json!({ "name": "metadata", "type": "localport", "enabled": true,
            "addresses": mac(5, PROVIDER) });
        let number = port(PROVIDER, METADATA);
        let metadata = [
            insert("Logical_Switch_Port", Kind::Port, number, metadata),
            mutate(
                "Logical_Switch",
                uuid(Kind::Switch, PROVIDER),
                "ports",
                "insert",
                uuid(Kind::Port, number),
            ),
        ];
        Box::new(std::iter::once(provider().into_iter().chain(metadata).collect()).chain(projects))
    }
}

/// The external network's port for a project's router, which tells of the router's addresses.
fn gateway_side(project: usize) -> Value {
    let options = map(&[
        ("router-port", &router_port_name(project, OUTSIDE)),
        ("nat-addresses", "router"),
        ("exclude-lb-vips-from-garp", "true"),
    ]);
    let row = json!({ "name": format!("to-{}", router_port_name(project, OUTSIDE)), "type": "router",
        "addresses": "router", "options": options });
    insert("Logical_Switch_Port", Kind::Port, port(project, OUTSIDE), row)
}

/// The rule number `n` of a project's security group.
pub fn rule(project: usize, number: usize, direction: &str, matches: &str) -> Value {
    let side = if direction == "from-lport" { "inport" } else { "outport" };
    let row = json!({ "direction": direction, "priority": 1002, "action": "allow-related",
        "match": format!("{side} == @pg_{project} && {matches}") });
    insert("ACL", Kind::Acl, number, row)
}

/// All may go out, and members may come in.
fn security_group(project: usize, instances: usize) -> Vec<Value> {
    let first = project * ACLS;
    let mut rows = vec![
        rule(project, first, "from-lport", "ip4"),
        rule(project, first + 1, "from-lport", "ip6"),
        rule(project, first + 2, "to-lport", &format!("ip4 && ip4.src == $pg_{project}_ip4")),
        rule(project, first + 3, "to-lport", &format!("ip6 && ip6.src == $pg_{project}_ip6")),
    ];
    let group = json!({ "name": format!("pg_{project}"),
        "ports": set((0..instances).map(|at| uuid(Kind::Port, port(project, at)))),
        "acls": set((first..first + ACLS).map(|acl| uuid(Kind::Acl, acl))) });
    rows.push(insert("Port_Group", Kind::PortGroup, project, group));
    rows
}
