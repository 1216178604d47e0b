//! Mirrors of the integration bridge (Mirror in ovn-sb(5) and ovs-vswitchd.conf.db(5)): what ports of this chassis
//! send or receive is copied into a tunnel, or to a port of the bridge. Mirrors that are ports of the network
//! (`lport`) are flows and not here.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Map, key_uuid, ovs, own};

use super::index::Index;
use super::local::{Local, Plug, Port};
use super::tunnels::new_port;
use super::writes::Writes;
use crate::replica::Replica;

/// Under this in `external_ids` of mirrors and their ports is said that they are ours.
const OURS: &str = "ovn-owned";
/// Under this in `Interface.external_ids` is what mirrors of type `local` call the port.
const SINK: &str = "mirror-id";

/// A mirror as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    target: Target,
    /// Interfaces from which, and to which, packets are copied.
    from: BTreeSet<Text>,
    to: BTreeSet<Text>,
}

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// To the port that calls itself so.
    Local(Text),
    /// Into a tunnel: its type and settings.
    Tunnel(String, Map),
}

impl Target {
    fn new(row: &own::Mirror) -> Target {
        if &*row.type_ == "local" {
            return Target::Local(row.sink.clone());
        }
        let family = if row.sink.contains(':') { "ip6" } else { "" };
        let key = Text::from(row.index.to_string());
        let mut options: Map = [("remote_ip", row.sink.clone()), ("key", key.clone())].into_iter().collect();
        if &*row.type_ == "erspan" {
            options.insert("erspan_idx", key);
            options.insert("erspan_ver", "1".into());
        }
        Target::Tunnel(format!("{family}{}", row.type_), options)
    }
}

/// The mirrors of the ports that chassis `me` has bound, by name.
///
/// Cost: the ports with mirrors.
pub(super) fn wanted(
    me: Uuid,
    plugs: &BTreeMap<Text, Plug>,
    index: &Index,
    rows: &Replica,
) -> BTreeMap<Text, Mirror> {
    let mut mirrors: BTreeMap<Text, Mirror> = BTreeMap::new();
    for name in &index.mirrored {
        let port = index.ports.get(name).and_then(|uuid| rows.row::<own::Port>(*uuid));
        let (Some(port), Some(plug)) = (port, plugs.get(name)) else { continue };
        if port.chassis != Some(me) && !port.additional_chassis.contains(&me) {
            continue;
        }
        for row in port.mirror_rules.iter().filter_map(|uuid| rows.row::<own::Mirror>(*uuid)) {
            if &*row.type_ == "lport" {
                continue;
            }
            let (from, to) = (BTreeSet::new(), BTreeSet::new());
            let new = || Mirror { target: Target::new(row), from, to };
            let mirror = mirrors.entry(row.name.clone()).or_insert_with(new);
            if matches!(&*row.filter, "from-lport" | "both") {
                mirror.from.insert(plug.name.clone());
            }
            if matches!(&*row.filter, "to-lport" | "both") {
                mirror.to.insert(plug.name.clone());
            }
        }
    }
    mirrors
}

/// Makes the mirrors that are missing, changes those that differ, and deletes those that are too many.
///
/// Cost: the ports of the bridge, if there are mirrors.
pub(super) fn set_up(wanted: &BTreeMap<Text, Mirror>, local: &Local<'_>, switch: &mut Writes) {
    let Some(bridge) = local.bridge.filter(|bridge| !(wanted.is_empty() && bridge.mirrors.is_empty())) else {
        return;
    };
    let ports = Ports::new(local, bridge);
    let mut missing: BTreeMap<&Text, &Mirror> = wanted.iter().collect();
    for row in local.mirrors(bridge).filter(|row| row.external_ids.get_bool(OURS, false)) {
        let output = row.output_port;
        match missing
            .remove(&row.name)
            .and_then(|mirror| Some((mirror, ports.target(&row.name, mirror, switch)?)))
        {
            Some((mirror, target)) => {
                if output != Some(target) {
                    switch.set::<ovs::Mirror>(row.uuid, "output_port", &Some(target));
                }
                for (column, held, names) in [
                    ("select_src_port", &row.select_src_port, &mirror.from),
                    ("select_dst_port", &row.select_dst_port, &mirror.to),
                ] {
                    let wanted = ports.of(names);
                    if held.iter().copied().collect::<BTreeSet<_>>() != wanted.iter().copied().collect() {
                        switch.set::<ovs::Mirror>(row.uuid, column, &wanted);
                    }
                }
            }
            None => {
                switch.take::<ovs::Bridge>(bridge.uuid, "mirrors", [row.uuid]);
                let own = output.filter(|port| ports.owned.contains(port));
                if let Some(port) = own {
                    switch.take::<ovs::Bridge>(bridge.uuid, "ports", [port]);
                }
            }
        }
    }
    for (name, mirror) in missing {
        let Some(target) = ports.target(name, mirror, switch) else { continue };
        let row = ovs::Mirror {
            uuid: key_uuid("Mirror", &[name, &super::now().to_string()]),
            name: name.clone(),
            output_port: Some(target),
            select_src_port: ports.of(&mirror.from),
            select_dst_port: ports.of(&mirror.to),
            external_ids: [(OURS, Text::from("true"))].into_iter().collect(),
        };
        switch.insert(&row);
        switch.add::<ovs::Bridge>(bridge.uuid, "mirrors", [row.uuid]);
    }
}

/// The ports of the bridge by what mirrors ask for.
struct Ports<'a> {
    bridge: &'a ovs::Bridge,
    by_interface: BTreeMap<&'a Text, Port<'a>>,
    sinks: BTreeMap<&'a Text, Uuid>,
    owned: BTreeSet<Uuid>,
}

impl<'a> Ports<'a> {
    fn new(local: &Local<'a>, bridge: &'a ovs::Bridge) -> Ports<'a> {
        let mut ports =
            Ports { bridge, by_interface: BTreeMap::new(), sinks: BTreeMap::new(), owned: BTreeSet::new() };
        for Port { port, interface } in local.ports(bridge) {
            ports.by_interface.insert(&interface.name, Port { port, interface });
            if let Some(sink) = interface.external_ids.get(SINK) {
                // Of several with one name that of the least identifier counts.
                let known = ports.sinks.entry(sink).or_insert(port.uuid);
                *known = (*known).min(port.uuid);
            }
            if port.external_ids.get_bool(OURS, false) {
                ports.owned.insert(port.uuid);
            }
        }
        ports
    }

    fn of(&self, names: &BTreeSet<Text>) -> Vec<Uuid> {
        names.iter().filter_map(|name| Some(self.by_interface.get(name)?.port.uuid)).collect()
    }

    /// The port that copies go to; that of a tunnel is made, or made right.
    fn target(&self, name: &Text, mirror: &Mirror, switch: &mut Writes) -> Option<Uuid> {
        let (kind, options) = match &mirror.target {
            Target::Local(sink) => return self.sinks.get(sink).copied(),
            Target::Tunnel(kind, options) => (kind, options),
        };
        let port_name = Text::from(format!("ovn-{name}"));
        let Some(Port { port, interface }) = self.by_interface.get(&port_name) else {
            let ids = [(OURS, Text::from("true"))].into_iter().collect();
            return Some(new_port(self.bridge, &port_name, kind, options, ids, switch));
        };
        if *interface.type_ != **kind {
            switch.set::<ovs::Interface>(interface.uuid, "type", &Text::from(&**kind));
        }
        if interface.options != *options {
            switch.set::<ovs::Interface>(interface.uuid, "options", options);
        }
        Some(port.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_copies_go() {
        let row = |type_: &str, sink: &str| own::Mirror {
            type_: type_.into(),
            sink: sink.into(),
            index: 7,
            ..own::Mirror::default()
        };
        assert_eq!(Target::new(&row("local", "tap")), Target::Local("tap".into()));
        let Target::Tunnel(kind, options) = Target::new(&row("erspan", "fd00::1")) else {
            panic!("a tunnel")
        };
        assert_eq!((&*kind, options.text("erspan_idx"), options.text("key")), ("ip6erspan", "7", "7"));
        let Target::Tunnel(kind, options) = Target::new(&row("gre", "10.0.0.1")) else { panic!("a tunnel") };
        assert_eq!((&*kind, options.text("remote_ip"), options.len()), ("gre", "10.0.0.1", 2));
    }
}
