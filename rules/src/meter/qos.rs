//! Rules of traffic shaping (F03; ovn-nb(5), QoS): what matches is limited to a bandwidth and marked.

use northflow_engine::Relation;

use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::problem::Problem;
use crate::schema::{Link, nb};

/// The highest value of the field `ip.dscp`.
const HIGHEST_DSCP: i64 = 63;

/// The flows of all rules on their switches, and what is wrong with rules.
///
/// Cost: a rule costs itself, once for each switch that has it.
pub fn shaping(listed: &Relation<Link>, rules: &Relation<nb::Qos>) -> (Relation<Placed>, Relation<Problem>) {
    let used = listed.index_by(Link::member);
    let by_row = rules.index_by(|rule| rule.uuid).named("qos");
    let placed = used.join(&by_row, |link, rule| Placed { on: On::Datapath(link.owner), flow: flow(rule) });
    let problems = by_row.semijoin(&used).flat_map(problem);
    (placed, problems)
}

/// The flow of one rule. Match and priority stand as they are given.
pub fn flow(rule: &nb::Qos) -> Flow {
    let ingress = &*rule.direction == "from-lport";
    let stage = if ingress { Stage::LsInQos } else { Stage::LsOutQos };
    let limit = |key| rule.bandwidth.get(key).copied().unwrap_or(0);
    let mut actions = match (limit("rate"), limit("burst")) {
        (0, _) => String::new(),
        (rate, 0) => format!("set_meter({rate}); "),
        (rate, burst) => format!("set_meter({rate}, {burst}); "),
    };
    if let Some(dscp) = dscp(rule).filter(|dscp| *dscp <= HIGHEST_DSCP) {
        actions += &format!("ip.dscp = {dscp}; ");
    }
    if let Some(mark) = rule.action.get("mark") {
        actions += &format!("pkt.mark = {mark}; ");
    }
    // The database has no greater priorities.
    let priority = u16::try_from(rule.priority).unwrap_or_default();
    Flow::new(stage, priority, rule.match_.clone(), actions + "next;").hint(rule.uuid)
}

fn dscp(rule: &nb::Qos) -> Option<i64> {
    rule.action.get("dscp").copied()
}

fn problem(rule: &nb::Qos) -> Option<Problem> {
    let dscp = dscp(rule).filter(|dscp| *dscp > HIGHEST_DSCP)?;
    Some(Problem::new(format!("Bad 'dscp' value {dscp} in qos {}", rule.uuid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::Uuid;
    use crate::switch::port::tests::lines;

    fn rule(direction: &str, action: &[(&'static str, i64)], bandwidth: &[(&'static str, i64)]) -> nb::Qos {
        nb::Qos {
            uuid: Uuid(9),
            priority: 100,
            direction: direction.into(),
            match_: "ip4 && \"x\"".into(),
            action: action.iter().copied().collect(),
            bandwidth: bandwidth.iter().copied().collect(),
        }
    }

    #[test]
    fn a_rule_limits_and_marks() {
        let line = |rule: &nb::Qos| lines(&[flow(rule)]).concat();
        assert_eq!(
            line(&rule("from-lport", &[("mark", 7), ("dscp", 63)], &[("rate", 10), ("burst", 20)])),
            "ls_in_qos 100 | ip4 && \"x\" | set_meter(10, 20); ip.dscp = 63; pkt.mark = 7; next; [hint]"
        );
        assert_eq!(
            line(&rule("to-lport", &[], &[("rate", 10)])),
            "ls_out_qos 100 | ip4 && \"x\" | set_meter(10); next; [hint]"
        );
        let bad = rule("to-lport", &[("dscp", 64), ("mark", 1)], &[("burst", 20)]);
        assert_eq!(line(&bad), "ls_out_qos 100 | ip4 && \"x\" | pkt.mark = 1; next; [hint]");
        let problem = problem(&bad).map(|problem| problem.message.to_string());
        assert_eq!(problem, Some(format!("Bad 'dscp' value 64 in qos {}", Uuid(9))));
    }
}
