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
            port.mac_text,
        );
        let actions = format!("outport <-> inport; inport = {}; next;", port.config.port.quoted());
        flows.push(Flow::new(STAGE, 120, matches, actions));
    }
    flows
}
