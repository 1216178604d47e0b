//! Settings of the whole network that physical rows depend on.

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Port, Sample, SampleDirection, Source};
use northflow_rules::schema::sb;
use serde::{Deserialize, Serialize};

use crate::inputs::{Local, Southbound};
use crate::local;

/// Settings of SB_Global.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Settings {
    /// Ports on other chassis are reached by tunnels even where a physical network leads there.
    pub always_tunnel: bool,
    /// The collectors that see dropped packets, and the domain that these are in.
    dropped: Option<(u32, u8)>,
}

impl Settings {
    fn new(global: &sb::SbGlobal, switch: &local::Switch) -> Settings {
        let options = &global.options;
        let collectors: Option<u32> = options.get_number("debug_drop_collector_set");
        let collectors = collectors.filter(|set| *set != 0 && switch.collector_sets.contains(set));
        let domain: u32 = options.get_number("debug_drop_domain_id").unwrap_or(0);
        Settings {
            always_tunnel: options.get_bool("always_tunnel", false),
            dropped: collectors.map(|set| (set, domain as u8)),
        }
    }

    /// What happens to packets that are dropped in a table.
    pub fn dropping(&self, table: u8) -> Vec<Action> {
        let sample = self.dropped.map(|(collector_set, domain)| {
            Action::Sample(Sample {
                probability: u16::MAX,
                collector_set,
                domain: Source::Immediate(u32::from(domain) << 24),
                point: Source::Immediate(table.into()),
                port: Port::ANY,
                direction: SampleDirection::Default,
            })
        });
        sample.into_iter().collect()
    }
}

/// The one row of settings.
///
/// Cost: settings cost what depends on them, and only if they change.
pub(super) fn settings(sb: &Southbound, local: &Local) -> Relation<Settings> {
    let switch = local.switch.index_by(|_| ());
    sb.global.index_by(|_| ()).join(&switch, Settings::new).distinct()
}
