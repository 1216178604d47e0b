//! How far the chassis have followed (ovn-nb(5), NB_Global `hv_cfg`).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::schema::{nb, sb};

/// What every chassis has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HvProgress {
    /// The least `nb_cfg` of all chassis of this zone; NB_Global's own if there is none.
    pub nb_cfg: i64,
    /// When the last of those at that `nb_cfg` reached it, in milliseconds since 1970; 0 if there
    /// is none.
    pub timestamp: i64,
}

/// What one chassis has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Reached {
    nb_cfg: i64,
    timestamp: i64,
}

/// The progress of all chassis.
///
/// ```text
/// reached(nb_cfg, time)   :-  chassis_private(chassis, nb_cfg, time), not remote(chassis)
/// progress(least, newest) :-  all of reached, and NB_Global.nb_cfg as the upper bound
/// ```
///
/// A Chassis_Private row without a chassis counts; chassis of other availability zones do not.
///
/// Cost: a chassis that moves on reads the rows of all chassis once.
pub fn hv_progress(
    global: &Relation<nb::NbGlobal>,
    chassis: &Relation<sb::Chassis>,
    private: &Relation<sb::ChassisPrivate>,
) -> Relation<HvProgress> {
    let remote = chassis.filter(|chassis| chassis.other_config.get_bool("is-remote", false));
    let reached = private
        .index_by(|row| row.chassis)
        .antijoin(&remote.index_by(|chassis| Some(chassis.uuid)))
        .map(|row| (row.uuid, Reached { nb_cfg: row.nb_cfg, timestamp: row.nb_cfg_timestamp }));
    let asked = global.map(|global| (global.uuid, Reached { nb_cfg: global.nb_cfg, timestamp: 0 }));
    let upper = asked.map(|(_, asked)| (true, *asked));
    let all = upper.concat(&reached.map(|(_, reached)| (false, *reached)));
    all.index_by(|_| ()).reduce(|group| {
        let asked = group.rows().find(|(bound, _)| *bound)?.1;
        let mut least = asked;
        for (_, reached) in group.rows().filter(|(bound, _)| !bound) {
            least = lesser(least, *reached);
        }
        Some(HvProgress { nb_cfg: least.nb_cfg, timestamp: least.timestamp })
    })
}

/// The one further behind; the later of two that are level. A number so far ahead that it cannot
/// have been reached is one from before `nb_cfg` wrapped around.
fn lesser(least: Reached, other: Reached) -> Reached {
    let ahead = other.nb_cfg.wrapping_sub(least.nb_cfg);
    let behind = ahead < 0 || ahead > i64::from(i32::MAX);
    let later = ahead == 0 && other.timestamp > least.timestamp;
    if behind || later { other } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_behind_counts_and_wrapping_is_not_being_ahead() {
        let at = |nb_cfg, timestamp| Reached { nb_cfg, timestamp };
        assert_eq!(lesser(at(5, 0), at(4, 7)), at(4, 7));
        assert_eq!(lesser(at(5, 3), at(5, 7)), at(5, 7));
        assert_eq!(lesser(at(5, 9), at(6, 7)), at(5, 9));
        let high = i64::from(i32::MAX) + 2;
        assert_eq!(lesser(at(1, 0), at(high, 7)), at(high, 7));
    }
}
