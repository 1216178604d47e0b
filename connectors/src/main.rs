//! The `northflow` command. Started under the name `ovn-northd` or `ovn-controller` it is that daemon.

use std::path::Path;
use std::process::ExitCode;

use northflow_connectors::northd::verify;
use northflow_connectors::process::heap::Heap;
use northflow_connectors::process::print;
use northflow_connectors::{controller, northd, record, replay};

#[global_allocator]
static HEAP: Heap = Heap;

/// How jemalloc is set up (jemalloc(3), "Tuning"), which it takes from here alone: one arena, because few threads ask for
/// memory at once, and what a large epoch needed goes back to the system soon. On 2,000 switches the peak is so 389 MiB
/// and not 433.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
// SAFETY: a pointer to a text that ends with 0, which is what jemalloc expects under this name.
#[unsafe(export_name = "_rjem_malloc_conf")]
static HEAP_SETTINGS: &[u8; 29] = b"narenas:1,dirty_decay_ms:100\0";

const USAGE: &str = "\
northflow: OVN's control plane as one incremental dataflow
usage: northflow COMMAND [OPTION]...

commands:
  northd      translate the northbound into the southbound database, in ovn-northd's place
  controller  have a chassis' switch do what the southbound database says, in ovn-controller's place
  replay      follow a database file or a recording from change to change, without any server
  record      write down what happens in a pair of databases, for replay
  verify      compare a southbound database with what the rules say it holds

Each command describes its options with --help.
";

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match &*name {
        "ovn-northd" => return northd::run(&name, args),
        "ovn-controller" => return controller::run(&name, args),
        _ => {}
    }
    let command = args.next().map(|command| command.to_string_lossy().into_owned());
    match command.as_deref() {
        Some("northd") => northd::run("ovn-northd", args),
        Some("controller") => controller::run("ovn-controller", args),
        Some("replay") => replay::run(args),
        Some("record") => record::run(args),
        Some("verify") => verify::run(args),
        Some("-h" | "--help") => {
            print(USAGE);
            ExitCode::SUCCESS
        }
        Some("-V" | "--version") => {
            print(concat!("northflow ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("northflow: unknown command \"{other}\"; use --help for help");
            ExitCode::FAILURE
        }
        None => {
            eprint!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}
