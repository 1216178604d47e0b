//! One chassis of the network of [`heavy`]: northflow's controller and ovn-controller, each in a
//! world of its own that the same operations fill and the same northd follows.

mod lab;
mod large_set;

use std::time::Duration;

use clap::Args;
use northflow_tests::reference::Reference;

use self::lab::{Lab, Side};
use crate::lab::Cost;
use crate::options::Comparison;
use crate::process::Memory;
use crate::replay::Replayed;
use crate::stats::{Summary, or_dash, ratio};
use crate::{Failure, heavy};

/// What a comparison of controllers is told.
///
/// The reference is a 26.03 on PATH, the folder that NORTHFLOW_REFERENCE names, or Debian's packages.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Nodes of the network; one of them is measured.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1000))]
    nodes: u16,
    #[command(flatten)]
    shape: heavy::Shape,
    /// Elements of a large address set that an ACL of the chassis names; 0: there is none.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100_000))]
    set: u32,
    #[command(flatten)]
    comparison: Comparison,
}

/// What was measured of one controller.
#[derive(Clone, Debug, Default)]
struct Measured {
    start: Cost,
    memory: Memory,
    flows: usize,
    changes: Vec<(&'static str, Summary, Summary)>,
}

/// All chassis at once.
#[derive(Clone, Copy, Debug)]
struct Fleet {
    nodes: usize,
    /// A replay of the network without its chassis, and one with all of them.
    replays: [Replayed; 2],
}

/// Measures the controllers, each change on one and then on the other, and prints.
///
/// # Errors
/// When there is no reference or no northflow, or a daemon or server fails.
pub fn run(options: &Options) -> Result<bool, Failure> {
    let Comparison { rounds, program, only, alone } = &options.comparison;
    let northflow = program.find()?;
    let reference = Reference::get()?;
    let nodes = usize::from(options.nodes);
    let mut workload = options.shape.workload(nodes);
    if options.set > 0 {
        large_set::add(&mut workload, options.set as usize);
    }
    workload.keep_only(only);
    let sides: &[Side] = if *alone { &[Side::Northflow] } else { &[Side::Northflow, Side::Reference] };
    let mut labs = Vec::new();
    let mut fleet = None;
    for side in sides {
        eprintln!("{}: {side:?} ...", workload.size);
        let pods = usize::from(options.shape.pods);
        let mut lab = Lab::new(reference, &northflow, &workload, nodes, pods)?;
        let (start, memory) = lab.start(*side, &northflow)?;
        let flows = lab.flows()?;
        if *side == Side::Northflow {
            fleet = Some(Fleet { nodes, replays: lab.replay(&northflow)? });
        }
        labs.push((lab, Measured { start, memory, flows, changes: Vec::new() }));
    }
    for change in &workload.changes {
        let mut samples = vec![Vec::new(); labs.len()];
        for round in 0..usize::from(*rounds) {
            for ((lab, _), samples) in labs.iter_mut().zip(&mut samples) {
                let cost = lab.measure((change.make)(round));
                samples.push(cost.map_err(|error| format!("{}: {error}", change.name))?);
            }
        }
        for ((_, measured), samples) in labs.iter_mut().zip(samples) {
            let of = |figure: fn(&Cost) -> f64| Summary::of(samples.iter().map(figure));
            measured.changes.push((change.name, of(|cost| cost.cpu_ms), of(|cost| cost.wall_ms)));
        }
    }
    let at_end: Vec<usize> = labs.iter().map(|(lab, _)| lab.flows()).collect::<Result<_, _>>()?;
    let measured: Vec<Measured> = labs.into_iter().map(|(_, measured)| measured).collect();
    let (ours, theirs) = (&measured[0], measured.get(1));
    print!("{}", table(&workload.size, reference.version(), *rounds, ours, theirs));
    if let Some(fleet) = fleet {
        print!("{}", fleet.table(theirs));
    }
    let at_end: Vec<String> = at_end.iter().map(usize::to_string).collect();
    println!("flows at the end: {}", at_end.join(" / "));
    Ok(true)
}

impl Fleet {
    /// The figures as a table of Markdown, beside as many times what one of the reference took.
    fn table(&self, theirs: Option<&Measured>) -> String {
        let Fleet { nodes, replays: [without, with] } = *self;
        let ms = |cpu: Duration| cpu.as_secs_f64() * 1e3;
        let times = |figure: f64| figure * nodes as f64;
        let start = theirs.map(|theirs| times(theirs.start.cpu_ms));
        let held = theirs.map(|theirs| times(theirs.memory.peak));
        let rows = [
            ("CPU ms", ms(with.cpu.saturating_sub(without.cpu)), start),
            ("CPU ms, logical flows too", ms(with.cpu), start),
            ("wall ms, logical flows too", ms(with.wall), None),
            ("memory, MiB, peak", with.peak, held),
            ("logical flows", with.flows as f64, None),
            ("flows", with.chassis_flows as f64, None),
        ];
        let mut text = format!(
            "| all {nodes} chassis in one replay | northflow | {nodes} ovn-controllers | ratio |\n|---|---|---|---|\n"
        );
        for (name, ours, theirs) in rows {
            let ratio = or_dash(theirs.map(|theirs| format!("{:.3}", ratio(ours, theirs))));
            let theirs = or_dash(theirs.map(|theirs| format!("{theirs:.0}")));
            text += &format!("| {name} | {ours:.0} | {theirs} | {ratio} |\n");
        }
        text + "\n"
    }
}

type Figure = fn(&Measured) -> f64;

/// The figures as tables of Markdown.
fn table(size: &str, version: &str, rounds: u16, ours: &Measured, theirs: Option<&Measured>) -> String {
    let mut lines = vec![
        format!("ovn-controller {version}, {rounds} rounds, medians (and quartiles)\n"),
        format!("| start, one chassis of {size} | northflow | ovn-controller | ratio |"),
        "|---|---|---|---|".to_owned(),
    ];
    let start: [(&str, Figure); 5] = [
        ("CPU ms", |measured| measured.start.cpu_ms),
        ("wall ms", |measured| measured.start.wall_ms),
        ("memory, MiB", |measured| measured.memory.now),
        ("memory, MiB, peak", |measured| measured.memory.peak),
        ("flows", |measured| measured.flows as f64),
    ];
    for (name, figure) in start {
        let (a, b) = (figure(ours), theirs.map(figure));
        let ratio = or_dash(b.map(|b| format!("{:.2}", ratio(a, b))));
        lines.push(format!("| {name} | {a:.0} | {} | {ratio} |", or_dash(b.map(|b| format!("{b:.0}")))));
    }
    lines
        .push("\n| change | northflow, CPU ms | ovn-controller, CPU ms | ratio | wall ms, both |".to_owned());
    lines.push("|---|---|---|---|---|".to_owned());
    let cpu = |ms: Summary| format!("{:.2} ({:.2}-{:.2})", ms.median, ms.low, ms.high);
    for (at, (name, a, wall)) in ours.changes.iter().enumerate() {
        let other = theirs.and_then(|theirs| theirs.changes.get(at));
        let ratio = or_dash(other.map(|(_, b, _)| format!("{:.3}", ratio(a.median, b.median))));
        let other_wall = or_dash(other.map(|(_, _, wall)| format!("{:.1}", wall.median)));
        let other = or_dash(other.map(|(_, b, _)| cpu(*b)));
        lines.push(format!(
            "| {name} | {} | {other} | {ratio} | {:.1} / {other_wall} |",
            cpu(*a),
            wall.median
        ));
    }
    lines.join("\n") + "\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_a_line_for_each_change() {
        let mut ours = Measured { flows: 10, ..Measured::default() };
        ours.changes.push(("port add", Summary::of([1.0]), Summary::of([2.0])));
        let mut theirs = ours.clone();
        theirs.changes[0].1 = Summary::of([4.0]);
        let text = table("3 x 4", "26.03.1", 1, &ours, Some(&theirs));
        assert!(
            text.contains("| port add | 1.00 (1.00-1.00) | 4.00 (4.00-4.00) | 0.250 | 2.0 / 2.0 |"),
            "{text}"
        );
        assert!(text.contains("| flows | 10 | 10 | 1.00 |"), "{text}");
        let text = table("3 x 4", "26.03.1", 1, &ours, None);
        assert!(text.contains("| port add | 1.00 (1.00-1.00) | - | - | 2.0 / - |"), "{text}");
        assert!(text.contains("| flows | 10 | - | - |"), "{text}");
    }

    #[test]
    fn the_share_of_the_chassis_is_what_they_add() {
        let replayed = |ms| Replayed { cpu: Duration::from_millis(ms), ..Replayed::default() };
        let fleet = Fleet { nodes: 10, replays: [replayed(100), replayed(350)] };
        let theirs = Measured { start: Cost { cpu_ms: 200.0, ..Cost::default() }, ..Measured::default() };
        let text = fleet.table(Some(&theirs));
        assert!(text.contains("| CPU ms | 250 | 2000 | 0.125 |"), "{text}");
        assert!(text.contains("| CPU ms, logical flows too | 350 | 2000 | 0.175 |"), "{text}");
    }
}
