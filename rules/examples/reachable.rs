//! A subscription to what rules have made on the way: which ports can be reached from one, kept current.
//! `cargo run -p northflow-rules --example reachable`.

use northflow_engine::iterate::reach;
use northflow_engine::{Builder, Config, Engine, EngineError, Relation, Transaction};
use northflow_rules::northd::Northd;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{Link, Map, nb};
use northflow_rules::switch::port::PortKind;

/// The program, with an input `from` of ports and an output `reachable` of the names of the ports behind which there
/// is a machine that can be reached from one of them.
///
/// Ports and datapaths are the nodes, by their northbound rows. Packet filters and routes are not looked at.
pub fn program(builder: &Builder) {
    let northd = Northd::new(builder);
    let network = &northd.network;
    let edges: Relation<(Uuid, Uuid)> = builder.union(&[
        network.ports.map(|port| (port.port.row, port.switch)),
        network.routed.ports.filter(|port| port.enabled).map(|port| (port.port.row, port.router)),
        network.routed.peers.attachments.map(|pair| (pair.port.row, pair.router_port.row)),
        network.routed.peers.of_router_ports.map(|(port, peer)| (*port, peer.port().row)),
    ]);
    let both_ways = edges.flat_map(|(a, b)| [(*a, *b), (*b, *a)]).distinct();
    let reached = reach(&both_ways, &builder.input::<Uuid>("from"));
    let machines = network.ports.filter(|port| port.kind == PortKind::Vif);
    let names = machines.index_by(|port| port.port.row).semijoin(&reached.index_by(|node| *node));
    builder.output("reachable", &names.map(|port| port.port.name.clone()));
    northd.finish();
}

/// A switch with one port for a machine and one for router port `uuid + 2`, as rows; their identifiers follow `uuid`.
pub fn switch(transaction: &mut Transaction, uuid: u128, name: &str) {
    let switch = nb::LogicalSwitch { uuid: Uuid(uuid), name: name.into(), ..Default::default() };
    transaction.insert("nb.Logical_Switch", switch);
    let (machine, to_router): (Text, Text) = (format!("{name}-vm").into(), format!("{name}-to-r").into());
    let vm = nb::LogicalSwitchPort { uuid: Uuid(uuid + 1), name: machine, ..Default::default() };
    let mut options = Map::new();
    options.insert("router-port", format!("r-to-{name}").into());
    let uplink = nb::LogicalSwitchPort {
        uuid: Uuid(uuid + 2),
        name: to_router,
        type_: "router".into(),
        options,
        ..Default::default()
    };
    for port in [vm, uplink] {
        transaction.insert("nb.Logical_Switch.ports", Link { owner: Uuid(uuid), member: port.uuid });
        let state = nb::SwitchPortState { uuid: port.uuid, ..Default::default() };
        transaction.insert("nb.Logical_Switch_Port.state", state);
        transaction.insert("nb.Logical_Switch_Port", port);
    }
}

/// The port of `router` that leads to the switch `name`.
pub fn router_port(router: Uuid, uuid: u128, name: &str) -> (Link, nb::LogicalRouterPort) {
    let port = nb::LogicalRouterPort {
        uuid: Uuid(uuid),
        name: format!("r-to-{name}").into(),
        mac: format!("0a:00:00:00:00:{uuid:02x}").into(),
        networks: vec![format!("10.0.{uuid}.1/24").into()],
        ..Default::default()
    };
    (Link { owner: router, member: port.uuid }, port)
}

/// Two switches, a router that the second is plugged into later, and who hears of it: what becomes reachable from
/// `a-vm` and what no longer is, transaction by transaction.
pub fn story(workers: usize) -> Result<Vec<Vec<(String, isize)>>, EngineError> {
    let mut engine = Engine::start(Config { workers, cluster: None }, program)?;
    let router = Uuid(30);
    let mut network = Transaction::new();
    network.insert("nb.NB_Global", nb::NbGlobal::default());
    switch(&mut network, 10, "a");
    switch(&mut network, 20, "b");
    network.insert("nb.Logical_Router", nb::LogicalRouter { uuid: router, ..Default::default() });
    network.insert("from", Uuid(11));
    let mut plugged = Transaction::new();
    for (uuid, name) in [(31, "a"), (32, "b")] {
        let (link, port) = router_port(router, uuid, name);
        plugged.insert("nb.Logical_Router.ports", link);
        plugged.insert("nb.Logical_Router_Port", port);
    }
    let mut unplugged = Transaction::new();
    unplugged.remove("nb.Logical_Router.ports", router_port(router, 32, "b").0);

    let mut told = Vec::new();
    for transaction in [network, plugged, unplugged] {
        let result = engine.step(transaction)?;
        let changes = engine.changes::<Text>(&result, "reachable");
        told.push(changes.map(|(name, weight)| (name.to_string(), weight)).collect());
    }
    Ok(told)
}

fn main() -> Result<(), EngineError> {
    for (at, changes) in story(1)?.into_iter().enumerate() {
        println!("transaction {at}: {changes:?}");
    }
    Ok(())
}
