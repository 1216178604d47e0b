//! Signals that ask the daemon to end in an orderly way: SIGTERM, SIGINT, SIGHUP and SIGALRM, as for every daemon of
//! Open vSwitch. (SIGHUP does not reopen the log: `vlog/reopen` does.)

use std::io;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level;

use crate::process::vlog::modules::FATAL_SIGNAL;

const TERMINATING: [i32; 4] = [SIGTERM, SIGINT, SIGHUP, SIGALRM];

/// Listens for the signals until it is dropped. From then on they are ignored.
#[derive(Debug)]
pub struct Termination {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Termination {
    /// Calls `on_signal` with the number of each signal, on a thread of its own. The second signal of the same kind finds
    /// the program ending already; it ends it at once.
    pub fn watch(mut on_signal: impl FnMut(i32) + Send + 'static) -> io::Result<Termination> {
        let mut signals = Signals::new(TERMINATING)?;
        let handle = signals.handle();
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut seen = Vec::new();
            for signal in signals.forever() {
                if seen.contains(&signal) {
                    die_of(signal);
                }
                seen.push(signal);
                FATAL_SIGNAL.warn(format_args!("terminating with signal {signal} ({})", name(signal)));
                on_signal(signal);
            }
        })?;
        Ok(Termination { handle, thread: Some(thread) })
    }
}

impl Drop for Termination {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends the process as `signal` would have done, so that its parent sees why. Call it last, when everything is in order.
pub fn die_of(signal: i32) {
    // It returns only when the signal does not end a process; then the normal exit follows.
    let _ = low_level::emulate_default_handler(signal);
}

/// The name of a signal in the words of strsignal(3).
pub fn name(signal: i32) -> String {
    use signal_hook::consts::*;
    let text = match signal {
        SIGABRT => "Aborted",
        SIGALRM => "Alarm clock",
        SIGBUS => "Bus error",
        SIGFPE => "Floating point exception",
        SIGHUP => "Hangup",
        SIGILL => "Illegal instruction",
        SIGINT => "Interrupt",
        SIGKILL => "Killed",
        SIGPIPE => "Broken pipe",
        SIGQUIT => "Quit",
        SIGSEGV => "Segmentation fault",
        SIGSYS => "Bad system call",
        SIGTERM => "Terminated",
        SIGTRAP => "Trace/breakpoint trap",
        SIGUSR1 => "User defined signal 1",
        SIGUSR2 => "User defined signal 2",
        SIGXCPU => "CPU time limit exceeded",
        SIGXFSZ => "File size limit exceeded",
        other => return format!("signal {other}"),
    };
    text.to_owned()
}
