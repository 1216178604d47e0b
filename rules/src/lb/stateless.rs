//! Load balancers beside stateless ACLs (E14; ovn-nb(5), Logical_Switch
//! other_config:enable-stateless-acl-with-lb): packets that such an ACL keeps out of conntrack go there
//! after all if they are of a load balancer.
//!
//! It holds for load balancers that the switch names itself, not for those of a group, as with
//! ovn-northd.

use northflow_engine::Relation;

use super::Service;
use super::switch::{destination, remember};
use crate::flow::register::{ACL_STATELESS, CONNTRACK_NAT};
use crate::flow::row::{Placed, SetMember, place_on};
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::Uuid;
use crate::schema::{Link, nb};
use crate::switch::SwitchSet;

const SOURCE: &str = "lb/stateless.rs";

/// Whether a switch is such.
pub fn wanted(row: &nb::LogicalSwitch) -> bool {
    row.other_config.get_bool("enable-stateless-acl-with-lb", false)
}

/// What such a switch has if it names a load balancer, with or without VIPs: stateless packets are
/// translated back, and new connections of theirs are not committed.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let stateless = format!("{ACL_STATELESS} == 1");
    let translate =
        Flow::new(Stage::LsOutPreLb, 115, stateless.as_str(), format!("{CONNTRACK_NAT} = 1; next;"));
    let pass = Flow::new(Stage::LsOutStateful, 110, format!("{stateless} && ct.new"), "next;");
    [translate, pass].map(|flow| (SwitchSet::BalancedStateless, flow.written_in(SOURCE))).into()
}

/// The flows of a VIP on such a switch: it is known by its address and port, and its answers by the
/// protocol.
fn flows(service: &Service) -> Vec<Flow> {
    let flow = |priority, matches, actions| {
        Flow::new(Stage::LsInPreStateful, priority, matches, actions).written_in(SOURCE)
    };
    let vip = &service.vip;
    let mut flows = vec![flow(150, destination(service), format!("{}ct_lb_mark;", remember(service)))];
    let source = service.lb.hairpin_snat_ip.as_deref();
    if source.is_some() || vip.front.port.is_some() {
        let address = source.map_or_else(|| vip.front.ip.to_string(), str::to_owned);
        let (protocol, family) = (service.lb.protocol.name(), vip.family.name());
        let matches = format!("{protocol} && {family}.dst == {address}");
        flows.push(flow(105, matches, "ct_lb_mark;".to_owned()));
    }
    flows
}

/// Where the flows are. `direct` says which load balancers switches name, `stateless` which switches
/// are such.
///
/// Cost: a VIP costs itself; a switch, the load balancers that it names.
pub fn placed(
    services: &Relation<Service>,
    direct: &Relation<Link>,
    stateless: &Relation<Uuid>,
) -> (Relation<Placed>, Relation<SetMember>) {
    let on =
        direct.index_by(Link::owner).semijoin(&stateless.index_by(|switch| *switch)).named("lb.stateless");
    let lbs = on.map(|link| link.member).distinct();
    let own =
        services.index_by(|service| service.lb.row).join_flat(&lbs.index_by(|lb| *lb), |service, lb| {
            place_on(On::BalancedStateless(*lb), flows(service))
        });
    let members = on.map(|link| SetMember { set: On::BalancedStateless(link.member), datapath: link.owner });
    let class = on
        .map(|link| link.owner)
        .distinct()
        .map(|switch| SetMember { set: On::Switches(SwitchSet::BalancedStateless), datapath: *switch });
    (own, members.concat(&class))
}
