//! The layers hold: engine <- rules <- connectors, and the rules are pure. Read off the tree.

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace").to_path_buf()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in
        fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The lines of `crate_`'s sources that hold any of `words`, comments aside.
fn uses(crate_: &str, words: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    sources(&workspace().join(crate_).join("src"), &mut files);
    assert!(!files.is_empty(), "{crate_} has sources");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(
            lines
                .filter(|line| words.iter().any(|word| line.contains(word)))
                .map(|line| format!("{}: {}", file.display(), line.trim())),
        );
    }
    found
}

#[test]
fn only_the_engine_names_timely_and_differential() {
    for crate_ in ["rules", "connectors", "bench", "tests"] {
        assert_eq!(uses(crate_, &["timely::", "differential_dataflow"]), Vec::<String>::new());
    }
}

#[test]
fn the_rules_touch_nothing_outside() {
    let outside = [
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::os",
        "std::time",
        "std::env",
        "println!",
        "eprintln!",
    ];
    assert_eq!(uses("rules", &outside), Vec::<String>::new());
}

#[test]
fn dependencies_run_one_way() {
    let manifest = |crate_: &str| {
        let path = workspace().join(crate_).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        text.lines().skip_while(|line| *line != "[dependencies]").map(str::to_owned).collect::<Vec<_>>()
    };
    let names = |crate_: &str, other: &str| manifest(crate_).iter().any(|line| line.starts_with(other));
    for other in ["northflow-rules", "northflow-connectors"] {
        assert!(!names("engine", other), "engine depends on {other}");
    }
    assert!(!names("rules", "northflow-connectors"), "rules depend on connectors");
    assert!(names("rules", "northflow-engine") && names("connectors", "northflow-rules"));
}

#[test]
fn the_top_of_the_tree_is_closed() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "engine",
        "rules",
        "connectors",
        "bench",
        "tests",
        "target",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
    ];
    for entry in fs::read_dir(workspace()).expect("the workspace") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} does not belong here");
    }
}
