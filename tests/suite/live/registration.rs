//! What a chassis says of itself and makes in its switch, against what ovn-controller does with the
//! same settings.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use northflow_rules::chassis::bridge::{self, integration_bridge};
use northflow_rules::chassis::claim::{Binder, Plugged, Role, Wanted, claim};
use northflow_rules::chassis::patch::{self, bridge_mappings, patch_ports};
use northflow_rules::chassis::registration::{Machine, registration};
use northflow_rules::chassis::settings::Settings;
use northflow_rules::chassis::tunnel::{self, Peer, port_name, tunnels};
use northflow_rules::ovsdb::{Datum, Text, Uuid};
use northflow_rules::schema::{Column, Database, Map, Table, ovs};
use northflow_tests::dump::{self, Dump, Row};
use northflow_tests::reference::{Databases, Process, Reference};
use northflow_tests::switch::Switch;

use super::world::until;

/// Settings, some for all chassis that share them and some for this one.
const SETTINGS: &[(&str, &str)] = &[
    ("system-id", "chassis-one"),
    ("hostname", "host.example"),
    ("ovn-encap-type", "vxlan,geneve"),
    ("ovn-encap-ip", "127.0.0.9"),
    ("ovn-encap-ip-chassis-one", "127.0.0.2,127.0.0.1"),
    ("ovn-encap-ip-default", "127.0.0.2"),
    ("ovn-encap-csum", "false"),
    ("ovn-encap-tos", "inherit"),
    ("ovn-encap-df_default", "false"),
    ("ovn-bridge-mappings", "physical:br-ex,other:br-ex"),
    ("ovn-cms-options", "enable-chassis-as-gw"),
    ("ovn-transport-zones", "zone-b,zone-a"),
    ("ovn-is-interconn", "true"),
    ("ovn-monitor-all-chassis-one", "true"),
    ("ovn-memlimit-lflow-cache-kb", "1024"),
    ("ovn-bridge-datapath-type", "dummy"),
];

/// Another chassis: its name, zones, types and addresses.
const PEERS: &[(&str, &str, &str, &str)] = &[
    ("peer-geneve", "zone-a", "geneve,vxlan", "127.0.0.11"),
    ("peer-vxlan", "zone-b,zone-c", "vxlan", "127.0.0.12"),
    ("peer-elsewhere", "zone-c", "geneve", "127.0.0.13"),
];

struct World {
    databases: Databases,
    switch: Switch,
    _processes: [Process; 2],
}

fn world(reference: &'static Reference) -> Result<World, String> {
    let databases = reference.databases()?;
    let northd = databases.northd()?;
    for command in [
        &[
            "ls-add",
            "s",
            "--",
            "lsp-add",
            "s",
            "p",
            "--",
            "lsp-add",
            "s",
            "unplugged",
            "--",
            "lsp-add-localnet-port",
            "s",
            "ln",
            "physical",
        ][..],
        &[
            "lsp-add",
            "s",
            "gw",
            "--",
            "lsp-set-type",
            "gw",
            "l2gateway",
            "--",
            "lsp-set-addresses",
            "gw",
            "unknown",
        ],
        &["lsp-set-options", "gw", "network_name=other", "l2gateway-chassis=chassis-one"],
    ] {
        databases.nbctl(command)?;
    }
    for (name, zones, types, ip) in PEERS {
        databases.sbctl(&["chassis-add", name, types, ip])?;
        let zones: Vec<String> = zones.split(',').map(|zone| format!("transport_zones={zone}")).collect();
        for zone in zones {
            let (column, value) = zone.split_once('=').unwrap_or_default();
            databases.sbctl(&["add", "Chassis", name, column, value])?;
        }
    }
    let switch = Switch::start(reference, &databases.folder().join("c1"))?;
    let remote = format!("external_ids:ovn-remote={}", databases.remote("sb"));
    switch.vsctl(&["set", "Open_vSwitch", ".", &remote])?;
    for (key, value) in SETTINGS {
        switch.vsctl(&["set", "Open_vSwitch", ".", &format!("external_ids:{key}=\"{value}\"")])?;
    }
    switch.add_bridge("br-ex")?;
    let controller = switch.spawn("ovn-controller", &["-vconsole:off", &switch.database()])?;
    let interface = ["type=dummy", "external_ids:iface-id=p"];
    until("the integration bridge", || Ok(switch.vsctl(&["br-exists", "br-int"]).is_ok()))?;
    let add = ["--timeout=20", "add-port", "br-int", "v", "--", "set", "Interface", "v"];
    switch.vsctl(&[&add[..], &interface].concat())?;
    databases.nbctl(&["wait-until", "Logical_Switch_Port", "p", "up=true"])?;
    Ok(World { databases, switch, _processes: [northd, controller] })
}

fn is_tunnel(type_: &str) -> bool {
    ["geneve", "vxlan"].contains(&type_)
}

fn map(row: &Row, column: &str) -> Map {
    row.get(column).and_then(|datum| Map::from_datum(datum).ok()).unwrap_or_default()
}

fn text(row: &Row, column: &str) -> Text {
    row.get(column).and_then(|datum| Text::from_datum(datum).ok()).unwrap_or_else(|| "".into())
}

fn rows<'a>(dump: &'a Dump, table: &str) -> impl Iterator<Item = &'a Row> {
    dump.get(table).into_iter().flat_map(BTreeMap::values)
}

/// The rows of a table, decoded.
fn typed<T: Table>(dump: &Dump) -> Result<Vec<T>, String> {
    let decode = |(uuid, row): (&Uuid, &Row)| {
        let columns: Vec<Option<Datum>> = T::COLUMNS.iter().map(|name| row.get(*name).cloned()).collect();
        T::decode(*uuid, &columns).map_err(|error| error.to_string())
    };
    dump.get(T::NAME).into_iter().flatten().map(decode).collect()
}

fn uuid_of(dump: &Dump, table: &str, name: &str) -> Result<Uuid, String> {
    let rows = dump.get(table).into_iter().flatten();
    let found = rows.into_iter().find(|(_, row)| &*text(row, "name") == name);
    found.map(|(uuid, _)| *uuid).ok_or_else(|| format!("no {table} {name}"))
}

/// Interfaces of some types: name, and what else there is.
fn interfaces(local: &Dump, is_asked: impl Fn(&str) -> bool) -> Result<BTreeMap<Text, (Text, Map)>, String> {
    let rows = typed::<ovs::Interface>(local)?.into_iter();
    Ok(rows.filter(|row| is_asked(&row.type_)).map(|row| (row.name, (row.type_, row.options))).collect())
}

pub fn registered(reference: &'static Reference) -> Result<(), Failed> {
    let World { databases, switch, .. } = &world(reference)?;
    let southbound = || dump::of_server(reference, databases, Database::Southbound);
    let local = || dump::of_remote(reference, &switch.database(), "Open_vSwitch");
    // Ports are made once rows have come back to the controller.
    until("tunnels and patch ports", || {
        let local = local()?;
        let count = |is_asked: &dyn Fn(&str) -> bool| Ok(interfaces(&local, is_asked)?.len());
        let tunnels: Result<usize, String> = count(&is_tunnel);
        Ok(count(&|type_| type_ == "patch")? == 4 && tunnels? == 4)
    })?;
    let (southbound, local) = (southbound()?, local()?);
    let own = typed::<ovs::OpenVswitch>(&local)?.pop().ok_or("no row of Open_vSwitch")?;
    let bridges = typed::<ovs::Bridge>(&local)?;
    let bridge = bridges.iter().find(|bridge| &*bridge.name == "br-int").ok_or("no br-int")?;
    let chassis = |name: &str| {
        let row = rows(&southbound, "Chassis").find(|row| &*text(row, "name") == name);
        row.ok_or_else(|| format!("no chassis {name}"))
    };
    let row = chassis("chassis-one")?;
    let settings = Settings::new(&own.external_ids, "chassis-one");

    // The chassis and its end points.
    let theirs = map(row, "other_config");
    let machine = Machine {
        hostname: "another".into(),
        interface_types: own.iface_types.clone(),
        datapath_type: bridge.datapath_type.clone(),
        samples_with_registers: theirs.get_bool("ovn-sample-with-registers", false),
        flushes_by_label: Some(theirs.get_bool("ct-label-flush", false)),
    };
    let (ours, problems) = registration(&settings, &machine).map_err(|error| format!("{error:?}"))?;
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(ours.other_config, theirs);
    assert_eq!(ours.hostname, text(row, "hostname"));
    assert_eq!(Some(&ours.transport_zones.to_datum()), row.get("transport_zones"));
    let encaps_of = |chassis: &str| -> Vec<(Text, Text, Map)> {
        let own = rows(&southbound, "Encap").filter(|row| &*text(row, "chassis_name") == chassis);
        let mut encaps: Vec<_> =
            own.map(|row| (text(row, "type"), text(row, "ip"), map(row, "options"))).collect();
        encaps.sort();
        encaps
    };
    let encaps: Vec<_> = ours
        .encaps
        .iter()
        .map(|encap| (encap.type_.clone(), encap.ip.clone(), encap.options.clone()))
        .collect();
    assert_eq!(encaps, encaps_of("chassis-one"));
    let private = rows(&southbound, "Chassis_Private").find(|row| text(row, "name") == ours.name);
    assert!(private.is_some_and(|row| row.get("chassis") != Some(&Datum::none())));

    // The port that is plugged, and none else.
    let binder = Binder {
        row: uuid_of(&southbound, "Chassis", "chassis-one")?,
        name: ours.name.clone(),
        hostname: ours.hostname.clone(),
    };
    let plugged: Vec<Plugged> = typed::<ovs::Interface>(&local)?
        .into_iter()
        .map(|row| Plugged { external_ids: row.external_ids, ofport: row.ofport })
        .collect();
    for row in rows(&southbound, "Port_Binding").filter(|row| text(row, "type").is_empty()) {
        let wanted = Wanted {
            logical_port: text(row, "logical_port"),
            options: map(row, "options"),
            ..Wanted::default()
        };
        let claimed = plugged.iter().any(|interface| claim(&binder, &wanted, interface) == Some(Role::Main));
        assert_eq!(claimed, row.get("chassis") == Some(&Some(binder.row).to_datum()), "{wanted:?}");
    }

    // The integration bridge.
    let made = integration_bridge(&settings, None);
    assert_eq!((&made.name, &made.datapath_type), (&bridge.name, &bridge.datapath_type));
    assert_eq!(bridge.fail_mode.as_deref(), Some(bridge::FAIL_MODE));
    let keys = |map: &Map| map.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&made.other_config), keys(&bridge.other_config));

    // Tunnels: which there are, and of what ports.
    let ports = typed::<ovs::Port>(&local)?.into_iter();
    let ids_of_ports: BTreeMap<Text, Map> = ports.map(|port| (port.name, port.external_ids)).collect();
    let theirs: BTreeMap<String, (Text, Map)> = interfaces(&local, is_tunnel)?
        .into_iter()
        .map(|(name, rest)| (ids_of_ports[&name].text(tunnel::TUNNEL_ID).to_owned(), rest))
        .collect();
    let mut ours_by_id = BTreeMap::new();
    for (name, ..) in PEERS {
        let row = chassis(name)?;
        let zones = row.get("transport_zones").and_then(|datum| Vec::from_datum(datum).ok());
        let peer = Peer {
            name: text(row, "name"),
            transport_zones: zones.unwrap_or_default(),
            is_remote: map(row, "other_config").get_bool("is-remote", false),
            encaps: encaps_of(name),
        };
        for tunnel in tunnels(&ours, &settings, None, &peer) {
            ours_by_id.insert(tunnel.id, (tunnel.type_, tunnel.options));
        }
        let prefix = port_name(name, "", |_| false).unwrap_or_default();
        let prefix = prefix.trim_end_matches('0');
        let used = ours_by_id.keys().any(|id| id.starts_with(&format!("{name}@")));
        assert_eq!(ids_of_ports.keys().any(|name| name.starts_with(prefix)), used, "{prefix}");
    }
    assert_eq!(ours_by_id, theirs);

    // Patch ports.
    let (mappings, error) = bridge_mappings(&settings);
    assert_eq!(error, None);
    let theirs = interfaces(&local, |type_| type_ == "patch")?;
    let mut made = BTreeMap::new();
    for (type_, logical_port, network) in [("localnet", "ln", "physical"), ("l2gateway", "gw", "other")] {
        let (_, bridge) = mappings.iter().find(|(known, _)| *known == network).ok_or("no mapping")?;
        for port in patch_ports("br-int", bridge, type_, logical_port) {
            assert_eq!(port.external_ids, ids_of_ports[port.name.as_str()]);
            assert!(patch::KEYS.iter().any(|key| port.external_ids.contains(key)));
            let peer: Map = [("peer", Text::from(port.peer))].into_iter().collect();
            made.insert(Text::from(port.name), (Text::from("patch"), peer));
        }
    }
    assert_eq!(made, theirs);
    Ok(())
}
