//! The `northbench` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use northflow_bench::{
    Failure, build, cluster_density, compare, controller, density_light, heavy, layer2, multitenant,
    openstack, replay, routers, switches,
};

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
    /// Nodes with many pods of one namespace and no services (ovn-heater's density-light).
    DensityLight {
        /// Numbers of nodes, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "20,120", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: density_light::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// Nodes with small namespaces, a load balancer each (ovn-heater's cluster-density).
    ClusterDensity {
        /// Numbers of nodes, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "20,120", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: cluster_density::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// Nodes with namespaces that policies keep apart (ovn-heater's np-multitenant).
    #[command(name = "np-multitenant")]
    Multitenant {
        /// Numbers of nodes, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "20,120", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: multitenant::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// Projects of an OpenStack cloud: routers, floating addresses, addresses given out.
    Openstack {
        /// Numbers of projects, smallest first; growth is from the first to the last.
        #[arg(long, value_delimiter = ',', default_value = "20,200", value_name = "N,...", value_parser = size)]
        sizes: Vec<usize>,
        #[command(flatten)]
        shape: openstack::Shape,
        #[command(flatten)]
        options: compare::Options,
    },
    /// One chassis of the nodes of `heavy`: northflow's controller and ovn-controller.
    Controller(controller::Options),
    /// Replays of logs in which a network changes and stays as large: time and memory by length.
    Replay(replay::Options),
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
        Command::DensityLight { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|nodes| shape.workload(*nodes)))
        }
        Command::ClusterDensity { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|nodes| shape.workload(*nodes)))
        }
        Command::Multitenant { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|nodes| shape.workload(*nodes)))
        }
        Command::Openstack { sizes, shape, options } => {
            compare::run(options, sizes.iter().map(|projects| shape.workload(*projects)))
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
        Command::Replay(options) => replay::run(options),
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
