//! What a chassis knows by itself: its settings, the ports of its integration bridge, what its switch can do, and
//! the numbers of its zones.

use std::collections::BTreeMap;

use northflow_controller::local;
use northflow_engine::Transaction;
use northflow_rules::chassis::settings::Settings;
use northflow_rules::chassis::tunnel::{FLOW, TUNNEL_ID, parse_id};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Column, Map};
use serde::{Deserialize, Serialize};

use super::flow::Names;
use crate::chassis::identifiers;
use crate::dump::{Dump, Row};

/// Texts by name.
type Texts = BTreeMap<String, String>;

/// What a chassis knows by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `Open_vSwitch.external_ids`, without where the database is.
    pub settings: Texts,
    /// `Datapath.capabilities`, as far as they matter here.
    pub capabilities: Texts,
    /// Whether its datapath has meters.
    pub meters: bool,
    /// Sets of collectors for the bridge.
    pub collector_sets: Vec<u32>,
    /// The ports of the bridge.
    pub ports: Vec<Port>,
    /// Zones and their numbers.
    pub zones: BTreeMap<String, u16>,
}

/// A port of the integration bridge, and its interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of the interface.
    pub kind: String,
    /// Its OpenFlow port.
    pub ofport: u16,
    /// `Port.external_ids`.
    pub port_ids: Texts,
    /// `Interface.external_ids`.
    pub ids: Texts,
    /// `Interface.options`.
    pub options: Texts,
    /// `Interface.mtu`.
    pub mtu: Option<u16>,
    /// `Interface.bfd_status`, as far as it matters here.
    pub bfd: Texts,
}

/// Capabilities that matter.
const CAPABILITIES: &[&str] = &["ct_zero_snat", "ct_flush", "max_hash_alg"];
/// Notes that say when and not what.
const TIMES: &[&str] = &["ovn-installed", "ovn-installed-ts"];
/// The hash that is alike in both directions.
const SYMMETRIC: &str = "1";

fn texts(row: &Row, column: &str) -> Texts {
    let map: Map = row.get(column).and_then(|datum| Map::from_datum(datum).ok()).unwrap_or_default();
    map.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub(super) fn text(row: &Row, column: &str) -> String {
    row.get(column).and_then(|datum| Text::from_datum(datum).ok()).map_or(String::new(), |it| it.to_string())
}

pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &str) -> Option<T> {
    row.get(column).and_then(|datum| i64::from_datum(datum).ok()).and_then(|number| T::try_from(number).ok())
}

impl Facts {
    /// The facts in a switch's database, and the zones that its controller lists.
    pub fn new(database: &Dump, bridge: &str, zones: &str) -> Facts {
        let rows = |table: &str| database.get(table).into_iter().flatten();
        let mut facts = Facts::default();
        for (_, row) in rows("Open_vSwitch") {
            facts.settings = texts(row, "external_ids");
            facts.settings.retain(|name, _| name != "ovn-remote");
        }
        for (_, row) in rows("Datapath") {
            facts.capabilities = texts(row, "capabilities");
            facts.capabilities.retain(|name, _| CAPABILITIES.contains(&name.as_str()));
        }
        let referred = |row: &Row, column: &str| row.get(column).map(identifiers).unwrap_or_default();
        for (uuid, row) in rows("Bridge").filter(|(_, row)| text(row, "name") == bridge) {
            for (_, set) in rows("Flow_Sample_Collector_Set") {
                if referred(set, "bridge").contains(uuid) {
                    facts.collector_sets.extend(number::<u32>(set, "id"));
                }
            }
            let ports = referred(row, "ports");
            for (_, port) in rows("Port").filter(|(uuid, _)| ports.contains(uuid)) {
                let own = referred(port, "interfaces");
                let interfaces = rows("Interface").filter(|(uuid, _)| own.contains(uuid));
                facts.ports.extend(interfaces.filter_map(|(_, interface)| {
                    let mut ids = texts(interface, "external_ids");
                    ids.retain(|name, _| !TIMES.contains(&name.as_str()));
                    let mut bfd = texts(interface, "bfd_status");
                    bfd.retain(|name, _| name == "state" || name == "forwarding");
                    Some(Port {
                        name: text(interface, "name"),
                        kind: text(interface, "type"),
                        ofport: number(interface, "ofport").filter(|number| *number > 0)?,
                        port_ids: texts(port, "external_ids"),
                        ids,
                        options: texts(interface, "options"),
                        mtu: number(interface, "mtu"),
                        bfd,
                    })
                }));
            }
        }
        facts.collector_sets.sort_unstable();
        facts.ports.sort_by(|one, other| one.name.cmp(&other.name));
        facts.zones = zones
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, number)| Some((name.to_owned(), number.trim().parse().ok()?)))
            .collect();
        facts
    }

    /// What the bridge's numbers of ports and zones stand for.
    pub fn names(&self) -> Names {
        Names {
            ports: self.ports.iter().map(|port| (port.ofport.into(), port.name.clone())).collect(),
            zones: self.zones.iter().map(|(name, number)| ((*number).into(), name.clone())).collect(),
            ..Names::default()
        }
    }

    /// Its tunnel ends in the order of their numbers.
    fn encap_ips(&self, chassis: &str) -> Vec<Text> {
        let ids: Map =
            self.settings.iter().map(|(key, value)| (Text::from(&**key), Text::from(&**value))).collect();
        let settings = Settings::new(&ids, chassis);
        let mut ips = settings.list("ovn-encap-ip");
        ips.sort_unstable();
        let default = settings.get("ovn-encap-ip-default");
        if let Some(at) = default.and_then(|default| ips.iter().position(|ip| *ip == &**default)) {
            ips.swap(0, at);
        }
        ips.into_iter().map(Text::from).collect()
    }
}

/// The rows that facts are to the program: those of all chassis, by the name of their chassis.
pub fn rows(facts: &BTreeMap<String, Facts>, southbound: &Dump) -> LocalRows {
    let mut rows = LocalRows::default();
    let mut chassis_named = BTreeMap::new();
    for (uuid, row) in southbound.get("Chassis").into_iter().flatten() {
        chassis_named.insert(text(row, "name"), *uuid);
    }
    for (name, facts) in facts {
        rows.switch.get_or_insert_with(|| local::Switch {
            zero_snat: facts.capabilities.get("ct_zero_snat").is_some_and(|value| value == "true"),
            meters: facts.meters,
            symmetric_hash: facts.capabilities.get("max_hash_alg").is_some_and(|value| value == SYMMETRIC),
            collector_sets: facts.collector_sets.clone(),
        });
        let Some(&chassis) = chassis_named.get(name) else { continue };
        let encap_ips = facts.encap_ips(name);
        let encap_of = |ip: Option<&str>| {
            let at = ip.and_then(|ip| encap_ips.iter().position(|known| &**known == ip));
            at.and_then(|at| u16::try_from(at).ok()).unwrap_or(0)
        };
        for port in &facts.ports {
            if let Some(logical_port) = port.ids.get("iface-id") {
                rows.interfaces.push(local::Interface {
                    chassis,
                    port: logical_port.as_str().into(),
                    ofport: port.ofport,
                    encap: encap_of(port.ids.get("encap-ip").map(String::as_str)),
                });
            }
            if let (Some(logical_port), Some(mtu)) = (port.ids.get("iface-id"), port.mtu) {
                rows.mtus.push(local::Mtu { chassis, port: logical_port.as_str().into(), mtu });
            }
            for key in ["ovn-localnet-port", "ovn-l2gateway-port"] {
                if let Some(logical_port) = port.port_ids.get(key) {
                    let (port, ofport) = (logical_port.as_str().into(), port.ofport);
                    rows.patches.push(local::Patch { chassis, port, ofport });
                }
            }
            if port.port_ids.get(TUNNEL_ID).is_some_and(|id| id == FLOW) {
                let (kind, ofport) = (port.kind.as_str().into(), port.ofport);
                rows.shared_tunnels.push(local::SharedTunnel { chassis, kind, ofport });
            }
            let tunnel = port.port_ids.get(TUNNEL_ID).and_then(|id| parse_id(id));
            if let Some((remote, remote_ip, local_ip)) = tunnel
                && let Some(&remote) = chassis_named.get(remote)
            {
                if port.bfd.get("state").is_some_and(|state| state == "up") {
                    rows.alive.push(local::Alive { chassis, remote });
                }
                rows.tunnels.push(local::Tunnel {
                    chassis,
                    remote,
                    kind: port.kind.as_str().into(),
                    remote_ip: remote_ip.into(),
                    encap: encap_of(local_ip),
                    ofport: port.ofport,
                });
            }
        }
        for (name, number) in &facts.zones {
            rows.zones.push(local::Zone { chassis, name: name.as_str().into(), number: *number });
        }
        rows.chassis.push(local::Chassis { chassis, encap_ips });
        rows.by_uuid.insert(chassis, name.clone());
    }
    rows
}

/// Rows of the program's local inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalRows {
    /// Names of chassis.
    pub by_uuid: BTreeMap<Uuid, String>,
    switch: Option<local::Switch>,
    chassis: Vec<local::Chassis>,
    interfaces: Vec<local::Interface>,
    mtus: Vec<local::Mtu>,
    tunnels: Vec<local::Tunnel>,
    shared_tunnels: Vec<local::SharedTunnel>,
    alive: Vec<local::Alive>,
    patches: Vec<local::Patch>,
    zones: Vec<local::Zone>,
}

impl LocalRows {
    /// Adds what makes these rows of `before`.
    pub fn change_from(&self, before: &LocalRows, transaction: &mut Transaction) {
        fn change<T: northflow_engine::Record + Clone + PartialEq>(
            input: &'static str,
            before: &[T],
            after: &[T],
            transaction: &mut Transaction,
        ) {
            for row in before.iter().filter(|row| !after.contains(row)) {
                transaction.remove(input, row.clone());
            }
            for row in after.iter().filter(|row| !before.contains(row)) {
                transaction.insert(input, row.clone());
            }
        }
        change("local.Switch", before.switch.as_slice(), self.switch.as_slice(), transaction);
        change("local.Chassis", &before.chassis, &self.chassis, transaction);
        change("local.Interface", &before.interfaces, &self.interfaces, transaction);
        change("local.Tunnel", &before.tunnels, &self.tunnels, transaction);
        change("local.SharedTunnel", &before.shared_tunnels, &self.shared_tunnels, transaction);
        change("local.Mtu", &before.mtus, &self.mtus, transaction);
        change("local.Alive", &before.alive, &self.alive, transaction);
        change("local.Patch", &before.patches, &self.patches, transaction);
        change("local.Zone", &before.zones, &self.zones, transaction);
    }
}
