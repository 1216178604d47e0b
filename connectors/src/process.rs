//! What makes a program an OVN daemon, apart from the databases and the rules: its command line, directories, log,
//! background life, control socket and figures about itself.
//!
//! The order in which a daemon uses the modules:
//!
//! 1. [`args`] turns the command line of ovn-northd(8) into settings, with [`dirs`] for the default places.
//! 2. [`vlog`] takes the log levels and patterns; every module of the program logs through it from then on.
//! 3. [`daemon`] goes to the background, watches the daemon if asked to, opens the log file and holds the pidfile.
//! 4. [`unixctl`] serves `ovn-appctl`; [`coverage`], [`stopwatch`], [`memory`] and [`vlog`] each bring their commands.
//! 5. [`signals`] reports the signals that ask for an orderly end, and [`heap`] gives memory back that is not needed, when
//!    `trimmer` says so.
//!
//! Nothing here knows OVSDB or the rules, and nothing here polls: an idle daemon does not wake up.

pub mod args;
pub mod coverage;
pub mod daemon;
pub mod dirs;
pub mod heap;
pub mod memory;
pub mod signals;
pub mod stopwatch;
pub(crate) mod trimmer;
pub mod unixctl;
pub mod vlog;

/// Prints to standard output. Who closed it has seen enough, so that is no error.
pub fn print(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

/// The system's words for `error`, as the C library puts them: without the number that Rust adds.
pub(crate) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
