//! Routes: where packets go next.

pub mod connected;
pub mod symmetric_reply;

use northflow_engine::Relation;

use crate::flow::On;
use crate::flow::row::Placed;
use crate::northd::Northbound;
use crate::ovsdb::Text;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::tunnel_key::Assigned;

/// The flows of the networks that ports are in.
///
/// Cost: a port costs its own flows; the first session that watches a neighbour of a port, the
/// port's routes.
pub fn flows(
    nb: &Northbound,
    ports: &Relation<RouterPortConfig>,
    keys: &Relation<Assigned>,
) -> Relation<Placed> {
    let watched = nb.bfd.map(|row| row.logical_port.clone()).distinct();
    let connected = ports.index_by(|port| port.port.name.clone()).named("route.connected").join_optional(
        &watched.index_by(Text::clone),
        |port, watched| {
            let on = On::Datapath(port.router.row);
            let flows = connected::flows(&port.port, &port.addresses, watched.is_some());
            flows.into_iter().map(move |flow| Placed { on, flow })
        },
    );
    connected.concat(&symmetric_reply::remember(ports, keys))
}
