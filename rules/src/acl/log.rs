//! Logging of the packets that ACLs match (E11; ovn-nb(5), ACL, "Logging").

use super::View;
use super::rule::Rule;
use crate::flow::register::{ACL_VERDICT_ALLOW, NETWORK_FUNCTION};
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;

/// Above what lets answers pass.
const RELATED: u16 = u16::MAX - 2;

/// The meter that limits the log of one ACL alone, where the meter `name` is fair.
pub fn fair_meter(name: &str, acl: Uuid) -> String {
    format!("{name}__{acl}")
}

/// The action that logs packets for the ACL, followed by a space; empty if it does not log. `fair`
/// says that its meter is fair.
///
/// The name of the ACL goes in as it is: one with a quote or backslash makes a flow that no chassis
/// takes, as with ovn-northd.
pub fn action(row: &nb::Acl, fair: bool) -> Text {
    if !row.log {
        return "".into();
    }
    let mut arguments = Vec::new();
    if let Some(name) = &row.name {
        arguments.push(format!("name=\"{name}\""));
    }
    arguments.push(format!("severity={}", row.severity.as_deref().unwrap_or("info")));
    let verdict = match &*row.action {
        verdict @ ("drop" | "reject" | "pass") => verdict,
        _ => "allow",
    };
    arguments.push(format!("verdict={verdict}"));
    if let Some(meter) = &row.meter {
        let meter = if fair { fair_meter(meter, row.uuid) } else { meter.to_string() };
        arguments.push(format!("meter=\"{meter}\""));
    }
    format!("log({}); ", arguments.join(", ")).into()
}

/// Packets that answer an allowed connection meet no ACL. For an ACL that wants them logged they are
/// known by the label that it has given the connection, and met where they come by: in the other
/// direction.
pub fn related(rule: &Rule, view: View) -> Vec<Flow> {
    let logs = rule.log_related && rule.label != 0 && !rule.log.is_empty();
    if !logs || !rule.action.commits() || !view.tracking.tracks() {
        return Vec::new();
    }
    let stage = if rule.stage.is_ingress() { Stage::LsOutAclEval } else { Stage::LsInAclEval };
    let actions = format!("{}{NETWORK_FUNCTION} = ct_label.nf; {ACL_VERDICT_ALLOW} = 1; next;", rule.log);
    let flow = |state| {
        let matches = format!("{state} && ct_mark.blocked == 0 && ct_label.label == {}", rule.label);
        Flow::new(stage, RELATED, matches, actions.as_str()).hint(rule.acl).written_in("acl/log.rs")
    };
    vec![flow("ct.est && !ct.rel && ct.rpl"), flow("!ct.est && ct.rel && !ct.new")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::rule::tests::row;

    #[test]
    fn an_acl_logs_name_severity_verdict_and_meter() {
        let mut acl = row("from-lport", "allow-related", "ip");
        assert_eq!(&*action(&acl, false), "");
        acl.log = true;
        assert_eq!(&*action(&acl, false), "log(severity=info, verdict=allow); ");
        acl.name = Some("a\"b".into());
        acl.severity = Some("alert".into());
        acl.meter = Some("m1".into());
        acl.action = "reject".into();
        let text = "log(name=\"a\"b\", severity=alert, verdict=reject, meter=\"m1\"); ";
        assert_eq!(&*action(&acl, false), text);
        let fair = action(&acl, true);
        assert!(fair.ends_with("meter=\"m1__00000000-0000-0000-0000-00000000000a\"); "), "{fair}");
    }
}
