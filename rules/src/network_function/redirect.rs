//! The way through a network function (N01; ovn-northd(8), "Ingress table: Network Function").
//!
//! ```text
//! wanted(switch, group, direction)  :-  an ACL of the switch, or of a port group that reaches it, names the group
//! port(switch, name)                :-  the port of the name on the switch, else a container port there whose
//!                                       parent has the name
//! flows(switch, group, direction)   :-  wanted, both ports of the group's function in use are there
//! ```
//!
//! Cost: an ACL that is the first of its switch, or of its port group on a switch, to name a group costs a
//! dozen flows there; a group whose function changes costs the switches where it is wanted.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::{Function, Group};
use crate::acl::filtering::{self, Holder};
use crate::flow::register::*;
use crate::flow::row::{Placed, place};
use crate::flow::text::quote;
use crate::flow::{Flow, On, Stage};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::topology::port_group::Reach;
use crate::topology::switch_port::SwitchPort;

/// Before a packet is for a function it is for its group.
const CHOOSE: u16 = 99;
/// While no function of the group is alive.
const FAIL_OPEN: u16 = 10;
/// Into the function.
const REDIRECT: u16 = 99;
/// What comes out of a function, or goes in, does not go in again.
const PASSED: u16 = 100;
/// What went through egress before it was put into a function skips what it has behind it.
const RESUME: u16 = 110;
/// Instead of the usual commits.
const COMMIT: u16 = 120;

/// A switch has packets pass a function of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wanted {
    switch: Uuid,
    group: Uuid,
    /// Whether those that come from a port, rather than those that go to one.
    ingress: bool,
}

/// A port of a switch that goes by a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Known {
    switch: Uuid,
    name: Text,
    /// Whether the name is that of its parent.
    child: bool,
    port: Text,
}

/// The flows.
#[derive(Clone, Debug)]
pub struct Redirects {
    /// The flows, each on its switch.
    pub placed: Relation<Placed>,
    /// Groups that cannot be had.
    pub problems: Relation<Problem>,
}

/// A switch, what it wants, and the ports there of the function in use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Route {
    wanted: Wanted,
    group: Group,
    function: Function,
    inport: Option<Text>,
    outport: Option<Text>,
}

/// All of it.
pub fn redirects(
    nb: &Northbound,
    ports: &Relation<SwitchPort>,
    reach: &Relation<Reach>,
    functions: &Relation<Function>,
    groups: &Relation<Group>,
) -> Redirects {
    let wanted = wanted(nb, reach);
    let granted = wanted
        .index_by(|wanted| wanted.group)
        .join(&groups.index_by(|group| group.row), |wanted, group| (*wanted, group.clone()));
    let open = granted.filter(|(_, group)| group.fail_open).map(|(wanted, group)| Placed {
        on: On::Datapath(wanted.switch),
        flow: fail_open(group.number, wanted.ingress),
    });
    let idle = granted
        .filter(|(_, group)| group.active.is_none())
        .map(|(_, group)| Problem::new(format!("No active network function available, nfg:{}", group.name)));
    let active = granted.flat_map(|(wanted, group)| {
        let function = group.active.clone()?;
        Some(Route { wanted: *wanted, group: group.clone(), function, inport: None, outport: None })
    });
    let known = known(nb, ports, functions).index_by(|known| (known.switch, known.name.clone()));
    let routes = active
        .index_by(|route| (route.wanted.switch, route.function.inport.clone()))
        .join_optional(&known, |route, known| {
            Some(Route { inport: known.map(|known| known.port.clone()), ..route.clone() })
        })
        .index_by(|route| (route.wanted.switch, route.function.outport.clone()))
        .join_optional(&known, |route, known| {
            Some(Route { outport: known.map(|known| known.port.clone()), ..route.clone() })
        });
    let placed = routes.flat_map(|route| place(route.wanted.switch, flows(route)));
    let astray = routes
        .filter(|route| route.inport.is_none() || route.outport.is_none())
        .map(|route| Problem::new(format!("Ports not found for network_function {}", route.function.name)));
    Redirects { placed: placed.concat(&open).distinct(), problems: idle.concat(&astray).distinct() }
}

/// Which groups the ACLs of each switch name.
fn wanted(nb: &Northbound, reach: &Relation<Reach>) -> Relation<Wanted> {
    let naming =
        nb.acl.flat_map(|row| Some((row.uuid, row.network_function_group?, &*row.direction == "from-lport")));
    let held = filtering::held(&nb.switch_acls, &nb.port_group_acls);
    let by_holder = naming
        .index_by(|(acl, ..)| *acl)
        .join(&held.index_by(|held| held.acl), |(_, group, ingress), held| (held.holder, *group, *ingress))
        .distinct();
    let own = by_holder.flat_map(|(holder, group, ingress)| match holder {
        Holder::Switch(switch) => Some(Wanted { switch: *switch, group: *group, ingress: *ingress }),
        Holder::Group(_) => None,
    });
    let grouped = by_holder.flat_map(|(holder, group, ingress)| match holder {
        Holder::Group(holder) => Some((*holder, *group, *ingress)),
        Holder::Switch(_) => None,
    });
    let reached = grouped.index_by(|(holder, ..)| *holder).join(
        &reach.index_by(|reach| reach.group),
        |(_, group, ingress), reach| Wanted { switch: reach.switch, group: *group, ingress: *ingress },
    );
    own.concat(&reached).distinct()
}

/// The ports by which functions may be had on switches. Of several the switch's own goes first, then the
/// least name; the reference takes any.
fn known(nb: &Northbound, ports: &Relation<SwitchPort>, functions: &Relation<Function>) -> Relation<Known> {
    let named = functions
        .flat_map(|function| [function.inport.clone(), function.outport.clone()])
        .distinct()
        .index_by(Text::clone);
    let own = ports.index_by(SwitchPort::name).semijoin(&named).map(|port| Known {
        switch: port.switch,
        name: port.port.name.clone(),
        child: false,
        port: port.port.name.clone(),
    });
    let children = nb.switch_port.flat_map(|row| Some((row.parent_name.clone()?, row.uuid)));
    let children = children.index_by(|(parent, _)| parent.clone()).semijoin(&named);
    let children =
        children.index_by(|(_, row)| *row).join(&ports.index_by(SwitchPort::row), |(parent, _), port| {
            Known { switch: port.switch, name: parent.clone(), child: true, port: port.port.name.clone() }
        });
    own.concat(&children)
        .index_by(|known| (known.switch, known.name.clone()))
        .reduce(|group| group.rows().min().cloned())
}

/// The packet is in the direction in which its connection was opened, and for the function or group `number`.
fn opened(number: u8) -> String {
    format!(
        "{NETWORK_FUNCTION} == 1 && {NETWORK_FUNCTION_ORIGINAL} == 1 && {NETWORK_FUNCTION_ID} == {number}"
    )
}

fn choosing(ingress: bool) -> Stage {
    if ingress { Stage::LsInPreNetworkFunction } else { Stage::LsOutPreNetworkFunction }
}

/// Packets go on as if nobody had asked for the group.
fn fail_open(group: u8, ingress: bool) -> Flow {
    let actions = format!("{NETWORK_FUNCTION} = 0; {NETWORK_FUNCTION_ID} = 0; next;");
    Flow::new(choosing(ingress), FAIL_OPEN, opened(group), actions)
}

fn flows(route: &Route) -> Vec<Flow> {
    let (Some(inport), Some(outport)) = (&route.inport, &route.outport) else { return Vec::new() };
    let ingress = route.wanted.ingress;
    let number = route.function.number;
    let chosen = format!("{NETWORK_FUNCTION_ID} = {number}; next;");
    let mut flows = vec![Flow::new(choosing(ingress), CHOOSE, opened(route.group.number), chosen)];

    // What answers goes through backwards, and meets its flow in the other pipeline.
    let (entry, exit) = if ingress { (inport, outport) } else { (outport, inport) };
    let answering =
        format!("{NETWORK_FUNCTION} == 1 && {NETWORK_FUNCTION_ORIGINAL} == 0 && ct_label.nf_id == {number}");
    flows.push(into(ingress, opened(number), entry));
    flows.push(into(!ingress, answering, exit));

    let (quoted_in, quoted_out) = (quote(inport), quote(outport));
    for port in [&quoted_in, &quoted_out] {
        let from = format!("inport == {port}");
        let tunnel = format!("{TUNNEL_PORT} = ct_label.tun_if_id; next;");
        flows.push(Flow::new(Stage::LsInNetworkFunction, PASSED, from, tunnel));
        flows.push(Flow::new(Stage::LsOutNetworkFunction, PASSED, format!("outport == {port}"), "next;"));
        flows.extend([false, true].map(|labelled| commit(port, labelled)));
    }
    let resume = format!("next(pipeline=egress, table={});", Stage::LsOutNetworkFunction.table() + 1);
    flows.push(
        Flow::new(Stage::LsOutPreAcl, RESUME, format!("inport == {quoted_in}"), resume).written_in(SOURCE),
    );
    flows
}

const SOURCE: &str = "network_function/redirect.rs";

/// Sends packets to a port of the function: from egress by way of the lookup at ingress, which lets them pass.
fn into(ingress: bool, matches: String, port: &str) -> Flow {
    let port = quote(port);
    let (stage, actions) = if ingress {
        (Stage::LsInNetworkFunction, format!("outport = {port}; output;"))
    } else {
        let lookup = Stage::LsInL2Lkup.table();
        let back = format!(
            "outport = {port}; {NETWORK_FUNCTION_LOOPBACK} = 1; next(pipeline=ingress, table={lookup});"
        );
        (Stage::LsOutNetworkFunction, back)
    };
    Flow::new(stage, REDIRECT, matches, actions)
}

/// The connection remembers the tunnel by which its packets come to the function.
fn commit(port: &str, labelled: bool) -> Flow {
    let label = if labelled {
        format!(
            "ct_mark.obs_stage = {SAMPLE_STAGE}; ct_mark.obs_collector_id = {SAMPLE_COLLECTOR_ESTABLISHED}; \
             ct_label.obs_point_id = {SAMPLE_POINT_ESTABLISHED}; "
        )
    } else {
        String::new()
    };
    let actions = format!(
        "ct_commit {{ ct_mark.blocked = 0; ct_mark.allow_established = {ACL_PERSIST_ID}; \
         ct_label.acl_id = {ACL_ID}; {label}ct_label.tun_if_id = {TUNNEL_PORT}; }}; next;"
    );
    let matches = format!("outport == {port} && {ACL_LABEL} == {}", u8::from(labelled));
    Flow::new(Stage::LsOutStateful, COMMIT, matches, actions).written_in(SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn answers_go_through_backwards() {
        assert_eq!(
            lines(&[into(true, "a".into(), "in"), into(false, "b".into(), "out"), fail_open(3, false)]),
            [
                "ls_in_network_function 99 | a | outport = \"in\"; output;",
                "ls_out_network_function 99 | b | outport = \"out\"; reg8[23] = 1; \
                 next(pipeline=ingress, table=32);",
                "ls_out_pre_network_function 10 | reg8[21] == 1 && reg8[22] == 1 && reg0[22..29] == 3 | \
                 reg8[21] = 0; reg0[22..29] = 0; next;",
            ]
        );
    }
}
