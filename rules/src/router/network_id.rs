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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::port::tests::port as plain;
    use crate::switch::port::tests::lines;

    #[test]
    fn networks_are_numbered_within_their_family() {
        assert_eq!(
            lines(&super::port(&plain(&["10.0.0.1/24", "fd00::1/64", "10.1.0.1/16"]))),
            [
                "lr_in_network_id 110 | outport == \"p\" && ip4 && reg0 == 10.0.0.1/24 | flags.network_id = 0; next;",
                "lr_in_network_id 110 | outport == \"p\" && ip4 && reg0 == 10.1.0.1/16 | flags.network_id = 1; next;",
                "lr_in_network_id 110 | outport == \"p\" && ip6 && xxreg0 == fd00::1/64 | flags.network_id = 0; next;",
            ]
        );
    }

    #[test]
    fn networks_past_the_sixteenth_count_for_the_first() {
        let networks: Vec<String> = (0..17).map(|n| format!("10.0.{n}.1/24")).collect();
        let port = plain(&networks.iter().map(String::as_str).collect::<Vec<_>>());
        let flows = super::port(&port);
        assert_eq!(&*flows[15].key.actions, "flags.network_id = 15; next;");
        assert_eq!(&*flows[16].key.actions, "flags.network_id = 0; next;");
        let problems = problems(&port);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("\"10.0.16.1/24\""));
    }
}
