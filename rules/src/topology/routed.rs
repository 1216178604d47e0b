//! Routers, their ports and what they lead to, put together: what the rules of routers start from.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::datapath::Datapaths;
use super::facing::{self, Facing};
use super::peer::{self, Peers};
use super::port_binding;
use super::port_key::{Claimant, PortKeys};
use super::router::{self, Router};
use super::router_binding::{self, Distributed, RouterBindings};
use super::router_port::{self, RouterPort, RouterPortConfig};
use super::switch_port::SwitchPort;
use crate::flow::drop::DropConfig;
use crate::flow::stage::DatapathType;
use crate::lb::attach::References;
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::nat::Entries;
use crate::schema::sb;
use crate::switch::port::PortKind;

/// The routers of the network.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Routers that have a key.
    pub routers: Relation<Router>,
    /// Their ports; also those for which there was no key.
    pub ports: Relation<RouterPort>,
    /// What leads where.
    pub peers: Peers,
    /// Routers with a load balancer that works on every chassis.
    pub distributed: Relation<Uuid>,
    /// What switch ports face.
    pub facing: Relation<Facing>,
    /// What is wrong.
    pub problems: Relation<Problem>,
}

/// A port that learns routes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Learning {
    /// The southbound row.
    pub row: Uuid,
    /// Its name.
    pub name: Text,
}

/// The routers, their ports and peers.
///
/// Cost: a port or router costs itself and those that lead to it.
pub fn routed(
    nb: &Northbound,
    datapaths: &Datapaths,
    ports: router_port::RouterPorts,
    switch_ports: &Relation<SwitchPort>,
) -> Routed {
    let peers = peer::peers(switch_ports, &nb.switch_port, &ports.ports);
    let routers = router::routers(&nb.router, &datapaths.keys, &ports.ports);
    let problems = ports.problems.concat(&peers.problems);
    let balanced = References {
        direct: nb.router_load_balancers.clone(),
        grouped: nb.router_load_balancer_groups.clone(),
        group_members: nb.load_balancer_group_members.clone(),
    };
    let distributed = balanced.distributed(&nb.load_balancer);
    let facing = facing::facing(facing::Inputs {
        peers: &peers,
        router_ports: &ports.ports,
        rows: &nb.router_port,
        routers: &routers,
        distributed: &distributed,
        switch_ports,
        listed: &nb.switch_ports,
    });
    Routed { routers, ports: ports.ports, peers, distributed, facing, problems }
}

impl Routed {
    /// Who wants a key: ports, and their chassis-redirect ports, which cannot request one.
    ///
    /// Cost: a port costs itself.
    pub fn claimants(&self, nb: &Northbound) -> Relation<Claimant> {
        let kind = DatapathType::Router;
        let requested = nb.router_port.map(|row| (row.uuid, row.options.get_number("requested-tnl-key")));
        let plain = self.ports.index_by(|port| port.port.row).join(
            &requested.index_by(|(row, _)| *row),
            move |port, (_, requested)| Claimant {
                owner: port.port.row,
                name: port.port.name.clone(),
                datapath: port.router,
                kind,
                requested: *requested,
            },
        );
        let redirects = self.ports.flat_map(move |port| {
            let redirect = port.redirect.as_ref()?;
            let (owner, name) = (redirect.owner, redirect.name.clone());
            Some(Claimant { owner, name, datapath: port.router, kind, requested: None })
        });
        let of_switches = self.facing.flat_map(|facing| {
            let redirect = facing.redirect()?;
            let (owner, name) = (redirect.owner, redirect.name);
            let kind = DatapathType::Switch;
            Some(Claimant { owner, name, datapath: facing.switch, kind, requested: None })
        });
        nb.router.builder().union(&[plain, redirects, of_switches])
    }

    /// What rules for flows see of the ports.
    pub fn configs(
        &self,
        nb: &Northbound,
        keys: &PortKeys,
        drop: &Relation<DropConfig>,
    ) -> Relation<RouterPortConfig> {
        let peers = &self.peers.of_router_ports;
        router_port::router_port_configs(&self.ports, &nb.router_port, &self.routers, peers, &keys.keys, drop)
    }

    /// The southbound rows, among `bindings`, of the ports that learn routes: those of routers with
    /// dynamic routing, of gateway ports those whose gateway a chassis is. `owners`: the router or switch
    /// of each datapath's row.
    ///
    /// Cost: a port costs itself; a router that begins to learn, its ports.
    pub fn learning(
        &self,
        bindings: &Relation<sb::PortBindingState>,
        owners: &Relation<(Uuid, Uuid)>,
    ) -> Relation<Learning> {
        let dynamic = self.routers.flat_map(|router| router.options.dynamic_routing.then_some(router.row));
        let ports = self.ports.map(|port| {
            let redirect = port.redirect.as_ref().map(|redirect| redirect.name.clone());
            (port.router, port.port.name.clone(), redirect)
        });
        let ports = ports
            .index_by(|(router, ..): &(Uuid, Text, Option<Text>)| *router)
            .semijoin(&dynamic.index_by(|row| *row));
        let bound = bindings.flat_map(|row| row.chassis.map(|_| Some(row.logical_port.clone())));
        let gateways = ports
            .filter(|(.., redirect)| redirect.is_some())
            .index_by(|(.., redirect)| redirect.clone())
            .semijoin(&bound.index_by(Option::clone));
        let ports = ports.filter(|(.., redirect)| redirect.is_none()).concat(&gateways);
        ports
            .index_by(|(_, name, _)| name.clone())
            .join(&bindings.index_by(sb::PortBindingState::logical_port), |(router, ..), binding| {
                (
                    *router,
                    binding.datapath,
                    Learning { row: binding.uuid, name: binding.logical_port.clone() },
                )
            })
            .index_by(|(router, datapath, _): &(Uuid, Uuid, Learning)| (*datapath, *router))
            .semijoin(&owners.index_by(|(datapath, owner)| (*datapath, *owner)))
            .map(|(_, _, learning)| learning.clone())
    }

    /// The bindings of the ports.
    pub fn bindings(
        &self,
        nb: &Northbound,
        sb: &Southbound,
        keys: &PortKeys,
        switch_ports: &Relation<SwitchPort>,
        groups: &Relation<(Uuid, Uuid)>,
        nats: &Entries,
    ) -> RouterBindings {
        let vtep_switches =
            switch_ports.filter(|port| port.kind == PortKind::Vtep).map(|port| port.switch).distinct();
        let routers = self.distributed.concat(&nats.distributed).distinct();
        let distributed = Distributed { routers, vtep_switches };
        router_binding::router_bindings(router_binding::Inputs {
            ports: &self.ports,
            rows: &nb.router_port,
            routers: &nb.router,
            peers: &self.peers.of_router_ports,
            keys: &keys.keys,
            chassis: &port_binding::chassis_names(&sb.chassis),
            distributed: &distributed,
            groups,
            bindings: &sb.port,
        })
    }
}
