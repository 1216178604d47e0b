//! ACLs: which packets switches let pass (ovn-nb(5), ACL).
//!
//! An ACL is evaluated in one of three stages of a switch: where packets come from a port, there again
//! behind load balancing, and where they go to a port ([`AclStage`]). Its flows are the same on all
//! switches that see it alike ([`View`]): an ACL of a port group is written once for each view, on the
//! set of switches that the group reaches and that have this view ([`GroupSet`]), and never switch by
//! switch.
//!
//! | file | stages | on |
//! |---|---|---|
//! | `entry` | pre_acl; remote VTEPs in pre_lb | classes; stateless ACLs as `eval` |
//! | `hint` | acl_hint | classes |
//! | `eval` | acl_eval, acl_after_lb_eval | classes; ACLs on their switch, or the set of their group |
//! | `log` | acl_eval 65533 | as `eval` |
//! | `sample` | acl_sample, acl_after_lb_sample | as `eval`; shared flows on the switches that sample alike |
//! | `verdict` | acl_action, acl_after_lb_action | classes |
//! | `stateful` | stateful | all switches |
//!
//! `rule` reads an ACL with what other rows say of it, `filtering` finds what switches do with ACLs,
//! `placed` puts the flows where they are, and `persist` gives numbers to ACLs.

pub mod entry;
pub mod eval;
pub mod filtering;
pub mod hint;
pub mod log;
pub mod persist;
pub mod placed;
pub mod rule;
pub mod sample;
pub mod stateful;
pub mod verdict;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::drop::DropConfig;
use crate::flow::{Flow, Stage};
use crate::global::single;
use crate::ovsdb::Uuid;
use crate::schema::Map;
use crate::schema::nb::NbGlobalOptions;
use crate::switch::SwitchSet;

/// Where ACLs are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AclStage {
    /// Where packets come from a port.
    FromLport,
    /// There again, behind load balancing.
    AfterLb,
    /// Where packets go to a port.
    ToLport,
}

impl AclStage {
    /// Every one.
    pub const ALL: [AclStage; 3] = [AclStage::FromLport, AclStage::AfterLb, AclStage::ToLport];

    /// The last round of evaluation that there may be in a stage, counted from 0.
    pub const HIGHEST_TIER: u8 = 3;

    /// The stage of an ACL with this direction and these options.
    pub fn read(direction: &str, options: &Map) -> AclStage {
        if direction != "from-lport" {
            AclStage::ToLport
        } else if options.get_bool("apply-after-lb", false) {
            AclStage::AfterLb
        } else {
            AclStage::FromLport
        }
    }

    /// The number by which samples and connections know it.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether it is in the ingress pipeline.
    pub fn is_ingress(self) -> bool {
        self != AclStage::ToLport
    }

    /// The stage of the pipeline in which ACLs match.
    pub fn eval(self) -> Stage {
        [Stage::LsInAclEval, Stage::LsInAclAfterLbEval, Stage::LsOutAclEval][self as usize]
    }

    /// The one in which packets are sampled.
    pub fn sample(self) -> Stage {
        [Stage::LsInAclSample, Stage::LsInAclAfterLbSample, Stage::LsOutAclSample][self as usize]
    }

    /// The one that acts on the verdict.
    pub fn action(self) -> Stage {
        [Stage::LsInAclAction, Stage::LsInAclAfterLbAction, Stage::LsOutAclAction][self as usize]
    }
}

/// Whether a switch tracks connections, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tracking {
    /// It does not.
    None,
    /// For load balancers alone.
    Balanced,
    /// For an ACL that is allow-related.
    Stateful,
}

impl Tracking {
    /// Whether it does.
    pub fn tracks(self) -> bool {
        self != Tracking::None
    }
}

/// How a switch sees the ACLs of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct View {
    /// The stage.
    pub stage: AclStage,
    /// Whether an ACL of the stage has a tier above 0.
    pub tiered: bool,
    /// Whether connections are tracked.
    pub tracking: Tracking,
}

/// The switches that a port group reaches and that see its ACLs alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupSet {
    /// The port group, by its row.
    pub group: Uuid,
    /// How they see the ACLs.
    pub view: View,
}

/// What of the global settings the fixed flows depend on; one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
    /// NB_Global options:default_acl_drop: what no ACL matches is dropped where there are ACLs.
    pub default_drop: bool,
    /// NB_Global options:use_ct_inv_match, true by default: what conntrack calls invalid is dropped.
    pub match_invalid: bool,
    /// NB_Global options:acl_ct_translation: fragments match layer 4 fields.
    pub translate: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { drop: DropConfig::default(), default_drop: false, match_invalid: true, translate: false }
    }
}

/// The settings in use, one row.
pub fn settings(options: &Relation<NbGlobalOptions>, drop: &Relation<DropConfig>) -> Relation<Settings> {
    let flags = options.map(|row| {
        let flag = |name, default| row.options.get_bool(name, default);
        (flag("default_acl_drop", false), flag("use_ct_inv_match", true), flag("acl_ct_translation", false))
    });
    single(&flags).join(&single(drop), |(default_drop, match_invalid, translate), drop| Settings {
        drop: *drop,
        default_drop: *default_drop,
        match_invalid: *match_invalid,
        translate: *translate,
    })
}

/// The flows that are not of one ACL, by class of switch.
pub fn fixed_flows(settings: Settings) -> Vec<(SwitchSet, Flow)> {
    let stateful = stateful::fixed().into_iter().map(|flow| (SwitchSet::All, flow));
    let parts = [entry::fixed(settings), hint::fixed(), eval::fixed(settings), verdict::fixed(settings)];
    parts.into_iter().flatten().chain(stateful).collect()
}
