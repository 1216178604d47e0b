//! Which ports lead to each other (B13; ovn-nb(5), Logical_Switch_Port options:router-port and
//! Logical_Router_Port `peer`).
//!
//! A switch port of type router leads to the router port that it names, unless that one has a peer
//! of its own. Two router ports lead to each other if each names the other.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::router_port::RouterPort;
use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::nb;
use crate::switch::port::{Port, PortKind};

/// Where a router port leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// To a switch.
    Switch {
        /// The switch port: of several that name the router port, the one with the greatest name.
        port: Port,
        /// The switch.
        switch: Uuid,
    },
    /// To another router.
    Router {
        /// The other router's port.
        port: Port,
        /// The other router.
        router: Uuid,
    },
}

impl Peer {
    /// The port.
    pub fn port(&self) -> &Port {
        match self {
            Peer::Switch { port, .. } | Peer::Router { port, .. } => port,
        }
    }

    /// The switch, if it is one.
    pub fn switch(&self) -> Option<Uuid> {
        match self {
            Peer::Switch { switch, .. } => Some(*switch),
            Peer::Router { .. } => None,
        }
    }

    /// The other router, if it is one.
    pub fn router(&self) -> Option<Uuid> {
        match self {
            Peer::Switch { .. } => None,
            Peer::Router { router, .. } => Some(*router),
        }
    }
}

/// A switch port and the router port behind it. Several switch ports may have the same router port
/// behind them, and one of them is where the router port leads ([`Peer::Switch`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// The switch port.
    pub port: Port,
    /// Its switch.
    pub switch: Uuid,
    /// The router port.
    pub router_port: Port,
    /// Its router.
    pub router: Uuid,
}

/// What leads where.
#[derive(Clone, Debug)]
pub struct Peers {
    /// Switch ports with the router port behind them.
    pub attachments: Relation<Attachment>,
    /// Where router ports lead, by Logical_Router_Port.
    pub of_router_ports: Relation<(Uuid, Peer)>,
    /// Peers that are not taken.
    pub problems: Relation<Problem>,
}

/// A switch port of type router that names a router port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wish {
    port: Port,
    switch: Uuid,
    wanted: Text,
}

/// Joins ports to their peers.
///
/// ```text
/// attachment(s, r)    :-  switch port s of type router, options:router-port names r,
///                         r has no Logical_Router_Port.peer
/// peer(r, s)          :-  attachment(s, r), s has the greatest name of those
/// peer(r, q)          :-  r.peer names q, q.peer names r
/// ```
///
/// Cost: a port costs itself and those that name it.
pub fn peers(
    switch_ports: &Relation<SwitchPort>,
    switch_rows: &Relation<nb::LogicalSwitchPort>,
    router_ports: &Relation<RouterPort>,
) -> Peers {
    let named = switch_rows.flat_map(|row| Some((row.uuid, row.options.get("router-port").cloned()?)));
    let wishes = switch_ports
        .filter(|port| port.kind == PortKind::Router)
        .index_by(SwitchPort::row)
        .join(&named.index_by(|(row, _): &(Uuid, Text)| *row), |port, (_, wanted)| Wish {
            port: port.port.clone(),
            switch: port.switch,
            wanted: wanted.clone(),
        })
        .index_by(|wish: &Wish| wish.wanted.clone())
        .named("peer.wish");
    let links = router_ports
        .map(|port| (port.port.clone(), port.router, port.wants_peer.clone()))
        .index_by(|(port, _, _): &(Port, Uuid, Option<Text>)| port.name.clone())
        .named("peer.router_port");
    let attachments = wishes.join_flat(&links, |wish, (router_port, router, wanted)| {
        wanted.is_none().then(|| Attachment {
            port: wish.port.clone(),
            switch: wish.switch,
            router_port: router_port.clone(),
            router: *router,
        })
    });
    let refused = wishes.join_flat(&links, |wish, (router_port, _, wanted)| {
        let (port, router_port, wanted) = (&wish.port.name, &router_port.name, wanted.as_ref()?);
        Some(Problem::new(format!(
            "Bad configuration: The peer of the switch port '{port}' (LRP peer: '{router_port}') has \
             its own peer configuration: '{wanted}'"
        )))
    });

    let to_switches = attachments.index_by(|attachment| attachment.router_port.row).reduce(|group| {
        let last = group.rows().max_by(|a, b| a.port.name.cmp(&b.port.name))?;
        let peer = Peer::Switch { port: last.port.clone(), switch: last.switch };
        Some((last.router_port.row, peer))
    });
    let wanting = router_ports.flat_map(|port| {
        let wanted = port.wants_peer.clone()?;
        Some((port.port.clone(), port.router, wanted))
    });
    let back = wanting.index_by(|(port, _, wanted): &(Port, Uuid, Text)| (wanted.clone(), port.name.clone()));
    let to_routers = wanting
        .index_by(|(port, _, wanted): &(Port, Uuid, Text)| (port.name.clone(), wanted.clone()))
        .join(&back, |(port, _, _), (peer, router, _)| {
            (port.row, Peer::Router { port: peer.clone(), router: *router })
        });

    let astray = wanting
        .index_by(|(_, _, wanted): &(Port, Uuid, Text)| wanted.clone())
        .semijoin(&switch_ports.index_by(SwitchPort::name))
        .map(|(port, _, _)| {
            let name = &port.name;
            Problem::new(format!("Bad configuration: The peer of router port {name} is a switch port"))
        });
    Peers { of_router_ports: to_switches.concat(&to_routers), attachments, problems: refused.concat(&astray) }
}
