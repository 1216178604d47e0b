//! Sampling of the packets that ACLs match (E18; ovn-nb(5), ACL `sample_new` and `sample_est`,
//! Sample, Sample_Collector and Sampling_App).
//!
//! The evaluation leaves in registers what samples are to carry, and the commit of a connection puts
//! it into conntrack for the packets that follow. Where all chassis can sample by register, and there
//! is one collector, one flow for each collector samples the packets of all ACLs of a stage: see
//! [`Collecting`]. Otherwise each ACL has flows of its own.

use serde::{Deserialize, Serialize};

use super::rule::{Action, Rule};
use super::{AclStage, Tracking, View};
use crate::flow::register::*;
use crate::flow::{Flow, Stage};

/// A receiver of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Collector {
    /// Its number.
    pub id: u8,
    /// How many of 65535 packets are sampled.
    pub probability: u16,
    /// The set of collectors in Open vSwitch that it stands for.
    pub set: u32,
}

/// How packets are sampled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sampling {
    /// The observation point.
    pub point: u32,
    /// The observation domain; 0 where no application samples.
    pub domain: u8,
    /// Who gets the samples.
    pub collectors: Vec<Collector>,
    /// Whether all chassis can sample by register.
    pub registers: bool,
}

impl Sampling {
    /// The collector whose number goes into registers.
    fn lone(&self) -> Option<Collector> {
        match self.collectors[..] {
            [collector] => Some(collector),
            _ => None,
        }
    }

    /// The collector of a flow that samples for all ACLs.
    fn shared(&self) -> Option<Collector> {
        self.lone().filter(|_| self.registers)
    }

    /// The actions of a flow that samples for one ACL: of one with a label, by the label. Empty, which
    /// ends processing, if no application samples.
    fn actions(&self, label: u32) -> String {
        if self.domain == 0 {
            return String::new();
        }
        let (domain, point) = if label == 0 { (self.domain, self.point) } else { (0, label) };
        let mut text = String::new();
        if !self.collectors.is_empty() {
            text += "flags.pkt_sampled = 1; ";
        }
        for collector in &self.collectors {
            text += &collector.sample(domain, &point.to_string());
        }
        text + " next;"
    }
}

impl Collector {
    fn sample(self, domain: u8, point: &str) -> String {
        let Collector { probability, set, .. } = self;
        format!(
            "sample(probability={probability},collector_set={set},obs_domain={domain},obs_point={point});"
        )
    }
}

/// What the evaluation leaves for the stage that samples, and for the commit of the connection:
/// nothing for an ACL without label and samples. `established` says that the ACL lets packets of
/// established connections pass.
pub fn label(rule: &Rule, established: bool) -> String {
    let new = rule.sample_new.as_ref();
    let established = rule.sample_established.as_ref().filter(|_| established);
    if rule.label == 0 && new.is_none() && established.is_none() {
        return String::new();
    }
    let values = |sampling: Option<&Sampling>| match sampling {
        _ if rule.label != 0 => (rule.label, 0),
        Some(sampling) => (sampling.point, sampling.lone().map_or(0, |collector| collector.id)),
        None => (0, 0),
    };
    let (new_point, new_collector) = values(new);
    let (point, collector) = values(established);
    format!(
        "{ACL_LABEL} = 1; {SAMPLE_POINT_NEW} = {new_point}; {SAMPLE_POINT_ESTABLISHED} = {point}; \
         {SAMPLE_COLLECTOR_NEW} = {new_collector}; {SAMPLE_COLLECTOR_ESTABLISHED} = {collector}; \
         {SAMPLE_STAGE} = {}; ",
        rule.stage.number()
    )
}

/// Which packets of a rule are sampled on switches that see it by a view.
struct Sampled<'a> {
    new: Option<&'a Sampling>,
    /// Of established connections, where these are known.
    established: Option<&'a Sampling>,
    /// Whether new connections are known as such.
    stateful: bool,
}

fn sampled(rule: &Rule, view: View) -> Sampled<'_> {
    let tracked = view.tracking == Tracking::Stateful;
    let stateful = tracked && rule.action != Action::AllowStateless;
    let related = tracked && rule.action == Action::AllowRelated;
    let mut established = rule.sample_established.as_ref();
    // Established connections alone do not count where the ACL makes none.
    if !stateful || (rule.sample_new.is_none() && !related) {
        established = None;
    }
    Sampled { new: rule.sample_new.as_ref(), established, stateful }
}

/// Which packets are of new connections. Behind a router port, conntrack knows nothing of packets
/// that go to a port.
fn new_connections(stage: AclStage, stateful: bool) -> &'static str {
    match (stateful, stage) {
        (false, _) => "ip",
        (true, AclStage::ToLport) => "ip && (ct.new || !ct.trk)",
        (true, _) => "ip && ct.new",
    }
}

/// The flows that sample for the ACL alone.
pub fn rule(rule: &Rule, view: View) -> Vec<Flow> {
    let sampled = sampled(rule, view);
    let stage = rule.stage;
    let point = |sampling: &Sampling| if rule.label == 0 { sampling.point } else { rule.label };
    let mut flows = Vec::new();
    if let Some(new) = sampled.new.filter(|new| new.shared().is_none()) {
        let matches =
            format!("{} && {SAMPLE_POINT_NEW} == {}", new_connections(stage, sampled.stateful), point(new));
        flows.push(Flow::new(stage.sample(), 1100, matches, new.actions(rule.label)));
    }
    if let Some(established) = sampled.established.filter(|sampling| sampling.shared().is_none()) {
        for (stage, reply) in [(stage.sample(), "!ct.rpl"), (replies(stage), "ct.rpl")] {
            let matches = format!(
                "flags.pkt_sampled == 0 && ip && ct.trk && (ct.est || ct.rel) && {reply} && \
                 ct_label.obs_point_id == {} && ct_label.obs_unused == 0",
                point(established)
            );
            flows.push(Flow::new(stage, 1200, matches, established.actions(rule.label)));
        }
    }
    flows
}

/// Where packets come by that answer those of `stage`.
fn replies(stage: AclStage) -> Stage {
    if stage.is_ingress() { Stage::LsOutAclSample } else { Stage::LsInAclSample }
}

/// Packets that a flow samples for all ACLs of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Packets {
    /// Of ACLs without connections.
    Stateless,
    /// Of new connections.
    New,
    /// Of established connections, in both directions.
    Established,
}

/// Sampling for all ACLs of a stage that have the same collector: at once what the flows are, and the
/// set of switches that have such an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Collecting {
    /// The stage.
    pub stage: AclStage,
    /// Which packets.
    pub packets: Packets,
    /// The collector.
    pub collector: Collector,
    /// The observation domain.
    pub domain: u8,
}

impl Collecting {
    /// The flows.
    pub fn flows(self) -> Vec<Flow> {
        let Collecting { stage, packets, collector, domain } = self;
        let actions = |point| format!("flags.pkt_sampled = 1; {} next;", collector.sample(domain, point));
        let stateful = match packets {
            Packets::Stateless => false,
            Packets::New => true,
            Packets::Established => return self.established(actions("ct_label.obs_point_id")),
        };
        let matches = format!(
            "{} && {SAMPLE_COLLECTOR_NEW} == {} && {SAMPLE_STAGE} == {}",
            new_connections(stage, stateful),
            collector.id,
            stage.number()
        );
        let priority = if stateful { 1000 } else { 900 };
        vec![Flow::new(stage.sample(), priority, matches, actions(SAMPLE_POINT_NEW))]
    }

    fn established(self, actions: String) -> Vec<Flow> {
        let Collecting { stage, collector, .. } = self;
        let flow = |stage: Stage, which: String| {
            let matches = format!(
                "flags.pkt_sampled == 0 && ip && ct.trk && (ct.est || ct.rel) && \
                 ct_label.obs_unused == 0 && {which}"
            );
            Flow::new(stage, 1000, matches, actions.as_str())
        };
        let by_collector = format!("ct_mark.obs_collector_id == {}", collector.id);
        let original = format!("!ct.rpl && {by_collector} && ct_mark.obs_stage == {}", stage.number());
        vec![flow(stage.sample(), original), flow(replies(stage), format!("ct.rpl && {by_collector}"))]
    }
}

/// The sampling that an ACL shares with others on switches that see it by `view`.
pub fn shared(rule: &Rule, view: View) -> Vec<Collecting> {
    let sampled = sampled(rule, view);
    let packets = if sampled.stateful { Packets::New } else { Packets::Stateless };
    let collecting = |packets, sampling: Option<&Sampling>| {
        let sampling = sampling?;
        let collector = sampling.shared()?;
        Some(Collecting { stage: rule.stage, packets, collector, domain: sampling.domain })
    };
    let new = collecting(packets, sampled.new);
    new.into_iter().chain(collecting(Packets::Established, sampled.established)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::rule as acl;
    use super::*;
    use crate::switch::port::tests::lines;

    fn collector(id: u8) -> Collector {
        Collector { id, probability: 65535, set: 100 + u32::from(id) }
    }

    fn sampling(point: u32, ids: &[u8]) -> Sampling {
        let collectors = ids.iter().map(|id| collector(*id)).collect();
        Sampling { point, domain: 42, collectors, registers: true }
    }

    const VIEW: View = View { stage: AclStage::ToLport, tiered: false, tracking: Tracking::Stateful };

    #[test]
    fn a_lone_collector_is_shared() {
        let mut rule = acl("to-lport", "allow-related", "ip");
        rule.sample_new = Some(sampling(1, &[5]));
        rule.sample_established = Some(sampling(2, &[6]));
        assert_eq!(super::rule(&rule, VIEW), []);
        let flows: Vec<Flow> = shared(&rule, VIEW).into_iter().flat_map(Collecting::flows).collect();
        assert_eq!(
            lines(&flows),
            [
                "ls_out_acl_sample 1000 | ip && (ct.new || !ct.trk) && reg8[0..7] == 5 && reg8[19..20] == 2 | \
                 flags.pkt_sampled = 1; sample(probability=65535,collector_set=105,obs_domain=42,obs_point=reg3); next;",
                "ls_out_acl_sample 1000 | flags.pkt_sampled == 0 && ip && ct.trk && (ct.est || ct.rel) && \
                 ct_label.obs_unused == 0 && !ct.rpl && ct_mark.obs_collector_id == 6 && ct_mark.obs_stage == 2 | \
                 flags.pkt_sampled = 1; sample(probability=65535,collector_set=106,obs_domain=42,obs_point=ct_label.obs_point_id); next;",
                "ls_in_acl_sample 1000 | flags.pkt_sampled == 0 && ip && ct.trk && (ct.est || ct.rel) && \
                 ct_label.obs_unused == 0 && ct.rpl && ct_mark.obs_collector_id == 6 | \
                 flags.pkt_sampled = 1; sample(probability=65535,collector_set=106,obs_domain=42,obs_point=ct_label.obs_point_id); next;",
            ]
        );
        assert_eq!(
            label(&rule, true),
            "reg0[13] = 1; reg3 = 1; reg9 = 2; reg8[0..7] = 5; reg8[8..15] = 6; reg8[19..20] = 2; "
        );
    }

    #[test]
    fn several_collectors_need_flows_for_the_acl() {
        let mut rule = acl("to-lport", "allow-related", "ip");
        rule.sample_new = Some(sampling(1, &[5, 6]));
        assert_eq!(shared(&rule, VIEW), []);
        let untracked = View { tracking: Tracking::Balanced, ..VIEW };
        assert_eq!(
            lines(&super::rule(&rule, untracked)),
            ["ls_out_acl_sample 1100 | ip && reg3 == 1 | flags.pkt_sampled = 1; \
              sample(probability=65535,collector_set=105,obs_domain=42,obs_point=1);\
              sample(probability=65535,collector_set=106,obs_domain=42,obs_point=1); next;"]
        );
        rule.label = 9;
        rule.sample_new = Some(Sampling { domain: 0, ..sampling(1, &[]) });
        let lone = &super::rule(&rule, VIEW)[0].key;
        assert_eq!((&*lone.matches, &*lone.actions), ("ip && (ct.new || !ct.trk) && reg3 == 9", ""));
    }

    #[test]
    fn established_connections_are_sampled_where_the_acl_makes_them() {
        let mut rule = acl("from-lport", "allow", "ip");
        rule.sample_established = Some(sampling(1, &[5]));
        assert_eq!(shared(&rule, VIEW), []);
        rule.action = Action::AllowRelated;
        assert_eq!(shared(&rule, VIEW).len(), 1);
        rule.action = Action::Drop;
        rule.sample_new = Some(sampling(2, &[5]));
        assert_eq!(shared(&rule, VIEW).len(), 2);
        rule.action = Action::AllowStateless;
        assert_eq!(shared(&rule, VIEW)[0].packets, Packets::Stateless);
    }
}
