//! Rows that make no sense, and what follows from them: on northflow alone, and without those that break it on the
//! reference too (`garbage::live`).
//!
//! `NORTHFLOW_GARBAGE=FROM..TO` tries other seeds than the fixed ones.

use libtest_mimic::Trial;
use northflow_tests::garbage::{compared, play};
use northflow_tests::judge::judge;
use northflow_tests::player::Player;
use northflow_tests::trial::{no_faults, with_reference};

/// Two trials for each seed.
pub fn trials() -> Vec<Trial> {
    let asked = std::env::var("NORTHFLOW_GARBAGE").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?)
    });
    let alone = |seed: u64| Trial::test(format!("garbage::{seed}"), move || no_faults(play(seed, 100)?));
    let live = |seed: u64| {
        with_reference(format!("garbage::live::{seed}"), move |reference| {
            let recording = Player::start(reference)?.record_changes(compared::contents(seed, 25))?;
            no_faults(judge(&recording, 1)?)
        })
    };
    asked.unwrap_or(1..9).flat_map(|seed| [alone(seed), live(seed)]).collect()
}
