//! The rows of such a network.

use serde_json::{Value, json};

use crate::layer2::{port_name, port_number};
use crate::row::{Kind, insert, map, set, uuid};
use crate::workload::{self, Transactions, in_batches};

/// Switches of a tenant, which share a port group.
pub const TENANT: usize = 2;

/// Switches that share a row of DHCP options and one of DNS records, and of which one snoops.
const SHARED: usize = 10;

/// The one row of a kind that stands for the whole network.
pub const EVERYONE: usize = 1 << 20;

/// How many switches with how many ports, and how many ACLs a tenant has.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub switches: usize,
    pub ports: usize,
    pub acls: usize,
}

/// An ACL of a tenant.
pub fn acl(number: usize, tenant: usize, priority: usize, matches: &str) -> Value {
    let matches = format!("outport == @tenant{tenant} && {matches}");
    let row =
        json!({ "direction": "to-lport", "priority": priority, "match": matches, "action": "allow-related" });
    insert("ACL", Kind::Acl, number, row)
}

/// The addresses of a port, as its `addresses` and `port_security` have them.
pub fn addresses(switch: usize, port: usize) -> String {
    let (high, low) = (switch >> 8 & 255, switch & 255);
    format!("0a:{:02x}:{high:02x}:{low:02x}:00:{port:02x} 10.{high}.{low}.{}", switch >> 16, port + 1)
}

/// A row of DHCP options for the network of a switch.
pub fn dhcp_options(number: usize, switch: usize) -> Value {
    let (high, low) = (switch >> 8 & 255, switch & 255);
    let options = map(&[
        ("server_id", &format!("10.{high}.{low}.254")),
        ("server_mac", "0a:00:00:00:00:fe"),
        ("lease_time", "3600"),
        ("router", &format!("10.{high}.{low}.254")),
    ]);
    let row = json!({ "cidr": format!("10.{high}.{low}.0/24"), "options": options });
    insert("DHCP_Options", Kind::DhcpOptions, number, row)
}

impl Network {
    /// The operation that inserts a port with port security and DHCP; a switch has to take it in.
    pub fn port(self, switch: usize, port: usize) -> Value {
        let addresses = addresses(switch, port);
        let row = json!({ "name": port_name(switch, port), "addresses": addresses, "port_security": addresses,
            "dhcpv4_options": uuid(Kind::DhcpOptions, switch / SHARED) });
        insert("Logical_Switch_Port", Kind::Port, port_number(switch, port), row)
    }

    pub fn tenants(self) -> usize {
        self.switches.div_ceil(TENANT)
    }

    fn members(self, switches: impl Iterator<Item = usize>) -> Value {
        let ports = switches.flat_map(|switch| (0..self.ports).map(move |port| port_number(switch, port)));
        set(ports.map(|port| uuid(Kind::Port, port)))
    }

    fn switch(self, switch: usize) -> Vec<Value> {
        let mut row = json!({ "name": format!("s{switch}"), "ports": self.members(switch..=switch),
            "dns_records": uuid(Kind::Dns, switch / SHARED), "copp": uuid(Kind::Copp, 0) });
        if switch.is_multiple_of(SHARED) {
            row["other_config"] = map(&[("mcast_snoop", "true")]);
        }
        let ports = (0..self.ports).map(|port| self.port(switch, port));
        ports.chain([insert("Logical_Switch", Kind::Switch, switch, row)]).collect()
    }

    fn tenant(self, tenant: usize) -> Vec<Value> {
        let switches = tenant * TENANT..self.switches.min((tenant + 1) * TENANT);
        let mut rows: Vec<Value> = switches.clone().flat_map(|switch| self.switch(switch)).collect();
        let acls = tenant * self.acls..(tenant + 1) * self.acls;
        rows.extend(acls.clone().enumerate().map(|(at, number)| {
            acl(number, tenant, 1000 + at, &format!("ip4.src == $everyone && tcp.dst == {}", 8000 + at))
        }));
        let row = json!({ "name": format!("tenant{tenant}"), "ports": self.members(switches),
            "acls": set(acls.map(|number| uuid(Kind::Acl, number))) });
        rows.push(insert("Port_Group", Kind::PortGroup, tenant, row));
        rows
    }

    /// What other rows refer to.
    fn shared(self) -> Vec<Value> {
        let band = json!({ "action": "drop", "rate": 100 });
        let meter = json!({ "name": "slow", "unit": "pktps", "bands": uuid(Kind::MeterBand, 0) });
        let mirror =
            json!({ "name": "tap", "filter": "both", "sink": "10.254.0.1", "type": "gre", "index": 1 });
        let once = [
            workload::global(),
            insert("Meter_Band", Kind::MeterBand, 0, band),
            insert("Meter", Kind::Meter, 0, meter),
            insert("Copp", Kind::Copp, 0, json!({ "name": "guard", "meters": map(&[("arp", "slow")]) })),
            insert("Mirror", Kind::Mirror, 0, mirror),
        ];
        once.into_iter().chain((0..self.switches.div_ceil(SHARED)).flat_map(services)).collect()
    }

    /// The sets that have every port.
    fn everyone(self) -> Vec<Value> {
        let all = (0..self.switches).flat_map(|switch| (0..self.ports).map(move |port| (switch, port)));
        let ips = all.map(|(switch, port)| {
            let addresses = addresses(switch, port);
            json!(addresses.rsplit(' ').next())
        });
        let addresses = json!({ "name": "everyone", "addresses": set(ips) });
        let members = self.members(0..self.switches);
        vec![
            insert("Address_Set", Kind::AddressSet, EVERYONE, addresses),
            insert("Port_Group", Kind::PortGroup, EVERYONE, json!({ "name": "everybody", "ports": members })),
        ]
    }

    /// The transactions that make the network.
    pub fn northbound(self) -> Transactions {
        let tenants = in_batches(0..self.tenants(), move |tenant| self.tenant(tenant));
        let first = std::iter::once(self.shared());
        Box::new(first.chain(tenants).chain(std::iter::once_with(move || self.everyone())))
    }
}

/// DHCP options and DNS records, which several switches share.
fn services(n: usize) -> [Value; 2] {
    let record = |at: usize| (format!("host{at}.group{n}.test"), format!("10.0.{n}.{at}"));
    let records: Vec<(String, String)> = (0..100).map(record).collect();
    let records: Vec<(&str, &str)> = records.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    [dhcp_options(n, n * SHARED), insert("DNS", Kind::Dns, n, json!({ "records": map(&records) }))]
}
