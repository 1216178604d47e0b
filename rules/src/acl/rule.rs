//! One ACL as the rules see it: read once, wherever it is.

use serde::{Deserialize, Serialize};

use super::AclStage;
use super::sample::Sampling;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::nb;

/// What an ACL does with the packets that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// They pass, and so does what answers them where connections are tracked anyway.
    Allow,
    /// They pass, and so does what answers them.
    AllowRelated,
    /// They pass, and leave no trace in conntrack.
    AllowStateless,
    /// They are dropped.
    Drop,
    /// They are dropped, and their sender is told.
    Reject,
    /// The ACLs of the next tier decide.
    Pass,
}

impl Action {
    /// The action that the column's text names; the schema knows no others.
    pub fn read(text: &str) -> Option<Action> {
        Some(match text {
            "allow" => Action::Allow,
            "allow-related" => Action::AllowRelated,
            "allow-stateless" => Action::AllowStateless,
            "drop" => Action::Drop,
            "reject" => Action::Reject,
            "pass" => Action::Pass,
            _ => return None,
        })
    }

    /// The column's text.
    pub fn name(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::AllowRelated => "allow-related",
            Action::AllowStateless => "allow-stateless",
            Action::Drop => "drop",
            Action::Reject => "reject",
            Action::Pass => "pass",
        }
    }

    /// Whether it lets packets pass and has their connections tracked, where any are.
    pub fn commits(self) -> bool {
        matches!(self, Action::Allow | Action::AllowRelated)
    }
}

/// Whether connections outlive a change of the ACL that let them in (options:persist-established).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Persist {
    /// They do not, nor are they meant to.
    No,
    /// They are known by this number.
    Id(u32),
    /// They are meant to, but some chassis cannot flush them.
    NoFlush,
    /// They are meant to, but the ACL has no number.
    NoId,
}

/// What other rows say about an ACL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Extra {
    /// The meter of its log is fair.
    FairMeter,
    /// How packets of new connections are sampled.
    New(Sampling),
    /// How packets of established connections are sampled.
    Established(Sampling),
    /// Its number in ACL_ID.
    Id(u32),
    /// Some chassis cannot flush connections by label.
    NoFlush,
    /// The number of its group of network functions.
    NetworkFunctions(u8),
}

/// An ACL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// The row.
    pub acl: Uuid,
    /// Where it is evaluated.
    pub stage: AclStage,
    /// Priority of its flows, 1000 above the ACL's.
    pub priority: u16,
    /// The match, as it stands in the row.
    pub matches: Text,
    /// What happens to the packets.
    pub action: Action,
    /// Which round of evaluation it belongs to, from 0 to 3.
    pub tier: u8,
    /// What connections are marked with; 0 is no mark.
    pub label: u32,
    /// The action that logs the packets; empty if they are not logged.
    pub log: Text,
    /// Whether packets that answer those that it allows are logged too.
    pub log_related: bool,
    /// Whether its connections outlive it.
    pub persist: Persist,
    /// How packets of new connections are sampled.
    pub sample_new: Option<Sampling>,
    /// How packets of established connections are sampled.
    pub sample_established: Option<Sampling>,
    /// The number of the group of network functions of which packets are to pass one.
    pub network_functions: Option<u8>,
}

impl Rule {
    /// The ACL of `row`.
    pub fn read(row: &nb::Acl, extras: &[Extra]) -> Option<Rule> {
        let action = Action::read(&row.action)?;
        let mut rule = Rule {
            acl: row.uuid,
            stage: AclStage::read(&row.direction, &row.options),
            priority: priority(row.priority),
            matches: row.match_.clone(),
            action,
            tier: row.tier as u8,
            label: row.label as u32,
            log: super::log::action(row, extras.contains(&Extra::FairMeter)),
            log_related: row.options.get_bool("log-related", false),
            persist: Persist::No,
            sample_new: None,
            sample_established: None,
            network_functions: None,
        };
        if action.commits() && row.options.get_bool("persist-established", false) {
            let id = extras.iter().find_map(|extra| match extra {
                Extra::Id(id) => Some(Persist::Id(*id)),
                _ => None,
            });
            let flush = !extras.contains(&Extra::NoFlush);
            rule.persist = if flush { id.unwrap_or(Persist::NoId) } else { Persist::NoFlush };
        }
        for extra in extras {
            match extra {
                Extra::New(sampling) => rule.sample_new = Some(sampling.clone()),
                Extra::Established(sampling) => rule.sample_established = Some(sampling.clone()),
                Extra::NetworkFunctions(id) => rule.network_functions = Some(*id),
                Extra::FairMeter | Extra::Id(_) | Extra::NoFlush => {}
            }
        }
        Some(rule)
    }

    /// What is wrong with the ACL on switches where connections are `tracked` or not.
    pub fn problems(&self, tracked: bool) -> Vec<Problem> {
        let untracked = !tracked || matches!(self.action, Action::Pass | Action::AllowStateless);
        let mut problems = Vec::new();
        if self.network_functions.is_some() && (untracked || !self.action.commits()) {
            let acl = if untracked { "ACL" } else { "Acl" };
            let action = self.action.name();
            problems.push(format!("{acl} action {action} does not support network-function-group"));
        }
        match self.persist {
            Persist::NoFlush if tracked => problems.push(format!(
                "OVS does not support CT label flush. persist-established option cannot be honored for ACL {}.",
                self.acl
            )),
            Persist::NoId if tracked => {
                problems.push(format!("No ID found for ACL {} ({})", self.acl, self.matches));
            }
            _ => {}
        }
        problems.into_iter().map(Problem::new).collect()
    }
}

/// The priority of the flows of an ACL of `priority`, which is from 0 to 32767.
fn priority(priority: i64) -> u16 {
    (priority as u16).wrapping_add(1000)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row of the northbound table.
    pub(in crate::acl) fn row(direction: &str, action: &str, matches: &str) -> nb::Acl {
        nb::Acl {
            uuid: Uuid(0xa),
            priority: 1,
            direction: direction.into(),
            action: action.into(),
            match_: matches.into(),
            ..Default::default()
        }
    }

    /// An ACL with nothing but the defaults.
    pub(in crate::acl) fn rule(direction: &str, action: &str, matches: &str) -> Rule {
        Rule::read(&row(direction, action, matches), &[]).unwrap()
    }

    #[test]
    fn persistence_needs_a_number_and_chassis_that_can_flush() {
        let mut row = row("from-lport", "allow-related", "ip");
        row.options.insert("persist-established", "true".into());
        let read = |row: &nb::Acl, extras: &[Extra]| Rule::read(row, extras).unwrap();
        assert_eq!(read(&row, &[Extra::Id(7)]).persist, Persist::Id(7));
        assert_eq!(read(&row, &[Extra::NoFlush, Extra::Id(7)]).persist, Persist::NoFlush);
        let unnumbered = read(&row, &[]);
        assert_eq!(unnumbered.problems(false), []);
        let problem = &unnumbered.problems(true)[0].message;
        assert_eq!(&**problem, "No ID found for ACL 00000000-0000-0000-0000-00000000000a (ip)");
        row.action = "drop".into();
        assert_eq!(read(&row, &[]).persist, Persist::No);
    }

    #[test]
    fn network_functions_need_a_tracked_connection() {
        let mut rule = rule("to-lport", "reject", "ip");
        rule.network_functions = Some(1);
        let problem = |rule: &Rule, tracked| rule.problems(tracked).first().map(|p| p.message.to_string());
        let text = "Acl action reject does not support network-function-group";
        assert_eq!(problem(&rule, true).as_deref(), Some(text));
        rule.action = Action::Allow;
        assert_eq!(problem(&rule, true), None);
        let text = "ACL action allow does not support network-function-group";
        assert_eq!(problem(&rule, false).as_deref(), Some(text));
    }

    #[test]
    fn every_action_has_its_name() {
        for name in ["allow", "allow-related", "allow-stateless", "drop", "reject", "pass"] {
            assert_eq!(Action::read(name).map(Action::name), Some(name));
        }
        assert_eq!(Action::read("deny"), None);
    }
}
