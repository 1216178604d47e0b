//! Proxy ARP and neighbour discovery (G03; ovn-nb(5), Logical_Switch_Port options:arp_proxy): a switch
//! port that leads to a router answers for whole networks.

use northflow_engine::Relation;

use crate::flow::register::FROM_ROUTER_PORT;
use crate::flow::row::{Placed, place};
use crate::flow::text::{Mac, ip6, solicited_node};
use crate::flow::{Flow, Stage};
use crate::ovsdb::Uuid;
use crate::problem::Problem;
use crate::schema::nb;
use crate::switch::port::Port;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::{Addresses, scan_ips};
use crate::value::ip::{Ip4Net, Ip6Net};

/// What options:arp_proxy says: `[MAC] NETWORK...`, up to the first word that is no network.
///
/// `None` if there is neither a MAC address nor a network.
pub fn read(text: &str) -> Option<Addresses> {
    if let Some(addresses) = Addresses::read(text) {
        return Some(addresses);
    }
    let (ip4, ip6, _) = scan_ips(text);
    let some = !(ip4.is_empty() && ip6.is_empty());
    some.then_some(Addresses { mac: Mac::ZERO, ip4, ip6 })
}

/// The proxies of all switches.
#[derive(Clone, Debug)]
pub struct Proxies {
    /// Their answers.
    pub placed: Relation<Placed>,
    /// Switches with a proxy.
    pub switches: Relation<Uuid>,
    /// Options that cannot be read.
    pub problems: Relation<Problem>,
}

/// The proxies among the ports with a router behind them. A port that may hide any address does not
/// answer, and nor does one of a switch that does not look into tagged packets; either is a proxy in
/// the eyes of others.
///
/// Cost: a port costs itself.
pub fn proxies(switches: &Relation<nb::LogicalSwitch>, ports: &Relation<PortConfig>) -> Proxies {
    let told = ports.filter(|port| port.options.arp_proxy.is_some());
    let problems = told.filter(|port| of_port(port).is_none()).map(|port| {
        let (text, name) = (port.options.arp_proxy.as_deref().unwrap_or_default(), &port.port.name);
        Problem::new(format!("Invalid arp_proxy option: '{text}' at lsp '{name}'"))
    });
    let proxies = told.filter(|port| of_port(port).is_some());
    let opaque = switches.filter(|row| row.other_config.get_bool("vlan-passthru", false)).map(|row| row.uuid);
    let answering = proxies
        .filter(|port| !port.unknown)
        .index_by(PortConfig::switch)
        .antijoin(&opaque.index_by(|switch| *switch));
    let placed = answering.flat_map(|port| {
        let both = of_port(port).zip(port.facing.as_ref());
        let flows = both.map(|(proxy, facing)| flows(&port.port, &proxy, facing.addresses.given.mac));
        place(port.switch, flows.unwrap_or_default()).collect::<Vec<_>>()
    });
    Proxies { placed, switches: proxies.map(|port| port.switch).distinct(), problems }
}

fn of_port(port: &PortConfig) -> Option<Addresses> {
    read(port.options.arp_proxy.as_deref()?)
}

/// The address with which a port answers for others, if it is not that of the router port.
pub fn own_mac(port: &PortConfig) -> Option<Mac> {
    of_port(port).map(|proxy| proxy.mac).filter(|mac| *mac != Mac::ZERO)
}

/// The flows of one port: answers to questions that come from no router, with the address of the
/// option or, if it has none, that of the router port behind the port.
///
/// Cost: a change of the option or the router port's address touches two flows.
pub fn flows(port: &Port, proxy: &Addresses, router: Mac) -> Vec<Flow> {
    let mac = if proxy.mac == Mac::ZERO { router } else { proxy.mac };
    let mut flows = Vec::new();
    if !proxy.ip4.is_empty() {
        let networks: Vec<String> = proxy.ip4.iter().map(Ip4Net::to_string).collect();
        let matches =
            format!("{FROM_ROUTER_PORT} == 0 && arp.op == 1 && arp.tpa == {{{}}}", networks.join(","));
        let reply = format!(
            "eth.dst = eth.src; eth.src = {mac}; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; \
             arp.sha = {mac}; arp.tpa <-> arp.spa; outport = inport; flags.loopback = 1; output;"
        );
        flows.push(port.flow(Stage::LsInArpRsp, 30, matches, reply));
    }
    if !proxy.ip6.is_empty() {
        let both = |net: &Ip6Net| format!("{net}, {}/{}", ip6(solicited_node(net.address)), net.length);
        let destinations: Vec<String> = proxy.ip6.iter().map(both).collect();
        let targets: Vec<String> = proxy.ip6.iter().map(Ip6Net::to_string).collect();
        let matches = format!(
            "{FROM_ROUTER_PORT} == 0 && nd_ns && ip6.dst == {{ {} }} && nd.target == {{ {} }}",
            destinations.join(", "),
            targets.join(", ")
        );
        let reply = format!(
            "nd_na_router {{ eth.src = {mac}; ip6.src = nd.target; nd.target = nd.target; nd.tll = {mac}; \
             outport = inport; flags.loopback = 1; output; }};"
        );
        flows.push(port.flow(Stage::LsInArpRsp, 30, matches, reply));
    }
    flows.into_iter().map(|flow| flow.written_in("service/proxy_arp.rs")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    const ROUTER: Mac = Mac([0, 0, 0, 0, 0xff, 1]);

    fn said(text: &str) -> Vec<String> {
        lines(&flows(&port("s-r"), &read(text).unwrap(), ROUTER))
    }

    #[test]
    fn networks_are_answered_for_with_the_address_of_the_option() {
        assert_eq!(
            said("0a:58:A9:FE:01:01 169.254.238.0/24 169.254.239.2 fd7b:6b4d::/64 fd7b::1"),
            [
                "ls_in_arp_rsp 30 | reg0[18] == 0 && arp.op == 1 && arp.tpa == {169.254.238.0/24,169.254.239.2/32} | eth.dst = eth.src; eth.src = 0a:58:a9:fe:01:01; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; arp.sha = 0a:58:a9:fe:01:01; arp.tpa <-> arp.spa; outport = inport; flags.loopback = 1; output; [hint]",
                "ls_in_arp_rsp 30 | reg0[18] == 0 && nd_ns && ip6.dst == { fd7b:6b4d::/64, ff02::1:ff00:0/64, fd7b::1/128, ff02::1:ff00:1/128 } && nd.target == { fd7b:6b4d::/64, fd7b::1/128 } | nd_na_router { eth.src = 0a:58:a9:fe:01:01; ip6.src = nd.target; nd.target = nd.target; nd.tll = 0a:58:a9:fe:01:01; outport = inport; flags.loopback = 1; output; }; [hint]",
            ]
        );
    }

    #[test]
    fn without_an_address_the_router_lends_its_own() {
        for text in ["10.0.0.0/8", "00:00:00:00:00:00 10.0.0.0/8", "10.0.0.0/8 junk 10.1.0.0/16"] {
            let lines = said(text);
            assert_eq!(lines.len(), 1, "{text}");
            assert!(lines[0].contains("== {10.0.0.0/8} | eth.dst = eth.src; eth.src = 00:00:00:00:ff:01;"));
        }
        assert!(said("0a:58:a9:fe:01:01 junk").is_empty());
        for text in ["", "junk", "router"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
