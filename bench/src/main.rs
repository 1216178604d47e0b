//! The `northbench` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use northflow_bench::{Failure, build, compare, controller, heavy, layer2, routers, switches};

/// Measures northflow, side by side with ovn-northd and ovn-controller.
#[derive(Debug, Parser)]
#[command(name = "northbench", version, max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Switches with ports, bound and unbound, and nothing else.
    Layer2 {
        /// Numbers of switches, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "200,2000", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: layer2::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// Switches with ACLs, port groups, DHCP, DNS, QoS, meters, snooping.
    Switches {
        /// Numbers of switches, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "100,1000", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: switches::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// A router for each tenant behind one provider network, and many static routes.
    Routers {
        /// Numbers of routers, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "50,1000", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: routers::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// One router with static routes, few or many.
    Routes {
        /// Numbers of routes, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "1,1000,20000", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        options: compare::Options,
    },
    /// Nodes of a container platform: pods, services, namespaces, a gateway router each.
    Heavy {
        /// Numbers of nodes, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "20,100,250", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: heavy::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// One chassis of such nodes: northflow's controller and ovn-controller.
    Controller(controller::Options),
    /// How long the workspace takes to build.
    Build(build::Options),
}

/// A network has at least one of whatever it is counted in.
fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("{error}")),
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    match &options.command {
        Command::Layer2 { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|switches| shape.workload(*switches)))
        }
        Command::Heavy { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|nodes| shape.workload(*nodes)))
        }
        Command::Switches { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|switches| shape.workload(*switches)))
        }
        Command::Routers { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|routers| shape.workload(*routers)))
        }
        Command::Routes { sizes, options } => {
            compare::run(options, sizes.iter().map(|count| routers::routes(*count)))
        }
        Command::Controller(options) => controller::run(options),
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
