//! The integration bridge.

use northflow_rules::chassis::bridge::{FAIL_MODE, PREFIXES, TABLES, integration_bridge};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, key_uuid, ovs};

use super::local::Local;
use super::writes::Writes;
use crate::process::vlog::modules::MAIN;

/// The key of `Open_vSwitch.other_config` that says how many VLAN tags of a packet are looked at; 0 is all.
const VLAN_LIMIT: &str = "vlan-limit";

/// Makes the bridge if there is none, and sets of it what is to be otherwise. `prefixes` is how many prefixes the switch
/// takes for a table.
pub(super) fn set_up(local: &Local<'_>, prefixes: usize, switch: &mut Writes) {
    // Packets have as many VLAN tags as they like: those within are the business of logical ports.
    if local.row.other_config.get_number::<i64>(VLAN_LIMIT) != Some(0) {
        let pair = (VLAN_LIMIT.into(), "0".into());
        switch.change_keys::<ovs::OpenVswitch>(local.row.uuid, "other_config", &[pair], &[]);
    }
    let existing = local.bridge.map(|bridge| &*bridge.datapath_type);
    let wanted = integration_bridge(&local.settings, existing);
    let Some(bridge) = local.bridge else {
        MAIN.info(format_args!("creating the integration bridge '{}'", wanted.name));
        let stamp = super::now().to_string();
        let uuid = |table| key_uuid(table, &[&wanted.name, &stamp]);
        let interface = ovs::Interface {
            uuid: uuid("Interface"),
            name: wanted.name.clone(),
            type_: "internal".into(),
            ..ovs::Interface::default()
        };
        let port = ovs::Port {
            uuid: uuid("Port"),
            name: wanted.name.clone(),
            interfaces: vec![interface.uuid],
            external_ids: Map::new(),
            qos: None,
        };
        let bridge = ovs::Bridge {
            uuid: uuid("Bridge"),
            name: wanted.name.clone(),
            datapath_type: wanted.datapath_type,
            fail_mode: Some(FAIL_MODE.into()),
            ports: vec![port.uuid],
            mirrors: Vec::new(),
            external_ids: Map::new(),
            other_config: wanted.other_config,
            flow_tables: Vec::new(),
        };
        switch.add::<ovs::OpenVswitch>(local.row.uuid, "bridges", [bridge.uuid]);
        switch.insert(&bridge);
        switch.insert(&port);
        switch.insert(&interface);
        return;
    };
    if wanted.datapath_type != bridge.datapath_type {
        switch.set::<ovs::Bridge>(bridge.uuid, "datapath_type", &wanted.datapath_type);
    }
    // The switch says in this row what it can do.
    if !local.row.datapaths.contains(&wanted.datapath_type) {
        let kind = &wanted.datapath_type;
        let uuid = key_uuid("Datapath", &[kind, &super::now().to_string()]);
        switch.insert(&ovs::Datapath { uuid, ..ovs::Datapath::default() });
        switch.refer::<ovs::OpenVswitch>(local.row.uuid, "datapaths", kind.clone(), uuid);
    }
    if bridge.fail_mode.as_deref() != Some(FAIL_MODE) {
        switch.set::<ovs::Bridge>(bridge.uuid, "fail_mode", &Some(Text::from(FAIL_MODE)));
    }
    set_prefixes(local, bridge, prefixes, switch);
}

/// Has all tables share one row of settings with the first `most` of the prefixes.
fn set_prefixes(local: &Local<'_>, bridge: &ovs::Bridge, most: usize, switch: &mut Writes) {
    let wanted = &PREFIXES[..most.min(PREFIXES.len())];
    if wanted.is_empty() {
        return;
    }
    let tables = &bridge.flow_tables;
    let shared = tables
        .first()
        .map(|(_, row)| *row)
        .filter(|row| tables.len() as i64 == TABLES && tables.iter().all(|(_, other)| other == row));
    let known = shared.and_then(|row| local.flow_table(row));
    let mut prefixes: Vec<Text> = wanted.iter().map(|field| Text::from(*field)).collect();
    prefixes.sort_unstable();
    if known.is_some_and(|row| row.prefixes == prefixes) {
        return;
    }
    MAIN.info(format_args!("Setting flow table prefixes: {}.", wanted.join(", ")));
    match known {
        Some(row) => switch.set::<ovs::FlowTable>(row.uuid, "prefixes", &prefixes),
        None => {
            let uuid = key_uuid("Flow_Table", &[&bridge.name, &super::now().to_string()]);
            switch.insert(&ovs::FlowTable { uuid, prefixes });
            let tables: Vec<(i64, Uuid)> = (0..TABLES).map(|table| (table, uuid)).collect();
            switch.set::<ovs::Bridge>(bridge.uuid, "flow_tables", &tables);
        }
    }
}
