//! How far the epochs have come, for other threads to ask.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::engine::{EngineError, Epoch};

#[derive(Default)]
struct State {
    completed: Option<Epoch>,
    lost: bool,
}

/// Says which epochs are finished: on all workers, of all processes, with all their results sent.
///
/// Cheap to clone; every clone sees the same engine, and may be asked from any thread.
#[derive(Clone, Default)]
pub struct Progress {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({:?})", self.completed())
    }
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The last finished epoch; `None` before the first.
    pub fn completed(&self) -> Option<Epoch> {
        self.state().completed
    }

    /// Whether a worker is gone, so that nothing will be finished any more.
    pub fn is_lost(&self) -> bool {
        self.state().lost
    }

    /// Waits until `epoch` is finished, no longer than `timeout`; says whether it is.
    ///
    /// # Errors
    /// [`EngineError::WorkerLost`] when it never will be.
    pub fn wait(&self, epoch: Epoch, timeout: Duration) -> Result<bool, EngineError> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.state();
        loop {
            if state.completed.is_some_and(|completed| completed >= epoch) {
                return Ok(true);
            }
            if state.lost {
                return Err(EngineError::WorkerLost);
            }
            let left = until.map_or(timeout, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            let waited = self.shared.1.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    pub(crate) fn complete(&self, epoch: Epoch) {
        self.state().completed = Some(epoch);
        self.shared.1.notify_all();
    }

    pub(crate) fn lose(&self) {
        self.state().lost = true;
        self.shared.1.notify_all();
    }
}
