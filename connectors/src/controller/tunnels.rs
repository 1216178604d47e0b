//! Tunnels of the integration bridge to other chassis.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::chassis::registration::Registration;
use northflow_rules::chassis::settings::Settings;
use northflow_rules::chassis::tunnel::{
    self, FLOW, FLOW_TYPE, Ipsec, Peer, TUNNEL_ID, Tunnel, are_flow_based, flow_based_tunnels, port_name,
};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, key_uuid, ovs, own};

use super::index::Index;
use super::local::{Local, Port};
use super::writes::Writes;
use crate::process::vlog::modules::{BFD, ENCAPS};
use crate::replica::Replica;

/// Tunnels as they are to be, by the chassis that they lead to.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    peers: BTreeMap<Text, Vec<Tunnel>>,
}

impl Tunnels {
    /// Works out anew the tunnels to some chassis.
    ///
    /// Cost: these chassis.
    pub fn look<'a>(
        &mut self,
        names: impl Iterator<Item = &'a Text>,
        own: &Registration,
        settings: &Settings<'_>,
        index: &Index,
        rows: &Replica,
    ) {
        let global: Option<&own::Global> = rows.rows().next();
        let ipsec = global.filter(|global| global.ipsec).map(|global| Ipsec {
            encapsulation: global.options.get_bool("ipsec_encapsulation", false),
            force_encapsulation: global.options.get_bool("ipsec_forceencaps", false),
        });
        for name in names {
            let chassis = index.chassis.get(name).and_then(|uuid| rows.row::<own::Chassis>(*uuid));
            let wanted = chassis.map(|chassis| tunnel::tunnels(own, settings, ipsec, &peer(chassis, rows)));
            match wanted.filter(|tunnels| !tunnels.is_empty() && !are_flow_based(settings)) {
                Some(tunnels) => drop(self.peers.insert(name.clone(), tunnels)),
                None => drop(self.peers.remove(name)),
            }
        }
    }

    /// Makes the ports that are missing, changes those that differ, and deletes those that are too many.
    ///
    /// Cost: the ports of the bridge.
    pub fn set_up(&self, own: &Registration, local: &Local<'_>, switch: &mut Writes) {
        let Some(bridge) = local.bridge else { return };
        let index = local.row.other_config.text(&format!("ovn-chassis-idx-{}", own.name));
        let mut wanted: BTreeMap<(&str, &str), (&Tunnel, &str)> = BTreeMap::new();
        let flow_based = flow_based_tunnels(own, &local.settings, index);
        if are_flow_based(&local.settings) {
            for (name, tunnel) in &flow_based {
                wanted.insert(key(&tunnel.id, &tunnel.type_), (tunnel, name));
            }
        }
        for (chassis, tunnels) in &self.peers {
            for tunnel in tunnels {
                wanted.insert(key(&tunnel.id, &tunnel.type_), (tunnel, chassis));
            }
        }
        let tunnels =
            local.ports(bridge).filter_map(|port| Some((port.port.external_ids.get(TUNNEL_ID)?, port)));
        // A port with an identifier of older programs is the tunnel of its addresses that has no other port.
        let (current, old): (Vec<_>, Vec<_>) =
            tunnels.partition(|(id, _)| !matches!(tunnel::parse_id(id), Some((_, _, None))));
        let mut gone = Vec::new();
        for (id, Port { port, interface }) in current.into_iter().chain(old) {
            let found = wanted.remove(&key(id, &interface.type_)).or_else(|| {
                let is_of = |of: &str| of.strip_prefix(&**id).is_some_and(|local| local.starts_with('%'));
                let place = wanted.keys().find(|(of, _)| is_of(of)).copied()?;
                wanted.remove(&place)
            });
            let Some((tunnel, _)) = found else {
                ENCAPS.info(format_args!("deleting tunnel {id}"));
                gone.push(port.uuid);
                continue;
            };
            if **id != *tunnel.id {
                let id = (TUNNEL_ID.into(), Text::from(&*tunnel.id));
                switch.change_keys::<ovs::Port>(port.uuid, "external_ids", &[id], &[]);
            }
            if interface.type_ != tunnel.type_ {
                switch.set::<ovs::Interface>(interface.uuid, "type", &tunnel.type_);
            }
            if interface.options != tunnel.options {
                switch.set::<ovs::Interface>(interface.uuid, "options", &tunnel.options);
            }
        }
        if !gone.is_empty() {
            switch.take::<ovs::Bridge>(bridge.uuid, "ports", gone);
        }
        let mut made = BTreeSet::new();
        for (tunnel, towards) in wanted.into_values() {
            let name = match &*tunnel.id {
                FLOW => Some(towards.to_owned()),
                _ => port_name(towards, index, |name| made.contains(name) || local.has_port(name)),
            };
            let Some(name) = name else {
                ENCAPS.warn(format_args!("no name is left for a tunnel to '{towards}'"));
                continue;
            };
            ENCAPS.info(format_args!("creating tunnel {} as {name}", tunnel.id));
            made.insert(name.clone());
            let mut ids: Map = [(TUNNEL_ID, Text::from(&*tunnel.id))].into_iter().collect();
            if tunnel.id == FLOW {
                ids.insert(FLOW_TYPE, Text::from(&*tunnel.type_));
            }
            new_port(bridge, &name, &tunnel.type_, &tunnel.options, ids, switch);
        }
    }

    /// Has tunnels to the chassis `watched` watched, and no others.
    ///
    /// Cost: the ports of the bridge.
    pub fn watch(watched: &BTreeSet<Text>, how: &Map, local: &Local<'_>, switch: &mut Writes) {
        let Some(bridge) = local.bridge else { return };
        let none = Map::new();
        for Port { port, interface } in local.ports(bridge) {
            let id = port.external_ids.get(TUNNEL_ID).and_then(|id| tunnel::parse_id(id));
            let Some((chassis, ..)) = id else { continue };
            let wanted = if watched.contains(chassis) { how } else { &none };
            if interface.bfd != *wanted {
                let done = if wanted.is_empty() { "Disabled" } else { "Enabled" };
                BFD.info(format_args!("{done} BFD on interface {}", interface.name));
                switch.set::<ovs::Interface>(interface.uuid, "bfd", wanted);
            }
        }
    }

    /// The chassis at the other ends of tunnels that are watched and alive.
    pub fn alive(local: &Local<'_>) -> BTreeSet<Text> {
        let Some(bridge) = local.bridge else { return BTreeSet::new() };
        let alive = |Port { port, interface }: Port<'_>| {
            let is_up = interface.bfd.get_bool("enable", false) && interface.bfd_status.text("state") == "up";
            let (chassis, ..) = tunnel::parse_id(port.external_ids.get(TUNNEL_ID)?)?;
            is_up.then(|| Text::from(chassis))
        };
        local.ports(bridge).filter_map(alive).collect()
    }

    /// Deletes all tunnels: the chassis goes.
    pub fn tear_down(local: &Local<'_>, switch: &mut Writes) {
        let Some(bridge) = local.bridge else { return };
        let is_tunnel = |port: &Port<'_>| port.port.external_ids.contains(TUNNEL_ID);
        let gone: Vec<_> = local.ports(bridge).filter(is_tunnel).map(|port| port.port.uuid).collect();
        if !gone.is_empty() {
            switch.take::<ovs::Bridge>(bridge.uuid, "ports", gone);
        }
    }
}

/// What a tunnel is told apart by: there is one between two addresses, whatever its type, and one of each type where
/// flows say the addresses.
fn key<'a>(id: &'a str, type_: &'a str) -> (&'a str, &'a str) {
    (id, if id == FLOW { type_ } else { "" })
}

fn peer(chassis: &own::Chassis, rows: &Replica) -> Peer {
    let encaps = chassis.encaps.iter().filter_map(|uuid| rows.row::<own::Encap>(*uuid));
    Peer {
        name: chassis.name.clone(),
        transport_zones: chassis.transport_zones.clone(),
        is_remote: chassis.other_config.get_bool("is-remote", false),
        encaps: encaps.map(|row| (row.type_.clone(), row.ip.clone(), row.options.clone())).collect(),
    }
}

/// Adds a port with one interface of its name to a bridge; gives the row of the port.
pub(super) fn new_port(
    bridge: &ovs::Bridge,
    name: &str,
    type_: &str,
    options: &Map,
    external_ids: Map,
    switch: &mut Writes,
) -> Uuid {
    let stamp = super::now().to_string();
    let interface = ovs::Interface {
        uuid: key_uuid("Interface", &[name, &stamp]),
        name: name.into(),
        type_: type_.into(),
        options: options.clone(),
        ..ovs::Interface::default()
    };
    let port = ovs::Port {
        uuid: key_uuid("Port", &[name, &stamp]),
        name: name.into(),
        interfaces: vec![interface.uuid],
        external_ids,
        qos: None,
    };
    switch.add::<ovs::Bridge>(bridge.uuid, "ports", [port.uuid]);
    switch.insert(&port);
    switch.insert(&interface);
    port.uuid
}
