//! The integration bridge.

use northflow_rules::chassis::bridge::{FAIL_MODE, integration_bridge};
use northflow_rules::ovsdb::Text;
use northflow_rules::schema::{Map, key_uuid, ovs};

use super::local::Local;
use super::writes::Writes;
use crate::process::vlog::modules::MAIN;

/// Makes the bridge if there is none, and sets of it what is to be otherwise.
pub(super) fn set_up(local: &Local<'_>, switch: &mut Writes) {
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
        };
        let bridge = ovs::Bridge {
            uuid: uuid("Bridge"),
            name: wanted.name.clone(),
            datapath_type: wanted.datapath_type,
            fail_mode: Some(FAIL_MODE.into()),
            ports: vec![port.uuid],
            external_ids: Map::new(),
            other_config: wanted.other_config,
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
        switch.insert(&ovs::Datapath { uuid, capabilities: Map::new() });
        switch.refer::<ovs::OpenVswitch>(local.row.uuid, "datapaths", kind, uuid);
    }
    if bridge.fail_mode.as_deref() != Some(FAIL_MODE) {
        switch.set::<ovs::Bridge>(bridge.uuid, "fail_mode", &Some(Text::from(FAIL_MODE)));
    }
}
