//! Forwarding groups (D14; ovn-nb(5), Forwarding_Group): ports that share an address, each packet to
//! one of them.

use northflow_engine::Relation;

use crate::flow::priority::UNICAST;
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, Stage};
use crate::schema::{Link, nb};

const SOURCE: &str = "switch/forwarding_group.rs";

/// The flows of all groups on their switches.
///
/// Cost: a group costs itself, once for each switch that has it.
pub fn forwarding_groups(
    listed: &Relation<Link>,
    groups: &Relation<nb::ForwardingGroup>,
) -> Relation<Placed> {
    listed
        .index_by(Link::member)
        .join_flat(&groups.index_by(|group| group.uuid), |link, group| place(link.owner, flows(group)))
}

/// The flows of one group; none without ports. Its addresses and the names of its ports stand as they
/// are given.
pub fn flows(group: &nb::ForwardingGroup) -> Vec<Flow> {
    let nb::ForwardingGroup { vip, vmac, .. } = group;
    if group.child_port.is_empty() {
        return Vec::new();
    }
    let reply = format!(
        "eth.dst = eth.src; eth.src = {vmac}; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; \
         arp.sha = {vmac}; arp.tpa = arp.spa; arp.spa = {vip}; outport = inport; flags.loopback = 1; \
         output;"
    );
    let liveness = if group.liveness { "liveness=\"true\"," } else { "" };
    let mut ports: Vec<&str> = group.child_port.iter().map(|port| &**port).collect();
    ports.sort_unstable();
    let ports: Vec<String> = ports.into_iter().map(|port| format!("\"{port}\"")).collect();
    let choose = format!("fwd_group({liveness}childports={});", ports.join(","));
    let answer = Flow::new(Stage::LsInArpRsp, 50, format!("arp.tpa == {vip} && arp.op == 1"), reply);
    let lookup = Flow::new(Stage::LsInL2Lkup, UNICAST, format!("eth.dst == {vmac}"), choose);
    [answer, lookup].map(|flow| flow.hint(group.uuid).written_in(SOURCE)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::Uuid;
    use crate::switch::port::tests::lines;

    #[test]
    fn a_group_answers_for_its_address_and_spreads_what_comes() {
        let group = |ports: &[&str], liveness| nb::ForwardingGroup {
            uuid: Uuid(3),
            name: "g".into(),
            vip: "10.0.0.9".into(),
            vmac: "0A:00:00:00:00:09".into(),
            liveness,
            child_port: ports.iter().map(|port| (*port).into()).collect(),
        };
        assert_eq!(
            lines(&flows(&group(&["p2", "p1"], false))),
            [
                "ls_in_arp_rsp 50 | arp.tpa == 10.0.0.9 && arp.op == 1 | eth.dst = eth.src; eth.src = 0A:00:00:00:00:09; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; arp.sha = 0A:00:00:00:00:09; arp.tpa = arp.spa; arp.spa = 10.0.0.9; outport = inport; flags.loopback = 1; output; [hint]",
                "ls_in_l2_lkup 50 | eth.dst == 0A:00:00:00:00:09 | fwd_group(childports=\"p1\",\"p2\"); [hint]",
            ]
        );
        assert!(
            lines(&flows(&group(&["p1"], true)))[1]
                .contains("fwd_group(liveness=\"true\",childports=\"p1\");")
        );
        assert!(flows(&group(&[], true)).is_empty());
    }
}
