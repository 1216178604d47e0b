//! The relations of the program by name, and their rows.

use northflow_engine::{Builder, Config, Engine, EngineError, Transaction, outline};
use northflow_rules::northd;

/// The names of all relations of `program` that have one of their own, a line each. Others are addressed by their kind
/// and place.
pub fn list(program: impl Fn(&Builder)) -> String {
    let named = outline(program).into_iter().filter(|operator| operator.named);
    let mut names: Vec<String> = named.map(|operator| operator.address + "\n").collect();
    names.sort();
    names.concat()
}

/// Whether there is a relation called `relation`.
pub fn exists(relation: &str) -> bool {
    let found = std::cell::Cell::new(false);
    let program = |builder: &Builder| {
        northd::program(builder);
        found.set(builder.keep(relation));
    };
    outline(program);
    found.get()
}

/// The program, keeping the rows of some relations so that they can be dumped.
pub fn keeping(relations: Vec<String>) -> impl Fn(&Builder) + Send + Sync + 'static {
    move |builder| {
        northd::program(builder);
        for relation in &relations {
            builder.keep(relation);
        }
    }
}

/// The rows of a relation in a network with these `inputs`, all computed once on a worker of its own.
///
/// Cost: that of a start, in time and in memory.
pub fn compute(relation: &str, inputs: Transaction) -> Result<Vec<String>, EngineError> {
    let mut engine = Engine::start(Config::default(), keeping(vec![relation.to_owned()]))?;
    engine.step(inputs)?;
    engine.dump(relation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_outputs_and_what_lies_between_have_names() {
        let names = list(northd::program);
        // A table that is read and written is two relations.
        for name in ["nb.Logical_Switch", "sb.Logical_Flow", "network.ports", "switch.port"] {
            assert!(names.lines().any(|line| line == name), "{name}");
            assert!(exists(name));
        }
        assert!(!exists("sb.Logical_Row"));
    }
}
