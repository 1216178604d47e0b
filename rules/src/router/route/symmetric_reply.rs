//! Replies that go back the way that the request came (I17): the connection remembers the port and the
//! neighbour.

use northflow_engine::Relation;

use super::hop::Out;
use super::static_route::Route;
use crate::flow::register::ECMP_COMMIT;
use crate::flow::row::Placed;
use crate::flow::text::quote;
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::topology::router_port::RouterPortConfig;
use crate::topology::tunnel_key::Assigned;

const SOURCE: &str = "router/route/symmetric_reply.rs";

/// The flows that remember where a connection leaves, of ports and chassis-redirect ports.
///
/// Cost: a port or its key costs its own flow.
pub fn remember(ports: &Relation<RouterPortConfig>, keys: &Relation<Assigned>) -> Relation<Placed> {
    let owners = ports.flat_map(|port| {
        let router = port.router.row;
        let own = (port.port.row, port.port.name.clone(), router);
        let redirect = port.redirect.as_ref();
        let redirect = redirect.map(|redirect| (redirect.owner, redirect.name.clone(), router));
        [Some(own), redirect].into_iter().flatten()
    });
    owners.index_by(|(owner, ..): &(Uuid, Text, Uuid)| *owner).join(
        &keys.index_by(Assigned::owner),
        |(_, name, router), assigned| Placed { on: On::Datapath(*router), flow: flow(name, assigned.key) },
    )
}

fn flow(port: &str, key: u32) -> Flow {
    let matches = format!("{ECMP_COMMIT} == 1 && ip && outport == {}", quote(port));
    let actions = format!(
        "ct_commit {{ ct_label.ecmp_reply_eth = eth.dst; ct_mark.ecmp_reply_port = {key};}}; output;"
    );
    Flow::new(Stage::LrInEcmpStatefulEgr, 100, matches, actions).written_in(SOURCE)
}

/// The flows of a route whose replies go back the way that requests came, on a gateway router; `matches` is
/// what chooses the route. Packets in both directions are tracked, a connection remembers port and
/// neighbour, and its replies skip routes and policies.
pub fn flows(route: &Route, out: &Out, matches: &str) -> Vec<Flow> {
    let family = if route.to.ip4() { 4 } else { 6 };
    let end = if route.to.by_source { "dst" } else { "src" };
    let arriving = format!("{} && ip{family}.{end} == {}", out.port.is_inport(), route.to.text());
    let reply = format!("ct_mark.ecmp_reply_port == {}", out.key);
    let (_, source, _) = route.registers();
    let flow = |stage, priority, matches: String, actions: String| {
        Flow::new(stage, priority, matches, actions).hint(route.row).written_in(SOURCE)
    };
    let commit = format!(
        "ct_commit {{ ct_label.ecmp_reply_eth = eth.src; ct_mark.ecmp_reply_port = {};}}; next;",
        out.key
    );
    let back = format!(
        "ip.ttl--; flags.loopback = 1; eth.src = {}; {source} = {}; outport = {}; next;",
        out.mac,
        out.source,
        out.port.quoted()
    );
    let neighbor = "push(xxreg1); xxreg1 = ct_label; eth.dst = xxreg1[32..79]; pop(xxreg1); next;";
    vec![
        flow(Stage::LrInDefrag, 100, arriving.clone(), "ct_next;".into()),
        flow(Stage::LrInDefrag, 100, matches.into(), "ct_next;".into()),
        flow(Stage::LrInEcmpStateful, 100, format!("{arriving} && (ct.new || ct.est)"), commit),
        flow(Stage::LrInIpRouting, 10300, format!("{reply} && {matches}"), back),
        flow(Stage::LrInPolicy, 65535, reply.clone(), "next;".into()),
        flow(Stage::LrInArpResolve, 200, reply, neighbor.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn a_connection_remembers_its_port() {
        assert_eq!(
            lines(&[flow("cr-a", 7)]),
            ["lr_in_ecmp_stateful_egr 100 | reg9[10] == 1 && ip && outport == \"cr-a\" | ct_commit { \
                 ct_label.ecmp_reply_eth = eth.dst; ct_mark.ecmp_reply_port = 7;}; output;"]
        );
    }
}
