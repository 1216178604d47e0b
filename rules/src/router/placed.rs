//! Where the flows of routers are: the functions of this folder over the relations of the network.

use northflow_engine::Relation;

use super::{class, fixed_flows};
use crate::flow::On;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember};
use crate::topology::router::Router;

/// Every flow of every router.
///
/// Cost: fixed flows cost nothing after start, but for a change of drop sampling.
pub fn flows(drop: &Relation<DropConfig>) -> Relation<Placed> {
    drop.flat_map(|drop| {
        fixed_flows(*drop).into_iter().map(|(set, flow)| Placed { on: On::Routers(set), flow })
    })
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
