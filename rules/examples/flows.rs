//! The logical flows of a network that is built in code:
//! `cargo run -p northflow-rules --example flows`.

use northflow_engine::{Config, Engine, EngineError, Transaction};
use northflow_rules::flow::row::FlowRow;
use northflow_rules::northd;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{Link, nb};

/// A switch with two ports, as rows of the northbound database.
pub fn network() -> Transaction {
    let mut network = Transaction::new();
    network.insert("nb.NB_Global", nb::NbGlobal::default());
    let switch = nb::LogicalSwitch { uuid: Uuid(1), name: "office".into(), ..Default::default() };
    network.insert("nb.Logical_Switch", switch);
    for (uuid, name, address) in [(2, "ada", "0a:00:00:00:00:01"), (3, "eve", "0a:00:00:00:00:02")] {
        let (uuid, name, addresses) = (Uuid(uuid), name.into(), vec![address.into()]);
        let port = nb::LogicalSwitchPort { uuid, name, addresses, ..Default::default() };
        network.insert("nb.Logical_Switch_Port", port);
        network.insert("nb.Logical_Switch_Port.state", nb::SwitchPortState { uuid, ..Default::default() });
        network.insert("nb.Logical_Switch.ports", Link { owner: Uuid(1), member: uuid });
    }
    network
}

/// The flows that come when `network` is the first that `engine` hears of, sorted.
pub fn flows(engine: &mut Engine, network: Transaction) -> Result<Vec<String>, EngineError> {
    let result = engine.step(network)?;
    let line = |flow: &FlowRow| {
        let row = flow.spell_out();
        let stage = row.external_ids.get("stage-name").map_or("", |name| &**name).to_owned();
        format!("{stage} {} ({}) {}", row.priority, row.match_, row.actions)
    };
    let mut flows: Vec<String> =
        engine.changes(&result, "sb.Logical_Flow").map(|(flow, _)| line(flow)).collect();
    flows.sort();
    Ok(flows)
}

fn main() -> Result<(), EngineError> {
    let mut engine = Engine::start(Config::default(), northd::program)?;
    for flow in flows(&mut engine, network())? {
        println!("{flow}");
    }
    Ok(())
}
