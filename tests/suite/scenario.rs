//! Scenarios: northflow fed step by step, northflow fed at once, and the reference agree.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use northflow_tests::judge::{compare, judge};
use northflow_tests::player::Player;
use northflow_tests::recording::{Item, Recording};
use northflow_tests::reference::Reference;
use northflow_tests::trial::{no_faults, with_reference};

/// Two trials for each scenario, or one that records it.
pub fn trials() -> Vec<Trial> {
    trials_of("scenario", "scenarios", record, check)
}

/// Trials whose names begin with `module`, for each scenario below `folder`, given its name and its file: those that
/// `check` makes, or the one that records it.
pub(crate) fn trials_of(
    module: &str,
    folder: &str,
    record: fn(&str, PathBuf) -> Trial,
    check: fn(&str, PathBuf) -> Vec<Trial>,
) -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    find(&folder, &mut files);
    files.sort();
    let update = std::env::var_os("NORTHFLOW_UPDATE").is_some();
    let trials = |file: PathBuf| {
        let place = file.strip_prefix(&folder).unwrap_or(&file).with_extension("");
        let name = format!("{module}::{}", place.display());
        if update { vec![record(&name, file)] } else { check(&name, file) }
    };
    files.into_iter().flat_map(trials).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "scenario") {
            files.push(path);
        }
    }
}

/// Fails if the reference is another than the one that was recorded.
pub(crate) fn same_version(recorded: &str, reference: &Reference) -> Result<(), Failed> {
    if recorded == reference.version() {
        return Ok(());
    }
    Err(format!("recorded with {recorded}, found {}", reference.version()).into())
}

fn record(name: &str, file: PathBuf) -> Trial {
    with_reference(format!("{name}::record"), move |reference| {
        let text = std::fs::read_to_string(&file)?;
        Player::start(reference)?.record(&text)?.write(&file.with_extension("recording"))?;
        Ok(())
    })
}

fn check(name: &str, file: PathBuf) -> Vec<Trial> {
    let path = file.with_extension("recording");
    let recorded = path.clone();
    vec![
        Trial::test(format!("{name}::recorded"), move || no_faults(judge(&Recording::read(&recorded)?, 1)?)),
        with_reference(format!("{name}::live"), move |reference| {
            let recording = Recording::read(&path)?;
            same_version(&recording.version, reference)?;
            let found = Player::start(reference)?.replay(&recording)?;
            let checks = recording.items.iter().filter_map(|item| match item {
                Item::Check(check) => Some(check),
                Item::Step(_) => None,
            });
            let mut faults = Vec::new();
            for (number, (recorded, found)) in checks.zip(&found).enumerate() {
                let differences = compare(recorded, found).into_iter();
                faults.extend(differences.map(|fault| format!("check {}: {fault}", number + 1)));
            }
            no_faults(faults)
        }),
    ]
}
