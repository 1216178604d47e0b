//! What is printed of a run, and what it is held to.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Daemon, Run, Size};
use crate::stats::{Summary, or_dash, ratio};

/// Milliseconds of processor time that any change may take.
const CHANGE_MS: f64 = 2.0;

/// How much more a change may take in the largest network than in the smallest.
const GROWTH: f64 = 1.5;

/// How much more memory may be held when all is deleted than where there never was a network.
const RETURN: f64 = 1.2;

/// A growth by less than so many milliseconds is noise.
const NOISE_MS: f64 = 0.25;

type Figure = fn(&Daemon) -> Option<f64>;

const START: &[(&str, Figure)] = &[
    ("CPU ms", |daemon| Some(daemon.cold.cpu_ms)),
    ("memory, MiB", |daemon| Some(daemon.memory.now)),
    ("memory, MiB, peak", |daemon| Some(daemon.memory.peak)),
    ("memory, MiB, after all changes", |daemon| Some(daemon.at_end.as_ref()?.memory.now)),
    ("memory, MiB, all deleted", |daemon| Some(daemon.at_end.as_ref()?.memory_deleted.now)),
    ("memory, MiB, of nothing", |daemon| Some(daemon.memory_of_nothing.now)),
    ("wall ms", |daemon| Some(daemon.cold.wall_ms)),
    ("logical flows", |daemon| Some(daemon.rows.get("Logical_Flow").copied().unwrap_or(0) as f64)),
    ("SB bytes logged", |daemon| Some(daemon.cold.bytes as f64)),
];

/// How many of [`START`], from its front, must not be above ovn-northd's.
const HELD_TO: usize = 2;

/// The figures as text, tables of Markdown.
pub(super) fn table(run: &Run) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_tables(&mut out, run);
    out
}

fn write_tables(out: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(out, "ovn-northd {}, {} rounds, medians (and quartiles)\n", run.reference_version, run.rounds)?;
    writeln!(out, "| start, empty southbound database | network | northflow | ovn-northd | ratio |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for size in &run.sizes {
        for (name, figure) in START {
            let (ours, theirs) = (figure(&size.northflow), size.reference.as_ref().and_then(figure));
            let ratio = ours.zip(theirs).map(|(ours, theirs)| format!("{:.2}", ratio(ours, theirs)));
            let whole = |figure: Option<f64>| or_dash(figure.map(|figure| format!("{figure:.0}")));
            let (ours, theirs, ratio) = (whole(ours), whole(theirs), or_dash(ratio));
            writeln!(out, "| {name} | {} | {ours} | {theirs} | {ratio} |", size.size)?;
        }
    }
    writeln!(out)?;
    for size in &run.sizes {
        write_changes(out, size)?;
        if let Some(reason) = &size.given_up {
            writeln!(out, "ovn-northd was given up in {}: {reason}\n", size.size)?;
        }
    }
    if let [first, .., last] = &run.sizes[..] {
        writeln!(out, "| CPU, {} to {} | northflow | ovn-northd |", first.size, last.size)?;
        writeln!(out, "|---|---|---|")?;
        for (name, ours, theirs) in growth(first, last) {
            let theirs = or_dash(theirs.map(|theirs| format!("{theirs:.2}x")));
            writeln!(out, "| {name} | {ours:.2}x | {theirs} |")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_changes(out: &mut String, size: &Size) -> std::fmt::Result {
    let cpu = |ms: Summary| format!("{:.2} ({:.2}-{:.2})", ms.median, ms.low, ms.high);
    let pair = |a: Summary, b: Option<Summary>, decimals: usize| {
        let b = or_dash(b.map(|b| format!("{:.decimals$}", b.median)));
        format!("{:.decimals$} / {b}", a.median)
    };
    let network = &size.size;
    writeln!(
        out,
        "| change, {network} | northflow, CPU ms | ovn-northd, CPU ms | ratio \
         | wall ms, both | SB rows | SB bytes |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for (at, ours) in size.northflow.changes.iter().enumerate() {
        let theirs = size.reference.as_ref().and_then(|daemon| daemon.changes.get(at));
        let ratio = theirs.map(|theirs| ratio(ours.cpu_ms.median, theirs.cpu_ms.median));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            ours.change,
            cpu(ours.cpu_ms),
            or_dash(theirs.map(|theirs| cpu(theirs.cpu_ms))),
            or_dash(ratio.map(|ratio| format!("{ratio:.3}"))),
            pair(ours.wall_ms, theirs.map(|theirs| theirs.wall_ms), 1),
            pair(ours.rows, theirs.map(|theirs| theirs.rows), 0),
            pair(ours.bytes, theirs.map(|theirs| theirs.bytes), 0),
        )?;
    }
    writeln!(out)
}

/// The growth of every change's processor time, ours and theirs.
fn growth(first: &Size, last: &Size) -> Vec<(&'static str, f64, Option<f64>)> {
    let of = |first: &Daemon, last: &Daemon, at: usize| {
        Some(ratio(last.changes.get(at)?.cpu_ms.median, first.changes.get(at)?.cpu_ms.median))
    };
    let changes = first.northflow.changes.iter().enumerate();
    changes
        .filter_map(|(at, change)| {
            let theirs = first.reference.as_ref().zip(last.reference.as_ref());
            let ours = of(&first.northflow, &last.northflow, at)?;
            Some((change.change, ours, theirs.and_then(|(first, last)| of(first, last, at))))
        })
        .collect()
}

/// The targets that the run misses, each in words.
pub(super) fn missed(run: &Run) -> Vec<String> {
    let mut missed = Vec::new();
    for size in &run.sizes {
        let network = size.size.clone();
        let ours = &size.northflow;
        for change in ours.changes.iter().filter(|change| change.cpu_ms.median > CHANGE_MS) {
            let (name, median) = (change.change, change.cpu_ms.median);
            missed.push(format!("{network}: {name}: {median:.2} ms, at most {CHANGE_MS} wanted"));
        }
        let nothing = ours.memory_of_nothing.now;
        let deleted = ours.at_end.as_ref().map(|at_end| at_end.memory_deleted.now);
        if let Some(deleted) = deleted.filter(|deleted| *deleted > nothing * RETURN) {
            missed.push(format!("{network}: all deleted: {deleted:.0} MiB, {nothing:.0} of nothing"));
        }
        let Some(theirs) = &size.reference else { continue };
        for (name, figure) in &START[..HELD_TO] {
            if let (Some(a), Some(b)) = (figure(ours), figure(theirs))
                && a > b
            {
                missed.push(format!("{network}: start: {name}: {a:.0}, ovn-northd {b:.0}"));
            }
        }
        missed.extend(differences(&network, "after the start", &ours.rows, &theirs.rows));
        if let (Some(ours), Some(theirs)) = (&ours.at_end, &theirs.at_end) {
            missed.extend(differences(&network, "at the end", &ours.rows, &theirs.rows));
        }
    }
    if let [first, .., last] = &run.sizes[..] {
        for (a, b) in first.northflow.changes.iter().zip(&last.northflow.changes) {
            let (small, large) = (a.cpu_ms.median, b.cpu_ms.median);
            if large > small * GROWTH && large > small + NOISE_MS {
                missed.push(format!("{}: grows from {small:.2} to {large:.2} ms", a.change));
            }
        }
    }
    missed
}

/// The tables of which the two databases hold unequally many rows.
fn differences(
    network: &str,
    when: &str,
    ours: &BTreeMap<String, usize>,
    theirs: &BTreeMap<String, usize>,
) -> Vec<String> {
    let unequal = ours.iter().filter(|(table, rows)| theirs.get(*table) != Some(rows));
    unequal
        .map(|(table, rows)| {
            let other = theirs.get(table).copied().unwrap_or(0);
            format!("{network}: {table} has {rows} rows {when}, ovn-northd's {other}")
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{AtEnd, ChangeCost, Daemon};
    use super::*;
    use crate::lab::Cost;
    use crate::process::Memory;

    pub fn daemon(cpu_ms: f64, change_ms: f64, flows: usize) -> Daemon {
        let rows = BTreeMap::from([("Logical_Flow".to_owned(), flows)]);
        let cpu_ms_of_change = Summary::of([change_ms]);
        let change = ChangeCost {
            change: "port add",
            cpu_ms: cpu_ms_of_change,
            wall_ms: Summary::default(),
            rows: Summary::default(),
            bytes: Summary::default(),
            samples: Vec::new(),
        };
        Daemon {
            cold: Cost { cpu_ms, ..Cost::default() },
            memory: Memory { now: 30.0, peak: 40.0 },
            memory_of_nothing: Memory { now: 10.0, peak: 10.0 },
            at_end: Some(AtEnd {
                memory: Memory { now: 31.0, peak: 40.0 },
                memory_deleted: Memory { now: 11.0, peak: 40.0 },
                rows: rows.clone(),
            }),
            rows,
            changes: vec![change],
        }
    }

    /// Networks of two sizes.
    pub fn run(small: Daemon, large: Daemon) -> Run {
        let size = |size: &str, northflow| Size {
            size: size.to_owned(),
            northflow,
            reference: Some(daemon(100.0, 50.0, 7)),
            given_up: None,
        };
        let sizes = vec![size("2 x 10", small), size("20 x 10", large)];
        Run { reference_version: "26.03.1".into(), rounds: 1, sizes }
    }

    #[test]
    fn a_good_run_misses_nothing() {
        assert_eq!(missed(&run(daemon(90.0, 1.0, 7), daemon(90.0, 1.4, 7))), Vec::<String>::new());
    }

    #[test]
    fn every_target_can_be_missed() {
        let mut large = daemon(101.0, 2.5, 8);
        large.memory_of_nothing.now = 9.0;
        let missed = missed(&run(daemon(90.0, 1.0, 7), large));
        assert_eq!(missed.len(), 6, "{missed:#?}");
        assert!(missed[5].contains("grows from 1.00 to 2.50 ms"), "{missed:#?}");
    }

    #[test]
    fn the_tables_have_a_line_for_each_change_and_size() {
        let text = table(&run(daemon(90.0, 1.0, 7), daemon(90.0, 1.4, 7)));
        assert_eq!(text.lines().filter(|line| line.starts_with("| port add")).count(), 3, "{text}");
        assert!(text.contains("| port add | 1.40x | 1.00x |"), "{text}");
    }

    #[test]
    fn northflow_alone_has_no_ratios() {
        let mut run = run(daemon(90.0, 1.0, 7), daemon(900.0, 2.5, 8));
        run.sizes.iter_mut().for_each(|size| size.reference = None);
        let text = table(&run);
        assert!(text.contains("| CPU ms | 2 x 10 | 90 | - | - |"), "{text}");
        assert!(text.contains("| port add | 1.00 (1.00-1.00) | - | - | 0.0 / - |"), "{text}");
        assert!(text.contains("| port add | 2.50x | - |"), "{text}");
        // What a change may take is no ratio.
        assert_eq!(missed(&run).len(), 2);
    }

    #[test]
    fn a_reference_that_was_given_up_is_said_and_not_compared() {
        let mut run = run(daemon(90.0, 1.0, 7), daemon(90.0, 1.4, 7));
        let last = &mut run.sizes[1];
        let theirs = last.reference.as_mut().unwrap();
        (theirs.at_end, theirs.changes) = (None, Vec::new());
        last.given_up = Some("port add: sb_cfg 7: timed out".into());
        let text = table(&run);
        assert!(text.contains("ovn-northd was given up in 20 x 10: port add: sb_cfg 7: timed out"), "{text}");
        assert!(text.contains("| memory, MiB, after all changes | 20 x 10 | 31 | - | - |"), "{text}");
        assert!(text.contains("| port add | 1.40 (1.40-1.40) | - | - | 0.0 / - |"), "{text}");
        assert_eq!(missed(&run), Vec::<String>::new());
    }

    #[test]
    fn json_has_every_sample() {
        let text = serde_json::to_value(run(daemon(90.0, 1.0, 7), daemon(90.0, 1.4, 7))).unwrap();
        let northflow = &text["sizes"][1]["northflow"];
        assert_eq!(northflow["changes"][0]["cpu_ms"]["median"], 1.4);
        assert_eq!(
            (&northflow["cold"]["cpu_ms"], &northflow["rows"]["Logical_Flow"]),
            (&90.0.into(), &7.into())
        );
        assert_eq!(text["sizes"][0]["reference"]["at_end"]["memory"]["now"], 31.0);
    }
}
