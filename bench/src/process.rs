//! What the kernel says of a process (proc_pid_schedstat, proc_pid_stat(5), proc_pid_status(5)).

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Failure;

/// Milliseconds of processor time that the threads of process `pid` have had. Threads that ended
/// are not counted; the daemons keep theirs.
pub fn cpu_ms(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    nanoseconds.sum::<u64>() as f64 / 1e6
}

/// Processor time of the processes that this one has started and waited for, and of theirs; zero where
/// the kernel does not say.
pub fn children_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    // `cutime` and `cstime` are fields 16 and 17; the name is field 2. They count hundredths of a second.
    let ticks = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Memory of a process, in MiB.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Memory {
    /// What is resident now.
    pub now: f64,
    /// The most that ever was.
    pub peak: f64,
}

/// The memory of process `pid`.
///
/// # Errors
/// When the process is gone.
pub fn memory(pid: u32) -> Result<Memory, Failure> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.map_or(0.0, |kib| kib / 1024.0)
    };
    Ok(Memory { now: field("VmRSS:"), peak: field("VmHWM:") })
}

/// Waits until process `pid` has had no processor time for `quiet`, at most for `limit`, and gives
/// what it has had by then, as [`cpu_ms`] does.
pub fn settle(pid: u32, quiet: Duration, limit: Duration) -> f64 {
    let started = Instant::now();
    let (mut last, mut since) = (cpu_ms(pid), Instant::now());
    loop {
        sleep(Duration::from_millis(2));
        let now = cpu_ms(pid);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() >= quiet || started.elapsed() >= limit {
            return now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_uses_time_and_memory() {
        let me = std::process::id();
        let before = cpu_ms(me);
        let work: u64 = (0..5_000_000u64).fold(0, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        assert_ne!(work, 0);
        // The kernel brings the figure up to date when the thread is descheduled.
        sleep(Duration::from_millis(1));
        assert!(cpu_ms(me) > before);
        let memory = memory(me).unwrap();
        assert!(memory.now > 0.0 && memory.peak >= memory.now);
    }

    #[test]
    fn the_time_of_children_is_known_when_they_have_ended() {
        let before = children_cpu();
        let mut child = std::process::Command::new("sh");
        assert!(
            child
                .args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"])
                .status()
                .unwrap()
                .success()
        );
        assert!(children_cpu() > before);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(memory(u32::MAX).is_err());
        assert_eq!(cpu_ms(u32::MAX), 0.0);
    }
}
