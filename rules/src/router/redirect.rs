//! Packets for a gateway port go to the chassis that is its gateway (I28, I29).

use super::RouterSet;
use super::port::PortContext;
use crate::flow::priority::DEFAULT;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};

const STAGE: Stage = Stage::LrInGwRedirect;

/// The flow that every router has: packets leave where they are.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    vec![(RouterSet::All, Flow::new(STAGE, DEFAULT, "1", "next;"))]
}

/// The flows of a gateway port: what leaves by it leaves by its chassis-redirect port. Hardware
/// VTEPs behind it are reached from everywhere. A port whose traffic goes to the gateway over the
/// physical network (options:redirect-type `bridged`) goes there with the port's own address where
/// the neighbour is not known.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let Some(redirect) = port.config.redirect_name().map(quote) else { return flows };
    let outport = port.is_outport();
    if port.bridges() {
        let elsewhere = format!("{outport} && !is_chassis_resident({redirect})");
        let actions = format!("eth.dst = {}; next;", port.mac());
        flows.push(port.flow(Stage::LrInArpResolve, 50, elsewhere, actions));
    }
    if !port.leads_to_vtep() {
        flows.push(port.flow(STAGE, 50, outport, format!("outport = {redirect}; next;")));
    }
    flows
}

#[cfg(test)]
mod tests {
    use crate::router::port::PeerSwitch;
    use crate::router::port::tests::{before_switch, gateway, port as plain};
    use crate::switch::port::tests::lines;

    #[test]
    fn a_gateway_is_reached_by_its_redirect_port() {
        let mut gateway = gateway(&[]);
        let overlay = "lr_in_gw_redirect 50 | outport == \"p\" | outport = \"cr-p\"; next; [hint]";
        assert_eq!(lines(&super::port(&gateway)), [overlay]);
        gateway.config.options.redirect_type = Some("Bridged".into());
        let bridged = "lr_in_arp_resolve 50 | outport == \"p\" && !is_chassis_resident(\"cr-p\") | eth.dst = 0a:00:00:00:01:01; next; [hint]";
        assert_eq!(lines(&super::port(&gateway)), [bridged, overlay]);
        let vtep = PeerSwitch { vtep: true, ..PeerSwitch::default() };
        assert_eq!(lines(&super::port(&before_switch(gateway, vtep))), [bridged]);
        assert!(super::port(&plain(&[])).is_empty());
    }
}
