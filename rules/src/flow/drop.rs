//! What a dropping flow says: plainly `drop;`, or a sample of the packet for a collector, so that
//! lost packets can be traced to the flow that lost them (ovn-nb(5), NB_Global
//! options:debug_drop_collector_set and options:debug_drop_domain_id).

use serde::{Deserialize, Serialize};

use crate::ovsdb::Text;

/// Whether and where dropped packets are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DropConfig {
    /// The collector set; 0 turns sampling off.
    pub collector_set: u32,
    /// The observation domain, 0 to 254.
    pub domain: u8,
}

impl DropConfig {
    /// The actions of a flow that drops by rule.
    pub fn explicit(self) -> Text {
        self.sample().unwrap_or_else(|| "drop;".into())
    }

    /// The actions of a flow that ends an ACL verdict: it is followed by nothing, which drops.
    pub fn implicit(self) -> Text {
        self.sample().unwrap_or_else(|| "/* drop */".into())
    }

    fn sample(self) -> Option<Text> {
        // The reference prints the set as a signed number.
        let set = self.collector_set as i32;
        (set != 0).then(|| {
            format!(
                "sample(probability=65535,collector_set={set},obs_domain={},obs_point=$cookie); /* drop */",
                self.domain
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_drops_are_plain() {
        let off = DropConfig { collector_set: 0, domain: 7 };
        assert_eq!(&*off.explicit(), "drop;");
        assert_eq!(&*off.implicit(), "/* drop */");
    }

    #[test]
    fn with_a_collector_every_drop_is_a_sample() {
        let on = DropConfig { collector_set: 123, domain: 7 };
        let text = "sample(probability=65535,collector_set=123,obs_domain=7,obs_point=$cookie); /* drop */";
        assert_eq!(&*on.explicit(), text);
        assert_eq!(&*on.implicit(), text);
    }
}
