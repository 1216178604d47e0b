//! Scenarios: northflow fed step by step, northflow fed at once, and the reference agree.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use northflow_tests::judge::{compare, judge};
use northflow_tests::player::Player;
use northflow_tests::recording::{Item, Recording};
use northflow_tests::trial::{no_faults, with_reference};

/// Two trials for each scenario, or one that records it.
pub fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = Vec::new();
    find(&folder, &mut files);
    files.sort();
    let update = std::env::var_os("NORTHFLOW_UPDATE").is_some();
    files
        .into_iter()
        .flat_map(|file| if update { vec![record(&folder, file)] } else { check(&folder, file) })
        .collect()
}

pub(crate) fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "scenario") {
            files.push(path);
        }
    }
}

pub(crate) fn name_of(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).with_extension("").display().to_string()
}

fn record(folder: &Path, file: PathBuf) -> Trial {
    with_reference(format!("scenario::{}::record", name_of(folder, &file)), move |reference| {
        let text = std::fs::read_to_string(&file)?;
        Player::start(reference)?.record(&text)?.write(&file.with_extension("recording"))?;
        Ok(())
    })
}

fn check(folder: &Path, file: PathBuf) -> Vec<Trial> {
    let name = name_of(folder, &file);
    let path = file.with_extension("recording");
    let recorded = path.clone();
    vec![
        Trial::test(format!("scenario::{name}::recorded"), move || {
            no_faults(judge(&Recording::read(&recorded)?, 1)?)
        }),
        with_reference(format!("scenario::{name}::live"), move |reference| {
            let recording = Recording::read(&path)?;
            if recording.version != reference.version() {
                return Err(
                    format!("recorded with {}, found {}", recording.version, reference.version()).into()
                );
            }
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
