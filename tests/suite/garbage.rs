//! Rows that make no sense, and what follows from them.
//!
//! `NORTHFLOW_GARBAGE=FROM..TO` tries other seeds than the fixed ones.

use libtest_mimic::Trial;
use northflow_tests::garbage::play;
use northflow_tests::trial::no_faults;

/// One trial for each seed.
pub fn trials() -> Vec<Trial> {
    let asked = std::env::var("NORTHFLOW_GARBAGE").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?)
    });
    let seeds = asked.unwrap_or(1..9);
    seeds.map(|seed| Trial::test(format!("garbage::{seed}"), move || no_faults(play(seed, 100)?))).collect()
}
