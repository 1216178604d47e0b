//! What the chassis' own database says: its settings, its bridge, and what is plugged into that.

use std::collections::BTreeMap;

use northflow_controller::local;
use northflow_rules::chassis::claim::Plugged;
use northflow_rules::chassis::settings::Settings;
use northflow_rules::chassis::{patch, tunnel};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::ovs;

use crate::net::tls;
use crate::replica::Replica;

/// The contents of the chassis' own database, by what they are for.
#[derive(Debug)]
pub(super) struct Local<'a> {
    pub row: &'a ovs::OpenVswitch,
    pub settings: Settings<'a>,
    replica: &'a Replica,
    /// The integration bridge.
    pub bridge: Option<&'a ovs::Bridge>,
}

/// A port with its one interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port<'a> {
    pub port: &'a ovs::Port,
    pub interface: &'a ovs::Interface,
}

/// An interface that is a logical port, as far as binding goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plug {
    pub row: Uuid,
    pub name: Text,
    pub plugged: Plugged,
    /// How long its packets may be.
    pub mtu: Option<u16>,
}

impl Plug {
    /// Whether its flows have been told to be there.
    pub fn is_installed(&self) -> bool {
        self.plugged.external_ids.get_bool("ovn-installed", false)
    }

    /// The address of the tunnel end that it asks for.
    pub fn encap_ip(&self) -> Option<&Text> {
        self.plugged.external_ids.get("encap-ip")
    }
}

impl<'a> Local<'a> {
    /// The contents; `None` while there are none. `name` is that of the chassis, if it was given.
    pub fn new(replica: &'a Replica, name: Option<&'a str>) -> Option<Local<'a>> {
        let row: &ovs::OpenVswitch = replica.rows().next()?;
        let name = match name {
            Some(name) => name,
            None => row.external_ids.text("system-id"),
        };
        let settings = Settings::new(&row.external_ids, name);
        let wanted = settings.bridge();
        let bridge = row.bridges.iter().filter_map(|uuid| replica.row::<ovs::Bridge>(*uuid));
        let bridge = bridge.into_iter().find(|bridge| &*bridge.name == wanted);
        Some(Local { row, settings, replica, bridge })
    }

    /// Whether it is said which chassis it is; else there is only a bridge.
    pub fn is_chassis(&self) -> bool {
        !self.settings.chassis().is_empty()
    }

    /// A bridge by its name.
    pub fn bridge_of(&self, name: &str) -> Option<&'a ovs::Bridge> {
        let bridges = self.row.bridges.iter().filter_map(|uuid| self.replica.row::<ovs::Bridge>(*uuid));
        bridges.into_iter().find(|bridge| &*bridge.name == name)
    }

    /// Settings of OpenFlow tables.
    pub fn flow_table(&self, row: Uuid) -> Option<&'a ovs::FlowTable> {
        self.replica.row(row)
    }

    /// All bridges.
    pub fn bridges(&self) -> impl Iterator<Item = &'a ovs::Bridge> {
        self.row.bridges.iter().filter_map(|uuid| self.replica.row::<ovs::Bridge>(*uuid))
    }

    /// The ports of a bridge that have one interface.
    pub fn ports(&self, bridge: &'a ovs::Bridge) -> impl Iterator<Item = Port<'a>> {
        let replica = self.replica;
        bridge.ports.iter().filter_map(move |uuid| {
            let port: &ovs::Port = replica.row(*uuid)?;
            let [interface] = port.interfaces[..] else { return None };
            Some(Port { port, interface: replica.row(interface)? })
        })
    }

    /// How to connect with TLS: as the database says, and for the rest as was `given`.
    pub fn tls(&self, given: &tls::Settings) -> tls::Settings {
        let Some(row) = self.replica.rows::<ovs::Ssl>().next() else { return given.clone() };
        let authority = match &*row.ca_cert {
            "none" => tls::Authority::Anyone,
            path if row.bootstrap_ca_cert => tls::Authority::Bootstrap(path.into()),
            path => tls::Authority::File(path.into()),
        };
        let (private_key, certificate) = (Some((&*row.private_key).into()), Some((&*row.certificate).into()));
        tls::Settings { private_key, certificate, authority, ..given.clone() }
    }

    /// The interfaces of a bridge, and the port of each.
    pub fn interfaces(
        &self,
        bridge: &'a ovs::Bridge,
    ) -> impl Iterator<Item = (&'a ovs::Port, &'a ovs::Interface)> {
        let replica = self.replica;
        let ports = bridge.ports.iter().filter_map(move |uuid| replica.row::<ovs::Port>(*uuid));
        ports.flat_map(move |port| {
            port.interfaces.iter().filter_map(move |uuid| Some((port, replica.row::<ovs::Interface>(*uuid)?)))
        })
    }

    /// The ports whose packets are queued.
    pub fn shaped(&self) -> impl Iterator<Item = (&'a ovs::Port, &'a ovs::Qos)> {
        let replica = self.replica;
        let has_rows = replica.rows::<ovs::Qos>().next().is_some();
        let ports = has_rows.then(|| replica.rows::<ovs::Port>()).into_iter().flatten();
        ports.filter_map(move |port| Some((port, replica.row::<ovs::Qos>(port.qos?)?)))
    }

    /// A queue.
    pub fn queue(&self, uuid: Uuid) -> Option<&'a ovs::Queue> {
        self.replica.row(uuid)
    }

    /// The mirrors of a bridge.
    pub fn mirrors(&self, bridge: &'a ovs::Bridge) -> impl Iterator<Item = &'a ovs::Mirror> {
        let replica = self.replica;
        bridge.mirrors.iter().filter_map(move |uuid| replica.row::<ovs::Mirror>(*uuid))
    }

    /// What forwards packets of the bridge.
    pub fn datapath(&self) -> Option<&'a ovs::Datapath> {
        let kind = self.bridge.map(|bridge| &*bridge.datapath_type)?;
        let kind = if kind.is_empty() { "system" } else { kind };
        self.replica.row(*self.row.datapaths.get(kind)?)
    }

    /// A zone of connection tracking.
    pub fn zone(&self, uuid: Uuid) -> Option<&'a ovs::CtZone> {
        self.replica.row(uuid)
    }

    /// Whether a port of that name exists on any bridge.
    pub fn has_port(&self, name: &str) -> bool {
        self.replica.rows::<ovs::Port>().any(|port| &*port.name == name)
    }

    /// What the bridge's datapath can do.
    pub fn capabilities(&self) -> Option<&'a northflow_rules::schema::Map> {
        self.datapath().map(|datapath| &datapath.capabilities)
    }

    /// The numbers of the sets of collectors of the bridge.
    pub fn collector_sets(&self) -> Vec<u32> {
        let Some(bridge) = self.bridge else { return Vec::new() };
        let sets = self.replica.rows::<ovs::CollectorSet>().filter(|set| set.bridge == bridge.uuid);
        let mut numbers: Vec<u32> = sets.filter_map(|set| u32::try_from(set.id).ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The logical ports that are plugged, those whose interfaces are not there yet among them.
    ///
    /// Cost: the ports of the bridge.
    pub fn plugs(&self) -> BTreeMap<Text, Plug> {
        let Some(bridge) = self.bridge else { return BTreeMap::new() };
        let mut plugs: BTreeMap<Text, Plug> = BTreeMap::new();
        for Port { port, interface } in self.ports(bridge) {
            let Some(name) = interface.external_ids.get("iface-id") else { continue };
            if port.external_ids.contains(tunnel::TUNNEL_ID) || interface.ofport.is_none_or(|port| port <= 0)
            {
                continue;
            }
            let plug = Plug {
                row: interface.uuid,
                name: interface.name.clone(),
                plugged: Plugged { external_ids: interface.external_ids.clone(), ofport: interface.ofport },
                mtu: interface.mtu.and_then(|mtu| u16::try_from(mtu).ok()),
            };
            // Of several for one port the one of the first name counts, whatever came last.
            match plugs.get(name) {
                Some(other) if other.name <= plug.name => {}
                _ => drop(plugs.insert(name.clone(), plug)),
            }
        }
        plugs
    }

    /// Addresses of the chassis' tunnel ends, as rows tell them by their index: sorted, the default one
    /// exchanged with the first.
    pub fn encap_ips(&self) -> Vec<Text> {
        let mut ips: Vec<Text> = self.settings.list("ovn-encap-ip").into_iter().map(Text::from).collect();
        let default = self.settings.get("ovn-encap-ip-default");
        if let Some(place) = ips.iter().position(|ip| Some(ip) == default) {
            ips.swap(0, place);
        }
        ips
    }

    /// The tunnels of the bridge that are there, by their names; `chassis` tells the row of a chassis.
    pub fn tunnels(
        &self,
        own: Uuid,
        ips: &[Text],
        chassis: impl Fn(&str) -> Option<Uuid>,
    ) -> Vec<local::Tunnel> {
        let Some(bridge) = self.bridge else { return Vec::new() };
        let tunnel = |Port { port, interface }: Port<'_>| {
            let (name, remote_ip, local_ip) = tunnel::parse_id(port.external_ids.get(tunnel::TUNNEL_ID)?)?;
            let encap = local_ip.and_then(|ip| ips.iter().position(|known| **known == *ip)).unwrap_or(0);
            Some(local::Tunnel {
                chassis: own,
                remote: chassis(name)?,
                kind: interface.type_.clone(),
                remote_ip: remote_ip.into(),
                encap: encap as u16,
                ofport: ofport(interface)?,
            })
        };
        self.ports(bridge).filter_map(tunnel).collect()
    }

    /// The tunnels of the bridge that lead to all chassis.
    pub fn shared_tunnels(&self, own: Uuid) -> Vec<local::SharedTunnel> {
        let Some(bridge) = self.bridge.filter(|_| tunnel::are_flow_based(&self.settings)) else {
            return Vec::new();
        };
        let tunnel = |Port { port, interface }: Port<'_>| {
            let is_shared = port.external_ids.text(tunnel::TUNNEL_ID) == tunnel::FLOW;
            let ofport = ofport(interface).filter(|_| is_shared)?;
            Some(local::SharedTunnel { chassis: own, kind: interface.type_.clone(), ofport })
        };
        self.ports(bridge).filter_map(tunnel).collect()
    }

    /// The patch ports of the bridge that lead to physical networks.
    pub fn patches(&self, own: Uuid) -> Vec<local::Patch> {
        let Some(bridge) = self.bridge else { return Vec::new() };
        let patch = |Port { port, interface }: Port<'_>| {
            let of = patch::KEYS[..2].iter().find_map(|key| port.external_ids.get(key))?;
            Some(local::Patch { chassis: own, port: of.clone(), ofport: ofport(interface)? })
        };
        self.ports(bridge).filter_map(patch).collect()
    }
}

/// The OpenFlow port of an interface that is there.
pub(super) fn ofport(interface: &ovs::Interface) -> Option<u16> {
    interface.ofport.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}
