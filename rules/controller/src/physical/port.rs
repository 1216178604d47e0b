//! Ports: what the switches of chassis have to know of them.

use std::sync::Arc;

use northflow_engine::Relation;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use crate::inputs::Southbound;

/// What is behind a port (`Port_Binding.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Kind {
    /// An interface.
    Vif,
    /// A VLAN of an interface.
    Container,
    /// Copies of what goes through another port.
    Mirror,
    /// Another datapath.
    Patch,
    /// Another datapath, on one chassis.
    L3Gateway,
    /// A network that one chassis leads to.
    L2Gateway,
    /// A network that chassis lead to.
    Localnet,
    /// An interface that each chassis has.
    Localport,
    /// A port of the same router, at its gateway.
    Redirect,
    /// Something outside, for which a chassis answers.
    External,
    /// An address that one of several ports has.
    Virtual,
    /// A port of another network of chassis.
    Remote,
    /// Ports of a gateway that knows no logical ports.
    Vtep,
    /// Nothing that is known.
    Unknown,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Port {
    pub uuid: Uuid,
    pub name: Text,
    pub kind: Kind,
    pub datapath: Uuid,
    /// The number of its datapath.
    pub datapath_key: u32,
    /// Its number in it.
    pub key: u32,
    /// The port whose interface it has: itself, the one that it is in, or the one that it mirrors.
    pub interface: Text,
    /// The VLAN that it is; 0: none.
    pub tag: u16,
    /// Where it is.
    pub chassis: Option<Uuid>,
    /// Where it is besides.
    pub additional: Vec<Uuid>,
    /// The address of the end of tunnels through which it wants its packets.
    pub encap: Option<Text>,
    /// The chassis that stand in for it.
    pub group: Option<Uuid>,
    /// What else its options say.
    pub options: Options,
    /// Its addresses, of kinds for which they matter.
    pub addresses: Vec<Text>,
}

/// Options of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Options {
    /// The port that it leads to.
    pub peer: Option<Text>,
    /// The port that it stands for.
    pub distributed: Option<Text>,
    /// Packets to it are sent over the physical network.
    pub bridged: bool,
    /// Packets with VLAN headers of their own pass.
    pub vlan_passthru: bool,
    /// The Ethernet type of VLAN headers.
    pub ethertype: u16,
    /// The physical network that it leads to.
    pub network: Option<Text>,
    /// It belongs to a network function.
    pub network_function: bool,
    /// The other port of its network function.
    pub linked: Option<Text>,
    /// It has a zone of its own, though it is a patch port.
    pub zoned: bool,
    /// How a port that moves is known to have arrived.
    pub activation: Option<Text>,
    /// The chassis at which it has, with commas between.
    pub activated: Option<Text>,
}

impl Port {
    /// Whether it is on the chassis.
    pub fn is_on(&self, chassis: Uuid) -> bool {
        self.chassis == Some(chassis) || self.additional.contains(&chassis)
    }

    /// The chassis that it is on.
    pub fn hosts(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.chassis.iter().chain(&self.additional).copied()
    }

    /// Whether its place is an interface of the chassis that has bound it.
    pub fn has_interface(&self) -> bool {
        matches!(self.kind, Kind::Vif | Kind::Container | Kind::Mirror)
    }

    /// Its first Ethernet address.
    pub fn mac(&self) -> Option<Mac> {
        mac_of(self.addresses.first()?)
    }
}

/// The Ethernet address at the front of an address.
pub(super) fn mac_of(address: &str) -> Option<Mac> {
    Mac::scan(address.trim_start()).map(|(mac, _)| mac)
}

/// What is seen of a port but for what other rows say.
fn port(row: &seen::Port, datapath_key: u32, encap: Option<Text>) -> Option<Port> {
    let parent = row.parent_port.clone().filter(|parent| !parent.is_empty());
    let kind = kind(&row.type_, parent.is_some());
    let tag = row.tag.and_then(|tag| u16::try_from(tag).ok());
    if kind == Kind::Container && tag.is_none() {
        return None;
    }
    let interface = if kind == Kind::Mirror { row.mirror_port.clone() } else { parent };
    let has_addresses = matches!(kind, Kind::Patch | Kind::L3Gateway | Kind::Redirect | Kind::External)
        || !row.additional_chassis.is_empty();
    Some(Port {
        uuid: row.uuid,
        name: row.logical_port.clone(),
        kind,
        datapath: row.datapath,
        datapath_key,
        key: u32::try_from(row.tunnel_key).ok()?,
        interface: interface.unwrap_or_else(|| row.logical_port.clone()),
        tag: if kind == Kind::Mirror { 0 } else { tag.unwrap_or(0) },
        chassis: row.chassis,
        additional: row.additional_chassis.clone(),
        encap,
        group: row.ha_chassis_group,
        options: options(row),
        addresses: if has_addresses { row.mac.clone() } else { Vec::new() },
    })
}

fn kind(type_: &str, has_parent: bool) -> Kind {
    match type_ {
        "" if has_parent => Kind::Container,
        "" => Kind::Vif,
        "mirror" => Kind::Mirror,
        "patch" => Kind::Patch,
        "l3gateway" => Kind::L3Gateway,
        "l2gateway" => Kind::L2Gateway,
        "localnet" => Kind::Localnet,
        "localport" => Kind::Localport,
        "chassisredirect" => Kind::Redirect,
        "external" => Kind::External,
        "virtual" => Kind::Virtual,
        "remote" => Kind::Remote,
        "vtep" => Kind::Vtep,
        _ => Kind::Unknown,
    }
}

fn options(row: &seen::Port) -> Options {
    let text = |name: &str| row.options.get(name).cloned();
    let is_service = row
        .options
        .get("ethtype")
        .is_some_and(|kind| ["802.1ad", "802.11ad"].iter().any(|name| kind.eq_ignore_ascii_case(name)));
    Options {
        peer: text("peer"),
        distributed: text("distributed-port"),
        bridged: row.options.get("redirect-type").is_some_and(|kind| kind.eq_ignore_ascii_case("bridged")),
        vlan_passthru: row.options.get_bool("vlan-passthru", false),
        ethertype: if is_service { 0x88a8 } else { 0x8100 },
        network: text("network_name"),
        network_function: row.options.get_bool("is-nf", false),
        linked: text("nf-linked-port"),
        zoned: row.options.get_bool("enable_router_port_acl", false),
        activation: text("activation-strategy").filter(|_| !row.additional_chassis.is_empty()),
        activated: text("additional-chassis-activated"),
    }
}

/// The ports.
///
/// Cost: a port costs itself, an end of tunnels the ports that name it.
pub(super) fn ports(sb: &Southbound) -> Relation<Arc<Port>> {
    let keys = sb.datapath.flat_map(|datapath| {
        let key = u32::try_from(datapath.tunnel_key).ok()?;
        Some((datapath.uuid, key))
    });
    let addresses = sb.encap.map(|encap| (encap.uuid, encap.ip.clone())).index_by(|(uuid, _)| Some(*uuid));
    let without = sb.port.filter(|port| port.encap.is_none()).map(|port| (port.clone(), None::<Text>));
    let with = sb
        .port
        .filter(|port| port.encap.is_some())
        .index_by(|port| port.encap)
        .join_optional(&addresses, |port, encap| Some((port.clone(), encap.map(|(_, ip)| ip.clone()))));
    without
        .concat(&with)
        .index_by(|(port, _)| port.datapath)
        .join_flat(&keys.index_by(|(uuid, _)| *uuid), |(row, encap), (_, key)| {
            port(row, *key, encap.clone()).map(Arc::new)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(type_: &str) -> seen::Port {
        seen::Port { type_: type_.into(), logical_port: "p".into(), tunnel_key: 3, ..seen::Port::default() }
    }

    #[test]
    fn containers_have_the_interface_of_their_parent() {
        let mut row = row("");
        row.parent_port = Some("vm".into());
        assert_eq!(port(&row, 1, None), None, "without a VLAN it is nowhere");
        row.tag = Some(5);
        let port = port(&row, 1, None).expect("a port");
        assert_eq!((port.kind, &*port.interface, port.tag), (Kind::Container, "vm", 5));
    }

    #[test]
    fn mirrors_have_that_of_what_they_mirror() {
        let row = seen::Port { mirror_port: Some("vm".into()), ..row("mirror") };
        let port = port(&row, 1, None).expect("a port");
        assert_eq!((port.kind, &*port.interface), (Kind::Mirror, "vm"));
    }

    #[test]
    fn vlan_headers_of_service_providers() {
        let mut row = row("localnet");
        assert_eq!(options(&row).ethertype, 0x8100);
        row.options.insert("ethtype", "802.1AD".into());
        assert_eq!(options(&row).ethertype, 0x88a8);
    }
}
