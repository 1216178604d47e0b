//! What a switch knows of the router ports behind its ports (B13, B16, B21, D05).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::peer::{Attachment, Peer, Peers};
use super::router::{Gateways, Router};
use super::router_port::{Redirect, RouterPort};
use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Link, nb};
use crate::switch::l2_lookup::Residence;
use crate::switch::port::{Port, PortKind};
use crate::value::addresses::RouterAddresses;

/// A switch port of type router and the router port behind it, as the rules for switches see them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Facing {
    /// The switch port.
    pub port: Port,
    /// Its switch.
    pub switch: Uuid,
    /// The router port.
    pub router_port: Port,
    /// Its router.
    pub router: Uuid,
    /// The addresses of the router port.
    pub addresses: RouterAddresses,
    /// Its MAC address as the CMS spells it.
    pub mac: Text,
    /// Whether the router port is in use.
    pub enabled: bool,
    /// The chassis of a gateway router (Logical_Router options:chassis).
    pub chassis: Option<Text>,
    /// The distributed gateway ports of the router.
    pub gateways: Gateways,
    /// The chassis-redirect port of the router port, if that is a distributed gateway port.
    pub gateway: Option<Text>,
    /// The router port's options:reside-on-redirect-chassis.
    pub resides: bool,
    /// Whether routing is on the gateway's chassis rather than everywhere: no load balancer of the
    /// router is distributed.
    pub centralized: bool,
    /// Whether the switch has a localnet port.
    pub localnet: bool,
    /// Whether the switch has ports that do not lead to routers.
    pub mixed: bool,
    /// Whether the router port leads back to this port: it does not where several switch ports name
    /// it, but for one.
    pub returned: bool,
}

impl Facing {
    /// The chassis-redirect port of the switch port itself (B16): the only distributed gateway port of
    /// a router leads to a switch without a way to the physical network, so that all that goes to
    /// it has to go to the gateway's chassis.
    pub fn redirect(&self) -> Option<Redirect> {
        let only = self.gateways.only().is_some_and(|gateway| gateway.port == self.router_port);
        (only && self.returned && !self.localnet).then(|| Redirect::of(&self.port, self.switch))
    }

    /// Where the router port is reached.
    pub fn residence(&self) -> Residence {
        if self.centralized && self.gateways.any() && self.localnet {
            let only = self.gateways.only().filter(|_| self.resides).map(|gateway| &gateway.redirect);
            return match self.gateway.as_ref().or(only) {
                Some(redirect) => Residence::Only(redirect.clone()),
                None => Residence::Distributed,
            };
        }
        match self.redirect() {
            Some(redirect) => Residence::Through(redirect.name),
            None => Residence::Distributed,
        }
    }
}

/// What [`facing`] is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What leads where.
    pub peers: &'a Peers,
    /// Ports of routers.
    pub router_ports: &'a Relation<RouterPort>,
    /// Their rows.
    pub rows: &'a Relation<nb::LogicalRouterPort>,
    /// Routers.
    pub routers: &'a Relation<Router>,
    /// Routers with a distributed load balancer.
    pub distributed: &'a Relation<Uuid>,
    /// Ports of switches.
    pub switch_ports: &'a Relation<SwitchPort>,
    /// Which switch lists which port.
    pub listed: &'a Relation<Link>,
}

/// What each switch port with a router port behind it faces.
///
/// Cost: a port costs itself and what faces it; a router's gateways, and the first localnet or
/// ordinary port of a switch, the ports that face it.
pub fn facing(inputs: Inputs<'_>) -> Relation<Facing> {
    let Inputs { peers, router_ports, rows, routers, distributed, switch_ports, listed } = inputs;
    let resides =
        rows.filter(|row| row.options.get_bool("reside-on-redirect-chassis", false)).map(|row| row.uuid);
    let localnet = switch_ports.filter(|port| port.kind == PortKind::Localnet).map(|port| port.switch);
    let mixed = listed
        .index_by(|link| (link.owner, link.member))
        .antijoin(&peers.attachments.index_by(|attachment| (attachment.switch, attachment.port.row)))
        .map(|link| link.owner);
    let returned = peers.of_router_ports.flat_map(|(port, peer)| match peer {
        Peer::Switch { port: back, .. } => Some((*port, back.row)),
        Peer::Router { .. } => None,
    });

    let of_port = peers
        .attachments
        .index_by(|attachment| attachment.router_port.row)
        .join(&router_ports.index_by(|port| port.port.row), of_port)
        .index_by(|facing: &Facing| facing.router_port.row)
        .join_optional(&resides.index_by(|port| *port), |facing, resides| {
            Some(Facing { resides: resides.is_some(), ..facing.clone() })
        })
        .index_by(|facing: &Facing| (facing.router_port.row, facing.port.row))
        .join_optional(&returned.index_by(|(port, back)| (*port, *back)), |facing, returned| {
            Some(Facing { returned: returned.is_some(), ..facing.clone() })
        });
    let of_switch = of_port
        .index_by(|facing| facing.switch)
        .join_optional(&localnet.distinct().index_by(|switch| *switch), |facing, localnet| {
            Some(Facing { localnet: localnet.is_some(), ..facing.clone() })
        })
        .index_by(|facing: &Facing| facing.switch)
        .join_optional(&mixed.distinct().index_by(|switch| *switch), |facing, mixed| {
            Some(Facing { mixed: mixed.is_some(), ..facing.clone() })
        });
    of_switch
        .index_by(|facing| facing.router)
        .join(&routers.index_by(|router| router.row), |facing, router| Facing {
            chassis: router.options.chassis.clone(),
            gateways: router.gateways.clone(),
            ..facing.clone()
        })
        .index_by(|facing: &Facing| facing.router)
        .join_optional(&distributed.index_by(|router| *router), |facing, distributed| {
            Some(Facing { centralized: distributed.is_none(), ..facing.clone() })
        })
}

fn of_port(attachment: &Attachment, port: &RouterPort) -> Facing {
    Facing {
        port: attachment.port.clone(),
        switch: attachment.switch,
        router_port: port.port.clone(),
        router: port.router,
        addresses: port.addresses.clone(),
        mac: port.mac.clone(),
        enabled: port.enabled,
        chassis: None,
        gateways: Gateways::None,
        gateway: port.redirect.as_ref().map(|redirect| redirect.name.clone()),
        resides: false,
        centralized: true,
        localnet: false,
        mixed: false,
        returned: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::router::GatewayPort;

    fn faced(gateways: Gateways, gateway: Option<&str>) -> Facing {
        let port = |row, name: &str| Port { row: Uuid(row), name: name.into() };
        Facing {
            port: port(1, "s-r"),
            switch: Uuid(2),
            router_port: port(3, "r-s"),
            router: Uuid(4),
            addresses: RouterAddresses::read("0a:00:00:00:00:01", []).0.unwrap(),
            mac: "0a:00:00:00:00:01".into(),
            enabled: true,
            chassis: None,
            gateways,
            gateway: gateway.map(Text::from),
            resides: false,
            centralized: true,
            localnet: true,
            mixed: true,
            returned: true,
        }
    }

    fn one(row: u128, name: &str) -> Gateways {
        let port = Port { row: Uuid(row), name: name.into() };
        Gateways::One(GatewayPort { redirect: format!("cr-{name}").into(), port })
    }

    #[test]
    fn behind_a_localnet_port_the_gateway_decides() {
        let plain = faced(Gateways::None, None);
        assert_eq!(plain.residence(), Residence::Distributed);
        let gateway = faced(one(3, "r-s"), Some("cr-r-s"));
        assert_eq!(gateway.residence(), Residence::Only("cr-r-s".into()));
        assert_eq!(gateway.redirect(), None);
        let other = faced(one(9, "r-x"), None);
        assert_eq!(other.residence(), Residence::Distributed);
        let resides = Facing { resides: true, ..other };
        assert_eq!(resides.residence(), Residence::Only("cr-r-x".into()));
        let several = Facing { gateways: Gateways::Several, ..resides };
        assert_eq!(several.residence(), Residence::Distributed);
        assert_eq!(Facing { centralized: false, ..gateway }.residence(), Residence::Distributed);
    }

    #[test]
    fn without_one_the_only_gateway_port_is_reached_through_a_port_of_its_own() {
        let inner = Facing { localnet: false, ..faced(one(3, "r-s"), Some("cr-r-s")) };
        assert_eq!(inner.residence(), Residence::Through("cr-s-r".into()));
        assert_eq!(Facing { gateways: Gateways::Several, ..inner.clone() }.redirect(), None);
        assert_eq!(Facing { returned: false, ..inner.clone() }.redirect(), None);
        assert_eq!(Facing { gateways: one(9, "r-x"), gateway: None, ..inner }.redirect(), None);
    }
}
