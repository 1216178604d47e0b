//! One rule more and one rule less, without a copy of the program:
//! `cargo run -p northflow-rules --example other_rules`.

#[path = "flows.rs"]
#[allow(dead_code)]
mod flows;

use northflow_engine::{Builder, Config, Engine, EngineError};
use northflow_rules::flow::row::Placed;
use northflow_rules::flow::{Flow, On, Stage};
use northflow_rules::northd::Northd;

/// The program, but no switch hands on LLDP, and none learns the addresses behind its ports.
pub fn program(builder: &Builder) {
    let mut northd = Northd::new(builder);
    let silence = northd.network.datapaths.keys.index_by(|datapath| datapath.owner).join(
        &northd.northbound.switch.index_by(|switch| switch.uuid),
        |datapath, _| Placed {
            on: On::Datapath(datapath.owner),
            flow: Flow::new(Stage::LsInL2Lkup, 120, "eth.type == 0x88cc", "drop;"),
        },
    );
    northd.add_flows(&silence.named("silence"));
    northd.drop_flows_of("switch/fdb.rs");
    northd.finish();
}

fn main() -> Result<(), EngineError> {
    let mut engine = Engine::start(Config::default(), program)?;
    for flow in flows::flows(&mut engine, flows::network())? {
        println!("{flow}");
    }
    Ok(())
}
