//! How far the network has followed: NB_Global `nb_cfg`, `sb_cfg`, `hv_cfg` and their times
//! (ovn-nb(5)).

use std::collections::VecDeque;

use northflow_rules::ovsdb::Atom;

use crate::ovsdb::client::Operations;
use crate::ovsdb::client::ops::Where;

/// What the northbound database is to be told, and has been.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The `nb_cfg` that the southbound database holds, acknowledged by its server.
    sb_cfg: i64,
    /// What the server has acknowledged, oldest first, and in how many epochs each is said.
    settling: VecDeque<(i64, u8)>,
    /// The least `nb_cfg` of all chassis, and when the last of them reached it.
    hv_cfg: Option<(i64, i64)>,
    /// When the `nb_cfg` last taken over was taken over.
    started: Option<i64>,
    dirty: Dirty,
}

#[derive(Debug, Default)]
struct Dirty {
    sb_cfg: bool,
    hv_cfg: bool,
    started: bool,
}

impl Progress {
    /// A new `nb_cfg` went into the rules.
    pub fn started(&mut self, now: i64) {
        self.started = Some(now);
        self.dirty.started = true;
    }

    /// The southbound server has acknowledged everything that `nb_cfg` asked for. What it told before that
    /// is computed in so many `epochs`: who waits for `sb_cfg` finds in the northbound database what
    /// follows from it.
    pub fn acknowledged_before(&mut self, nb_cfg: i64, epochs: u8) {
        // One that is said no sooner says nothing more; one that is said sooner still waits for its own epochs.
        self.settling.retain(|(_, left)| *left < epochs);
        self.settling.push_back((nb_cfg, epochs));
        self.settle();
    }

    /// An epoch has been computed.
    pub fn computed(&mut self) {
        for (_, left) in &mut self.settling {
            *left = left.saturating_sub(1);
        }
        self.settle();
    }

    /// There was nothing to write for `nb_cfg`.
    pub fn acknowledged(&mut self, nb_cfg: i64) {
        if self.settling.is_empty() {
            self.say(nb_cfg);
        }
    }

    fn settle(&mut self) {
        while let Some((nb_cfg, _)) = self.settling.pop_front_if(|(_, left)| *left == 0) {
            self.say(nb_cfg);
        }
    }

    fn say(&mut self, nb_cfg: i64) {
        if self.sb_cfg != nb_cfg {
            self.sb_cfg = nb_cfg;
            // Zero is what a database starts with and says nothing.
            self.dirty.sb_cfg = nb_cfg != 0;
        }
    }

    /// All chassis have reached `nb_cfg`, the last at `time`.
    pub fn reached(&mut self, nb_cfg: i64, time: i64) {
        if self.hv_cfg.is_none_or(|(before, _)| before != nb_cfg) {
            self.dirty.hv_cfg = true;
        }
        self.hv_cfg = Some((nb_cfg, time));
    }

    /// Everything is told anew: the database may have forgotten it.
    pub fn forget(&mut self) {
        self.dirty = Dirty {
            sb_cfg: self.sb_cfg != 0,
            hv_cfg: self.hv_cfg.is_some(),
            started: self.started.is_some(),
        };
    }

    /// Adds to a northbound transaction what is new; only values that differ are written.
    pub fn report(&mut self, now: i64, operations: &mut Operations) {
        let mut set = |column: &str, value: i64, stamp: &str, time: i64| {
            let value = Atom::Integer(value);
            operations.update("NB_Global", Where::Differs(column, &value), |row| {
                row.atom(column, &value).atom(stamp, &Atom::Integer(time));
            });
        };
        let Dirty { sb_cfg, hv_cfg, started } = std::mem::take(&mut self.dirty);
        if sb_cfg {
            set("sb_cfg", self.sb_cfg, "sb_cfg_timestamp", now);
        }
        // With a new `nb_cfg` it is said again: somebody else may have written it in the meantime.
        if let Some((value, time)) = self.hv_cfg.filter(|_| hv_cfg || started) {
            set("hv_cfg", value, "hv_cfg_timestamp", time);
        }
        if let Some(time) = self.started.filter(|_| started) {
            operations.update("NB_Global", Where::All, |row| {
                row.atom("nb_cfg_timestamp", &Atom::Integer(time));
            });
        }
    }

    /// Whether there is anything to report. That an `nb_cfg` was taken over can wait if `more_follows`.
    pub fn is_new(&self, more_follows: bool) -> bool {
        self.dirty.sb_cfg || self.dirty.hv_cfg || (self.dirty.started && !more_follows)
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn what_is_acknowledged_later_does_not_hasten_what_settles() {
        let mut progress = Progress::default();
        progress.acknowledged_before(1, 2);
        progress.computed();
        progress.acknowledged_before(1, 2);
        assert_eq!(progress.sb_cfg, 0);
        progress.computed();
        assert_eq!(progress.sb_cfg, 1);
        progress.acknowledged_before(2, 1);
        progress.acknowledged_before(3, 1);
        progress.acknowledged(4);
        assert_eq!(progress.sb_cfg, 1);
        progress.computed();
        assert_eq!(progress.sb_cfg, 3);
        progress.acknowledged_before(4, 0);
        assert_eq!(progress.sb_cfg, 4);
    }
}
