//! Which network of a port the next hop is in: what translates addresses picks the source address by
//! it (I30).

use super::RouterSet;
use super::port::PortContext;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{NEXT_HOP_IP4, NEXT_HOP_IP6};
use crate::flow::{Flow, Stage};
use crate::problem::Problem;

const STAGE: Stage = Stage::LrInNetworkId;
/// The highest number of a network: it has four bits.
pub const HIGHEST: usize = 15;

/// The flows that every router has: a next hop in no network of the port counts for the first one.
/// Chassis that do not know the flag go by the last flow.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    [(105, "flags.network_id = 0; next;"), (DEFAULT, "next;")]
        .map(|(priority, actions)| (RouterSet::All, Flow::new(STAGE, priority, "1", actions)))
        .into()
}

/// The flows of one port, one for each network of its own; those past the sixteenth count for the
/// first.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let outport = port.is_outport();
    let nets = networks(port).into_iter();
    let flow = |(id, ip4, net): (usize, bool, String)| {
        let (family, next_hop) = if ip4 { ("ip4", NEXT_HOP_IP4) } else { ("ip6", NEXT_HOP_IP6) };
        let id = if id > HIGHEST { 0 } else { id };
        let matches = format!("{outport} && {family} && {next_hop} == {net}");
        Flow::new(STAGE, 110, matches, format!("flags.network_id = {id}; next;"))
    };
    nets.map(flow).collect()
}

/// What the reference says of networks past the sixteenth.
pub fn problems(port: &PortContext) -> Vec<Problem> {
    let beyond = networks(port).into_iter().filter(|(id, _, _)| *id > HIGHEST);
    let problem = |(_, _, net)| {
        Problem::new(format!(
            "Logical router port {} already has the max of {} networks configured, so network \"{net}\" is \
             assigned flags.network_id = 0.",
            port.config.port.quoted(),
            HIGHEST + 1
        ))
    };
    beyond.map(problem).collect()
}

/// The networks of the port, each with its place in its family and whether it is IPv4.
fn networks(port: &PortContext) -> Vec<(usize, bool, String)> {
    let given = &port.config.addresses.given;
    let ip4 = given.ip4.iter().enumerate().map(|(id, net)| (id, true, net.to_string()));
    let ip6 = given.ip6.iter().enumerate().map(|(id, net)| (id, false, net.to_string()));
    ip4.chain(ip6).collect()
}
