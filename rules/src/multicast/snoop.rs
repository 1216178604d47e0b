//! Switches that listen to who wants which multicast group (K02, K07; ovn-nb(5), Logical_Switch
//! other_config:mcast_snoop).
//!
//! Reports go to the chassis, which learns from them ([`learned`](super::learned)). Groups of the
//! local network alone are flooded, as RFC 4541 asks (section 2.1.2), and so are the IPv6 groups that
//! RFC 4291 reserves. What nobody has asked for goes to routers that relay it and to ports that want
//! all of it, unless other_config:mcast_flood_unregistered has it flooded.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::static_flood::Flooding;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, SetMember, place};
use crate::flow::{Flow, On, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::Uuid;
use crate::schema::nb;
use crate::switch::SwitchSet;
use crate::switch::flood_group::Group;
use crate::switch::port::{Port, PortKind};
use crate::topology::switch_port::SwitchPort;

const STAGE: Stage = Stage::LsInL2Lkup;

/// What a switch's row says of snooping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Snooping {
    /// The switch.
    pub switch: Uuid,
    /// other_config:mcast_snoop.
    pub enabled: bool,
    /// other_config:mcast_flood_unregistered.
    pub flood_unregistered: bool,
    /// other_config:interconn-ts is there: the switch spans availability zones.
    pub interconnects: bool,
}

impl Snooping {
    /// Reads a row.
    pub fn read(row: &nb::LogicalSwitch) -> Snooping {
        Snooping {
            switch: row.uuid,
            enabled: row.other_config.get_bool("mcast_snoop", false),
            flood_unregistered: row.other_config.get_bool("mcast_flood_unregistered", false),
            interconnects: row.other_config.contains("interconn-ts"),
        }
    }
}

/// The flows by class of switch.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let flow = |priority, matches: &str, group: Group| Flow::new(STAGE, priority, matches, group.output());
    let mut flows = vec![
        (Snooping, flow(85, "ip4.mcast && ip4.dst == 224.0.0.0/24", Group::FloodL2)),
        (Snooping, flow(85, "ip6.mcast_flood", Group::Flood)),
    ];
    flows.extend(reports().map(|flow| (Snooping, flow)));
    for relay in [false, true] {
        for flood in [false, true] {
            flows.push((Unregistered { relay, flood }, unregistered(relay, flood, drop)));
        }
    }
    flows
}

/// Reports go to the chassis. What the chassis sends itself passes.
fn reports() -> impl Iterator<Item = Flow> {
    ["flags.igmp_loopback == 0 && igmp", "flags.igmp_loopback == 0 && (mldv1 || mldv2)"]
        .into_iter()
        .map(move |matches| Flow::new(STAGE, 100, matches, "igmp;").punts(Punt::Igmp))
}

/// Groups that nobody has asked for. Spaced as the reference has it.
fn unregistered(relay: bool, flood: bool, drop: DropConfig) -> Flow {
    let mut actions = String::new();
    if relay {
        actions += &format!("clone {{ {} }}; ", Group::RouterFlood.output());
    }
    if flood {
        actions += &format!("outport =\"{}\"; output;", Group::Static.name());
    }
    if actions.is_empty() {
        actions += &drop.explicit();
    }
    Flow::new(STAGE, 80, "ip4.mcast || ip6.mcast", actions)
}

/// Reports from another availability zone, which come in through `port`: the chassis hears of them where
/// they leave the switch.
pub fn remote(port: &Port) -> Vec<Flow> {
    let flow = |reports: &str| {
        let matches = format!("{} && {reports} && flags.igmp_loopback == 0", port.is_inport());
        Flow::new(Stage::LsOutPreLb, 120, matches, "clone { igmp; }; next;").punts(Punt::Igmp)
    };
    vec![flow("igmp"), flow("(mldv1 || mldv2)")]
}

/// The flows for ports of other availability zones, on switches that snoop.
///
/// Cost: a remote port costs its own flows.
pub fn remote_ports(snooping: &Relation<Snooping>, ports: &Relation<SwitchPort>) -> Relation<Placed> {
    let remote_ports = ports.filter(|port| port.kind == PortKind::Remote);
    let switches = snooping.filter(|row| row.enabled && row.interconnects).map(|row| row.switch);
    remote_ports
        .index_by(SwitchPort::switch)
        .semijoin(&switches.index_by(|switch| *switch))
        .flat_map(|port| place(port.switch, remote(&port.port)))
}

/// Which classes each switch is in.
///
/// Cost: a switch costs its own memberships.
pub fn members(snooping: &Relation<Snooping>, flooding: &Relation<Flooding>) -> Relation<SetMember> {
    let enabled = snooping.filter(|row| row.enabled);
    enabled.index_by(|row| row.switch).join_flat(&flooding.index_by(|row| row.switch), |row, flooding| {
        let mut sets = vec![SwitchSet::Snooping];
        if !row.flood_unregistered {
            sets.push(SwitchSet::Unregistered { relay: flooding.relay, flood: flooding.flood });
        }
        let datapath = row.switch;
        sets.into_iter().map(move |set| SetMember { set: On::Switches(set), datapath })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn what_nobody_asked_for_goes_where_all_goes() {
        let actions = |relay, flood| {
            let flow = unregistered(relay, flood, DropConfig::default());
            flow.key.actions.to_string()
        };
        assert_eq!(actions(false, false), "drop;");
        assert_eq!(actions(false, true), "outport =\"_MC_static\"; output;");
        let relayed = "clone { outport = \"_MC_mrouter_flood\"; output; }; ";
        assert_eq!(actions(true, false), relayed);
        assert_eq!(actions(true, true), format!("{relayed}outport =\"_MC_static\"; output;"));
    }

    #[test]
    fn reports_of_other_zones_are_heard_at_the_exit() {
        assert_eq!(
            lines(&remote(&port("r"))),
            [
                "ls_out_pre_lb 120 | inport == \"r\" && igmp && flags.igmp_loopback == 0 | clone { igmp; }; next;",
                "ls_out_pre_lb 120 | inport == \"r\" && (mldv1 || mldv2) && flags.igmp_loopback == 0 | clone { igmp; }; next;",
            ]
        );
    }
}
