//! Logical flows as rules write them, and the datapaths that they are for.
//!
//! A rule gives pairs of [`On`] and [`Flow`]. A flow that is the same on many datapaths is given
//! once, on a *set* of them; who belongs to the set is another relation, and the two meet only
//! where Logical_Flow rows are made. One more switch then changes one set instead of every flow.

pub mod drop;
pub mod priority;
pub mod register;
pub mod row;
pub mod stage;
pub mod text;

use serde::{Deserialize, Serialize};

use crate::acl::GroupSet;
use crate::acl::sample::Collecting;
use crate::lb::attach::Holder;
use crate::lb::router::placed::Manner;
use crate::meter::copp::Punt;
use crate::ovsdb::{Text, Uuid};
use crate::router::RouterSet;
use crate::switch::SwitchSet;
pub use stage::Stage;

/// Where a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum On {
    /// One datapath, by the row of the Logical_Switch or Logical_Router.
    Datapath(Uuid),
    /// Every switch of a class.
    Switches(SwitchSet),
    /// Every router of a class.
    Routers(RouterSet),
    /// Every switch that has a load balancer, directly or by a group of load balancers.
    BalancedSwitches(Holder),
    /// The datapaths of a set that have one meter for one kind of packet, or none.
    Part(u128),
    /// Every router that has a load balancer, likewise.
    BalancedRouters(Holder),
    /// Those of them that balance alike.
    BalancedAlike(Holder, Manner),
    /// Every switch that names a load balancer itself and has it balance stateless packets too.
    BalancedStateless(Uuid),
    /// Every switch that a port group reaches and that sees its ACLs alike.
    PortGroup(GroupSet),
    /// Every switch with ACLs that sample alike.
    Sampling(Collecting),
}

/// What makes two logical flows the same flow: what a chassis acts on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowKey {
    /// Datapath type, pipeline and table.
    pub stage: Stage,
    /// Logical_Flow.priority, 0 to 65535; the highest match wins.
    pub priority: u16,
    /// Logical_Flow.match.
    pub matches: Text,
    /// Logical_Flow.actions.
    pub actions: Text,
    /// Logical_Flow.controller_meter.
    pub controller_meter: Option<Text>,
    /// Logical_Flow.tags:acl_ct_translation.
    pub acl_ct_translation: bool,
}

/// What is written beside a flow and is no part of its identity. Of two equal flows either note
/// will do; the least is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowNote {
    /// The northbound row behind the flow: external_ids:stage-hint is its first eight digits.
    pub hint: Option<Uuid>,
    /// Whether the datapath itself is the row behind a flow that is on one datapath only.
    pub datapath_hint: bool,
    /// Logical_Flow.tags:in_out_port: the only port on which the flow can match, so that a
    /// chassis without that port may skip it.
    pub io_port: Option<Text>,
    /// Logical_Flow.flow_desc.
    pub desc: Option<Text>,
    /// external_ids:source, a file below `rules/src`; the stage's owner where absent.
    pub source: Option<Text>,
}

/// One logical flow.
///
/// ```
/// use northflow_rules::flow::{Flow, Stage};
///
/// let flow = Flow::new(Stage::LsInL2Lkup, 50, "eth.dst == 0a:00:00:00:00:01", "drop;").io_port("vm");
/// assert_eq!(flow.key.priority, 50);
/// assert_eq!(flow.source(), "switch/l2_lookup.rs");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// What the flow does.
    pub key: FlowKey,
    /// What else is said of it.
    pub note: FlowNote,
    /// What it sends to controllers, which the datapath may limit: decides the meter.
    pub punt: Option<Punt>,
}

impl Flow {
    /// A flow without meter, tags, hint or description.
    pub fn new(stage: Stage, priority: u16, matches: impl Into<Text>, actions: impl Into<Text>) -> Flow {
        let key = FlowKey {
            stage,
            priority,
            matches: matches.into(),
            actions: actions.into(),
            controller_meter: None,
            acl_ct_translation: false,
        };
        Flow { key, note: FlowNote::default(), punt: None }
    }

    /// Names the northbound row behind the flow.
    pub fn hint(mut self, row: Uuid) -> Flow {
        self.note.hint = Some(row);
        self
    }

    /// Names the datapath as the row behind the flow, where it is on one datapath only.
    pub fn hint_datapath(mut self) -> Flow {
        self.note.datapath_hint = true;
        self
    }

    /// Names the only port on which the flow can match.
    pub fn io_port(mut self, port: impl Into<Text>) -> Flow {
        self.note.io_port = Some(port.into());
        self
    }

    /// Describes the flow to the reader of drop samples.
    pub fn desc(mut self, text: impl Into<Text>) -> Flow {
        self.note.desc = Some(text.into());
        self
    }

    /// Names the file of the rule, where it is not the stage's owner.
    pub fn written_in(mut self, file: &str) -> Flow {
        self.note.source = Some(file.into());
        self
    }

    /// Says what the flow sends to controllers.
    pub fn punts(mut self, punt: Punt) -> Flow {
        self.punt = Some(punt);
        self
    }

    /// The flow with the meter of its datapath for what it punts.
    pub fn metered(mut self, meter: Option<Text>) -> Flow {
        self.key.controller_meter = meter;
        Flow { punt: None, ..self }
    }

    /// Has chassis match layer 4 fields so that fragments match too.
    pub fn acl_ct_translation(mut self) -> Flow {
        self.key.acl_ct_translation = true;
        self
    }

    /// The file below `rules/src` that wrote the flow.
    pub fn source(&self) -> &str {
        self.note.source.as_deref().unwrap_or(self.key.stage.row().owner)
    }
}
