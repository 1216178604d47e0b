//! Scenarios with chassis: the rows of our program, fed step by step and at once, and what the reference put into
//! the bridges agree.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use northflow_tests::bridge::judge::judge;
use northflow_tests::bridge::player::Player;
use northflow_tests::bridge::recording::Recording;
use northflow_tests::trial::{no_faults, with_reference};

use crate::scenario::{find, name_of};

/// Two trials for each scenario, or one that records it.
pub fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bridge");
    let mut files = Vec::new();
    find(&folder, &mut files);
    files.sort();
    let update = std::env::var_os("NORTHFLOW_UPDATE").is_some();
    files
        .into_iter()
        .flat_map(|file| if update { vec![record(&folder, file)] } else { check(&folder, file) })
        .collect()
}

fn record(folder: &Path, file: PathBuf) -> Trial {
    with_reference(format!("bridge::{}::record", name_of(folder, &file)), move |reference| {
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
        Trial::test(format!("bridge::{name}::recorded"), move || {
            no_faults(judge(&Recording::read(&recorded)?)?)
        }),
        with_reference(format!("bridge::{name}::live"), move |reference| {
            let recording = Recording::read(&path)?;
            if recording.version != reference.version() {
                return Err(
                    format!("recorded with {}, found {}", recording.version, reference.version()).into()
                );
            }
            // Played anew: what chassis do by themselves meets the same northd.
            let found = Player::start(reference)?.record(&std::fs::read_to_string(&file)?)?;
            if found.checks().count() != recording.checks().count() {
                return Err("the recording has other check points than the scenario".into());
            }
            no_faults(judge(&found)?)
        }),
    ]
}
