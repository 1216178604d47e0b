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
    /// The file that stands for an edited rule; it has one line more for a while.
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
    let edited = Edited::new(&rule)?;
    let release = build(true)?;
    drop(edited);
    build(false)?;
    let edited = Edited::new(&rule)?;
    let debug = build(false)?;
    drop(edited);
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

/// A file with a line more at its top, so that all code in it is at other places than before: what was built of
/// it before cannot be used again, as it could if it were only touched. The line goes with this.
struct Edited {
    file: PathBuf,
    text: String,
}

impl Edited {
    fn new(file: &Path) -> Result<Edited, Failure> {
        let failed = |error| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(failed)?;
        fs::write(file, format!("// Edited by northbench.\n{text}")).map_err(failed)?;
        Ok(Edited { file: file.to_owned(), text })
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.file, &self.text) {
            eprintln!("{}: the first line is to be taken away: {error}", self.file.display());
        }
    }
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
