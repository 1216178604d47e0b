//! The build budget: how long the workspace takes to build, whole and after an edit of one rule.
//!
//! The processor time is told beside: where others use the machine too, half of it is what two cores would take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::Failure;
use crate::process::children_cpu;

/// The longest that each build may take on two cores.
const BUDGET: [(&str, u64); 3] =
    [("clean, release", 8 * 60), ("one rule edited, release", 60), ("one rule edited, debug", 20)];

/// What `northbench build` is to do.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The workspace.
    #[arg(long, default_value = ".", value_name = "DIR")]
    workspace: PathBuf,
    /// The file that stands for an edited rule.
    #[arg(long, default_value = "rules/src/switch/l2_lookup.rs", value_name = "FILE")]
    rule: PathBuf,
    /// Fail if a build takes longer than it may.
    #[arg(long)]
    check: bool,
}

/// A target folder that goes away.
struct Target(PathBuf);

impl Drop for Target {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Builds into a folder of its own, prints, and says whether all was within the budget (true
/// unless that was asked for).
///
/// # Errors
/// When the workspace or the rule is not there, or does not build.
pub fn run(options: &Options) -> Result<bool, Failure> {
    let rule = options.workspace.join(&options.rule);
    let target = Target(std::env::temp_dir().join(format!("northbench-build-{}", std::process::id())));
    let build = |release: bool| cargo(&options.workspace, &target.0, release);
    let clean = build(true)?;
    touch(&rule)?;
    let release = build(true)?;
    build(false)?;
    touch(&rule)?;
    let debug = build(false)?;
    let size = fs::metadata(target.0.join("release/northflow"))?.len();
    println!("| build | seconds | processor seconds | at most, seconds |\n|---|---|---|---|");
    let mut within = true;
    for ((name, most), Took { wall, cpu }) in BUDGET.into_iter().zip([clean, release, debug]) {
        println!("| {name} | {:.0} | {:.0} | {most} |", wall.as_secs_f64(), cpu.as_secs_f64());
        within &= wall <= Duration::from_secs(most);
    }
    println!("\nrelease binary: {} MiB", size >> 20);
    Ok(within || !options.check)
}

/// What a build took.
struct Took {
    wall: Duration,
    cpu: Duration,
}

/// Makes `file` look edited.
fn touch(file: &Path) -> Result<(), Failure> {
    let open = fs::File::options().append(true).open(file);
    let touched = open.and_then(|open| open.set_modified(std::time::SystemTime::now()));
    touched.map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Builds the workspace and says what that took.
fn cargo(workspace: &Path, target: &Path, release: bool) -> Result<Took, Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--workspace", "--offline"]).current_dir(workspace);
    cargo.env("CARGO_TARGET_DIR", target).stdin(Stdio::null());
    if release {
        cargo.arg("--release");
    }
    let (started, before) = (Instant::now(), children_cpu());
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("cargo build in {}: {status}", workspace.display()).into());
    }
    Ok(Took { wall: started.elapsed(), cpu: children_cpu().saturating_sub(before) })
}
