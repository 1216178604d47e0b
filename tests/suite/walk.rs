//! Random walks, played on the reference and judged like scenarios.
//!
//! `NORTHFLOW_WALKS=FROM..TO` walks other seeds than the fixed ones, `NORTHFLOW_WALK_STEPS=N` says how
//! far. A seed that failed once stays in `tests/scenarios/seeds.txt`.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use northflow_tests::judge::judge;
use northflow_tests::player::Player;
use northflow_tests::trial::{no_faults, with_reference};
use northflow_tests::walk::scenario;

/// Seeds that failed once, one a line.
const SEEDS: &str = include_str!("../scenarios/seeds.txt");

/// One trial for each seed.
pub fn trials() -> Vec<Trial> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let kept = SEEDS.lines().filter(|line| !line.starts_with('#')).filter_map(number);
    let asked = std::env::var("NORTHFLOW_WALKS").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(number(from)?..number(to)?)
    });
    let seeds: BTreeSet<u64> = match asked {
        Some(range) => range.collect(),
        None => kept.chain(1..21).chain(1000..1010).chain(3000..3006).collect(),
    };
    let steps =
        std::env::var("NORTHFLOW_WALK_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(100);
    seeds
        .into_iter()
        .map(|seed| {
            with_reference(format!("walk::{seed}"), move |reference| {
                let recording =
                    Player::start(reference)?.record(&scenario(seed, steps)).map_err(Failed::from)?;
                no_faults(judge(&recording, 1 + (seed % 2) as usize)?)
            })
        })
        .collect()
}
