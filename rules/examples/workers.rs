//! The network of the example `flows`, computed by two workers:
//! `cargo run -p northflow-rules --example workers`.

#[path = "flows.rs"]
#[allow(dead_code)]
mod flows;

use northflow_engine::{Config, Engine, EngineError};
use northflow_rules::northd;

/// The flows as so many workers compute them.
pub fn on_workers(workers: usize) -> Result<Vec<String>, EngineError> {
    let mut engine = Engine::start(Config { workers, cluster: None }, northd::program)?;
    flows::flows(&mut engine, flows::network())
}

fn main() -> Result<(), EngineError> {
    let (one, two) = (on_workers(1)?, on_workers(2)?);
    println!("{} flows on one worker, {} on two; the same: {}", one.len(), two.len(), one == two);
    Ok(())
}
