//! Routing daemons at a switch port (D18; ovn-nb(5), Logical_Router_Port options:routing-protocols and
//! routing-protocol-redirect): they share the addresses of a router port, so packets of their
//! protocols go to them instead, and answers to address resolution to both.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::register::PORT_SECURITY_DROP;
use crate::flow::row::{Placed, place};
use crate::flow::text::{ip6, quote};
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::topology::peer::Peer;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::SwitchPort;
use crate::value::addresses::RouterAddresses;

const SOURCE: &str = "switch/protocol_redirect.rs";

/// The protocols that are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Protocols {
    /// BGP: TCP port 179.
    pub bgp: bool,
    /// BFD: UDP port 3784.
    pub bfd: bool,
}

impl Protocols {
    /// Reads options:routing-protocols, and what of it is not known.
    pub fn read(text: &str) -> (Protocols, Vec<&str>) {
        let mut protocols = Protocols::default();
        let mut unknown = Vec::new();
        for name in text.split(',').filter(|name| !name.is_empty()) {
            match name {
                "BGP" => protocols.bgp = true,
                "BFD" => protocols.bfd = true,
                _ => unknown.push(name),
            }
        }
        (protocols, unknown)
    }

    fn any(self) -> bool {
        self.bgp || self.bfd
    }
}

/// A router port that hands protocols to a switch port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Handover {
    router_port: Text,
    /// Where the router port leads: the port and its datapath.
    leads_to: Text,
    datapath: Uuid,
    addresses: RouterAddresses,
    daemon: Text,
    protocols: Protocols,
}

/// The flows of all router ports that hand protocols over, and what is wrong with them. `watched`
/// names the router ports that have a BFD session of their own.
///
/// Cost: a port costs itself, and those that name it.
pub fn redirects(
    ports: &Relation<RouterPortConfig>,
    switch_ports: &Relation<SwitchPort>,
    watched: &Relation<Text>,
) -> (Relation<Placed>, Relation<Problem>) {
    let handovers = ports.flat_map(|port| {
        let daemon = port.options.routing_protocol_redirect.clone()?;
        let peer = port.peer.as_ref()?;
        let datapath = match peer {
            Peer::Switch { switch, .. } => *switch,
            Peer::Router { router, .. } => *router,
        };
        let (protocols, _) = Protocols::read(port.options.routing_protocols.as_deref().unwrap_or_default());
        Some(Handover {
            router_port: port.port.name.clone(),
            leads_to: peer.port().name.clone(),
            datapath,
            addresses: port.addresses.clone(),
            daemon,
            protocols,
        })
    });
    let found = handovers
        .index_by(|handover| handover.daemon.clone())
        .join_optional(&switch_ports.index_by(SwitchPort::name), |handover, daemon| {
            Some((handover.clone(), daemon.map(|port| port.switch)))
        });
    let working =
        found.filter(|(handover, switch)| *switch == Some(handover.datapath) && handover.protocols.any());
    let placed = working
        .index_by(|(handover, _)| handover.router_port.clone())
        .join_optional(&watched.distinct().index_by(Text::clone), |(handover, _), watched| {
            place(handover.datapath, flows(handover, watched.is_some()))
        });
    let unknown = ports.flat_map(|port| {
        let named = port.options.routing_protocol_redirect.is_some() && port.peer.is_some();
        let text = port.options.routing_protocols.as_deref().filter(|_| named).unwrap_or_default();
        let problem =
            |name: &str| Problem::new(format!("Option 'routing-protocols' encountered unknown value {name}"));
        Protocols::read(text).1.into_iter().map(problem).collect::<Vec<_>>()
    });
    let problems = found.flat_map(|(handover, switch)| complaint(handover, *switch).map(Problem::new));
    (placed, problems.concat(&unknown))
}

fn complaint(handover: &Handover, switch: Option<Uuid>) -> Option<String> {
    let Handover { router_port, daemon, .. } = handover;
    match switch {
        None => Some(format!(
            "Option 'routing-protocol-redirect' set on Logical Router Port '{router_port}' refers to \
             non-existent Logical Switch Port. Routing protocol redirecting won't be configured."
        )),
        Some(switch) if switch != handover.datapath => Some(format!(
            "Logical Router Port '{router_port}' is connected to a different switch than the Logical \
             Switch Port '{daemon}' defined in its 'routing-protocol-redirect' option. Routing protocol \
             redirecting won't be configured."
        )),
        Some(_) if !handover.protocols.any() => Some(format!(
            "Option 'routing-protocol-redirect' is set on Logical Router Port '{router_port}' but no \
             known protocols were set via 'routing-protocols' options. This configuration has no effect."
        )),
        Some(_) => None,
    }
}

/// The flows of one router port. `watched`: it has a BFD session of its own, which needs a copy.
fn flows(handover: &Handover, watched: bool) -> Vec<Flow> {
    let lookup = |matches: String, actions: String| {
        Flow::new(Stage::LsInL2Lkup, 100, matches, actions).written_in(SOURCE)
    };
    // The daemon's port stands in matches and actions as it is.
    let daemon = &handover.daemon;
    let to_daemon = format!("outport = \"{daemon}\"; output;");
    let to_both = format!(
        "clone {{ outport = \"{daemon}\"; output; }}; outport = {}; output;",
        quote(&handover.leads_to)
    );
    let ip4 = handover.addresses.given.ip4.iter().map(|net| (net.address.to_string(), true));
    let ip6 = handover.addresses.ip6().map(|net| (ip6(net.address), false));
    let mut flows = Vec::new();
    for (address, is_ip4) in ip4.chain(ip6) {
        let version = if is_ip4 { 4 } else { 6 };
        let mut hand_over = |protocol: &str, actions: &String| {
            for direction in ["dst", "src"] {
                let (name, port) = protocol.split_once(' ').unwrap_or_default();
                let matches = format!("ip{version}.dst == {address} && {name}.{direction} == {port}");
                flows.push(lookup(matches, actions.clone()));
            }
        };
        if handover.protocols.bgp {
            hand_over("tcp 179", &to_daemon);
        }
        if handover.protocols.bfd {
            hand_over("udp 3784", if watched { &to_both } else { &to_daemon });
        }
        let resolved = match is_ip4 {
            true => format!("arp.op == 2 && arp.tpa == {address}"),
            false => format!("ip6.dst == {address} && nd_na"),
        };
        flows.push(lookup(resolved, to_both.clone()));
    }
    for answer in ["arp.op == 2", "nd_na", "nd_ra"] {
        let matches = format!("inport == \"{daemon}\" && {answer}");
        let actions = format!("{PORT_SECURITY_DROP} = 1; next;");
        flows.push(Flow::new(Stage::LsInCheckPortSec, 80, matches, actions).written_in(SOURCE));
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read_by_name() {
        assert_eq!(Protocols::read("BGP,BFD"), (Protocols { bgp: true, bfd: true }, vec![]));
        assert_eq!(Protocols::read("bgp,,BFD"), (Protocols { bgp: false, bfd: true }, vec!["bgp"]));
        assert!(!Protocols::read("").0.any());
    }

    #[test]
    fn a_session_of_the_router_gets_a_copy() {
        let handover = Handover {
            router_port: "r".into(),
            leads_to: "s".into(),
            datapath: Uuid(1),
            addresses: RouterAddresses::read("0a:00:00:00:00:01", ["10.0.0.1/24"]).0.unwrap(),
            daemon: "d".into(),
            protocols: Protocols { bgp: false, bfd: true },
        };
        let shown = |watched| flows(&handover, watched)[0].key.actions.clone();
        assert_eq!(&*shown(false), "outport = \"d\"; output;");
        assert_eq!(&*shown(true), "clone { outport = \"d\"; output; }; outport = \"s\"; output;");
        // Two addresses: three flows each, and what the daemon must not answer.
        assert_eq!(flows(&handover, true).len(), 2 * 3 + 3);
    }
}
