//! The `northbench` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use northflow_bench::{Failure, build, layer2};

/// Measures northflow, side by side with ovn-northd.
#[derive(Debug, Parser)]
#[command(name = "northbench", version, max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Switches with ports, bound and unbound, and nothing else.
    Layer2(layer2::Options),
    /// How long the workspace takes to build.
    Build(build::Options),
}

fn run(options: &Options) -> Result<bool, Failure> {
    match &options.command {
        Command::Layer2(options) => layer2::run(options),
        Command::Build(options) => build::run(options),
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("northbench: {error}");
            ExitCode::from(2)
        }
    }
}
