//! Choice of the output port by destination address (D05, D07, D10): the address of a port, a
//! learned one, broadcast, or none of them.

use super::class::SwitchSet;
use super::flood_group::Group;
use super::port::{Port, PortKind};
use crate::flow::drop::DropConfig;
use crate::flow::priority::{DEFAULT, UNICAST};
use crate::flow::register::NETWORK_FUNCTION_LOOPBACK;
use crate::flow::text::{Mac, quote};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::Text;
use crate::value::addresses::Addresses;

const STAGE: Stage = Stage::LsInL2Lkup;
const REMOTE_LOOKUP: &str = "outport = get_fdb(eth.dst); remote_outport = get_remote_fdb(eth.dst); next;";

/// The flows by class of switch.
///
/// Neighbour advertisements and router discovery go to every port, for all must learn of them.
/// So does ARP, unless the switch keeps requests from routers, which then get those for their own
/// addresses by flows that name them. Other multicast goes to no router: it would be dropped
/// there. What is left is looked up among the learned addresses; failing that it goes to the
/// ports with `unknown`, or nowhere. Switches of an EVPN network also look among the addresses
/// that it has told of, which count less or more than those learned (L08).
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    use SwitchSet::*;
    let flood = Group::Flood.output();
    let layer2 = Group::FloodL2.output();
    let unknown = Stage::LsInL2Unknown;
    let none = "outport == \"none\"";
    let nowhere = "outport == \"none\" && remote_outport == \"none\"";
    let remote = "outport = remote_outport; output;";
    let mut flows = vec![
        (All, health_check()),
        (All, Flow::new(STAGE, 100, format!("{NETWORK_FUNCTION_LOOPBACK} == 1"), "output;")),
        (ArpToLayer2Only, Flow::new(STAGE, 72, "eth.mcast && (arp.op == 1 || nd_ns)", layer2.as_str())),
        (All, Flow::new(STAGE, 72, "eth.mcast && (nd_na || nd_rs || nd_ra)", flood.as_str())),
        (All, Flow::new(STAGE, 71, "eth.mcast && arp", flood)),
        (All, Flow::new(STAGE, 70, "eth.mcast", layer2)),
        (LocalFdb, Flow::new(STAGE, DEFAULT, "1", "outport = get_fdb(eth.dst); next;")),
        (UnknownFlooded, Flow::new(unknown, 50, none, Group::Unknown.output())),
        (UnknownDropped, Flow::new(unknown, 50, none, drop.explicit()).desc("No L2 destination")),
        (LocalFdb, Flow::new(unknown, DEFAULT, "1", "output;")),
        (RemoteFdb, Flow::new(STAGE, DEFAULT, "1", REMOTE_LOOKUP)),
        (RemoteUnknownFlooded, Flow::new(unknown, 50, nowhere, Group::Unknown.output())),
        (RemoteUnknownDropped, Flow::new(unknown, 50, nowhere, drop.explicit()).desc("No L2 destination")),
        (LocalFdbFirst, Flow::new(unknown, 25, none, remote)),
        (LocalFdbFirst, Flow::new(unknown, DEFAULT, "1", "output;")),
        (RemoteFdbFirst, Flow::new(unknown, 25, "remote_outport == \"none\"", "output;")),
        (RemoteFdbFirst, Flow::new(unknown, DEFAULT, "1", remote)),
    ];
    for relay in [false, true] {
        for flood in [false, true] {
            flows.push((Multicast { relay, flood }, ip_multicast(relay, flood)));
        }
    }
    flows
}

/// IP multicast to the ports of the switch that are no router ports; copies to routers that
/// `relay` it, and to ports that take a `flood` of it.
fn ip_multicast(relay: bool, flood: bool) -> Flow {
    let mut actions = String::new();
    for (wanted, group) in [(relay, Group::RouterFlood), (flood, Group::Static)] {
        if wanted {
            actions += &format!("clone {{ {} }}; ", group.output());
        }
    }
    Flow::new(STAGE, 71, "eth.mcast && ip", actions + &Group::FloodL2.output())
}

/// The flow that hands the answers to health checks to the chassis.
fn health_check() -> Flow {
    Flow::new(
        STAGE,
        110,
        "eth.dst == $svc_monitor_mac && (tcp || icmp || icmp6)",
        "handle_svc_check(inport);",
    )
    .punts(Punt::ServiceMonitor)
}

/// What decides how unicast reaches a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Delivery {
    /// The port's type.
    pub kind: PortKind,
    /// Logical_Switch_Port.enabled.
    pub enabled: bool,
    /// `unknown` is among its addresses.
    pub unknown: bool,
    /// options:force_fdb_lookup.
    pub force_fdb: bool,
    /// options:pkt_clone_type is `mc_unknown`, in any case.
    pub clone_to_unknown: bool,
    /// Some port of the switch has the address `unknown`: asked only of ports with
    /// `clone_to_unknown`.
    pub unknown_on_switch: bool,
}

impl Delivery {
    /// Whether addresses of the port stand in the lookup table at all.
    fn is_listed(self) -> bool {
        let forced = self.kind == PortKind::Vif && self.unknown && self.force_fdb;
        self.kind != PortKind::External && !forced
    }

    fn actions(self, port: &str, drop: DropConfig) -> Text {
        if !self.enabled {
            drop.explicit()
        } else if self.kind == PortKind::Vif && self.clone_to_unknown && self.unknown_on_switch {
            // Spaced as the reference has it.
            let unknown = Group::Unknown.output();
            format!("clone {{outport = {port}; output; }};{unknown}").into()
        } else {
            format!("outport = {port}; output;").into()
        }
    }
}

/// The flows of one port for its own addresses; a disabled port's drop. Not for a port whose peer
/// is a router port: see [`router_port`].
///
/// Cost: an address change touches its own flow. `unknown` appearing on a switch touches the
/// ports that clone to it.
pub fn port(port: &Port, delivery: Delivery, addresses: &[Addresses], drop: DropConfig) -> Vec<Flow> {
    if !delivery.is_listed() {
        return Vec::new();
    }
    let actions = delivery.actions(&port.quoted(), drop);
    let flow = |address: &Addresses| {
        port.flow(STAGE, UNICAST, format!("eth.dst == {}", address.mac), actions.clone())
    };
    addresses.iter().map(flow).collect()
}

/// Where a router port may be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Residence {
    /// Everywhere.
    Distributed,
    /// Only where the port of this name is bound: a chassis-redirect port of a router reached
    /// through the physical network.
    Only(Text),
    /// Where the switch's own chassis-redirect port of this name is bound; other chassis send
    /// to that port.
    Through(Text),
}

/// The flows of a switch port for the address of the router port behind it. `proxy` is the
/// address in options:arp_proxy, where it is not zero.
///
/// Cost: a change of the router port touches its own two flows.
pub fn router_port(
    port: &Port,
    enabled: bool,
    mac: Mac,
    proxy: Option<Mac>,
    residence: &Residence,
    drop: DropConfig,
) -> Vec<Flow> {
    let actions = |name: &str| match enabled {
        true => format!("outport = {name}; output;").into(),
        false => drop.explicit(),
    };
    let here = match proxy {
        Some(proxy) => format!("eth.dst == {{ {proxy}, {mac} }}"),
        None => format!("eth.dst == {mac}"),
    };
    let mut flows = Vec::new();
    let matches = match residence {
        Residence::Distributed => here,
        Residence::Only(name) => format!("{here} && is_chassis_resident({})", quote(name)),
        Residence::Through(name) => {
            let name = quote(name);
            let elsewhere = format!("eth.dst == {mac} && !is_chassis_resident({name})");
            flows.push(port.flow(STAGE, UNICAST, elsewhere, actions(&name)));
            format!("{here} && is_chassis_resident({name})")
        }
    };
    flows.push(port.flow(STAGE, UNICAST, matches, actions(&port.quoted())));
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    const PLAIN: Delivery = Delivery {
        kind: PortKind::Vif,
        enabled: true,
        unknown: false,
        force_fdb: false,
        clone_to_unknown: false,
        unknown_on_switch: true,
    };

    fn flows(delivery: Delivery) -> String {
        let address = Addresses::read("0a:00:00:00:00:03 10.0.0.3").unwrap();
        lines(&port(&named("a"), delivery, &[address], DropConfig::default())).concat()
    }

    #[test]
    fn a_known_address_goes_to_its_port() {
        assert_eq!(
            flows(PLAIN),
            "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:00:03 | outport = \"a\"; output; [hint]"
        );
        assert_eq!(
            flows(Delivery { enabled: false, ..PLAIN }),
            "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:00:03 | drop; [hint]"
        );
        assert_eq!(
            flows(Delivery { clone_to_unknown: true, ..PLAIN }),
            "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:00:03 | clone {outport = \"a\"; output; };outport = \"_MC_unknown\"; output; [hint]"
        );
        assert_eq!(flows(Delivery { kind: PortKind::External, ..PLAIN }), "");
        assert_eq!(flows(Delivery { force_fdb: true, unknown: true, ..PLAIN }), "");
        assert_eq!(flows(Delivery { force_fdb: true, ..PLAIN }), flows(PLAIN));
    }

    #[test]
    fn a_router_port_is_where_its_gateway_is() {
        let mac = Mac([0x0a, 0, 0, 0, 1, 1]);
        let flows =
            |residence| lines(&router_port(&named("r"), true, mac, None, &residence, DropConfig::default()));
        assert_eq!(
            flows(Residence::Distributed),
            ["ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:01:01 | outport = \"r\"; output; [hint]"]
        );
        assert_eq!(
            flows(Residence::Only("cr-lr0-s0".into())),
            [
                "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:01:01 && is_chassis_resident(\"cr-lr0-s0\") | outport = \"r\"; output; [hint]"
            ]
        );
        assert_eq!(
            flows(Residence::Through("cr-r".into())),
            [
                "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:01:01 && !is_chassis_resident(\"cr-r\") | outport = \"cr-r\"; output; [hint]",
                "ls_in_l2_lkup 50 | eth.dst == 0a:00:00:00:01:01 && is_chassis_resident(\"cr-r\") | outport = \"r\"; output; [hint]",
            ]
        );
    }

    #[test]
    fn ip_multicast_is_copied_to_routers_and_floods() {
        assert_eq!(
            lines(&[ip_multicast(true, true)]),
            [
                "ls_in_l2_lkup 71 | eth.mcast && ip | clone { outport = \"_MC_mrouter_flood\"; output; }; clone { outport = \"_MC_static\"; output; }; outport = \"_MC_flood_l2\"; output;"
            ]
        );
    }
}
