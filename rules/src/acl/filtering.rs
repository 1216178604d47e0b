//! What switches do with ACLs (E01): whether they have any, whether connections are tracked, how many
//! tiers there are.
//!
//! ```text
//! held(switch or group, acl)  :-  the switch or port group names the ACL
//! fact(holder, fact)          :-  held(holder, acl), acl has the trait
//! filtering(switch, facts)    :-  facts of the switch and of the port groups that reach it
//! ```

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::{AclStage, Tracking, View};
use crate::lb::stateless;
use crate::ovsdb::Uuid;
use crate::schema::{Link, nb};
use crate::switch::class::filter_sets;
use crate::switch::{SwitchSet, evpn};
use crate::topology::port_group::Reach;

/// The northbound row that names an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// A switch.
    Switch(Uuid),
    /// A port group.
    Group(Uuid),
}

/// An ACL and who names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Who names it.
    pub holder: Holder,
    /// The ACL.
    pub acl: Uuid,
}

/// What of an ACL decides how switches see all their ACLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Trait {
    /// The ACL.
    pub acl: Uuid,
    /// Where it is evaluated.
    pub stage: AclStage,
    /// Its tier.
    pub tier: u8,
    /// Whether it is allow-related.
    pub related: bool,
}

/// A fact about the ACLs of a switch or port group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Fact {
    /// There are some.
    Any,
    /// One is allow-related.
    Related,
    /// One of this stage is of this tier, which is above 0.
    Tier(AclStage, u8),
}

/// What a switch does with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Filtering {
    /// The switch.
    pub switch: Uuid,
    /// Whether it has ACLs, its own or through a port group.
    pub acls: bool,
    /// Whether one of them is allow-related.
    pub related: bool,
    /// Whether it has a load balancer with a VIP.
    pub vip: bool,
    /// The highest tier of the ACLs of each stage.
    pub tiers: [u8; 3],
}

impl Filtering {
    fn new(switch: Uuid) -> Filtering {
        Filtering { switch, acls: false, related: false, vip: false, tiers: [0; 3] }
    }

    fn add(mut self, fact: Fact) -> Filtering {
        match fact {
            Fact::Any => self.acls = true,
            Fact::Related => self.related = true,
            Fact::Tier(stage, tier) => {
                let highest = &mut self.tiers[stage as usize];
                *highest = tier.min(AclStage::HIGHEST_TIER).max(*highest);
            }
        }
        self
    }

    /// Whether connections are tracked, and what for.
    pub fn tracking(&self) -> Tracking {
        match self {
            Filtering { related: true, .. } => Tracking::Stateful,
            Filtering { vip: true, .. } => Tracking::Balanced,
            _ => Tracking::None,
        }
    }

    /// How it sees the ACLs of `stage`.
    pub fn view(&self, stage: AclStage) -> View {
        View { stage, tiered: self.tiers[stage as usize] > 0, tracking: self.tracking() }
    }

    /// The classes that it is in.
    pub fn sets(&self, traits: SwitchTraits) -> Vec<SwitchSet> {
        let mut sets = filter_sets(self.acls, self.vip);
        if self.tracking().tracks() {
            sets.push(SwitchSet::Tracked);
            sets.push(if traits.lenient { SwitchSet::TrackedLeniently } else { SwitchSet::TrackedStrictly });
        }
        if self.related {
            sets.push(SwitchSet::Stateful);
        }
        if traits.remote {
            sets.push(if self.related { SwitchSet::RemoteStateful } else { SwitchSet::RemoteStateless });
        }
        for stage in AclStage::ALL.into_iter().filter(|_| self.acls) {
            let highest = self.tiers[stage as usize];
            let tiered = highest > 0;
            sets.push(SwitchSet::AclTiers { stage, highest });
            sets.push(SwitchSet::Rejecting { stage, tiered });
        }
        sets
    }
}

/// What a switch row says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SwitchTraits {
    /// The switch.
    pub switch: Uuid,
    /// other_config:enable-stateless-acl-with-lb.
    pub lenient: bool,
    /// other_config:dynamic-routing-vni names a network: the switch has EVPN.
    pub remote: bool,
}

impl SwitchTraits {
    /// The traits of `row`.
    pub fn read(row: &nb::LogicalSwitch) -> SwitchTraits {
        SwitchTraits {
            switch: row.uuid,
            lenient: stateless::wanted(row),
            remote: evpn::is_part(&row.other_config),
        }
    }
}

/// Who names which ACL: switches, and port groups.
pub fn held(switches: &Relation<Link>, groups: &Relation<Link>) -> Relation<Held> {
    let by_switch = switches.map(|link| Held { holder: Holder::Switch(link.owner), acl: link.member });
    by_switch.concat(&groups.map(|link| Held { holder: Holder::Group(link.owner), acl: link.member }))
}

/// The traits of each ACL.
pub fn traits(acls: &Relation<nb::Acl>) -> Relation<Trait> {
    acls.map(|row| Trait {
        acl: row.uuid,
        stage: AclStage::read(&row.direction, &row.options),
        tier: row.tier as u8,
        related: &*row.action == "allow-related",
    })
}

/// What each switch does with packets: one row a switch. `reach` says which switches port groups
/// reach, `balanced` which have a load balancer with a VIP.
///
/// Cost: an ACL costs nothing unless it is the first or last of its switch or port group of which a
/// fact holds; then it costs the switch, or those that the group reaches. A port that is the first of
/// its group on a switch costs the facts of the group, of which there are few.
pub fn filtering(
    switches: &Relation<SwitchTraits>,
    held: &Relation<Held>,
    traits: &Relation<Trait>,
    reach: &Relation<Reach>,
    balanced: &Relation<Uuid>,
) -> Relation<Filtering> {
    let facts = held.index_by(|held| held.acl).join_flat(&traits.index_by(|acl| acl.acl), |held, acl| {
        let mut facts = vec![Fact::Any];
        facts.extend(acl.related.then_some(Fact::Related));
        facts.extend((acl.tier > 0).then_some(Fact::Tier(acl.stage, acl.tier)));
        let holder = held.holder;
        facts.into_iter().map(move |fact| (holder, fact))
    });
    let facts = facts.distinct();
    let own = facts.flat_map(|(holder, fact)| match holder {
        Holder::Switch(switch) => Some((*switch, *fact)),
        Holder::Group(_) => None,
    });
    let grouped = facts.flat_map(|(holder, fact)| match holder {
        Holder::Group(group) => Some((*group, *fact)),
        Holder::Switch(_) => None,
    });
    let reached = reach
        .index_by(|reach| reach.group)
        .join(&grouped.index_by(|(group, _)| *group), |reach, (_, fact)| (reach.switch, *fact));
    let facts = own.concat(&reached).distinct();
    let facts = facts.index_by(|(switch, _)| *switch).reduce(|group| {
        let start = Filtering::new(group.any().0);
        Some(group.rows().fold(start, |filtering, (_, fact)| filtering.add(*fact)))
    });
    let all = switches.map(|traits| traits.switch).index_by(|switch| *switch);
    let by_acl = all.join_optional(&facts.index_by(|facts| facts.switch), |switch, facts| {
        Some(facts.copied().unwrap_or(Filtering::new(*switch)))
    });
    by_acl
        .index_by(|filtering| filtering.switch)
        .join_optional(&balanced.index_by(|switch| *switch), |filtering, vip| {
            Some(Filtering { vip: vip.is_some(), ..*filtering })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    fn acl(uuid: u128, tier: u8, related: bool) -> Trait {
        Trait { acl: Uuid(uuid), stage: AclStage::ToLport, tier, related }
    }

    #[test]
    fn a_switch_has_the_facts_of_its_acls_and_of_its_groups() {
        let mut scenario = Scenario::start(|program| {
            let (switches, held) = (program.input("switches"), program.input("held"));
            let (traits, reach) = (program.input("traits"), program.input("reach"));
            program.output("rows", &filtering(&switches, &held, &traits, &reach, &program.input("balanced")));
        });
        let switch = |switch| SwitchTraits { switch: Uuid(switch), lenient: false, remote: false };
        let held = |holder, acl| Held { holder, acl: Uuid(acl) };
        let reach = |switch| Reach { group: Uuid(20), switch: Uuid(switch) };
        let rows = |scenario: &Scenario| scenario.rows::<Filtering>("rows");
        scenario.insert("switches", switch(1)).insert("switches", switch(2));
        scenario.insert("traits", acl(7, 2, false)).insert("traits", acl(8, 1, true));
        scenario.insert("held", held(Holder::Switch(Uuid(1)), 7)).step();
        let plain = Filtering::new(Uuid(2));
        let own = Filtering { acls: true, tiers: [0, 0, 2], ..Filtering::new(Uuid(1)) };
        assert_eq!(rows(&scenario), [own, plain]);
        scenario.insert("held", held(Holder::Group(Uuid(20)), 8));
        scenario.insert("reach", reach(1)).insert("reach", reach(2)).step();
        let grouped = Filtering { acls: true, related: true, tiers: [0, 0, 1], ..plain };
        assert_eq!(rows(&scenario), [Filtering { related: true, ..own }, grouped]);
        // One more of the same kind changes nothing.
        scenario.insert("traits", acl(9, 1, true)).insert("held", held(Holder::Group(Uuid(20)), 9));
        assert_eq!(scenario.step(), 0);
        scenario.remove("reach", reach(2)).insert("balanced", Uuid(2)).step();
        assert_eq!(rows(&scenario)[1], Filtering { vip: true, ..plain });
        assert_eq!(rows(&scenario)[1].tracking(), Tracking::Balanced);
    }
}
