//! Admission to a router: packets have to be addressed to one of its ports (I01).

use super::RouterSet;
use super::packet_length;
use super::port::PortContext;
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::INPORT_ETH_ADDR;
use crate::flow::{Flow, Stage};
use crate::switch::path_mtu::{TOO_BIG, TUNNELLED_TOO_BIG};

const STAGE: Stage = Stage::LrInAdmission;

/// The flows that every router has.
///
/// A too-big error off a tunnel that no port's flow turned round is dropped, and so are VLAN tags,
/// senders with a multicast address, and whatever no port admits.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let flows = [(110, TUNNELLED_TOO_BIG), (100, "vlan.present || eth.src[40]"), (DEFAULT, "1")];
    let flow = |(priority, matches)| (RouterSet::All, Flow::new(STAGE, priority, matches, drop.explicit()));
    flows.map(flow).into()
}

/// The admission flows of one port.
///
/// Its address is kept in a register, so that later stages need not ask for the port. A gateway
/// port admits unicast where its gateway is; a gateway that works everywhere, or has hardware VTEPs
/// behind it, on every chassis. A disabled port admits nothing. A too-big error that another
/// chassis' kernel sent back to a gateway port is turned round.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let (inport, mac) = (port.is_inport(), port.mac());
    if port.config.enabled {
        let keep = format!("{INPORT_ETH_ADDR} = {mac}; next;");
        flows.push(port.flow(STAGE, 50, format!("eth.mcast && {inport}"), keep.as_str()));
        let here = match port.switch.as_ref().and_then(|switch| switch.proxy) {
            Some(proxy) => format!("{{ {proxy}, {mac} }}"),
            None => mac.to_string(),
        };
        let mut unicast = format!("eth.dst == {here} && {inport}");
        let centralized = !port.distributed && !port.leads_to_vtep();
        if let Some(redirect) = port.redirect().filter(|_| centralized) {
            unicast += &format!(" && is_chassis_resident({redirect})");
        }
        flows.extend(packet_length::checked(port, STAGE, &unicast, &keep));
    }
    if let Some(redirect) = port.redirect() {
        let matches = format!(
            "{TOO_BIG} && eth.dst == {} && !is_chassis_resident({redirect}) && flags.tunnel_rx == 1",
            port.config.mac,
        );
        let actions = format!("outport <-> inport; inport = {}; next;", port.config.port.quoted());
        flows.push(Flow::new(STAGE, 120, matches, actions));
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::port::PeerSwitch;
    use crate::router::port::tests::{before_switch, gateway, port as plain};
    use crate::switch::port::tests::lines;

    #[test]
    fn a_port_admits_what_is_sent_to_it() {
        let proxy = crate::value::mac::Mac::parse("0a:58:00:00:00:01");
        let port = before_switch(plain(&[]), PeerSwitch { proxy, ..PeerSwitch::default() });
        assert_eq!(
            lines(&super::port(&port)),
            [
                "lr_in_admission 50 | eth.mcast && inport == \"p\" | xreg0[0..47] = 0a:00:00:00:01:01; next; [hint]",
                "lr_in_admission 50 | eth.dst == { 0a:58:00:00:00:01, 0a:00:00:00:01:01 } && inport == \"p\" | xreg0[0..47] = 0a:00:00:00:01:01; next; [hint]",
            ]
        );
    }

    #[test]
    fn a_gateway_admits_where_it_is() {
        let resident = |port: &PortContext| {
            lines(&super::port(port)).iter().any(|line| line.contains(" && is_chassis_resident(\"cr-p\")"))
        };
        let gateway = gateway(&[]);
        assert!(resident(&gateway));
        assert!(!resident(&PortContext { distributed: true, ..gateway.clone() }));
        let vtep = PeerSwitch { vtep: true, ..PeerSwitch::default() };
        assert!(!resident(&before_switch(gateway, vtep)));
    }

    #[test]
    fn a_disabled_gateway_still_turns_errors_round() {
        let mut gateway = gateway(&[]);
        gateway.config.enabled = false;
        assert_eq!(
            lines(&super::port(&gateway)),
            [
                "lr_in_admission 120 | ((ip4 && icmp4.type == 3 && icmp4.code == 4) || (ip6 && icmp6.type == 2 && icmp6.code == 0)) && eth.dst == 0a:00:00:00:01:01 && !is_chassis_resident(\"cr-p\") && flags.tunnel_rx == 1 | outport <-> inport; inport = \"p\"; next;"
            ]
        );
    }
}
