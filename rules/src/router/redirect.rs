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
