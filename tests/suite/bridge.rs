//! Scenarios with chassis: the rows of our program, fed step by step and at once, and what the reference put into
//! the bridges agree.

use std::path::PathBuf;

use libtest_mimic::Trial;
use northflow_tests::bridge::judge::judge;
use northflow_tests::bridge::player::Player;
use northflow_tests::bridge::recording::Recording;
use northflow_tests::trial::{no_faults, with_reference};

use crate::scenario::{same_version, trials_of};

/// Two trials for each scenario, or one that records it.
pub fn trials() -> Vec<Trial> {
    trials_of("bridge", "bridge", record, check)
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
        Trial::test(format!("{name}::recorded"), move || no_faults(judge(&Recording::read(&recorded)?)?)),
        with_reference(format!("{name}::live"), move |reference| {
            let recording = Recording::read(&path)?;
            same_version(&recording.version, reference)?;
            // Played anew: what chassis do by themselves meets the same northd.
            let found = Player::start(reference)?.record(&std::fs::read_to_string(&file)?)?;
            if found.checks().count() != recording.checks().count() {
                return Err("the recording has other check points than the scenario".into());
            }
            no_faults(judge(&found)?)
        }),
    ]
}
