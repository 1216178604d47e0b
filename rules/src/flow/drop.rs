//! What a dropping flow says: plainly `drop;`, or a sample of the packet for a collector, so that
//! lost packets can be traced to the flow that lost them (ovn-nb(5), NB_Global
//! options:debug_drop_collector_set and options:debug_drop_domain_id).

use std::fmt;

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

/// The configured observation domain does not fit in 8 bits less the reserved value 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainTooLarge(
    /// The value found.
    pub u32,
);

impl fmt::Display for DomainTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NB_Global options:debug_drop_domain_id is {}, more than 254: drops are not sampled",
            self.0
        )
    }
}

impl std::error::Error for DomainTooLarge {}

impl DropConfig {
    /// Reads the two options. `application` is Sampling_App.id of the row of type `drop`; it goes
    /// before the domain option. An option that is no number counts as 0. After an error nothing
    /// is sampled: take the default.
    pub fn read(
        collector_set: Option<&str>,
        domain: Option<&str>,
        application: Option<u8>,
    ) -> Result<DropConfig, DomainTooLarge> {
        let number = |text: Option<&str>| text.and_then(|t| t.parse().ok()).unwrap_or(0);
        let collector_set = number(collector_set);
        let domain = application.map_or_else(|| number(domain), u32::from);
        match u8::try_from(domain) {
            Ok(domain) if domain < u8::MAX => Ok(DropConfig { collector_set, domain }),
            _ => Err(DomainTooLarge(domain)),
        }
    }

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
        let off = DropConfig::read(None, Some("7"), None).unwrap();
        assert_eq!(&*off.explicit(), "drop;");
        assert_eq!(&*off.implicit(), "/* drop */");
    }

    #[test]
    fn with_a_collector_every_drop_is_a_sample() {
        let on = DropConfig::read(Some("123"), Some("7"), None).unwrap();
        let text = "sample(probability=65535,collector_set=123,obs_domain=7,obs_point=$cookie); /* drop */";
        assert_eq!(&*on.explicit(), text);
        assert_eq!(&*on.implicit(), text);
    }

    #[test]
    fn the_sampling_application_goes_first_and_255_is_refused() {
        assert_eq!(DropConfig::read(Some("1"), Some("7"), Some(9)).unwrap().domain, 9);
        assert_eq!(DropConfig::read(Some("1"), Some("255"), None), Err(DomainTooLarge(255)));
        assert_eq!(DropConfig::read(Some("x"), Some("y"), None), Ok(DropConfig::default()));
    }
}
