//! The engine alone: a recursive relation on two workers, and who hears of its changes.
//! `cargo run -p northflow-engine --example subscribe`.

use northflow_engine::iterate::reach;
use northflow_engine::{Config, Engine, EngineError, Transaction};

/// What an epoch changed: names, and how many times more each is there.
pub type Heard = Vec<(String, isize)>;

/// Streets between towns, and the towns that can be reached from home: one comes within reach, and is cut off again.
pub fn story() -> Result<Vec<Heard>, EngineError> {
    let mut engine = Engine::start(Config { workers: 2, cluster: None }, |program| {
        let streets = program.input::<(String, String)>("streets");
        let home = program.input::<String>("home");
        program.output("within reach", &reach(&streets, &home).named("reach"));
        program.keep("reach");
    })?;
    let street = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let mut first = Transaction::new();
    first.insert("home", "york".to_owned());
    first.insert("streets", street("york", "leeds"));
    first.insert("streets", street("derby", "london"));
    let mut built = Transaction::new();
    built.insert("streets", street("leeds", "derby"));
    let mut closed = Transaction::new();
    closed.remove("streets", street("derby", "london"));

    // Epochs are computed behind each other; results arrive in order, here or on a thread of their own.
    let results = engine.results().clone();
    for transaction in [first, built, closed] {
        engine.commit(transaction)?;
    }
    let mut heard = Vec::new();
    for result in results.iter().take(3) {
        let changes = engine.changes::<String>(&result, "within reach");
        let mut changes: Heard = changes.map(|(town, weight)| (town.clone(), weight)).collect();
        changes.sort();
        heard.push(changes);
    }
    heard.push(
        engine
            .rows("reach")?
            .into_iter()
            .map(|(rec, weight)| (rec.get::<String>().clone(), weight))
            .collect(),
    );
    Ok(heard)
}

fn main() -> Result<(), EngineError> {
    for changes in story()? {
        println!("{changes:?}");
    }
    Ok(())
}
