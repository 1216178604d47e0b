//! Where the flows of routers are: the functions of this folder over the relations of the network.

use northflow_engine::Relation;

use super::{class, fixed_flows, port_flows};
use crate::flow::On;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember};
use crate::topology::router::Router;
use crate::topology::router_port::RouterPortConfig;

/// Every flow of every router.
///
/// Cost: a port costs its own flows; fixed flows cost nothing after start, but for a change of drop
/// sampling.
pub fn flows(ports: &Relation<RouterPortConfig>, drop: &Relation<DropConfig>) -> Relation<Placed> {
    let fixed = drop.flat_map(|drop| {
        fixed_flows(*drop).into_iter().map(|(set, flow)| Placed { on: On::Routers(set), flow })
    });
    let own = ports.flat_map(|port| {
        let on = On::Datapath(port.router.row);
        port_flows(port).into_iter().map(move |flow| Placed { on, flow })
    });
    fixed.concat(&own)
}

/// Which classes each router is in.
///
/// Cost: a router costs its own memberships.
pub fn members(routers: &Relation<Router>) -> Relation<SetMember> {
    routers.flat_map(|router| {
        let datapath = router.row;
        class::sets(router).into_iter().map(move |set| SetMember { set: On::Routers(set), datapath })
    })
}
