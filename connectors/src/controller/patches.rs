//! Patch ports between the integration bridge and those of physical networks.

use std::collections::{BTreeMap, HashSet};

use northflow_rules::chassis::patch::{KEYS, PatchPort, bridge_mappings, patch_ports};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, ovs, own};

use super::index::Index;
use super::local::{Local, Port};
use super::tunnels::new_port;
use super::writes::Writes;
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::PATCH;
use crate::replica::Replica;

static MAPPINGS: RateLimit = RateLimit::new(1, 5);

/// Logical ports that lead to physical networks from here: those of local datapaths, and of gateways the
/// chassis' own. Type and network by name.
///
/// Cost: the local datapaths.
pub(super) fn wanted(
    chassis: &Text,
    local_datapaths: &HashSet<Uuid>,
    index: &Index,
    rows: &Replica,
) -> BTreeMap<Text, (Text, Text)> {
    let names = local_datapaths.iter().filter_map(|datapath| index.networks.get(datapath)).flatten();
    let port = |name: &Text| {
        let port: &own::Port = rows.row(*index.ports.get(name)?)?;
        let is_here = match &*port.type_ {
            "localnet" => true,
            "l2gateway" => port.options.get("l2gateway-chassis") == Some(chassis),
            _ => false,
        };
        let network = port.options.get("network_name").filter(|_| is_here)?;
        Some((name.clone(), (port.type_.clone(), network.clone())))
    };
    names.filter_map(port).collect()
}

/// Makes the patch ports that are missing, and deletes those that are too many.
///
/// Cost: the ports of all bridges.
pub(super) fn set_up(wanted: &BTreeMap<Text, (Text, Text)>, local: &Local<'_>, switch: &mut Writes) {
    let Some(integration) = local.bridge else { return };
    let (mappings, problem) = bridge_mappings(&local.settings);
    if let Some(problem) = problem {
        PATCH.warn_limited(&MAPPINGS, problem);
    }
    let mut missing: BTreeMap<String, (PatchPort, &ovs::Bridge)> = BTreeMap::new();
    for (name, (type_, network)) in wanted {
        let Some((_, bridge)) = mappings.iter().find(|(known, _)| *known == &**network) else {
            let text =
                format_args!("bridge not found for {type_} port '{name}' with network name '{network}'");
            match &**type_ {
                "localnet" => PATCH.info_limited(&MAPPINGS, text),
                _ => PATCH.warn_limited(&MAPPINGS, text),
            }
            continue;
        };
        let Some(outer) = local.bridge_of(bridge) else {
            PATCH.warn_limited(
                &MAPPINGS,
                format_args!("bridge '{bridge}' of network '{network}' does not exist"),
            );
            continue;
        };
        for (port, on) in
            patch_ports(&integration.name, bridge, type_, name).into_iter().zip([integration, outer])
        {
            missing.insert(port.name.clone(), (port, on));
        }
    }
    for bridge in local.bridges() {
        let mut gone = Vec::new();
        for Port { port, interface } in local.ports(bridge) {
            let of = KEYS.iter().find_map(|key| port.external_ids.get(key).map(|of| (*key, of)));
            let Some((key, of)) = of.filter(|_| &*interface.type_ == "patch") else { continue };
            let fits = missing.get(&*port.name).is_some_and(|(wanted, on)| {
                on.uuid == bridge.uuid
                    && wanted.external_ids.get(key) == Some(of)
                    && interface.options.text("peer") == wanted.peer
            });
            if fits {
                missing.remove(&*port.name);
            } else {
                gone.push(port.uuid);
            }
        }
        if !gone.is_empty() {
            switch.take::<ovs::Bridge>(bridge.uuid, "ports", gone);
        }
    }
    for (name, (port, bridge)) in missing.iter().filter(|(name, _)| !local.has_port(name)) {
        let options: Map = [("peer", Text::from(&*port.peer))].into_iter().collect();
        new_port(bridge, name, "patch", &options, port.external_ids.clone(), switch);
    }
}
