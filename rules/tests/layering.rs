//! The layers hold: engine <- rules <- connectors, timely and differential stay inside the engine,
//! the rules are pure, and files stay short. Read off the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// Every crate of the workspace.
const CRATES: &[&str] = &["engine", "rules", "rules/language", "connectors", "bench", "tests"];

/// Lines at which a file is to be split; tables are exempt by name.
const LONGEST: usize = 800;
const TABLES: &[&str] = &["rules/src/flow/stage.rs", "rules/src/schema/nb.rs", "rules/src/schema/sb.rs"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace").to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The Rust files below `folder` of the workspace.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources_below(&workspace().join(folder), &mut files);
    assert!(!files.is_empty(), "{folder} has sources");
    files
}

/// The lines below `folder` that hold any of `words`, comments and this file aside.
fn uses(folder: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(folder).into_iter().filter(|file| !file.ends_with("tests/layering.rs")) {
        let text = read(&file);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(
            lines
                .filter(|line| words.iter().any(|word| line.contains(word)))
                .map(|line| format!("{}: {}", file.display(), line.trim())),
        );
    }
    found
}

/// What `crate_` depends on, for building (`dev` false) or for its own tests.
fn dependencies(crate_: &str, dev: bool) -> Vec<String> {
    let wanted = if dev { "[dev-dependencies]" } else { "[dependencies]" };
    let text = read(&workspace().join(crate_).join("Cargo.toml"));
    let section = text.lines().skip_while(|line| *line != wanted).skip(1);
    let name = |line: &str| {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))?;
        (end > 0).then(|| line[..end].to_owned())
    };
    section.take_while(|line| !line.starts_with('[')).filter_map(name).collect()
}

#[test]
fn only_the_engine_names_timely_and_differential() {
    for crate_ in CRATES.iter().filter(|crate_| **crate_ != "engine") {
        let words = ["timely::", "differential_dataflow", "use timely"];
        assert_eq!(uses(crate_, &words), Vec::<String>::new());
        for dev in [false, true] {
            for name in dependencies(crate_, dev) {
                assert!(
                    name != "timely" && name != "differential-dataflow",
                    "{crate_}/Cargo.toml names {name}"
                );
            }
        }
    }
}

#[test]
fn the_engine_knows_nothing_of_networks_or_databases() {
    let words = ["ovsdb", "Ovsdb", "northflow_rules", "northflow_connectors", "Logical_", "tunnel_key"];
    assert_eq!(uses("engine/src", &words), Vec::<String>::new());
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
        "std::io",
        "std::process",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "print!",
        "println!",
        "eprint!",
        "eprintln!",
        "dbg!",
        " log::",
        "tracing",
    ];
    assert_eq!(uses("rules/src", &outside), Vec::<String>::new());
}

#[test]
fn dependencies_run_one_way() {
    let ours = |crate_: &str| -> Vec<String> {
        let names = dependencies(crate_, false).into_iter();
        names.filter(|name| name.starts_with("northflow-")).collect()
    };
    assert_eq!(ours("engine"), Vec::<String>::new());
    assert_eq!(ours("rules"), ["northflow-engine"]);
    let below = ["northflow-controller", "northflow-engine", "northflow-language", "northflow-rules"];
    assert!(ours("connectors").iter().all(|name| below.contains(&name.as_str())));
    // Tests may stand on what they test, and on nothing above it.
    assert!(dependencies("engine", true).iter().all(|name| !name.starts_with("northflow-")));
    assert!(!dependencies("rules", true).contains(&"northflow-connectors".to_owned()));
}

#[test]
fn files_stay_short() {
    let root = workspace();
    for crate_ in CRATES {
        for file in sources(crate_) {
            let lines = read(&file).lines().count();
            let name = file.strip_prefix(&root).expect("a file of the workspace");
            let table = TABLES.iter().any(|table| name == Path::new(table));
            assert!(table || lines <= LONGEST, "{} has {lines} lines: split it", name.display());
        }
    }
}

#[test]
fn every_folder_at_the_top_is_a_crate() {
    for entry in fs::read_dir(workspace()).expect("the workspace") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = name.starts_with('.') || name == "target" || CRATES.contains(&name.as_str());
        assert!(known || !entry.path().is_dir(), "{name} does not belong here");
    }
}
